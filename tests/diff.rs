//! `lab diff` on real programs: every lesson's demo against itself, its solutions and some of its mistakes.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value as Json;

use socket_lab::cargo::{self, Color, Program};
use socket_lab::catalogue::{Catalogue, Lesson};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn lab(args: &[&str]) -> Output {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(args).current_dir(root()).stdin(Stdio::null()).output().expect("lab starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// The lessons with a program to compare.
fn lessons() -> Vec<Lesson> {
    let lessons = Catalogue::open(root()).unwrap().read_all();
    let lessons: Vec<Lesson> = lessons.into_iter().map(Result::unwrap).collect();
    let graded: Vec<Lesson> =
        lessons.into_iter().filter(|lesson| lesson.grades.is_some()).collect();
    assert!(!graded.is_empty());
    graded
}

/// One of a lesson's programs as it plays a role, in place of the exercise.
fn played(lesson: &Lesson, file: &str) -> String {
    let (package, bin) = (lesson.package(), lesson.bin(file));
    let program = Program { root: root(), package: &package, bin: &bin };
    let built = cargo::build(&program, Color::Never).unwrap();
    let role = lesson.grades.as_ref().unwrap();
    format!("{role}={} {role}", shell_words::quote(built.to_str().unwrap()))
}

/// What `lab diff` says of one of a lesson's programs, and its exit status.
fn compared(lesson: &Lesson, file: &str, with: &str) -> (Json, i32) {
    let (name, role) = (lesson.name.as_str(), played(lesson, file));
    let output = lab(&["diff", name, "--role", &role, "--with", with, "--as", "json"]);
    let json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stderr)));
    (json, output.status.code().unwrap())
}

fn first(lesson: &str, file: &str) -> String {
    let lessons = lessons();
    let lesson = lessons.iter().find(|it| it.name.starts_with(lesson)).unwrap();
    let (json, status) = compared(lesson, file, "demo");
    assert_eq!(status, 1, "{json:#}");
    json["differences"][0]["says"].as_str().unwrap().to_owned()
}

#[test]
fn every_demo_does_the_same_as_itself() {
    for lesson in lessons() {
        let (json, status) = compared(&lesson, "demo.rs", "demo");
        assert_eq!((&json["equal"], status), (&Json::Bool(true), 0), "{}: {json:#}", lesson.name);
        assert_eq!(json["differences"], Json::Array(Vec::new()));
    }
}

#[test]
fn every_solution_does_the_same_as_itself() {
    for lesson in lessons() {
        let (json, status) = compared(&lesson, "solutions/nix.rs", "solution");
        assert_eq!((&json["equal"], status), (&Json::Bool(true), 0), "{}: {json:#}", lesson.name);
    }
}

#[test]
fn another_style_is_no_difference() {
    // Where the exercise asks for what the demo does.
    for prefix in ["01", "02", "03", "10"] {
        let lesson = lessons().into_iter().find(|it| it.name.starts_with(prefix)).unwrap();
        for entry in fs::read_dir(lesson.folder.join("solutions")).unwrap() {
            let file = entry.unwrap().file_name().into_string().unwrap();
            let (json, status) = compared(&lesson, &format!("solutions/{file}"), "demo");
            assert_eq!(status, 0, "{}, {file}: {json:#}", lesson.name);
        }
    }
}

#[test]
fn the_first_difference_of_a_mistake_is_its_cause() {
    for (lesson, mistake, says) in [
        (
            "01",
            "reads-before-it-replies",
            "yours calls send(conn, \"欢迎\", 6) (your step 12) before recv(conn, \"你好\", 1024) \
             (your step 13); the demo after it (its steps 14 and 12)",
        ),
        (
            "01",
            "binds-before-it-listens",
            "yours calls bind(listener, 127.0.0.1:9999) and fails with EINVAL (your step 3) after \
             listen(listener, 5) (your step 2); the demo before it (its steps 2 and 3)",
        ),
        (
            "01",
            "steps-met",
            "yours sends 1024 bytes on conn (your step 14) where the demo sends 6 bytes (its step 14)",
        ),
        (
            "02",
            "closes-every-connection.silent",
            "yours never calls close(conn#2) (the demo: its step 29)",
        ),
        (
            "03",
            "reads-until-the-end",
            "the demo calls recv(conn, \"\", 1024) and gets the end here (its step 14); \
             yours goes on and calls close(conn) (your step 14)",
        ),
        (
            "04",
            "listens-at-every-address",
            "the demo calls bind(listener, 0.0.0.0:21567) here (its step 2); \
             yours calls bind(listener, 127.0.0.1:21567) (your step 2)",
        ),
        (
            "07",
            "answers-one-by-one",
            "yours waits here for ever: recvfrom(sock, 1024) (your step 8); \
             the demo calls sendto(sock, \"欢迎\", 6, 127.0.0.1:P1) here (its step 9)",
        ),
        (
            "10",
            "answers-who-asked",
            "yours never calls send(conn, \"欢迎\", 6) (the demo: its step 54)",
        ),
    ] {
        assert_eq!(first(lesson, &format!("mistakes/{mistake}.rs")), says, "{lesson}, {mistake}");
    }
}

#[test]
fn the_exercise_is_compared_and_its_line_named() {
    let output = lab(&["diff", "3"]);
    let text = stdout(&output);
    let changed = fs::read_to_string(root().join("lessons/03-echo/exercise.rs")).unwrap();
    assert!(changed.contains("TODO"), "the exercise is not as shipped");
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("\n  at      lessons/03-echo/exercise.rs:"), "{text}");
    assert!(text.contains("\n  demo  yours\n"), "{text}");
    assert!(text.contains("\n  next    lab check 3 "), "{text}");
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn what_cannot_be_compared_is_refused_with_what_can() {
    for (args, says) in [
        (&["diff", "6"][..], "asks for no program that could be compared"),
        (&["diff", "12", "--variant", "talk-on"], "no variant `talk-on`; did you mean talks-on?"),
        (&["diff", "3", "--with", "pol"], "no solution `pol`; did you mean poll?"),
        (&["diff", "3", "--role", "sever=x"], "there is no role `sever`; did you mean server?"),
        (&["diff", "3", "--variant", "x"], "has no variants"),
        (&["diff", "3", "--bin", "'"], "a quote is not closed"),
    ] {
        let output = lab(args);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(says) && told.contains("\n  try: "), "{args:?}: {told}");
    }
}
