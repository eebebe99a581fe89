//! `lab list`, and `lab` alone: where you are and what comes next.

use clap::Args;
use serde::Serialize;

use crate::catalogue::{self, Catalogue};
use crate::error::Result;

use super::output::{ColorChoice, Linked, say, to_stdout};
use super::run::working_folder;
use super::{Outcome, tell};

#[derive(Args)]
#[command(after_help = "Examples:\n  lab list\n  lab list --json")]
pub struct List {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line {
    number: u32,
    name: String,
    title: String,
    minutes: u32,
    state: &'static str,
}

impl List {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        let catalogue = Catalogue::open(&catalogue::root(&working_folder()?)?)?;
        let (mut lines, mut broken) = (Vec::new(), Vec::new());
        for read in catalogue.read_all() {
            match read {
                Ok(lesson) => lines.push(Line {
                    number: lesson.number,
                    name: lesson.name,
                    title: lesson.title,
                    minutes: lesson.minutes,
                    state: "new",
                }),
                Err(error) => broken.push(error),
            }
        }
        if self.json {
            let lessons = serde_json::json!({ "lessons": lines });
            to_stdout(&format!("{lessons}\n"));
        } else {
            let linked = Linked::new(&catalogue, color);
            let width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
            for line in lines {
                let Line { name, title, minutes, state, .. } = line;
                linked.say(&format!("{name:width$}  {minutes:3} min  {state}  {title}\n"));
            }
        }
        // The others can still be played, but the list is not whole.
        let last = broken.pop();
        broken.iter().for_each(tell);
        last.map_or(Ok(Outcome::Holds), Err)
    }
}

/// `lab` alone.
pub fn next() -> Result<Outcome> {
    let catalogue = Catalogue::open(&catalogue::root(&working_folder()?)?)?;
    let (lessons, play) = match catalogue.names() {
        [] => ("no lessons here yet".into(), String::new()),
        [one] => (format!("1 lesson here: {}", one.whole), format!("  lab run {}\n", one.number)),
        [first, .., last] => (
            format!("{} lessons here: {} to {}", catalogue.names().len(), first.whole, last.whole),
            format!("  lab run {}\n", first.number),
        ),
    };
    let next = if play.is_empty() { "" } else { "; begin with the first:" };
    say(&format!("{lessons}{next}\n{play}"));
    Ok(Outcome::Holds)
}
