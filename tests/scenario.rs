//! Scenarios against real programs: what peers do, what they find, in which states it leaves the sockets.
//!
//! Each run is asked for through `lab play-request`; each scenario of [`SAME`] gives the same recording however often
//! it is played (`LAB_REPEAT=N`, 20).

#[allow(dead_code)]
#[path = "recorder/support/fixtures.rs"]
mod fixtures;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use socket_lab::event::{Ending, Event, Party, Reason, Recording, Schedule, Step};
use socket_lab::play::{Begin, Input, Part, Request, Scene, Wanted};
use socket_lab::scenario::{self, Plan, Written, WrittenCheckpoint};
use socket_lab::timeline::timeline;
use socket_lab::tracer::launch::Streams;
use socket_lab::{render, sandbox, tracer};

/// Says that a test was not made, where a passing test's output is seen as well.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

fn can_record() -> bool {
    static CAN_RECORD: OnceLock<bool> = OnceLock::new();
    *CAN_RECORD.get_or_init(|| {
        let doctor = Command::new(env!("CARGO_BIN_EXE_lab")).arg("doctor").output().unwrap();
        let can = doctor.status.code() == Some(0);
        if !can {
            skipped("tracing is restricted here; lab doctor says why");
        }
        can
    })
}

/// A program and the world around it.
#[derive(Clone)]
struct Run {
    role: &'static str,
    command: Vec<String>,
    ends: bool,
    written: Written,
    seed: u64,
    /// Whether it may write in a folder of its own only.
    confine: bool,
}

/// The server of `conversation.py` of this kind, which must end by itself. `None` where there is no Python, or no tracing.
fn server(kind: &str, steps: &[&str]) -> Option<Run> {
    let script = fixtures::source("conversation.py").to_string_lossy().into_owned();
    let command = vec![fixtures::python()?.to_owned(), script, kind.to_owned()];
    run(command, steps)
}

fn run(command: Vec<String>, steps: &[&str]) -> Option<Run> {
    let steps = steps.iter().map(|step| step.to_string()).collect();
    let written = Written { name: "test".into(), steps, ..Written::default() };
    let confine = false;
    can_record().then_some(Run { role: "server", command, ends: true, written, seed: 1, confine })
}

impl Run {
    fn role(self, role: &'static str) -> Run {
        Run { role, ..self }
    }

    fn serves(self) -> Run {
        Run { ends: false, ..self }
    }

    fn clients(mut self, clients: &str) -> Run {
        self.written.clients = Some(clients.into());
        self
    }

    fn seed(self, seed: u64) -> Run {
        Run { seed, ..self }
    }

    fn state(mut self, step: usize, state: &str) -> Run {
        let state = Some(state.to_string());
        self.written.at.push(WrittenCheckpoint { step, state, ..WrittenCheckpoint::default() });
        self
    }

    fn waits(mut self, step: usize, call: &str) -> Run {
        let waits = Some(call.to_string());
        self.written.at.push(WrittenCheckpoint { step, waits, ..WrittenCheckpoint::default() });
        self
    }

    fn plan(&self) -> Plan {
        Plan::read(self.written.clone()).unwrap_or_else(|(at, error)| panic!("{at:?}: {error}"))
    }

    fn play(&self) -> Played {
        let part = |name: &str, begin| Part {
            name: name.into(),
            command: self.command.clone(),
            env: vec![("PYTHONDONTWRITEBYTECODE".into(), "1".into())],
            begin,
            ends: Some(self.ends),
            input: Input::Idle,
        };
        let plan = self.plan();
        let once_more = plan.starts().map(|(_, name)| part(name, Begin::InStep));
        let request = Request {
            lesson: None,
            roles: std::iter::once(part(self.role, Begin::AtOnce)).chain(once_more).collect(),
            tracer: tracer::Settings {
                schedule: Schedule::Lockstep,
                seed: 0,
                streams: Streams::Own,
                allow_io_uring: false,
                shared_ports: false,
                timeout: Some(std::time::Duration::from_secs(60)),
                ..tracer::Settings::default()
            },
            sandbox: sandbox::Settings { confine: self.confine, ..sandbox::Settings::default() },
            wanted: Wanted::Recording,
            scenario: Some(Scene { plan: self.plan(), seed: self.seed }),
        };
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"))
            .arg("play-request")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let request = serde_json::to_vec(&request).unwrap();
        lab.stdin.take().unwrap().write_all(&request).unwrap();
        let output = lab.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        let recording = serde_json::from_slice(&output.stdout).unwrap();
        Played { recording, plan: self.plan() }
    }
}

struct Played {
    recording: Recording,
    plan: Plan,
}

impl Played {
    /// Whatever the scenario asks for was so, and it was played to its end.
    fn holds(self) -> Played {
        let unmet: Vec<&Step> = self.steps().iter().filter(|step| step.unmet.is_some()).collect();
        assert!(unmet.is_empty(), "{unmet:#?}\n{}", self.text());
        let missed = scenario::checkpoints(&self.plan, &self.recording, &timeline(&self.recording));
        assert!(missed.is_empty(), "{missed:#?}\n{:#?}", self.steps());
        let all = self.plan.fill(self.recording.seed.unwrap()).steps.len();
        assert_eq!(self.steps().len(), all, "{}", self.text());
        self
    }

    fn steps(&self) -> &[Step] {
        &self.recording.steps
    }

    /// What was found instead in the steps that were not met, by their numbers.
    fn unmet(&self) -> Vec<(usize, &str)> {
        let unmet =
            self.steps().iter().filter_map(|step| Some((step.number, step.unmet.as_deref()?)));
        unmet.collect()
    }

    fn of(&self, role: &str, call: &str) -> Vec<&Event> {
        let is_it = |event: &&Event| event.role == role && event.call == call;
        self.recording.events.iter().filter(is_it).collect()
    }

    fn output(&self) -> String {
        let writes = self.recording.events.iter().filter(|event| event.call == "write");
        writes
            .flat_map(|event| event.bytes.clone())
            .map(|it| String::from_utf8_lossy(&it.data).into_owned())
            .collect()
    }

    fn ends_with(&self, status: i32) {
        let how = &self.recording.end.roles[0].how;
        assert_eq!(*how, Ending::Exited { status }, "{}", self.text());
    }

    fn text(&self) -> String {
        render::text::text(
            &timeline(&self.recording),
            &render::text::Style { width: 120, ..Default::default() },
        )
    }
}

macro_rules! need {
    ($what:expr) => {
        match $what {
            Some(there) => there,
            None => return,
        }
    };
}

const ECHO: [&str; 5] = [
    "A: connect(:7000)",
    "A: send(\"{text}\")",
    "A: recv(\"{text}\")",
    "A: shutdown(SHUT_WR)",
    "A: recv() = 0",
];

#[test]
fn a_peer_talks_to_a_server_and_both_ends_are_in_one_timeline() {
    let played = need!(server("echo_once", &ECHO)).play().holds();
    played.ends_with(0);
    let roles: Vec<&str> = played.recording.roles.iter().map(|role| role.name.as_str()).collect();
    assert_eq!(roles, ["server", "A"]);
    assert_eq!(played.recording.scenario.as_deref(), Some("test"));
    // The two ends know each other.
    let sock = played.of("A", "connect")[0].socket.unwrap();
    let conn = played.recording.socket(sock).unwrap().peer.unwrap();
    assert_eq!(played.recording.socket(conn).unwrap().role, "server");
    insta::assert_snapshot!(played.text().lines().skip(1).collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_states_after_each_step_are_those_of_the_book() {
    let run = need!(server("echo_once", &ECHO))
        .state(1, "server: listener LISTEN")
        .state(1, "server: conn ESTABLISHED")
        .state(1, "A: sock ESTABLISHED")
        .state(2, "A: sock ESTABLISHED, receive_queue > 0")
        .state(3, "A: sock ESTABLISHED, receive_queue = 0")
        .state(4, "server: conn CLOSED")
        .state(4, "A: sock TIME-WAIT")
        .waits(3, "server: recv(conn, ..)");
    run.play().holds();
    let wrong = need!(server("echo_once", &ECHO)).state(2, "server: conn CLOSE-WAIT").play();
    let missed = scenario::checkpoints(&wrong.plan, &wrong.recording, &timeline(&wrong.recording));
    assert_eq!(missed.len(), 1);
    assert_eq!(missed[0].found, "conn was ESTABLISHED");
}

#[test]
fn who_waits_in_the_queue_of_a_listener_is_seen() {
    let run = need!(server(
        "echo_each",
        &[
            "A: connect(:7000)",
            "B: connect(:7000)",
            "B: send(\"{text}\")",
            "B: recv() = -1 EAGAIN",
            "A: close()",
            "B: recv(\"{text}\")",
            "server: kill(SIGTERM)",
        ],
    ));
    let played = run
        .serves()
        .state(2, "server: listener LISTEN, receive_queue = 1")
        .state(5, "server: listener LISTEN, receive_queue = 0")
        .play()
        .holds();
    let waiting = played.steps()[2].states.iter().find(|state| state.socket.is_none()).unwrap();
    assert_eq!(waiting.state, "ESTABLISHED");
    assert!(waiting.receive_queue > 0, "its bytes are acknowledged before anybody accepts");
}

#[test]
fn a_program_that_was_ended_is_started_once_more() {
    let steps = [
        "A: connect(:7000)",
        "server: kill(SIGTERM)",
        "A: recv() = 0",
        "again: start()",
        "B: connect(:7000)",
        "B: send(\"{text}\")",
        "B: recv(\"{text}\")",
    ];
    let played = need!(server("echo_each", &steps)).serves().play().holds();
    let ends: Vec<_> = played.recording.end.roles.iter().map(|end| &end.how).collect();
    assert!(matches!(ends[..], [Ending::Signalled { .. }, Ending::Killed { .. }]), "{ends:?}");
    assert!(!played.of("again", "accept4").is_empty(), "it serves B");
}

#[test]
fn the_others_go_on_while_one_stalls() {
    let steps = [
        "A: connect(:7000)",
        "A: send(\"{a}\")",
        "all: connect(:7000)",
        "all: send(\"{text}\")",
        "all: recv(\"{text}\")",
        "all: close()",
        "A: recv(\"{a}\")",
        "A: close()",
    ];
    let played = need!(server("echo_threads", &steps)).serves().clients("2..5").play().holds();
    assert_eq!(played.recording.end.reason, Reason::Serving);
    let one_at_a_time = need!(server("echo_each", &steps)).serves().clients("2..5").play();
    assert!(one_at_a_time.unmet().iter().all(|unmet| *unmet == (5, "nothing came")));
    assert!(one_at_a_time.unmet().len() >= 2);
}

#[test]
fn clients_one_after_the_other_are_as_many_as_the_seed_says() {
    let steps = [
        "each: connect(:7000)",
        "each: send(\"{text}\")",
        "each: recv(\"{text}\")",
        "each: close()",
    ];
    for seed in 1..4 {
        let run = need!(server("echo_each", &steps)).serves().clients("2..6").seed(seed);
        let played = run.play().holds();
        let accepted = played.of("server", "accept").len() + played.of("server", "accept4").len();
        let clients = played.recording.roles.len() - 1;
        assert!((2..=6).contains(&clients));
        assert_eq!(accepted, clients + 1, "the last accept waits for ever");
    }
}

#[test]
fn a_mebibyte_comes_back_whole_though_neither_end_has_room_for_it() {
    let steps = [
        "A: connect(:7000)",
        "A: send(\"{binary:1048576}\")",
        "A: shutdown(SHUT_WR)",
        "A: recv(\"{binary:1048576}\")",
        "A: recv() = 0",
    ];
    let program = need!(fixtures::c("echo_once")).to_string_lossy().into_owned();
    let played = need!(run(vec![program], &steps)).play().holds();
    played.ends_with(0);
    assert!(played.of("A", "send")[0].blocked, "it did not fit at once");
    assert_eq!(played.of("A", "recv")[0].ret, Some(1_048_576));
}

#[test]
fn a_peer_that_sends_first_leaves_unread_what_would_make_room_for_it() {
    let steps = [
        "A: connect(:7000)",
        "A: send(\"{binary:4194304}\", first)",
        "A: shutdown(SHUT_WR)",
        "A: recv(\"{binary:4194304}\")",
        "A: recv() = 0",
    ];
    let program = need!(fixtures::c("echo_once")).to_string_lossy().into_owned();
    let played = need!(run(vec![program], &steps)).play();
    let unmet = "not all of its 4194304 bytes were taken: nobody reads them";
    assert_eq!(played.unmet()[0], (2, unmet));
}

#[test]
fn a_slow_reader_makes_the_writer_wait_and_lets_go_in_the_end() {
    let steps = [
        "A: slow()",
        "A: connect(:7000)",
        "A: send(\"{binary:600000}\")",
        "A: shutdown(SHUT_WR)",
        "A: recv(\"{binary:600000}\")",
        "A: recv() = 0",
    ];
    let played = need!(server("echo_once", &steps)).play().holds();
    assert!(played.of("server", "send").iter().any(|event| event.blocked));
}

#[test]
fn a_text_is_split_within_its_characters() {
    let steps = [
        "A: connect(:7000)",
        "A: send(\"{utf8:9}\", split)",
        "A: recv(\"{utf8:9}\")",
        "A: close()",
    ];
    let played = need!(server("echo_once", &steps)).play().holds();
    let lengths: Vec<_> = played.of("server", "recv").iter().map(|event| event.ret).collect();
    assert_eq!(lengths, [[Some(1); 9].as_slice(), &[Some(0)]].concat());
}

#[test]
fn a_reset_is_a_real_one() {
    let steps = ["A: connect(:7000)", "A: send(\"x\")", "A: recv(\"x\")", "A: reset()"];
    let played = need!(server("echo_once", &steps)).state(4, "A: sock CLOSED").play().holds();
    assert!(played.output().contains("ConnectionResetError"), "{}", played.text());
    assert!(played.of("server", "recv").last().unwrap().failed_with("ECONNRESET"));
}

#[test]
fn a_peer_sees_the_reset_of_a_program_that_leaves_data_unread() {
    let steps = ["A: connect(:7000)", "A: send(\"hello\")", "A: recv() = -1 ECONNRESET"];
    need!(server("rude", &steps)).play().holds();
    let hopeful =
        need!(server("rude", &["A: connect(:7000)", "A: send(\"hello\")", "A: recv() = 0"]));
    let played = hopeful.play();
    assert_eq!(played.unmet(), [(3, "-1 ECONNRESET (the peer broke the connection off)")]);
}

#[test]
fn what_came_instead_is_told() {
    let steps = [
        "A: connect(:7000)",
        "A: send(\"hello\")",
        "A: recv(\"help\")",
        "A: recv() = 0",
        "A: shutdown(SHUT_WR)",
        "A: recv(\"more\")",
        "B: connect(:7000)",
        "B: send(\"x\")",
        "B: recv(\"x\")",
    ];
    let played = need!(server("echo_once", &steps)).play();
    insta::assert_snapshot!(
        played.unmet().iter().map(|(step, found)| format!("{step}: {found}\n")).collect::<String>(),
        @r#"
    3: "hello" came
    4: nothing came
    6: nothing came, then end of file
    7: -1 ECONNREFUSED (connection refused: nobody listens there)
    8: B has no connection
    9: B has no connection
    "#
    );
}

#[test]
fn who_waits_for_a_silent_peer_is_named_with_it() {
    let steps = ["A: connect(:7000)", "A: send(\"hello\")", "A: recv(\"hello\")"];
    let played = need!(server("mute", &steps)).play();
    assert_eq!(played.recording.end.reason, Reason::Deadlock);
    let what = "A, which has no step left".to_string();
    assert_eq!(played.recording.end.waiting[0].for_, [Party::Outside { what }]);
    assert!(
        played
            .text()
            .contains("deadlock: server waits in recv(conn) for A, which has no step left")
    );
    let serving = need!(server("mute", &steps)).serves().play();
    assert_eq!(serving.recording.end.reason, Reason::Serving);
}

#[test]
fn a_peer_that_vanished_hears_nothing_more() {
    let steps = [
        "A: connect(:7000)",
        "A: send(\"hello\")",
        "A: recv(\"hello\")",
        "A: vanish()",
        "A: send(\"again\")",
        "A: recv() = -1 EAGAIN",
    ];
    let run =
        need!(server("echo_once", &steps)).state(6, "server: conn ESTABLISHED, send_queue = 5");
    let played = run.play().holds();
    assert!(played.text().contains("for A, which has vanished"), "{}", played.text());
}

#[test]
fn a_program_that_thinks_before_it_answers_is_waited_for_in_virtual_time() {
    let steps =
        ["A: connect(:7000)", "A: send(\"{text}\")", "A: recv(\"{text}\")", "A: recv() = 0"];
    let played = need!(server("echo_late", &steps)).play().holds();
    assert!(played.of("A", "recv")[0].blocked);
}

#[test]
fn datagram_peers_drop_duplicate_and_answer_from_elsewhere() {
    let steps = [
        "A: bind(:7000)",
        "A: recvfrom(\"ask\")",
        "time: pass()",
        "A: recvfrom(\"ask\")",
        "B: sendto(_, \"psst\")",
        "A: sendto(_, \"{word}\")",
        "A: sendto(_, \"{word}\")",
        "A: recvfrom() = -1 EAGAIN",
    ];
    let played = need!(server("ask_datagrams", &steps)).role("client").play().holds();
    played.ends_with(0);
    let output = played.output();
    assert_eq!(output.lines().take(2).collect::<Vec<_>>(), ["again", "stranger"], "{output}");
    assert_eq!(output.lines().count(), 3, "{output}");
    let echo = [
        "A: sendto(:7000, \"{text}\")",
        "B: sendto(:7000, \"\")",
        "B: recvfrom(\"\")",
        "A: recvfrom(\"{text}\")",
        "server: kill(SIGTERM)",
    ];
    need!(server("echo_datagrams", &echo)).serves().play().holds();
}

#[test]
fn what_is_said_to_many_reaches_each_peer_that_hears_it() {
    let steps = [
        "A: bind(0.0.0.0:7900)",
        "A: join(\"239.255.0.26\")",
        "B: bind(0.0.0.0:7900)",
        "C: bind(:7901)",
        "C: sendto(127.255.255.255:7900, \"{word}\")",
        "A: recvfrom(\"{word}\")",
        "B: recvfrom(\"{word}\")",
        "C: sendto(239.255.0.26:7900, \"{word2}\")",
        "A: recvfrom(\"{word2}\")",
        "A: sendto(_, \"{word3}\")",
        "C: recvfrom(\"{word3}\")",
        "server: kill(SIGTERM)",
    ];
    need!(server("echo_datagrams", &steps)).serves().play().holds();
}

#[test]
fn a_peer_may_be_the_server() {
    let steps = [
        "A: bind(:7000)",
        "A: listen(1)",
        "A: accept()",
        "A: recv(\"hello\")",
        "A: send(\"{text}\")",
        "A: recv() = 0",
        "A: close()",
        "A: close()",
    ];
    let played = need!(server("client", &steps)).role("client").play().holds();
    played.ends_with(0);
    let conn = played.of("A", "accept")[0].made.unwrap();
    let sock = played.recording.socket(conn).unwrap().peer.unwrap();
    assert_eq!(played.recording.socket(sock).unwrap().role, "client");
    let silent = need!(server("client", &["A: bind(:7000)", "A: listen(1)", "A: accept()"]));
    let played = silent.role("client").play();
    assert!(played.text().contains("client waits in recv(sock) for A, which has no step left"));
}

#[test]
fn other_families_are_the_same() {
    let over_v6: Vec<String> =
        ECHO.iter().map(|step| step.replace(":7000", "[::1]:7000")).collect();
    let over_v6: Vec<&str> = over_v6.iter().map(String::as_str).collect();
    need!(server("echo_v6", &over_v6)).state(5, "A: sock TIME-WAIT").play().holds();
    let over_unix: Vec<String> = ECHO.iter().map(|step| step.replace(":7000", "@server")).collect();
    let over_unix: Vec<&str> = over_unix.iter().map(String::as_str).collect();
    let played = need!(server("echo_unix", &over_unix)).play().holds();
    let sock = played.of("A", "connect")[0].socket.unwrap();
    assert!(played.recording.socket(sock).unwrap().peer.is_some());
}

#[test]
fn a_peer_finds_what_the_program_makes_in_its_own_folder() {
    let script = "import os, socket; s = socket.socket(socket.AF_UNIX); \
                  s.bind(os.environ['TMPDIR'] + '/echo'); s.listen(); c = s.accept()[0]; \
                  c.sendall(c.recv(64)); c.close()";
    let Some(python) = fixtures::python() else { return };
    let command = [python, "-c", script].map(String::from).to_vec();
    let steps = ["A: connect(\"$TMPDIR/echo\")", "A: send(\"{text}\")", "A: recv(\"{text}\")"];
    Run { confine: true, ..need!(run(command, &steps)) }.play().holds().ends_with(0);
}

#[test]
fn a_peer_takes_datagrams_at_a_path() {
    let script = "import os, socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); \
                  folder = os.environ['TMPDIR']; s.bind(folder + '/me'); \
                  s.sendto(b'who?', folder + '/clock'); s.sendto(s.recv(64), folder + '/clock')";
    let Some(python) = fixtures::python() else { return };
    let command = [python, "-c", script].map(String::from).to_vec();
    let steps = [
        "A: socket(AF_UNIX, SOCK_DGRAM)",
        "A: bind(\"$TMPDIR/clock\")",
        "A: recvfrom(\"who?\")",
        "A: sendto(_, \"{text}\")",
        "A: recvfrom(\"{text}\")",
    ];
    Run { confine: true, ..need!(run(command, &steps)) }.play().holds().ends_with(0);
}

#[test]
fn lines_signals_and_time_are_steps_too() {
    let steps = ["server: stdin(\"{word}\")", "time: pass(2s)", "server: stdin()"];
    let played = need!(server("lines", &steps)).play().holds();
    played.ends_with(0);
    assert!(played.output().starts_with("got "), "{}", played.output());
    let late = need!(server("lines", &["server: stdin()", "server: stdin(\"x\")", "time: pass()"]));
    assert_eq!(late.play().unmet(), [(2, "server had ended"), (3, "nobody waits for a timer")]);
    let signalled = need!(server("lines", &["server: kill(SIGTERM)"])).play().holds();
    let how = &signalled.recording.end.roles[0].how;
    assert_eq!(*how, Ending::Signalled { signal: "SIGTERM".into() });
}

/// What is hardest to keep the same: full buffers, resets, several threads, time.
const SAME: [(&str, bool, &[&str]); 6] = [
    ("echo_once", true, &ECHO),
    (
        "echo_once",
        true,
        &[
            "A: connect(:7000)",
            "A: send(\"{binary:700000}\")",
            "A: shutdown(SHUT_WR)",
            "A: recv(\"{binary:700000}\")",
        ],
    ),
    (
        "echo_once",
        true,
        &["A: slow()", "A: connect(:7000)", "A: send(\"{binary:500000}\")", "A: reset()"],
    ),
    (
        "echo_threads",
        false,
        &[
            "A: connect(:7000)",
            "A: send(\"{utf8}\", chunks)",
            "B: connect(:7000)",
            "B: send(\"{b}\")",
            "B: recv(\"{b}\")",
            "B: reset()",
            "A: recv(\"{utf8}\")",
            "A: vanish()",
            "A: send(\"x\")",
            "A: close()",
        ],
    ),
    ("echo_late", true, &["A: connect(:7000)", "A: send(\"{text}\")", "A: recv(\"{text}\")"]),
    (
        "echo_datagrams",
        false,
        &["A: sendto(:7000, \"{text}\")", "A: recvfrom(\"{text}\")", "server: kill(SIGTERM)"],
    ),
];

#[test]
fn a_scenario_gives_the_same_recording_every_time() {
    let times = std::env::var("LAB_REPEAT").ok().and_then(|n| n.parse().ok()).unwrap_or(20);
    for (kind, ends, steps) in SAME {
        let run = need!(server(kind, steps));
        let run = if ends { run } else { run.serves() };
        let first = run.play();
        for time in 1..times {
            let again = run.play();
            let bare = |played: &Played| {
                let recording = played.recording.without_machine_facts();
                (recording.events, recording.steps, recording.sockets, recording.end)
            };
            assert_eq!(bare(&first), bare(&again), "{kind}, time {time}: {steps:?}");
        }
    }
}
