//! A timeline for the terminal: a column per role and one for the wire, time runs down.
//!
//! ```text
//!       server                              wire         client
//!   3   │ listen(listener, 5) = 0
//!       │     ▸ listener LISTEN
//!   4   ┊ accept(listener) … waits
//!   5   ┊                                                │ socket(AF_INET, SOCK_STREAM, 0) = sock
//!   6   ┊ ▸ conn ESTABLISHED                ◀───SYN────  │ connect(sock, 127.0.0.1:9999) = 0
//!       ┊                                   ──SYN/ACK─▶  │     ▸ sock ESTABLISHED
//!   7   │ … accept(listener, 127.0.0.1:P1)               ┊
//!             = conn  [since 4]                          ┊
//! ```
//!
//! The bar left of a column is the life of its role: whole while it runs, dotted while all of it waits,
//! absent before it starts and after it has ended. Beside and below a call stands what it brought about: the packets
//! that left, and what became of the sockets of either end. What does not fit into a column goes on below, broken
//! between arguments; nothing is cut off. Where columns would get too narrow there is one column, and each
//! row begins with its role. All of it can be read without colour, and in ASCII.

mod lines;
mod wire;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Effects};
use unicode_width::UnicodeWidthStr;

use crate::event::{Ending, Party, Reason, Schedule};
use crate::timeline::{RolePart, Row, RowKind, Timeline, Wait};

pub(super) use lines::units;
use lines::{in_ascii, width, wrapped};
use wire::{Wire, beside};

/// How to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// In columns; less than 40 counts as 40.
    pub width: usize,
    pub color: bool,
    /// Only ASCII characters; others in data as `\u4f60`.
    pub ascii: bool,
}

impl Default for Style {
    /// What the book shows: 100 columns, no colour.
    fn default() -> Style {
        Style { width: 100, color: false, ascii: false }
    }
}

/// Columns narrower than this are no columns.
const NARROWEST: usize = 26;

/// Stands before what became of a socket.
const CHANGED: char = '▸';

/// Between two columns.
const GAP: usize = 2;

/// How far what goes on below is set in.
const INDENT: usize = 4;

/// Draws a timeline; every line ends in a newline and none in a blank.
pub fn text(timeline: &Timeline, style: &Style) -> String {
    let style = Style { width: style.width.max(40), ..*style };
    let mut page = Page { style, out: String::new() };
    head(&mut page, timeline);
    rows(&mut page, timeline, &|_| true);
    foot(&mut page, timeline);
    page.out
}

/// Draws some of the rows, and `⋮` for those that are left out between two of them; neither what was played nor how it
/// ended. Who runs and who waits is told as it is in the whole.
pub fn excerpt(timeline: &Timeline, style: &Style, shown: &dyn Fn(&Row) -> bool) -> String {
    let style = Style { width: style.width.max(40), ..*style };
    let mut page = Page { style, out: String::new() };
    rows(&mut page, timeline, shown);
    page.out
}

/// The rows that are shown: side by side where there is room.
fn rows(page: &mut Page, timeline: &Timeline, shown: &dyn Fn(&Row) -> bool) {
    let atoms = |row: &Row| if shown(row) { atoms(timeline, row) } else { Vec::new() };
    let calls: Vec<Vec<Atom>> = timeline.rows.iter().map(atoms).collect();
    let wire = Wire::of(timeline);
    match columns(timeline, &calls, &wire, &page.style) {
        Some(widths) => side_by_side(page, timeline, calls, &widths, &wire),
        None => one_below_the_other(page, timeline, calls),
    }
}

/// What other pictures of a timeline write above and below it: lines of at most `width` columns.
pub(super) fn around(timeline: &Timeline, width: usize) -> (Vec<String>, Vec<String>) {
    let lines = |write: fn(&mut Page, &Timeline)| {
        let style = Style { width: width.max(40), color: false, ascii: false };
        let mut page = Page { style, out: String::new() };
        write(&mut page, timeline);
        page.out.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    (lines(head), lines(foot))
}

/// A row in the notation, in lines of at most `room` columns, as other pictures of a timeline write it.
pub(super) fn said(timeline: &Timeline, row: &Row, room: usize) -> Vec<Vec<Span>> {
    wrapped(atoms(timeline, row), room, 2)
}

/// What a piece of a line is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Role,
    Data,
    Failure,
    Waiting,
    State,
    Quiet,
}

#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) paint: Paint,
}

/// Spans between which no line ends.
pub(super) type Atom = Vec<Span>;

fn span(text: impl Into<String>, paint: Paint) -> Span {
    Span { text: text.into(), paint }
}

fn plain(text: impl Into<String>) -> Atom {
    vec![span(text, Paint::Plain)]
}

/// What is written so far, and how.
pub(super) struct Page {
    pub style: Style,
    pub out: String,
}

impl Page {
    /// Writes one line without the blanks at its end.
    fn line(&mut self, mut spans: Vec<Span>) {
        while let Some(last) = spans.last_mut() {
            last.text.truncate(last.text.trim_end().len());
            if !last.text.is_empty() {
                break;
            }
            spans.pop();
        }
        for mut span in spans {
            // A recording may come from anywhere: nothing in it commands the terminal.
            if span.text.contains(char::is_control) {
                span.text = span.text.replace(char::is_control, "?");
            }
            let style = match span.paint {
                Paint::Plain => None,
                Paint::Role => Some(anstyle::Style::new().effects(Effects::BOLD)),
                Paint::Data => Some(AnsiColor::Green.on_default()),
                Paint::Failure => Some(AnsiColor::Red.on_default()),
                Paint::Waiting => Some(AnsiColor::Yellow.on_default()),
                Paint::State => Some(AnsiColor::Cyan.on_default()),
                Paint::Quiet => Some(anstyle::Style::new().effects(Effects::DIMMED)),
            };
            match style.filter(|_| self.style.color && !span.text.trim().is_empty()) {
                Some(style) => {
                    let _ = write!(self.out, "{style}{}{style:#}", span.text);
                }
                None => self.out.push_str(&span.text),
            }
        }
        self.out.push('\n');
    }

    /// Writes words, going on below set in by two.
    pub fn words(&mut self, words: &str, paint: Paint) {
        let atoms = words.split_inclusive(' ').map(|word| vec![span(word, paint)]).collect();
        for line in wrapped(self.suited(atoms), self.style.width, 2) {
            self.line(line);
        }
    }

    /// The atoms in the characters that may be used.
    fn suited(&self, mut atoms: Vec<Atom>) -> Vec<Atom> {
        if self.style.ascii {
            for span in atoms.iter_mut().flatten() {
                span.text = in_ascii(&span.text);
            }
        }
        atoms
    }
}

fn head(page: &mut Page, timeline: &Timeline) {
    for (words, paint) in heading(timeline) {
        page.words(&words, paint);
    }
    page.line(Vec::new());
}

/// What was played and how, a line each.
pub(super) fn heading(timeline: &Timeline) -> Vec<(String, Paint)> {
    let order = match (timeline.schedule, timeline.seed) {
        (Schedule::Lockstep, _) => "one at a time, each until it waits".into(),
        (Schedule::Free, _) => "all at once: the order may differ the next time".into(),
        (Schedule::Random, Some(seed)) => format!("one at a time, any next: seed {seed}"),
        (Schedule::Random, None) => "one at a time, any next".to_owned(),
        (Schedule::Chosen, _) => "one call at a time, in an order that was chosen".into(),
        (Schedule::Delayed, _) => "one at a time, each until it waits or is delayed".into(),
    };
    let mut lines = Vec::new();
    let begin = "of each process from its first socket on (all of it: --all-calls)";
    match &timeline.lesson {
        Some(lesson) => {
            // The plain demo needs no name.
            let named = timeline.scenario.iter().filter(|name| *name != "demo");
            let scenario: String = named.map(|name| format!(", {name}")).collect();
            lines.push((format!("{lesson}{scenario}: {order}"), Paint::Role));
        }
        None => {
            for role in timeline.roles.iter().filter(|role| !role.command.is_empty()) {
                let command: Vec<String> = role.command.iter().map(|word| shown(word)).collect();
                lines.push((format!("{}: {}", role.name, command.join(" ")), Paint::Role));
            }
            lines.push((order, Paint::Quiet));
            if timeline.from_first_socket {
                lines.push((begin.into(), Paint::Quiet));
            }
        }
    }
    if !timeline.isolation.lacking.is_empty() {
        let lacking = timeline.isolation.lacking.join(", ");
        lines.push((format!("not isolated: this machine lacks {lacking}"), Paint::Waiting));
    }
    lines
}

/// A word of a command as a shell would take it back.
fn shown(word: &str) -> String {
    let bare = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(bare) {
        return word.to_owned();
    }
    let word: String = word.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A row as atoms; a line may end after each of them.
pub(super) fn atoms(timeline: &Timeline, row: &Row) -> Vec<Atom> {
    let mut atoms: Vec<Atom> = Vec::new();
    let mut start: Atom = Vec::new();
    if let Some(mark) = mark(timeline, &row.role, row.process, row.thread) {
        start.push(span(format!("{mark} "), Paint::Quiet));
    }
    if matches!(row.kind, RowKind::Wakes { .. }) {
        start.push(span("… ", Paint::Waiting));
    }
    let paint = match row.kind {
        RowKind::Signal | RowKind::Killed => Paint::Failure,
        _ => Paint::Plain,
    };
    start.push(span(format!("{}(", row.call), paint));
    for (n, piece) in row.args.iter().enumerate() {
        let is_data = matches!(piece.value, crate::event::Value::Bytes(_));
        let data = if is_data { Paint::Data } else { Paint::Plain };
        start.push(span(&piece.text, data));
        if n + 1 < row.args.len() {
            start.push(span(", ", Paint::Plain));
            atoms.push(std::mem::take(&mut start));
        }
    }
    start.push(span(")", paint));
    match &row.answer {
        Some(answer) => {
            start.push(span(" ", Paint::Plain));
            atoms.push(std::mem::take(&mut start));
            match &answer.failure {
                Some(failure) => {
                    let more = if failure.meaning.is_some() { " " } else { "" };
                    atoms.push(vec![span(format!("= -1 {}{more}", failure.name), Paint::Failure)]);
                    let meaning = failure.meaning.map(|meaning| format!("({meaning})"));
                    for word in meaning.iter().flat_map(|meaning| meaning.split_inclusive(' ')) {
                        atoms.push(vec![span(word, Paint::Failure)]);
                    }
                }
                None => match answer.text.split_once(" [") {
                    Some((result, ready)) => {
                        atoms.push(plain(format!("= {result} ")));
                        let mut ready: Vec<Atom> =
                            format!("[{ready}").split_inclusive(", ").map(plain).collect();
                        atoms.append(&mut ready);
                    }
                    None => atoms.push(plain(format!("= {}", answer.text))),
                },
            }
        }
        None => atoms.push(start),
    }
    let mut remark = |text: String, paint| {
        if let Some(last) = atoms.last_mut().and_then(|atom| atom.last_mut()) {
            last.text.push(' ');
        }
        atoms.push(vec![span(text, paint)]);
    };
    match row.kind {
        RowKind::Waits { for_ever: false } => remark("… waits".into(), Paint::Waiting),
        RowKind::Waits { for_ever: true } => remark("… waits to the end".into(), Paint::Waiting),
        RowKind::Wakes { since } => remark(format!("[since {since}]"), Paint::Waiting),
        RowKind::Waited if row.count > 1 => remark("[waited each time]".into(), Paint::Waiting),
        RowKind::Waited => remark("[waited]".into(), Paint::Waiting),
        _ => {}
    }
    if row.count > 1 {
        remark(format!("×{}", row.count), Paint::Waiting);
    }
    if let Some(note) = &row.note {
        remark(format!("[{note}]"), Paint::Quiet);
    }
    atoms
}

/// `#2`, `T3` or both, where a role has several of them.
pub(super) fn mark(timeline: &Timeline, role: &str, process: u32, thread: u32) -> Option<String> {
    let role = timeline.roles.iter().find(|part| part.name == role)?;
    match (role.forked, role.threaded) {
        (false, false) => None,
        (true, false) => Some(format!("#{process}")),
        (false, true) => Some(format!("T{thread}")),
        (true, true) => Some(format!("#{process} T{thread}")),
    }
}

/// How wide the step numbers are, with the blanks after them.
fn gutter(timeline: &Timeline) -> usize {
    timeline.rows.len().to_string().len().max(3) + 2
}

/// The width of each column's text, or none if there is no room for them side by side.
fn columns(
    timeline: &Timeline,
    calls: &[Vec<Atom>],
    wire: &Wire,
    style: &Style,
) -> Option<Vec<usize>> {
    let count = timeline.roles.len();
    let wire = if wire.width > 0 { wire.width + GAP } else { 0 };
    let frame = gutter(timeline) + 2 * count + GAP * count.saturating_sub(1) + wire;
    let mut room = style.width.checked_sub(frame)?;
    // What a column would take if it could: the rest is shared by those that need more.
    let mut wanted: Vec<(usize, usize)> = timeline
        .roles
        .iter()
        .enumerate()
        .map(|(n, role)| {
            let rows = timeline.rows.iter().zip(calls).filter(|(row, _)| row.role == role.name);
            let widest = rows.map(|(_, atoms)| atoms.iter().map(|a| width(a, style)).sum()).max();
            // What becomes of its sockets beside another role's calls is broken as well.
            let says = timeline.rows.iter().any(|row| {
                row.role != role.name
                    && beside(row).iter().any(|(of, _)| of.as_deref() == Some(role.name.as_str()))
            });
            let least = if says { NARROWEST } else { role.name.width() };
            (least.max(widest.unwrap_or(0)), n)
        })
        .collect();
    wanted.sort_unstable();
    let mut widths = vec![0; count];
    for (at, (want, n)) in wanted.iter().enumerate() {
        let share = room / (count - at);
        widths[*n] = share.min(*want);
        if widths[*n] < NARROWEST.min(*want) {
            return None;
        }
        room -= widths[*n];
    }
    // So that what became of a socket fits beside the call of another role.
    for width in &mut widths {
        let more = room.min(NARROWEST.saturating_sub(*width));
        (*width, room) = (*width + more, room - more);
    }
    Some(widths)
}

fn side_by_side(
    page: &mut Page,
    timeline: &Timeline,
    calls: Vec<Vec<Atom>>,
    widths: &[usize],
    wire: &Wire,
) {
    let gutter = gutter(timeline);
    let mut heads = vec![span(" ".repeat(gutter), Paint::Plain)];
    for (n, (role, width)) in timeline.roles.iter().zip(widths).enumerate() {
        let name = if page.style.ascii { in_ascii(&role.name) } else { role.name.clone() };
        let room = width.saturating_sub(name.width());
        heads.push(span("  ", Paint::Plain));
        heads.push(span(name, Paint::Role));
        heads.push(span(" ".repeat(room + GAP), Paint::Plain));
        if n == 0 && wire.width > 0 {
            heads.push(span(format!("{:<1$}", "wire", wire.width + GAP), Paint::Role));
        }
    }
    page.line(heads);
    let mut lives = vec![Life::default(); timeline.roles.len()];
    let mut gap = Gap { width: gutter, ..Gap::default() };
    for (row, atoms) in timeline.rows.iter().zip(calls) {
        let Some(own) = timeline.roles.iter().position(|role| role.name == row.role) else {
            continue;
        };
        lives[own].before(row);
        // Every row that is shown says something.
        if gap.is_here(page, atoms.is_empty()) {
            lives[own].after(row);
            continue;
        }
        let mut cells: Vec<Vec<Vec<Span>>> = Vec::new();
        for (column, (role, width)) in timeline.roles.iter().zip(widths).enumerate() {
            let mut cell = if column == own {
                wrapped(page.suited(atoms.clone()), *width, INDENT)
            } else {
                Vec::new()
            };
            let is_here = |of: Option<&str>| match of {
                Some(of) => of == role.name,
                None => column == own,
            };
            for (of, said) in beside(row) {
                if is_here(of.as_deref()) {
                    // Below a call of one's own it is set in.
                    let blank = if cell.is_empty() { "" } else { "    " };
                    let said = span(format!("{blank}{CHANGED} {said}"), Paint::State);
                    cell.extend(wrapped(page.suited(in_words(said)), *width, INDENT + 2));
                }
            }
            cells.push(cell);
        }
        let arrows = wire.drawn(timeline, row, page.style.ascii);
        let height = cells.iter().map(Vec::len).chain([arrows.len()]).max().unwrap_or(0);
        for n in 0..height {
            let number = if n == 0 { row.step.to_string() } else { String::new() };
            let mut line = vec![span(format!("{number:>0$}  ", gutter - 2), Paint::Quiet)];
            for (column, width) in widths.iter().enumerate() {
                let (bar, paint) = lives[column].bar(page.style.ascii);
                line.push(span(format!("{bar} "), paint));
                let mut text = cells[column].get(n).cloned().unwrap_or_default();
                let used: usize = text.iter().map(|s| s.text.width()).sum();
                line.append(&mut text);
                line.push(span(" ".repeat(width.saturating_sub(used) + GAP), Paint::Plain));
                if column == 0 && wire.width > 0 {
                    let arrow = arrows.get(n).cloned().unwrap_or_default();
                    let blank = (wire.width + GAP).saturating_sub(arrow.width());
                    line.push(span(arrow, Paint::Plain));
                    line.push(span(" ".repeat(blank), Paint::Plain));
                }
            }
            page.line(line);
        }
        lives[own].after(row);
    }
}

/// A span as atoms, one for each word.
fn in_words(words: Span) -> Vec<Atom> {
    words.text.split_inclusive(' ').map(|word| vec![span(word, words.paint)]).collect()
}

fn one_below_the_other(page: &mut Page, timeline: &Timeline, calls: Vec<Vec<Atom>>) {
    let mut gap = Gap { width: gutter(timeline), ..Gap::default() };
    for (row, atoms) in timeline.rows.iter().zip(calls) {
        if !gap.is_here(page, atoms.is_empty()) {
            one_row(page, timeline, row, atoms);
        }
    }
}

/// Rows that are left out.
#[derive(Default)]
struct Gap {
    /// Of the step numbers.
    width: usize,
    /// Whether there is a row above it.
    below: bool,
    open: bool,
}

impl Gap {
    /// Whether this row is one of them; the first that is none is told of those before it.
    fn is_here(&mut self, page: &mut Page, left_out: bool) -> bool {
        if left_out {
            self.open = self.below;
        } else {
            if self.open {
                let sign = if page.style.ascii { ':' } else { '⋮' };
                page.line(vec![span(format!("{sign:>0$}", self.width - 2), Paint::Quiet)]);
            }
            (self.open, self.below) = (false, true);
        }
        left_out
    }
}

/// A row that begins with its role; what it brought about below it.
pub(super) fn one_row(page: &mut Page, timeline: &Timeline, row: &Row, atoms: Vec<Atom>) {
    let gutter = gutter(timeline);
    let name = |role: &str| if page.style.ascii { in_ascii(role) } else { role.to_owned() };
    let longest = timeline.roles.iter().map(|role| name(&role.name).width()).max().unwrap_or(0);
    let room = page.style.width.saturating_sub(gutter + longest + 2).max(20);
    let mut lines = wrapped(page.suited(atoms), room, INDENT);
    for (text, paint) in brought(row, page.style.ascii) {
        let said = in_words(span(format!("    {text}"), paint));
        lines.extend(wrapped(page.suited(said), room, INDENT + 2));
    }
    let own = name(&row.role);
    for (n, mut call) in lines.into_iter().enumerate() {
        let (number, name) =
            if n == 0 { (row.step.to_string(), own.as_str()) } else { (String::new(), "") };
        let blank = " ".repeat(longest.saturating_sub(name.width()) + 2);
        let mut line = vec![
            span(format!("{number:>0$}  ", gutter - 2), Paint::Quiet),
            span(name, Paint::Role),
            span(blank, Paint::Plain),
        ];
        line.append(&mut call);
        page.line(line);
    }
}

/// What a row brought about, a line each.
pub(super) fn brought(row: &Row, ascii: bool) -> Vec<(String, Paint)> {
    let sent = wire::in_words(row, ascii).into_iter().map(|it| (it, Paint::Plain));
    let became = beside(row).into_iter().map(|(of, said)| match of {
        Some(of) if of != row.role => (format!("{CHANGED} {of}: {said}"), Paint::State),
        _ => (format!("{CHANGED} {said}"), Paint::State),
    });
    sent.chain(became).collect()
}

/// Whether a role runs, waits or is not there, as far as its rows tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    /// Of each thread that is alive, whether it waits; with the process it belongs to.
    threads: BTreeMap<u32, (u32, bool)>,
}

impl Life {
    /// Takes in what is so from this row on.
    pub(super) fn before(&mut self, row: &Row) {
        let waits = matches!(row.kind, RowKind::Waits { .. });
        // What happens *to* a thread that waits does not wake it.
        let passive = matches!(row.kind, RowKind::Signal | RowKind::Killed);
        match self.threads.get_mut(&row.thread) {
            Some((_, waiting)) if !passive => *waiting = waits,
            Some(_) => {}
            None => {
                self.threads.insert(row.thread, (row.process, waits));
            }
        }
    }

    /// Takes in what is so after this row.
    pub(super) fn after(&mut self, row: &Row) {
        match row.kind {
            RowKind::Exit => {
                let leads = self.threads.iter().find(|(_, (process, _))| *process == row.process);
                let leads = leads.is_some_and(|(first, _)| *first == row.thread);
                if row.call != "pthread_exit" && (leads || row.syscall == "exit_group") {
                    self.threads.retain(|_, (process, _)| *process != row.process);
                }
                self.threads.remove(&row.thread);
            }
            RowKind::Killed => self.threads.retain(|_, (process, _)| *process != row.process),
            _ => {}
        }
    }

    pub(super) fn bar(&self, ascii: bool) -> (&'static str, Paint) {
        match (self.threads.is_empty(), self.threads.values().all(|(_, waiting)| *waiting), ascii) {
            (true, ..) => (" ", Paint::Plain),
            (_, true, false) => ("┊", Paint::Waiting),
            (_, true, true) => (":", Paint::Waiting),
            (_, false, false) => ("│", Paint::Quiet),
            (_, false, true) => ("|", Paint::Quiet),
        }
    }
}

pub(super) fn foot(page: &mut Page, timeline: &Timeline) {
    page.line(Vec::new());
    for (words, paint) in ending(timeline) {
        page.words(&words, paint);
    }
}

/// How it all ended, a line each.
pub(super) fn ending(timeline: &Timeline) -> Vec<(String, Paint)> {
    let end = &timeline.end;
    let mut lines = Vec::new();
    for (role, how) in &end.roles {
        // Those who wait at the end are spoken of below.
        let waits = end.waiting.iter().any(|wait| wait.role == *role);
        let (text, paint) = match how {
            Ending::Killed { .. } if waits => continue,
            Ending::Exited { status: 0 } => ("ended with status 0".to_owned(), Paint::Plain),
            Ending::Exited { status } => (format!("ended with status {status}"), Paint::Failure),
            Ending::Signalled { signal } => (format!("was ended by {signal}"), Paint::Failure),
            Ending::Killed { why } => (format!("was ended by the lab: {why}"), Paint::Failure),
            Ending::NeverStarted => {
                ("never started: what it waits for did not happen".to_owned(), Paint::Failure)
            }
        };
        lines.push((format!("{role} {text}"), paint));
    }
    match &end.reason {
        Reason::Finished => {}
        Reason::Serving => {
            for wait in &end.waiting {
                let who = party(timeline, &wait.role, wait.process, wait.thread);
                let serves = wait.for_.iter().any(|party| matches!(party, Party::Outside { .. }));
                let verb = if serves { "still serves" } else { "still waits" };
                let call = &wait.call;
                let whom = whom(timeline, wait);
                let step = step(wait);
                lines.push((
                    format!("{who} {verb}: {call} waits {whom}{step}; the lab ended it"),
                    Paint::Waiting,
                ));
            }
        }
        Reason::Deadlock => {
            let chain: Vec<String> = end
                .waiting
                .iter()
                .map(|wait| {
                    let who = party(timeline, &wait.role, wait.process, wait.thread);
                    let whom = whom(timeline, wait);
                    format!("{who} waits in {} {whom}{}", wait.call, step(wait))
                })
                .collect();
            lines.push((format!("deadlock: {}", chain.join("; ")), Paint::Failure));
        }
        Reason::Limit { what } => lines.push((format!("the lab ended it: {what}"), Paint::Failure)),
        Reason::Interrupted => {
            lines.push(("interrupted: the recording ends here".to_owned(), Paint::Failure));
        }
    }
    for (role, _) in &end.roles {
        let left = end.zombies.iter().filter(|zombie| zombie.role == *role);
        let left: Vec<String> = left.map(|zombie| zombie.process.to_string()).collect();
        if let [_, more @ ..] = left.as_slice() {
            let all = left.join(", ");
            let told = match more {
                [] => format!("process {all} has ended, and nobody has waited for it"),
                _ => format!("processes {all} have ended, and nobody has waited for them"),
            };
            lines.push((format!("{role}: {told}"), Paint::Failure));
        }
    }
    lines
}

fn step(wait: &Wait) -> String {
    wait.step.map(|step| format!(" (step {step})")).unwrap_or_default()
}

pub(super) fn whom(timeline: &Timeline, wait: &Wait) -> String {
    let all: Vec<String> = wait
        .for_
        .iter()
        .map(|whom| match whom {
            Party::Thread { role, thread } if *role == wait.role => {
                match timeline.process_of(role, *thread) {
                    // It has the other end of what it waits for, and will never use it.
                    _ if *thread == wait.thread => "for itself".into(),
                    process if process != wait.process => format!("for its process {process}"),
                    _ => format!("for its thread {thread}"),
                }
            }
            Party::Thread { role, thread } => {
                let process = timeline.process_of(role, *thread);
                format!("for {}", party(timeline, role, process, *thread))
            }
            Party::Outside { what } => format!("for {what}"),
            Party::Nobody => "for nobody (the other end is gone)".into(),
        })
        .collect();
    if all.is_empty() { "for nobody".into() } else { all.join(" or ") }
}

/// A thread in words: its role, and its number where there are several.
pub(super) fn party(timeline: &Timeline, role: &str, process: u32, thread: u32) -> String {
    let single = RolePart {
        name: String::new(),
        command: Vec::new(),
        ends: None,
        threaded: false,
        forked: false,
    };
    let part = timeline.roles.iter().find(|part| part.name == role).unwrap_or(&single);
    match (part.forked, part.threaded) {
        (false, false) => role.to_owned(),
        (true, false) => format!("{role} (process {process})"),
        (false, true) => format!("{role} (thread {thread})"),
        (true, true) => format!("{role} (process {process}, thread {thread})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Recording, Zombie};
    use crate::timeline::{sample, timeline};

    fn drawn(recording: &Recording, width: usize) -> String {
        text(&timeline(recording), &Style { width, ..Style::default() })
    }

    fn in_plain_ascii(recording: &Recording) -> String {
        text(&timeline(recording), &Style { width: 80, color: false, ascii: true })
    }

    #[test]
    fn one_shot_reads_from_top_to_bottom() {
        insta::assert_snapshot!(drawn(&sample::one_shot(), 100));
    }

    #[test]
    fn packets_and_states_stand_beside_their_call() {
        insta::assert_snapshot!(drawn(&sample::half_close(), 100));
    }

    #[test]
    fn packets_and_states_need_no_columns() {
        insta::assert_snapshot!(in_plain_ascii(&sample::half_close()));
        insta::assert_snapshot!("packets_below_their_call", drawn(&sample::half_close(), 60));
    }

    #[test]
    fn eighty_columns_hold_two_roles() {
        insta::assert_snapshot!(drawn(&sample::one_shot(), 80));
    }

    #[test]
    fn ascii_uses_nothing_else() {
        let drawn = in_plain_ascii(&sample::one_shot());
        assert!(drawn.is_ascii());
        insta::assert_snapshot!(drawn);
    }

    #[test]
    fn threads_are_told_apart() {
        insta::assert_snapshot!(drawn(&sample::threads(), 140));
    }

    #[test]
    fn three_roles_on_eighty_columns_are_one_column() {
        insta::assert_snapshot!(drawn(&sample::threads(), 80));
    }

    #[test]
    fn processes_and_signals_are_shown() {
        insta::assert_snapshot!(drawn(&sample::forks(), 100));
    }

    #[test]
    fn no_line_of_a_column_is_wider_than_the_column() {
        let call = "write(stdout, \"the client:  ('127.0.0.1', P1) is connecting\\n\", 48)";
        for room in 20..70 {
            for line in wrapped(vec![vec![span(call, Paint::Plain)]], room, INDENT) {
                let used: usize = line.iter().map(|span| span.text.width()).sum();
                assert!(used <= room, "{room}: {line:?}");
            }
        }
    }

    #[test]
    fn a_deadlock_is_told_in_words() {
        insta::assert_snapshot!(drawn(&sample::deadlock(), 100));
    }

    #[test]
    fn errors_and_repeats_are_shown_and_noise_is_not() {
        insta::assert_snapshot!(drawn(&sample::troubles(), 100));
    }

    #[test]
    fn no_line_is_too_wide_or_ends_in_a_blank() {
        let all = [
            sample::one_shot(),
            sample::threads(),
            sample::forks(),
            sample::deadlock(),
            sample::troubles(),
        ];
        for (recording, width) in all.iter().flat_map(|r| (40..160).map(move |width| (r, width))) {
            for ascii in [false, true] {
                let drawn = text(&timeline(recording), &Style { width, color: false, ascii });
                for line in drawn.lines() {
                    assert!(line.width() <= width, "{width}: {line}");
                    assert_eq!(line, line.trim_end());
                }
            }
        }
    }

    #[test]
    fn nothing_is_lost_by_wrapping() {
        let timeline = timeline(&sample::one_shot());
        let squeezed = |text: &str| -> String {
            text.chars().filter(|c| !c.is_whitespace() && !"│┊".contains(*c)).collect()
        };
        let drawn = squeezed(&text(&timeline, &Style { width: 40, ..Style::default() }));
        for row in &timeline.rows {
            for piece in &row.args {
                assert!(drawn.contains(&squeezed(&piece.text)), "{}", piece.text);
            }
        }
    }

    #[test]
    fn who_waits_for_a_process_of_its_own_or_for_itself_is_told_so() {
        let (parent, child) = (("server", 1, 1), ("server", 2, 2));
        let mut s = sample::Sample::new(None, &["server"]);
        let [ours, theirs] = [3, 4].map(|number| s.socket(parent, "SOCK_STREAM", number));
        s.event(parent, "fork", vec![], Some(2), "");
        let since = s.last();
        let a = s.stuck(parent, "recv", (3, ours), since);
        let b = s.stuck(child, "recv", (4, theirs), since);
        let it = || Party::Thread { role: "server".into(), thread: 2 };
        s.waiting(parent, a, it());
        s.waiting(child, b, it());
        s.0.end.reason = Reason::Deadlock;
        let drawn = drawn(&s.0, 200);
        let told = drawn.lines().last().unwrap();
        assert_eq!(
            told,
            "deadlock: server (process 1) waits in recv(sock) for its process 2 (step 4); \
             server (process 2) waits in recv(sock#2) for itself (step 5)"
        );
    }

    #[test]
    fn who_has_ended_and_was_not_waited_for_is_named() {
        let last = |processes: &[u32]| {
            let mut recording = sample::forks();
            let zombie = |&process| Zombie { role: "server".into(), process };
            recording.end.zombies = processes.iter().map(zombie).collect();
            drawn(&recording, 100).lines().last().unwrap().to_owned()
        };
        assert_eq!(last(&[]), "client ended with status 0");
        assert_eq!(last(&[2]), "server: process 2 has ended, and nobody has waited for it");
        assert_eq!(
            last(&[2, 3]),
            "server: processes 2, 3 have ended, and nobody has waited for them"
        );
    }

    #[test]
    fn nothing_in_a_recording_commands_the_terminal() {
        let mut recording = sample::troubles();
        recording.roles[0].command.push("\x1b[2J".into());
        recording.isolation.lacking.push("net\n: \x1b]0;".into());
        recording.events[0].note = Some("\x07".into());
        recording.events[2].args[0].value = sample::named(1, "AF\x1b[1m");
        let drawn = drawn(&recording, 80);
        assert!(!drawn.contains(|c: char| c.is_control() && c != '\n'));
    }

    #[test]
    fn colour_adds_escapes_and_nothing_else() {
        let timeline = timeline(&sample::troubles());
        let plain = text(&timeline, &Style { width: 100, color: false, ascii: false });
        let coloured = text(&timeline, &Style { width: 100, color: true, ascii: false });
        assert!(!plain.contains('\x1b'));
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    }
}
