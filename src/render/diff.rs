//! What is different between two runs: the first difference in a sentence, then the list.
//!
//! ```text
//! 03-echo: yours against the demo: they differ
//!
//!   first   yours sends 4 bytes on conn (your step 14) where the demo sends 6 bytes (its step 14)
//!   at      lessons/03-echo/exercise.rs:31
//!
//! server
//!   demo  yours
//!     13     13    recv(conn, "你好", 1024) = 6
//!     14         - send(conn, "你好", 6) = 6
//!            14  + send(conn, "你", 4) = 4
//! ```

use serde_json::{Value as Json, json};
use textwrap::{Options, WordSplitter, wrap};

use crate::grade::diff::{Diff, Difference, Entry, Lane, Said};

use super::verdict::{Paint, harmless};

/// How many steps of one lane are listed before the rest is counted.
const LISTED: usize = 40;

/// The same for what only follows.
const FOLLOWING: usize = 10;

/// What is compared, and how it is to be told.
pub struct About<'a> {
    /// The lesson's whole name.
    pub lesson: &'a str,
    pub variant: Option<&'a str>,
    /// `the demo`, `the solution`.
    pub with: &'a str,
    /// The folder of the program's source from the lab's root, if it is the lab's.
    pub folder: Option<&'a str>,
    /// What to do about it.
    pub next: String,
    /// In columns.
    pub width: usize,
    pub color: bool,
}

/// For a person.
pub fn text(diff: &Diff, about: &About<'_>) -> String {
    let paint = Paint { color: about.color };
    let variant = about.variant.map(|name| format!(", {name}")).unwrap_or_default();
    let word = match diff.is_equal() {
        true => paint.good("they do the same"),
        false => paint.bad("they differ"),
    };
    let mut out = format!("{}{variant}: yours against {}: {word}\n", about.lesson, about.with);
    if let Some(first) = diff.differences.first() {
        out.push('\n');
        field(&mut out, "first", &first.says, about.width);
        if let Some(at) = place(first, about) {
            field(&mut out, "at", &at, about.width);
        }
    }
    for lane in diff.lanes.iter().filter(|lane| !lane.follows) {
        out.push_str(&listed(lane, LISTED, about, &paint));
    }
    let mut following: Vec<String> = diff
        .lanes
        .iter()
        .filter(|lane| lane.follows)
        .map(|lane| listed(lane, FOLLOWING, about, &paint))
        .collect();
    following.retain(|lane| !lane.is_empty());
    if !following.is_empty() {
        out.push_str("\nwhat follows from it in the others\n");
        following.iter().for_each(|lane| out.push_str(lane));
    }
    if !diff.notes.is_empty() || !diff.is_equal() {
        out.push('\n');
    }
    diff.notes.iter().for_each(|note| field(&mut out, "note", note, about.width));
    if !diff.is_equal() {
        field(&mut out, "next", &about.next, about.width);
    }
    out
}

/// For a program.
pub fn json(diff: &Diff, about: &About<'_>) -> String {
    let step = |said: &Option<Said>| match said {
        Some(said) => json!({ "step": said.step, "call": said.text }),
        None => Json::Null,
    };
    let differences: Vec<Json> = diff
        .differences
        .iter()
        .map(|it| {
            json!({
                "kind": it.kind.name(),
                "role": it.role,
                "lane": diff.lanes.get(it.lane).map(|lane| lane.name.as_str()),
                "follows": it.follows,
                "says": it.says,
                "demo": step(&it.demo),
                "yours": step(&it.yours),
                "at": place(it, about),
            })
        })
        .collect();
    let report = json!({
        "version": 1,
        "lesson": about.lesson,
        "variant": about.variant,
        "with": about.with.trim_start_matches("the "),
        "equal": diff.is_equal(),
        "differences": differences,
        "notes": diff.notes,
    });
    format!("{report}\n")
}

fn place(difference: &Difference, about: &About<'_>) -> Option<String> {
    let source = difference.source.as_ref()?;
    Some(match about.folder {
        Some(folder) if !difference.follows => format!("{folder}/{source}"),
        _ if difference.follows => return None,
        _ => source.clone(),
    })
}

fn field(out: &mut String, name: &str, text: &str, width: usize) {
    let indent = " ".repeat(10);
    let options = within(width).subsequent_indent(&indent);
    for line in wrap(&format!("  {name:<7} {}", harmless(text)), options) {
        out.push_str(line.trim_end());
        out.push('\n');
    }
}

/// Broken between words, and within none that is not longer than a line.
fn within(width: usize) -> Options<'static> {
    Options::new(width.max(20)).word_splitter(WordSplitter::NoHyphenation)
}

/// A lane in which something differs, with a step before and after each difference.
fn listed(lane: &Lane, most: usize, about: &About<'_>, paint: &Paint) -> String {
    if lane.entries.iter().all(|entry| entry.same) {
        return String::new();
    }
    let comma = if lane.name.is_empty() { "" } else { ", " };
    let head = format!("{}{comma}{}", lane.role, lane.name);
    let mut out = format!("\n{}\n  demo  yours\n", paint.strong(&harmless(&head)));
    let shown = |at: usize| {
        let from = at.saturating_sub(1);
        lane.entries[from..(at + 2).min(lane.entries.len())].iter().any(|entry| !entry.same)
    };
    let places: Vec<usize> = (0..lane.entries.len()).filter(|at| shown(*at)).collect();
    let mut before = None;
    for at in places.iter().take(most) {
        let skipped = before.map_or(*at > 0, |before| before + 1 < *at);
        if skipped {
            out.push_str("     …      …\n");
        }
        before = Some(*at);
        entry(&mut out, &lane.entries[*at], about, paint);
    }
    if places.len() > most {
        out.push_str(&format!("  and {} more\n", places.len() - most));
    }
    out
}

fn entry(out: &mut String, entry: &Entry, about: &About<'_>, paint: &Paint) {
    match (&entry.demo, &entry.yours) {
        (Some(demo), Some(yours)) if entry.same => {
            line(out, Some(demo.step), Some(yours.step), ' ', &demo.text, about, |it| it.into());
        }
        (demo, yours) => {
            if let Some(demo) = demo {
                line(out, Some(demo.step), None, '-', &demo.text, about, |it| paint.bad(it));
            }
            if let Some(yours) = yours {
                line(out, None, Some(yours.step), '+', &yours.text, about, |it| paint.good(it));
            }
        }
    }
}

fn line(
    out: &mut String,
    demo: Option<usize>,
    yours: Option<usize>,
    sign: char,
    text: &str,
    about: &About<'_>,
    painted: impl Fn(&str) -> String,
) {
    let step = |step: Option<usize>| step.map_or(String::new(), |step| step.to_string());
    let head = format!("{:>6} {:>6}  {sign} ", step(demo), step(yours));
    let indent = " ".repeat(head.len() + 2);
    let options = within(about.width).subsequent_indent(&indent);
    for part in wrap(&format!("{head}{}", harmless(text)), options) {
        out.push_str(&painted(part.trim_end()));
        out.push('\n');
    }
}
