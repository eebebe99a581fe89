//! Many students' reports of `lab check --as json` in one table: who passed what, and which rule fails most.
//!
//! ```text
//! 3 students, 2 lessons
//!
//!          1     3
//! ada      pass  pass
//! bob      pass  fail
//! chen     ?     -
//! passed   2/3   1/3
//!
//! broken by  rule
//!         1  reads-until-the-end (03-echo): bob
//! ```
//!
//! Students stand in the order of their names, lessons in theirs, rules by how many break them, then by name.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value as Json, json};
use textwrap::{Options, WordSplitter, wrap};
use unicode_width::UnicodeWidthStr;

use super::verdict::harmless;

/// The version of the reports that are read.
pub const VERSION: u64 = 1;

/// What became of one lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    Pass,
    Fail,
    Undetermined,
}

impl Standing {
    fn name(self) -> &'static str {
        match self {
            Standing::Pass => "pass",
            Standing::Fail => "fail",
            Standing::Undetermined => "undetermined",
        }
    }
}

/// One student's lessons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Student {
    pub name: String,
    /// By the whole name of the lesson: how it went, and the rules that were broken.
    pub lessons: BTreeMap<String, (Standing, BTreeSet<String>)>,
}

/// Why a file is no report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    Newer(u64),
    Broken(String),
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

#[derive(Deserialize)]
struct Written {
    lessons: Vec<WrittenLesson>,
}

#[derive(Deserialize)]
struct WrittenLesson {
    lesson: String,
    result: Standing,
    scenarios: Vec<WrittenScenario>,
}

#[derive(Deserialize)]
struct WrittenScenario {
    findings: Vec<WrittenFinding>,
}

#[derive(Deserialize)]
struct WrittenFinding {
    rule: String,
    grade: String,
}

/// Reads one student's report.
pub fn read(name: &str, report: &[u8]) -> Result<Student, Unreadable> {
    let broken = |why: serde_json::Error| Unreadable::Broken(why.to_string());
    // A newer report may have another shape: its version is read first.
    let Versioned { version } = serde_json::from_slice(report).map_err(broken)?;
    if version > VERSION {
        return Err(Unreadable::Newer(version));
    }
    let written: Written = serde_json::from_slice(report).map_err(broken)?;
    let mut lessons = BTreeMap::new();
    for lesson in written.lessons {
        let findings = lesson.scenarios.into_iter().flat_map(|scenario| scenario.findings);
        let rules = findings.filter(|it| it.grade != "note").map(|it| it.rule).collect();
        lessons.insert(lesson.lesson, (lesson.result, rules));
    }
    Ok(Student { name: name.into(), lessons })
}

/// All students, and what can be counted of them.
pub struct Class {
    students: Vec<Student>,
    lessons: BTreeSet<String>,
    /// The rules that are broken, with their lessons and who breaks them, the most broken first.
    rules: Vec<(String, String, Vec<String>)>,
}

impl Class {
    pub fn of(mut students: Vec<Student>) -> Class {
        students.sort_by(|a, b| a.name.cmp(&b.name));
        let lessons = students.iter().flat_map(|it| it.lessons.keys().cloned()).collect();
        let mut breakers: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for student in &students {
            for (lesson, (_, rules)) in &student.lessons {
                for rule in rules {
                    let key = (lesson.clone(), rule.clone());
                    breakers.entry(key).or_default().push(student.name.clone());
                }
            }
        }
        let mut rules: Vec<_> =
            breakers.into_iter().map(|((lesson, rule), who)| (rule, lesson, who)).collect();
        rules.sort_by(|a, b| (b.2.len(), &a.1, &a.0).cmp(&(a.2.len(), &b.1, &b.0)));
        Class { students, lessons, rules }
    }

    fn standing(student: &Student, lesson: &str) -> Option<Standing> {
        student.lessons.get(lesson).map(|(standing, _)| *standing)
    }

    fn count(&self, lesson: &str, standing: Option<Standing>) -> usize {
        self.students.iter().filter(|it| Class::standing(it, lesson) == standing).count()
    }

    /// For a terminal of this width: as many lessons side by side as it holds.
    pub fn text(&self, width: usize) -> String {
        const COLUMN: usize = 6;
        let many = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            _ => format!("{count} {what}s"),
        };
        let mut out = format!(
            "{}, {}\n",
            many(self.students.len(), "student"),
            many(self.lessons.len(), "lesson")
        );
        let names = self.students.iter().map(|it| harmless(&it.name).width());
        let widest = names.chain(["passed".len()]).max().unwrap_or(0) + 2;
        let room = (width.saturating_sub(widest) / COLUMN).max(1);
        let lessons: Vec<&String> = self.lessons.iter().collect();
        for block in lessons.chunks(room) {
            out.push('\n');
            let head = block.iter().map(|lesson| number(lesson));
            push_row(&mut out, "", widest, COLUMN, head);
            for student in &self.students {
                let cells = block.iter().map(|lesson| match Class::standing(student, lesson) {
                    Some(Standing::Undetermined) => "?".to_owned(),
                    Some(standing) => standing.name().to_owned(),
                    None => "-".to_owned(),
                });
                push_row(&mut out, &student.name, widest, COLUMN, cells);
            }
            let all = self.students.len();
            let passed = block
                .iter()
                .map(|lesson| format!("{}/{all}", self.count(lesson, Some(Standing::Pass))));
            push_row(&mut out, "passed", widest, COLUMN, passed);
        }
        out.push_str(&self.broken(width));
        let unsure =
            |it: &Student| it.lessons.values().any(|(how, _)| *how == Standing::Undetermined);
        if self.students.iter().any(unsure) {
            out.push_str("\n?: it could not be found out; that report says why\n");
        }
        out
    }

    /// The rules that are broken, the most broken first.
    fn broken(&self, width: usize) -> String {
        if self.rules.is_empty() {
            return String::new();
        }
        let mut out = String::from("\nbroken by  rule\n");
        let options = Options::new(width.max(20))
            .subsequent_indent("             ")
            .word_splitter(WordSplitter::NoHyphenation);
        for (rule, lesson, who) in &self.rules {
            let who = harmless(&who.join(", "));
            let line = format!(
                "{:>9}  {} ({}): {who}",
                self.rules_count(rule, lesson),
                harmless(rule),
                harmless(lesson)
            );
            for part in wrap(&line, &options) {
                out.push_str(part.trim_end());
                out.push('\n');
            }
        }
        out
    }

    fn rules_count(&self, rule: &str, lesson: &str) -> usize {
        self.rules.iter().find(|it| it.0 == rule && it.1 == lesson).map_or(0, |it| it.2.len())
    }

    /// A row for each student, a column for each lesson.
    pub fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        // Writing to memory does not fail.
        let _ = writer.write_record(
            std::iter::once("student").chain(self.lessons.iter().map(String::as_str)),
        );
        for student in &self.students {
            let cells = self.lessons.iter().map(|lesson| self.word(student, lesson));
            let _ = writer.write_record(std::iter::once(student.name.as_str()).chain(cells));
        }
        String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
    }

    fn word(&self, student: &Student, lesson: &str) -> &'static str {
        Class::standing(student, lesson).map_or("", Standing::name)
    }

    /// Two tables for a page: students, and rules.
    pub fn markdown(&self) -> String {
        let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let cell = |text: &str| harmless(text).replace('\\', "\\\\").replace('|', "\\|");
        let head =
            std::iter::once("student".to_owned()).chain(self.lessons.iter().map(|it| cell(it)));
        let mut out = row(head.collect()) + &row(vec!["---".into(); self.lessons.len() + 1]);
        for student in &self.students {
            let cells = self.lessons.iter().map(|lesson| self.word(student, lesson).to_owned());
            out.push_str(&row(std::iter::once(cell(&student.name)).chain(cells).collect()));
        }
        if !self.rules.is_empty() {
            let head = ["rule", "lesson", "broken by", "students"].map(str::to_owned).to_vec();
            out.push_str(&format!("\n{}{}", row(head), row(vec!["---".into(); 4])));
        }
        for (rule, lesson, who) in &self.rules {
            let names = cell(&who.join(", "));
            out.push_str(&row(vec![cell(rule), cell(lesson), who.len().to_string(), names]));
        }
        out
    }

    /// Everything, and the files that could not be read.
    pub fn json(&self, unread: &[(String, String)]) -> String {
        let students: Vec<Json> = self
            .students
            .iter()
            .map(|student| {
                let lessons: Vec<Json> = student.lessons.iter().map(|(lesson, (standing, rules))| {
                json!({ "lesson": lesson, "result": standing.name(), "rules": rules })
            }).collect();
                json!({ "name": student.name, "lessons": lessons })
            })
            .collect();
        let lessons: Vec<Json> = self
            .lessons
            .iter()
            .map(|lesson| {
                json!({
                    "lesson": lesson,
                    "passed": self.count(lesson, Some(Standing::Pass)),
                    "failed": self.count(lesson, Some(Standing::Fail)),
                    "undetermined": self.count(lesson, Some(Standing::Undetermined)),
                    "absent": self.count(lesson, None),
                })
            })
            .collect();
        let rules: Vec<Json> = self
            .rules
            .iter()
            .map(|(rule, lesson, who)| json!({ "rule": rule, "lesson": lesson, "students": who }))
            .collect();
        let unread: Vec<Json> =
            unread.iter().map(|(file, why)| json!({ "file": file, "why": why })).collect();
        let all = json!({
            "version": 1, "students": students, "lessons": lessons, "rules": rules, "unread": unread,
        });
        format!("{all}\n")
    }
}

/// `3` of `03-echo`.
fn number(lesson: &str) -> String {
    let number = lesson.split('-').next().unwrap_or_default().trim_start_matches('0');
    if number.is_empty() { harmless(lesson) } else { harmless(number) }
}

fn push_row(
    out: &mut String,
    name: &str,
    widest: usize,
    column: usize,
    cells: impl Iterator<Item = String>,
) {
    let name = harmless(name);
    let mut line = format!("{name}{}", " ".repeat(widest.saturating_sub(name.width())));
    for cell in cells {
        line.push_str(&format!("{cell:<column$}"));
    }
    out.push_str(line.trim_end());
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(lessons: &[(&str, &str, &[&str])]) -> Vec<u8> {
        let lessons: Vec<Json> = lessons.iter().map(|(lesson, result, rules)| {
            let findings: Vec<Json> = rules.iter()
                .map(|rule| json!({ "rule": rule, "grade": if *rule == "tidy" { "note" } else { "broken" } }))
                .collect();
            let twice = json!({ "name": "x", "findings": findings });
            json!({ "lesson": lesson, "result": result, "scenarios": [twice, twice] })
        }).collect();
        json!({ "version": 1, "lessons": lessons }).to_string().into_bytes()
    }

    fn class() -> Class {
        let student =
            |name: &str, lessons: &[(&str, &str, &[&str])]| read(name, &report(lessons)).unwrap();
        Class::of(vec![
            student(
                "陈",
                &[
                    ("01-one-shot", "undetermined", &[]),
                    ("03-echo", "fail", &["stays", "reads-until-the-end"]),
                ],
            ),
            student(
                "bob|x",
                &[
                    ("01-one-shot", "pass", &["tidy"]),
                    ("03-echo", "fail", &["reads-until-the-end"]),
                ],
            ),
            student("ada, b", &[("01-one-shot", "pass", &[])]),
        ])
    }

    #[test]
    fn a_class_is_one_table_and_the_rules_that_fail_most() {
        insta::assert_snapshot!(class().text(80));
    }

    #[test]
    fn a_narrow_terminal_gets_the_lessons_in_blocks() {
        let lessons: Vec<(String, &str, &[&str])> =
            (1..20).map(|n| (format!("{n:02}-x"), "pass", &[][..])).collect();
        let lessons: Vec<_> = lessons.iter().map(|(l, r, f)| (l.as_str(), *r, *f)).collect();
        let class = Class::of(vec![read("ada", &report(&lessons)).unwrap()]);
        let text = class.text(40);
        assert!(text.lines().all(|line| line.width() <= 40), "{text}");
        assert_eq!(text.matches("\nada ").count(), 4, "{text}");
    }

    #[test]
    fn the_other_forms_hold_the_same() {
        let unread = [("dee.json".to_owned(), "it is empty".to_owned())];
        let class = class();
        insta::assert_snapshot!(format!(
            "{}\n{}\n{}",
            class.csv(),
            class.markdown(),
            class.json(&unread)
        ));
    }

    #[test]
    fn what_is_no_report_is_told_from_what_is_too_new() {
        assert_eq!(read("x", br#"{"version":7}"#), Err(Unreadable::Newer(7)));
        for broken in [
            &b""[..],
            b"[]",
            b"{}",
            br#"{"version":1,"lessons":[{"lesson":"a","result":"won","scenarios":[]}]}"#,
        ] {
            assert!(matches!(read("x", broken), Err(Unreadable::Broken(_))));
        }
    }
}
