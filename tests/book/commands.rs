//! The commands that the book tells a reader to type, each run in a learner's copy.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::chapter;
use super::source::{Chapter, blocks};

/// A command, and the status with which it must end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Told {
    words: Vec<String>,
    status: i32,
}

/// What the chapters tell to type, with the places where they do; and lines of such blocks that are no command of ours.
fn told(chapters: &[Chapter]) -> (BTreeMap<Told, Vec<String>>, Vec<String>) {
    let (mut commands, mut findings) = (BTreeMap::<_, Vec<String>>::new(), Vec::new());
    for chapter in chapters {
        for (info, body, line) in blocks(chapter) {
            let status = match info.as_str() {
                "console" => 0,
                "console,fails" => 1,
                _ => continue,
            };
            for (n, text) in body.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
                let place = format!("{}:{}", chapter.path.display(), line + 1 + n);
                let typed =
                    text.strip_prefix("$ lab").filter(|it| it.is_empty() || it.starts_with(' '));
                // What follows # is said to the reader.
                let words = typed.map(|it| it.split(" # ").next().unwrap_or(it));
                match words.and_then(|words| shell_words::split(words).ok()) {
                    Some(words) => commands.entry(Told { words, status }).or_default().push(place),
                    None => findings.push(format!("{place}: `{text}` is no command of the lab")),
                }
            }
        }
    }
    (commands, findings)
}

/// Runs each in a learner's copy.
pub fn run(chapters: &[Chapter]) -> Vec<String> {
    let (commands, mut findings) = told(chapters);
    let lab = || {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.stdin(Stdio::null()).env_remove("LAB_STATE").env("NO_COLOR", "1");
        // What the lessons need is built once for all tests of copies.
        lab.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("learn"));
        lab
    };
    let doctor = lab().arg("doctor").current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    if doctor.status.code() == Some(2) {
        let _ = writeln!(std::io::stderr(), "skipped: nothing can be traced here");
        return findings;
    }
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("sockets");
    let init = lab().arg("init").arg(&copy).output().unwrap();
    assert!(init.status.success(), "{}", String::from_utf8_lossy(&init.stderr));
    for (Told { words, status }, places) in commands {
        let output = lab().args(&words).current_dir(&copy).output().unwrap();
        if output.status.code() != Some(status) {
            let said = String::from_utf8_lossy(if output.stderr.is_empty() {
                &output.stdout
            } else {
                &output.stderr
            })
            .into_owned();
            let place = places.join(", ");
            let words = words.join(" ");
            let ended = output.status;
            findings
                .push(format!("{place}: `lab {words}` ended with {ended}, not {status}: {said}"));
        }
    }
    findings
}

#[test]
fn planted_commands_are_found() {
    let text = "```console\n$ lab list\n$ lab lst\n```\n\n```console,fails\n$ lab list\n```\n\n```sh\nrm -r x\n```\n\n```console\n$ cargo run\noutput\n$ lab explain   # all of them\n```\n";
    let findings = run(&[chapter("a.md", text)]);
    let starts: Vec<&str> = findings.iter().map(|it| it.split("` ").next().unwrap()).collect();
    assert_eq!(
        starts,
        ["a.md:15: `$ cargo run", "a.md:16: `output", "a.md:7: `lab list", "a.md:3: `lab lst",]
    );
}
