//! The book's map from Python to Linux: what each of its lines says is done once by tests/fixtures/map.py and recorded.
//!
//! The program says before each line which calls must follow. These must be the recording's, and all together those that
//! the line names in the book, so that neither can say what the other does not.

use std::collections::{BTreeMap, BTreeSet};
use std::net::UdpSocket;
use std::path::Path;

use socket_lab::book::Map;
use socket_lab::event::{Event, Recording, Value};
use socket_lab::render::{json, strace};

use super::{fixtures, skipped, trace};

/// Lines that are not recorded, and why not.
const LEFT: [(&str, &str); 8] = [
    ("gethostname()", NO_SOCKET),
    ("getfqdn()", ASKS_THE_MACHINE),
    ("gethostbyaddr()", ASKS_THE_MACHINE),
    ("getservbyname()", ASKS_THE_MACHINE),
    ("getservbyport()", ASKS_THE_MACHINE),
    ("getprotobyname()", ASKS_THE_MACHINE),
    ("if_nameindex()", "how often recvmsg is called follows from how many interfaces there are"),
    ("broadcast.sendto()", "which error it is follows from the machine's routes"),
];
const NO_SOCKET: &str = "uname(2) is not about sockets, and not recorded";
const ASKS_THE_MACHINE: &str = "whom the C library asks stands in /etc/nsswitch.conf";

/// A line of the map, done once.
struct Done {
    line: String,
    /// As the program says, and the book: `listen(128)`, `recvfrom = ENOTCONN`.
    wanted: Vec<String>,
    made: Vec<Event>,
}

#[test]
fn every_line_of_the_map_is_what_python_does() {
    let Some(python) = fixtures::python() else {
        return skipped("there is no Python");
    };
    if UdpSocket::bind("[::]:0").is_err() {
        return skipped("there is no IPv6");
    }
    let program = fixtures::source("map.py").display().to_string();
    let Some(recording) = trace(&["--", python, &program]) else {
        return skipped("nothing can be traced here");
    };
    let all = done(&recording);
    let differing: Vec<String> = all.iter().filter_map(difference).collect();
    assert!(differing.is_empty(), "\n{}\n", differing.join("\n"));

    let mut recorded = BTreeMap::<&str, BTreeSet<&str>>::new();
    for one in &all {
        recorded.entry(&one.line).or_default().extend(one.wanted.iter().map(String::as_str));
    }
    let map = Map::of_the_book();
    let mut left = BTreeMap::from(LEFT);
    for line in map.lines() {
        let python = line.python.as_str();
        match (recorded.remove(python), left.remove(python)) {
            (Some(made), None) => {
                assert_eq!(made, calls(&line.linux), "{python}: recorded, and in the book")
            }
            (None, Some(_)) => {}
            (made, why) => panic!("{python}: recorded {made:?}, and left out {why:?}"),
        }
    }
    assert!(recorded.is_empty() && left.is_empty(), "no lines of the map: {recorded:?}, {left:?}");
}

/// The lines that a program has done, one after the other; what happens between them is not theirs.
fn done(recording: &Recording) -> Vec<Done> {
    let mut all = Vec::new();
    let mut open: Option<Done> = None;
    let first = recording.events.iter().filter(|it| it.process == 1 && it.thread == 1);
    for event in first.filter(|it| !it.syscall.is_empty()) {
        let to_stdout = matches!(event.arg("fd"), Some(Value::Fd { value: 1, .. }));
        match (&event.bytes, &mut open) {
            (Some(bytes), _) if to_stdout => {
                let said = String::from_utf8_lossy(&bytes.data).into_owned();
                let mut words = said.trim_end_matches('\n').split('\t').map(str::to_owned);
                let line = words.next().filter(|it| it != ".");
                all.extend(open.take());
                open = line.map(|line| Done { line, wanted: words.collect(), made: Vec::new() });
            }
            (_, Some(line)) => line.made.push(event.clone()),
            _ => {}
        }
    }
    assert!(open.is_none(), "the program was not done");
    all
}

fn difference(done: &Done) -> Option<String> {
    let Done { line, wanted, made } = done;
    let pairs = wanted.iter().zip(made);
    let same =
        wanted.len() == made.len() && pairs.into_iter().all(|(wanted, event)| shows(event, wanted));
    let made: Vec<String> = made.iter().map(strace::line).collect();
    (!same).then(|| format!("{line}: {wanted:?} is not\n  {}", made.join("\n  ")))
}

/// Whether a call is the one that was meant: its name, the arguments that were named, its error or none.
fn shows(event: &Event, wanted: &str) -> bool {
    let (call, error) = wanted.split_once(" = ").map_or((wanted, None), |(it, e)| (it, Some(e)));
    let (name, args) = call.trim_end_matches(')').split_once('(').unwrap_or((call, ""));
    let said = strace::line(event);
    let said = said.split_once('(').and_then(|(_, it)| it.rsplit_once(" = ")).map_or("", |it| it.0);
    let words = |text: &str| -> BTreeSet<String> {
        let not_in_one = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        text.split(not_in_one).filter(|it| !it.is_empty()).map(str::to_owned).collect()
    };
    [&event.syscall, &event.call].iter().any(|it| it.as_ref() == name)
        && event.errno.as_deref() == error
        && words(args).is_subset(&words(said))
}

/// The calls that the book names: what stands in backticks and begins as a call's name does.
fn calls(cell: &str) -> BTreeSet<&str> {
    let code = cell.split('`').skip(1).step_by(2);
    code.filter(|it| it.starts_with(|c: char| c.is_ascii_lowercase())).collect()
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
    assert_eq!(calls("`a(B, C)`, `b = E`; `Other`, `''`"), ["a(B, C)", "b = E"].into());
}
