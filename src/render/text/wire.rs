//! What stands beside a call: the packets that it sent, in a column of their own, and what became of sockets.

use unicode_width::UnicodeWidthStr;

use super::in_ascii;
use crate::timeline::{Arrow, Point, Row, Timeline};

/// The column of the wire, between the first role and the others.
pub(super) struct Wire {
    /// 0 if nothing went over it.
    pub width: usize,
}

impl Wire {
    pub fn of(timeline: &Timeline) -> Wire {
        let arrows = timeline
            .rows
            .iter()
            .flat_map(|row| row.arrows.iter().map(move |arrow| label(timeline, row, arrow)));
        let widest = arrows.map(|label| in_ascii(&label).width()).max();
        // A shaft on both sides of the label, and a head.
        Wire { width: widest.map_or(0, |widest| (widest + 3).max("wire".len())) }
    }

    /// The arrows of a row, a line each, all as wide as the column.
    pub fn drawn(&self, timeline: &Timeline, row: &Row, ascii: bool) -> Vec<String> {
        let arrow = |arrow: &Arrow| {
            let label = label(timeline, row, arrow);
            let label = if ascii { in_ascii(&label) } else { label };
            let shaft = |length: usize| if ascii { "-" } else { "─" }.repeat(length);
            let length = (self.width - 1).saturating_sub(label.width());
            let (left, right) = (shaft(length / 2), shaft(length - length / 2));
            match (direction(timeline, arrow), ascii) {
                (Direction::Right, false) => format!("{left}{label}{right}▶"),
                (Direction::Right, true) => format!("{left}{label}{right}>"),
                (Direction::Left, false) => format!("◀{left}{label}{right}"),
                (Direction::Left, true) => format!("<{left}{label}{right}"),
                (Direction::Within, _) => label,
            }
        };
        row.arrows.iter().map(arrow).collect()
    }
}

enum Direction {
    Left,
    Right,
    /// Between two sockets of one role, or of two that stand on the same side.
    Within,
}

fn direction(timeline: &Timeline, arrow: &Arrow) -> Direction {
    let first = timeline.roles.first().map(|role| role.name.as_str());
    let is_first = |point: &Point| point.role.is_some() && point.role.as_deref() == first;
    match (is_first(&arrow.from), is_first(&arrow.to)) {
        (true, true) => Direction::Within,
        (true, false) => Direction::Right,
        (false, true) => Direction::Left,
        // Nobody has the port: it goes to where the others are, or comes from there.
        (false, false) if arrow.to.role.is_none() => Direction::Left,
        (false, false) if arrow.from.role.is_none() => Direction::Right,
        (false, false) => Direction::Within,
    }
}

/// What an arrow bears: also the role at its other end, where that is not the only one.
fn label(timeline: &Timeline, row: &Row, arrow: &Arrow) -> String {
    let label = arrow.label();
    let other = |point: &Point| {
        let role = point.role.as_deref().filter(|role| *role != row.role)?;
        (timeline.roles.len() > 2).then(|| role.to_owned())
    };
    match direction(timeline, arrow) {
        Direction::Within => {
            format!("{} → {}: {label}", end(arrow, &arrow.from), end(arrow, &arrow.to))
        }
        Direction::Right => match other(&arrow.to) {
            Some(role) => format!("{label} {role}"),
            None => label,
        },
        Direction::Left => match other(&arrow.from) {
            Some(role) => format!("{role} {label}"),
            None => label,
        },
    }
}

/// An end by its socket, with its role if that is not the other's too.
fn end(arrow: &Arrow, point: &Point) -> String {
    match &point.role {
        Some(role) if arrow.from.role != arrow.to.role => format!("{role} {}", point.name),
        _ => point.name.clone(),
    }
}

/// The arrows of a row where there is no column for them: `client ──SYN──▶ server`.
pub(super) fn in_words(row: &Row, ascii: bool) -> Vec<String> {
    let party = |point: &Point, other: &Point| match &point.role {
        Some(role) if point.role != other.role => role.clone(),
        _ => point.name.clone(),
    };
    let arrow = |arrow: &Arrow| {
        let (from, to) = (party(&arrow.from, &arrow.to), party(&arrow.to, &arrow.from));
        match ascii {
            true => format!("{from} --{}--> {to}", arrow.label()),
            false => format!("{from} ──{}──▶ {to}", arrow.label()),
        }
    };
    row.arrows.iter().map(arrow).collect()
}

/// What became of sockets by this row, each with the role whose it is; first those of the row's own.
pub(super) fn beside(row: &Row) -> Vec<(Option<String>, String)> {
    let said = |change: &crate::timeline::Change| Some((change.now.role.clone(), change.says()?));
    let mut all: Vec<_> = row.changes.iter().filter_map(said).collect();
    all.sort_by_key(|(role, _)| role.as_deref().is_some_and(|role| role != row.role));
    all
}
