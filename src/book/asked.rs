//! What a lesson asks about its demos (`[[ask]]`), and what their recordings answer: for `lab predict` and for the book.

use crate::catalogue::Lesson;
use crate::error::{Error, Result};
use crate::event::Recording;
use crate::grade::{Ask, Truth};
use crate::render::rows;
use crate::timeline::{Row, RowKind, Timeline, timeline};

/// A recording of a demo, and what is asked about it.
pub struct Played {
    pub variant: Option<String>,
    pub recording: Recording,
    pub drawn: Timeline,
    /// In the order of the lesson's file, each with the step in which its call begins.
    pub asked: Vec<(Ask, usize)>,
}

/// One question with its answer.
pub struct Asked<'a> {
    pub ask: &'a Ask,
    pub row: &'a Row,
    pub truth: Truth,
}

impl Played {
    /// What is asked about this demo. Gives besides an error for each question whose call is in no row.
    pub fn of(
        lesson: &Lesson,
        variant: Option<&str>,
        recording: Recording,
    ) -> Result<(Played, Vec<Error>)> {
        let drawn = timeline(&recording);
        let (mut asked, mut unmatched) = (Vec::new(), Vec::new());
        for written in lesson.asks_of(variant) {
            let ask = lesson.ask(written)?;
            match ask.row(&drawn).map(|row| row.step) {
                Some(step) => asked.push((ask, step)),
                None => {
                    let of = variant.map(|name| format!(" of `{name}`")).unwrap_or_default();
                    let why = format!("no row{of} is call {} of `{}`", ask.nth, ask.call);
                    unmatched.push(lesson.error_at(&written.call, why));
                }
            }
        }
        let variant = variant.map(str::to_owned);
        Ok((Played { variant, recording, drawn, asked }, unmatched))
    }

    /// The questions with their answers.
    pub fn answered(&self) -> impl Iterator<Item = Asked<'_>> {
        self.asked.iter().filter_map(|(ask, step)| {
            let row = self.drawn.row(*step)?;
            Some(Asked { ask, row, truth: Truth::of(&self.drawn, row) })
        })
    }

    /// The call as it stands before it is made: `client: recv(sock, 1024)`.
    pub fn call(&self, row: &Row) -> String {
        let unmade = self.drawn.unmade(&self.recording, row);
        format!("{}: {}", row.role, rows::call(&self.drawn, &unmade))
    }

    /// The row in which the call that begins here has returned.
    pub fn returned<'a>(&'a self, row: &'a Row) -> &'a Row {
        let woke = |it: &&Row| it.kind == RowKind::Wakes { since: row.step };
        self.drawn.rows.iter().skip(row.step).find(woke).unwrap_or(row)
    }
}
