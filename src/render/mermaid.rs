//! A timeline as text for mermaid, which many forges draw where they show Markdown.
//!
//! Calls and states are notes over a participant, packets are arrows, and a participant is active as long as it waits.
//! A thread is a participant, and those of one role stand in a box. Whatever a program sent is written in mermaid's
//! entity codes where a character would mean something to it. Mermaid itself refuses more than 50,000 characters.

use std::fmt::Write as _;

use super::svg::lanes::{Lanes, Users};
use super::text;
use crate::event::What;
use crate::timeline::{RowKind, Timeline};

/// Draws a timeline as a `sequenceDiagram`.
pub fn mermaid(timeline: &Timeline) -> String {
    let lanes = Lanes::of(timeline);
    let (above, below) = text::around(timeline, usize::MAX);
    let mut out = String::from("sequenceDiagram\n");
    for (word, lines) in [("accTitle", &above), ("accDescr", &below)] {
        if !lines.is_empty() {
            let _ = writeln!(out, "    {word}: {}", plain(&lines.join(" ")));
        }
    }
    participants(&mut out, timeline, &lanes);
    let mut users = Users::default();
    let mut active = vec![false; lanes.lanes.len()];
    for row in &timeline.rows {
        let lane = lanes.of_row(row);
        users.see(row, lane);
        if active[lane] && row.kind != RowKind::Signal {
            active[lane] = false;
            let _ = writeln!(out, "    deactivate L{lane}");
        }
        let again = if matches!(row.kind, RowKind::Wakes { .. }) { "… " } else { "" };
        let said = plain(&format!("{again}{}", row.notation()));
        let _ = writeln!(out, "    Note over L{lane}: {} {said}", row.step);
        if matches!(row.kind, RowKind::Waits { .. }) {
            active[lane] = true;
            let _ = writeln!(out, "    activate L{lane}");
        }
        for arrow in &row.arrows {
            let (from, to) = (
                users.lane(&lanes, &arrow.from, row, lane),
                users.lane(&lanes, &arrow.to, row, lane),
            );
            let line = match arrow.what {
                What::Rst | What::Unreachable => "-x",
                What::Datagram | What::Echo | What::EchoReply => "-)",
                _ => "->>",
            };
            let _ = writeln!(out, "    L{from}{line}L{to}: {}", plain(&arrow.label()));
        }
        for change in &row.changes {
            let Some(says) = change.says() else { continue };
            let beside = lanes.groups[lanes.group(change.now.role.as_deref())].first;
            let _ = writeln!(out, "    Note over L{beside}: ▸ {}", plain(&says));
        }
    }
    let over = match lanes.lanes.len() {
        0 | 1 => "L0".to_owned(),
        count => format!("L0,L{}", count - 1),
    };
    for line in &below {
        let _ = writeln!(out, "    Note over {over}: {}", plain(line));
    }
    out
}

/// The threads, in a box where their role has several.
fn participants(out: &mut String, timeline: &Timeline, lanes: &Lanes) {
    for group in &lanes.groups {
        let several = group.count > 1;
        if several {
            let _ = writeln!(out, "    box transparent {}", plain(&group.name));
        }
        for (n, lane) in lanes.lanes.iter().enumerate().skip(group.first).take(group.count) {
            let mark = text::mark(timeline, &group.name, lane.process, lane.thread);
            let name: Vec<&str> =
                [Some(group.name.as_str()), mark.as_deref()].into_iter().flatten().collect();
            let _ = writeln!(out, "    participant L{n} as {}", plain(&name.join(" ")));
        }
        if several {
            out.push_str("    end\n");
        }
    }
}

/// A text in which nothing means anything to mermaid, nor to the HTML that it becomes. Never empty.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            c if c.is_control() => plain.push('?'),
            c if c.is_ascii_punctuation() && !"()=,.:/_-+!*?".contains(c) => {
                let _ = write!(plain, "#{};", u32::from(c));
            }
            c => plain.push(c),
        }
    }
    if plain.is_empty() { "?".into() } else { plain }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::{sample, timeline};

    #[test]
    fn calls_packets_and_states_come_in_the_order_of_the_timeline() {
        insta::assert_snapshot!(mermaid(&timeline(&sample::half_close())));
    }

    #[test]
    fn nothing_that_a_program_says_is_mermaids_grammar() {
        let mut recording = sample::one_shot();
        let evil = "end\n%%{init}%%; <script>#x\u{1b}`\"";
        recording.roles[0].name = evil.into();
        for event in recording.events.iter_mut().filter(|event| event.role == "server") {
            event.role = evil.into();
        }
        let drawn = mermaid(&timeline(&recording));
        assert!(!drawn.contains('<') && !drawn.contains('"') && !drawn.contains("%%"));
        assert!(drawn.contains("end?#37;#37;#123;init"));
        // Every line begins with a word of the grammar, and every code is whole.
        for line in drawn.lines().skip(1) {
            let word = line.split_whitespace().next().unwrap();
            let known = ["accTitle:", "accDescr:", "participant", "Note", "activate", "deactivate"];
            assert!(known.contains(&word) || word.starts_with('L'), "{line}");
            for code in line.split('#').skip(1) {
                let number = code.split_once(';').unwrap().0;
                assert!(number.parse::<u32>().is_ok(), "{line}");
            }
        }
    }

    #[test]
    fn nobody_stops_waiting_who_had_not_begun() {
        for recording in [
            sample::one_shot(),
            sample::threads(),
            sample::forks(),
            sample::deadlock(),
            sample::troubles(),
        ] {
            let mut active = std::collections::BTreeSet::new();
            for line in mermaid(&timeline(&recording)).lines() {
                match line.trim().split_once(' ') {
                    Some(("activate", lane)) => assert!(active.insert(lane.to_owned()), "{line}"),
                    Some(("deactivate", lane)) => assert!(active.remove(lane), "{line}"),
                    _ => {}
                }
            }
        }
    }
}
