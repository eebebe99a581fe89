//! `lab solution LESSON`: how others do it, once the learner has done it.

use anstyle::{AnsiColor, Style};
use clap::Args;
use similar::{ChangeTag, TextDiff};

use crate::catalogue::Lesson;
use crate::error::{Error, Result};

use super::Outcome;
use super::home::{Home, PackOption};
use super::output::{ColorChoice, say, to_stdout};

#[derive(Args)]
#[command(after_help = "Examples:
  lab solution 3
  lab solution 3 --style poll --whole
  lab solution 3 --give-up

Lines that are yours begin with -, those of the solution with +. Giving up is
recorded, and so is a pass after it.")]
pub struct Solution {
    /// A number, a unique part of a name, or a whole name
    #[arg(value_name = "LESSON")]
    lesson: String,
    /// Show it before a pass; `lab list` will say so
    #[arg(long)]
    give_up: bool,
    #[command(flatten)]
    pack: PackOption,
    /// Which one; none: the one that is most like yours
    #[arg(long, value_name = "NAME")]
    style: Option<String>,
    /// Print the solution itself, and no difference
    #[arg(long)]
    whole: bool,
}

impl Solution {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        let home = Home::open(self.pack.pack.as_deref())?;
        let lesson = home.find_one(&self.lesson)?;
        let number = lesson.number;
        let solutions = lesson.solutions()?;
        let yours = std::fs::read(lesson.folder.join(lesson.exercise_file())).ok().map(text);
        let file = self.choose(&lesson, &solutions, yours.as_deref())?;
        if !home.progress()?.lesson(&lesson.id).state.is_done() {
            if !self.give_up {
                say(&format!(
                    "lesson {number} is not passed yet\nnext: lab hint {number}    # or lab solution {number} --give-up\n"
                ));
                return Ok(Outcome::Broken);
            }
            home.change(|it| it.given_up(&lesson.id))?;
        }
        let theirs = text(lesson.shipped(file)?.unwrap_or_default());
        let mut out = match (self.whole, yours) {
            (true, _) | (_, None) => theirs,
            (false, Some(yours)) => {
                let names = (format!("yours: {}", lesson.exercise_file()), file.to_owned());
                difference(&yours, &theirs, (&names.0, &names.1), color.on(false))
            }
        };
        let others: Vec<&str> =
            solutions.iter().filter(|it| *it != file).map(|it| style(it)).collect();
        if !others.is_empty() {
            out.push_str(&format!("\nother styles (--style): {}\n", others.join(", ")));
        }
        to_stdout(&out);
        Ok(Outcome::Holds)
    }

    fn choose<'a>(
        &self,
        lesson: &Lesson,
        solutions: &'a [String],
        yours: Option<&str>,
    ) -> Result<&'a str> {
        let names: Vec<&str> = solutions.iter().map(|file| style(file)).collect();
        let number = lesson.number;
        let Some(first) = solutions.first() else {
            let why = format!("{} comes without solutions", lesson.name);
            return Err(Error::Usage { why, next: format!("lab run {number}") });
        };
        let Some(wanted) = &self.style else {
            let mut nearest = (0.0, first);
            for (file, yours) in solutions.iter().filter_map(|file| Some((file, yours?))) {
                let theirs = text(lesson.shipped(file)?.unwrap_or_default());
                let likeness = TextDiff::from_lines(yours, &theirs).ratio();
                if likeness > nearest.0 {
                    nearest = (likeness, file);
                }
            }
            return Ok(nearest.1);
        };
        let found = solutions.iter().find(|file| style(file) == wanted);
        found.map(String::as_str).ok_or_else(|| Error::Usage {
            why: format!("{} has no solution `{wanted}`, but {}", lesson.name, names.join(", ")),
            next: format!("lab solution {number} --style {}", names[0]),
        })
    }
}

/// `poll` of `solutions/poll.rs`.
fn style(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.split('.').next().unwrap_or(name)
}

fn text(bytes: Vec<u8>) -> String {
    // What a file holds must not move the cursor.
    let text = String::from_utf8_lossy(&bytes).into_owned();
    text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// A unified difference: what leads from one text to the other.
pub fn difference(from: &str, to: &str, names: (&str, &str), color: bool) -> String {
    if from == to {
        return "there is no difference\n".into();
    }
    let diff = TextDiff::from_lines(from, to);
    let paint = |style: Style, line: String| match color {
        true => format!("{style}{}{style:#}\n", line.trim_end_matches('\n')),
        false => line,
    };
    let of = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    let mut out = format!("--- {}\n+++ {}\n", names.0, names.1);
    for hunk in diff.unified_diff().iter_hunks() {
        out.push_str(&paint(of(AnsiColor::Cyan), format!("{}\n", hunk.header())));
        for change in hunk.iter_changes() {
            let line = change.value();
            let line =
                format!("{}{line}{}", change.tag(), if line.ends_with('\n') { "" } else { "\n" });
            out.push_str(&match change.tag() {
                ChangeTag::Delete => paint(of(AnsiColor::Red), line),
                ChangeTag::Insert => paint(of(AnsiColor::Green), line),
                ChangeTag::Equal => line,
            });
        }
    }
    out
}
