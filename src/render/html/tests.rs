//! The page read as XML: what is in it, in which order, and that nothing in a recording breaks out of its place.

use roxmltree::{Document, Node, ParsingOptions};
use serde_json::Value as Json;

use super::*;
use crate::event::{Cause, Look, Packet, Recording, SockAddr, SocketId, SocketState};
use crate::timeline::sample::{self, Sample};
use crate::timeline::timeline;

fn page(recording: &Recording) -> String {
    html(&timeline(recording))
}

fn read(page: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, nodes_limit: u32::MAX, ..Default::default() };
    Document::parse_with_options(page, options).unwrap_or_else(|why| panic!("{why}"))
}

fn has_class(node: &Node<'_, '_>, class: &str) -> bool {
    node.attribute("class").is_some_and(|all| all.split(' ').any(|it| it == class))
}

fn of_class<'a, 'b>(node: Node<'a, 'b>, class: &str) -> Vec<Node<'a, 'b>> {
    node.descendants().filter(|it| has_class(it, class)).collect()
}

fn text(node: Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|it| it.text()).collect()
}

fn data(document: &Document<'_>) -> Json {
    let data = document.descendants().find(|it| it.attribute("id") == Some("data")).unwrap();
    serde_json::from_str(data.text().unwrap()).unwrap()
}

fn every_sample() -> Vec<Recording> {
    vec![
        sample::one_shot(),
        sample::threads(),
        sample::forks(),
        sample::half_close(),
        sample::deadlock(),
        sample::troubles(),
        Sample::new(None, &[]).0,
        Sample::new(Some("01-one-shot"), &["server", "client", "client"]).0,
    ]
}

/// That the page has all of the timeline, once and in order.
fn check(recording: &Recording) {
    let timeline = timeline(recording);
    let page = html(&timeline);
    let document = read(&page);
    let rows = of_class(document.root(), "row");
    assert_eq!(rows.len(), timeline.rows.len());
    for (node, row) in rows.into_iter().zip(&timeline.rows) {
        assert_eq!(node.attribute("id"), Some(format!("step={}", row.step).as_str()));
        let call = text(of_class(node, "call")[0]);
        let mut rest = call.as_str();
        for piece in &row.args {
            let piece = piece.text.replace(char::is_control, "?");
            let at = rest.find(&piece).unwrap_or_else(|| panic!("{piece} in {call}"));
            rest = &rest[at + piece.len()..];
        }
        let said: Vec<String> = of_class(node, "what").into_iter().map(text).collect();
        let arrows: Vec<String> = row.arrows.iter().map(Arrow::label).collect();
        assert_eq!(said, arrows);
        let said: Vec<String> = of_class(node, "became").into_iter().map(text).collect();
        let says: Vec<String> = row.changes.iter().filter_map(Change::says).collect();
        assert_eq!(said.len(), says.len());
        assert!(said.iter().zip(&says).all(|(said, says)| said.ends_with(says)), "{said:?}");
    }
    let end = document.descendants().find(|it| it.attribute("id") == Some("end")).unwrap();
    let end: Vec<String> = end.children().filter(Node::is_element).map(text).collect();
    let words: Vec<String> = text::ending(&timeline).into_iter().map(|(words, _)| words).collect();
    assert_eq!(end, words);
}

#[test]
fn a_page_has_every_row_arrow_and_change_once_and_in_order() {
    every_sample().iter().for_each(check);
}

#[test]
fn the_data_leads_to_the_same_table_as_the_timeline_at_every_step() {
    let timeline = timeline(&sample::half_close());
    let page = html(&timeline);
    let data = data(&read(&page));
    let mut table = BTreeMap::new();
    let mut changes = data["changes"].as_array().unwrap().iter().peekable();
    for step in 1..=timeline.rows.len() {
        while let Some(change) = changes.next_if(|it| it[0] == step) {
            table.insert(change[1].as_u64(), &data["lines"][change[2].as_u64().unwrap() as usize]);
        }
        let shown = table.values().filter(|line| line["gone"] == false);
        let shown: Vec<Json> = shown.map(|line| line["cells"].clone()).collect();
        let lines = timeline.table(step);
        let lines: Vec<Json> =
            lines.iter().map(|line| serde_json::to_value(sockets::ss(line)).unwrap()).collect();
        assert_eq!(shown, lines, "after step {step}");
    }
    assert_eq!(changes.next(), None);
}

#[test]
fn a_socket_takes_the_edges_between_its_states() {
    let page = page(&sample::half_close());
    let data = data(&read(&page));
    let line = |change: &Json| data["lines"][change[2].as_u64().unwrap() as usize].clone();
    let told: Vec<(u64, String, String)> = data["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let edges = it[3].as_array().unwrap().iter().map(|edge| edge.as_str().unwrap());
            let label = line(it)["label"].as_str().unwrap().to_owned();
            (it[0].as_u64().unwrap(), label, edges.collect::<Vec<_>>().join(" "))
        })
        .filter(|(.., edges)| !edges.is_empty())
        .collect();
    let expected = [
        (3, "server: listener", "CLOSED-LISTEN"),
        (7, "server: conn", "LISTEN-SYN-RECEIVED SYN-RECEIVED-ESTABLISHED"),
        (7, "client: sock", "CLOSED-SYN-SENT SYN-SENT-ESTABLISHED"),
        (33, "client: sock", "ESTABLISHED-FIN-WAIT-1 FIN-WAIT-1-FIN-WAIT-2"),
        (33, "server: conn", "ESTABLISHED-CLOSE-WAIT"),
        (40, "(client: sock)", "FIN-WAIT-2-TIME-WAIT"),
        (40, "server: conn", "CLOSE-WAIT-LAST-ACK LAST-ACK-CLOSED"),
    ];
    let expected = expected.map(|(step, label, edges)| (step, label.to_owned(), edges.to_owned()));
    assert_eq!(told, expected);
}

#[test]
fn a_reset_takes_no_edge() {
    let line = |state: &str| SocketLine {
        object: Some(SocketId(1)),
        role: Some("server".into()),
        name: "conn".into(),
        holder: crate::timeline::Holder::Process,
        protocol: "tcp".into(),
        state: state.into(),
        local: "127.0.0.1:9999".into(),
        remote: "127.0.0.1:P1".into(),
        receive_queue: 0,
        send_queue: 0,
    };
    let change = Change { before: Some(line("CLOSE-WAIT")), now: line("CLOSED") };
    assert_eq!(Ways::default().taken(&change, true), Vec::<String>::new());
    assert_eq!(Ways::default().taken(&change, false), ["CLOSE-WAIT-LAST-ACK", "LAST-ACK-CLOSED"]);
}

#[test]
fn a_wait_lasts_until_it_wakes_or_its_process_is_gone() {
    let timeline = timeline(&sample::half_close());
    let waits = waits(&timeline);
    let call = |call: &str| call.to_owned();
    assert_eq!(waits[0], (5, 10, call("accept(listener)")));
    assert_eq!(waits[1], (13, 0, call("accept(listener)")));
    assert!(waits.contains(&(24, 35, call("recv(conn, 1024)"))), "{waits:?}");

    let mut s = Sample::new(None, &["server"]);
    let conn = s.socket(("server", 1, 1), "SOCK_STREAM", 3);
    s.stuck(("server", 1, 2), "recv", (3, conn), 1);
    s.exit(("server", 1, 1), 0);
    let timeline = crate::timeline::timeline(&s.0);
    let waits = super::waits(&timeline);
    assert_eq!(waits.len(), 1);
    assert_eq!(waits[0].1, timeline.rows.len());
}

#[test]
fn a_diagram_is_there_for_tcp_only() {
    assert!(page(&sample::half_close()).contains("<figure id=\"diagram\">"));
    let mut udp = sample::half_close();
    for look in &mut udp.looks {
        look.sockets.iter_mut().for_each(|socket| socket.protocol = "udp".into());
    }
    assert!(!page(&udp).contains("<figure"));
    assert!(page(&Sample::new(None, &[]).0).contains("does not tell of TCP or UDP sockets"));
}

#[test]
fn the_same_run_gives_the_same_page_wherever_it_was_recorded() {
    assert_eq!(page(&sample::one_shot()), page(&sample::one_shot_from(50985)));
    let recording = sample::half_close();
    assert_eq!(page(&recording), page(&recording.without_machine_facts()));
    let other = Recording { kernel: "another".into(), ..recording.clone() };
    assert_eq!(page(&recording), page(&other));
}

#[test]
fn the_policy_allows_this_style_and_this_script_and_nothing_else() {
    let page = page(&sample::half_close());
    let between = |from: &str, to: &str| {
        let (_, after) = page.split_once(from).unwrap();
        after.split_once(to).unwrap().0.to_owned()
    };
    let policy = between("http-equiv=\"Content-Security-Policy\" content=\"", "\"/>");
    let digest = |text: &str| BASE64.encode(Sha256::digest(text));
    let style = digest(&between("<style>", "</style>"));
    let script = digest(&between("<script>", "</script>"));
    assert_eq!(
        policy,
        format!(
            "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; \
             img-src data:; base-uri 'none'; form-action 'none'"
        )
    );
    let document = read(&page);
    for node in document.descendants() {
        for attribute in node.attributes() {
            let name = attribute.name();
            assert!(!name.starts_with("on") && name != "style" && name != "src", "{name}");
            let local = attribute.value().starts_with('#') || attribute.value() == "data:,";
            assert!(name != "href" || local, "{}", attribute.value());
        }
    }
}

const HOSTILE: &str = "</script><script>alert(1)</script>]]>--><!-- {{rows}} \
    &amp; \" ' \u{2028}\u{2029}\u{0}\u{1b}[2J\u{85}\u{fffe}\u{202e}";

fn hostile() -> Recording {
    let mut recording = sample::half_close();
    for name in recording.roles.iter_mut().map(|role| &mut role.name) {
        *name = format!("{name}{HOSTILE}");
    }
    for event in &mut recording.events {
        event.role = format!("{}{HOSTILE}", event.role);
        event.note = Some(HOSTILE.into());
        for arg in &mut event.args {
            if let crate::event::Value::Named { text, .. } = &mut arg.value {
                *text = HOSTILE.into();
            }
        }
    }
    for socket in &mut recording.sockets {
        socket.role = format!("{}{HOSTILE}", socket.role);
    }
    for look in &mut recording.looks {
        look.sockets.iter_mut().for_each(|socket| socket.state += HOSTILE);
    }
    recording.lesson = Some(HOSTILE.into());
    recording.scenario = Some(HOSTILE.into());
    recording.isolation.lacking = vec![HOSTILE.into()];
    recording.end.reason = crate::event::Reason::Limit { what: HOSTILE.into() };
    recording
}

#[test]
fn nothing_in_a_recording_breaks_out_of_its_place() {
    let page = page(&hostile());
    let document = read(&page);
    let count = |name: &str| {
        document
            .descendants()
            .filter(|it| it.has_tag_name(("http://www.w3.org/1999/xhtml", name)))
            .count()
    };
    assert_eq!((count("script"), count("style"), count("ol")), (2, 1, 1));
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
    assert!(!page.contains("<!-- {{") && !page.contains("\u{202e}"));
    assert!(!page.contains(|c: char| c.is_control() && c != '\n'));
    let rows = of_class(document.root(), "row");
    assert_eq!(rows.len(), timeline(&hostile()).rows.len());
    assert!(text(rows[0]).contains("</script><script>alert(1)</script>]]>--><!-- {{rows}}"));
    let label = data(&document)["lines"][0]["label"].as_str().unwrap().to_owned();
    assert!(label.contains(&*clean(HOSTILE)), "{label}");
    let inside = page.split_once("id=\"data\">").unwrap().1.split_once("</script>").unwrap().0;
    assert!(!inside.contains(['<', '>', '&', '\u{2028}', '\u{2029}']));
}

#[test]
fn roles_without_events_and_events_without_roles_are_no_trouble() {
    let mut recording = sample::half_close();
    recording.roles.clear();
    check(&recording);
    let idle = (0..40).map(|n| crate::event::Role {
        name: format!("idle {n}"),
        command: Vec::new(),
        ends: None,
    });
    recording.roles.extend(idle);
    check(&recording);
    recording.sockets.clear();
    check(&recording);
}

/// A client that makes `calls` calls, each with a packet, and every so often a connection.
fn long(calls: u64) -> Recording {
    let mut s = Sample::new(Some("01-one-shot"), &["server", "client"]);
    let who = ("client", 1, 1);
    let mut sock = s.socket(who, "SOCK_STREAM", 3);
    let addr = |port: u16| SockAddr::Inet { ip: [127, 0, 0, 1].into(), port };
    for n in 1..calls {
        let port = 20_000 + (n / 10) as u16;
        if n % 10 == 0 {
            sock = s.socket(who, "SOCK_STREAM", 3);
        }
        s.moves(who, "send", (3, sock), n.to_string().as_bytes(), 5);
        let after = s.last();
        let cause = Cause { after, role: Some("client".into()), thread: 1, waiting: false };
        s.0.packets.push(Packet {
            cause: cause.clone(),
            source: addr(port),
            target: addr(9999),
            what: What::Data,
            len: 5,
        });
        let state = SocketState {
            socket: Some(SocketId(sock)),
            orphan: false,
            protocol: "tcp".into(),
            state: if n % 10 == 9 { "CLOSED" } else { "ESTABLISHED" }.into(),
            local: addr(port),
            remote: addr(9999),
            receive_queue: 0,
            send_queue: (n % 10) as u32,
        };
        s.0.looks.push(Look { cause, quiet: false, sockets: vec![state] });
    }
    s.0
}

#[test]
fn a_long_recording_is_a_page_too() {
    let short = page(&long(1_000));
    let page = page(&long(100_000));
    let document = read(&page);
    let rows = of_class(document.root(), "row");
    assert_eq!(rows.len(), timeline(&long(100_000)).rows.len());
    // Neither the page nor its data grows faster than the recording does.
    assert!(page.len() < short.len() * 110, "{} and {} bytes", short.len(), page.len());
}
