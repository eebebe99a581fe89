//! The author's way: a lesson from the template, and the one that the book's page "Writing a lesson" makes.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use serde_json::Value as Json;
use socket_lab::book::{Book, Language};
use socket_lab::catalogue::Catalogue;
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

/// Whether this machine lacks something that golden files need; it is said what.
fn cannot_take_golden_files() -> bool {
    let doctor: Json = serde_json::from_slice(&lab(root(), &["doctor", "--json"]).stdout).unwrap();
    let checks = doctor["checks"].as_array().unwrap().iter();
    let lacks: Vec<&str> =
        checks.filter(|check| check["ok"] == false).filter_map(|it| it["name"].as_str()).collect();
    if !lacks.is_empty() {
        let _ = writeln!(std::io::stderr(), "skipped: this machine lacks {}", lacks.join(", "));
    }
    !lacks.is_empty()
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
    if cannot_take_golden_files() {
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
fn a_program_that_cargo_would_not_build_is_named() {
    let lab = repository();
    let lab = lab.path();
    fs::write(lab.join("lessons/01-one-shot/mistakes/steps-met.new.rs"), "fn main() {}\n").unwrap();
    let audit = said(lab, &["audit", "1", "--program", "steps-met.new"], 1);
    let told = "01-one-shot: mistakes/steps-met.new.rs: Cargo.toml has no [[bin]] `01-one-shot-mistake-steps-met-new` with this path\n";
    assert_eq!(audit, told);
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

/// The fenced blocks of a page: their info strings and their texts, in order.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks: Vec<(String, String)> = Vec::new();
    let mut is_open = false;
    for event in Parser::new(page) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                blocks.push((info.into_string(), String::new()));
                is_open = true;
            }
            Event::Text(text) if is_open => blocks.last_mut().unwrap().1.push_str(&text),
            Event::End(TagEnd::CodeBlock) => is_open = false,
            _ => {}
        }
    }
    blocks
}

/// Runs the commands of a block; gives what the last one said.
fn type_in(lab: &Path, commands: &str, status: i32) -> String {
    let mut last = String::new();
    for line in commands.lines() {
        let typed = line.strip_prefix("$ lab ").unwrap_or_else(|| panic!("`{line}` is not ours"));
        let words = shell_words::split(typed).unwrap();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        last = said(lab, &words, status);
    }
    last
}

/// A chapter in which the comment of each section that `text` has gives way to what stands there.
fn filled(chapter: &str, text: &str) -> String {
    let mut chapter = chapter.to_owned();
    for section in format!("\n{text}").split("\n## ").skip(1) {
        let (heading, body) = section.split_once('\n').unwrap();
        let start = chapter.find(&format!("\n## {heading}\n")).expect(heading);
        let from = start + chapter[start..].find("<!--").expect(heading);
        let to = from + chapter[from..].find("-->").expect(heading) + "-->".len();
        assert!(!chapter[start + 1..from].contains("\n## "), "{heading}: it has no comment");
        chapter.replace_range(from..to, body.trim());
    }
    chapter
}

#[test]
fn the_lesson_on_the_page_can_be_written_as_it_says() {
    if cannot_take_golden_files() {
        return;
    }
    let page = fs::read_to_string(root().join("book/src/inside/writing-a-lesson.md")).unwrap();
    let name = page.split_once("$ lab new-lesson ").unwrap().1.lines().next().unwrap();
    let lab = repository();
    let lab = lab.path();
    let folder = lab.join("lessons").join(name);
    let chapter = lab.join(format!("book/src/lessons/{name}.md"));
    let mut last = String::new();
    for (info, text) in blocks(&page) {
        let after = |mark: &str| info.split(',').find_map(|word| word.strip_prefix(mark));
        if let Some(status) =
            ["console,author", "console,author,fails"].iter().position(|it| *it == info)
        {
            last = type_in(lab, &text, status as i32);
        } else if let Some(file) = after("file=") {
            fs::write(folder.join(file), text).unwrap();
        } else if let Some(file) = after("add=") {
            let before = fs::read_to_string(folder.join(file)).unwrap();
            fs::write(folder.join(file), format!("{before}\n{text}")).unwrap();
        } else if info == "markdown,chapter" {
            let before = fs::read_to_string(&chapter).unwrap();
            fs::write(&chapter, filled(&before, &text)).unwrap();
        }
    }
    assert_eq!(last, format!("{name}: clean\n"), "what the last command of the page says");

    let written = fs::read_to_string(&chapter).unwrap();
    let book = Book::of(&Catalogue::open(lab).unwrap(), Language::default()).unwrap();
    let made = book.chapter(&Path::new("lessons").join(format!("{name}.md")), &written);
    assert_eq!(made.err().map(|fault| fault.why.to_string()), None, "{}", chapter.display());
    for (info, text) in blocks(&written) {
        match info.as_str() {
            "console" => drop(type_in(lab, &text, 0)),
            "console,fails" => drop(type_in(lab, &text, 1)),
            _ => {}
        }
    }
}
