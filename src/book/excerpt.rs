//! A recording as text: the whole, or some rows of it.

use super::wrong;
use crate::error::Result;
use crate::event::Recording;
use crate::pattern::CallPattern;
use crate::render::text::{self, Style};
use crate::timeline::{Row, Timeline, timeline};

/// Which rows are shown; all of them, if nothing is said.
#[derive(Default)]
pub struct Choice<'a> {
    /// The rows that match one of these.
    pub only: &'a [CallPattern],
    /// From the first row that matches.
    pub from: Option<&'a CallPattern>,
    /// To the first row after it that matches.
    pub to: Option<&'a CallPattern>,
}

/// Draws it as the golden timelines are drawn.
///
/// Fails if a pattern matches nothing.
pub fn drawn(recording: &Recording, choice: &Choice<'_>) -> Result<String> {
    let timeline = timeline(recording);
    let style = Style::default();
    if let Choice { only: [], from: None, to: None } = choice {
        return Ok(text::text(&timeline, &style));
    }
    let first = match choice.from {
        Some(from) => find(&timeline, from, 0)?,
        None => 0,
    };
    let last = match choice.to {
        Some(to) => find(&timeline, to, if choice.from.is_some() { first + 1 } else { first })?,
        None => timeline.rows.len().saturating_sub(1),
    };
    // As `lab run --only` has it.
    let fits =
        |pattern: &CallPattern, row: &Row| pattern.matches(row) || pattern.matches_begun(row);
    let within = timeline.rows.get(first..=last).unwrap_or_default();
    if let Some(idle) = choice.only.iter().find(|it| !within.iter().any(|row| fits(it, row))) {
        return Err(wrong(format!("no step that is shown matches `{idle}`")));
    }
    let shown = |row: &Row| {
        let chosen = choice.only.is_empty() || choice.only.iter().any(|it| fits(it, row));
        (first + 1..=last + 1).contains(&row.step) && chosen
    };
    Ok(text::excerpt(&timeline, &style, &shown))
}

/// Where the first row is that matches, from this place on; a call that begins to wait is one.
fn find(timeline: &Timeline, pattern: &CallPattern, from: usize) -> Result<usize> {
    let fits = |row: &Row| pattern.matches(row) || pattern.matches_waiting(row);
    let mut rows = timeline.rows.iter().enumerate().skip(from);
    let found = rows.find(|(_, row)| fits(row)).map(|(at, _)| at);
    found.ok_or_else(|| match from {
        0 => wrong(format!("no step matches `{pattern}`")),
        _ => wrong(format!("no step after step {from} matches `{pattern}`")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::sample;

    fn pattern(text: &str) -> CallPattern {
        text.parse().unwrap()
    }

    #[test]
    fn some_rows_are_drawn_as_in_the_whole_and_the_rest_is_told_by_a_sign() {
        let only = [pattern("server: listen(..)"), pattern("client: connect(..)")];
        let choice = Choice { only: &only, ..Choice::default() };
        insta::assert_snapshot!(drawn(&sample::half_close(), &choice).unwrap());
    }

    #[test]
    fn a_stretch_goes_from_one_match_to_the_first_after_it() {
        let (from, to) = (pattern("server: listen(..)"), pattern("client: connect(..)"));
        let choice = Choice { from: Some(&from), to: Some(&to), ..Choice::default() };
        insta::assert_snapshot!(drawn(&sample::half_close(), &choice).unwrap());
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_an_error() {
        let (none, first) = (pattern("shutdown(..)"), pattern("socket(..)"));
        let listen = pattern("server: listen(..)");
        let recording = sample::one_shot();
        let only = [none.clone()];
        for choice in [
            Choice { only: &only, ..Choice::default() },
            Choice { from: Some(&none), ..Choice::default() },
            Choice { from: Some(&listen), to: Some(&listen), ..Choice::default() },
            Choice { from: Some(&first), to: Some(&none), ..Choice::default() },
        ] {
            let why = drawn(&recording, &choice).unwrap_err().to_string();
            assert!(why.starts_with("no step"), "{why}");
        }
    }
}
