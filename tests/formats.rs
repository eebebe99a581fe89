//! All forms of one recording tell of the same calls and packets in the same order; each is what its format asks for.

use std::path::Path;
use std::process::Command;

use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::{Block, PcapNgReader};
use roxmltree::{Document, Node, ParsingOptions};
use socket_lab::catalogue::Catalogue;
use socket_lab::event::Recording;
use socket_lab::render::{html, json, mermaid, pcapng, svg, text};
use socket_lab::timeline::{Timeline, timeline};
use unicode_width::UnicodeWidthStr as _;

/// What every form has: the calls by their steps, and the packets by what they bear.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Call(usize),
    Packet(String),
}

#[test]
fn every_lesson_is_the_same_in_every_form() {
    let (mut packets, mut has_network) = (0, true);
    for (name, recording) in recordings() {
        has_network &= recording.isolation.lacking.is_empty();
        let timeline = timeline(&recording);
        let told = story(&timeline);
        packets += told.iter().filter(|it| matches!(it, Told::Packet(_))).count();
        assert_eq!(in_svg(&svg::svg(&timeline)), told, "{name}: svg");
        assert_eq!(in_html(&html::html(&timeline)), told, "{name}: html");
        assert_eq!(in_mermaid(&mermaid::mermaid(&timeline)), told, "{name}: mermaid");
        for (width, ascii) in [(80, true), (80, false), (160, false)] {
            let drawn = text::text(&timeline, &text::Style { width, color: false, ascii });
            let widest = drawn.lines().map(|line| line.width()).max().unwrap_or(0);
            assert!(widest <= width, "{name}: {widest} of {width} columns:\n{drawn}");
            assert_eq!(in_text(&drawn, &timeline), told, "{name}: {width} columns\n{drawn}");
        }
        let calls: Vec<Told> =
            told.iter().filter(|it| matches!(it, Told::Call(_))).cloned().collect();
        if !recording.frames.is_empty() {
            let capture = pcapng::pcapng(&recording, &timeline);
            assert_eq!(in_pcapng(&capture), (calls, recording.frames.len()), "{name}: pcapng");
        }
        let again = json::parse(json::write(&recording).as_bytes(), Path::new("again")).unwrap();
        assert_eq!(again, recording, "{name}: json");
        for event in &recording.events {
            let line: serde_json::Value = serde_json::from_str(&json::jsonl(event)).unwrap();
            assert_eq!(line["seq"], event.seq, "{name}: jsonl");
        }
    }
    // Without a network of its own a run has no packets: then there is the fixture.
    assert!(packets > if has_network { 100 } else { 5 }, "{packets} packets");
}

fn story(timeline: &Timeline) -> Vec<Told> {
    let mut told = Vec::new();
    for row in &timeline.rows {
        told.push(Told::Call(row.step));
        told.extend(row.arrows.iter().map(|arrow| Told::Packet(arrow.label())));
    }
    told
}

/// The demos and variants of all lessons as they play here; where nothing can be traced, what is kept of one.
fn recordings() -> Vec<(String, Recording)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let kept = root.join("tests/fixtures/half-close.json");
    let kept = json::parse(&std::fs::read(&kept).unwrap(), &kept).unwrap();
    let mut all = vec![("the fixture".to_owned(), kept)];
    for lesson in Catalogue::open(root).unwrap().read_all().into_iter().map(Result::unwrap) {
        for demo in &lesson.demos {
            let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
            lab.args(["run", &lesson.name, "--as", "json"]).current_dir(root);
            if let Some(variant) = &demo.variant {
                lab.args(["--variant", variant.as_ref()]);
            }
            let output = lab.output().unwrap();
            if let Ok(recording) = json::parse(&output.stdout, Path::new("run")) {
                all.push((format!("{} {}", lesson.name, demo.golden()), recording));
            }
        }
    }
    all
}

fn read(page: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, nodes_limit: u32::MAX, ..Default::default() };
    Document::parse_with_options(page, options).unwrap_or_else(|why| panic!("{why}"))
}

fn has_class(node: &Node<'_, '_>, class: &str) -> bool {
    node.attribute("class").is_some_and(|all| all.split(' ').any(|it| it == class))
}

fn words(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|it| it.text()).collect()
}

fn in_svg(picture: &str) -> Vec<Told> {
    let document = read(picture);
    let title = |node: Node<'_, '_>| {
        let title = node.children().find(|it| it.has_tag_name("title"));
        title.map(words).unwrap_or_default()
    };
    let told = document.descendants().filter_map(|node| {
        if has_class(&node, "call") {
            let step = node.attribute("data-step")?;
            return Some(Told::Call(step.parse().ok()?));
        }
        // `step 7: SYN from client: sock to server: conn`
        let title = has_class(&node, "arrow").then(|| title(node))?;
        let (_, said) = title.split_once(": ")?;
        let said = said.split(" from ").next()?.split(": ").next()?;
        Some(Told::Packet(said.strip_prefix("datagram of ").unwrap_or(said).to_owned()))
    });
    told.collect()
}

fn in_html(page: &str) -> Vec<Told> {
    let document = read(page);
    let told = document.descendants().filter_map(|node| {
        if has_class(&node, "row") {
            let step = node.attribute("id")?.strip_prefix("step=")?;
            return Some(Told::Call(step.parse().ok()?));
        }
        has_class(&node, "what").then(|| Told::Packet(words(node)))
    });
    told.collect()
}

fn in_mermaid(diagram: &str) -> Vec<Told> {
    let told = diagram.lines().filter_map(|line| {
        let line = line.trim();
        if let Some((head, said)) = line.split_once(": ")
            && head.starts_with("Note over ")
        {
            return Some(Told::Call(said.split(' ').next()?.parse().ok()?));
        }
        let (ends, said) = line.split_once(": ")?;
        let is_arrow = ["->>", "-)", "-x"].iter().any(|head| ends.contains(head));
        is_arrow.then(|| Told::Packet(said.to_owned()))
    });
    told.collect()
}

/// A row begins with its number; what its packets bear stands somewhere between that and the next, in order.
fn in_text(drawn: &str, timeline: &Timeline) -> Vec<Told> {
    let step = |line: &str| line.get(..5)?.trim().parse::<usize>().ok();
    let lines: Vec<&str> = drawn.lines().skip_while(|line| step(line).is_none()).collect();
    let mut told = Vec::new();
    let mut at = 0;
    while let Some(number) = lines.get(at).and_then(|line| step(line)) {
        let end = (at + 1..lines.len())
            .find(|&next| lines[next].is_empty() || step(lines[next]).is_some())
            .unwrap_or(lines.len());
        told.push(Told::Call(number));
        let row = timeline.row(number).expect("a row of this number");
        let mut rest = at;
        for arrow in &row.arrows {
            let label = arrow.label();
            let bears =
                |line: &str| line.contains(&label) || line.contains(&label.replace('×', "x"));
            if let Some(found) = lines[rest..end].iter().position(|line| bears(line)) {
                told.push(Told::Packet(label));
                rest += found + 1;
            }
        }
        at = end;
    }
    told
}

fn in_pcapng(capture: &[u8]) -> (Vec<Told>, usize) {
    let mut reader = PcapNgReader::new(capture).unwrap();
    let (mut told, mut frames) = (Vec::new(), 0);
    while let Some(block) = reader.next_block() {
        let Block::EnhancedPacket(packet) = block.unwrap() else { continue };
        frames += 1;
        for option in &packet.options {
            if let EnhancedPacketOption::Comment(said) = option {
                told.push(Told::Call(said.split(' ').next().unwrap().parse().unwrap()));
            }
        }
    }
    (told, frames)
}
