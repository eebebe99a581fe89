//! A recording as a person reads it: stable names, rows in order, no noise.
//!
//! ```text
//! Recording ─ names ── who is `listener`, who is `conn#2`
//!           ─ masks ── which ports are `P1`, `P2`
//!           ─ noise ── what nobody wrote
//!           ─ say ──── one event → pieces
//!           ─ wire ─── packets and states → the row that they came of          → Timeline
//! ```
//!
//! A call that had to wait takes two rows: one where it begins to wait and one where it ends, which
//! names the step of the first. Equal rows one after the other are one row with a count. Nothing here is
//! drawn: pictures, patterns and rules all take a [`Timeline`] and need not decode again.

mod masks;
mod names;
mod netlink;
mod noise;
#[cfg(test)]
pub(crate) mod sample;
mod say;
mod tls;
mod wire;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

pub use self::masks::Masks;
pub use self::names::{Names, socket_names};
pub use self::noise::{Noise, will_be_noise};
use self::say::{Speaker, about};
pub use self::wire::{Arrow, Change, Holder, Key, Point, SocketLine};
use crate::event::{
    Bytes, Ending, Event, Isolation, Party, Reason, Recording, Schedule, SocketId, Value, Zombie,
};

/// One run, ready to be drawn, matched and graded.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The lesson's whole name, or none for programs that were merely traced.
    pub lesson: Option<String>,
    /// The variant or scenario that was played.
    pub scenario: Option<String>,
    pub schedule: Schedule,
    /// What a process did before its first socket is not among the rows.
    pub from_first_socket: bool,
    pub seed: Option<u64>,
    pub isolation: Isolation,
    /// In the order of their columns.
    pub roles: Vec<RolePart>,
    pub names: Names,
    /// What the rows show in place of ports and names that the kernel chose.
    pub masks: Masks,
    /// In order; `rows[i].step` is `i + 1`.
    pub rows: Vec<Row>,
    /// The steps after which nobody could move; none if nobody looked at the sockets.
    pub quiet: Vec<usize>,
    /// Whether any row has an arrow.
    pub has_wire: bool,
    /// What was left out, by the event's `seq`, and why.
    pub dropped: Vec<(u64, Noise)>,
    pub end: Finish,
}

impl Timeline {
    /// The row of this step number.
    pub fn row(&self, step: usize) -> Option<&Row> {
        self.rows.get(step.checked_sub(1)?)
    }

    /// The sockets as they stood after a step, the named ones first; without those that are gone.
    pub fn table(&self, step: usize) -> Vec<SocketLine> {
        let mut table = BTreeMap::new();
        for change in self.rows.iter().take(step).flat_map(|row| &row.changes) {
            table.insert(change.now.key(), &change.now);
        }
        table.into_values().filter(|line| !line.is_gone()).cloned().collect()
    }

    /// A row as its call stood before it was made: with what it is given, and without all that it brought.
    pub fn unmade(&self, recording: &Recording, row: &Row) -> Row {
        let mut speaker = Speaker::new(&self.names, self.masks.clone());
        let at = recording.events.binary_search_by_key(&row.seq, |event| event.seq).ok();
        let event = at.and_then(|at| recording.events.get(at));
        Row {
            kind: RowKind::Call,
            count: 1,
            args: event.map(|event| speaker.arguments(event, false)).unwrap_or_default(),
            answer: None,
            data: None,
            note: None,
            arrows: Vec::new(),
            changes: Vec::new(),
            ..row.clone()
        }
    }

    /// The process that a thread of a role belongs to: the first one, if the thread made no call that is shown.
    pub fn process_of(&self, role: &str, thread: u32) -> u32 {
        let is_it = |row: &&Row| row.role == role && row.thread == thread;
        self.rows.iter().find(is_it).map_or(1, |row| row.process)
    }

    /// The step of the row in which the event of this `seq` ended, or waits for ever.
    pub fn step_of(&self, seq: u64) -> Option<usize> {
        let held = |row: &&Row| row.seq <= seq && seq <= row.last_seq && row.came_of(seq);
        self.rows.iter().rfind(held).map(|row| row.step)
    }
}

/// What is to be known of a role before its rows are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePart {
    pub name: String,
    pub command: Vec<String>,
    /// Whether it must end by itself; none if not declared.
    pub ends: Option<bool>,
    /// Whether one of its processes ran more than one thread.
    pub threaded: bool,
    /// Whether it ran more than one process.
    pub forked: bool,
}

/// One line of a timeline: a call, a part of one, a signal or an end.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// 1, 2, 3 …
    pub step: usize,
    pub role: String,
    pub process: u32,
    pub thread: u32,
    /// The event of which this row tells; of a folded row the first.
    pub seq: u64,
    /// Of a folded row the last event; else `seq`.
    pub last_seq: u64,
    /// All events of a folded row, in order; else only `seq`.
    pub events: Vec<u64>,
    pub kind: RowKind,
    /// How many equal rows this one stands for.
    pub count: u64,
    /// The API's name of the call.
    pub call: Cow<'static, str>,
    /// The kernel's name of the call.
    pub syscall: Cow<'static, str>,
    pub args: Vec<Piece>,
    /// None as long as it waits, for what is no call and for what never returned.
    pub answer: Option<Answer>,
    /// The object that the call is about.
    pub object: Option<SocketId>,
    /// Whether that object is a socket.
    pub on_socket: bool,
    /// The data that really moved.
    pub data: Option<Bytes>,
    /// What the recorder did to this call.
    pub note: Option<String>,
    /// What went over the wire by it, in order.
    pub arrows: Vec<Arrow>,
    /// What became of sockets by it.
    pub changes: Vec<Change>,
}

impl Row {
    /// Whether this row tells of the event of this `seq`.
    pub fn came_of(&self, seq: u64) -> bool {
        self.events.binary_search(&seq).is_ok()
    }

    /// The row in the notation, on one line: `recv(conn, "hi", 64) = 2`.
    pub fn notation(&self) -> String {
        let args: Vec<&str> = self.args.iter().map(|piece| piece.text.as_str()).collect();
        let mut text = format!("{}({})", self.call, args.join(", "));
        match self.kind {
            RowKind::Waits { for_ever: true } => text.push_str(" … waits to the end"),
            RowKind::Waits { .. } => text.push_str(" … waits"),
            _ => {}
        }
        if let Some(answer) = &self.answer {
            text.push_str(&format!(" = {}", answer.text));
        }
        if self.count > 1 {
            text.push_str(&format!(" ×{}", self.count));
        }
        if let Some(note) = &self.note {
            text.push_str(&format!(" [{note}]"));
        }
        text
    }

    /// Whether a call returned in this row.
    pub fn returned(&self) -> bool {
        self.answer.is_some()
    }
}

/// What a row tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowKind {
    /// A call that did not wait, from beginning to end.
    Call,
    /// A call that begins to wait here; `for_ever`: it never returned.
    Waits { for_ever: bool },
    /// A call that returns here and has waited since that step.
    Wakes { since: usize },
    /// Calls that each waited and returned with nothing in between, folded into one row.
    Waited,
    /// A signal that was delivered.
    Signal,
    /// A thread or process that ended by itself.
    Exit,
    /// A process that was ended from outside.
    Killed,
}

/// One argument: its text in the notation, and the value that it was made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The name that the manual page gives it.
    pub name: Cow<'static, str>,
    pub text: String,
    pub object: Option<SocketId>,
    /// Every object within it, by name: also those in a list.
    pub objects: Vec<(SocketId, String)>,
    pub value: Value,
}

/// What a call gave back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// In the notation, without the `=`: `listener`, `6`, `-1 ECONNREFUSED (connection refused)`.
    pub text: String,
    /// As the API returns it: -1 for every failure.
    pub ret: i64,
    /// The object that the result names.
    pub object: Option<SocketId>,
    pub failure: Option<Failure>,
}

/// An errno and its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub name: String,
    pub meaning: Option<&'static str>,
}

/// How it all ended.
#[derive(Clone, Debug)]
pub struct Finish {
    pub reason: Reason,
    /// In the order of the columns.
    pub roles: Vec<(String, Ending)>,
    pub waiting: Vec<Wait>,
    pub zombies: Vec<Zombie>,
}

/// A thread that waits at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    pub role: String,
    pub process: u32,
    pub thread: u32,
    /// The step in which it began to, if that is shown.
    pub step: Option<usize>,
    /// The call and what it is about: `recv(conn)`.
    pub call: String,
    pub for_: Vec<Party>,
}

/// Draws up the timeline of a recording.
pub fn timeline(recording: &Recording) -> Timeline {
    let mut events: Vec<&Event> = recording.events.iter().collect();
    events.sort_by_key(|event| event.seq);
    let names = socket_names(recording);
    let noise = noise::noise(&recording.events, &names);
    let mut speaker = Speaker::new(&names, Masks::of(recording));

    let mut rows: Vec<Row> = Vec::new();
    let mut began: HashMap<u64, usize> = HashMap::new();
    for moment in moments(recording, &events) {
        let (event, done) = match moment {
            Moment::Begins(event) => (event, false),
            Moment::Ends(event) => (event, true),
        };
        if noise.contains_key(&event.seq) {
            continue;
        }
        let kind = match (event.call.as_ref(), done) {
            ("signal", _) if event.syscall.is_empty() => RowKind::Signal,
            ("exit" | "exit_group" | "pthread_exit", _) => RowKind::Exit,
            ("killed", _) if event.syscall.is_empty() => RowKind::Killed,
            (_, false) => RowKind::Waits { for_ever: event.ret.is_none() },
            (_, true) => match began.get(&event.seq) {
                Some(row) => RowKind::Wakes { since: *row },
                None => RowKind::Call,
            },
        };
        if !done {
            began.insert(event.seq, rows.len());
        }
        // The call of exit(2) and the end that follows it are one thing.
        let own = |row: &&mut Row| row.role == event.role && row.thread == event.thread;
        if let (RowKind::Exit, Some(before)) = (kind, rows.iter_mut().rfind(own))
            && before.kind == RowKind::Exit
        {
            before.last_seq = event.seq;
            before.events.push(event.seq);
            continue;
        }
        let object = about(event);
        rows.push(Row {
            step: 0,
            role: event.role.clone(),
            process: event.process,
            thread: event.thread,
            seq: event.seq,
            last_seq: event.seq,
            events: vec![event.seq],
            kind,
            count: 1,
            call: event.call.clone(),
            syscall: event.syscall.clone(),
            args: speaker.arguments(event, done),
            answer: if done { speaker.answer(event) } else { None },
            object,
            on_socket: object.is_some_and(|id| names.is_socket(id)),
            data: if done { event.bytes.clone() } else { None },
            note: if done || event.ret.is_none() {
                event.note.as_deref().map(str::to_owned)
            } else {
                None
            },
            arrows: Vec::new(),
            changes: Vec::new(),
        });
    }
    let mut rows = numbered(folded(rows));

    let quiet = wire::attach(recording, &mut rows, &mut speaker);
    let end = finish(recording, &rows, &mut speaker);
    let roles = roles(recording);
    let masks = speaker.masks;
    Timeline {
        masks,
        lesson: recording.lesson.clone(),
        scenario: recording.scenario.clone(),
        schedule: recording.schedule,
        from_first_socket: recording.from_first_socket,
        seed: recording.seed,
        isolation: recording.isolation.clone(),
        roles,
        rows,
        quiet,
        has_wire: recording.has_wire(),
        dropped: noise.into_iter().collect(),
        end,
        names,
    }
}

/// A point at which a row may stand.
enum Moment<'a> {
    Begins(&'a Event),
    Ends(&'a Event),
}

/// The moments of all events in order: a call begins to wait after the event of its `since`.
fn moments<'a>(recording: &Recording, events: &[&'a Event]) -> Vec<Moment<'a>> {
    let place = |role: &str| {
        recording.roles.iter().position(|r| r.name == role).unwrap_or(recording.roles.len())
    };
    let mut begins: BTreeMap<u64, Vec<&Event>> = BTreeMap::new();
    for event in events {
        let call = !event.syscall.is_empty() || event.ret.is_some();
        let ended = is_no_wait(event);
        if !ended && call && (event.blocked || event.ret.is_none()) {
            let since = event.since.unwrap_or(event.seq.saturating_sub(1));
            begins.entry(since.min(event.seq.saturating_sub(1))).or_default().push(event);
        }
    }
    let mut moments = Vec::new();
    let mut begin_after = |seq: u64, last: Option<&Event>, moments: &mut Vec<Moment<'a>>| {
        // Events may be missing (a cut file): what should have begun by now begins here.
        while let Some(entry) = begins.first_entry().filter(|entry| *entry.key() <= seq) {
            let mut waiting = entry.remove();
            // The thread that ran last blocks first, then the others in role order.
            waiting.sort_by_key(|event| {
                let ran = last.is_some_and(|l| l.role == event.role && l.thread == event.thread);
                (!ran, place(&event.role), event.process, event.thread, event.seq)
            });
            moments.extend(waiting.into_iter().map(Moment::Begins));
        }
    };
    begin_after(0, None, &mut moments);
    for event in events {
        begin_after(event.seq.saturating_sub(1), None, &mut moments);
        let is_call = !event.syscall.is_empty();
        let over = is_no_wait(event);
        if event.ret.is_some() || over || !is_call {
            moments.push(Moment::Ends(event));
        }
        begin_after(event.seq, Some(event), &mut moments);
    }
    moments
}

/// What never returns and yet waits for nothing.
pub fn is_no_wait(event: &Event) -> bool {
    match event.call.as_ref() {
        "exit" | "exit_group" | "pthread_exit" => true,
        "signal" | "killed" => event.syscall.is_empty(),
        "execve" | "sigreturn" => event.ret.is_none(),
        _ => false,
    }
}

/// Folds equal rows that follow each other, with the waits in between if each of them waited.
fn folded(rows: Vec<Row>) -> Vec<Row> {
    // Wakes refer to rows by index; what is folded away moves none of those that stay referred to.
    let mut kept: Vec<(usize, Row)> = Vec::new();
    for (index, row) in rows.into_iter().enumerate() {
        let n = kept.len();
        match row.kind {
            RowKind::Call => {
                if let Some((_, before)) = kept.last_mut()
                    && before.kind == RowKind::Call
                    && netlink::joined(before, &row)
                {
                    continue;
                }
                if let Some((_, before)) = kept.last_mut()
                    && before.kind == RowKind::Call
                    && alike(before, &row)
                {
                    join(before, &row);
                    continue;
                }
                // … N P N P: what brought nothing and what was printed of it go into the first two.
                if let [.., (_, nothing), (_, print), (_, again)] = kept.as_mut_slice()
                    && brings_nothing(nothing)
                    && is_print(print)
                    && alike(nothing, again)
                    && alike(print, &row)
                {
                    join(nothing, again);
                    join(print, &row);
                    kept.pop();
                    continue;
                }
            }
            // … W E W E: the second pair goes into the first, which then is one row.
            RowKind::Wakes { since } if n >= 2 && kept[n - 1].0 == since => {
                let pair = n >= 3
                    && matches!(kept[n - 2].1.kind, RowKind::Wakes { since } if kept[n - 3].0 == since)
                    && alike(&kept[n - 2].1, &row);
                let more = kept[n - 2].1.kind == RowKind::Waited && alike(&kept[n - 2].1, &row);
                if pair || more {
                    kept.pop();
                    if let Some((_, before)) = kept.last_mut() {
                        before.kind = RowKind::Waited;
                        join(before, &row);
                    }
                    if pair {
                        let at = kept.len() - 2;
                        kept.remove(at);
                    }
                    continue;
                }
            }
            _ => {}
        }
        kept.push((index, row));
    }
    let steps: HashMap<usize, usize> =
        kept.iter().enumerate().map(|(at, (index, _))| (*index, at + 1)).collect();
    let mut rows: Vec<Row> = kept.into_iter().map(|(_, row)| row).collect();
    for row in &mut rows {
        netlink::note(row);
        if let RowKind::Wakes { since } = &mut row.kind {
            match steps.get(since) {
                Some(step) => *since = *step,
                None => row.kind = RowKind::Waited,
            }
        }
    }
    rows
}

fn alike(a: &Row, b: &Row) -> bool {
    let said = |row: &Row| row.args.iter().map(|arg| arg.text.clone()).collect::<Vec<_>>();
    // A row whose data was shortened may differ in what is not shown.
    a.role == b.role
        && (a.process, a.thread, a.object) == (b.process, b.thread, b.object)
        && a.call == b.call
        && a.answer == b.answer
        && a.data == b.data
        && a.note == b.note
        && said(a) == said(b)
}

/// Whether it asked a socket and got nothing: the end of the stream, or nothing yet.
fn brings_nothing(row: &Row) -> bool {
    let nothing = |answer: &Answer| {
        answer.ret == 0 || answer.failure.as_ref().is_some_and(|it| it.name == "EAGAIN")
    };
    row.kind == RowKind::Call
        && row.on_socket
        && matches!(row.call.as_ref(), "read" | "readv" | "recv" | "recvfrom" | "recvmsg")
        && row.answer.as_ref().is_some_and(nothing)
}

fn is_print(row: &Row) -> bool {
    let to_user = |piece: &Piece| matches!(piece.text.as_str(), "stdout" | "stderr");
    row.kind == RowKind::Call && row.call == "write" && row.args.first().is_some_and(to_user)
}

fn join(before: &mut Row, row: &Row) {
    before.count += row.count;
    before.last_seq = row.last_seq;
    before.events.extend(&row.events);
}

fn numbered(mut rows: Vec<Row>) -> Vec<Row> {
    for (index, row) in rows.iter_mut().enumerate() {
        row.step = index + 1;
    }
    rows
}

fn roles(recording: &Recording) -> Vec<RolePart> {
    let mut names: Vec<(String, Vec<String>, Option<bool>)> =
        recording.roles.iter().map(|r| (r.name.clone(), r.command.clone(), r.ends)).collect();
    for event in &recording.events {
        if !names.iter().any(|(name, ..)| *name == event.role) {
            names.push((event.role.clone(), Vec::new(), None));
        }
    }
    names
        .into_iter()
        .map(|(name, command, ends)| {
            let mut threads: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
            for event in recording.events.iter().filter(|event| event.role == name) {
                threads.entry(event.process).or_default().insert(event.thread);
            }
            let threaded = threads.values().any(|threads| threads.len() > 1);
            RolePart { name, command, ends, threaded, forked: threads.len() > 1 }
        })
        .collect()
}

fn finish(recording: &Recording, rows: &[Row], speaker: &mut Speaker<'_>) -> Finish {
    let waiting = recording
        .end
        .waiting
        .iter()
        .map(|wait| {
            let row = rows
                .iter()
                .find(|row| matches!(row.kind, RowKind::Waits { .. }) && row.came_of(wait.event));
            let event = recording.events.iter().find(|event| event.seq == wait.event);
            let call = match event {
                // A lock, a join: what it is called says more than its address.
                Some(event) if event.call == "futex" => "futex".into(),
                Some(event) => {
                    let args = speaker.arguments(event, false);
                    let first = args.first().map_or("", |piece| piece.text.as_str());
                    format!("{}({first})", event.call)
                }
                None => "a call".into(),
            };
            Wait {
                role: wait.role.clone(),
                process: wait.process,
                thread: wait.thread,
                step: row.map(|row| row.step),
                call,
                for_: wait.for_.clone(),
            }
        })
        .collect();
    Finish {
        reason: recording.end.reason.clone(),
        roles: recording.end.roles.iter().map(|end| (end.role.clone(), end.how.clone())).collect(),
        waiting,
        zombies: recording.end.zombies.clone(),
    }
}

/// One event in the notation's pieces as far as it can be told while a run goes on: without masks.
pub fn said(event: &Event, names: &Names) -> (Vec<Piece>, Option<Answer>) {
    let mut speaker = Speaker::new(names, Masks::default());
    (speaker.arguments(event, true), speaker.answer(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_run_on_another_machine_gives_the_same_rows() {
        let first = timeline(&sample::one_shot());
        let other = timeline(&sample::one_shot_from(50985));
        let said = |timeline: &Timeline| -> Vec<String> {
            timeline.rows.iter().flat_map(|row| &row.args).map(|arg| arg.text.clone()).collect()
        };
        assert_eq!(said(&first), said(&other));
        let bare = timeline(&sample::forks().without_machine_facts());
        let full = timeline(&sample::forks());
        let results = |timeline: &Timeline| -> Vec<Option<String>> {
            timeline.rows.iter().map(|r| r.answer.as_ref().map(|a| a.text.clone())).collect()
        };
        assert_eq!(results(&bare)[8], Some("process 2".into()));
        assert_eq!(results(&bare), results(&full));
    }

    #[test]
    fn how_much_a_buffer_holds_is_told_only_where_a_call_has_sent_it_whole() {
        let mut recording = sample::half_close();
        let at = recording.packets.iter().position(|packet| packet.len > 0).unwrap();
        let sent = recording.packets[at].cause.after;
        recording.packets[at].len = 127_595;
        let queues = recording.looks.iter_mut().flat_map(|look| &mut look.sockets);
        queues.filter(|state| state.receive_queue > 0).for_each(|it| it.receive_queue = 127_595);
        let told = |recording: &Recording| -> (Vec<String>, Vec<String>) {
            let rows = timeline(recording).rows;
            let arrows = rows.iter().flat_map(|row| &row.arrows).map(Arrow::label);
            let changes = rows.iter().flat_map(|row| &row.changes).filter_map(Change::says);
            (arrows.collect(), changes.collect())
        };
        let (arrows, changes) = told(&recording);
        assert!(arrows.contains(&"over 32 KiB".into()), "{arrows:?}");
        assert!(changes.iter().any(|it| it.ends_with("over 32 KiB to read")), "{changes:?}");
        assert_eq!(told(&recording.without_machine_facts()), (arrows, changes));
        let call = recording.events.iter_mut().find(|event| event.seq == sent).unwrap();
        call.ret = Some(127_595);
        let whole = told(&recording).0;
        assert!(whole.contains(&"127595 bytes".into()), "{whole:?}");
        assert_eq!(told(&recording.without_machine_facts()).0, whole);
    }

    #[test]
    fn a_call_that_waits_has_two_rows_and_the_second_names_the_first() {
        let timeline = timeline(&sample::one_shot());
        let waits = timeline.row(5).unwrap();
        assert_eq!(
            (waits.kind, waits.call.as_ref()),
            (RowKind::Waits { for_ever: false }, "accept")
        );
        assert!(waits.answer.is_none() && waits.args.len() == 1);
        let wakes = timeline.row(10).unwrap();
        assert_eq!(wakes.kind, RowKind::Wakes { since: 5 });
        assert_eq!(wakes.seq, waits.seq);
        assert_eq!(timeline.step_of(wakes.seq), Some(10));
    }

    #[test]
    fn an_exec_is_shown_with_the_program_that_was_found() {
        let child = ("server", 2, 2);
        let mut s = sample::Sample::new(None, &["server"]);
        s.event(("server", 1, 1), "fork", vec![], Some(2), "");
        for (path, ret, errno) in [("/bin/helper", -1, "ENOENT"), ("/usr/bin/helper", 0, "")] {
            let path = Value::Text { value: path.into() };
            let args = vec![sample::arg("pathname", path), sample::arg("envp", Value::Opaque)];
            s.event(child, "execve", args, Some(ret), errno);
        }
        let shown: Vec<String> = timeline(&s.0).rows.iter().map(Row::notation).collect();
        assert_eq!(shown, ["fork() = process 2", "execve(\"/usr/bin/helper\") = 0"]);
    }

    #[test]
    fn what_was_left_out_is_accounted_for() {
        let recording = sample::troubles();
        let timeline = timeline(&recording);
        let why: Vec<Noise> = timeline.dropped.iter().map(|(_, why)| *why).collect();
        assert_eq!(
            why,
            [
                Noise::StartupPoll,
                Noise::SignalDefaults,
                Noise::NameService,
                Noise::NameService,
                Noise::NameService,
                Noise::NameAfterAccept,
                Noise::LookBeforeClose,
            ]
        );
        let told: BTreeSet<u64> = timeline.rows.iter().flat_map(|row| row.events.clone()).collect();
        assert_eq!(told.len() + timeline.dropped.len(), recording.events.len());
    }

    #[test]
    fn that_the_ends_of_children_are_ignored_is_shown() {
        use sample::{arg, named};
        let mut s = sample::Sample::new(None, &["server"]);
        for (number, signal) in [(13, "SIGPIPE"), (17, "SIGCHLD")] {
            let ignore = Value::Struct { fields: vec![arg("sa_handler", named(1, "SIG_IGN"))] };
            let args = vec![arg("signum", named(number, signal)), arg("act", ignore)];
            s.event(("server", 1, 1), "sigaction", args, Some(0), "");
        }
        let shown: Vec<String> = timeline(&s.0).rows.iter().map(Row::notation).collect();
        assert_eq!(shown, ["sigaction(SIGCHLD, SIG_IGN) = 0"]);
    }

    #[test]
    fn a_program_that_asks_a_new_connection_for_its_name_is_shown() {
        use sample::{Sample, addr, arg, fd, int};
        let mut s = Sample::new(None, &["server"]);
        let who = ("server", 1, 1);
        let listener = s.listener(who, 3, 9999);
        let conn = s.accept(who, listener, 4, 41000);
        let name =
            vec![arg("sockfd", fd(4, conn)), arg("addr", addr(9999)), arg("addrlen", int(16))];
        s.event(who, "getsockname", name, Some(0), "");
        assert_eq!(timeline(&s.0).dropped, []);
    }

    #[test]
    fn a_runtime_that_looks_at_its_streams_is_not_shown() {
        use sample::{Sample, arg, fd, named};
        let mut s = Sample::new(None, &["server"]);
        let who = ("server", 1, 1);
        let out = s.object("server", crate::event::Kind::Stdout, None);
        let ask = vec![arg("fd", fd(1, out)), arg("request", named(0x5401, "TCGETS"))];
        s.event(who, "ioctl", ask, Some(0), "");
        let look = vec![arg("fd", fd(1, out)), arg("cmd", named(1, "F_GETFD"))];
        s.event(who, "fcntl", look, Some(0), "");
        let set = vec![arg("fd", fd(1, out)), arg("cmd", named(4, "F_SETFL"))];
        s.event(who, "fcntl", set, Some(0), "");
        let timeline = timeline(&s.0);
        assert_eq!(timeline.dropped, [(1, Noise::LookAtStream), (2, Noise::LookAtStream)]);
        assert_eq!(timeline.rows.len(), 1);
    }

    #[test]
    fn whose_process_it_was_is_a_fact_of_the_machine() {
        use sample::{Sample, arg, fd, int};
        let mut s = Sample::new(None, &["server"]);
        let who = ("server", 1, 1);
        let conn = s.socket(who, "SOCK_STREAM", 4);
        let fields =
            vec![arg("pid", Value::Process { value: 1 }), arg("uid", int(7)), arg("gid", int(8))];
        let args = vec![arg("sockfd", fd(4, conn)), arg("optval", Value::Struct { fields })];
        s.event(who, "getsockopt", args, Some(0), "");
        for recording in [&s.0, &s.0.without_machine_facts()] {
            let rows = timeline(recording).rows;
            assert_eq!(rows[1].args[1].text, "{pid: process 1, uid: _, gid: _}");
        }
    }

    #[test]
    fn a_message_of_icmp_is_told_by_its_fields_and_an_echo_flies() {
        use crate::event::{Cause, Kind, Packet, What};
        use sample::{Sample, arg, bytes, fd};
        use std::net::Ipv4Addr;
        let packet = |text: &[u8]| {
            let mut header = [0x45, 0, 0, 33, 0, 0, 0, 0, 64, 1, 0, 0].to_vec();
            header.extend([127, 0, 0, 1, 127, 0, 0, 1]);
            header.extend(b"\x00\x00\xbc\x11\x00\x1b\x00\x01");
            [&header, text].concat()
        };
        let who = ("client", 1, 1);
        let mut s = Sample::new(None, &["client"]);
        let (domain, type_) = ("AF_INET".into(), "SOCK_RAW".into());
        let kind = Kind::Socket { domain, type_, protocol: "IPPROTO_ICMP".into() };
        let sock = s.object("client", kind, None);
        s.moves(who, "send", (3, sock), b"\x08\x00\xb4\x11\x00\x1b\x00\x01hello", 13);
        let here = crate::event::SockAddr::Inet { ip: Ipv4Addr::LOCALHOST, port: 0 };
        for what in [What::Echo, What::EchoReply] {
            let cause = Cause { after: s.last(), role: Some("client".into()), ..Cause::default() };
            let (source, target) = (here.clone(), here.clone());
            s.0.packets.push(Packet { cause, source, target, what, len: 5 });
        }
        s.moves(who, "recv", (3, sock), &packet(b"hello"), 64);
        // In a vector of buffers as well.
        let iov = Value::List { items: vec![bytes(&packet(b"jello"))] };
        s.event(who, "readv", vec![arg("fd", fd(3, sock)), arg("iov", iov)], Some(33), "");
        let rows = timeline(&s.0).rows;
        let args: Vec<_> = rows.iter().map(|row| row.args[1].text.as_str()).collect();
        assert_eq!(
            args,
            [
                "{ICMP_ECHO, id: 27, seq: 1, \"hello\"}",
                "{ttl: 64, ICMP_ECHOREPLY, id: 27, seq: 1, \"hello\"}",
                "[{ttl: 64, ICMP_ECHOREPLY, id: 27, seq: 1, \"jello\", wrong checksum}]",
            ]
        );
        let flies = |it: &Arrow| format!("{} {} {}", it.from.name, it.label(), it.to.name);
        let flown: Vec<_> = rows[0].arrows.iter().map(flies).collect();
        assert_eq!(flown, ["sock 5 bytes, echo 127.0.0.1", "127.0.0.1 5 bytes, echo reply sock"]);
    }

    #[test]
    fn the_file_that_is_a_sockets_name_is_seen_to_go() {
        use sample::{Sample, arg, fd};
        let mut s = Sample::new(None, &["server"]);
        let who = ("server", 1, 1);
        let sock = s.socket(who, "SOCK_STREAM", 3);
        for path in ["/tmp/notes", "/tmp/chat"] {
            let pathname = Value::Text { value: path.into() };
            s.event(who, "unlink", vec![arg("pathname", pathname)], Some(0), "");
        }
        let name = Value::Addr(crate::event::SockAddr::Unix { path: "/tmp/chat".into() });
        s.event(who, "bind", vec![arg("sockfd", fd(3, sock)), arg("addr", name)], Some(0), "");
        assert_eq!(timeline(&s.0).dropped, [(2, Noise::UnlinkOfFile)]);
    }

    #[test]
    fn a_spin_that_prints_is_two_rows_and_a_conversation_is_not_folded() {
        let rows = |came: &[u8]| {
            let mut s = sample::Sample::new(None, &["server"]);
            let who = ("server", 1, 1);
            let sock = s.socket(who, "SOCK_STREAM", 3);
            let out = s.object("server", crate::event::Kind::Stdout, None);
            for _ in 0..3 {
                s.moves(who, "recv", (3, sock), came, 64);
                s.moves(who, "write", (1, out), b"\n", 1);
            }
            let rows = timeline(&s.0).rows;
            rows.iter().map(|row| (row.call.to_string(), row.count)).collect::<Vec<_>>()
        };
        let told = |call: &str, count| (call.to_owned(), count);
        assert_eq!(rows(b"")[1..], [told("recv", 3), told("write", 3)]);
        assert_eq!(rows(b"hi").len(), 7);
    }

    #[test]
    fn repeats_fold_into_one_row_with_all_their_events() {
        let timeline = timeline(&sample::troubles());
        let folded = timeline.row(6).unwrap();
        assert_eq!((folded.kind, folded.count, folded.events.len()), (RowKind::Waited, 200, 200));
        assert_eq!(timeline.step_of(folded.last_seq), Some(6));
    }
}
