//! Lesson 3 in three languages: what is judged is what a program does, not what it is written in.
//!
//! `echo_to_the_end` exists in Python, C and Rust. Without an argument it is right; `stops-early` and `sends-once` are
//! its two mistakes.

#[allow(dead_code)]
#[path = "recorder/support/fixtures.rs"]
mod fixtures;

use std::io::Write as _;
use std::process::Command;

use serde_json::Value;

/// Says that a test was not made, where a passing test's output is seen as well.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// The commands of the twins for which this machine has what they need.
fn twins() -> Vec<String> {
    let script = fixtures::source("echo_to_the_end.py");
    let python = fixtures::python().map(|python| format!("{python} {}", quoted(&script)));
    let c = fixtures::c("echo_to_the_end").map(|path| quoted(&path));
    let rust = fixtures::rust("echo_to_the_end").map(|path| quoted(&path));
    let found: Vec<String> = [python, c, rust].into_iter().flatten().collect();
    assert!(!found.is_empty(), "neither Python nor a compiler: nothing was tested");
    found
}

fn quoted(path: &std::path::Path) -> String {
    format!("'{}'", path.display())
}

/// `lab check 3` of this program; `None` where this machine cannot trace.
fn check(program: &str) -> Option<(i32, Value)> {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(["check", "3", "--as", "json", "--bin", program]);
    let output = lab.current_dir(env!("CARGO_MANIFEST_DIR")).output().expect("lab starts");
    let code = output.status.code().expect("lab ends by itself");
    if code == 2 {
        let doctor = Command::new(env!("CARGO_BIN_EXE_lab")).arg("doctor").output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_ne!(doctor.status.code(), Some(0), "{program}: {stderr}");
        skipped("tracing is restricted here; lab doctor says why");
        return None;
    }
    Some((code, serde_json::from_slice(&output.stdout).expect("the report is JSON")))
}

/// The first finding that is more than a note: its rule and its grade.
fn first_finding(report: &Value) -> Option<(&str, &str)> {
    let scenarios = report["lessons"][0]["scenarios"].as_array()?;
    let findings = scenarios.iter().filter_map(|scenario| scenario["findings"].as_array());
    let graded =
        findings.flatten().filter_map(|it| Some((it["rule"].as_str()?, it["grade"].as_str()?)));
    graded.into_iter().find(|(_, grade)| *grade != "note")
}

#[test]
fn a_right_echo_passes_in_every_language() {
    for twin in twins() {
        let Some((code, report)) = check(&twin) else { return };
        assert_eq!(first_finding(&report), None, "{twin}");
        assert_eq!((code, &report["lessons"][0]["result"]), (0, &"pass".into()), "{twin}");
    }
}

#[test]
fn one_mistake_fails_by_one_rule_in_every_language() {
    for (mistake, rule, grade) in [
        ("stops-early", "reads-until-the-end", "broken"),
        ("sends-once", "sends-what-is-left", "fragile"),
    ] {
        for twin in twins() {
            let Some((code, report)) = check(&format!("{twin} {mistake}")) else { return };
            assert_eq!(first_finding(&report), Some((rule, grade)), "{twin} {mistake}");
            assert_eq!(code, 1, "{twin} {mistake}");
        }
    }
}
