//! `lab list`, and `lab` alone: where you are and what comes next.

use clap::Args;
use serde::Serialize;

use crate::catalogue::{self, Catalogue};
use crate::error::Result;

use super::Outcome;
use super::output::{to_stderr, to_stdout};
use super::run::working_folder;

#[derive(Args)]
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
    pub fn go(&self) -> Result<Outcome> {
        let catalogue = Catalogue::open(&catalogue::root(&working_folder()?)?)?;
        let mut lines = Vec::new();
        for read in catalogue.read_all() {
            match read {
                Ok(lesson) => lines.push(Line {
                    number: lesson.number,
                    name: lesson.name,
                    title: lesson.title,
                    minutes: lesson.minutes,
                    state: "new",
                }),
                // The others can still be played.
                Err(error) => to_stderr(&format!("error: {error}\n")),
            }
        }
        if self.json {
            let lessons = serde_json::json!({ "lessons": lines });
            to_stdout(&format!("{lessons}\n"));
            return Ok(Outcome::Holds);
        }
        let width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
        for line in lines {
            let Line { name, title, minutes, state, .. } = line;
            to_stdout(&format!("{name:width$}  {minutes:3} min  {state}  {title}\n"));
        }
        Ok(Outcome::Holds)
    }
}

/// `lab` alone.
pub fn next() -> Result<Outcome> {
    let catalogue = Catalogue::open(&catalogue::root(&working_folder()?)?)?;
    match catalogue.names().first() {
        Some(first) => to_stdout(&format!(
            "{} lessons here, the first is {}. Play it:\n  lab run {}\n",
            catalogue.names().len(),
            first.whole,
            first.number
        )),
        None => to_stdout("no lessons here yet\n"),
    }
    Ok(Outcome::Holds)
}
