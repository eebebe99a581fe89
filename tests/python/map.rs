//! The book's map from Python to Linux and Rust: what each of its lines says is done once and recorded, by
//! tests/fixtures/map.py what is said of Python, by tests/fixtures/rust/map.rs what is said of Rust.
//!
//! A program says before each line which calls must follow. These must be the recording's, and all together those that
//! the line names in the book, so that neither can say what the other does not. Lines about names and the network are
//! done in a run that has its own, and those about EINTR in the weather that brings it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use socket_lab::book::Map;
use socket_lab::event::{Event, Recording, Value};
use socket_lab::play::{Begin, Input, Part, Request, Scene, Wanted};
use socket_lab::render::{json, strace};
use socket_lab::scenario::names::Names;
use socket_lab::scenario::{Plan, Written};
use socket_lab::tracer::launch::Streams;
use socket_lab::tracer::weather::Weather;
use socket_lab::{sandbox, tracer};

use super::{demos, fixtures, skipped};

/// A line of the map, done once.
struct Done {
    /// As the map has them: Python's name; in Rust, who does it as well.
    line: Vec<String>,
    /// As the program says, and the book: `listen(128)`, `recvfrom = ENOTCONN`.
    wanted: Vec<String>,
    made: Vec<Event>,
    /// The error that came of it in Rust: `ErrorKind::NotConnected`.
    error: Option<String>,
}

/// What is said of each line, all that was done of it together.
type Said = BTreeMap<Vec<String>, BTreeSet<String>>;

/// The map's lines, each with the calls that were recorded. One that is not among them was not recorded.
struct Recorded {
    said: Said,
    /// Whether this machine could give every part what it needs.
    whole: bool,
}

#[test]
fn every_line_of_the_map_is_what_python_does() {
    let Some(python) = fixtures::python() else {
        return skipped("there is no Python");
    };
    let program = fixtures::source("map.py").display().to_string();
    let command = [python, &program].map(str::to_owned);
    let Some(recorded) = recorded(&[&command], 1) else { return };
    let mut said = Said::new();
    for line in Map::of_the_book().lines() {
        let calls = code(&line.linux).filter(|it| it.starts_with(|c: char| c.is_ascii_lowercase()));
        said.insert(vec![line.python.clone()], calls.map(str::to_owned).collect());
    }
    recorded.agrees_with(said);
}

#[test]
fn every_line_of_the_map_is_what_rust_does() {
    let Some(drops) = fixtures::rust("drops") else { return };
    let built = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--example", "map"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .status();
    assert!(built.expect("cargo starts").success());
    // Beside the lab if that is a debug build, and else in the folder next to its.
    let folder = Path::new(env!("CARGO_BIN_EXE_lab")).parent().and_then(Path::parent).unwrap();
    let program = folder.join("debug/examples/map").display().to_string();
    let Some(recorded) = recorded(&[&[program], &[drops.display().to_string()]], 2) else { return };
    let mut said = Said::new();
    for line in Map::of_the_book().lines() {
        for (who, calls) in claims(&line.rust) {
            let before = said.insert(vec![line.python.clone(), who.clone()], calls);
            assert!(before.is_none(), "{}: {who} stands there twice", line.python);
        }
    }
    recorded.agrees_with(said);
}

impl Recorded {
    fn agrees_with(mut self, book: Said) {
        for (line, calls) in book {
            match self.said.remove(&line) {
                Some(made) if self.whole => {
                    assert_eq!(made, calls, "{line:?}: recorded, and in the book")
                }
                Some(made) => assert!(made.is_subset(&calls), "{line:?}: {made:?} and {calls:?}"),
                None => assert!(!self.whole, "{line:?}: not recorded"),
            }
        }
        assert!(self.said.is_empty(), "no lines of the map: {:?}", self.said);
    }
}

/// What these programs do, of each the part for every machine and the first one's other parts; each line is named by so
/// many words. `None` where nothing can be recorded.
fn recorded(commands: &[&[String]], words: usize) -> Option<Recorded> {
    if UdpSocket::bind("[::]:0").is_err() {
        skipped("there is no IPv6");
        return None;
    }
    let mut parts: Vec<(Vec<String>, _, _)> =
        commands.iter().map(|it| (it.to_vec(), None, None)).collect();
    let part = |name: &str| -> Vec<String> { [commands[0], &[name.to_owned()]].concat() };
    parts.push((part("own"), Some(names()), None));
    for weather in [Weather::Eintr, Weather::EintrConnect] {
        parts.push((part(weather.name()), None, Some(weather)));
    }
    let mut all = Recorded { said: Said::new(), whole: true };
    for (command, names, weather) in parts {
        let needs_names = names.is_some();
        let Some(recording) = played(&command, names, weather) else {
            if needs_names {
                all.whole = false;
                continue;
            }
            return None;
        };
        let done = done(&recording, words);
        let differing: Vec<String> = done.iter().filter_map(difference).collect();
        assert!(differing.is_empty(), "{command:?}\n{}\n", differing.join("\n"));
        for one in done {
            let calls = one.wanted.into_iter().filter(|it| it != ANY).chain(one.error);
            all.said.entry(one.line).or_default().extend(calls);
        }
    }
    Some(all)
}

fn names() -> Names {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    Names {
        hosts: lines(&["::1 lab.test", "127.0.0.1 lab.test"]),
        services: lines(&["lab-clock 7015/tcp"]),
        dns: lines(&["far.test A 127.0.0.7"]),
    }
}

/// `None` where there is no tracing, or where the run cannot have these names.
fn played(command: &[String], names: Option<Names>, weather: Option<Weather>) -> Option<Recording> {
    let needs_names = names.is_some();
    let scene = |names| {
        let written = Written { name: "the map".into(), names: Some(names), ..Written::default() };
        Scene { plan: Plan::read(written).unwrap_or_else(|(_, error)| panic!("{error}")), seed: 1 }
    };
    let request = Request {
        lesson: None,
        roles: vec![Part {
            name: "program".into(),
            command: command.to_vec(),
            env: Vec::new(),
            begin: Begin::AtOnce,
            ends: Some(true),
            input: Input::Idle,
        }],
        tracer: tracer::Settings {
            streams: Streams::Own,
            timeout: Some(Duration::from_secs(60)),
            weather,
            ..tracer::Settings::default()
        },
        sandbox: sandbox::Settings { confine: needs_names, ..sandbox::Settings::default() },
        wanted: Wanted::Recording,
        scenario: names.map(scene),
    };
    let mut lab = demos::lab()
        .arg("play-request")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    lab.stdin.take().unwrap().write_all(&serde_json::to_vec(&request).unwrap()).unwrap();
    let output = lab.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(2) {
        let lacks_names = needs_names && told.contains("this machine cannot give the run");
        let doctor = demos::lab().arg("doctor").output().unwrap();
        assert!(lacks_names || doctor.status.code() != Some(0), "{told}");
        skipped(&format!("{}: {told}", command.join(" ")));
        return None;
    }
    Some(json::parse(&output.stdout, Path::new("recording")).unwrap())
}

/// The lines that a program has done, one after the other; what happens between them is not theirs.
fn done(recording: &Recording, words: usize) -> Vec<Done> {
    let mut all = Vec::new();
    let mut open: Option<Done> = None;
    let first = recording.events.iter().filter(|it| it.process == 1 && it.thread == 1);
    for event in first.filter(|it| !it.syscall.is_empty()) {
        let to_stdout = matches!(event.arg("fd"), Some(Value::Fd { value: 1, .. }));
        match (&event.bytes, &mut open) {
            (Some(bytes), _) if to_stdout => {
                let text = String::from_utf8_lossy(&bytes.data).into_owned();
                let mut said = text.trim_end().split('\t').map(str::to_owned).collect::<Vec<_>>();
                match open.take() {
                    Some(line) if said[0] == "." => {
                        all.push(Done { error: said.into_iter().nth(1), ..line });
                    }
                    Some(line) => panic!("{:?} was not done: {text}", line.line),
                    None => {
                        let wanted = said.split_off(words);
                        let made = Vec::new();
                        open = Some(Done { line: said, wanted, made, error: None });
                    }
                }
            }
            (_, Some(line)) => line.made.push(event.clone()),
            _ => {}
        }
    }
    let exits = recording.events.iter().rfind(|it| it.syscall == "exit_group");
    let status = exits.map(strace::line).unwrap_or_default();
    assert!(open.is_none() && status.starts_with("exit_group(0)"), "not done: {status}");
    all
}

fn difference(done: &Done) -> Option<String> {
    let Done { line, wanted, made, .. } = done;
    let said: Vec<String> = made.iter().map(strace::line).collect();
    (!follows(made, wanted))
        .then(|| format!("{line:?}: {wanted:?} is not\n  {}", said.join("\n  ")))
}

/// Stands for any number of calls: what the C library asks besides, and how often.
const ANY: &str = "…";

fn follows(made: &[Event], wanted: &[String]) -> bool {
    match (made, wanted) {
        (_, []) => made.is_empty(),
        (_, [any, rest @ ..]) if any == ANY => {
            follows(made, rest) || made.split_first().is_some_and(|(_, made)| follows(made, wanted))
        }
        ([], _) => false,
        ([event, made @ ..], [call, wanted @ ..]) => shows(event, call) && follows(made, wanted),
    }
}

/// Whether a call is the one that was meant: its name, the arguments that were named, its error or none.
fn shows(event: &Event, wanted: &str) -> bool {
    let (call, error) = wanted.split_once(" = ").map_or((wanted, None), |(it, e)| (it, Some(e)));
    let (name, args) = call.trim_end_matches(')').split_once('(').unwrap_or((call, ""));
    // strace(1) has the kernel's name of these options, and the manual the C library's.
    let said = strace::line(event).replace("TIMEO_OLD", "TIMEO");
    let said = said.split_once('(').and_then(|(_, it)| it.rsplit_once(" = ")).map_or("", |it| it.0);
    let words = |text: &str| -> BTreeSet<String> {
        let not_in_one = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        text.split(not_in_one).filter(|it| !it.is_empty()).map(str::to_owned).collect()
    };
    [&event.syscall, &event.call].iter().any(|it| it.as_ref() == name)
        && event.errno.as_deref() == error
        && words(args).is_subset(&words(said))
}

/// What stands in backticks.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// What a cell says of Rust, by who does it: "std `write`: `sendto(MSG_NOSIGNAL)`; …". What has no code in it says
/// nothing about calls.
fn claims(cell: &str) -> Vec<(String, BTreeSet<String>)> {
    let of = |claim: &str| {
        let (who, calls) = claim.split_once(": ").unwrap_or_else(|| panic!("no calls: {claim}"));
        (who.replace('`', ""), code(calls).map(str::to_owned).collect())
    };
    cell.split("; ").filter(|claim| claim.contains('`')).map(of).collect()
}

#[test]
fn planted_differences_are_found() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons/06-seeing-it/python.json");
    let recording = json::parse(&std::fs::read(&kept).unwrap(), &kept).unwrap();
    let listens = recording.events.iter().find(|it| it.syscall == "listen").unwrap();
    for (wanted, is) in [
        ("listen", true),
        ("listen(10)", true),
        ("listen(11)", false),
        ("listen = EADDRINUSE", false),
        ("bind(10)", false),
    ] {
        assert_eq!(shows(listens, wanted), is, "{wanted}");
    }
    let twice = [listens.clone(), listens.clone()];
    for (wanted, is) in [
        ("listen listen", true),
        ("listen", false),
        ("listen …", true),
        ("… listen", true),
        ("… bind", false),
        ("", false),
    ] {
        let wanted: Vec<String> = wanted.split_whitespace().map(str::to_owned).collect();
        assert_eq!(follows(&twice, &wanted), is, "{wanted:?}");
    }
    assert_eq!(
        code("`a(B, C)`, `b = E`; `Other`").collect::<Vec<_>>(),
        ["a(B, C)", "b = E", "Other"]
    );
    let calls = |calls: &[&str]| calls.iter().map(|it| (*it).to_owned()).collect();
    assert_eq!(
        claims("nix `a` of it: `b(C)`, then `d`; std `e`: none; there is none"),
        [("nix a of it".into(), calls(&["b(C)", "d"])), ("std e".into(), calls(&[]))]
    );
}
