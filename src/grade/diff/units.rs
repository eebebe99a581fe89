//! One row of a timeline → what was done, without how: a call by its class, its object by what that is for, and of its
//! arguments those that matter.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Side;
use crate::event::{Ending, Kind, SockAddr, SocketId, Value};
use crate::grade::closings::{How, closings};
use crate::pattern::Class;
use crate::timeline::{Row, RowKind, Timeline};

/// What one step comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// The number of its row; of several joined the first.
    pub step: usize,
    /// The event that tells where it stands.
    pub seq: u64,
    /// The call, as its class is called.
    pub call: String,
    /// What it is about, as the demo calls that.
    pub object: Option<String>,
    /// Of its arguments those that matter.
    pub facts: Vec<String>,
    pub data: Option<Data>,
    pub outcome: Outcome,
    /// Whether it moves bytes of a stream, which may come in any pieces.
    pub stream: bool,
    /// The call and its arguments in the notation.
    pub said: String,
    /// The whole row in the notation.
    pub text: String,
}

/// The bytes that moved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Data {
    pub len: u64,
    /// The first of them, ephemeral ports masked.
    pub text: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Done,
    /// With this errno.
    Failed(String),
    /// It never returned.
    Waits,
}

/// What makes two units the same.
#[derive(PartialEq, Eq, Hash)]
pub struct Key<'a> {
    call: &'a str,
    object: Option<&'a str>,
    facts: &'a [String],
    /// The bytes, and how many there were if not all were kept.
    data: Option<(Vec<u8>, Option<u64>)>,
    outcome: &'a Outcome,
}

impl Unit {
    pub fn key(&self) -> Key<'_> {
        let data = self.data.as_ref().map(|data| {
            let cut = data.len > data.text.len() as u64;
            (without_moments(&data.text), cut.then_some(data.len))
        });
        let object = self.object.as_deref();
        Key { call: &self.call, object, facts: &self.facts, data, outcome: &self.outcome }
    }

    /// Whether both are this call on this object, however it goes.
    pub fn is_call_of(&self, other: &Unit) -> bool {
        (&self.call, &self.object) == (&other.call, &other.object)
    }

    /// The class of the call in which it waits to the end.
    pub fn waits_in(&self) -> &str {
        let name = self.said.split('(').next().unwrap_or_default();
        match Class::of(name) {
            Some(Class::Recv) if self.object.as_deref() == Some("stdin") => "read",
            Some(Class::Recv) => "recv",
            Some(Class::Send) => "send",
            Some(Class::Accept) => "accept",
            _ => name,
        }
    }

    /// Whether it brings the end of a stream.
    pub fn is_end(&self) -> bool {
        self.stream && self.call != "send" && self.data.as_ref().is_some_and(|data| data.len == 0)
    }

    /// Takes in the next piece of the same stream.
    pub fn join(&mut self, next: &Unit) -> bool {
        let whole = |data: &Data| data.len > 0;
        let alike = self.is_call_of(next)
            && self.facts == next.facts
            && self.stream
            && next.stream
            && (&self.outcome, &next.outcome) == (&Outcome::Done, &Outcome::Done);
        match (&mut self.data, &next.data) {
            (Some(data), Some(more)) if alike && whole(data) && whole(more) => {
                data.len += more.len;
                data.text.extend(&more.text);
                if !self.text.ends_with('…') {
                    self.text.push_str(" …");
                }
                true
            }
            _ => false,
        }
    }
}

/// What the objects of either run are called: as in the demo, wherever there is a counterpart.
pub struct Objects {
    demo: HashMap<SocketId, String>,
    yours: HashMap<SocketId, String>,
}

impl Objects {
    /// Counterparts are those of the same name; then, of each sort, the first with the first: a listener that
    /// never listens is `sock`, and still meant for one.
    pub fn of(demo: Side<'_>, yours: Side<'_>) -> Objects {
        let all = |side: Side<'_>| -> Vec<(SocketId, (String, String), String)> {
            let sockets = &side.recording.sockets;
            let named = sockets.iter().filter_map(|socket| {
                let name = side.timeline.names.of(socket.id)?.to_owned();
                let sort = match (&socket.kind, socket.accepted_from) {
                    (Kind::Socket { .. }, Some(_)) => "conn".to_owned(),
                    (Kind::Socket { type_, .. }, None) => bare_type(type_),
                    (kind, _) => format!("{kind:?}"),
                };
                Some((socket.id, (socket.role.clone(), sort), name))
            });
            named.collect()
        };
        let (of_demo, of_yours) = (all(demo), all(yours));
        let mut names: HashMap<SocketId, String> = HashMap::new();
        let mut left: Vec<_> = of_demo.iter().collect();
        for (id, (role, sort), name) in &of_yours {
            let same = |it: &&(SocketId, (String, String), String)| {
                it.1.0 == *role && it.1.1 == *sort && it.2 == *name
            };
            if let Some(at) = left.iter().position(same) {
                left.remove(at);
                names.insert(*id, name.clone());
            }
        }
        for (id, kind, name) in &of_yours {
            if names.contains_key(id) {
                continue;
            }
            let counterpart = left.iter().position(|it| it.1 == *kind);
            let name = counterpart.map_or_else(|| name.clone(), |at| left.remove(at).2.clone());
            names.insert(*id, name);
        }
        let demo = of_demo.into_iter().map(|(id, _, name)| (id, name)).collect();
        Objects { demo, yours: names }
    }

    pub fn demo(&self, id: SocketId) -> Option<String> {
        self.demo.get(&id).cloned()
    }

    pub fn yours(&self, id: SocketId) -> Option<String> {
        self.yours.get(&id).cloned()
    }
}

/// `SOCK_STREAM` of `SOCK_STREAM|SOCK_CLOEXEC`.
fn bare_type(type_: &str) -> String {
    let bare = type_.split('|').filter(|it| !matches!(*it, "SOCK_CLOEXEC" | "SOCK_NONBLOCK"));
    bare.collect::<Vec<_>>().join("|")
}

/// The objects on which a call of a role waits to the end, by the demo's names.
pub fn never_ending(
    side: Side<'_>,
    role: &str,
    objects: &Objects,
    is_demo: bool,
) -> BTreeSet<String> {
    let rows = side.timeline.rows.iter().filter(|row| row.role == role);
    let name = |id: SocketId| if is_demo { objects.demo(id) } else { objects.yours(id) };
    rows.filter(|row| row.kind == RowKind::Waits { for_ever: true })
        .flat_map(|row| row.args.iter().flat_map(|piece| &piece.objects))
        .filter_map(|(id, _)| name(*id))
        .collect()
}

type Named<'a> = &'a dyn Fn(SocketId) -> Option<String>;

/// What the threads of a role do, and the calls that are left out as style. `waits` are the objects for which the other
/// side waits to the end.
pub fn units(
    side: Side<'_>,
    role: &str,
    name: Named<'_>,
    waits: &BTreeSet<String>,
) -> (BTreeMap<u32, Vec<Unit>>, BTreeSet<String>) {
    let timeline = side.timeline;
    let last_closes: BTreeSet<u64> = closings(side.recording, &timeline.names)
        .into_iter()
        .filter(|closing| closing.how == How::Call)
        .map(|closing| closing.seq)
        .collect();
    let mut threads: BTreeMap<u32, Vec<Unit>> = BTreeMap::new();
    let mut style = BTreeSet::new();
    for row in timeline.rows.iter().filter(|row| row.role == role) {
        if matches!(row.kind, RowKind::Waits { for_ever: false } | RowKind::Exit | RowKind::Killed)
            || prints(row, timeline)
        {
            continue;
        }
        if row.call == "close" && !row.events.iter().any(|seq| last_closes.contains(seq)) {
            // The description lives on under another descriptor.
            if row.returned() && !is_failed(row) {
                continue;
            }
        }
        match unit(row, timeline, name, waits) {
            Some(unit) => threads.entry(row.thread).or_default().push(unit),
            None if is_failed(row) || row.call == "close" => {}
            None => {
                style.insert(styled(row));
            }
        }
    }
    if let Some(end) = ending(timeline, role) {
        threads.entry(1).or_default().push(end);
    }
    (threads, style)
}

fn is_failed(row: &Row) -> bool {
    row.answer.as_ref().is_some_and(|answer| answer.failure.is_some())
}

/// How a call that is left out is called.
fn styled(row: &Row) -> String {
    let option = row.args.iter().find(|piece| piece.name == "optname");
    option.map_or_else(|| row.call.to_string(), |it| format!("{}({})", row.call, it.text))
}

/// None for what is a matter of style: it changes nothing that anybody else could see.
fn unit(row: &Row, timeline: &Timeline, name: Named<'_>, waits: &BTreeSet<String>) -> Option<Unit> {
    let class = Class::of(&row.call);
    let for_ever = row.kind == RowKind::Waits { for_ever: true };
    let failure = row.answer.as_ref().and_then(|answer| answer.failure.as_ref());
    let outcome = match failure.map(|it| it.name.as_str()) {
        _ if for_ever => Outcome::Waits,
        Some("EAGAIN" | "EWOULDBLOCK" | "EINTR") => return None,
        // The connection comes about all the same.
        Some("EINPROGRESS") | None => Outcome::Done,
        Some(errno) => Outcome::Failed(errno.to_owned()),
    };
    if is_plumbing(row, timeline) || is_option_of_taste(row) || is_any_address(row) {
        return None;
    }
    let (call, object) = match class {
        Some(Class::Wait) if for_ever => {
            let polled = row.args.iter().flat_map(|piece| &piece.objects);
            let names: Vec<String> = polled.filter_map(|(id, _)| name(*id)).collect();
            let meant = names.iter().find(|name| waits.contains(*name)).or(names.first());
            ("waits".to_owned(), meant.cloned())
        }
        Some(Class::Wait) => return None,
        class => {
            let of = row.object.or(row.answer.as_ref().and_then(|answer| answer.object));
            (called(row, class), of.and_then(name))
        }
    };
    if is_style(&call) {
        return None;
    }
    let call = if for_ever { "waits".to_owned() } else { call };
    let args: Vec<&str> = row.args.iter().map(|piece| piece.text.as_str()).collect();
    let moves = matches!(class, Some(Class::Recv | Class::Send)) && !for_ever;
    Some(Unit {
        step: row.step,
        seq: row.seq,
        facts: if for_ever { Vec::new() } else { facts(row, &call, timeline) },
        data: moves.then(|| data(row, timeline)).filter(|_| outcome == Outcome::Done),
        stream: moves && is_stream(row, timeline),
        call,
        object,
        outcome,
        said: match row.kind {
            RowKind::Signal => args.join(", "),
            _ => format!("{}({})", row.call, args.join(", ")),
        },
        text: row.notation(),
    })
}

/// The name of a call's class: who reads with read(2) receives.
fn called(row: &Row, class: Option<Class>) -> String {
    match class {
        Some(Class::Recv) if row.on_socket => "recv",
        Some(Class::Recv) => "read",
        Some(Class::Send) => "send",
        Some(Class::Accept) => "accept",
        Some(Class::Fork | Class::Spawn) => "spawn",
        _ if row.kind == RowKind::Signal => "signal",
        _ => row.call.as_ref(),
    }
    .to_owned()
}

/// What looks, copies, or waits, and does nothing to anybody.
fn is_style(call: &str) -> bool {
    const STYLE: [&str; 28] = [
        "fcntl",
        "ioctl",
        "getsockname",
        "getpeername",
        "getsockopt",
        "dup",
        "dup2",
        "dup3",
        "futex",
        "sigaction",
        "sigprocmask",
        "rt_sigprocmask",
        "sigsuspend",
        "nanosleep",
        "clock_nanosleep",
        "pause",
        "epoll_create",
        "epoll_create1",
        "epoll_ctl",
        "timerfd_create",
        "timerfd_settime",
        "eventfd",
        "eventfd2",
        "pipe",
        "pipe2",
        "wait4",
        "waitid",
        "socketpair",
    ];
    STYLE.contains(&call)
}

/// Whether it is about what a program is made of inside: pipes, events, timers.
fn is_plumbing(row: &Row, timeline: &Timeline) -> bool {
    use Kind::*;
    let kind = row.object.and_then(|id| timeline.names.object(id)).map(|object| &object.kind);
    matches!(kind, Some(PipeRead | PipeWrite | EventFd | TimerFd | SignalFd | Epoll | Unknown))
}

/// Options that change nothing that the other end sees, and those that bound a wait as poll(2) would.
fn is_option_of_taste(row: &Row) -> bool {
    const TASTE: [&str; 6] = [
        "SO_REUSEADDR",
        "SO_REUSEPORT",
        "TCP_NODELAY",
        "SO_RCVTIMEO",
        "SO_SNDTIMEO",
        "IPV6_V6ONLY",
    ];
    row.call == "setsockopt"
        && row.args.iter().any(|piece| TASTE.iter().any(|name| piece.text.starts_with(name)))
}

fn prints(row: &Row, timeline: &Timeline) -> bool {
    let object = row.object.and_then(|id| timeline.names.object(id));
    Class::of(&row.call) == Some(Class::Send)
        && object.is_some_and(|it| matches!(it.kind, Kind::Stdout | Kind::Stderr))
}

fn is_stream(row: &Row, timeline: &Timeline) -> bool {
    match row.object.and_then(|id| timeline.names.object(id)).map(|object| &object.kind) {
        Some(Kind::Socket { type_, .. }) => bare_type(type_) == "SOCK_STREAM",
        Some(Kind::Stdin) => true,
        _ => false,
    }
}

/// Of the arguments those that matter: an address, how to shut down, an option and its value.
fn facts(row: &Row, call: &str, timeline: &Timeline) -> Vec<String> {
    let mut facts = Vec::new();
    if call == "send" {
        // Of a message as of a plain send: to whom it goes.
        let mut masks = timeline.masks.clone();
        let sent_to = row.args.iter().flat_map(|piece| addresses(&piece.value));
        facts.extend(sent_to.map(|addr| masks.address(addr)));
    }
    for piece in &row.args {
        let fact = match (call, &piece.value) {
            ("accept" | "spawn" | "listen" | "close", _) => continue,
            ("recv" | "read" | "send", Value::Addr(_)) => continue,
            (_, Value::Addr(_)) => piece.text.clone(),
            ("recv" | "read" | "send", Value::Named { text, .. }) => {
                let kept = ["MSG_PEEK", "MSG_OOB", "MSG_TRUNC"];
                let kept: Vec<&str> = text.split('|').filter(|it| kept.contains(it)).collect();
                if kept.is_empty() {
                    continue;
                }
                kept.join("|")
            }
            ("recv" | "read" | "send", _) => continue,
            ("socket", _) if piece.name == "protocol" => continue,
            ("socket", _) => bare_type(&piece.text),
            // The object has a name in both; the rest is as it was written.
            _ if piece.object.is_some() => continue,
            _ => piece.text.clone(),
        };
        facts.push(fact);
    }
    if row.count > 1 && call != "close" && row.data.as_ref().is_none_or(|data| data.len == 0) {
        facts.push("again and again".into());
    }
    facts
}

/// Every address within a value.
fn addresses(value: &Value) -> Vec<&SockAddr> {
    match value {
        Value::Addr(addr) => vec![addr],
        Value::List { items } => items.iter().flat_map(addresses).collect(),
        Value::Struct { fields } => {
            fields.iter().flat_map(|field| addresses(&field.value)).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether it only asks the kernel to choose an address, as the first send would.
fn is_any_address(row: &Row) -> bool {
    let any = |addr: &SockAddr| {
        addr.internet().is_some_and(|(ip, port)| port == 0 && ip.is_unspecified())
    };
    row.call == "bind" && row.args.iter().flat_map(|piece| addresses(&piece.value)).any(any)
}

fn data(row: &Row, timeline: &Timeline) -> Data {
    let Some(bytes) = &row.data else { return Data::default() };
    let text = masked(&bytes.data, timeline).repeat(row.count as usize);
    Data { len: bytes.len * row.count, text }
}

/// Ephemeral ports are masked.
fn masked(bytes: &[u8], timeline: &Timeline) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => timeline.masks.clone().text(text).into_bytes(),
        Err(_) => bytes.to_vec(),
    }
}

/// Time is virtual and begins in the same second in every run, but each call takes a little of it: of a time in the bytes
/// what is less than a second is left out.
fn without_moments(bytes: &[u8]) -> Vec<u8> {
    const BEGINS: &str = "18934560";
    const SECONDS: usize = 10;
    let Ok(mut rest) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
    let mut out = String::with_capacity(rest.len());
    while let Some(at) = rest.find(BEGINS) {
        let (before, from) = rest.split_at(at);
        let whole = from.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = from.split_at(whole);
        out.push_str(before);
        out.push_str(number);
        rest = after;
        if let (SECONDS, Some(fraction)) = (whole, after.strip_prefix('.')) {
            rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        }
    }
    (out + rest).into_bytes()
}

/// How a role ended, as the last thing that its first thread does; none if the lab ended it while it waited.
fn ending(timeline: &Timeline, role: &str) -> Option<Unit> {
    let (_, how) = timeline.end.roles.iter().find(|(name, _)| name == role)?;
    let last = timeline.rows.iter().rfind(|row| row.role == role);
    let waits = timeline.end.waiting.iter().any(|wait| wait.role == role);
    let said = match how {
        Ending::Exited { status } => format!("ends with status {status}"),
        Ending::Signalled { signal } => format!("is ended by {signal}"),
        Ending::Killed { .. } if waits => return None,
        Ending::Killed { why } => format!("is ended by the lab: {why}"),
        Ending::NeverStarted => "never starts".into(),
    };
    Some(Unit {
        step: last.map_or(0, |row| row.step),
        seq: last.map_or(0, |row| row.seq),
        call: "end".into(),
        object: None,
        facts: vec![said.clone()],
        data: None,
        outcome: Outcome::Done,
        stream: false,
        text: said.clone(),
        said,
    })
}

/// A line that a role printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Printed {
    pub step: usize,
    pub seq: u64,
    pub line: String,
}

impl Printed {
    /// The line without moments and the numbers that a runtime gives its threads.
    pub fn compared(&self) -> String {
        let line = String::from_utf8_lossy(&without_moments(self.line.as_bytes())).into_owned();
        let mut parts = line.split("ThreadId(");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |line, part| {
            line + "ThreadId(" + part.trim_start_matches(|c: char| c.is_ascii_digit())
        })
    }
}

/// All lines that a role prints, in order, stdout and stderr alike.
pub fn printed(side: Side<'_>, role: &str) -> Vec<Printed> {
    let timeline = side.timeline;
    let mut lines: Vec<Printed> = Vec::new();
    let mut open = false;
    for row in timeline.rows.iter().filter(|row| row.role == role && prints(row, timeline)) {
        let Some(bytes) = &row.data else { continue };
        let text = masked(&bytes.data, timeline).repeat(row.count as usize);
        for part in String::from_utf8_lossy(&text).split_inclusive('\n') {
            let line = part.trim_end_matches(['\n', '\r']);
            match lines.last_mut().filter(|_| open) {
                Some(last) => last.line.push_str(line),
                None => lines.push(Printed { step: row.step, seq: row.seq, line: line.into() }),
            }
            open = !part.ends_with('\n');
        }
    }
    lines
}
