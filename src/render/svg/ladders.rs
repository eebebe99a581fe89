//! The states of each TCP socket over time: a ladder that stands beside the lanes of its role.
//!
//! Ladders of one role stand in columns; a column is used again once its socket is gone.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use unicode_width::UnicodeWidthStr;

use super::lanes::Lanes;
use super::shortened;
use crate::timeline::{Change, Holder, Key, SocketLine, Timeline};

/// The longest name of a socket beside its ladder, in columns.
const NAME: usize = 16;

/// A socket in one state.
pub struct Rung {
    pub group: usize,
    pub column: usize,
    /// The row in which it came to be so.
    pub from: usize,
    /// The row in which it became otherwise; none if it never did.
    pub to: Option<usize>,
    pub now: SocketLine,
    /// What is written beside its beginning: the socket's name where it is new, and the state.
    pub says: Vec<String>,
}

/// All ladders.
pub struct Ladders {
    /// In the order in which they begin.
    pub rungs: Vec<Rung>,
    /// Of each group the widest text in each of its columns, in columns of text.
    pub widths: Vec<Vec<usize>>,
}

/// The columns of one group.
#[derive(Default)]
struct Columns {
    free: BinaryHeap<Reverse<usize>>,
    /// Those that are free from the next row on.
    soon: Vec<usize>,
    soon_after: usize,
}

impl Ladders {
    pub fn of(timeline: &Timeline, lanes: &Lanes) -> Ladders {
        let mut ladders =
            Ladders { rungs: Vec::new(), widths: vec![Vec::new(); lanes.groups.len()] };
        let mut columns: Vec<Columns> = Vec::new();
        columns.resize_with(lanes.groups.len(), Columns::default);
        let mut standing: BTreeMap<Key, usize> = BTreeMap::new();
        for (at, row) in timeline.rows.iter().enumerate() {
            for change in row.changes.iter().filter(|change| change.now.protocol == "tcp") {
                let key = change.now.key();
                let before = standing.get(&key).copied();
                let Some(rung) = ladders.rung(lanes, &mut columns, at, change, before) else {
                    continue;
                };
                if let Some(before) = before {
                    ladders.rungs[before].to = Some(at);
                }
                standing.insert(key.clone(), ladders.rungs.len());
                if rung.now.is_gone() {
                    standing.remove(&key);
                    columns[rung.group].release(rung.column, at);
                }
                ladders.put(rung);
            }
        }
        ladders
    }

    /// What a change adds; none if the socket stands as it did.
    fn rung(
        &self,
        lanes: &Lanes,
        columns: &mut [Columns],
        at: usize,
        change: &Change,
        before: Option<usize>,
    ) -> Option<Rung> {
        let now = &change.now;
        let Some(before) = before.map(|rung| &self.rungs[rung]) else {
            if now.is_gone() {
                return None;
            }
            let group = lanes.group(now.role.as_deref());
            let column = columns[group].take(at, self.widths[group].len());
            let says = vec![shortened(&now.name, NAME), state(now)];
            return Some(Rung { group, column, from: at, to: None, now: now.clone(), says });
        };
        if (&before.now.state, before.now.holder) == (&now.state, now.holder) {
            return None;
        }
        let accepted = before.now.state == now.state && before.now.holder == Holder::Queue;
        let says = if accepted { "accepted".to_owned() } else { state(now) };
        Some(Rung {
            group: before.group,
            column: before.column,
            from: at,
            to: now.is_gone().then_some(at),
            now: now.clone(),
            says: vec![says],
        })
    }

    fn put(&mut self, rung: Rung) {
        let widths = &mut self.widths[rung.group];
        widths.resize(widths.len().max(rung.column + 1), 0);
        let widest = rung.says.iter().map(|text| text.width()).max().unwrap_or(0);
        widths[rung.column] = widths[rung.column].max(widest);
        self.rungs.push(rung);
    }
}

impl Columns {
    /// The first column that nobody has, of `count` and one more.
    fn take(&mut self, at: usize, count: usize) -> usize {
        if at > self.soon_after {
            self.free.extend(self.soon.drain(..).map(Reverse));
        }
        self.free.pop().map_or(count, |Reverse(column)| column)
    }

    fn release(&mut self, column: usize, at: usize) {
        if at > self.soon_after {
            self.free.extend(self.soon.drain(..).map(Reverse));
        }
        self.soon.push(column);
        self.soon_after = at;
    }
}

/// In parentheses the state of what no process has any more.
fn state(line: &SocketLine) -> String {
    match line.holder {
        Holder::Kernel if !line.is_gone() => format!("({})", line.state),
        _ => line.state.clone(),
    }
}
