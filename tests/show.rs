//! `lab show` draws whatever file it is given, or says in one line why it cannot: it never breaks down, starts no other
//! program and traces nothing.
//!
//! `LAB_CASES=100000 cargo test --test show` tries as many damaged recordings; a run without it some thousands.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use socket_lab::event::Recording;
use socket_lab::render::sockets::{Tool, sockets};
use socket_lab::render::{html, json as file, mermaid, pcapng, strace, svg, text};
use socket_lab::timeline::timeline;

mod deny;

const FIXTURE: &str = include_str!("fixtures/half-close.json");

#[test]
fn it_starts_no_program_and_traces_nothing() {
    for format in ["text", "ascii", "json", "jsonl", "svg", "html", "mermaid", "pcapng", "strace"] {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.args(["show", "tests/fixtures/half-close.json", "--as", format]);
        lab.current_dir(env!("CARGO_MANIFEST_DIR"));
        for call in [
            libc::SYS_ptrace,
            libc::SYS_clone,
            libc::SYS_clone3,
            libc::SYS_unshare,
            libc::SYS_socket,
        ] {
            deny::deny(&mut lab, call);
        }
        let output = lab.output().unwrap();
        assert!(output.status.success(), "{format}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout.len() > 500, "{format}");
    }
}

#[test]
fn tshark_reads_the_packets_and_the_calls() {
    if Command::new("tshark").arg("--version").output().is_err() {
        let _ = std::io::stderr().write_all(b"skipped: no tshark here; apt-get install tshark\n");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("run.pcapng");
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(["show", "tests/fixtures/half-close.json", "--as", "pcapng", "-o"]).arg(&capture);
    assert!(lab.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
    let fields = ["-T", "fields", "-E", "separator=|", "-e", "tcp.flags", "-e", "tcp.len"];
    let output = Command::new("tshark")
        .arg("-r")
        .arg(&capture)
        .args(fields)
        .args(["-e", "frame.comment"])
        .output()
        .unwrap();
    let read = String::from_utf8(output.stdout).unwrap();
    let recording = file::parse(FIXTURE.as_bytes(), Path::new("fixture")).unwrap();
    assert_eq!(read.lines().count(), recording.frames.len(), "{read}");
    let line = |flags: &str, len: &str| {
        let found = read.lines().find(|line| line.starts_with(&format!("{flags}|{len}|")));
        found.unwrap_or_else(|| panic!("no {flags} {len} in {read}")).to_owned()
    };
    assert!(line("0x0002", "0").ends_with("connect(sock, 127.0.0.1:9999) = 0"), "{read}");
    assert!(line("0x0011", "0").ends_with("33 client: shutdown(sock, SHUT_WR) = 0"), "{read}");
    assert!(line("0x0018", "4").ends_with("32 client: send(sock, \"exit\", 4) = 4"), "{read}");
}

#[test]
fn a_recording_that_anything_happened_to_is_drawn_or_refused() {
    let cases = std::env::var("LAB_CASES").map_or(3000, |it| it.parse().expect("a number"));
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let whole: Value = serde_json::from_str(FIXTURE).unwrap();
    let smaller = smaller(whole);
    let text = serde_json::to_string(&smaller).unwrap();
    let damage = (0..4u8, any::<u32>(), any::<u8>()).prop_map(|(kind, at, with)| match kind {
        0 => Damage::Flip(at, with),
        1 => Damage::Cut(at),
        2 => Damage::Remove(at, with),
        _ => Damage::Repeat(at, with),
    });
    let change = any::<([u16; 6], u8)>().prop_map(|(path, with)| Change { path, with });
    let strategy = prop_oneof![
        1 => prop::collection::vec(damage, 1..4).prop_map(Harm::Bytes),
        3 => prop::collection::vec(change, 1..4).prop_map(Harm::Values),
    ];
    // One runner, so that what was drawn can be counted.
    let counted = std::cell::Cell::new(0u32);
    TestRunner::new(config)
        .run(&strategy, |harm| {
            let bytes = match &harm {
                Harm::Bytes(damages) => {
                    let mut bytes = text.clone().into_bytes();
                    damages.iter().for_each(|damage| damage.to(&mut bytes));
                    bytes
                }
                Harm::Values(changes) => {
                    let mut value = smaller.clone();
                    changes.iter().for_each(|change| change.to(&mut value));
                    serde_json::to_vec(&value).unwrap()
                }
            };
            if let Ok(recording) = file::parse(&bytes, Path::new("run.json")) {
                draw(&recording);
                counted.set(counted.get() + 1);
            }
            Ok(())
        })
        .unwrap();
    let drawn = counted.get();
    assert!(drawn > cases / 4, "only {drawn} of {cases} got as far as a drawing");
}

/// In every format that there is.
fn draw(recording: &Recording) {
    let timeline = timeline(recording);
    for (width, ascii) in [(100, false), (40, false), (80, true)] {
        let drawn = text::text(&timeline, &text::Style { width, color: false, ascii });
        assert!(!ascii || drawn.is_ascii());
    }
    sockets(&timeline, Tool::Ss);
    strace::recording(recording);
    svg::svg(&timeline);
    html::html(&timeline);
    mermaid::mermaid(&timeline);
    file::write(recording);
    recording.events.iter().map(file::jsonl).for_each(drop);
    pcapng::pcapng(recording, &timeline);
}

/// A recording with a third of the fixture's events, so that a hundred thousand take minutes.
fn smaller(mut whole: Value) -> Value {
    if let Some(events) = whole["events"].as_array_mut() {
        events.truncate(24);
    }
    for list in ["frames", "packets", "looks"] {
        if let Some(items) = whole[list].as_array_mut() {
            items.truncate(8);
        }
    }
    whole
}

#[derive(Debug)]
enum Harm {
    Bytes(Vec<Damage>),
    Values(Vec<Change>),
}

/// What may happen to the bytes of a file.
#[derive(Clone, Debug)]
enum Damage {
    Flip(u32, u8),
    Cut(u32),
    Remove(u32, u8),
    Repeat(u32, u8),
}

impl Damage {
    fn to(&self, bytes: &mut Vec<u8>) {
        let place = |at: u32| at as usize % bytes.len().max(1);
        match *self {
            _ if bytes.is_empty() => {}
            Damage::Flip(at, with) => {
                let at = place(at);
                bytes[at] ^= with;
            }
            Damage::Cut(at) => bytes.truncate(place(at)),
            Damage::Remove(at, length) => {
                let at = place(at);
                let end = (at + length as usize).min(bytes.len());
                bytes.drain(at..end);
            }
            Damage::Repeat(at, length) => {
                let at = place(at);
                let end = (at + length as usize).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
}

/// What somebody may write into a file by hand: at a place in the tree, one of many values.
#[derive(Clone, Debug)]
struct Change {
    path: [u16; 6],
    with: u8,
}

impl Change {
    fn to(&self, value: &mut Value) {
        self.go(&self.path, value);
    }

    fn go(&self, path: &[u16], at: &mut Value) {
        let Some((&step, rest)) = path.split_first() else { return *at = self.value(at) };
        let step = usize::from(step);
        match at {
            Value::Array(items) if !items.is_empty() => {
                let place = step % items.len();
                match step % 17 {
                    3 => items.insert(0, items[place].clone()),
                    5 => drop(items.remove(place)),
                    _ => self.go(rest, &mut items[place]),
                }
            }
            Value::Object(fields) if !fields.is_empty() => {
                let place = step % fields.len();
                fields.values_mut().nth(place).into_iter().for_each(|field| self.go(rest, field));
            }
            other => *other = self.value(other),
        }
    }

    /// Of the same kind mostly, or the file would only be refused.
    fn value(&self, old: &Value) -> Value {
        let pick = usize::from(self.with);
        match old {
            Value::Number(_) => {
                let numbers = [0, 1, -1, 2, 65535, 65536, i64::from(u32::MAX), i64::MAX, i64::MIN];
                json!(numbers[pick % numbers.len()])
            }
            Value::String(_) => {
                let long = "x".repeat(3000);
                let texts = [
                    "",
                    "server",
                    "\u{1b}[31m\u{7}",
                    "</script><svg onload=alert(1)>&amp;\"'",
                    "你好\u{202e}\u{200d}👩‍👩‍👧",
                    "\u{0}",
                    "LISTEN",
                    "write",
                    "accept",
                    "AAAA",
                    &long,
                ];
                json!(texts[pick % texts.len()])
            }
            Value::Bool(old) => json!(!old),
            Value::Array(_) => json!([]),
            _ => [Value::Null, json!({}), json!(7)][pick % 3].clone(),
        }
    }
}
