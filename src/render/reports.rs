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

/// A line of TAP: whether it holds, its name, and what is said about it.
type TapLine = (bool, String, Vec<(&'static str, String)>);

/// The Test Anything Protocol, version 14.
pub fn tap(report: &Report) -> String {
    let mut tests: Vec<TapLine> = Vec::new();
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
        "output": output.trim(), "output_format": "text", "visibility": "visible",
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

#[cfg(test)]
mod tests {
    use junit_parser::TestStatus;
    use tap_parser::{TapParser, TapStatement};

    use super::super::json::tests::conforms;
    use super::super::verdict::tests::sample;
    use super::*;

    const SURFACE: &str = r#"{
        "type": "object", "required": ["version", "lessons"],
        "properties": { "version": { "enum": [1] }, "lessons": { "type": "array", "items": {
            "type": "object", "required": ["lesson", "result", "scenarios"],
            "properties": {
                "lesson": { "type": "string" },
                "result": { "enum": ["pass", "fail", "undetermined"] },
                "scenarios": { "type": "array", "items": {
                    "type": "object", "required": ["name", "weather", "seed", "result", "findings"],
                    "properties": {
                        "name": { "type": "string" }, "weather": { "type": "string" },
                        "seed": { "type": "integer" },
                        "result": { "enum": ["pass", "fail", "undetermined"] },
                        "findings": { "type": "array", "items": {
                            "type": "object",
                            "required": ["rule", "grade", "says", "events", "file", "line", "next"],
                            "properties": {
                                "rule": { "type": "string" },
                                "grade": { "enum": ["broken", "fragile", "note"] },
                                "says": { "type": "string" },
                                "events": { "type": "array", "items": { "type": "integer" } },
                                "file": { "type": ["string", "null"] },
                                "line": { "type": ["integer", "null"] },
                                "next": { "type": "string" }
                            }
                        } }
                    }
                } }
            }
        } } }
    }"#;

    /// After Gradescope's documentation, "Autograder Specifications", section "Output Format".
    const GRADESCOPE: &str = r##"{
        "$defs": {
            "format": { "enum": ["text", "html", "simple_format", "md", "ansi"] },
            "visibility": { "enum": ["hidden", "after_due_date", "after_published", "visible"] }
        },
        "type": "object", "required": ["tests"],
        "properties": {
            "score": { "type": "number" }, "execution_time": { "type": "number" },
            "output": { "type": "string" }, "output_format": { "$ref": "#/$defs/format" },
            "visibility": { "$ref": "#/$defs/visibility" },
            "stdout_visibility": { "$ref": "#/$defs/visibility" },
            "tests": { "type": "array", "items": {
                "type": "object", "required": ["score", "max_score", "name"],
                "properties": {
                    "score": { "type": "number" }, "max_score": { "type": "number" },
                    "status": { "enum": ["passed", "failed"] },
                    "name": { "type": "string" }, "number": { "type": "string" },
                    "output": { "type": "string" }, "output_format": { "$ref": "#/$defs/format" },
                    "tags": { "type": "array", "items": { "type": "string" } },
                    "visibility": { "$ref": "#/$defs/visibility" }
                }
            } }
        }
    }"##;

    fn holds(text: &str, schema: &str) -> Value {
        let json: Value = serde_json::from_str(text).unwrap();
        let schema: Value = serde_json::from_str(schema).unwrap();
        conforms(&json, &schema, &schema).unwrap_or_else(|why| panic!("{why}"));
        json
    }

    #[test]
    fn json_has_the_shape_that_is_promised() {
        let json = holds(&json(&sample()), SURFACE);
        let lessons = json["lessons"].as_array().unwrap();
        let results: Vec<&str> = lessons.iter().map(|it| it["result"].as_str().unwrap()).collect();
        assert_eq!(results, ["pass", "fail", "undetermined", "undetermined"]);
        let finding = &json["lessons"][1]["scenarios"][1]["findings"][0];
        assert_eq!(finding["file"], "lessons/03-echo/exercise.rs");
        assert_eq!(finding["line"], 31);
        // A schema that everything fits would prove nothing.
        let schema: Value = serde_json::from_str(SURFACE).unwrap();
        let lesson = json!({ "lesson": "x", "result": "passed", "scenarios": [] });
        let wrong = json!({ "version": 1, "lessons": [lesson] });
        assert!(conforms(&wrong, &schema, &schema).is_err());
    }

    #[test]
    fn a_ci_server_reads_the_junit_report() {
        let xml = junit(&sample());
        let read = junit_parser::from_reader(xml.as_bytes());
        let read = read.unwrap_or_else(|why| panic!("{why}: {xml}"));
        assert_eq!((read.tests, read.failures, read.errors), (7, 3, 2));
        let echo = &read.suites[1];
        assert_eq!(echo.name, "03-echo");
        let TestStatus::Failure(failure) = &echo.cases[1].status else { panic!("a failure") };
        assert_eq!(failure.failure_type, "reads-until-the-end");
        assert_eq!(failure.message, sample().lessons[1].cells[1].verdict.findings[0].did);
        assert!(failure.text.contains("lab check 3 --scenario"), "{}", failure.text);
        assert!(matches!(read.suites[2].cases[0].status, TestStatus::Error(_)));
        assert!(!xml.contains('\u{1b}'));
    }

    #[test]
    fn a_tap_consumer_reads_the_tap_report() {
        let text = tap(&sample());
        let mut parser = TapParser::new();
        let read = parser.parse(&text).unwrap_or_else(|why| panic!("{why}: {text}"));
        let mut tests = Vec::new();
        for statement in &read {
            match statement {
                TapStatement::Plan(plan) => assert_eq!(plan.count, 7),
                TapStatement::TestPoint(test) => {
                    assert!(test.directive.is_none(), "{test:?}");
                    tests.push((test.result, test.number, test.yaml.len()));
                }
                other => panic!("{other:?}"),
            }
        }
        let results: Vec<bool> = tests.iter().map(|(result, ..)| *result).collect();
        assert_eq!(results, [true, true, false, false, false, false, false]);
        assert!(tests.iter().zip(1..).all(|((_, number, _), n)| *number == Some(n)));
        let told = |(result, _, yaml): &(bool, Option<usize>, usize)| *result || *yaml > 0;
        assert!(tests.iter().all(told), "{text}");
    }

    #[test]
    fn gradescope_takes_the_results() {
        let json = holds(&gradescope(&sample()), GRADESCOPE);
        let tests = json["tests"].as_array().unwrap();
        let scores: Vec<f64> = tests.iter().map(|it| it["score"].as_f64().unwrap()).collect();
        assert_eq!(scores, [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    }

    /// The runner's own reading of a line. Source: actions/runner, `ActionCommand.TryParseV2`.
    fn command(line: &str) -> (String, Vec<(String, String)>, String) {
        let rest = line.strip_prefix("::").expect("it begins with ::");
        let (head, data) = rest.split_once("::").expect("a second ::");
        let unescape = |text: &str| {
            text.replace("%3A", ":")
                .replace("%2C", ",")
                .replace("%0D", "\r")
                .replace("%0A", "\n")
                .replace("%25", "%")
        };
        let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
        let properties = properties.split(',').filter(|it| !it.is_empty()).map(|it| {
            let (key, value) = it.split_once('=').expect("key=value");
            (key.to_owned(), unescape(value))
        });
        (name.to_owned(), properties.collect(), unescape(data))
    }

    #[test]
    fn github_reads_each_annotation_with_its_place() {
        let text = github(&sample());
        let commands: Vec<_> = text.lines().map(command).collect();
        let names: Vec<&str> = commands.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["notice", "error", "error", "error", "error"]);
        let (_, properties, message) = &commands[1];
        let expected = [
            ("file", "lessons/03-echo/exercise.rs"),
            ("line", "31"),
            ("title", "03-echo: reads-until-the-end"),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(properties, &expected);
        let end = "100%, #5: \\ a, b\nin a # long text\nlab check 3";
        assert!(message.contains(end), "{message}");
    }
}
