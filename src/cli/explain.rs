//! `lab explain`: what a rule or a weather is, why, and which lessons use it.

use clap::Args;

use crate::catalogue::Lesson;
use crate::error::{Error, Result, did_you_mean};
use crate::grade::{self, Check, Expect};
use crate::tracer::weather::Weather;

use super::Outcome;
use super::home::Home;
use super::output::{ColorChoice, Linked};

#[derive(Args)]
#[command(after_help = "Examples:
  lab explain
  lab explain reads-until-the-end
  lab explain short-read")]
pub struct Explain {
    /// A rule, a check or a weather; none: the list of them
    #[arg(value_name = "RULE|WEATHER")]
    name: Option<String>,
}

impl Explain {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        let catalogue = Home::open(None)?.catalogue;
        let lessons = catalogue.read_all().into_iter().collect::<Result<Vec<_>>>()?;
        let mut graded = Vec::new();
        for lesson in lessons {
            let rules = lesson.grading()?;
            graded.push((lesson, rules));
        }
        let told = match &self.name {
            None => list(&graded),
            Some(name) => explain(name, &graded)?,
        };
        Linked::new(&catalogue, color).say(&told);
        Ok(Outcome::Holds)
    }
}

type Graded = (Lesson, grade::Rules);

fn list(lessons: &[Graded]) -> String {
    let mut out = String::new();
    let mut section = |head: &str, lines: Vec<(String, String)>| {
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        out.push_str(&format!("{head}\n"));
        for (name, says) in lines {
            out.push_str(&format!("  {name:width$}  {says}\n"));
        }
        out.push('\n');
    };
    let about = |check: &Check| (check.name().to_owned(), check.says().to_owned());
    section(
        "in every lesson, unless it says otherwise",
        Check::BASELINE.iter().map(about).collect(),
    );
    let others = Check::ALL.iter().filter(|check| !Check::BASELINE.contains(check));
    section("where a lesson asks for it", others.map(about).collect());
    for (lesson, rules) in lessons {
        let rules = rules.rules.iter().map(|rule| (rule.id.clone(), rule.says.clone()));
        let rules: Vec<_> = rules.collect();
        if !rules.is_empty() {
            section(&lesson.name, rules);
        }
    }
    let weathers = Weather::ALL.iter().map(|weather| {
        let first = weather.explain().split_inclusive(". ").next().unwrap_or_default();
        (weather.name().to_owned(), first.trim_end().trim_end_matches('.').to_owned())
    });
    section("weather", weathers.collect());
    out.truncate(out.trim_end().len());
    out + "\n"
}

fn explain(name: &str, lessons: &[Graded]) -> Result<String> {
    let mut parts = Vec::new();
    for (lesson, rules) in lessons {
        for rule in rules.rules.iter().filter(|rule| rule.id == name) {
            let mut part = format!("{name}, a rule of {}\n  {}\n", lesson.name, rule.says);
            for line in expectation(&rule.expect) {
                part.push_str(&format!("  {line}\n"));
            }
            if !rule.scenarios.is_empty() {
                part.push_str(&format!("  in the scenarios: {}\n", rule.scenarios.join(", ")));
            }
            if let Expect::Check(check) = &rule.expect {
                part.push_str(&format!("  {}\n", check.why()));
            }
            parts.push(part);
        }
    }
    if let Some(check) = Check::named(name) {
        let mut part = format!("{name}\n  {}\n  {}\n", check.says(), check.why());
        let uses = |(_, rules): &&Graded| {
            rules.baseline.contains(&check)
                || rules.rules.iter().any(|rule| rule.expect == Expect::Check(check))
        };
        part.push_str(&used(lessons.iter().filter(uses).map(|(lesson, _)| lesson)));
        parts.push(part);
    }
    if let Some(weather) = Weather::ALL.into_iter().find(|weather| weather.name() == name) {
        let mut part = format!("{name}, a weather\n  {}\n", weather.explain());
        let uses = |lesson: &&Lesson| lesson.exercise.weather.iter().any(|it| it.as_ref() == name);
        part.push_str(&used(lessons.iter().map(|(lesson, _)| lesson).filter(uses)));
        parts.push(part);
    }
    if parts.is_empty() {
        return Err(unknown(name, lessons));
    }
    Ok(parts.join("\n"))
}

fn used<'a>(lessons: impl Iterator<Item = &'a Lesson>) -> String {
    let names: Vec<&str> = lessons.map(|lesson| lesson.name.as_str()).collect();
    match names.as_slice() {
        [] => "  no lesson uses it yet\n".into(),
        names => format!("  used by {}\n", names.join(", ")),
    }
}

/// What a rule asks for, in the notation.
fn expectation(expect: &Expect) -> Vec<String> {
    match expect {
        Expect::Order(patterns) => {
            let calls: Vec<String> = patterns.iter().map(ToString::to_string).collect();
            vec![format!("in this order: {}", calls.join(" → "))]
        }
        Expect::Call(pattern) => vec![format!("wanted: {pattern}")],
        Expect::Never { what, after: None } => vec![format!("never: {what}")],
        Expect::Never { what, after: Some(after) } => vec![format!("never: {what}, after {after}")],
        Expect::Count { what, times } => vec![format!("so often: {what} {times}")],
        Expect::Check(check) => vec![format!("the check {}", check.name())],
        Expect::Prints(lines) => lines.iter().map(|line| format!("prints: {line}")).collect(),
    }
}

fn unknown(name: &str, lessons: &[Graded]) -> Error {
    let rules = lessons.iter().flat_map(|(_, rules)| rules.rules.iter().map(|it| it.id.as_str()));
    let all = Check::ALL.iter().map(|check| check.name());
    let known = rules.chain(all).chain(Weather::ALL.iter().map(|weather| weather.name()));
    let near = did_you_mean(name, known);
    Error::Usage { why: format!("no rule or weather `{name}`{near}"), next: "lab explain".into() }
}
