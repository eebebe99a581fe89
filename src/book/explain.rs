//! What a rule, a check or a weather is, and why: for `lab explain` and for the book's reference.

use crate::catalogue::Lesson;
use crate::error::Result;
use crate::grade::{self, Check, Expect};
use crate::tracer::weather::Weather;

/// A lesson with its rules.
pub type Graded = (Lesson, grade::Rules);

/// The lessons with their rules.
///
/// Fails with the line of the first rule that cannot be read.
pub fn graded(lessons: impl IntoIterator<Item = Lesson>) -> Result<Vec<Graded>> {
    let graded = |lesson: Lesson| {
        let rules = lesson.grading()?;
        Ok((lesson, rules))
    };
    lessons.into_iter().map(graded).collect()
}

/// What a rule asks for: a few words, and what stands in the notation.
pub struct Wanted {
    pub words: &'static str,
    pub items: Vec<String>,
    /// Between two of them.
    pub joint: &'static str,
}

/// What this rule asks for.
pub fn wanted(expect: &Expect) -> Wanted {
    let wanted = |words, items, joint| Wanted { words, items, joint };
    match expect {
        Expect::Order(patterns) => {
            wanted("in this order", patterns.iter().map(ToString::to_string).collect(), " → ")
        }
        Expect::Call { what, given: None } => wanted("wanted", vec![what.to_string()], ""),
        Expect::Call { what, given: Some(given) } => {
            wanted("wanted", vec![what.to_string(), given.to_string()], ", given ")
        }
        Expect::Never { what, after: None } => wanted("never", vec![what.to_string()], ""),
        Expect::Never { what, after: Some(after) } => {
            wanted("never", vec![what.to_string(), after.to_string()], ", after ")
        }
        Expect::Count { what, times } => wanted("so often", vec![format!("{what} {times}")], ""),
        Expect::Check(check) => wanted("the check", vec![check.name().into()], ""),
        Expect::Prints(lines) => wanted("prints", lines.clone(), " → "),
    }
}

/// The lessons in which this check holds.
pub fn users(check: Check, lessons: &[Graded]) -> Vec<&Lesson> {
    let uses = |(_, rules): &&Graded| {
        rules.baseline.contains(&check)
            || rules.rules.iter().any(|rule| rule.expect == Expect::Check(check))
    };
    lessons.iter().filter(uses).map(|(lesson, _)| lesson).collect()
}

/// The lessons whose programs meet this weather.
pub fn lessons_in(weather: Weather, lessons: &[Graded]) -> Vec<&Lesson> {
    let uses =
        |lesson: &&Lesson| lesson.exercise.weather.iter().any(|it| it.as_ref() == weather.name());
    lessons.iter().map(|(lesson, _)| lesson).filter(uses).collect()
}
