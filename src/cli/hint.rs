//! `lab hint LESSON`: one hint more than before, the failed rule's own first.

use clap::Args;

use crate::catalogue::Lesson;
use crate::error::Result;
use crate::progress::{Entry, Found};

use super::Outcome;
use super::home::{Home, PackOption};
use super::output::say;

#[derive(Args)]
#[command(after_help = "Examples:
  lab hint 3

The rule that your last check broke first has a hint of its own: that comes
first. Then there are three, from where to look to what it takes. What you
have seen is remembered; lab hint 3 --again shows it once more.")]
pub struct Hint {
    /// A number, a unique part of a name, or a whole name; none: the current lesson
    #[arg(value_name = "LESSON")]
    lesson: Option<String>,
    #[command(flatten)]
    pack: PackOption,
    /// Show what was shown before, and no more
    #[arg(long)]
    again: bool,
}

/// The next hint of a lesson.
enum Next {
    /// Of the rule that was broken.
    Rule {
        id: String,
        hint: String,
    },
    /// One of the lesson's own, by its place.
    Level(usize),
    None,
}

impl Hint {
    pub fn go(&self) -> Result<Outcome> {
        let home = Home::open(self.pack.pack.as_deref())?;
        let lesson = home.one_or_current(self.lesson.as_deref())?;
        say(&match self.again {
            true => shown(&lesson, &home.progress()?.lesson(&lesson.id)),
            false => one_more(&home, &lesson)?,
        });
        Ok(Outcome::Holds)
    }
}

/// One hint more than was shown before, which is remembered; and what to do with it.
pub fn one_more(home: &Home, lesson: &Lesson) -> Result<String> {
    let entry = home.progress()?.lesson(&lesson.id);
    let number = lesson.number;
    Ok(match next(lesson, &entry) {
        Next::Rule { id, hint } => {
            home.change(|it| it.hinted_rule(&lesson.id, &id))?;
            format!("{id}\n  {hint}\nnext: lab check {number}    # lab hint {number} says more\n")
        }
        Next::Level(at) => {
            home.change(|it| it.hinted(&lesson.id, at + 1))?;
            let rest = match at + 1 < lesson.exercise.hints.len() {
                true => format!("lab hint {number} says more"),
                false => "that was the last hint".into(),
            };
            format!("{}next: lab check {number}    # {rest}\n", level(lesson, at))
        }
        Next::None => format!(
            "{}there are no more hints\nnext: lab check {number}    # or lab solution {number} --give-up\n",
            shown(lesson, &entry)
        ),
    })
}

fn next(lesson: &Lesson, entry: &Entry) -> Next {
    let failed = entry.last.as_ref().filter(|last| last.result == Found::Fail);
    if let Some(id) = failed.and_then(|last| last.rule.as_ref())
        && !entry.rules.contains(id)
        && let Some(hint) = rules_own(lesson, id)
    {
        return Next::Rule { id: id.clone(), hint };
    }
    match entry.hints < lesson.exercise.hints.len() {
        true => Next::Level(entry.hints),
        false => Next::None,
    }
}

/// The hint of a rule of the lesson, or of the question of that name.
fn rules_own(lesson: &Lesson, id: &str) -> Option<String> {
    let rule = lesson.rules.iter().find(|rule| rule.id.as_ref() == id);
    let of_question = || {
        let questions = lesson.questions().ok()?;
        questions.into_iter().find(|question| question.id == id)?.hint
    };
    rule.and_then(|rule| rule.hint.clone()).or_else(of_question)
}

fn level(lesson: &Lesson, at: usize) -> String {
    let hints = &lesson.exercise.hints;
    let hint = hints.get(at).map_or("", String::as_str);
    format!("hint {} of {}\n  {hint}\n", at + 1, hints.len())
}

fn shown(lesson: &Lesson, entry: &Entry) -> String {
    let rules = entry.rules.iter().filter_map(|id| Some((id, rules_own(lesson, id)?)));
    let mut out: String = rules.map(|(id, hint)| format!("{id}\n  {hint}\n")).collect();
    let levels = entry.hints.min(lesson.exercise.hints.len());
    out.extend((0..levels).map(|at| level(lesson, at)));
    out
}
