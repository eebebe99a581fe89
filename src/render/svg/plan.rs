//! Where everything stands.
//!
//! ```text
//!  step  ladders  labels   lanes              lanes  labels   ladders
//!    7   │ conn   send(…) ···│                  │
//!        │                   ├──── 6 bytes ────>│
//!    8   │                   │                  ●recv(…)      │ sock
//! ```
//!
//! The first role's labels stand to the left of its lanes, everybody else's to the right, so that what goes between the
//! first two crosses no text. A row has as many lines as it needs: an arrow that would cross a text takes the next
//! line. All measures are pixels of the picture, a character being a cell of fixed width.

use unicode_width::UnicodeWidthStr;

use super::canvas::clean;
use super::ladders::{Ladders, Rung};
use super::lanes::{Lanes, Stay, Users, stays};
use super::shortened;
use crate::event::Value;
use crate::render::text::{self, Span};
use crate::timeline::{Arrow, Row, Timeline};

/// A character's width, and that of a small one.
pub const CELL: i32 = 9;
pub const SMALL: i32 = 8;
/// From one line to the next, and what is added between two rows.
pub const LINE: i32 = 22;
const BETWEEN: i32 = 6;
pub const MARGIN: i32 = 20;
/// From a lane to its label.
pub const ASIDE: i32 = 16;
/// From a ladder to its text, and from that to what comes next.
pub const RUNG: i32 = 10;
const AFTER_RUNG: i32 = 14;
/// How far an arrow that comes back goes out.
pub const HOOK: i32 = 26;
/// The least between two lanes of a role.
const PITCH: i32 = 36;
/// What an arrow needs besides its label.
const SHAFTS: i32 = 72;
/// The longest name of a role above its lanes, in characters.
const NAME: usize = 24;
/// The least width of a picture: what stands above and below it is to be read.
const NARROWEST: i32 = 760;

/// A picture that only needs to be drawn.
pub struct Plan<'a> {
    pub timeline: &'a Timeline,
    pub lanes: Lanes,
    pub groups: Vec<Room>,
    /// Of each lane.
    pub x: Vec<i32>,
    pub lines: Vec<Line<'a>>,
    pub rungs: Vec<Rung>,
    pub lives: Vec<Stay>,
    pub waits: Vec<Stay>,
    pub width: i32,
    /// The height of all rows.
    pub height: i32,
}

/// What a group takes.
pub struct Room {
    pub name: String,
    pub name_x: i32,
    pub label_x: i32,
    /// Of each ladder.
    pub columns: Vec<i32>,
    /// To the right of its last lane the next thing that stands there.
    next: i32,
    /// Whether its labels stand to the left.
    pub flipped: bool,
}

/// A row of the timeline.
pub struct Line<'a> {
    pub row: &'a Row,
    pub lane: usize,
    /// The middle of its first line, from the top of all rows.
    pub y: i32,
    pub label: Vec<Vec<Span>>,
    pub arrows: Vec<Flight<'a>>,
}

/// An arrow.
pub struct Flight<'a> {
    pub arrow: &'a Arrow,
    pub label: String,
    pub from: i32,
    pub to: i32,
    pub label_x: i32,
    /// The first of its lines within the row.
    pub line: usize,
    /// For an arrow that comes back: to which side it goes out.
    pub hook: Option<i32>,
}

impl<'a> Plan<'a> {
    pub fn of(timeline: &'a Timeline) -> Plan<'a> {
        let lanes = Lanes::of(timeline);
        let Ladders { rungs, widths } = Ladders::of(timeline, &lanes);
        let (lives, waits) = stays(timeline, &lanes);
        let mut lines = lines(timeline, &lanes);
        let needs = Needs::of(&lanes, &lines);
        let (groups, x, width) = rooms(timeline, &lanes, &widths, &needs);
        let mut plan = Plan {
            timeline,
            lanes,
            groups,
            x,
            lines: Vec::new(),
            rungs,
            lives,
            waits,
            width,
            height: 0,
        };
        let mut ends = needs.ends.iter();
        for line in &mut lines {
            line.arrows = line
                .row
                .arrows
                .iter()
                .zip(&mut ends)
                .map(|(arrow, ends)| plan.flight(arrow, *ends))
                .collect();
        }
        plan.place(&mut lines);
        plan.lines = lines;
        plan
    }

    /// An arrow from a lane to a lane, whose line is yet to be found.
    fn flight(&self, arrow: &'a Arrow, (from, to): (usize, usize)) -> Flight<'a> {
        let label = arrow.label();
        let wide = pixels(&label, SMALL);
        let (a, b) = (self.x[from], self.x[to]);
        if from == to {
            let side = if self.groups[self.lanes.lanes[from].group].flipped { 1 } else { -1 };
            let label_x = if side > 0 { a + HOOK + 8 } else { a - HOOK - 8 - wide };
            return Flight { arrow, label, from: a, to: b, label_x, line: 0, hook: Some(side) };
        }
        let (left, right) = self.widest_gap(from.min(to), from.max(to));
        Flight {
            arrow,
            label,
            from: a,
            to: b,
            label_x: (left + right - wide) / 2,
            line: 0,
            hook: None,
        }
    }

    /// Of what an arrow between two lanes passes over, the widest part in which nothing stands.
    fn widest_gap(&self, left: usize, right: usize) -> (i32, i32) {
        let (a, b) = (self.lanes.lanes[left].group, self.lanes.lanes[right].group);
        if a == b {
            return (self.x[left], self.x[left + 1]);
        }
        let after = |group: usize| {
            let last = self.lanes.groups[group].first + self.lanes.groups[group].count - 1;
            (self.x[last], self.groups[group].next)
        };
        let gaps = (a..b).map(after);
        // Of equal ones the first.
        gaps.rev().max_by_key(|(left, right)| right - left).unwrap_or((self.x[left], self.x[right]))
    }

    /// Gives every row its place, and its arrows theirs.
    fn place(&mut self, lines: &mut [Line<'a>]) {
        let mut y = LINE;
        let mut rungs = self.rungs.iter().peekable();
        for (at, line) in lines.iter_mut().enumerate() {
            let mut boxes = vec![self.label_box(line)];
            while let Some(rung) = rungs.next_if(|rung| rung.from == at) {
                boxes.push(self.rung_box(rung));
            }
            let mut below = 0;
            for flight in &mut line.arrows {
                let crosses = |line: usize| {
                    let own = self.flight_box(flight, line);
                    boxes.iter().find(|it| it.meets(&own)).map(|it| it.to)
                };
                let mut free = below;
                while let Some(to) = crosses(free) {
                    free = to;
                }
                flight.line = free;
                below = self.flight_box(flight, flight.line).to;
            }
            let needed = boxes.iter().map(|it| it.to).fold(below, usize::max);
            line.y = y;
            y += i32::try_from(needed).unwrap_or(i32::MAX / LINE).saturating_mul(LINE) + BETWEEN;
        }
        self.height = y;
    }

    fn label_box(&self, line: &Line<'_>) -> Area {
        let x = self.groups[self.lanes.lanes[line.lane].group].label_x;
        let right = x + cells(&line.label) * CELL;
        let lane = self.x[line.lane];
        // The line that leads from the lane to the label is part of it.
        Area { left: x.min(lane), right: right.max(lane), from: 0, to: line.label.len() }
    }

    fn rung_box(&self, rung: &Rung) -> Area {
        let x = self.groups[rung.group].columns[rung.column];
        let widest = rung.says.iter().map(|text| pixels(text, SMALL)).max().unwrap_or(0);
        Area { left: x, right: x + RUNG + widest, from: 0, to: rung.says.len() }
    }

    fn flight_box(&self, flight: &Flight<'_>, line: usize) -> Area {
        let label = (flight.label_x, flight.label_x + pixels(&flight.label, SMALL));
        let left = flight.from.min(flight.to).min(label.0);
        let right = flight.from.max(flight.to).max(label.1);
        let height = if flight.hook.is_some() { 2 } else { 1 };
        // Its own lane is no obstacle, and neither is what ends at it.
        Area { left: left + 2, right: right - 2, from: line, to: line + height }
    }
}

/// What is taken up: from a line of a row to before another.
struct Area {
    left: i32,
    right: i32,
    from: usize,
    to: usize,
}

impl Area {
    fn meets(&self, other: &Area) -> bool {
        self.left < other.right
            && other.left < self.right
            && self.from < other.to
            && other.from < self.to
    }
}

/// The rows with their labels, nothing placed yet.
fn lines<'a>(timeline: &'a Timeline, lanes: &Lanes) -> Vec<Line<'a>> {
    let room = match lanes.groups.iter().filter(|group| !group.is_nobody).count() {
        0..=2 => 36,
        3 => 32,
        _ => 30,
    };
    let line = |row: &'a Row| {
        let mut short = Row { arrows: Vec::new(), changes: Vec::new(), data: None, ..row.clone() };
        for piece in &mut short.args {
            // A message that is told by its fields would lose what it is about.
            if matches!(piece.value, Value::Bytes(_)) && piece.text.starts_with('"') {
                piece.text = shortened(&piece.text, room / 2);
            }
        }
        let mut label = text::said(timeline, &short, room);
        for span in label.iter_mut().flatten() {
            span.text = clean(&span.text).into_owned();
        }
        Line { row, lane: lanes.of_row(row), y: 0, label, arrows: Vec::new() }
    };
    timeline.rows.iter().map(line).collect()
}

/// How much room labels and arrows ask for.
struct Needs {
    /// Of each group the widest label.
    labels: Vec<i32>,
    /// Of each group the widest label of an arrow between two of its lanes, and of one that comes back.
    within: Vec<i32>,
    hooks: Vec<i32>,
    /// The widest label of an arrow from one group to another.
    between: i32,
    /// Of each arrow its lanes, in the order of rows and arrows.
    ends: Vec<(usize, usize)>,
}

impl Needs {
    fn of(lanes: &Lanes, lines: &[Line<'_>]) -> Needs {
        let none = || vec![0; lanes.groups.len()];
        let mut needs =
            Needs { labels: none(), within: none(), hooks: none(), between: 0, ends: Vec::new() };
        let mut users = Users::default();
        for line in lines {
            let group = lanes.lanes[line.lane].group;
            needs.labels[group] = needs.labels[group].max(cells(&line.label) * CELL);
            users.see(line.row, line.lane);
            for arrow in &line.row.arrows {
                let from = users.lane(lanes, &arrow.from, line.row, line.lane);
                let to = users.lane(lanes, &arrow.to, line.row, line.lane);
                needs.ends.push((from, to));
                let label = pixels(&arrow.label(), SMALL);
                let (a, b) = (lanes.lanes[from].group, lanes.lanes[to].group);
                let most = match (a == b, from == to) {
                    (_, true) => &mut needs.hooks[a],
                    (true, false) => &mut needs.within[a],
                    (false, _) => &mut needs.between,
                };
                *most = label.max(*most);
            }
        }
        needs
    }
}

/// The room of each group, the place of each lane, and the width of all.
fn rooms(
    timeline: &Timeline,
    lanes: &Lanes,
    widths: &[Vec<usize>],
    needs: &Needs,
) -> (Vec<Room>, Vec<i32>, i32) {
    let mut x = MARGIN + pixels(&timeline.rows.len().to_string(), CELL).max(2 * CELL) + CELL;
    let between = SHAFTS.max(120).max(needs.between + SHAFTS);
    let (mut rooms, mut places) = (Vec::<Room>::new(), Vec::new());
    for (n, group) in lanes.groups.iter().enumerate() {
        let flipped = n == 0 && lanes.groups.len() > 1;
        let name = shortened(&group.name, NAME);
        let hook = if needs.hooks[n] > 0 { HOOK + 8 + needs.hooks[n] } else { 0 };
        // What is above the lanes takes room, too, and so does an arrow that passes over the labels.
        let least = if group.is_nobody { 0 } else { pixels(&name, CELL).max(between) };
        let labels = needs.labels[n].max(least);
        let pitch = pitch(timeline, lanes, n, needs.within[n]).max(hook + ASIDE);
        let ladders = |x: &mut i32| -> Vec<i32> {
            let column = |wide: &usize| {
                let at = *x;
                *x += RUNG + i32::try_from(*wide).unwrap_or(0) * SMALL + AFTER_RUNG;
                at
            };
            widths[n].iter().map(column).collect()
        };
        let (columns, label_x);
        if flipped {
            columns = ladders(&mut x);
            label_x = x;
            x += labels + ASIDE;
        } else {
            let before = if n == 1 { between } else { 2 * ASIDE };
            x += before.max(hook + ASIDE);
            (columns, label_x) = (Vec::new(), 0);
        }
        if let Some(before) =
            rooms.last_mut().filter(|before| before.columns.is_empty() || before.flipped)
        {
            before.next = x;
        }
        places.extend((0..group.count).map(|lane| x + pitch * i32::try_from(lane).unwrap_or(0)));
        let (first, last) = (x, places.last().copied().unwrap_or(x));
        x = last + if flipped { (hook + ASIDE - between).max(0) } else { ASIDE };
        let mut room = Room {
            name_x: name_x(&name, first, last, flipped),
            name,
            label_x,
            columns,
            next: x,
            flipped,
        };
        if !flipped {
            room.label_x = x;
            x += labels + ASIDE;
            room.columns = ladders(&mut x);
            room.next = room.columns.first().copied().unwrap_or(x);
        }
        rooms.push(room);
    }
    (rooms, places, (x + MARGIN).max(NARROWEST))
}

/// From one lane of a group to the next.
fn pitch(timeline: &Timeline, lanes: &Lanes, group: usize, within: i32) -> i32 {
    let of_group = &lanes.groups[group];
    let heads = lanes.lanes[of_group.first..][..of_group.count].iter();
    let head =
        |lane| heading(timeline, lanes, lane).map_or(0, |head| pixels(&head, SMALL) + 2 * SMALL);
    let within = if within > 0 { within + SHAFTS } else { 0 };
    heads.map(head).max().unwrap_or(0).max(PITCH).max(within)
}

/// What stands above a lane where its role has several.
pub fn heading(timeline: &Timeline, lanes: &Lanes, lane: &super::lanes::Lane) -> Option<String> {
    text::mark(timeline, &lanes.groups[lane.group].name, lane.process, lane.thread)
}

/// A role's name stands above its lanes, and reaches to where its labels are if it must.
fn name_x(name: &str, first: i32, last: i32, flipped: bool) -> i32 {
    let wide = pixels(name, CELL);
    match (wide <= 11 * CELL, flipped) {
        (true, _) => (first + last - wide) / 2,
        (false, true) => last + ASIDE - wide,
        (false, false) => first - ASIDE,
    }
}

/// The width of a text whose characters have this one.
pub fn pixels(text: &str, cell: i32) -> i32 {
    i32::try_from(text.width()).unwrap_or(i32::MAX / 64).saturating_mul(cell)
}

/// The width of a label, in characters.
fn cells(label: &[Vec<Span>]) -> i32 {
    let of_line = |line: &Vec<Span>| line.iter().map(|span| span.text.width()).sum::<usize>();
    i32::try_from(label.iter().map(of_line).max().unwrap_or(0)).unwrap_or(0)
}
