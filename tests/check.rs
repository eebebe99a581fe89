//! `lab check`, `lab explain` and `lab audit`, on real programs in the lab's own lessons.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

#[path = "recorder/support/fixtures.rs"]
#[allow(dead_code, reason = "the recorder's tests need more of it")]
mod fixtures;

/// Says that a test was not made, where a passing test's output is seen as well.
fn skipped(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn lab(args: &[&str]) -> Output {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(args).current_dir(root()).output().expect("lab starts")
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
    let output = lab(&args);
    let json: Json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{command}: {why}: {}", stderr(&output)));
    (json["lessons"][0].clone(), output.status.code().expect("no signal"))
}

/// The rules that are broken, in order, each once; with their weathers if `weather`.
fn broken(lesson: &Json) -> Vec<String> {
    let mut rules: Vec<String> = Vec::new();
    for scenario in lesson["scenarios"].as_array().unwrap() {
        for finding in scenario["findings"].as_array().unwrap() {
            let rule = finding["rule"].as_str().unwrap().to_owned();
            if finding["grade"] != "note" && !rules.contains(&rule) {
                rules.push(rule);
            }
        }
    }
    rules
}

/// Lesson 3's server in every language that this machine has, with or without one of two mistakes.
fn echoes(mistake: &str) -> Vec<String> {
    let mut all = Vec::new();
    let quoted = |path: PathBuf| shell_words::quote(path.to_str().unwrap()).into_owned();
    if let Some(python) = fixtures::python() {
        all.push(format!("{python} {} {mistake}", quoted(fixtures::source("echo_to_the_end.py"))));
    }
    if let Some(binary) = fixtures::c("echo_to_the_end") {
        all.push(format!("{} {mistake}", quoted(binary)));
    }
    if let Some(binary) = fixtures::rust("echo_to_the_end") {
        all.push(format!("{} {mistake}", quoted(binary)));
    }
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
fn nothing_that_does_not_do_the_work_passes() {
    let Some(hostile) = fixtures::c("hostile") else { return };
    let hostile = hostile.to_str().unwrap();
    for (what, rule) in [
        ("empty", "uses-sockets"),
        ("prints", "uses-sockets"),
        ("nc", "no-exec"),
        ("io_uring", "no-io-uring"),
        ("sleeps", "uses-sockets"),
        ("computes", "ends-or-serves"),
    ] {
        let (lesson, status) = checked("1", &format!("{hostile} {what}"), &["--weather", "none"]);
        assert_ne!(status, 0, "{what}");
        assert_ne!(lesson["result"], "pass", "{what}");
        assert!(broken(&lesson).contains(&rule.to_owned()), "{what}: {lesson:#}");
    }
    let (lesson, status) = checked("1", "/bin/true", &[]);
    assert_eq!((lesson["result"].as_str(), status), (Some("fail"), 1));
}

#[test]
fn who_waits_for_its_client_for_ever_is_named_at_once() {
    let Some(python) = fixtures::python() else { return };
    let script = "import socket; s = socket.create_server(('127.0.0.1', 9999)); c, _ = s.accept(); c.recv(9); c.recv(9)";
    let began = Instant::now();
    let command = format!("{python} -c {}", shell_words::quote(script));
    let (lesson, status) = checked("1", &command, &["--weather", "none"]);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(status, 1);
    let findings = lesson["scenarios"][0]["findings"].as_array().unwrap();
    let ends = findings.iter().find(|finding| finding["rule"] == "ends-or-serves").unwrap();
    let did = ends["did"].as_str().unwrap();
    assert!(did.contains("`server` waits in `recv(conn)`") && did.contains("A"), "{did}");
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
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.args(["check", "--all", "--weather", "none", "-j", jobs]).current_dir(root());
        lab.env_clear().stdin(std::process::Stdio::null());
        // What finds cargo and its registry, and no more.
        for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "CARGO_TARGET_DIR"] {
            lab.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        lab.output().expect("lab starts")
    };
    let output = run("1");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(!text.contains('\u{1b}'));
    for lesson in ["01-one-shot", "02-server-that-stays", "03-echo"] {
        let told = text.lines().any(|line| {
            line.strip_prefix(lesson).is_some_and(|rest| rest.trim_start().starts_with("fail  "))
        });
        assert!(told, "{lesson}: {text}");
    }
    assert!(text.trim_end().ends_with("0 passed, 3 failed"), "{text}");
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
    let house = house();
    let audit = || {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.args(["audit", "1"]).current_dir(house.path()).env("CARGO_TARGET_DIR", target());
        let output = lab.output().expect("lab starts");
        (stdout(&output), output.status.code())
    };
    assert_eq!(audit(), ("01-one-shot: clean\n".into(), Some(0)));

    let file = house.path().join("lessons/01-one-shot/lesson.toml");
    let whole = fs::read_to_string(&file).unwrap();
    let blocks: Vec<&str> = whole.split("[[rule]]").collect();
    let (before, rules) = blocks.split_first().unwrap();
    assert!(!rules.is_empty());
    for (without, rule) in rules.iter().enumerate() {
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
        let id = rule.lines().find_map(|line| line.strip_prefix("id")).unwrap();
        let id = id.trim_matches([' ', '=', '"']);
        let (said, status) = audit();
        assert_eq!(status, Some(1), "{id}: {said}");
        let named = said.lines().any(|line| {
            line.contains(&format!("mistakes/{id}"))
                && line.contains(&format!("must fail by `{id}`"))
        });
        assert!(named, "{id}: {said}");
    }
}

/// A copy of the lab with lesson 1 alone, which is built into the same target folder.
fn house() -> tempfile::TempDir {
    let house = tempfile::tempdir().unwrap();
    for name in ["Cargo.toml", "Cargo.lock", "src", "lessons/kit", "lessons/01-one-shot", "benches"]
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

/// Where this test's own build lies: what others have compiled need not be compiled again.
fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("house")
}
