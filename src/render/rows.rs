//! A timeline row by row, for commands that stop between two of them: who, what, and below it what it brought about.
//!
//! ```text
//!   7  client  connect(sock, 127.0.0.1:9999) = 0
//!                SYN client: sock → server: listener
//!                client: sock ESTABLISHED
//! ```

use unicode_width::UnicodeWidthStr;

use super::text::{Atom, Page, Paint, Span, Style, atoms, foot, party, span, whom, wrapped};
use crate::timeline::{Arrow, Change, Point, Row, RowKind, Timeline, Wait};

/// How far what a row brought about is set in from its call.
const INDENT: usize = 4;

/// Draws one row, with packets and what became of sockets.
pub fn row(timeline: &Timeline, row: &Row, style: &Style) -> String {
    let mut page = Page { style: *style, out: String::new() };
    let margin = margin(timeline);
    let role = span(format!("{:>5}  {}", row.step, row.role), Paint::Role);
    let blank = " ".repeat(margin.saturating_sub(role.text.width()));
    put(&mut page, vec![role, span(blank, Paint::Plain)], margin, atoms(timeline, row));
    for line in effects(row) {
        let words = line.split_inclusive(' ').map(|word| vec![span(word, Paint::Quiet)]).collect();
        let blank = vec![span(" ".repeat(margin + INDENT), Paint::Plain)];
        put(&mut page, blank, margin + INDENT, words);
    }
    page.out
}

/// What a row brought about, a line each.
pub fn effects(row: &Row) -> Vec<String> {
    let arrows = row.arrows.iter().map(arrow);
    arrows.chain(row.changes.iter().filter_map(change)).collect()
}

/// A row's call in one line, without what came of it: `bind(sock, 127.0.0.1:9999)`.
pub fn call(timeline: &Timeline, row: &Row) -> String {
    // What is about to be asked, or waits: neither a result nor a remark on it.
    let bare = Row { kind: RowKind::Call, answer: None, note: None, count: 1, ..row.clone() };
    let text: String =
        atoms(timeline, &bare).iter().flatten().map(|span| span.text.as_str()).collect();
    text.trim_end().replace(char::is_control, "?")
}

/// Words in lines of the style's width.
pub fn paragraph(words: &str, style: &Style) -> String {
    let mut page = Page { style: *style, out: String::new() };
    let atoms = words.split_inclusive(' ').map(|word| vec![span(word, Paint::Plain)]).collect();
    for line in wrapped(page.suited(atoms), style.width, 0) {
        page.line(line);
    }
    page.out.trim_end().to_owned()
}

/// What stands below a timeline: how it ended.
pub fn footer(timeline: &Timeline, style: &Style) -> String {
    let mut page = Page { style: *style, out: String::new() };
    foot(&mut page, timeline);
    page.out
}

/// A thread that waits: `server waits in recv(conn) for client`.
pub fn waits(timeline: &Timeline, wait: &Wait) -> String {
    let who = party(timeline, &wait.role, wait.process, wait.thread);
    let text = format!("{who} waits in {} {}", wait.call, whom(timeline, wait));
    text.replace(char::is_control, "?")
}

/// Where the calls begin.
fn margin(timeline: &Timeline) -> usize {
    let longest = timeline.roles.iter().map(|role| role.name.width()).max().unwrap_or(0);
    7 + longest.min(20) + 2
}

/// Writes what follows a margin, going on below within it.
fn put(page: &mut Page, before: Vec<Span>, margin: usize, atoms: Vec<Atom>) {
    let room = page.style.width.saturating_sub(margin).max(20);
    let lines = wrapped(page.suited(atoms), room, INDENT);
    let mut start = page.suited(vec![before]).pop().unwrap_or_default();
    for mut line in lines {
        start.append(&mut line);
        page.line(std::mem::replace(&mut start, vec![span(" ".repeat(margin), Paint::Plain)]));
    }
}

fn arrow(arrow: &Arrow) -> String {
    format!("{} {} → {}", arrow.label(), point(&arrow.from), point(&arrow.to))
}

fn point(point: &Point) -> String {
    owned(point.role.as_deref(), &point.name)
}

fn change(change: &Change) -> Option<String> {
    Some(owned(change.now.role.as_deref(), &change.says()?))
}

fn owned(role: Option<&str>, what: &str) -> String {
    role.map_or_else(|| what.to_owned(), |role| format!("{role}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::{sample, timeline};

    #[test]
    fn a_row_is_followed_by_its_packets_and_what_became_of_the_sockets() {
        let timeline = timeline(&sample::half_close());
        let connects = |it: &&Row| it.call == "connect";
        let connect = timeline.rows.iter().find(connects).expect("it connects");
        insta::assert_snapshot!(row(&timeline, connect, &Style::default()));
        assert_eq!(call(&timeline, connect), "connect(sock, 127.0.0.1:9999)");
    }

    #[test]
    fn nothing_in_a_recording_commands_the_terminal() {
        let mut recording = sample::one_shot();
        for event in &mut recording.events {
            event.role = "\x1b[2J<script>".into();
        }
        let timeline = timeline(&recording);
        for it in &timeline.rows {
            let said = row(&timeline, it, &Style::default()) + &call(&timeline, it);
            assert!(!said.replace('\n', "").contains(char::is_control), "{said:?}");
        }
    }
}
