//! What a picture must hold, whatever was recorded: it is read back with an XML parser.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::*;
use crate::event::{
    Bytes, Cause, Look, Packet, Recording, Role, SockAddr, SocketId, SocketState, Value,
};
use crate::timeline::sample::{self, Sample};
use crate::timeline::timeline;

/// An element with its attributes and all the text within it.
#[derive(Debug)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    title: Option<String>,
}

impl Element {
    fn of(start: &BytesStart<'_>) -> Element {
        let name = start.name().as_ref().to_owned();
        let attributes = start.attributes().map(|attribute| {
            let attribute = attribute.unwrap();
            let value = quick_xml::escape::unescape(&attribute.value).unwrap().into_owned();
            (attribute.key.as_ref().to_owned(), value)
        });
        Element { name, attributes: attributes.collect(), text: String::new(), title: None }
    }

    fn number(&self, name: &str) -> i32 {
        self.attributes[name].parse().unwrap()
    }

    fn has_class(&self, class: &str) -> bool {
        self.attributes.get("class").is_some_and(|it| it.split(' ').any(|word| word == class))
    }
}

/// All elements in the order in which they end. Fails if it is not well-formed.
fn read(svg: &str) -> Vec<Element> {
    let mut reader = Reader::from_str(svg);
    reader.config_mut().check_end_names = true;
    let (mut open, mut done) = (Vec::<Element>::new(), Vec::new());
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {svg}")) {
            Event::Start(start) => open.push(Element::of(&start)),
            Event::Empty(start) => done.push(Element::of(&start)),
            Event::Text(text) => {
                let text = text.into_inner().into_owned();
                open.iter_mut().for_each(|element| element.text.push_str(&text));
            }
            Event::GeneralRef(code) => {
                let code = format!("&{};", code.into_inner());
                let text = quick_xml::escape::unescape(&code).unwrap().into_owned();
                open.iter_mut().for_each(|element| element.text.push_str(&text));
            }
            Event::End(_) => {
                let element = open.pop().unwrap();
                if let Some(parent) = open.last_mut().filter(|_| element.name == "title") {
                    parent.title = Some(element.text.clone());
                }
                done.push(element);
            }
            Event::Eof => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(open.is_empty());
    let is_char = |c: char| c == '\n' || !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    assert!(svg.chars().all(is_char), "characters that XML does not have");
    done
}

fn samples() -> Vec<(&'static str, Recording)> {
    vec![
        ("one_shot", sample::one_shot()),
        ("threads", sample::threads()),
        ("forks", sample::forks()),
        ("deadlock", sample::deadlock()),
        ("troubles", sample::troubles()),
        ("half_close", sample::half_close()),
        ("to_nobody", to_nobody()),
        ("to_itself", to_itself()),
        ("two_threads", between_threads()),
        ("three", three_with_packets()),
    ]
}

fn is_group(element: &&Element, class: &str) -> bool {
    element.name == "g" && element.has_class(class) && element.attributes.contains_key("data-step")
}

/// The numbers of steps of all groups of a class, in the order of the picture.
fn steps(elements: &[Element], class: &str) -> Vec<usize> {
    let all = elements.iter().filter(|it| is_group(it, class));
    all.map(|it| it.attributes["data-step"].parse().unwrap()).collect()
}

fn at(port: u16) -> SockAddr {
    SockAddr::Inet { ip: Ipv4Addr::LOCALHOST, port }
}

/// A look after the last event: the sockets as they stand there, each with its state and the ports of both ends.
fn look(s: &mut Sample, who: (&str, u32, u32), sockets: &[(u32, &'static str, u16, u16)]) {
    let after = s.last();
    let cause = Cause { after, role: Some(who.0.into()), thread: who.2, waiting: false };
    let sockets = sockets.iter().map(|(id, state, local, remote)| SocketState {
        socket: (*id > 0).then_some(SocketId(*id)),
        orphan: *id == 0,
        protocol: if *state == "UNCONN" { "udp" } else { "tcp" }.into(),
        state: (*state).into(),
        local: at(*local),
        remote: at(*remote),
        receive_queue: 0,
        send_queue: 0,
    });
    s.0.looks.push(Look { cause, quiet: false, sockets: sockets.collect() });
}

fn packet(s: &mut Sample, who: (&str, u32, u32), from: u16, to: u16, what: What, len: u64) {
    let cause = Cause { after: s.last(), role: Some(who.0.into()), thread: who.2, waiting: false };
    s.0.packets.push(Packet { cause, source: at(from), target: at(to), what, len });
}

/// A datagram for a port that nobody has.
fn to_nobody() -> Recording {
    let mut s = Sample::new(None, &["client"]);
    let who = ("client", 1, 1);
    let sock = s.socket(who, "SOCK_DGRAM", 3);
    s.moves(who, "send", (3, sock), b"hello", 5);
    packet(&mut s, who, 41000, 9999, What::Datagram, 5);
    packet(&mut s, who, 9999, 41000, What::Unreachable, 0);
    look(&mut s, who, &[(sock, "UNCONN", 41000, 0)]);
    s.exit(who, 0);
    s.0
}

/// One thread that is both ends, and a connection that it never accepts.
fn to_itself() -> Recording {
    let mut s = Sample::new(None, &["both"]);
    let who = ("both", 1, 1);
    let listener = s.listener(who, 3, 9999);
    look(&mut s, who, &[(listener, "LISTEN", 9999, 0)]);
    let sock = s.socket(who, "SOCK_STREAM", 4);
    s.connect(who, sock, 9999, "");
    packet(&mut s, who, 41000, 9999, What::Syn, 0);
    packet(&mut s, who, 9999, 41000, What::SynAck, 0);
    look(&mut s, who, &[(sock, "ESTABLISHED", 41000, 9999), (0, "ESTABLISHED", 9999, 41000)]);
    s.close(who, 4, sock);
    packet(&mut s, who, 41000, 9999, What::Fin, 0);
    look(&mut s, who, &[(sock, "FIN-WAIT-2", 41000, 9999), (0, "CLOSE-WAIT", 9999, 41000)]);
    s.exit(who, 0);
    s.0
}

/// One role whose threads are both ends: the second waits for what the first sends.
fn between_threads() -> Recording {
    let mut s = Sample::new(None, &["both"]);
    let (one, two) = (("both", 1, 1), ("both", 1, 2));
    let listener = s.listener(one, 3, 9999);
    let sock = s.socket(one, "SOCK_STREAM", 4);
    s.connect(one, sock, 9999, "");
    let conn = s.accept(one, listener, 5, 41000);
    look(&mut s, one, &[(sock, "ESTABLISHED", 41000, 9999), (conn, "ESTABLISHED", 9999, 41000)]);
    let accepted = s.last();
    s.moves(one, "send", (4, sock), b"x", 1);
    packet(&mut s, one, 41000, 9999, What::Data, 1);
    s.moves(two, "recv", (5, conn), b"x", 1);
    s.since(accepted);
    s.0
}

#[test]
fn a_packet_goes_from_the_thread_that_sent_it_to_the_one_that_waits_for_it() {
    let elements = read(&svg(&timeline(&between_threads())));
    let shafts = elements.iter().filter(|it| it.has_class("shaft"));
    // The last is in the legend.
    let straight: Vec<bool> = shafts.map(|it| pieces(&it.attributes["d"]).is_some()).collect();
    assert_eq!(straight, [true, false]);
    let own = read(&svg(&timeline(&to_itself())));
    let out_and_back = own
        .iter()
        .filter(|it| it.has_class("shaft"))
        .all(|it| pieces(&it.attributes["d"]).is_none());
    assert!(out_and_back);
}

/// The role in the middle sends to both sides, with a text of many columns in between.
fn three_with_packets() -> Recording {
    let mut s = Sample::new(None, &["left", "middle", "right"]);
    let mut sockets = Vec::new();
    for (n, role) in ["left", "middle", "right"].into_iter().enumerate() {
        let who = (role, 1, 1);
        let sock = s.socket(who, "SOCK_DGRAM", 3);
        look(&mut s, who, &[(sock, "UNCONN", 7000 + n as u16, 0)]);
        sockets.push(sock);
    }
    let who = ("middle", 1, 1);
    for (to, text) in [(7000, "一二三四五六七八九十"), (7002, "十九八七六五四三二一")]
    {
        s.moves(who, "sendto", (3, sockets[1]), text.as_bytes(), 30);
        packet(&mut s, who, 7001, to, What::Datagram, 30);
    }
    s.moves(("left", 1, 1), "sendto", (3, sockets[0]), b"x", 1);
    packet(&mut s, ("left", 1, 1), 7000, 7002, What::Datagram, 1);
    s.0
}

#[test]
fn every_call_and_every_packet_is_drawn_once_and_in_order() {
    for (name, recording) in samples() {
        let timeline = timeline(&recording);
        let elements = read(&svg(&timeline));
        let rows: Vec<usize> = timeline.rows.iter().map(|row| row.step).collect();
        assert_eq!(steps(&elements, "call"), rows, "{name}");
        let arrows =
            timeline.rows.iter().flat_map(|row| row.arrows.iter().map(move |it| (row, it)));
        let told: Vec<String> = arrows
            .map(|(row, arrow)| {
                let who = |role: &Option<String>| role.clone().unwrap_or("nobody".into());
                let (from, to) = (&arrow.from, &arrow.to);
                let ends = [who(&from.role), from.name.clone(), who(&to.role), to.name.clone()];
                format!(
                    "step {}: {} from {}: {} to {}: {}",
                    row.step,
                    said_of(arrow),
                    ends[0],
                    ends[1],
                    ends[2],
                    ends[3]
                )
            })
            .collect();
        let drawn = elements.iter().filter(|it| is_group(it, "arrow"));
        let drawn: Vec<&String> = drawn.map(|it| it.title.as_ref().unwrap()).collect();
        assert_eq!(drawn, told.iter().collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn the_hand_built_packets_reach_the_pictures() {
    let arrows = |recording: &Recording| steps(&read(&svg(&timeline(recording))), "arrow");
    assert_eq!(arrows(&to_nobody()), [2, 2]);
    assert_eq!(arrows(&to_itself()), [5, 5, 6]);
    assert_eq!(arrows(&three_with_packets()), [4, 5, 6]);
    assert_eq!(arrows(&sample::half_close()).len(), 7);
}

#[test]
fn everything_says_what_it_is_when_one_points_at_it() {
    for (name, recording) in samples() {
        for element in read(&svg(&timeline(&recording))).iter().filter(|it| it.name == "g") {
            // What explains the shapes below the rows needs no explanation itself.
            let of_run = |name: &&str| element.attributes.contains_key(*name);
            if element.has_class("role") || ["data-step", "data-from"].iter().any(of_run) {
                assert!(
                    element.title.as_ref().is_some_and(|it| !it.is_empty()),
                    "{name}: {element:?}"
                );
            }
        }
    }
}

#[test]
fn a_picture_is_named_and_described_and_can_be_magnified() {
    let elements = read(&svg(&timeline(&sample::half_close())));
    let root = elements.last().unwrap();
    assert_eq!((root.name.as_str(), root.attributes["role"].as_str()), ("svg", "img"));
    let known: Vec<&str> =
        elements.iter().filter_map(|it| Some(it.attributes.get("id")?.as_str())).collect();
    let named: Vec<&str> = root.attributes["aria-labelledby"].split(' ').collect();
    assert_eq!(named, known);
    let size = [root.number("width"), root.number("height")];
    assert_eq!(root.attributes["viewBox"], format!("0 0 {} {}", size[0], size[1]));
    let desc = &elements.iter().find(|it| it.name == "desc").unwrap().text;
    assert!(desc.contains("Lanes: server, client. Steps: 45. Packets: 7."), "{desc}");
    assert!(desc.contains("still serves"), "{desc}");
}

/// Where a text stands: left, top, right, bottom; and what it is.
fn boxes(elements: &[Element]) -> Vec<(i32, i32, i32, i32, String)> {
    let texts = elements.iter().filter(|it| it.name == "text");
    let size = |text: &Element| {
        if text.has_class("small") {
            13
        } else if text.has_class("big") {
            18
        } else {
            15
        }
    };
    texts
        .map(|text| {
            let (x, y, wide) = (text.number("x"), text.number("y"), text.number("textLength"));
            (x, y - size(text) * 4 / 5, x + wide, y + size(text) / 5, text.text.clone())
        })
        .collect()
}

fn overlaps(a: &(i32, i32, i32, i32, String), b: &(i32, i32, i32, i32, String)) -> bool {
    a.0 < b.2 && b.0 < a.2 && a.1 < b.3 && b.1 < a.3
}

#[test]
fn no_text_overlaps_another_and_none_leaves_the_picture() {
    for (name, recording) in samples() {
        let elements = read(&svg(&timeline(&recording)));
        let root = elements.last().unwrap();
        let all = boxes(&elements);
        assert!(all.len() > 4, "{name}");
        for (n, one) in all.iter().enumerate() {
            let inside = one.0 >= 0
                && one.1 >= 0
                && one.2 <= root.number("width")
                && one.3 <= root.number("height");
            assert!(inside, "{name}: {one:?}");
            let hit = all[n + 1..].iter().find(|other| overlaps(one, other));
            assert!(hit.is_none(), "{name}: {one:?} and {hit:?}");
        }
    }
}

#[test]
fn an_overlap_would_be_found() {
    let text = |x: i32, said: &str| (x, 0, x + 20, 15, said.to_owned());
    assert!(overlaps(&text(0, "a"), &text(19, "b")) && !overlaps(&text(0, "a"), &text(20, "b")));
}

#[test]
fn no_arrow_passes_through_a_text() {
    for (name, recording) in samples() {
        let elements = read(&svg(&timeline(&recording)));
        let texts = boxes(&elements);
        for shaft in elements.iter().filter(|it| it.name == "path" && it.has_class("shaft")) {
            // `M8 120H40M90 120H130`: pieces of a line at one height; an arrow that comes back has none to cross.
            let Some(((a, b), (c, d), y)) = pieces(&shaft.attributes["d"]) else { continue };
            for (left, right) in [(a.min(b), a.max(b)), (c.min(d), c.max(d))] {
                let hit =
                    texts.iter().find(|it| it.0 < right && left < it.2 && it.1 < y && y < it.3);
                assert!(hit.is_none(), "{name}: {shaft:?} {hit:?}");
            }
        }
    }
}

type Piece = (i32, i32);

/// The two pieces of a straight arrow, and their height.
fn pieces(path: &str) -> Option<(Piece, Piece, i32)> {
    let parts: Vec<&str> = path.split(['M', 'H']).filter(|part| !part.is_empty()).collect();
    let point = |text: &str| {
        let (x, y) = text.split_once(' ')?;
        Some((x.parse::<i32>().ok()?, y.parse::<i32>().ok()?))
    };
    let [first, near, second, far] = parts[..] else { return None };
    let ((a, y), (c, _)) = (point(first)?, point(second)?);
    Some(((a, near.parse().ok()?), (c, far.parse().ok()?), y))
}

#[test]
fn states_are_named_where_they_change_and_end_where_the_next_begins() {
    let elements = read(&svg(&timeline(&sample::half_close())));
    let states = elements.iter().filter(|it| is_group(it, "state"));
    let told: Vec<&str> = states.map(|it| it.title.as_deref().unwrap()).collect();
    for state in ["LISTEN", "ESTABLISHED", "CLOSE-WAIT", "FIN-WAIT-2", "TIME-WAIT"] {
        assert!(told.iter().any(|it| it.contains(state)), "{state}: {told:#?}");
    }
    assert!(told.iter().any(|it| it.contains("which no process has any more, TIME-WAIT")));
    let own = read(&svg(&timeline(&to_itself())));
    let queued = own.iter().filter(|it| is_group(it, "queue")).count();
    assert_eq!(queued, 2, "ESTABLISHED and CLOSE-WAIT, never accepted");
}

#[test]
fn a_column_is_used_again_once_its_socket_is_gone() {
    let mut s = Sample::new(None, &["client"]);
    let who = ("client", 1, 1);
    for n in 0..3 {
        let sock = s.socket(who, "SOCK_STREAM", 3);
        s.connect(who, sock, 9999, "");
        look(&mut s, who, &[(sock, "ESTABLISHED", 41000 + n, 9999)]);
        s.close(who, 3, sock);
        look(&mut s, who, &[(sock, "CLOSED", 41000 + n, 9999)]);
    }
    let timeline = timeline(&s.0);
    let lanes = lanes::Lanes::of(&timeline);
    let ladders = ladders::Ladders::of(&timeline, &lanes);
    assert_eq!(ladders.rungs.iter().map(|rung| rung.column).collect::<Vec<_>>(), [0; 6]);
}

#[test]
fn who_waits_for_ever_is_marked_and_who_serves_is_not() {
    let marked = |recording: &Recording| {
        let elements = read(&svg(&timeline(recording)));
        elements.iter().filter(|it| it.has_class("for-ever") && it.title.is_some()).count()
    };
    assert_eq!(marked(&sample::deadlock()), 2);
    assert_eq!(marked(&sample::threads()), 0);
}

#[test]
fn long_data_is_shortened_in_the_label_and_whole_below_it() {
    let timeline = timeline(&sample::troubles());
    let elements = read(&svg(&timeline));
    let call =
        elements.iter().find(|it| is_group(it, "call") && it.text.contains("send(")).unwrap();
    let whole = "0123456789 abcdefghij ".repeat(40);
    assert!(call.title.as_ref().unwrap().contains(&whole));
    let label = call.text.strip_prefix(call.title.as_deref().unwrap()).unwrap();
    assert!(label.contains("…\"") && label.len() < 100, "{label}");
}

#[test]
fn hostile_data_is_text_and_nothing_else() {
    let mut recording = sample::one_shot();
    let evil = "</text><script>alert(1)</script>&\"'\u{1}\u{0}\u{1b}[31m\u{ffff}\u{202e}]]>";
    recording.lesson = Some(evil.into());
    recording.roles[0].name = evil.into();
    recording.isolation.lacking.push(evil.into());
    for event in &mut recording.events {
        if event.role == "server" {
            event.role = evil.into();
        }
        event.note = Some(evil.into());
        event.call = evil.into();
        for arg in &mut event.args {
            if matches!(arg.value, Value::Named { .. }) {
                arg.value = Value::Named { value: 0, text: evil.into() };
            } else if matches!(arg.value, Value::Bytes(_)) {
                arg.value = Value::Bytes(Bytes::new(evil.as_bytes()));
            }
        }
    }
    let drawn = svg(&timeline(&recording));
    let elements = read(&drawn);
    assert!(!drawn.contains("<script") && !drawn.contains('\u{202e}'));
    assert!(elements.iter().any(|it| it.text.contains("<script>alert(1)</script>")));
}

#[test]
fn what_nobody_recorded_is_drawn_all_the_same() {
    // No role, no event; a role without events; events and sockets of a role that is not there.
    let mut empty = sample::one_shot();
    (empty.roles, empty.events) = (Vec::new(), Vec::new());
    let mut idle = sample::one_shot();
    idle.roles.push(Role { name: "idle".into(), command: Vec::new(), ends: None });
    let mut strange = sample::half_close();
    strange.roles.clear();
    strange.sockets.iter_mut().for_each(|socket| socket.role = "who".into());
    let mut cut = sample::half_close();
    cut.events.truncate(20);
    let mut unsorted = sample::half_close();
    unsorted.events.reverse();
    unsorted.looks.reverse();
    for recording in [empty, idle, strange, cut, unsorted] {
        let timeline = timeline(&recording);
        assert_eq!(steps(&read(&svg(&timeline)), "call").len(), timeline.rows.len());
    }
}

#[test]
fn the_same_timeline_is_the_same_picture() {
    for (name, recording) in samples() {
        let other = recording.without_machine_facts();
        let again = Recording { isolation: recording.isolation.clone(), ..other };
        assert_eq!(svg(&timeline(&recording)), svg(&timeline(&again)), "{name}");
    }
}

#[test]
fn a_long_recording_is_one_picture_too() {
    let mut s = Sample::new(None, &["server", "client"]);
    let sock = s.socket(("client", 1, 1), "SOCK_DGRAM", 3);
    for n in 0..5000u32 {
        let text = n.to_string();
        s.moves(("client", 1, 1), "send", (3, sock), text.as_bytes(), text.len() as i64);
        packet(&mut s, ("client", 1, 1), 41000, 9999, What::Datagram, text.len() as u64);
    }
    let elements = read(&svg(&timeline(&s.0)));
    assert_eq!(steps(&elements, "call").len(), 5001);
    assert_eq!(steps(&elements, "arrow").len(), 5000);
}
