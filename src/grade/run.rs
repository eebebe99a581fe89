//! One run as rules see it: the rows, the closes between them, who is under test, and what stands where.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::closings::{Closing, How, closings};
use super::{Finding, Grade, Line};
use crate::event::{Ending, Event, Kind, Reason, Recording, SockAddr, SocketId};
use crate::pattern::{ArgPattern, CallName, CallPattern, Class, ResultValue};
use crate::timeline::{Row, Timeline};

/// A recording, its timeline, and the role that is under test.
pub struct Run<'a> {
    /// The role that the rules are about.
    pub role: &'a str,
    pub recording: &'a Recording,
    pub timeline: &'a Timeline,
    /// What did not hold at the moments that the scenario names: each with the step's number.
    pub unmet: Vec<Unmet>,
    pub closings: Vec<Closing>,
    events: HashMap<u64, &'a Event>,
    /// The events of the role under test about an object, in order.
    about: HashMap<SocketId, Vec<&'a Event>>,
    /// The place in `closings` of an object's last close.
    closed: HashMap<SocketId, usize>,
    /// The rows, by index, that mention an object, in order.
    mentions: HashMap<SocketId, Vec<usize>>,
    /// The last row that tells of an event, by `seq`.
    rows: HashMap<u64, usize>,
    /// The ends of socket pairs.
    pairs: HashSet<SocketId>,
}

/// Something that should have held after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmet {
    /// The step's number within the scenario.
    pub step: usize,
    /// What was asked and what was found.
    pub why: String,
}

/// Most lines that a finding shows.
const LINES: usize = 5;

impl<'a> Run<'a> {
    /// Takes a run in. `timeline` is that of the recording.
    pub fn new(role: &'a str, recording: &'a Recording, timeline: &'a Timeline) -> Run<'a> {
        let closings = closings(recording, &timeline.names);
        let closed = closings.iter().enumerate().map(|(at, it)| (it.socket, at)).collect();
        let mut about: HashMap<SocketId, Vec<&Event>> = HashMap::new();
        for event in recording.events.iter().filter(|event| event.role == role) {
            if let Some(id) = event.socket {
                about.entry(id).or_default().push(event);
            }
        }
        let mut mentions: HashMap<SocketId, Vec<usize>> = HashMap::new();
        let mut rows = HashMap::new();
        for (index, row) in timeline.rows.iter().enumerate() {
            let in_args = row.args.iter().flat_map(|piece| &piece.objects).map(|(id, _)| *id);
            let made = row.answer.as_ref().and_then(|answer| answer.object);
            for id in in_args.chain(row.object).chain(made) {
                let known = mentions.entry(id).or_default();
                if known.last() != Some(&index) {
                    known.push(index);
                }
            }
            rows.extend(row.events.iter().map(|seq| (*seq, index)));
        }
        let pairs = recording.events.iter().filter(|event| event.call == "socketpair");
        let pairs = pairs.flat_map(|event| &event.args).flat_map(|arg| arg.value.fds());
        let pairs = pairs.map(|(_, id)| id).collect();
        Run {
            role,
            recording,
            timeline,
            unmet: Vec::new(),
            closings,
            events: recording.events.iter().map(|event| (event.seq, event)).collect(),
            about,
            closed,
            mentions,
            rows,
            pairs,
        }
    }

    /// Why nothing can be said of this run, if so.
    pub(super) fn undetermined(&self) -> Option<String> {
        let reason = &self.recording.end.reason;
        if reason.is_no_fault() {
            return Some(match reason {
                Reason::Limit { what } => what.clone(),
                _ => "the run was interrupted".into(),
            });
        }
        if let Some(addr) = self.taken_by_a_stranger() {
            let port = addr.internet().map_or(0, |(_, port)| port);
            return Some(format!(
                "{addr} is in use on this machine, and not by this run: `ss -atunp sport = :{port}` says who has it; \
                 end that and check again (TIME-WAIT ends by itself within a minute)"
            ));
        }
        match self.ending() {
            None => Some(format!("the recording has no role `{}`", self.role)),
            Some(Ending::NeverStarted) => Some(format!("`{}` was never started", self.role)),
            Some(_) => None,
        }
    }

    /// An address that could not be bound although nobody in this run has it. That can be where the network is the whole
    /// machine's, and is no fault of the program.
    fn taken_by_a_stranger(&self) -> Option<SockAddr> {
        if self.recording.isolation.namespaces.iter().any(|it| it == "net") {
            return None;
        }
        let mut bound = HashSet::new();
        for event in self.recording.events.iter().filter(|event| event.call == "bind") {
            let Some(addr) = event.args.iter().find_map(|arg| arg.value.addresses().next()) else {
                continue;
            };
            let Some((_, port)) = addr.internet() else { continue };
            match (event.ret, event.errno.as_deref()) {
                (Some(0), _) => drop(bound.insert(port)),
                (_, Some("EADDRINUSE")) if !bound.contains(&port) => return Some(addr.clone()),
                _ => {}
            }
        }
        None
    }

    /// How the role under test ended.
    pub(super) fn ending(&self) -> Option<&'a Ending> {
        self.ending_of(self.role)
    }

    fn ending_of(&self, role: &str) -> Option<&'a Ending> {
        self.recording.end.roles.iter().find(|end| end.role == role).map(|end| &end.how)
    }

    /// Whether the lab ended the run before the program was through: then much is missing for that reason alone.
    pub(super) fn was_cut_off(&self) -> bool {
        matches!(self.recording.end.reason, Reason::Limit { .. })
    }

    /// Whether a role is played by the lab.
    pub(super) fn is_peer(&self, role: &str) -> bool {
        self.recording.roles.iter().any(|it| it.name == role && it.command.is_empty())
    }

    /// Whether a role is played by the program under test, maybe once more.
    fn is_under_test(&self, role: &str) -> bool {
        let roles = &self.recording.roles;
        let program = |name: &str| roles.iter().find(|it| it.name == name)?.command.first();
        program(role) == program(self.role)
    }

    pub(super) fn event(&self, seq: u64) -> Option<&'a Event> {
        self.events.get(&seq).copied()
    }

    /// The events of the role under test, in order.
    pub(super) fn own_events(&self) -> impl Iterator<Item = &'a Event> {
        let role = self.role;
        self.recording.events.iter().filter(move |event| event.role == role)
    }

    /// The rows of the role under test, in order.
    pub(super) fn own_rows(&self) -> impl Iterator<Item = &'a Row> {
        let role = self.role;
        self.timeline.rows.iter().filter(move |row| row.role == role)
    }

    /// The last close of an object.
    pub(super) fn closing(&self, id: SocketId) -> Option<&Closing> {
        self.closings.get(*self.closed.get(&id)?)
    }

    /// The sockets of the role under test that its own calls made, with their names.
    pub(super) fn own_sockets(&self) -> impl Iterator<Item = (SocketId, &str)> {
        let names = &self.timeline.names;
        names.iter().filter(|(id, _)| {
            names.is_socket(*id) && names.object(*id).is_some_and(|socket| socket.role == self.role)
        })
    }

    /// The connections that the role under test accepted or made.
    pub(super) fn connections(&self) -> Vec<(SocketId, String)> {
        let stem = |name: &str| name.split(['#', '.']).next().unwrap_or("").to_owned();
        let all: Vec<_> = self.own_sockets().collect();
        let accepted = all.iter().any(|(_, name)| stem(name) == "conn");
        let wanted = if accepted { "conn" } else { "sock" };
        let mine = all.into_iter().filter(|(_, name)| stem(name) == wanted);
        let mine = self.without_own_pairs(mine.collect());
        mine.into_iter().map(|(id, name)| (id, name.to_owned())).collect()
    }

    /// These objects without the socket pairs among them, if anything else is: with a pair an event loop wakes itself,
    /// which is no talk with anybody. A program that has nothing but pairs talks through them.
    pub(super) fn without_own_pairs<'n>(
        &self,
        objects: Vec<(SocketId, &'n str)>,
    ) -> Vec<(SocketId, &'n str)> {
        let others = objects.iter().filter(|(id, _)| !self.pairs.contains(id));
        let others: Vec<_> = others.copied().collect();
        if others.is_empty() { objects } else { others }
    }

    /// Whether a role is meant by a pattern: one that names none is about the program under test.
    fn is_meant(&self, pattern: &CallPattern, role: &str) -> bool {
        pattern.role.is_some() || !self.is_peer(role) && role == self.role
    }

    /// The events of the role under test about an object, in order.
    pub(super) fn about(&self, id: SocketId) -> impl Iterator<Item = &'a Event> {
        self.about.get(&id).into_iter().flatten().copied()
    }

    /// The places where a pattern matches, in order, each with how often. With `begun` also what was merely tried.
    pub(super) fn matches(&self, pattern: &Bound, begun: bool) -> Vec<Place> {
        let Bound { pattern, object } = pattern;
        if let Some(wanted) = closed_object(pattern) {
            return self.closes(pattern, wanted, *object);
        }
        let mut places = Vec::new();
        let none = Vec::new();
        let some = object.map(|id| self.mentions.get(&id).unwrap_or(&none).iter().copied());
        let all = object.is_none().then_some(0..self.timeline.rows.len());
        let indices = some.into_iter().flatten().chain(all.into_iter().flatten());
        for index in indices {
            let row = &self.timeline.rows[index];
            let fits = if begun { pattern.matches_begun(row) } else { pattern.matches(row) };
            if fits && self.is_meant(pattern, &row.role) {
                places.push(Place { row: index, seq: row.seq, count: row.count });
            }
        }
        places
    }

    /// Where the last closes stand that a `close(..)` means.
    fn closes(
        &self,
        pattern: &CallPattern,
        wanted: &ArgPattern,
        object: Option<SocketId>,
    ) -> Vec<Place> {
        let mut places = Vec::new();
        let one = object.map(|id| self.closing(id).into_iter());
        let all = object.is_none().then(|| self.closings.iter());
        for closing in one.into_iter().flatten().chain(all.into_iter().flatten()) {
            let Some(event) = self.event(closing.seq) else { continue };
            let role = pattern.role.as_deref().unwrap_or(self.role);
            // What the lab takes away at the end, nobody closed.
            if event.role != role || closing.how == How::Killed {
                continue;
            }
            let name = self.timeline.names.of(closing.socket).unwrap_or("");
            let named = match wanted {
                ArgPattern::Word(words) => {
                    words.len() == 1 && crate::pattern::is_named(name, &words[0])
                }
                _ => true,
            };
            let row = self.row_of(closing.seq);
            if let (true, Some(row)) = (named, row) {
                places.push(Place { row, seq: closing.seq, count: 1 });
            }
        }
        places.sort_by_key(|place| (place.row, place.seq));
        places
    }

    /// A finding with the lines of these rows (by index), of which `marked` are the offending ones.
    pub(super) fn finding(
        &self,
        (rule, says, hint): (&str, &str, Option<&str>),
        grade: Grade,
        did: String,
        rows: &[usize],
        marked: &[usize],
    ) -> Finding {
        let mut shown: BTreeSet<usize> = marked.iter().take(LINES).copied().collect();
        // Those nearest to the end of the story say most.
        for row in rows.iter().rev() {
            if shown.len() >= LINES {
                break;
            }
            shown.insert(*row);
        }
        // One line alone tells no story: what the same role did just before belongs to it.
        if let (1, Some(&only)) = (shown.len(), shown.first()) {
            let role = self.timeline.rows.get(only).map(|row| &row.role);
            let before = self.timeline.rows[..only.min(self.timeline.rows.len())]
                .iter()
                .rposition(|row| Some(&row.role) == role);
            shown.extend(before);
        }
        let lines: Vec<Line> = shown
            .iter()
            .filter_map(|&index| {
                let row = self.timeline.rows.get(index)?;
                let marked = marked.contains(&index);
                Some(Line { step: row.step, role: row.role.clone(), text: row.notation(), marked })
            })
            .collect();
        let told = |index: &usize| self.timeline.rows.get(*index);
        let events: Vec<u64> = marked.iter().filter_map(told).map(|row| row.seq).collect();
        // The marked call's place, else that of the last line which has one; the learner has not written the lesson's own.
        let source = marked
            .iter()
            .chain(rows.iter().rev())
            .filter_map(told)
            .filter(|row| self.is_under_test(&row.role))
            .find_map(|row| self.event(row.seq)?.source.clone());
        let object = marked.iter().chain(rows.iter().rev()).filter_map(told);
        let object = object.filter_map(|row| row.object).find(|id| self.peer_of(*id).is_some());
        Finding {
            rule: rule.into(),
            grade,
            says: says.into(),
            did,
            lines,
            events,
            peer: object.and_then(|id| self.peer_saw(id)),
            printed: None,
            source,
            hint: hint.map(str::to_owned),
        }
    }

    /// What the role under test did as a whole: how much, and how it ended.
    pub(super) fn so_far(&self) -> String {
        self.so_far_of(self.role)
    }

    /// The same of any program.
    pub(super) fn so_far_of(&self, role: &str) -> String {
        let calls = self.calls_of(role);
        let calls = if calls == 1 { "1 call".into() } else { format!("{calls} calls") };
        format!("`{role}` made {calls} and {}", self.ended_of(role))
    }

    /// How many calls of the role under test returned.
    pub(super) fn calls(&self) -> u64 {
        self.calls_of(self.role)
    }

    fn calls_of(&self, role: &str) -> u64 {
        let own = self.timeline.rows.iter().filter(|row| row.role == role);
        own.filter(|row| row.returned()).map(|row| row.count).sum()
    }

    /// How the role under test ended, in words.
    pub(super) fn ended(&self) -> String {
        self.ended_of(self.role)
    }

    fn ended_of(&self, role: &str) -> String {
        match self.ending_of(role) {
            Some(Ending::Exited { status }) => format!("ended with status {status}"),
            Some(Ending::Signalled { signal }) => format!("was ended by {signal}"),
            Some(Ending::Killed { why }) => format!("was ended by the lab: {why}"),
            Some(Ending::NeverStarted) | None => "never started".into(),
        }
    }

    /// The last lines that the role under test printed, at most three.
    pub(super) fn printed(&self) -> Option<String> {
        let text = self.masked(&self.moved(|kind| matches!(kind, Kind::Stdout | Kind::Stderr)));
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(3)..];
        let last: Vec<String> = last.iter().map(|line| beginning(line)).collect();
        (!last.is_empty()).then(|| last.join("\n"))
    }

    /// A text as it may be told: with the ports that the kernel chose as the rows show them.
    pub(super) fn masked(&self, text: &str) -> String {
        self.timeline.masks.clone().text(text)
    }

    /// What the role under test wrote to its stdout.
    pub(super) fn output(&self) -> String {
        self.moved(|kind| matches!(kind, Kind::Stdout))
    }

    /// What the role under test read from its stdin.
    pub(super) fn input(&self) -> String {
        self.moved(|kind| matches!(kind, Kind::Stdin))
    }

    /// The indices of the rows in which the role under test wrote to its stdout.
    pub(super) fn prints(&self) -> impl Iterator<Item = usize> {
        let is_stdout = |row: &Row| {
            let socket = row.object.and_then(|id| self.recording.socket(id));
            row.role == self.role && socket.is_some_and(|it| it.kind == Kind::Stdout)
        };
        let rows = self.timeline.rows.iter().enumerate();
        rows.filter(move |(_, row)| is_stdout(row)).map(|(index, _)| index)
    }

    /// The bytes that the role under test moved from or to such objects, as text.
    fn moved(&self, to: impl Fn(&Kind) -> bool) -> String {
        let is_meant =
            |id: SocketId| self.recording.socket(id).is_some_and(|socket| to(&socket.kind));
        let mut text = Vec::new();
        for event in self.own_events().filter(|event| event.socket.is_some_and(is_meant)) {
            text.extend(event.bytes.iter().flat_map(|bytes| &bytes.data));
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The index of the last row of the role under test.
    pub(super) fn last_row(&self) -> Option<usize> {
        self.last_row_of(self.role)
    }

    pub(super) fn last_row_of(&self, role: &str) -> Option<usize> {
        self.timeline.rows.iter().rposition(|row| row.role == role)
    }

    /// The program whose doings a pattern is about: the one under test, where it names none or a peer.
    pub(super) fn program_of<'p>(&'p self, pattern: &'p CallPattern) -> &'p str {
        let named = pattern.role.as_deref().filter(|role| !self.is_peer(role));
        named.unwrap_or(self.role)
    }

    /// The index of the row that tells of an event.
    pub(super) fn row_of(&self, seq: u64) -> Option<usize> {
        self.rows.get(&seq).copied()
    }

    /// The socket of a peer of the lab's that is the other end of this one.
    pub(super) fn peer_of(&self, id: SocketId) -> Option<SocketId> {
        let socket = self.recording.socket(id)?;
        let other = self.recording.sockets.iter().find(|it| it.peer == Some(id)).map(|it| it.id);
        let peer = socket.peer.or(other)?;
        let role = &self.recording.socket(peer)?.role;
        self.is_peer(role).then_some(peer)
    }

    /// What a peer of the lab's saw of the connection whose other end this is.
    fn peer_saw(&self, id: SocketId) -> Option<String> {
        let peer = self.peer_of(id)?;
        let role = &self.recording.socket(peer)?.role;
        let (mut sent, mut got, mut end) = (0, 0, None);
        for event in self.recording.events.iter().filter(|e| e.socket == Some(peer)) {
            match (event.call.as_ref(), event.ret, event.errno.as_deref()) {
                ("send" | "sendto", Some(n @ 1..), _) => sent += n,
                ("recv" | "recvfrom", Some(n @ 1..), _) => got += n,
                ("recv", Some(0), _) => end = Some("end of file".to_owned()),
                ("recv", _, Some(errno)) if errno != "EAGAIN" => end = Some(errno.to_owned()),
                _ => {}
            }
        }
        let end = end.map(|end| format!(", then {end}")).unwrap_or_default();
        Some(format!("{role} sent {} and got {}{end}", bytes(sent), bytes(got)))
    }
}

/// A pattern, and the one object that it is about if it names one: then only what mentions that can match.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Bound {
    pub pattern: CallPattern,
    pub object: Option<SocketId>,
}

/// Where a pattern matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The index of the row.
    pub row: usize,
    pub seq: u64,
    /// How often, where equal rows are one.
    pub count: u64,
}

/// The argument of a `close(x)` that means the last close of a description; none for every other pattern.
fn closed_object(pattern: &CallPattern) -> Option<&ArgPattern> {
    // `close!` is the very call, and one that fails closes nothing.
    let is_close = matches!(&pattern.call, CallName::Class(Class::Close, _));
    let succeeds = match &pattern.result {
        None => true,
        Some(result) => result.op == crate::pattern::Op::Eq && result.value == ResultValue::Int(0),
    };
    match pattern.args.as_slice() {
        [one] if is_close && succeeds => Some(one),
        _ => None,
    }
}

/// A line that was printed, its end left out when it is long.
pub(super) fn beginning(line: &str) -> String {
    const MOST: usize = 200;
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.into(),
    }
}

/// `1 byte`, `6 bytes`.
pub(super) fn bytes(count: i64) -> String {
    if count == 1 { "1 byte".into() } else { format!("{count} bytes") }
}
