//! A timeline row by row, for commands that stop between two of them: who, what, and below it what it brought about.
//!
//! ```text
//!   7  client  connect(sock, 127.0.0.1:9999) = 0
//!                  client ──SYN──▶ server
//!                  ▸ sock ESTABLISHED
//! ```

use super::text::{Page, Paint, Style, atoms, brought, foot, one_row, party, whom};
use crate::timeline::{Row, RowKind, Timeline, Wait};

/// Draws one row, with packets and what became of sockets.
pub fn row(timeline: &Timeline, row: &Row, style: &Style) -> String {
    let mut page = Page { style: *style, out: String::new() };
    one_row(&mut page, timeline, row, atoms(timeline, row));
    page.out
}

/// What a row brought about, a line each.
pub fn effects(row: &Row) -> Vec<String> {
    brought(row, false).into_iter().map(|(text, _)| text).collect()
}

/// A row's call in one line, without what came of it: `bind(sock, 127.0.0.1:9999)`.
pub fn call(timeline: &Timeline, row: &Row) -> String {
    // What is about to be asked, or waits: neither a result nor a remark on it, nor the mark of its role's thread.
    let bare = Row {
        kind: RowKind::Call,
        role: String::new(),
        answer: None,
        note: None,
        count: 1,
        ..row.clone()
    };
    let atoms = atoms(timeline, &bare);
    let text: String = atoms.iter().flatten().map(|span| span.text.as_str()).collect();
    text.trim_end().replace(char::is_control, "?")
}

/// Words in lines of the style's width.
pub fn paragraph(words: &str, style: &Style) -> String {
    let mut page = Page { style: *style, out: String::new() };
    page.words(words, Paint::Plain);
    page.out
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
