//! The lessons and Python: what its socket calls are to the kernel, as the table of lesson 6 has it, and whether each
//! program of the sources and its twin in Python understand each other.
//!
//! The table is drawn from a recording. Where there is a Python, its calls are recorded anew and must give the same table; where there is none, the kept
//! recording must. `LAB_ACCEPT=1` writes both anew: read their difference.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use socket_lab::catalogue::{Catalogue, Lesson};
use socket_lab::event::{Kind, Recording, SockAddr, SocketId, Value};
use socket_lab::pattern::Class;
use socket_lab::render::{json, strace};
use socket_lab::timeline::{RowKind, timeline};

mod demos;
#[path = "recorder/support/fixtures.rs"]
#[allow(dead_code, reason = "the recorder's tests need more of it")]
mod fixtures;
#[path = "python/map.rs"]
mod map;

/// Says that a test was not made, where a passing test's output is seen as well.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

#[test]
fn the_table_of_pythons_calls_is_what_python_does() {
    let lesson = Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons/06-seeing-it");
    let (kept, golden) = (lesson.join("python.json"), lesson.join("table.md"));
    let recorded = record(&lesson.join("chat.py"));
    if let (Some(recorded), true) = (&recorded, std::env::var_os("LAB_ACCEPT").is_some()) {
        std::fs::write(&kept, json::write(&without_places(recorded))).unwrap();
        std::fs::write(&golden, table(recorded)).unwrap();
    }
    let golden = std::fs::read_to_string(golden).unwrap();
    let kept = json::parse(&std::fs::read(&kept).unwrap(), &kept).unwrap();
    assert_eq!(table(&kept), golden, "the kept recording");
    match recorded {
        Some(recorded) => assert_eq!(table(&recorded), golden, "a recording of this Python"),
        None => skipped("there is no Python that could be recorded"),
    }
}

/// The program, both its roles; `None` where there is no Python, or no tracing.
fn record(program: &Path) -> Option<Recording> {
    let python = fixtures::python()?;
    let role = |name: &str| format!("{name}={python} '{}' {name}", program.display());
    trace(&["--role", &role("server"), "--role", &role("client")])
}

/// What `lab trace` records; `None` where nothing can be traced.
fn trace(args: &[&str]) -> Option<Recording> {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    let output = lab.args(["trace", "--as", "json"]).args(args).output().expect("lab starts");
    if output.status.code() == Some(2) {
        let doctor = Command::new(env!("CARGO_BIN_EXE_lab")).arg("doctor").output().unwrap();
        assert_ne!(doctor.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    Some(json::parse(&output.stdout, &PathBuf::from("recording")).unwrap())
}

/// What is the same on every machine, and only that.
fn without_places(recording: &Recording) -> Recording {
    let mut bare = recording.without_machine_facts();
    for role in &mut bare.roles {
        role.command = vec!["python3".into(), "chat.py".into(), role.name.clone()];
    }
    bare
}

/// Each line of Python that a role prints, and the calls about sockets that follow it, as strace(1) writes them.
fn table(recording: &Recording) -> String {
    let mut table = String::from("| | Python | Linux |\n|---|---|---|\n");
    let ports = ephemeral(recording);
    for role in &recording.roles {
        let mut line: Option<(String, Vec<String>)> = None;
        let mut put = |line: &mut Option<(String, Vec<String>)>| {
            if let Some((python, calls)) = line.take() {
                let _ = writeln!(table, "| {} | `{python}` | {} |", role.name, calls.join("<br>"));
            }
        };
        for event in recording.events.iter().filter(|event| event.role == role.name) {
            let Some(socket) = event.socket.or(event.made) else { continue };
            let is_stdout =
                event.arg("fd").is_some_and(|fd| matches!(fd, Value::Fd { value: 1, .. }));
            if let (true, Some(bytes)) = (is_stdout, &event.bytes) {
                put(&mut line);
                let text = String::from_utf8_lossy(&bytes.data).trim_end().to_owned();
                line = Some((text, Vec::new()));
            } else if let (Some((_, calls)), Some(_)) = (&mut line, recording.socket(socket)) {
                let mut call = strace::line(event);
                for port in &ports {
                    call = call.replace(&format!("htons({port})"), "htons(P1)");
                }
                // strace puts the results of short calls below each other.
                let words: Vec<&str> = call.split_whitespace().collect();
                calls.push(format!("`{}`", words.join(" ").replace('|', "\\|")));
            }
        }
        put(&mut line);
    }
    table
}

/// The ports that the kernel chose: those of the clients that accept tells of.
fn ephemeral(recording: &Recording) -> Vec<u16> {
    let accepts = recording.events.iter().filter(|event| event.call.starts_with("accept"));
    let port = |value: &Value| match value {
        Value::Addr(SockAddr::Inet { port, .. }) => Some(*port),
        _ => None,
    };
    accepts.flat_map(|event| event.args.iter().filter_map(|arg| port(&arg.value))).collect()
}

/// The lessons whose demo is a program of the sources, or whose chapter shows it in Python.
const TWINS: [u32; 23] =
    [1, 2, 3, 4, 5, 7, 8, 10, 11, 12, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 27, 29, 30];

#[test]
fn a_lessons_program_and_its_twin_in_python_understand_each_other() {
    let Some(python) = fixtures::python() else {
        return skipped("there is no Python");
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let catalogue = Catalogue::open(root).unwrap();
    for lesson in catalogue.read_all().into_iter().map(Result::unwrap) {
        if !TWINS.contains(&lesson.number) {
            continue;
        }
        let Some(ours) = demo(root, &lesson) else { return skipped("nothing can be traced here") };
        let plain = played(&lesson, |_| ours.clone());
        if !plain.isolation.lacking.is_empty() {
            return skipped(
                "the programs print the ports of their clients, and here the machine chooses them",
            );
        }
        for swapped in ["server", "client"] {
            let command = |role: &str| {
                let twin = fixtures::source("twins.py").display().to_string();
                match role.starts_with(swapped) {
                    true => vec![python.to_owned(), twin, lesson.number.to_string()],
                    false => ours.clone(),
                }
            };
            let mixed = played(&lesson, command);
            let what = format!("{}: the {swapped} in Python", lesson.name);
            for role in &plain.roles {
                assert_eq!(sent(&mixed, &role.name), sent(&plain, &role.name), "{what} sends");
                assert_eq!(shown(&mixed, &role.name), shown(&plain, &role.name), "{what} prints");
            }
        }
    }
}

/// The socket calls of the programs of the sources, in order, as they were observed in Python: lesson, role, calls.
/// What stands in braces is done any number of times; `accept` is a class, and so are `recv` and `send`. What each thread
/// calls stands together, the first one's first.
const OBSERVED: [(u32, &str, &str); 21] = [
    (1, "server", "socket bind listen accept recv send close close"),
    (1, "client", "socket connect send recv close"),
    (2, "server", "socket bind listen { accept recv { send } close } accept"),
    (2, "client", "socket connect send recv close"),
    (3, "server", "socket bind listen accept { recv send } recv close close"),
    (4, "server", "socket bind listen { accept { recv send } recv close } accept"),
    (4, "client", "socket connect { send recv } close"),
    (5, "server", "socket bind listen accept { recv send } recv close close"),
    (5, "client", "socket connect { send recv }"),
    (7, "server", "socket bind recv send close"),
    (7, "client", "socket send recv close"),
    (8, "server", "socket bind { recv send } recv"),
    (8, "client", "socket { send recv } close"),
    (10, "server", "socket bind listen { accept } { recv send close }"),
    (10, "client", "socket connect send recv close"),
    (11, "server", "socket bind listen { accept } { send } shutdown close { recv }"),
    (11, "client", "socket connect { send } shutdown { recv } close"),
    (12, "server", "socket bind listen { accept } { send } close { recv } shutdown"),
    (12, "client", "socket connect close { send } shutdown { recv }"),
    (16, "client", "socket connect send recv close"),
    (29, "server", "socket bind listen close { accept recv send shutdown close }"),
];

#[test]
fn the_calls_of_each_program_are_those_observed_in_python() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let catalogue = Catalogue::open(root).unwrap();
    for (number, role, observed) in OBSERVED {
        let name = catalogue.find_one(&number.to_string()).unwrap();
        let lesson = catalogue.read(name).unwrap();
        let Some(ours) = demo(root, &lesson) else { return skipped("nothing can be traced here") };
        let calls = calls(&played(&lesson, |_| ours.clone()), role);
        let words: Vec<&str> = observed.split_whitespace().collect();
        let wanted = read(&mut words.as_slice());
        let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
        let ends = ends(&wanted, &calls, &[0].into());
        assert!(
            ends.contains(&calls.len()),
            "{}: {role}: {calls:?} is not {observed}",
            lesson.name
        );
    }
}

/// What a role calls of sockets, by class, in the order in which the calls of each thread began; without those that only
/// look.
fn calls(recording: &Recording, role: &str) -> Vec<String> {
    let timeline = timeline(recording);
    let mut own: Vec<_> = timeline.rows.iter().filter(|row| row.role == role).collect();
    own.sort_by_key(|row| row.thread);
    let begun = own.into_iter().filter(|row| row.on_socket || row.call == "socket");
    let begun = begun.filter(|row| !matches!(row.kind, RowKind::Wakes { .. }));
    let only_look = ["getsockname", "getpeername", "getsockopt"];
    let class = |call: &str| match Class::of(call) {
        Some(Class::Recv) => "recv".to_owned(),
        Some(Class::Send) => "send".to_owned(),
        Some(Class::Accept) => "accept".to_owned(),
        _ => call.to_owned(),
    };
    let begun = begun.filter(|row| !only_look.contains(&row.call.as_ref()));
    begun.flat_map(|row| (0..row.count).map(|_| class(&row.call))).collect()
}

/// A part of a sequence of calls.
enum Calls<'a> {
    One(&'a str),
    Any(Vec<Calls<'a>>),
}

fn read<'a>(words: &mut &[&'a str]) -> Vec<Calls<'a>> {
    let mut calls = Vec::new();
    while let Some((first, rest)) = words.split_first() {
        *words = rest;
        match *first {
            "{" => calls.push(Calls::Any(read(words))),
            "}" => break,
            call => calls.push(Calls::One(call)),
        }
    }
    calls
}

/// Where in `found` the wanted calls may end, if they begin at one of these places.
fn ends(wanted: &[Calls<'_>], found: &[&str], from: &BTreeSet<usize>) -> BTreeSet<usize> {
    wanted.iter().fold(from.clone(), |from, part| match part {
        Calls::One(call) => {
            from.into_iter().filter(|at| found.get(*at) == Some(call)).map(|at| at + 1).collect()
        }
        Calls::Any(part) => {
            let mut all = from.clone();
            let mut last = from;
            loop {
                last = ends(part, found, &last).difference(&all).copied().collect();
                if last.is_empty() {
                    return all;
                }
                all.extend(&last);
            }
        }
    })
}

/// The lesson's own program; `None` where nothing can be traced.
fn demo(root: &Path, lesson: &Lesson) -> Option<Vec<String>> {
    Some(vec![demos::program(root, lesson, lesson.demo(None).unwrap())?])
}

/// The demo of a lesson, each role played by this command and its name.
fn played(lesson: &Lesson, command: impl Fn(&str) -> Vec<String>) -> Recording {
    demos::played(demos::lab(), lesson, lesson.demo(None).unwrap(), command)
}

/// What a role puts on the wire: all of a stream, each datagram, by socket. Times are masked.
fn sent(recording: &Recording, role: &str) -> Vec<Vec<String>> {
    let mut sockets: BTreeMap<SocketId, Vec<(bool, Vec<u8>)>> = BTreeMap::new();
    for event in recording.events.iter().filter(|event| event.role == role) {
        let Some(socket) = event.socket.and_then(|id| recording.socket(id)) else { continue };
        let Kind::Socket { type_, .. } = &socket.kind else { continue };
        let is_send = Class::of(&event.call) == Some(Class::Send);
        let Some(bytes) = event.bytes.as_ref().filter(|_| is_send) else { continue };
        let is_stream = type_ == "SOCK_STREAM";
        let known = sockets.entry(socket.id).or_default();
        match known.last_mut().filter(|_| is_stream) {
            Some((_, before)) => before.extend(&bytes.data),
            None => known.push((is_stream, bytes.data.clone())),
        }
    }
    let texts = |all: Vec<(bool, Vec<u8>)>| all.iter().map(|(_, bytes)| masked(bytes)).collect();
    sockets.into_values().map(texts).collect()
}

/// What a role prints, with times and threads masked.
fn shown(recording: &Recording, role: &str) -> String {
    let mut printed = Vec::new();
    for event in recording.events.iter().filter(|event| event.role == role) {
        let stdout = event.socket.and_then(|id| recording.socket(id));
        if stdout.is_some_and(|it| it.kind == Kind::Stdout)
            && let Some(bytes) = &event.bytes
        {
            printed.extend(&bytes.data);
        }
    }
    masked(&printed)
}

/// Times and threads differ: clocks move with every call, and each language counts threads in its own way.
fn masked(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut masked = String::new();
    for line in text.split_inclusive('\n') {
        let line = match line.split_once("所在线程 ") {
            Some((before, _)) => format!("{before}所在线程 T\n"),
            None => line.to_owned(),
        };
        // A stamp is what stands in brackets.
        let mut rest = line.as_str();
        while let Some((before, stamp)) = rest.split_once('[')
            && let Some((_, after)) = stamp.split_once(']')
        {
            masked.push_str(&format!("{before}[TIME]"));
            rest = after;
        }
        masked.push_str(rest);
    }
    masked
}
