//! The author's way: a lesson from the template, and the one that the book's page "Writing a lesson" makes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use socket_lab::copy::manifest;
use tempfile::TempDir;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn lab(folder: &Path, args: &[&str]) -> Output {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(args).current_dir(folder).stdin(Stdio::null());
    lab.env_remove("LAB_STATE").env_remove("RUST_BACKTRACE");
    // Where tests/learn.rs has built what lessons need.
    lab.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("learn"));
    lab.output().expect("lab starts")
}

/// What a command prints that ends with this status.
fn said(folder: &Path, args: &[&str], status: i32) -> String {
    let output = lab(folder, args);
    let (out, err) = (output.stdout, output.stderr);
    let (out, err) = (String::from_utf8(out).unwrap(), String::from_utf8_lossy(&err).into_owned());
    assert_eq!(output.status.code(), Some(status), "lab {args:?}: {out}{err}");
    if status == 2 { err } else { out }
}

fn nothing_can_be_traced() -> bool {
    let cannot = lab(root(), &["doctor"]).status.code() == Some(2);
    if cannot {
        let _ = writeln!(std::io::stderr(), "skipped: nothing can be traced here");
    }
    cannot
}

/// What of the repository an author needs: the workspace, a lesson, the kit and the book. The lab's own source is not there.
fn repository() -> TempDir {
    let folder = TempDir::new().unwrap();
    let read = |name: &str| fs::read_to_string(root().join(name)).unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    // It is like a learner's copy, and yet none.
    let manifest = manifest::workspace(&read("Cargo.toml")).unwrap();
    write("Cargo.toml", &manifest.replace("copy = true", "copy = false"));
    write("Cargo.lock", &manifest::lock(&read("Cargo.lock")).unwrap());
    fs::create_dir(folder.path().join("lessons")).unwrap();
    for part in ["book", "lessons/kit", "lessons/01-one-shot"] {
        let (from, to) = (root().join(part), folder.path().join(part));
        assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
    }
    folder
}

/// Every file's text by its name; what only says that somebody was at work is none.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if !path.ends_with(".lab/lock") {
            files.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(path).unwrap());
        }
    }
    files
}

#[test]
fn a_lesson_from_the_template_lacks_its_text_and_its_golden_files_and_nothing_else() {
    if nothing_can_be_traced() {
        return;
    }
    let lab = repository();
    let lab = lab.path();
    let made = said(lab, &["new-lesson", "41-who-am-i"], 0);
    assert!(made.starts_with("lessons/41-who-am-i is there"), "{made}");
    let listed = fs::read_to_string(lab.join("book/src/SUMMARY.md")).unwrap();
    assert!(listed.contains("\n- [Who am i](lessons/41-who-am-i.md)\n"), "{listed}");

    assert!(said(lab, &["run", "41"], 0).contains("recv(sock, \"hello\", 1024) = 5"));
    let verdict = said(lab, &["check", "41"], 1);
    let first = verdict.lines().find(|line| line.starts_with("broken"));
    assert!(first.is_some_and(|it| it.contains(" reads-before-it-answers:")), "{verdict}");

    let audit = said(lab, &["audit", "41"], 1);
    let faults: Vec<&str> = audit.lines().collect();
    let open = |fault: &&&str| fault.contains(": not written yet");
    let places = ["lessons/41-who-am-i/lesson.toml:", "book/src/lessons/41-who-am-i.md:"];
    let at_a_line = |fault: &&&str| {
        let line = places.iter().find_map(|place| fault.split_once(place)).map(|(_, rest)| rest);
        line.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    assert_eq!(faults.iter().filter(open).filter(at_a_line).count(), 18, "{audit}");
    let untaken = |fault: &&&str| fault.ends_with("; lab audit 41 --accept writes it");
    assert_eq!(faults.iter().filter(untaken).count(), 4, "{audit}");
    assert_eq!(faults.len(), 22, "{audit}");

    for file in places.map(|place| lab.join(place.trim_end_matches(':'))) {
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("\"\"", "\"x\"").replace("<!--", "").replace("-->", ""))
            .unwrap();
    }
    said(lab, &["audit", "41", "--accept"], 0);
    assert_eq!(said(lab, &["audit", "41", "--times", "2"], 0), "41-who-am-i: clean\n");
}

#[test]
fn a_lesson_that_cannot_be_made_changes_nothing() {
    let lab = repository();
    let lab = lab.path();
    let before = tree(lab);
    for (name, why) in [
        ("one-shot", "error: 01-one-shot has the name `one-shot` already\n"),
        ("1-who-am-i", "error: 01-one-shot has the number 1 already\n"),
        ("Who am I?", "error: `Who am I?` cannot name a lesson: "),
        ("../who-am-i", "error: `../who-am-i` cannot name a lesson: "),
    ] {
        let told = said(lab, &["new-lesson", name], 2);
        assert!(told.starts_with(why), "{name}: {told}");
        assert_eq!((told.lines().count(), told.contains("\n  try: ")), (2, true), "{told}");
        assert!(tree(lab) == before, "`{name}` leaves something");
    }
}

#[test]
fn lessons_are_not_written_in_a_learners_copy() {
    let folder = TempDir::new().unwrap();
    said(folder.path(), &["init", "demo"], 0);
    let copy = folder.path().join("demo");
    let before = tree(&copy);
    let told = said(&copy, &["new-lesson", "who-am-i"], 2);
    assert!(told.starts_with("error: lessons are written in the repository"), "{told}");
    assert!(tree(&copy) == before);
}
