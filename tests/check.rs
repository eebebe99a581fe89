//! `lab check`, `lab explain` and `lab audit`, on real programs in the lab's own lessons.
//!
//! That weather's short reads carry real bytes is asserted in `recorder/weather.rs`, and each format of a report against
//! its schema or a consumer's parser beside `src/render/reports.rs`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

#[path = "recorder/support/busy.rs"]
mod busy;
mod deny;
#[path = "recorder/support/fixtures.rs"]
#[allow(dead_code, reason = "the recorder's tests need more of it")]
mod fixtures;

use busy::Busy;

/// Says that a test was not made, where a passing test's output is seen as well.
fn skipped(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn command(args: &[&str]) -> Command {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(args).current_dir(root()).stdin(Stdio::null());
    // What tests solve is nobody's progress.
    lab.env("LAB_STATE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("state"));
    lab
}

fn lab(args: &[&str]) -> Output {
    command(args).output().expect("lab starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What `lab check LESSON --bin COMMAND --as json …` says of its one lesson, and its exit status.
fn checked(lesson: &str, command: &str, more: &[&str]) -> (Json, i32) {
    let args = [&["check", lesson, "--bin", command, "--as", "json", "--seed", "7"], more].concat();
    read(lab(&args))
}

fn read(output: Output) -> (Json, i32) {
    let json: Json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}", stderr(&output)));
    (json["lessons"][0].clone(), output.status.code().expect("no signal"))
}

/// Every finding that is more than a note, in order.
fn findings(lesson: &Json) -> Vec<&Json> {
    let scenarios = lesson["scenarios"].as_array().expect("scenarios");
    let all = scenarios.iter().flat_map(|it| it["findings"].as_array().expect("findings"));
    all.filter(|finding| finding["grade"] != "note").collect()
}

/// The rules that are broken, in order, each once.
fn broken(lesson: &Json) -> Vec<&str> {
    let mut rules: Vec<&str> = Vec::new();
    for finding in findings(lesson) {
        let rule = finding["rule"].as_str().expect("a rule");
        if !rules.contains(&rule) {
            rules.push(rule);
        }
    }
    rules
}

/// It fails by this rule before any other; or passes, where there is none.
fn assert_breaks_first(rule: Option<&str>, lesson: &Json, status: i32, way: &str) {
    assert_eq!(broken(lesson).first().copied(), rule, "{way}: {lesson:#}");
    assert_eq!(status, i32::from(rule.is_some()), "{way}: {lesson:#}");
}

/// A C fixture with its argument, as a command.
fn c(name: &str, argument: &str) -> Option<String> {
    Some(format!("{} {argument}", quoted(&fixtures::c(name)?)))
}

/// A Python fixture with its argument, as a command.
fn python(name: &str, argument: &str) -> Option<String> {
    let script = fixtures::source(&format!("{name}.py"));
    Some(format!("{} {} {argument}", fixtures::python()?, quoted(&script)))
}

fn quoted(path: &Path) -> String {
    shell_words::quote(path.to_str().expect("UTF-8")).into_owned()
}

/// Lesson 3's server in every language that this machine has, with or without a mistake.
fn echoes(mistake: &str) -> Vec<String> {
    let rust = fixtures::rust("echo_to_the_end").map(|it| format!("{} {mistake}", quoted(&it)));
    let all = [python("echo_to_the_end", mistake), c("echo_to_the_end", mistake), rust];
    let all: Vec<String> = all.into_iter().flatten().collect();
    assert!(!all.is_empty(), "there is nothing to check");
    all
}

#[test]
fn a_right_server_passes_in_every_language_and_weather() {
    for command in echoes("") {
        let (lesson, status) = checked("3", &command, &[]);
        assert_eq!((lesson["result"].as_str(), status), (Some("pass"), 0), "{command}: {lesson:#}");
    }
}

/// Lessons in CPython's own `socket` and `socketserver`: the way, the weather, and where it is a wrong way the rule that it
/// breaks first.
const IN_PYTHON: [(&str, &str, &str, Option<&str>); 38] = [
    ("15", "right", "all", None),
    ("15", "ipv4", "none", Some("tries-every-candidate")),
    ("15", "any-error", "none", Some("says-that-there-is-no-such-name")),
    ("16", "right", "all", None),
    ("16", "mapped", "none", Some("shows-ipv4-plainly")),
    ("16", "remembered", "none", Some("asks-the-kernel")),
    ("17", "right", "all", None),
    ("17", "as-it-comes", "none", Some("restarts-at-once")),
    ("17", "shared", "none", Some("refuses-a-second")),
    ("18", "right", "all", None),
    ("18", "each-call-its-own", "none", Some("ends-in-time")),
    ("19", "right", "all", None),
    ("19", "threads", "none", None),
    ("19", "one-by-one", "none", Some("asks-all-at-once")),
    ("19", "writable", "none", Some("writable-is-not-open")),
    ("20", "right", "all", None),
    ("20", "gives-first", "none", Some("gives-and-takes-at-once")),
    ("20", "one-send", "short-write", Some("sends-all-of-it")),
    ("21", "right", "all", None),
    ("21", "unbuffered", "none", Some("reads-across-pieces")),
    ("21", "replaces", "none", Some("says-what-is-no-text")),
    ("22", "right", "all", None),
    ("22", "two-files", "none", None),
    ("22", "buffered", "none", Some("flushes-before-it-waits")),
    ("22", "one-text", "none", Some("keeps-what-it-has-read-ahead")),
    ("22", "leaves-them-open", "none", Some("lets-go-of-the-connection")),
    ("23", "right", "all", None),
    ("23", "plain", "none", Some("takes-over-a-stale-name")),
    ("24", "right", "all", None),
    ("24", "keeps-them", "none", Some("lets-go-of-what-it-has-passed")),
    ("24", "two-seats", "none", Some("takes-all-that-were-passed")),
    ("25", "right", "all", None),
    ("25", "cuts", "none", Some("says-that-it-is-too-long")),
    ("25", "empty-is-the-end", "none", Some("goes-on-after-an-empty-message")),
    ("26", "right", "all", None),
    ("26", "unasked", "none", Some("may-speak-to-everybody")),
    ("26", "each-call-its-own", "none", Some("keeps-its-deadline")),
    ("26", "as-a-file", "none", Some("answers-questions-only")),
];

#[test]
fn programs_of_cpythons_sockets_pass_where_they_are_right_and_only_there() {
    let lacks = stdout(&lab(&["doctor"])).contains("MISSING");
    for (lesson, way, weather, rule) in IN_PYTHON {
        let Some(command) = python("lessons", &format!("{lesson} {way}")) else { return };
        let (told, status) = checked(lesson, &command, &["--weather", weather]);
        if lacks && told["result"] == "undetermined" {
            skipped(&format!("lesson {lesson} in Python, {way}: see `lab doctor`"));
            continue;
        }
        assert_breaks_first(rule, &told, status, way);
    }
}

#[test]
fn pythons_own_socketserver_passes_with_a_limit_to_its_waiting() {
    let ways = [
        ("right", None),
        ("plain", Some("serves-side-by-side")),
        ("patient", Some("gives-up-on-silence")),
    ];
    for (way, first) in ways {
        let Some(command) = python("socketservers", way) else { return };
        let (lesson, status) = checked("29", &command, &[]);
        assert_breaks_first(first, &lesson, status, way);
    }
}

#[test]
fn a_client_over_tls_is_held_to_the_same_in_python() {
    for (way, first) in [
        ("right", None),
        ("ragged", Some("notices-a-cut")),
        ("anybody", Some("refuses-an-unknown-authority")),
        ("no-name", Some("refuses-another-name")),
    ] {
        let Some(command) = python("tls", way) else { return };
        if !has_ssl() {
            return skipped("this Python has no ssl");
        }
        let (lesson, status) = checked("31", &command, &[]);
        assert_breaks_first(first, &lesson, status, way);
    }
}

fn has_ssl() -> bool {
    let python = fixtures::python().map(|it| Command::new(it).args(["-c", "import ssl"]).status());
    python.is_some_and(|status| status.is_ok_and(|status| status.success()))
}

#[test]
fn the_same_mistake_breaks_the_same_rule_in_every_language() {
    for (mistake, rule) in
        [("stops-early", "reads-until-the-end"), ("sends-once", "sends-what-is-left")]
    {
        for command in echoes(mistake) {
            let (lesson, status) = checked("3", &command, &[]);
            assert_eq!(status, 1, "{command}");
            assert_eq!(broken(&lesson)[0], rule, "{command}: {:?}", broken(&lesson));
        }
    }
}

#[test]
fn one_write_is_enough_in_fair_weather_and_not_in_foul() {
    let scenario = ["--scenario", "a line, then the end", "--weather"];
    for command in echoes("sends-once") {
        let (lesson, status) = checked("3", &command, &[&scenario[..], &["none"]].concat());
        assert_eq!((lesson["result"].as_str(), status), (Some("pass"), 0), "{command}");
        let (lesson, status) = checked("3", &command, &[&scenario[..], &["short-write"]].concat());
        assert_eq!((lesson["result"].as_str(), status), (Some("fail"), 1), "{command}");
        let finding = &lesson["scenarios"][1]["findings"][0];
        assert_eq!(finding["grade"], "fragile", "{finding:#}");
        // The command that the report names makes the same run again.
        let next = shell_words::split(finding["next"].as_str().unwrap()).unwrap();
        let next: Vec<&str> = next.iter().skip(1).map(String::as_str).collect();
        let again = lab(&[&next[..], &["--as", "json"]].concat());
        let again: Json = serde_json::from_slice(&again.stdout).unwrap();
        assert_eq!(again["lessons"][0], lesson);
    }
}

#[test]
fn one_read_is_enough_in_fair_weather_and_not_in_foul() {
    let Some(command) = python("echo_to_the_end", "reads-once") else { return };
    let scenario = ["--scenario", "a line, then the end", "--weather"];
    let (lesson, status) = checked("3", &command, &[&scenario[..], &["none"]].concat());
    assert_eq!((lesson["result"].as_str(), status), (Some("pass"), 0), "{lesson:#}");
    let (lesson, status) = checked("3", &command, &[&scenario[..], &["short-read"]].concat());
    assert_eq!((lesson["result"].as_str(), status), (Some("fail"), 1));
    let finding = &lesson["scenarios"][1]["findings"][0];
    assert_eq!(
        (finding["rule"].as_str(), finding["grade"].as_str()),
        (Some("reads-until-the-end"), Some("fragile")),
        "{finding:#}"
    );
}

#[test]
fn right_programs_of_cpythons_sockets_pass_in_all_weathers() {
    for style in ["all", "view", "file"] {
        let Some(command) = python("right_echoes", style) else { return };
        for weather in ["short-read", "short-write", "eintr"] {
            let (lesson, status) = checked("3", &command, &["--weather", weather]);
            assert_eq!((lesson["result"].as_str(), status), (Some("pass"), 0), "{lesson:#}");
        }
    }
}

#[test]
fn pythons_forking_servers_pass_and_one_that_never_waits_does_not() {
    for style in ["library", "signals", "prefork"] {
        let Some(command) = python("forking", style) else { return };
        let (lesson, status) = checked("30", &command, &[]);
        assert_eq!((lesson["result"].as_str(), status), (Some("pass"), 0), "{style}: {lesson:#}");
    }
    let Some(command) = python("forking", "forgets") else { return };
    let (lesson, status) = checked("30", &command, &[]);
    assert_eq!((lesson["result"].as_str(), status), (Some("fail"), 1));
    assert_eq!(broken(&lesson), ["collects-its-children"], "{lesson:#}");
}

#[test]
fn the_same_seed_gives_the_same_bytes_twenty_times_on_a_quiet_and_on_a_busy_machine() {
    let Some(command) = python("echo_to_the_end", "reads-once") else { return };
    let report = || {
        let scenario = ["--scenario", "a line, then the end", "--seed", "5"];
        let output = lab(&[&["check", "3", "--bin", &command], &scenario[..]].concat());
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        stdout(&output)
    };
    let first = report();
    assert!(first.contains("short-read"), "{first}");
    for time in 1..20 {
        let _busy = (time % 2 == 1).then(|| Busy::new(4));
        assert_eq!(report(), first, "time {time}");
    }
}

#[test]
fn nothing_that_does_not_do_the_work_passes() {
    for (what, first, rule) in [
        ("empty", "uses-sockets", "uses-sockets"),
        ("prints", "uses-sockets", "uses-sockets"),
        ("nc", "reads-before-it-replies", "no-exec"),
        ("io_uring", "prints-the-request", "no-io-uring"),
        ("sleeps", "uses-sockets", "uses-sockets"),
        ("computes", "ends-or-serves", "ends-or-serves"),
    ] {
        let Some(command) = c("hostile", what) else { return };
        let (lesson, status) = checked("1", &command, &["--weather", "none"]);
        assert_eq!((lesson["result"].as_str(), status), (Some("fail"), 1), "{what}: {lesson:#}");
        assert!(broken(&lesson).contains(&rule), "{what}: {lesson:#}");
        // Which program stands in for the work is the machine's affair: there may be no nc.
        if what != "nc" {
            assert_eq!(broken(&lesson)[0], first, "{what}: {lesson:#}");
        }
    }
    let (lesson, status) = checked("1", "/bin/true", &[]);
    assert_eq!((lesson["result"].as_str(), status), (Some("fail"), 1));
}

#[test]
fn a_client_and_a_server_that_wait_for_each_other_are_named_at_once() {
    let Some(python) = fixtures::python() else { return };
    let script = "import socket; s = socket.create_server(('127.0.0.1', 9999)); c, _ = s.accept(); c.recv(64); c.recv(64)";
    let program = format!("{python} -c {}", shell_words::quote(script));
    let began = Instant::now();
    let (lesson, status) = checked("1", &program, &["--weather", "none"]);
    assert!(began.elapsed() < soon(), "{:?}", began.elapsed());
    assert_eq!(status, 1);
    let findings = findings(&lesson);
    let told = findings.iter().find(|it| it["rule"] == "steps-met").expect("steps-met");
    let did = told["did"].as_str().expect("words");
    // Both calls, who waits for whom, and the call that neither makes.
    for part in ["`A: recv(", "`server` waited in `recv(conn)`", "for A, and A for `server`"] {
        assert!(did.contains(part), "{did}");
    }
    assert!(did.contains("wanted `send(conn, ..)`"), "{did}");
}

#[test]
fn two_programs_that_wait_for_each_other_are_named_long_before_the_limit() {
    let Some(program) = fixtures::c("wait_each_other") else { return };
    let role = |name: &str| format!("{name}={} recv {name} 7590", quoted(&program));
    let (server, client) = (role("server"), role("client"));
    let began = Instant::now();
    let output = lab(&["trace", "--timeout", "10", "--role", &server, "--role", &client]);
    assert!(began.elapsed() < soon(), "{:?}", began.elapsed());
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, told) = text.split_once("deadlock: ").expect("it is named");
    assert!(told.contains("server waits in recv(conn) for client (step"), "{told}");
    assert!(told.contains("client waits in recv(sock) for server (step"), "{told}");
}

/// In which a deadlock must be named, of a limit of 10 s. The machine may be busy with other tests meanwhile.
fn soon() -> Duration {
    Duration::from_secs(if std::env::var_os("CI").is_some() { 8 } else { 2 })
}

#[test]
fn where_ptrace_is_forbidden_nothing_is_determined_in_any_format() {
    // A right program: what is not known of it is not that it fails.
    let Some(program) = c("echo_to_the_end", "") else { return };
    for format in ["text", "json", "junit", "tap", "gradescope", "github"] {
        let args = ["check", "3", "--bin", &program, "--weather", "none", "--as", format];
        let mut lab = command(&args);
        deny::deny(&mut lab, libc::SYS_ptrace);
        let output = lab.output().expect("lab starts");
        let text = stdout(&output);
        assert_eq!(output.status.code(), Some(2), "{format}: {text}{}", stderr(&output));
        assert!(text.contains("undetermined"), "{format}: {text}");
        assert!(text.contains("ptrace is forbidden here (EPERM)"), "{format}: {text}");
        let passes = |line: &str| {
            line.starts_with("ok ") || ["\"pass\"", "\"passed\""].iter().any(|it| line.contains(it))
        };
        assert!(!text.lines().any(passes), "{format}: {text}");
        let count = |what: &str| text.matches(what).count();
        assert_eq!(count("<testcase "), count("<error "), "{format}: {text}");
    }
}

/// The lab as in a container without options: neither a network of the run's own nor a way to a program's descriptors.
fn contained(args: &[&str]) -> Command {
    let mut lab = command(args);
    deny::deny(&mut lab, libc::SYS_unshare);
    deny::deny(&mut lab, libc::SYS_pidfd_getfd);
    lab
}

#[test]
fn in_a_container_a_lesson_that_needs_more_is_refused_with_the_reason() {
    for (lesson, what) in [("15", "names"), ("27", "a network"), ("28", "a network")] {
        let output = contained(&["run", lesson]).output().expect("lab starts");
        assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
        let says = format!("error: this machine cannot give the run {what} of its own: ");
        assert!(stderr(&output).contains(&says), "{}", stderr(&output));
        assert!(stderr(&output).contains("try: lab doctor"), "{}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
}

// It closes first, so TIME-WAIT stays behind; and it does not know that this was provided for.
#[test]
fn in_a_container_a_right_server_passes_again_within_the_minute() {
    let Some(python) = fixtures::python() else { return };
    let script = "
import socket
listener = socket.socket()
listener.bind(('127.0.0.1', 9999))
listener.listen(5)
print('等待连接...')
conn, addr = listener.accept()
print(f'连接服务器: 地址 {addr} ')
for one in listener, conn:
    assert one.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0
print(conn.recv(1024).decode())
conn.send('欢迎'.encode())
conn.close()
listener.close()
";
    let program = format!("{python} -c {}", shell_words::quote(script));
    let args = ["check", "1", "--bin", &program, "--weather", "none", "--as", "json"];
    for time in ["first", "second"] {
        let (lesson, status) = read(contained(&args).output().expect("lab starts"));
        assert_eq!(
            (lesson["result"].as_str(), status),
            (Some("pass"), 0),
            "{time} time: {lesson:#}"
        );
    }
    let client =
        "import socket; s = socket.create_connection(('127.0.0.1', 9999)); s.send(b'?'); s.recv(9)";
    let (server, client) =
        (format!("server={program}"), format!("client={python} -c {}", shell_words::quote(client)));
    let output =
        contained(&["trace", "--role", &server, "--role", &client]).output().expect("lab starts");
    let text = stdout(&output);
    assert!(text.contains("bind(listener, 127.0.0.1:9999) = 0"), "{text}");
    assert!(!text.contains("setsockopt("), "{text}");
}

#[test]
fn in_a_container_it_is_known_whose_connection_is_in_time_wait() {
    let output = contained(&["run", "1"]).output().expect("lab starts");
    let text = stdout(&output);
    assert!(text.contains("▸ conn TIME-WAIT"), "{text}{}", stderr(&output));
}

#[test]
fn in_a_container_nothing_is_said_of_a_program_that_waits_for_a_timerfd() {
    let Some(python) = fixtures::python() else { return };
    let script = "
import ctypes, os, struct
libc = ctypes.CDLL(None)
timer = libc.timerfd_create(1, 0)
libc.timerfd_settime(timer, 0, struct.pack('4q', 0, 0, 1, 0), None)
os.read(timer, 8)
";
    let program = format!("{python} -c {}", shell_words::quote(script));
    let args = ["check", "1", "--bin", &program, "--weather", "none", "--as", "json"];
    let (lesson, status) = read(contained(&args).output().expect("lab starts"));
    assert_eq!((lesson["result"].as_str(), status), (Some("undetermined"), 2), "{lesson:#}");
    let why = lesson.to_string();
    assert!(why.contains("pidfd_getfd gives EPERM; see `lab doctor`"), "{why}");
    let output = contained(&["trace", "--role", &format!("one={program}")]).output();
    assert_eq!(output.expect("lab starts").status.code(), Some(2));
}

#[test]
fn the_same_seed_gives_the_same_bytes_however_many_run_at_once() {
    let report = |jobs: &str| {
        let output = lab(&["check", "1", "2", "--seed", "3", "-j", jobs]);
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        stdout(&output)
    };
    let first = report("1");
    for jobs in ["2", "4", "1"] {
        assert_eq!(report(jobs), first, "-j{jobs}");
    }
}

#[test]
fn all_lessons_are_checked_without_a_terminal_an_environment_or_input() {
    let run = |jobs: &str| {
        // In fair weather: the audit has been through all of them.
        let mut lab = command(&["check", "--all", "--weather", "none", "-j", jobs]);
        lab.env_clear();
        // What finds cargo and its registry, and no more.
        for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "CARGO_TARGET_DIR"] {
            lab.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        lab.output().expect("lab starts")
    };
    let output = run("1");
    let text = stdout(&output);
    assert!(!text.contains('\u{1b}'));
    let list: Json = serde_json::from_slice(&lab(&["list", "--json"]).stdout).unwrap();
    let names = list["lessons"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap());
    let names: BTreeSet<&str> = names.collect();
    // Below the verdicts there is a line for each lesson that has something to check, and how many there are.
    let (_, summary) = text.trim_end().rsplit_once("\n\n").expect("a summary");
    let mut lines: Vec<&str> = summary.lines().collect();
    let last = lines.pop().unwrap_or_default();
    let refused = |line: &&str| line.contains("  undetermined  this machine cannot give the run ");
    let refusals = lines.iter().filter(|line| refused(line)).count();
    let fails = format!("0 passed, {} failed", lines.len() - refusals);
    if refusals > 0 {
        assert!(stdout(&lab(&["doctor"])).contains("MISSING"), "{summary}");
        skipped(&format!("{refusals} lessons need what this machine does not give"));
        assert_eq!(last, format!("{fails}, {refusals} undetermined"), "{summary}");
    } else {
        assert_eq!(last, fails, "{summary}");
    }
    let status = if refusals > 0 { 2 } else { 1 };
    assert_eq!(output.status.code(), Some(status), "{}", stderr(&output));
    let told: BTreeSet<&str> =
        lines.iter().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(told.len(), lines.len(), "{summary}");
    assert!(told.is_subset(&names) && told.len() >= 3, "{summary}");
    assert!(lines.iter().all(|line| line.contains("  fail  ") || refused(line)), "{summary}");
    assert_eq!(stdout(&run("2")), text);
}

#[test]
fn what_is_wrong_with_the_command_line_is_told_before_anything_runs() {
    for (args, said) in [
        (&["check", "1", "--weather", "short-raed"][..], "did you mean short-read?"),
        (&["check", "3", "--scenario", "a mebibite"], "did you mean `a mebibyte`?"),
        (&["check", "3", "--scenario", "the"], "fits several scenarios"),
        (&["check", "3", "--role", "client=true"], "grades `server`"),
        (&["check", "3", "--bin", "'"], "a quote is not closed"),
        (&["check", "3", "--bin", ""], "there is no command"),
        (&["check", "3", "--all"], "`--all`"),
        (&["check", "echoo"], "did you mean 03-echo?"),
        (&["explain", "short-raed"], "did you mean short-read?"),
    ] {
        let output = lab(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(said), "{args:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "", "{args:?}");
    }
}

#[test]
fn a_program_that_cannot_be_started_is_undetermined() {
    let (lesson, status) = checked("1", "/no/such/program", &["--weather", "none"]);
    assert_eq!((lesson["result"].as_str(), status), (Some("undetermined"), 2));
    assert!(lesson["why"].as_str().unwrap().contains("no such file"), "{lesson:#}");
}

#[test]
fn a_report_goes_to_the_file_that_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.xml");
    let output = lab(&["check", "1", "--as", "junit", "-o", file.to_str().unwrap()]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), ""));
    let xml = fs::read(&file).unwrap();
    let read = junit_parser::from_reader(&xml[..]).unwrap();
    assert!(read.failures > 0, "{}", String::from_utf8_lossy(&xml));
}

#[test]
fn a_finding_says_where_in_the_exercise_it_is() {
    let output = lab(&["check", "1", "--as", "github"]);
    let text = stdout(&output);
    let line =
        text.lines().find(|line| line.contains("file=lessons/01-one-shot/exercise.rs,line="));
    assert!(line.is_some(), "{text}");
}

#[test]
fn explain_lists_everything_and_tells_each() {
    let list = stdout(&lab(&["explain"]));
    for name in ["steps-met", "everything-written", "reads-until-the-end", "eintr-connect"] {
        assert!(list.lines().any(|line| line.trim_start().starts_with(name)), "{name}: {list}");
        let output = lab(&["explain", name]);
        assert_eq!(output.status.code(), Some(0), "{name}");
        assert!(stdout(&output).starts_with(name), "{name}: {}", stdout(&output));
    }
    let told = stdout(&lab(&["explain", "short-read"]));
    assert!(told.contains("used by 03-echo"), "{told}");
}

#[test]
fn a_lesson_that_loses_a_rule_is_caught_by_name() {
    for lesson in ["01-one-shot", "02-server-that-stays", "03-echo"] {
        loses_each_rule_in_turn(lesson);
    }
}

fn loses_each_rule_in_turn(lesson: &str) {
    let house = house(lesson);
    let audit = |program: &str| {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.args(["audit", &lesson[3..], "--program", program]).current_dir(house.path());
        let output = lab.env("CARGO_TARGET_DIR", target()).output().expect("lab starts");
        (stdout(&output), output.status.code())
    };
    let file = house.path().join("lessons").join(lesson).join("lesson.toml");
    let whole = fs::read_to_string(&file).unwrap();
    let blocks: Vec<&str> = whole.split("[[rule]]").collect();
    let (before, rules) = blocks.split_first().unwrap();
    assert!(!rules.is_empty());
    for (without, rule) in rules.iter().enumerate() {
        let id = rule.lines().find_map(|line| line.strip_prefix("id")).unwrap();
        let mistake = format!("mistakes/{}", id.trim_matches([' ', '=', '"']));
        fs::write(&file, &whole).unwrap();
        assert_eq!(audit(&mistake), (format!("{lesson}: clean\n"), Some(0)), "{mistake}");
        // What comes after the last rule stays.
        let after = rule.find("\n[").map_or("", |at| &rule[at..]);
        let mut text = before.to_string();
        for (n, other) in rules.iter().enumerate() {
            if n == without {
                text.push_str(after);
            } else {
                text.push_str("[[rule]]");
                text.push_str(other);
            }
        }
        fs::write(&file, text).unwrap();
        let (said, status) = audit(&mistake);
        assert_eq!(status, Some(1), "{mistake}: {said}");
        let named = said.lines().any(|line| {
            line.contains(&mistake)
                && line.contains(&format!("must fail by `{}`", &mistake["mistakes/".len()..]))
        });
        assert!(named, "{mistake}: {said}");
    }
}

/// A copy of the lab with this lesson alone, which is built into the same target folder.
fn house(lesson: &str) -> tempfile::TempDir {
    let house = tempfile::tempdir().unwrap();
    let lesson = format!("lessons/{lesson}");
    for name in ["Cargo.toml", "Cargo.lock", "src", "lessons/kit", &lesson, "benches"] {
        let from = root().join(name);
        if from.exists() {
            copy(&from, &house.path().join(name));
        }
    }
    house
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}

/// Where this test's own build lies: what others have compiled need not be compiled again.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("house")
}
