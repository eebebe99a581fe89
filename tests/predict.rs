//! `lab predict`: the recording answers, and never before it is asked.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

mod asked;

use asked::{command, lab, lessons, root, stderr, stdout};

const PROMPT: &str = "a number, 0, an error (ECONNREFUSED …), or `waits`: ";

/// What is asked in a lesson, with the answers; `None` where nothing can be traced.
fn questions(lesson: u32) -> Option<Vec<Json>> {
    let output = lab(&["predict", &lesson.to_string(), "--as", "json"], "")?;
    assert_eq!(output.status.code(), Some(0), "{lesson}: {}", stderr(&output));
    let all: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(all["version"], 1);
    Some(all["questions"].as_array().expect("questions").clone())
}

fn text<'a>(question: &'a Json, key: &str) -> &'a str {
    question[key].as_str().unwrap_or_else(|| panic!("{key}: {question}"))
}

#[test]
fn right_answers_are_right_and_nothing_is_told_before_it_is_asked() {
    for lesson in lessons() {
        let Some(questions) = questions(lesson) else { return };
        assert!(questions.len() >= 3, "{lesson}");
        let answers: String =
            questions.iter().map(|it| format!("{}\n", text(it, "answer"))).collect();
        let output = lab(&["predict", &lesson.to_string()], &answers).unwrap();
        let said = stdout(&output);
        let all = questions.len();
        assert!(said.ends_with(&format!("\n{all} of {all}\nnext: lab run {lesson}\n")), "{said}");
        assert_eq!(output.status.code(), Some(0), "{lesson}: {said}");

        let parts: Vec<&str> = said.split(PROMPT).collect();
        assert_eq!(parts.len(), all + 1, "{said}");
        for (part, question) in parts.iter().zip(&questions) {
            let step = question["step"].as_u64().expect("a step");
            // Of another variant the steps begin again.
            let began = part.rfind(&format!("{}-", pad(lesson))).map_or(*part, |at| &part[at..]);
            let shown = began.lines().filter_map(number);
            assert!(shown.max().is_none_or(|last| last < step), "{lesson}, step {step}: {part}");
            assert!(part.ends_with(&format!("{} = ?\n", text(question, "call"))), "{part}");
        }
        for (part, question) in parts.iter().skip(1).zip(&questions) {
            let why = text(question, "why").split_whitespace().collect::<Vec<_>>().join(" ");
            let told = part.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(told.starts_with(&format!("{} right ", text(question, "answer"))), "{part}");
            assert!(told.contains(&why), "{why}: {part}");
        }
    }
}

fn pad(lesson: u32) -> String {
    format!("{lesson:02}")
}

/// The step that a line of a timeline tells of.
fn number(line: &str) -> Option<u64> {
    let number = line.get(..3)?.trim().parse().ok()?;
    line.get(3..5).filter(|blank| *blank == "  ").map(|_| number)
}

#[test]
fn wrong_answers_are_wrong() {
    for lesson in lessons() {
        let Some(questions) = questions(lesson) else { return };
        // What is no result of anything.
        let answers = "nonsense\n".repeat(questions.len());
        let output = lab(&["predict", &lesson.to_string()], &answers).unwrap();
        let said = stdout(&output);
        assert!(said.contains(&format!("\n0 of {}\n", questions.len())), "{said}");
        assert_eq!(said.matches("\nwrong\n").count(), questions.len(), "{said}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn a_vague_answer_that_is_right_counts_half() {
    let Some(questions) = questions(2) else { return };
    let vague = |question: &Json| match text(question, "answer") {
        errno if errno.starts_with('E') => "error".to_owned(),
        answer => answer.to_owned(),
    };
    let answers: String = questions.iter().map(|it| vague(it) + "\n").collect();
    let output = lab(&["predict", "2"], &answers).unwrap();
    let said = stdout(&output);
    assert!(said.contains("\nhalf right: an error, yes: the question is which\n"), "{said}");
    // Two of the five are errors.
    assert!(said.contains("\n4 of 5\n"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn what_is_not_answered_counts_as_such_and_is_not_told() {
    let Some(output) = lab(&["predict", "1"], "\nwrong\n") else { return };
    let said = stdout(&output);
    assert_eq!(said.matches("\nno answer\n").count(), 1, "{said}");
    assert_eq!(said.matches(PROMPT).count(), 3, "{said}");
    assert!(said.ends_with("0 of 4\nnext: lab run 1\n"), "{said}");
    assert!(!said.contains("send(sock, \"你好\", 6) = 6"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_question_about_a_call_that_is_not_made_is_told_with_its_line() {
    let house = house();
    let plain = "title = \"One shot\"\nminutes = 5\n[[role]]\nname = \"server\"\n[[role]]\n\
                 name = \"client\"\nafter = \"server: listen(..) = 0\"\n";
    let file = house.path().join("lessons/01-one-shot/lesson.toml");
    let ask = |call: &str| format!("[[ask]]\ncall = '{call}'\nwhy = \"So it is.\"\n");
    let lines = [plain.to_owned(), ask("client: connect(..)"), ask("server: recv(conn#2, ..)")];
    fs::write(&file, lines.concat()).unwrap();
    let told = "lessons/01-one-shot/lesson.toml:12: no row is call 1 of `server: recv(conn#2, ..)`";
    let at = |args: &[&str]| {
        let mut lab = command(args);
        lab.current_dir(house.path()).env("CARGO_TARGET_DIR", target()).output().unwrap()
    };
    let output = at(&["predict", "1"]);
    assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
    if !stderr(&output).contains(told) {
        assert!(lab(&["predict", "1"], "").is_none(), "{}", stderr(&output));
        return;
    }
    let output = at(&["audit", "1"]);
    let said = stdout(&output);
    assert!(said.contains("01-one-shot: 2 `[[ask]]`s, and 3 are wanted\n"), "{said}");
    assert!(said.contains(&format!("01-one-shot: {told}\n")), "{said}");
    assert_eq!(output.status.code(), Some(1), "{said}");

    fs::write(&file, plain).unwrap();
    let output = at(&["predict", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stderr(&output), "error: 01-one-shot has nothing to predict\n  try: lab run 1\n");
}

/// A copy of the lab with the first lesson's demo alone.
fn house() -> tempfile::TempDir {
    let house = tempfile::tempdir().unwrap();
    for name in ["Cargo.toml", "Cargo.lock", "src", "benches", "lessons/kit", "lessons/01-one-shot"]
    {
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

/// Where the tests of such copies build.
fn target() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("house")
}
