//! `lab explain`: what a rule or a weather is, why, and which lessons use it.

use clap::Args;

use crate::book::explain::{Graded, Wanted, graded, lessons_in, users, wanted};
use crate::catalogue::Lesson;
use crate::error::{Error, Result, did_you_mean};
use crate::grade::{Check, Expect};
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
        let graded = graded(catalogue.read_all().into_iter().collect::<Result<Vec<_>>>()?)?;
        let told = match &self.name {
            None => list(&graded),
            Some(name) => explain(name, &graded)?,
        };
        Linked::new(&catalogue, color).say(&told);
        Ok(Outcome::Holds)
    }
}

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
            let Wanted { words, items, joint } = wanted(&rule.expect);
            part.push_str(&format!("  {words}: {}\n", items.join(joint)));
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
        part.push_str(&used(&users(check, lessons)));
        parts.push(part);
    }
    if let Some(weather) = Weather::ALL.into_iter().find(|weather| weather.name() == name) {
        let mut part = format!("{name}, a weather\n  {}\n", weather.explain());
        part.push_str(&used(&lessons_in(weather, lessons)));
        parts.push(part);
    }
    if parts.is_empty() {
        return Err(unknown(name, lessons));
    }
    Ok(parts.join("\n"))
}

fn used(lessons: &[&Lesson]) -> String {
    let names: Vec<&str> = lessons.iter().map(|lesson| lesson.name.as_str()).collect();
    match names.as_slice() {
        [] => "  no lesson uses it yet\n".into(),
        names => format!("  used by {}\n", names.join(", ")),
    }
}

fn unknown(name: &str, lessons: &[Graded]) -> Error {
    let rules = lessons.iter().flat_map(|(_, rules)| rules.rules.iter().map(|it| it.id.as_str()));
    let all = Check::ALL.iter().map(|check| check.name());
    let known = rules.chain(all).chain(Weather::ALL.iter().map(|weather| weather.name()));
    let near = did_you_mean(name, known);
    Error::Usage { why: format!("no rule or weather `{name}`{near}"), next: "lab explain".into() }
}
