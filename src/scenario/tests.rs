//! What a plan reads, fills and asks of a recording.

use super::*;
use crate::event::{Kind, Socket, SocketId, SocketState};
use crate::pattern::of_rule;
use crate::timeline::{sample, timeline};

fn plan(steps: &[&str]) -> Result<Plan, (Place, Error)> {
    let steps = steps.iter().map(|step| step.to_string()).collect();
    Plan::read(Written { name: "s".into(), steps, ..Written::default() })
}

fn with_clients(clients: &str, steps: &[&str]) -> Plan {
    let steps = steps.iter().map(|step| step.to_string()).collect();
    let clients = Some(clients.to_string());
    Plan::read(Written { name: "s".into(), clients, steps, ..Written::default() }).unwrap()
}

fn only(step: &str, seed: u64) -> Step<Vec<u8>> {
    plan(&[step]).unwrap().fill(seed).steps.remove(0)
}

fn sent(step: &str, seed: u64) -> Vec<u8> {
    match only(step, seed).does {
        Action::Send { text, .. } => text,
        other => panic!("{other:?} sends nothing"),
    }
}

#[test]
fn every_kind_of_step_reads() {
    let steps = [
        "A: socket(AF_UNIX, SOCK_SEQPACKET)",
        "A: socket(AF_INET, SOCK_RAW)",
        "A: echo(1, \"{text}\")",
        "A: reply(1, \"{text}\")",
        "A: reply(65535, \"\", stranger)",
        "A: reply(0, \"x\", damaged)",
        "A: reply(1, \"x\", options)",
        "A: bind(:9999)",
        "A: bind(127.0.0.2:9999)",
        "A: bind({ip2}:9999)",
        "A: connect({ip}:{port})",
        "A: connect([::1]:{port})",
        "A: sendto(:{port2}, \"{ip} {port}\")",
        "A: join(\"239.255.0.26\")",
        "A: listen(5)",
        "A: accept()",
        "A: connect([::1]:9999)",
        "A: connect(127.0.0.2:_)",
        "A: connect(@name)",
        "A: connect(\"$TMPDIR/socket\") = -1 ENOENT",
        "A: connect(:9999) = -1 ECONNREFUSED (connection refused)",
        "A: send(\"{text}\")",
        "A: send(\"{a}{b}\", glued)",
        "A: send(\"{utf8}\", split)",
        "A: send(\"{binary:1048576}\", chunks)",
        "A: recv(\"欢迎\")",
        "A: recv(\"[\", .., \"]: b'{text}'\")",
        "A: recv(..)",
        "A: recv() = 0",
        "A: recv() = -1 ECONNRESET",
        "A: recv() > 0",
        "A: sendto(:9999, \"\")",
        "A: sendto(_, \"x\")",
        "A: recvfrom(\"\")",
        "A: recvfrom() = -1 EAGAIN",
        "A: shutdown(SHUT_WR)",
        "A: close()",
        "A: reset()",
        "A: vanish()",
        "A: slow()",
        "server: stdin(\"line\")",
        "server: stdin()",
        "server: kill(SIGTERM)",
        "again: start()",
        "time: pass()",
        "time: pass(0.5s)",
    ];
    let plan = plan(&steps).unwrap();
    assert_eq!(plan.steps.len(), steps.len());
    assert_eq!(plan.steps.last().unwrap().does, Action::Pass(Some(500_000_000)));
    let again: Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(again, plan);
}

#[test]
fn a_wrong_step_is_told_with_its_column_and_what_was_expected() {
    let cases = [
        ("A: conect(:9999)", 4, "names no step: `conect`; did you mean `connect`?"),
        ("A: fly()", 4, "names no step: `fly`; there are connect"),
        ("connect(:9999)", 1, "does not say whose step it is"),
        ("A: connect(:99999)", 13, "lacks a port"),
        ("A: connect({ip})", 16, "lacks a port after the address"),
        ("A: connect({ip:{port})", 12, "has a brace that is no place"),
        ("A: connect({word}:{port})", 12, "should have in its parentheses an address"),
        ("A: connect(:{n})", 12, "should have in its parentheses an address"),
        ("A: connect()", 12, "should have in its parentheses an address"),
        ("A: send(\"\")", 9, "should have in its parentheses something"),
        ("A: send(\"x\", slowly)", 9, "should have in its parentheses a text, then `split`"),
        ("A: send(\"x\"", 12, "lacks a closing parenthesis"),
        ("A: send(\"你{txet}\")", 12, "has the unknown text `{txet}`; known are {text}"),
        ("A: send(\"{binary:0}\")", 10, "has a text of no length from 1"),
        ("A: join(\"127.0.0.1\")", 9, "should have in its parentheses a group"),
        ("A: socket(AF_INET6, SOCK_RAW)", 11, "should have in its parentheses AF_INET, AF_INET6"),
        ("A: echo(\"x\")", 9, "should have in its parentheses a number and a text"),
        ("A: echo(65536, \"x\")", 9, "should have in its parentheses a number from 0 to 65535"),
        (
            "A: reply(1, \"x\", wrong)",
            10,
            "should have in its parentheses a number and a text, then",
        ),
        ("A: recv()", 9, "should have in its parentheses what must have come"),
        ("A: recv(\"x\") = 1", 13, "asks for data and for a result"),
        ("A: close() = 0", 11, "asks for a result"),
        ("A: shutdown(SHUT_WRITE)", 13, "should have in its parentheses SHUT_RD"),
        ("A: stdin(\"x\")", 1, "is of `A`, which is no program"),
        (
            "server: close()",
            1,
            "is of `server`, which is no peer: a peer's name begins with a capital letter",
        ),
        ("A: start()", 1, "is of `A`, which is no name for a program"),
        ("again: start(\"now\")", 14, "should have in its parentheses nothing"),
        ("A: pass()", 1, "is of `A`; only `time` passes"),
        ("A: sleep(1)", 4, "sleeps; nothing here does"),
        ("server: kill(SIGKIL)", 14, "should have in its parentheses a signal"),
        ("time: pass(-1s)", 12, ""),
        (
            "each: close()",
            1,
            "is of `each` or `all`, but the scenario does not say how many `clients`",
        ),
    ];
    for (step, wanted, said) in cases {
        match plan(&["A: slow()", step]) {
            Err((Place::Step(1), Error::Pattern { column, why, .. })) => {
                assert_eq!(column, wanted, "{step}: {why}");
                assert!(why.starts_with(said), "{step}: {why}");
            }
            other => panic!("{step}: {other:?}"),
        }
    }
}

#[test]
fn a_line_does_not_ask_for_more_than_the_memory_holds() {
    let asked = |length: usize, clients: &str| {
        let steps = vec![format!("each: send(\"{{binary:{length}}}\")")];
        let clients = Some(clients.to_owned());
        Plan::read(Written { name: "many".into(), clients, steps, ..Default::default() })
    };
    assert!(asked(1 << 20, "64").is_ok());
    let Err((Place::Step(0), error)) = asked(1 << 20, "2..65") else { panic!("a step too long") };
    assert!(error.to_string().contains("makes the scenario's texts longer than 67108864 bytes"));
}

#[test]
fn the_same_seed_gives_the_same_texts_and_another_seed_others() {
    assert_eq!(sent("A: send(\"{text}\")", 7), sent("A: send(\"{text}\")", 7));
    let all: std::collections::BTreeSet<_> =
        (0..50).map(|seed| sent("A: send(\"{text}\")", seed)).collect();
    assert_eq!(all.len(), 50);
    assert_ne!(sent("A: send(\"{text}\")", 7), sent("A: send(\"{text2}\")", 7));
}

#[test]
fn an_echo_is_asked_for_by_the_same_placeholder() {
    let plan = plan(&["A: send(\"<{text}>\")", "B: recv(\"<{text}>\")"]).unwrap();
    let script = plan.fill(3);
    let (Action::Send { text, .. }, Action::Recv(expected)) =
        (&script.steps[0].does, &script.steps[1].does)
    else {
        panic!("a send and a recv")
    };
    assert!(expected.is_whole(text));
}

#[test]
fn each_family_of_texts_is_what_it_says() {
    for seed in 0..20 {
        let word = sent("A: send(\"{word}\")", seed);
        assert!(word.is_ascii() && !word.is_empty());
        let wide = String::from_utf8(sent("A: send(\"{utf8:31}\")", seed)).unwrap();
        assert_eq!(wide.len(), 31, "a length is in bytes");
        assert_eq!(wide.chars().filter(|c| c.len_utf8() == 3).count(), 10);
        let binary = sent("A: send(\"{binary}\")", seed);
        assert!(binary.contains(&0) && std::str::from_utf8(&binary).is_err());
        let long = sent("A: send(\"{long}\")", seed);
        assert!((2_000..5_000).contains(&long.len()) && std::str::from_utf8(&long).is_ok());
        let n: u32 = String::from_utf8(sent("A: send(\"{n}\")", seed)).unwrap().parse().unwrap();
        assert!((2..=9).contains(&n));
    }
    let plain = (0..30).filter(|&seed| sent("A: send(\"{text}\")", seed).is_ascii()).count();
    assert!((1..30).contains(&plain), "some of the seeds choose ASCII, some do not");
}

#[test]
fn an_address_that_the_seed_chose_is_the_same_in_texts_steps_and_rules() {
    for seed in 0..300 {
        let steps =
            ["server: stdin(\"{ip} {port}\")", "A: connect({ip}:{port})", "A: bind(:{port})"];
        let script = plan(&steps).unwrap().fill(seed);
        let Action::Connect { to: SockAddr::Inet { ip, port }, .. } = script.steps[1].does else {
            panic!("{:?}", script.steps[1]);
        };
        let line = format!("{ip} {port}").into_bytes();
        assert_eq!(script.steps[0].does, Action::Stdin(Some(line)));
        assert_eq!(script.steps[1].text, format!("A: connect({ip}:{port})"));
        let bound = SockAddr::Inet { ip: [127, 0, 0, 1].into(), port };
        assert_eq!(script.steps[2].does, Action::Bind(bound));
        let texts = Texts::new(seed, "");
        let rule = texts::chosen(&of_rule("server: bind(_, {ip}:{port}, _)").unwrap(), &texts);
        let written: CallPattern = format!("server: bind(_, {ip}:{port}, _)").parse().unwrap();
        assert_eq!(rule.unwrap(), written);

        // Whoever forgets the order of the bytes is found out: it is another port, which an ordinary user may take,
        // and an address that no machine here has.
        assert!(port < 32_768 && port > 1023 && port.swap_bytes() > 1023, "{port}");
        assert_ne!(port, port.swap_bytes());
        assert!(ip.is_loopback() && (1..127).contains(&ip.octets()[3]), "{ip}");
    }
}

#[test]
fn a_rule_speaks_of_no_place_that_there_is_not() {
    let texts = Texts::new(1, "");
    let chosen = |pattern: &str| texts::chosen(&of_rule(pattern).unwrap(), &texts);
    assert!(chosen("A: send(_, \"{text}\", [{ip}:_])").is_ok());
    for pattern in ["A: send(\"{txet}\")", "A: bind({word}:1)", "A: bind({ip}:{ip})"] {
        assert!(matches!(chosen(pattern), Err(Error::Pattern { .. })), "{pattern}");
    }
    // Where no seed is, a place would match nothing for ever.
    let elsewhere = "server: bind(_, {ip}:{port})".parse::<CallPattern>().unwrap_err();
    assert!(matches!(elsewhere, Error::Pattern { column: 17, .. }), "{elsewhere}");
}

#[test]
fn braces_that_are_no_placeholder_are_text() {
    let said = sent("A: send(\"{\\\"a\\\":{}} {x\")", 0);
    assert_eq!(said, b"{\"a\":{}} {x");
}

#[test]
fn clients_do_their_steps_one_after_the_other_or_step_by_step() {
    let plan = with_clients(
        "3",
        &["each: connect(:1)", "each: close()", "A: close()", "all: connect(:1)", "all: close()"],
    );
    let script = plan.fill(0);
    let said: Vec<&str> = script.steps.iter().map(|step| step.text.as_str()).collect();
    assert_eq!(
        said,
        [
            "C1: connect(:1)",
            "C1: close()",
            "C2: connect(:1)",
            "C2: close()",
            "C3: connect(:1)",
            "C3: close()",
            "A: close()",
            "C1: connect(:1)",
            "C2: connect(:1)",
            "C3: connect(:1)",
            "C1: close()",
            "C2: close()",
            "C3: close()",
        ]
    );
    assert_eq!(script.peers, ["C1", "C2", "C3", "A"]);
    assert_eq!(script.steps[4].number, 1, "a step is counted as it is written");
}

#[test]
fn every_number_of_clients_of_the_range_is_met_and_each_has_its_own_text() {
    let plan = with_clients("2..5", &["each: send(\"{text} of {clients}\")"]);
    let mut counts = std::collections::BTreeSet::new();
    for seed in 0..40 {
        let script = plan.fill(seed);
        counts.insert(script.steps.len());
        let texts: std::collections::BTreeSet<_> =
            script.steps.iter().map(|step| step.text.split_once(':').unwrap().1).collect();
        assert_eq!(texts.len(), script.steps.len());
        assert!(texts.iter().all(|text| text.ends_with(&format!(" of {}\")", script.steps.len()))));
    }
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [2, 3, 4, 5]);
}

#[test]
fn a_step_is_shown_with_its_text_unless_that_is_long() {
    assert_eq!(only("A: send(\"{n}\")", 1).text.len(), "A: send(\"7\")".len());
    assert_eq!(only("A: send(\"{binary:1000}\")", 1).text, "A: send(\"{binary:1000}\")");
}

#[test]
fn expected_data_may_have_gaps() {
    let whole = |step: &str, found: &str| match only(step, 0).does {
        Action::Recv(expected) => expected.is_whole(found.as_bytes()),
        _ => panic!("a recv"),
    };
    assert!(whole("A: recv(\"ab\")", "ab"));
    assert!(!whole("A: recv(\"ab\")", "abc"));
    assert!(!whole("A: recv(\"ab\")", "a"));
    assert!(whole("A: recv(\"[\", .., \"] x\")", "[1.5] x"));
    assert!(whole("A: recv(\"[\", .., \"] x\")", "[] x] x"));
    assert!(!whole("A: recv(\"[\", .., \"] x\")", "[1.5] xy"));
    assert!(whole("A: recv(.., \"b\", .., \"b\")", "abab"));
    assert!(!whole("A: recv(.., \"b\", .., \"b\")", "ab"));
    assert!(whole("A: recv(..)", ""));
}

#[test]
fn a_text_is_cut_into_all_of_its_bytes_and_a_long_one_is_let_go() {
    let script = plan(&["A: send(\"x\", split)"]).unwrap().fill(5);
    assert_eq!(script.pieces(0, Pieces::Bytes, 3), [1, 1, 1]);
    let long = script.pieces(0, Pieces::Bytes, 1_000);
    assert_eq!((long.len(), long.iter().sum::<usize>()), (MOMENTS + 1, 1_000));
    let random = script.pieces(0, Pieces::Random, 100);
    assert!(random.len() > 1 && random.iter().sum::<usize>() == 100);
    assert_eq!(script.pieces(0, Pieces::One, 9), [9]);
    assert!(script.pieces(0, Pieces::One, 0).is_empty());
}

#[test]
fn the_kernel_answers_echos_where_no_peer_does() {
    let icmp = |steps: &[&str], icmp| {
        let steps = steps.iter().map(|step| (*step).into()).collect();
        let written = Written { name: "x".into(), steps, icmp, ..Written::default() };
        Plan::read(written).map(|plan| plan.icmp()).map_err(|(_, error)| error.to_string())
    };
    let (peer, none) = (["A: socket(AF_INET, SOCK_RAW)"], []);
    assert_eq!(icmp(&peer, true), Ok(Some(Icmp::AnsweredByPeers)));
    assert_eq!(icmp(&none, true), Ok(Some(Icmp::AnsweredByTheKernel)));
    assert_eq!(icmp(&none, false), Ok(None));
}

#[test]
fn a_peers_socket_is_of_the_kind_that_its_steps_need() {
    let kind = |steps: &[&str]| {
        let (domain, type_) = plan(steps).unwrap().fill(0).kind_of("A");
        format!("{domain} {type_}")
    };
    assert_eq!(kind(&["B: connect(@x)", "A: connect(:1)"]), "AF_INET SOCK_STREAM");
    assert_eq!(kind(&["A: bind(:1)", "A: recvfrom(\"\")"]), "AF_INET SOCK_DGRAM");
    assert_eq!(kind(&["A: bind(:1)", "A: join(\"239.0.0.1\")"]), "AF_INET SOCK_DGRAM");
    assert_eq!(kind(&["A: connect([::1]:1)"]), "AF_INET6 SOCK_STREAM");
    assert_eq!(
        kind(&["A: socket(AF_UNIX, SOCK_SEQPACKET)", "A: connect(:1)"]),
        "AF_UNIX SOCK_SEQPACKET"
    );
}

fn checked(kind: &str, text: &str, step: usize) -> Result<Plan, (Place, Error)> {
    let mut point = WrittenCheckpoint { step, ..WrittenCheckpoint::default() };
    let place = match kind {
        "state" => &mut point.state,
        "call" => &mut point.call,
        _ => &mut point.waits,
    };
    *place = Some(text.into());
    let steps = vec!["A: connect(:9999)".into(), "A: close()".into()];
    Plan::read(Written { name: "s".into(), steps, at: vec![point], ..Written::default() })
}

/// What the checkpoint finds wrong after the first of two steps of a recording of lesson 1.
fn found(kind: &str, text: &str) -> Option<String> {
    let plan = checked(kind, text, 1).unwrap();
    let mut recording = sample::one_shot();
    let socket = |id, state: &'static str, receive_queue| SocketState {
        orphan: false,
        protocol: "tcp".into(),
        socket: Some(SocketId(id)),
        state: state.into(),
        local: SockAddr::Unspec,
        remote: SockAddr::Unspec,
        receive_queue,
        send_queue: 5,
    };
    let named = |word: &str| {
        let names = crate::timeline::socket_names(&recording);
        let of_server = |id: &SocketId| {
            names.object(*id).is_some_and(|it: &Socket| {
                it.role == "server" && matches!(it.kind, Kind::Socket { .. })
            })
        };
        names.iter().find(|(id, name)| *name == word && of_server(id)).unwrap().0.0
    };
    let states =
        vec![socket(named("listener"), "LISTEN", 2), socket(named("conn"), "CLOSE-WAIT", 0)];
    let step = |number, after, states| crate::event::Step {
        number,
        text: String::new(),
        after,
        unmet: None,
        states,
    };
    // At event 4 the server waits in accept(2), and has not received anything.
    recording.steps = vec![step(1, 3, states), step(2, 4, Vec::new())];
    checkpoints(&plan, &recording, &timeline(&recording)).pop().map(|missed| {
        assert_eq!((missed.step, missed.after), (1, 4));
        missed.found
    })
}

#[test]
fn a_checkpoint_looks_at_states_queues_and_calls_of_its_moment() {
    assert_eq!(found("state", "server: conn CLOSE-WAIT"), None);
    assert_eq!(found("state", "server: conn LAST-ACK|CLOSE-WAIT"), None);
    assert_eq!(found("state", "server: conn CLOSED"), Some("conn was CLOSE-WAIT".into()));
    assert_eq!(found("state", "server: conn#2 CLOSED"), Some("server had no conn#2".into()));
    assert_eq!(found("state", "server: listener LISTEN, receive_queue = 2"), None);
    let queue = found("state", "server: listener LISTEN, receive_queue < 2");
    assert_eq!(queue, Some("listener had 2 in that queue".into()));
    assert_eq!(found("call", "server: listen(listener, 5) = 0"), None);
    assert_eq!(
        found("call", "server: recv(conn, ..) > 0"),
        Some("no such call had been made".into())
    );
    assert_eq!(found("waits", "server: accept(listener, ..)"), None);
    assert_eq!(
        found("waits", "server: recv(conn, ..)"),
        Some("server waited in accept(listener)".into())
    );
}

#[test]
fn a_checkpoint_of_a_step_that_was_never_reached_does_not_hold() {
    let plan = checked("state", "server: conn CLOSED", 2).unwrap();
    let recording = sample::one_shot();
    let missed = checkpoints(&plan, &recording, &timeline(&recording));
    assert_eq!(missed[0].found, "the run ended before that");
}

#[test]
fn a_wrong_checkpoint_is_told() {
    let cases = [
        ("state", "conn CLOSED", 1, "does not say whose socket it is"),
        (
            "state",
            "server: conn CLOSE_WAIT",
            1,
            "names no state of TCP: `CLOSE_WAIT`; did you mean `CLOSE-WAIT`?",
        ),
        ("state", "server: conn", 1, "should name a socket and its state"),
        ("state", "server: conn CLOSED, queue = 1", 1, "should say how long a queue is"),
        ("call", "server: fly()", 1, "names no call"),
        ("waits", "server: recv(..) = 1", 1, "has a result"),
        ("state", "server: conn CLOSED", 3, "is no step: there are 1 to 2"),
    ];
    for (kind, text, step, said) in cases {
        match checked(kind, text, step) {
            Err((Place::Checkpoint(0), Error::Pattern { why, .. })) => {
                assert!(why.starts_with(said), "{text}: {why}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}
