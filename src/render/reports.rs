//! A check's report for other programs: JSON, JUnit, TAP 14, Gradescope, GitHub's workflow commands.
//!
//! Each scenario in each weather is one test, by the name of the scenario.

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};

use super::verdict;
use crate::grade::{Cell, Finding, Grade, Graded, Judgement, Report};

/// The shape that the surface promises.
pub fn json(report: &Report) -> String {
    let lessons: Vec<Value> = report.lessons.iter().map(lesson).collect();
    format!("{}\n", json!({ "version": 1, "lessons": lessons }))
}

fn lesson(graded: &Graded) -> Value {
    let scenarios: Vec<Value> = graded
        .cells
        .iter()
        .map(|cell| {
            let findings: Vec<Value> =
                cell.verdict.findings.iter().map(|it| finding(cell, it)).collect();
            let mut scenario = json!({
                "name": cell.scenario, "weather": cell.weather(), "seed": cell.seed,
                "result": cell.verdict.result.name(), "findings": findings,
            });
            if let Judgement::Undetermined { why } = &cell.verdict.result {
                scenario["why"] = json!(why);
            }
            scenario
        })
        .collect();
    let mut told = json!({
        "lesson": graded.lesson, "result": graded.result().name(), "scenarios": scenarios,
    });
    if let Judgement::Undetermined { why } = graded.result() {
        told["why"] = json!(why);
    }
    told
}

fn finding(cell: &Cell, finding: &Finding) -> Value {
    let (file, line) = place(finding).unzip();
    let lines: Vec<Value> = finding
        .lines
        .iter()
        .map(|line| {
            json!({ "step": line.step, "role": line.role, "text": line.text, "marked": line.marked })
        })
        .collect();
    json!({
        "rule": finding.rule, "grade": finding.grade.name(), "says": finding.says,
        "did": finding.did, "events": finding.events, "lines": lines,
        "peer": finding.peer, "output": finding.printed, "hint": finding.hint,
        "file": file, "line": line, "next": cell.next,
    })
}

/// `exercise.rs:42` taken apart.
fn place(finding: &Finding) -> Option<(&str, u64)> {
    let (file, line) = finding.source.as_deref()?.rsplit_once(':')?;
    Some((file, line.parse().ok()?))
}

/// JUnit's XML, as CI servers read it: a suite for each lesson.
pub fn junit(report: &Report) -> String {
    let mut out = quick_junit::Report::new("lab check");
    for graded in &report.lessons {
        let mut suite = TestSuite::new(graded.lesson.as_str());
        for cell in &graded.cells {
            let status = match &cell.verdict.result {
                Judgement::Pass => TestCaseStatus::success(),
                Judgement::Fail => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    let first = worst(cell);
                    status.set_type(first.map_or("broken", |it| it.rule.as_str()));
                    status.set_message(first.map_or("", |it| it.did.as_str()));
                    status.set_description(described(cell));
                    status
                }
                Judgement::Undetermined { why } => unknown(why),
            };
            let mut case = TestCase::new(cell.name(), status);
            case.set_classname(graded.lesson.as_str());
            if cell.verdict.result == Judgement::Pass && !cell.verdict.findings.is_empty() {
                case.set_system_out(described(cell));
            }
            suite.add_test_case(case);
        }
        if let Some(why) = nothing_checked(graded) {
            let mut case = TestCase::new(graded.lesson.as_str(), unknown(&why));
            case.set_classname(graded.lesson.as_str());
            suite.add_test_case(case);
        }
        out.add_test_suite(suite);
    }
    out.to_string().unwrap_or_default()
}

fn unknown(why: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_type("undetermined");
    status.set_message(why);
    status
}

/// Why a lesson could not be checked, where no scenario tells it.
fn nothing_checked(graded: &Graded) -> Option<String> {
    match graded.result() {
        Judgement::Undetermined { why } if graded.cells.is_empty() => Some(why),
        _ => graded.undetermined.clone(),
    }
}

fn worst(cell: &Cell) -> Option<&Finding> {
    cell.verdict.findings.iter().find(|it| it.grade != Grade::Note)
}

/// All findings of a cell as they are told to a person.
fn described(cell: &Cell) -> String {
    let told: Vec<String> =
        cell.verdict.findings.iter().map(|it| verdict::finding(cell, it, false)).collect();
    told.join("\n")
}

/// The Test Anything Protocol, version 14.
pub fn tap(report: &Report) -> String {
    let mut tests: Vec<(bool, String, Vec<(&str, String)>)> = Vec::new();
    for graded in &report.lessons {
        for cell in &graded.cells {
            let name = format!("{}: {}", graded.lesson, cell.name());
            let mut about = Vec::new();
            if let Judgement::Undetermined { why } = &cell.verdict.result {
                about.push(("undetermined", why.clone()));
            }
            if let Some(finding) = worst(cell) {
                about.push(("message", finding.did.clone()));
                about.push(("severity", finding.grade.name().into()));
                about.push(("rule", finding.rule.clone()));
                about.push(("says", finding.says.clone()));
                if let Some(source) = &finding.source {
                    about.push(("at", source.clone()));
                }
                about.push(("next", cell.next.clone()));
            }
            tests.push((cell.verdict.result == Judgement::Pass, name, about));
        }
        if let Some(why) = nothing_checked(graded) {
            tests.push((false, graded.lesson.clone(), vec![("undetermined", why)]));
        }
    }
    let mut out = format!("TAP version 14\n1..{}\n", tests.len());
    for (n, (ok, name, about)) in tests.iter().enumerate() {
        let word = if *ok { "ok" } else { "not ok" };
        // A `#` would begin a directive, and a backslash escapes it.
        let name = name.replace('\\', "\\\\").replace('#', "\\#");
        out.push_str(&format!("{word} {} - {}\n", n + 1, one_line(&name)));
        if !about.is_empty() {
            out.push_str("  ---\n");
            for (key, value) in about {
                // A JSON string is a YAML one.
                out.push_str(&format!("  {key}: {}\n", json!(value)));
            }
            out.push_str("  ...\n");
        }
    }
    out
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// results.json of a Gradescope autograder: a point for each scenario in each weather.
pub fn gradescope(report: &Report) -> String {
    let mut tests = Vec::new();
    for graded in &report.lessons {
        for cell in &graded.cells {
            let passed = cell.verdict.result == Judgement::Pass;
            let output = match &cell.verdict.result {
                Judgement::Undetermined { why } => format!("undetermined: {why}"),
                _ => described(cell),
            };
            tests.push(json!({
                "name": format!("{}: {}", graded.lesson, cell.name()),
                "number": format!("{}.{}", graded.number, tests.len() + 1),
                "score": if passed { 1.0 } else { 0.0 }, "max_score": 1.0,
                "status": if passed { "passed" } else { "failed" },
                "output": output, "output_format": "text", "visibility": "visible",
                "tags": [graded.lesson, cell.weather()],
            }));
        }
        if let Some(why) = nothing_checked(graded) {
            tests.push(json!({
                "name": graded.lesson, "score": 0.0, "max_score": 1.0, "status": "failed",
                "output": format!("undetermined: {why}"), "output_format": "text",
                "visibility": "visible",
            }));
        }
    }
    let output = verdict::summary(report, false);
    let results = json!({
        "output": output, "output_format": "text", "visibility": "visible",
        "stdout_visibility": "hidden", "tests": tests,
    });
    format!("{results:#}\n")
}

/// GitHub's workflow commands: a finding is an annotation at its line of the source.
pub fn github(report: &Report) -> String {
    let mut out = String::new();
    for graded in &report.lessons {
        for broken in graded.broken() {
            let (cell, finding) = (broken.cell, broken.finding);
            let command = match finding.grade {
                Grade::Broken | Grade::Fragile => "error",
                Grade::Note => "notice",
            };
            let mut properties = Vec::new();
            if let Some((file, line)) = place(finding) {
                properties.push(format!("file={}", property(file)));
                properties.push(format!("line={line}"));
            }
            let title = format!("{}: {}", graded.lesson, finding.rule);
            properties.push(format!("title={}", property(&title)));
            let said = format!(
                "{} ({}): {}\nin {}\n{}",
                finding.says,
                finding.grade.name(),
                finding.did,
                cell.name(),
                cell.next
            );
            out.push_str(&format!("::{command} {}::{}\n", properties.join(","), message(&said)));
        }
        if let Judgement::Undetermined { why } = graded.result() {
            let title = property(&graded.lesson);
            out.push_str(&format!(
                "::error title={title}::{}\n",
                message(&format!("undetermined: {why}"))
            ));
        }
    }
    out
}

/// Escapes a command's data. Source: actions/toolkit, `packages/core/src/command.ts`.
fn message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes a command's property, likewise.
fn property(text: &str) -> String {
    message(text).replace(':', "%3A").replace(',', "%2C")
}
