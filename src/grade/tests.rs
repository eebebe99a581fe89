//! Each rule form and each check: a run that keeps it, and one that breaks it and only it.

use super::*;
use crate::event::*;
use crate::timeline::sample::{self, Sample, arg, bytes, fd, int, named, polled};
use crate::timeline::timeline;

const SERVER: (&str, u32, u32) = ("server", 1, 1);
const A: (&str, u32, u32) = ("A", 1, 1);

/// What may differ between echo servers.
struct Echo {
    s: Sample,
    listener: u32,
    conn: u32,
    out: u32,
}

/// A server that has accepted `A`, which has sent `hello`; nothing is received yet.
fn accepted() -> Echo {
    let mut s = Sample::new(Some("03-echo"), &["server", "A"]);
    s.0.roles[1] = Role { name: "A".into(), command: Vec::new(), ends: None };
    s.0.end.roles.truncate(1);
    s.0.scenario = Some("a short text".into());
    let out = s.object("server", Kind::Stdout, None);
    let listener = s.listener(SERVER, 3, 9999);
    let idle = s.last();
    let peer = s.socket(A, "SOCK_STREAM", 3);
    s.connect(A, peer, 9999, "");
    step(&mut s, "A: connect(:9999)", None);
    s.moves(A, "send", (3, peer), b"hello", 5);
    step(&mut s, "A: send(\"hello\")", None);
    let conn = s.accept(SERVER, listener, 4, 41000);
    s.since(idle);
    s.0.sockets[conn as usize - 1].peer = Some(SocketId(peer));
    s.0.sockets[peer as usize - 1].peer = Some(SocketId(conn));
    Echo { s, listener, conn, out }
}

fn step(s: &mut Sample, text: &str, unmet: Option<&str>) {
    let number = s.0.steps.len() + 1;
    let (text, after) = (text.into(), s.last());
    s.0.steps.push(Step {
        number,
        text,
        after,
        unmet: unmet.map(str::to_owned),
        states: Vec::new(),
    });
}

impl Echo {
    fn print(&mut self, line: &str) -> &mut Echo {
        self.s.moves(SERVER, "write", (1, self.out), line.as_bytes(), line.len() as i64);
        self
    }

    fn recv(&mut self, text: &[u8]) -> &mut Echo {
        self.s.moves(SERVER, "recv", (4, self.conn), text, 1024);
        self
    }

    /// Gives `text` and has `taken` of it taken.
    fn send(&mut self, text: &[u8], taken: usize) -> &mut Echo {
        let args = vec![
            arg("sockfd", fd(4, self.conn)),
            arg("buf", bytes(text)),
            arg("len", int(text.len() as i64)),
        ];
        let event = self.s.event(SERVER, "send", args, Some(taken as i64), "");
        event.bytes = Some(Bytes::new(&text[..taken]));
        self
    }

    fn fails(&mut self, call: &'static str, errno: &'static str) -> &mut Echo {
        let args = vec![arg("sockfd", fd(4, self.conn)), arg("buf", bytes(b"hello"))];
        self.s.event(SERVER, call, args, Some(-1), errno);
        self
    }

    fn close(&mut self) -> &mut Echo {
        self.s.close(SERVER, 4, self.conn);
        self
    }

    fn ends(&mut self, status: i32) -> Recording {
        self.s.close(SERVER, 3, self.listener);
        self.exits(status)
    }

    fn exits(&mut self, status: i32) -> Recording {
        self.s.exit(SERVER, status.into());
        self.s.0.end.roles[0].how = Ending::Exited { status };
        self.s.0.clone()
    }
}

/// The right server.
fn echo() -> Recording {
    let mut echo = accepted();
    echo.print("hello\n").recv(b"hello").send(b"hello", 5).recv(b"").close();
    echo.ends(0)
}

fn rule(id: &str, expect: Expect) -> Rule {
    let says = format!("the server keeps {id}");
    Rule { id: id.into(), says, hint: Some("Look.".into()), scenarios: Vec::new(), expect }
}

fn pattern(text: &str) -> CallPattern {
    text.parse().unwrap()
}

fn order(texts: &[&str]) -> Expect {
    Expect::Order(texts.iter().map(|text| pattern(text)).collect())
}

fn call(what: &str, given: Option<&str>) -> Expect {
    Expect::Call { what: pattern(what), given: given.map(pattern) }
}

fn never(what: &str, after: Option<&str>) -> Expect {
    Expect::Never { what: pattern(what), after: after.map(pattern) }
}

fn count(what: &str, times: &str) -> Expect {
    Expect::Count { what: pattern(what), times: times.parse().unwrap() }
}

fn only(rules: Vec<Rule>) -> Rules {
    Rules { rules, baseline: Vec::new(), closes_before_exit: false }
}

fn judged(rules: &Rules, recording: &Recording) -> Verdict {
    let timeline = timeline(recording);
    grade(rules, &Run::new("server", recording, &timeline))
}

/// What one rule finds.
fn found(expect: Expect, recording: &Recording) -> Option<Finding> {
    judged(&only(vec![rule("it", expect)]), recording).findings.into_iter().next()
}

/// The names of the checks that a run breaks, of all that there are but those on datagrams, which have tests of their own.
fn broken(recording: &Recording) -> Vec<(&'static str, Grade)> {
    use Check::{AnswersTheSender, AsksOneServer, BytesStamped, NothingInClear, PrintsNoStranger};
    // Nobody echoes and stamps at once, and to this one nothing is typed.
    let others = |it: &Check| {
        matches!(
            it,
            AnswersTheSender | AsksOneServer | PrintsNoStranger | BytesStamped | NothingInClear
        )
    };
    let baseline = Check::ALL.into_iter().filter(|check| !others(check)).collect();
    let rules = Rules { baseline, ..only(Vec::new()) };
    let verdict = judged(&rules, recording);
    let name = |finding: &Finding| Check::named(&finding.rule).unwrap().name();
    verdict.findings.iter().map(|finding| (name(finding), finding.grade)).collect()
}

#[test]
fn a_right_program_breaks_no_check() {
    assert_eq!(broken(&echo()), []);
}

#[test]
fn what_was_typed_may_not_go_through_a_socket_as_it_is() {
    let finds = |typed: &[u8], sent: &[&[u8]]| {
        let mut it = accepted();
        let stdin = it.s.object("server", Kind::Stdin, None);
        it.s.moves(SERVER, "read", (0, stdin), typed, 1024);
        for text in sent {
            it.send(text, text.len());
        }
        found(Expect::Check(Check::NothingInClear), &it.close().ends(0)).map(|it| it.did)
    };
    assert_eq!(finds(b"a secret\n", &[b"\x17\x03\x03", b"terces a"]), None);
    for sent in [&[b"a secret\n".as_slice()][..], &[b"he said: a s", b"ecret"]] {
        let did = finds(b"hello\na secret\n", sent).unwrap();
        assert_eq!(did, "what was typed, `a secret`, went through `conn` for everybody to read");
    }
    // So short that it can be anything's.
    assert!(finds(b"a\nsecret\n", &[b"a"]).is_none());
    assert_eq!(finds(b"", &[b"a secret"]).unwrap(), "`server` read nothing from its stdin");
}

#[test]
fn a_finding_names_a_place_in_the_program_under_test_only() {
    let mut recording = echo();
    recording.roles[0].command = vec!["server".into()];
    for event in &mut recording.events {
        event.source = Some(format!("{}.rs:1", event.role));
    }
    let place = |rule| found(rule, &recording).unwrap().source;
    assert_eq!(place(never("server: recv(..)", None)).as_deref(), Some("server.rs:1"));
    let of_another = place(never("A: connect(..)", None));
    assert_eq!(of_another, None);
}

#[test]
fn each_check_is_broken_by_one_program_and_by_it_alone() {
    use Grade::*;
    let mut cases: Vec<(&str, Recording)> = Vec::new();

    let mut it = accepted();
    it.print("hello\n").recv(b"hello").send(b"hello", 5).recv(b"").close();
    cases.push(("ends-or-serves", it.ends(1)));

    let mut it = accepted();
    it.print("hello\n").recv(b"hello").send(b"hello", 5).recv(b"").close();
    step(&mut it.s, "A: recv(\"hello\")", Some("it received \"hel\""));
    cases.push(("steps-met", it.ends(0)));

    let mut it = accepted();
    it.print("hello\n").recv(b"hello").send(b"hello", 5).recv(b"").close();
    it.s.event(SERVER, "close", vec![arg("fd", fd(4, 0))], Some(-1), "EBADF");
    cases.push(("no-bad-descriptor", it.ends(0)));

    let mut it = accepted();
    it.print("hello\n").recv(b"hello").send(b"hello", 5);
    for _ in 0..30 {
        it.recv(b"");
    }
    it.close();
    cases.push(("no-spin", it.ends(0)));

    let mut it = accepted();
    it.print("hello\n").recv(b"hello").send(b"hello", 5).recv(b"").close();
    let path = Value::Text { value: "/usr/bin/nc".into() };
    it.s.event(SERVER, "execve", vec![arg("pathname", path)], Some(0), "");
    cases.push(("no-exec", it.ends(0)));

    let mut it = accepted();
    it.print("hello\n").recv(b"hello").send(b"hello", 5).recv(b"").close();
    it.s.event(SERVER, "io_uring_setup", vec![arg("entries", int(8))], Some(-1), "ENOSYS");
    cases.push(("no-io-uring", it.ends(0)));

    let mut it = accepted();
    it.print("hello\n").recv(b"hello").send(b"hello", 5).send(b"\0\0", 2).recv(b"").close();
    cases.push(("bytes-echoed", it.ends(0)));
    let mut it = accepted();
    it.print("hello\n").recv(b"hello").send(b"hell", 4).recv(b"").close();
    cases.push(("bytes-echoed", it.ends(0)));
    let mut it = accepted();
    it.print("hello\n").recv(b"hello").send(b"hullo", 5).recv(b"").close();
    cases.push(("bytes-echoed", it.ends(0)));

    let mut it = accepted();
    it.recv(b"hello").send(b"hello", 5).recv(b"").print("b'hello'").print(" 104 101\n").close();
    it.s.0.events.retain(|event| event.args.iter().all(|arg| arg.value != bytes(b"b'hello'")));
    cases.push(("prints-what-it-receives", it.ends(0)));

    for (name, recording) in &cases {
        assert_eq!(broken(recording), [(*name, Broken)], "{name}");
    }
}

#[test]
fn what_is_received_is_stamped_once_and_in_order() {
    /// What each send was given, and how much of it was taken.
    type Sends<'a> = &'a [(&'a [u8], usize)];
    let told = |sent: Sends<'_>| {
        let mut it = accepted();
        it.recv(b"hello");
        for (text, taken) in sent {
            it.send(text, *taken);
        }
        let recording = it.recv(b"").close().s.0.clone();
        found(Expect::Check(Check::BytesStamped), &recording).map(|finding| finding.did)
    };
    assert_eq!(told(&[(b"[1.5]: b'hello'", 15)]), None);
    // Read in two pieces, stamped in two; sent in two pieces, one stamp.
    assert_eq!(told(&[(b"[1.5]: b'he'[1.5]: b'llo'", 25)]), None);
    assert_eq!(told(&[(b"[1.5]: b'hello'", 4), (b"]: b'hello'", 11)]), None);

    let wrong: [(Sends<'_>, &str); 7] = [
        (&[], "of 5 bytes received on `conn`, 0 were stamped and sent back"),
        (&[(b"[1.5]: b'hell'", 14)], "of 5 bytes received on `conn`, 4 were stamped and sent back"),
        (&[(b"[1.5]: b'hello'", 9)], "the stamp that step 10 began on `conn` was never finished"),
        (
            &[(b"[1.5]: b'hello'", 15), (b"[1.6]: b'lo'", 12)],
            "step 11 stamped more on `conn` than the 5 bytes that came",
        ),
        (
            &[(b"[1.5]: b'hullo'", 15)],
            "byte 2 that was stamped on `conn`, in step 10, is another than came",
        ),
        (
            &[(b"hello", 5)],
            "step 10 sent \"hello\" on `conn` where a stamp should begin, such as `[1893456000.5]: b'hello'`",
        ),
        (
            &[(b"[1.5]: b'he'", 12), (b"[1.4]: b'llo'", 13)],
            "the time that step 11 stamped is before the one that it stamped last",
        ),
    ];
    for (sent, did) in wrong {
        assert_eq!(told(sent).as_deref(), Some(did));
    }
}

#[test]
fn who_gives_up_after_a_failed_call_is_shown_that_call() {
    let did = |recording: &Recording| {
        let finding = found(Expect::Check(Check::EndsOrServes), recording).unwrap();
        let marked = finding.lines.iter().find(|line| line.marked).unwrap();
        (finding.did, marked.text.clone())
    };
    let mut it = accepted();
    it.recv(b"hello").fails("send", "ECONNRESET").close();
    let call = "send(conn, \"hello\") = -1 ECONNRESET";
    let (told, marked) = did(&it.ends(1));
    assert!(marked.starts_with(call), "{marked}");
    assert_eq!(told, format!("step 10 was `{marked}`, and `server` ended with status 1"));

    // It went on after that call: what made it end is not known.
    let mut it = accepted();
    it.fails("recv", "EINTR").recv(b"hello").close();
    let (told, marked) = did(&it.ends(1));
    assert_eq!((told.as_str(), marked.as_str()), ("`server` ended with status 1", "exit(1)"));
}

#[test]
fn a_connection_left_open_after_its_end_is_a_leak() {
    let mut it = accepted();
    it.print("hello\n").recv(b"hello").send(b"hello", 5).recv(b"");
    let idle = it.s.last();
    let stuck = it.s.stuck(SERVER, "accept", (3, it.listener), idle);
    it.s.waiting(SERVER, stuck, Party::Outside { what: "a client".into() });
    let why = Value::Text { value: "it still serves".into() };
    it.s.event(SERVER, "killed", vec![arg("why", why)], None, "");
    it.s.0.roles[0].ends = Some(false);
    it.s.0.end.reason = Reason::Serving;
    it.s.0.end.roles[0].how = Ending::Killed { why: "it still serves".into() };
    let leaky = it.s.0.clone();
    let names = ["descriptors-balanced", "closes-every-connection"];
    assert_eq!(broken(&leaky), names.map(|name| (name, Grade::Broken)));

    // A client that is still there may be served on.
    it.s.0.events.retain(|event| !(event.call == "recv" && event.ret == Some(0)));
    let serving = it.s.0;
    assert_eq!(broken(&serving), [("closes-every-connection", Grade::Broken)]);
}

#[test]
fn what_only_the_exit_closes_is_a_note_until_a_lesson_asks_for_more() {
    let mut it = accepted();
    it.print("hello\n").recv(b"hello").send(b"hello", 5).recv(b"").close();
    let recording = it.exits(0);
    assert_eq!(broken(&recording), [("descriptors-balanced", Grade::Note)]);
    let rules = Rules {
        rules: vec![],
        baseline: vec![Check::DescriptorsBalanced],
        closes_before_exit: true,
    };
    assert_eq!(judged(&rules, &recording).findings[0].grade, Grade::Broken);
    let rules = Rules { closes_before_exit: false, ..rules };
    let verdict = judged(&rules, &recording);
    assert_eq!((verdict.result, verdict.findings.len()), (Judgement::Pass, 1));
}

#[test]
fn a_rest_that_is_never_written_is_found_however_it_is_lost() {
    let everything = || Expect::Check(Check::EverythingWritten);
    let end = |it: &mut Echo| it.recv(b"").close().ends(0);

    let mut it = accepted();
    it.recv(b"hello").send(b"hello", 2).send(b"llo", 1).send(b"lo", 2);
    assert_eq!(found(everything(), &end(&mut it)), None);
    // An interrupted send has taken nothing, and all of it comes again.
    let mut it = accepted();
    it.recv(b"hello").fails("send", "EINTR").send(b"hello", 5);
    assert_eq!(found(everything(), &end(&mut it)), None);
    // Who is gone needs no rest.
    let mut it = accepted();
    it.recv(b"hello").send(b"hello", 2).fails("send", "EPIPE");
    assert_eq!(found(everything(), &end(&mut it)), None);

    for spoil in [
        (|it: &mut Echo| {
            it.send(b"hello", 2);
        }) as fn(&mut Echo),
        |it| {
            it.send(b"hello", 2).send(b"hello", 5);
        },
        |it| {
            it.send(b"hello", 2).send(b"llo", 2);
        },
        |it| {
            it.fails("send", "EINTR");
        },
    ] {
        let mut it = accepted();
        it.recv(b"hello");
        spoil(&mut it);
        assert!(found(everything(), &end(&mut it)).is_some());
    }
    let mut it = accepted();
    it.recv(b"hello").send(b"hello", 2);
    let finding = found(everything(), &end(&mut it)).unwrap();
    assert_eq!(finding.did, "step 10 gave 5 bytes and took 2; the rest was never sent");
}

#[test]
fn the_pair_with_which_an_event_loop_wakes_itself_is_no_connection() {
    const CLIENT: (&str, u32, u32) = ("client", 1, 1);
    let with_pair = |speaks: bool| {
        let mut s = Sample::new(None, &["client"]);
        let kind = Kind::Socket {
            domain: "AF_UNIX".into(),
            type_: "SOCK_STREAM".into(),
            protocol: "0".into(),
        };
        let ends = [3, 4].map(|number| fd(number, s.object("client", kind.clone(), None)));
        let sv = Value::List { items: ends.to_vec() };
        let args = vec![arg("domain", named(1, "AF_UNIX")), arg("sv", sv)];
        s.event(CLIENT, "socketpair", args, Some(0), "");
        if speaks {
            let sock = s.socket(CLIENT, "SOCK_STREAM", 5);
            s.moves(CLIENT, "send", (5, sock), b"hello", 5);
            s.close(CLIENT, 5, sock);
        }
        s.exit(CLIENT, 0);
        s.0
    };
    let sends = || order(&["client: send(sock, ..) > 0"]);
    let of = |recording: &Recording| {
        let timeline = timeline(recording);
        let run = Run::new("client", recording, &timeline);
        grade(&only(vec![rule("it", sends())]), &run).result
    };
    assert_eq!(of(&with_pair(true)), Judgement::Pass);
    // Who has nothing but a pair is judged by it.
    assert_eq!(of(&with_pair(false)), Judgement::Fail);
}

#[test]
fn an_order_is_of_the_first_matches_and_each_must_be() {
    let reads_first = || order(&["server: recv(conn, ..) > 0", "server: send(conn, ..) > 0"]);
    assert_eq!(found(reads_first(), &echo()), None);

    let mut it = accepted();
    it.send(b"hello", 5).recv(b"hello").recv(b"").close();
    let finding = found(reads_first(), &it.ends(0)).unwrap();
    assert_eq!(
        finding.did,
        "step 9 was `send(conn, \"hello\", 5) = 5`, before step 10 (`recv(conn, \"hello\", 1024) = 5`); \
         wanted it after"
    );
    let marked: Vec<usize> =
        finding.lines.iter().filter(|line| line.marked).map(|line| line.step).collect();
    assert_eq!(marked, [9]);
    assert_eq!(finding.peer.as_deref(), Some("A sent 5 bytes and got 0 bytes"));

    let mut it = accepted();
    it.recv(b"hello").close();
    let finding = found(reads_first(), &it.ends(0)).unwrap();
    assert_eq!(
        finding.did,
        "step 9 was `recv(conn, \"hello\", 1024) = 5`, and nothing after it was `send(conn, ..) > 0`"
    );
    assert!((2..=5).contains(&finding.lines.len()));
}

#[test]
fn the_same_pattern_again_is_its_next_match() {
    let twice = || order(&["recv(conn, ..) > 0", "send(conn, ..) > 0", "recv(conn, ..) > 0"]);
    let mut it = accepted();
    it.recv(b"hel").send(b"hel", 3).recv(b"lo").send(b"lo", 2).recv(b"").close();
    assert_eq!(found(twice(), &it.ends(0)), None);
    assert!(found(twice(), &echo()).is_some());
}

#[test]
fn a_call_that_is_wanted_given_another_may_come_before_it() {
    let answers = || call("send(conn, ..) > 0", Some("recv(conn, ..) = 0"));
    assert_eq!(found(answers(), &echo()), None);

    let mut silent = accepted();
    silent.recv(b"").close();
    let finding = found(answers(), &silent.ends(0)).unwrap();
    assert!(finding.did.contains("= 0`, and nothing after it"), "{}", finding.did);

    let mut nothing_asked = accepted();
    nothing_asked.close();
    assert_eq!(found(answers(), &nothing_asked.ends(0)), None);
}

#[test]
fn a_rule_holds_for_each_object_of_its_name() {
    let answers = || order(&["accept(listener, ..) = conn", "recv(conn, ..) > 0", "close(conn)"]);
    assert_eq!(found(answers(), &echo()), None);

    // A second client that nobody reads from.
    let mut it = accepted();
    it.recv(b"hello").send(b"hello", 5).recv(b"").close();
    let second = it.s.accept(SERVER, it.listener, 4, 41001);
    it.s.close(SERVER, 4, second);
    let finding = found(answers(), &it.ends(0)).unwrap();
    assert!(finding.did.starts_with("conn#2: "), "{}", finding.did);
}

#[test]
fn nothing_passes_by_absence() {
    let mut s = Sample::new(None, &["server"]);
    s.exit(SERVER, 0);
    let empty = s.0;
    assert!(found(order(&["recv(conn, ..) > 0"]), &empty).is_some());
    assert!(found(call("close(conn)", None), &empty).is_some());
    assert!(found(count("close(conn)", "= 1"), &empty).is_some());
    assert!(found(Expect::Prints(vec!["hello".into()]), &empty).is_some());
    for check in
        [Check::UsesSockets, Check::BytesEchoed, Check::BytesStamped, Check::ClosesEveryConnection]
    {
        assert!(found(Expect::Check(check), &empty).is_some(), "{check:?}");
    }
    // What must not be is not there.
    assert_eq!(found(never("recv(listener, ..)", None), &empty), None);
    assert_eq!(found(count("close(conn)", "<= 2"), &empty), None);

    let mut s = Sample::new(None, &["server"]);
    s.0.end.roles[0].how = Ending::NeverStarted;
    let rules = only(vec![]);
    assert!(matches!(judged(&rules, &s.0).result, Judgement::Undetermined { .. }));
    // Not even one event.
    let s = Sample::new(None, &["server"]);
    let rules = Rules { baseline: Check::BASELINE.to_vec(), ..only(vec![]) };
    assert_eq!(judged(&rules, &s.0).result, Judgement::Fail);
}

#[test]
fn a_port_that_somebody_outside_the_run_holds_is_no_fault_of_the_program() {
    let taken = |ports: &str, own: bool| {
        let mut s = Sample::new(None, &["server"]);
        s.0.isolation.namespaces = vec![ports.into()];
        let listener = match own {
            true => s.listener(SERVER, 3, 9999),
            false => s.socket(SERVER, "SOCK_STREAM", 3),
        };
        let here = SockAddr::Inet { ip: [127, 0, 0, 1].into(), port: 9999 };
        let args = vec![arg("sockfd", fd(3, listener)), arg("addr", Value::Addr(here))];
        s.event(SERVER, "bind", args, Some(-1), "EADDRINUSE");
        s.exit(SERVER, 1);
        s.0.end.roles[0].how = Ending::Exited { status: 1 };
        judged(&only(vec![rule("it", Expect::Check(Check::EndsOrServes))]), &s.0).result
    };
    let Judgement::Undetermined { why } = taken("pid", false) else { panic!("it is judged") };
    assert!(why.contains("127.0.0.1:9999") && why.contains("ss -atunp sport = :9999"), "{why}");
    assert_eq!(taken("pid", true), Judgement::Fail);
    assert_eq!(taken("net", false), Judgement::Fail);
}

#[test]
fn of_a_wrapper_the_program_itself_is_named_as_it_is_to_be_given() {
    let exec = |s: &mut Sample, path: &str, argv: &[&str], found: bool| {
        let text = |text: &str| Value::Text { value: text.into() };
        let items = argv.iter().map(|it| text(it)).collect();
        let args = vec![arg("pathname", text(path)), arg("argv", Value::List { items })];
        let (ret, errno) = if found { (0, "") } else { (-1, "ENOENT") };
        s.event(SERVER, "execve", args, Some(ret), errno);
    };
    let rules = Rules { baseline: vec![Check::NoExec], ..only(vec![]) };
    let found = |recording: &Recording| judged(&rules, recording).findings.into_iter().next();
    let mut s = Sample::new(None, &["server"]);
    s.0.roles[0].command = vec!["python3".into(), "my server.py".into()];
    exec(&mut s, "/sbin/bash", &["bash", "python3", "my server.py"], false);
    exec(&mut s, "/bin/bash", &["bash", "python3", "my server.py"], true);
    exec(&mut s, "/opt/3.12/python3", &["python3", "my server.py"], true);
    s.listener(SERVER, 3, 9999);
    s.exit(SERVER, 0);
    let finding = found(&s.0).unwrap();
    assert!(finding.did.ends_with("started `/bin/bash`"), "{}", finding.did);
    let hint = finding.hint.unwrap();
    assert!(hint.starts_with("`python3` is a script"), "{hint}");
    let (_, command) = hint.split_once("--bin ").unwrap();
    let given = shell_words::split(command).unwrap();
    assert_eq!(shell_words::split(&given[0]).unwrap(), ["/opt/3.12/python3", "my server.py"]);

    // What is started once there is a socket is another's work, and no wrapper of it.
    let mut it = accepted();
    exec(&mut it.s, "/usr/bin/nc", &["nc"], true);
    assert_eq!(found(&it.ends(0)).unwrap().hint, None);
}

#[test]
fn never_is_also_of_what_was_only_tried_and_after_begins_there() {
    let on_listener = || never("_: recv(listener, ..)", None);
    assert_eq!(found(on_listener(), &echo()), None);
    let mut it = accepted();
    let args = vec![arg("sockfd", fd(3, it.listener)), arg("len", int(1024))];
    it.s.event(SERVER, "recv", args, Some(-107), "ENOTCONN");
    let finding = found(on_listener(), &it.ends(0)).unwrap();
    assert!(finding.did.contains("ENOTCONN"), "{}", finding.did);

    let after_end = || never("send(conn, ..)", Some("recv(conn, ..) = 0"));
    assert_eq!(found(after_end(), &echo()), None);
    let mut it = accepted();
    it.recv(b"hello").recv(b"").send(b"hello", 5).close();
    let finding = found(after_end(), &it.ends(0)).unwrap();
    assert!(
        finding.did.ends_with(", after step 10 (`recv(conn, \"\", 1024) = 0`)"),
        "{}",
        finding.did
    );
}

#[test]
fn a_count_counts_for_each_object() {
    assert_eq!(found(count("close(conn)", "= 1"), &echo()), None);
    assert_eq!(found(count("send(conn, ..)", "<= 1"), &echo()), None);
    let mut it = accepted();
    it.recv(b"hello").send(b"he", 2).send(b"llo", 3).recv(b"").close();
    let finding = found(count("send(conn, ..)", "<= 1"), &it.ends(0)).unwrap();
    assert_eq!(finding.did, "it did `send(conn, ..)` 2 times (steps 10, 11)");
}

#[test]
fn a_line_is_printed_whole_and_in_its_turn() {
    let lines = |lines: &[&str]| Expect::Prints(lines.iter().map(|it| it.to_string()).collect());
    let mut it = accepted();
    it.print("waiting\n").print("from ('127.0.0.1', 41000) \n").print("hel").print("lo\n");
    it.recv(b"hello").send(b"hello", 5).recv(b"").close();
    let recording = it.ends(0);
    assert_eq!(found(lines(&["waiting", "from ('..', ..) ", "hello"]), &recording), None);
    let finding = found(lines(&["hello", "waiting"]), &recording).unwrap();
    assert_eq!(finding.did, "`waiting` was printed, but before its turn");
    let finding = found(lines(&["hallo"]), &recording).unwrap();
    assert_eq!(finding.did, "it printed `hello`; wanted a line `hallo`");
}

#[test]
fn a_line_may_have_places_for_what_the_seed_chose() {
    use crate::scenario::texts::{Template, Texts};
    let chosen = Template::read(b"{word2}", "").unwrap().fill(&Texts::new(7, ""));
    let chosen = String::from_utf8(chosen).unwrap();
    let mut it = accepted();
    it.print(&format!("> b'{chosen}'\n"));
    let mut recording = it.ends(0);
    recording.seed = Some(7);
    let wanted = || Expect::Prints(vec!["..b'{word2}'".into()]);
    assert_eq!(found(wanted(), &recording), None);
    recording.seed = Some(8);
    let did = found(wanted(), &recording).unwrap().did;
    assert!(!did.contains("{word2}"), "the text is told, not its place: {did}");
}

#[test]
fn a_pattern_may_have_places_for_what_the_seed_chose() {
    use crate::scenario::texts::{Template, Texts};
    let call =
        |text: &str| Expect::Call { what: crate::pattern::of_rule(text).unwrap(), given: None };
    let chosen = |place: &[u8]| {
        let chosen = Template::read(place, "").unwrap().fill(&Texts::new(7, ""));
        String::from_utf8(chosen).unwrap()
    };
    let mut it = accepted();
    it.recv(b"hello").send(chosen(b"{word2}").as_bytes(), 5);
    let mut recording = it.ends(0);
    recording.seed = Some(7);
    assert_eq!(found(call("server: send(_, \"{word2}\", ..)"), &recording), None);
    assert!(found(call("server: send(_, \"{word3}\", ..)"), &recording).is_some());
    let did = found(call("server: bind(_, {ip}:{port})"), &recording).unwrap().did;
    let told = format!("wanted `bind(_, {}:{})`", chosen(b"{ip}"), chosen(b"{port}"));
    assert!(did.ends_with(&told), "the address is told, not its places: {did}");
}

#[test]
fn peers_are_meant_only_where_they_are_named() {
    // A connects; the server does not.
    assert_eq!(found(never("connect(..)", None), &echo()), None);
    assert_eq!(found(never("_: connect(..)", None), &echo()), None);
    assert!(found(never("A: connect(..)", None), &echo()).is_some());
}

#[test]
fn a_rule_about_another_role_is_not_asked_of_this_one() {
    let of = |role: &str| order(&[&format!("{role}: connect(sock, ..) = 0")]);
    assert!(found(of("server"), &echo()).is_some());
    assert_eq!(found(of("client"), &echo()), None);
}

#[test]
fn a_rule_of_one_scenario_is_not_asked_in_another() {
    let mut one = rule("it", never("send(..)", None));
    assert_eq!(judged(&only(vec![one.clone()]), &echo()).findings.len(), 1);
    one.scenarios = vec!["a silent client".into()];
    assert_eq!(judged(&only(vec![one.clone()]), &echo()).findings, []);
    one.scenarios.push("a short text".into());
    assert_eq!(judged(&only(vec![one]), &echo()).findings.len(), 1);
}

#[test]
fn a_check_that_a_rule_asks_in_one_scenario_holds_in_the_others_too() {
    let mut own = rule("ends-well", Expect::Check(Check::EndsOrServes));
    let mut echo = accepted();
    let panics = echo.recv(b"hello").close().ends(101);
    let named = |own: &Rule| {
        let rules = Rules { baseline: vec![Check::EndsOrServes], ..only(vec![own.clone()]) };
        let findings = judged(&rules, &panics).findings;
        findings.into_iter().map(|finding| finding.rule).collect::<Vec<_>>()
    };
    assert_eq!(named(&own), ["ends-well"]);
    own.scenarios = vec!["a silent client".into()];
    assert_eq!(named(&own), ["ends-or-serves"]);
}

#[test]
fn a_deadlock_is_told_with_both_calls() {
    let recording = crate::timeline::sample::deadlock();
    let rules = Rules { baseline: Check::BASELINE.to_vec(), ..only(vec![]) };
    let verdict = judged(&rules, &recording);
    assert_eq!(verdict.findings[0].rule, "ends-or-serves");
    assert_eq!(
        verdict.findings[0].did,
        "nobody can move: `client` waits in `recv(sock)` (step 7) for `server`; \
         `server` waits in `recv(conn)` (step 9) for `client`"
    );
}

#[test]
fn a_process_that_holds_the_end_that_it_waits_for_waits_for_itself() {
    let child = ("server", 2, 2);
    let mut s = Sample::new(None, &["server"]);
    let sock = s.socket(SERVER, "SOCK_STREAM", 3);
    s.event(SERVER, "fork", vec![], Some(2), "");
    let since = s.last();
    let stuck = s.stuck(child, "recv", (3, sock), since);
    s.waiting(child, stuck, Party::Thread { role: "server".into(), thread: 2 });
    s.0.end.reason = Reason::Deadlock;
    s.0.end.roles[0].how = Ending::Killed { why: "deadlock".into() };
    let rules = Rules { baseline: vec![Check::EndsOrServes], ..only(vec![]) };
    assert_eq!(
        judged(&rules, &s.0).findings[0].did,
        "nobody can move: process 2 of `server` waits in `recv(sock)` (step 3) for itself"
    );
}

#[test]
fn a_rule_about_another_program_of_the_run_tells_of_that_one() {
    let again = ("again", 1, 1);
    let mut s = Sample::new(None, &["server", "again"]);
    s.listener(SERVER, 3, 9999);
    s.socket(again, "SOCK_STREAM", 3);
    s.exit(again, 1);
    let finding = found(call("again: bind(..) = 0", None), &s.0).unwrap();
    assert!(finding.did.starts_with("`again` made 1 call and ended"), "{}", finding.did);
    assert!(found(call("client: bind(..) = 0", None), &s.0).is_none(), "it is not here");
}

#[test]
fn who_was_told_to_end_may_end() {
    let signalled = |text: &str| {
        let mut it = accepted();
        it.print("hello\n").recv(b"hello").send(b"hello", 5).recv(b"").close();
        step(&mut it.s, text, None);
        let args = vec![arg("signum", named(15, "SIGTERM"))];
        it.s.event(SERVER, "killed", args, None, "");
        it.s.0.roles[0].ends = Some(false);
        it.s.0.end.roles[0].how = Ending::Signalled { signal: "SIGTERM".into() };
        it.s.0
    };
    assert_eq!(broken(&signalled("server: kill(SIGTERM)")), []);
    assert_eq!(broken(&signalled("A: close()")), [("ends-or-serves", Grade::Broken)]);
}

#[test]
fn a_server_that_goes_home_does_not_serve() {
    let mut recording = echo();
    recording.roles[0].ends = Some(false);
    assert_eq!(broken(&recording), [("ends-or-serves", Grade::Broken)]);
}

#[test]
fn asking_an_idle_poll_again_and_again_is_a_spin_and_waiting_in_it_is_none() {
    let polls = |blocked: bool| {
        let mut it = accepted();
        it.print("hello\n").recv(b"hello").send(b"hello", 5);
        for n in 0..30 {
            let fds = Value::List { items: vec![polled(4, it.conn, "")] };
            let args = vec![arg("fds", fds), arg("nfds", int(1)), arg("timeout", int(n))];
            let event = it.s.event(SERVER, "poll", args, Some(0), "");
            event.blocked = blocked;
        }
        it.recv(b"").close();
        it.ends(0)
    };
    assert_eq!(broken(&polls(true)), []);
    assert_eq!(broken(&polls(false)), [("no-spin", Grade::Broken)]);
}

#[test]
fn what_the_lab_made_fail_is_no_slip_of_the_program() {
    let mut it = accepted();
    it.print("hello\n").recv(b"hello").send(b"hello", 5);
    for _ in 0..30 {
        let args = vec![arg("sockfd", fd(4, it.conn))];
        let event = it.s.event(SERVER, "recv", args, Some(-1), "EINTR");
        event.note = Some("interrupted by the lab".into());
    }
    it.recv(b"").close();
    assert_eq!(broken(&it.ends(0)), []);
}

#[test]
fn weather_adds_only_what_fair_weather_did_not_show() {
    let rules = only(vec![
        rule("reads", call("recv(conn, ..) = 0", None)),
        rule("sends", call("send(conn, ..) = 5", None)),
    ]);
    let mut it = accepted();
    it.recv(b"hello").send(b"hello", 5).close();
    let fair = judged(&rules, &it.ends(0));
    let mut it = accepted();
    it.recv(b"h").send(b"h", 1).close();
    let foul = in_weather(judged(&rules, &it.ends(0)), &fair);
    let said: Vec<(&str, Grade)> =
        foul.findings.iter().map(|it| (it.rule.as_str(), it.grade)).collect();
    assert_eq!(said, [("sends", Grade::Fragile)]);
    assert_eq!(foul.result, Judgement::Fail);
}

#[test]
fn a_place_in_the_source_goes_with_the_offending_call() {
    let mut it = accepted();
    it.send(b"hello", 5).recv(b"hello").recv(b"").close();
    for (n, event) in it.s.0.events.iter_mut().enumerate() {
        event.source = Some(format!("exercise.rs:{}", n + 1));
    }
    let recording = it.ends(0);
    let expect = order(&["recv(conn, ..) > 0", "send(conn, ..) > 0"]);
    let finding = found(expect, &recording).unwrap();
    let seq = recording.events.iter().find(|e| e.call == "send" && e.role == "server").unwrap().seq;
    assert_eq!((finding.source, finding.events), (Some(format!("exercise.rs:{seq}")), vec![seq]));
}

#[test]
fn an_address_in_a_pattern_is_no_object() {
    let expect = order(&["bind(listener, :9999)", "listen(listener, ..) = 0"]);
    assert_eq!(found(expect, &echo()), None);
}

#[test]
fn a_count_is_a_sign_and_a_number() {
    assert_eq!("<= 3".parse::<Times>().unwrap(), Times { op: Op::Le, number: 3 });
    for wrong in ["", "3", "= x", "== 1", "= -1"] {
        assert!(wrong.parse::<Times>().is_err(), "{wrong}");
    }
}

#[test]
fn every_check_has_a_name_of_its_own_and_words() {
    let mut names: Vec<&str> = Check::ALL.iter().map(|check| check.name()).collect();
    assert!(Check::ALL.iter().all(|check| Check::named(check.name()) == Some(*check)));
    assert!(
        Check::ALL.iter().all(|check| check.why().ends_with('.') && !check.says().ends_with('.'))
    );
    assert!(Check::BASELINE.iter().all(|check| Check::ALL.contains(check)));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Check::ALL.len());
}

#[test]
fn what_is_only_missing_comes_after_what_may_have_kept_it_away() {
    // The server dies before it has a connection: that it died is why the rest is missing.
    let mut s = Sample::new(None, &["server"]);
    s.listener(SERVER, 3, 9999);
    s.exit(SERVER, 1);
    s.0.end.roles[0].how = Ending::Exited { status: 1 };
    let rules = Rules {
        rules: vec![rule("answers", order(&["recv(conn, ..) > 0", "send(conn, ..) > 0"]))],
        baseline: vec![Check::EndsOrServes],
        closes_before_exit: false,
    };
    let names = |verdict: Verdict| -> Vec<String> {
        verdict.findings.into_iter().map(|finding| finding.rule).collect()
    };
    assert_eq!(names(judged(&rules, &s.0)), ["ends-or-serves", "answers"]);

    // It has one and does not answer: that is its own doing, and comes first.
    let mut it = accepted();
    it.recv(b"hello").close();
    assert_eq!(names(judged(&rules, &it.ends(1))), ["answers", "ends-or-serves"]);

    // It was cut off before it could.
    let mut it = accepted();
    it.recv(b"hello");
    let mut recording = it.exits(0);
    recording.end.reason =
        Reason::Limit { what: "5000 calls in a row moved nothing: the program spins".into() };
    recording.end.roles[0].how = Ending::Killed { why: "a limit was reached".into() };
    assert_eq!(names(judged(&rules, &recording)), ["ends-or-serves", "answers"]);
}

#[test]
fn a_run_of_many_sockets_is_graded_in_a_moment() {
    // Ten thousand connections: were each rule to look at each row for each of them, this would take minutes.
    let mut s = Sample::new(None, &["server"]);
    let listener = s.listener(SERVER, 3, 9999);
    for _ in 0..10_000 {
        let conn = s.accept(SERVER, listener, 4, 41000);
        s.0.events.last_mut().unwrap().made = Some(SocketId(conn));
        s.close(SERVER, 4, conn);
    }
    s.close(SERVER, 3, listener);
    s.exit(SERVER, 0);
    let each = order(&["accept(listener, ..) = conn", "close(conn)"]);
    assert_eq!(found(each, &s.0), None);
    assert_eq!(found(Expect::Check(Check::ClosesEveryConnection), &s.0), None);
}

/// A server that makes a thread, or a process, for each of so many clients; so many of them end.
fn threads(clients: u32, ended: u32) -> Recording {
    made(("pthread_create", "pthread_exit"), clients, ended)
}

fn made((makes, ends): (&'static str, &'static str), clients: u32, ended: u32) -> Recording {
    let mut s = Sample::new(None, &["server", "client"]);
    let listener = s.listener(SERVER, 3, 9999);
    let sock = s.socket(("client", 1, 1), "SOCK_STREAM", 3);
    s.connect(("client", 1, 1), sock, 9999, "");
    for n in 0..clients {
        let conn = s.accept(SERVER, listener, 4, 41000 + n as u16);
        s.event(SERVER, makes, vec![], Some(2 + i64::from(n)), "");
        let worker = ("server", if makes == "fork" { 2 + n } else { 1 }, 2 + n);
        s.moves(worker, "send", (4, conn), b"hi", 2);
        s.close(worker, 4, conn);
        if n < ended {
            s.event(worker, ends, vec![arg("status", int(0))], None, "");
        }
    }
    s.0
}

#[test]
fn a_thread_left_behind_for_every_client_is_found_and_a_pool_is_not() {
    let ends = || Expect::Check(Check::ThreadsEnd);
    assert_eq!(found(ends(), &threads(5, 5)), None);
    let finding = found(ends(), &threads(5, 0)).unwrap();
    assert!(
        finding.did.starts_with("5 connections were accepted, and at the end 5"),
        "{finding:?}"
    );
    // Four of them wait for the next client, as those of an executor do.
    assert_eq!(found(ends(), &threads(5, 1)), None);
    // Of so few nobody can tell what the next client would bring.
    assert_eq!(found(ends(), &threads(3, 0)), None);
    assert!(found(ends(), &threads(0, 0)).is_some());
    for end in ["exit", "killed"] {
        assert_eq!(found(ends(), &made(("fork", end), 5, 5)), None);
    }
    let finding = found(ends(), &made(("fork", "exit"), 5, 0)).unwrap();
    assert!(finding.did.contains("5 processes made for them"), "{finding:?}");
}

#[test]
fn a_child_that_was_not_waited_for_is_found() {
    let no_zombies = || Expect::Check(Check::NoZombies);
    let mut recording = sample::forks();
    assert_eq!(found(no_zombies(), &recording), None);
    let zombie = |role: &str, process| Zombie { role: role.into(), process };
    // Those of another role are not its children.
    recording.end.zombies = vec![zombie("client", 2)];
    assert_eq!(found(no_zombies(), &recording), None);
    recording.end.zombies = vec![zombie("server", 2), zombie("server", 3)];
    let finding = found(no_zombies(), &recording).unwrap();
    assert!(
        finding.did.starts_with("process 2 (and 1 more) of `server` ended in step "),
        "{finding:?}"
    );
}

#[test]
fn a_line_that_is_asked_for_twice_is_counted() {
    let lines = |lines: &[&str]| Expect::Prints(lines.iter().map(|it| it.to_string()).collect());
    let mut it = accepted();
    it.print("a client: 1\n").print("bye\n").recv(b"hello").send(b"hello", 5).recv(b"").close();
    let recording = it.ends(0);
    assert_eq!(found(lines(&["a client: ..", "bye"]), &recording), None);
    let finding = found(lines(&["a client: ..", "a client: .."]), &recording).unwrap();
    assert_eq!(finding.did, "it printed 1 line `a client: ..`; wanted 2");
    let finding = found(lines(&["bye", "a client: .."]), &recording).unwrap();
    assert_eq!(finding.did, "`a client: ..` was printed, but before its turn");
}
