//! The parts of the reference that are made from the code: rules, weathers, the form of a recording.

use serde_json::Value;

use super::explain::{Graded, Wanted, graded, lessons_in, users, wanted};
use super::html::{first_upper, inline};
use super::{Language, Place, wrong};
use crate::catalogue::Lesson;
use crate::error::Result;
use crate::grade::{self, Check, Expect};
use crate::tracer::weather::Weather;

const SCHEMA: &str = include_str!("../../book/src/reference/recording.schema.json");

/// A lesson's rules in words, each a link to the reference.
pub fn rules_of(place: Place<'_>, lesson: &Lesson, language: &Language) -> Result<String> {
    let rules = lesson.grading()?.rules;
    if rules.is_empty() {
        return Err(wrong(format!("{} has no rules", lesson.name)));
    }
    let page = place.link("reference/rules.md");
    let one = |rule: &grade::Rule| {
        format!("- [{0}]({page}#{0}): {1}\n", rule.id, inline(&language.say(&rule.says)))
    };
    Ok(rules.iter().map(one).collect())
}

/// Every rule and every check: a heading for each, by which it can be linked to.
///
/// One that several lessons have stands with the first of them.
pub fn rules(lessons: &[Lesson]) -> Result<String> {
    let all = graded(lessons.iter().cloned())?;
    let mut out = String::new();
    let mut told: Vec<&str> = Vec::new();
    for (lesson, rules) in &all {
        if rules.rules.is_empty() {
            continue;
        }
        let Lesson { number, title, name, .. } = lesson;
        out.push_str(&format!("## Lesson {number}: {title}\n\n"));
        out.push_str(&format!("Its chapter: [{name}](../lessons/{name}.md)\n\n"));
        for rule in &rules.rules {
            if told.contains(&rule.id.as_str()) {
                out.push_str(&format!(
                    "[{0}](#{0}) holds here as well, and is told above.\n\n",
                    rule.id
                ));
                continue;
            }
            told.push(&rule.id);
            out.push_str(&format!("### {}\n\n", rule.id));
            for (lesson, rule) in same(&all, &rule.id) {
                out.push_str(&told_of(lesson, rule));
            }
            if let Some(check) = Check::named(&rule.id) {
                out.push_str(&about(check, &all));
            }
        }
    }
    out.push_str("## Checks\n\nWhat no pattern can say is a check. Those of the first list hold in every lesson, unless it says otherwise.\n\n");
    for check in Check::BASELINE {
        let name = check.name();
        if told.contains(&name) {
            continue;
        }
        out.push_str(&format!("### {name}\n\n{}", about(check, &all)));
    }
    out.push_str("## Checks that a lesson asks for\n\n");
    for check in Check::ALL {
        let name = check.name();
        if told.contains(&name) || Check::BASELINE.contains(&check) {
            continue;
        }
        out.push_str(&format!("### {name}\n\n{}", about(check, &all)));
    }
    Ok(out)
}

/// The rules of this name, with their lessons.
fn same<'a>(all: &'a [Graded], id: &'a str) -> impl Iterator<Item = (&'a Lesson, &'a grade::Rule)> {
    let of = move |(lesson, rules): &'a Graded| {
        rules.rules.iter().filter(move |rule| rule.id == id).map(move |rule| (lesson, rule))
    };
    all.iter().flat_map(of)
}

fn told_of(lesson: &Lesson, rule: &grade::Rule) -> String {
    let Wanted { words, items, joint } = wanted(&rule.expect);
    let items: Vec<String> = items
        .iter()
        .map(|it| match &rule.expect {
            Expect::Check(_) => format!("[{it}](#{it})"),
            _ => code(it),
        })
        .collect();
    let mut out = format!(
        "[Lesson {}](../lessons/{}.md): {}.\n\n- {words}: {}\n",
        lesson.number,
        lesson.name,
        rule.says,
        items.join(joint)
    );
    if !rule.scenarios.is_empty() {
        out.push_str(&format!("- in the scenarios: {}\n", rule.scenarios.join(", ")));
    }
    if let Expect::Check(check) = &rule.expect {
        out.push_str(&format!("- {}\n", check.why()));
    }
    out + "\n"
}

fn about(check: Check, all: &[Graded]) -> String {
    format!("{} {}\n\n{}\n\n", sentence(check.says()), check.why(), used(&users(check, all)))
}

/// Every weather: a heading for each, by which it can be linked to.
pub fn weathers(lessons: &[Lesson]) -> Result<String> {
    let all = graded(lessons.iter().cloned())?;
    let one = |weather: Weather| {
        let used = used(&lessons_in(weather, &all));
        format!("### {}\n\n{}\n\n{used}\n\n", weather.name(), weather.explain())
    };
    Ok(Weather::ALL.into_iter().map(one).collect())
}

fn used(lessons: &[&Lesson]) -> String {
    let link = |lesson: &&Lesson| format!("[{}](../lessons/{}.md)", lesson.number, lesson.name);
    match lessons {
        [] => "No lesson uses it yet.".into(),
        [one] => format!("In lesson {}.", link(one)),
        all => format!("In lessons {}.", all.iter().map(link).collect::<Vec<_>>().join(", ")),
    }
}

fn sentence(words: &str) -> String {
    first_upper(words.trim_end_matches('.')) + "."
}

/// Code within a line, whatever is in it.
fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

/// The form of a recording: a table for each kind of object in it.
pub fn schema() -> Result<String> {
    let schema: Value = serde_json::from_str(SCHEMA).map_err(|error| wrong(error.to_string()))?;
    let mut out = String::from("## The file\n\n");
    out.push_str(&table(&schema));
    for (name, of) in schema["$defs"].as_object().into_iter().flatten() {
        out.push_str(&format!("## {name}\n\n"));
        if let Some(says) = of["description"].as_str() {
            out.push_str(&format!("{says}\n\n"));
        }
        out.push_str(&table(of));
    }
    Ok(out)
}

/// The keys of an object, and of each form that it may take.
fn table(of: &Value) -> String {
    let mut out = String::new();
    let required: Vec<&str> =
        of["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = of["properties"].as_object();
    if let Some(properties) = properties {
        out.push_str("| key | type | |\n|---|---|---|\n");
        for (key, it) in properties {
            let optional = if required.contains(&key.as_str()) { "" } else { " (may be missing)" };
            let says = it["description"].as_str().unwrap_or_default();
            out.push_str(&format!(
                "| `{key}` | {}{optional} | {} |\n",
                kind(it),
                says.replace('|', "\\|")
            ));
        }
        out.push('\n');
    }
    for key in ["oneOf", "anyOf", "allOf"] {
        for form in of[key].as_array().into_iter().flatten() {
            match form["properties"].as_object() {
                Some(_) => out.push_str(&table(form)),
                None => out.push_str(&format!("{}\n\n", kind(form))),
            }
        }
    }
    out
}

/// What kind of value it is, in words.
fn kind(of: &Value) -> String {
    if let Some(name) = of["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(only) = of.get("const") {
        return format!("`{only}`");
    }
    if let Some(all) = of["enum"].as_array() {
        return all.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(" or ");
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(all) = of[key].as_array() {
            return all.iter().map(kind).collect::<Vec<_>>().join(" or ");
        }
    }
    match &of["type"] {
        Value::String(one) if one == "array" => match of.get("items") {
            Some(items) => format!("list of {}", kind(items)),
            None => "list".into(),
        },
        Value::String(one) => one.clone(),
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "any".into(),
    }
}
