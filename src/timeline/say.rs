//! One event in the lab's notation: `recv(conn, "hi", 1024) = 2`, in pieces.
//!
//! What a call says about its own bookkeeping (lengths of addresses and options, sizes of signal sets) and what says
//! nothing (a zero in `flags`, a null where an address could be) is left out. What a call only
//! fills in (`buf`, `addr`) is left out as long as there is nothing in it.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar;

use super::masks::Masks;
use super::names::{Names, first_object, makes_descriptor};
use super::{Answer, Failure, Piece, netlink};
use crate::decode::icmp::{ECHO, ECHO_REPLY, Icmp, icmp, type_name};
use crate::event::{Arg, Bytes, Event, SocketId, Value};

/// The widest that one piece of data is shown, in columns, before its middle is left out.
const DATA_WIDTH: usize = 60;

/// Arguments that only repeat what another one shows, and the environment, which is the machine's.
const BOOKKEEPING: [&str; 21] = [
    "envp",
    "addrlen",
    "optlen",
    "optval_len",
    "salen",
    "dest_len",
    "src_len",
    "iovcnt",
    "sigsetsize",
    "sigmask",
    "msg_namelen",
    "msg_iovlen",
    "msg_controllen",
    "vlen",
    "oldact",
    "oldset",
    "old_value",
    "si_uid",
    "rem",
    "remain",
    "rusage",
];

/// Arguments whose null pointer means: no, thank you.
const OPTIONAL: [&str; 7] = ["addr", "src_addr", "dest_addr", "wstatus", "rusage", "attr", "child"];

/// Arguments that the kernel fills in.
const FILLED_IN: [&str; 15] = [
    "wstatus",
    "infop",
    "info",
    "buf",
    "addr",
    "src_addr",
    "events",
    "optval",
    "sv",
    "pipefd",
    "msg",
    "iov",
    "msgvec",
    "curr_value",
    "tloc",
];

/// The calls that fill buffers.
const RECEIVERS: [&str; 9] =
    ["recv", "recvfrom", "recvmsg", "recvmmsg", "read", "readv", "pread", "preadv", "preadv2"];

/// The calls whose result is a process or a thread.
const PROCESS_MAKERS: [&str; 4] = ["fork", "vfork", "clone", "clone3"];
const PROCESS_FINDERS: [&str; 4] = ["wait", "wait3", "wait4", "waitpid"];
const THREAD_MAKERS: [&str; 2] = ["pthread_create", "spawn"];

/// Turns events into pieces; knows the names and what is to be masked.
pub(super) struct Speaker<'a> {
    pub names: &'a Names,
    pub masks: Masks,
    /// What a program put beside a descriptor when it gave it to an epoll: by the epoll and the data.
    pub watched: Vec<(SocketId, Value, SocketId)>,
    /// What the bytes are that the call moves.
    pub carries: Carries,
}

/// What the bytes of a call are read as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Carries {
    #[default]
    Data,
    /// A message of ICMP. Of a ping socket's the kernel fills in the checksum.
    Icmp { with_checksum: bool },
}

impl<'a> Speaker<'a> {
    pub fn new(names: &'a Names, masks: Masks) -> Speaker<'a> {
        Speaker { names, masks, watched: Vec::new(), carries: Carries::Data }
    }
}

impl Speaker<'_> {
    /// The arguments as they are shown: of a call that is `done`, or of one that only waits so far.
    pub fn arguments(&mut self, event: &Event, done: bool) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let call = event.call.as_ref();
        // Of a clone(2) the flags are the library's, not the program's.
        if PROCESS_MAKERS.contains(&call) || THREAD_MAKERS.contains(&call) {
            return pieces;
        }
        if call == "epoll_ctl" {
            self.watch(event);
        }
        self.carries = self.carried(event);
        for arg in &event.args {
            if leave_out(event, arg, done) {
                continue;
            }
            // The event knows how its call ended; a row where it begins to wait must not.
            let arg = &if done { Cow::Borrowed(arg) } else { Cow::Owned(unfilled(event, arg)) };
            let text = self.argument(event, arg);
            pieces.push(Piece {
                name: arg.name.clone(),
                text,
                object: object_of(&arg.value),
                objects: self.objects(&arg.value),
                value: arg.value.clone(),
            });
        }
        pieces
    }

    /// What a call gave back; none for what is no call and for a call that never returned.
    pub fn answer(&mut self, event: &Event) -> Option<Answer> {
        let ret = event.ret?;
        if let Some(name) = &event.errno {
            let meaning = crate::decode::errno_meaning(name);
            let mut text = format!("-1 {name}");
            if let Some(meaning) = meaning {
                text.push_str(&format!(" ({meaning})"));
            }
            let failure = Failure { name: name.to_string(), meaning };
            return Some(Answer { text, ret: -1, object: None, failure: Some(failure) });
        }
        let object = self.names.made(event);
        let call = event.call.as_ref();
        let mut text = match object.and_then(|id| self.names.of(id)) {
            Some(name) => name.to_owned(),
            None if makes_descriptor(event) => descriptor(ret),
            None if ret > 0
                && (PROCESS_MAKERS.contains(&call) || PROCESS_FINDERS.contains(&call)) =>
            {
                format!("process {ret}")
            }
            None if ret > 0 && THREAD_MAKERS.contains(&call) => format!("thread {ret}"),
            None if RECEIVERS.contains(&call)
                && event.args.iter().any(|it| netlink::tells(&it.value)) =>
            {
                "n".into()
            }
            None => ret.to_string(),
        };
        let ready = self.ready(event);
        if !ready.is_empty() {
            text.push_str(&format!(" [{}]", ready.join(", ")));
        }
        Some(Answer { text, ret, object, failure: None })
    }

    fn objects(&self, value: &Value) -> Vec<(SocketId, String)> {
        let named = |(_, id): (i32, SocketId)| Some((id, self.names.of(id)?.to_owned()));
        value.fds().filter_map(named).collect()
    }

    /// For a call that waits for several: which are ready, each with its events.
    fn ready(&mut self, event: &Event) -> Vec<String> {
        if event.ret.is_none_or(|ret| ret <= 0) {
            return Vec::new();
        }
        match event.call.as_ref() {
            "poll" | "ppoll" => items(event.arg("fds"))
                .iter()
                .filter_map(|item| self.polled(item, "revents"))
                .collect(),
            "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => {
                let epoll = about(event);
                items(event.arg("events")).iter().map(|item| self.epolled(epoll, item)).collect()
            }
            "select" | "pselect" => {
                let mut ready = Vec::new();
                for (set, word) in [
                    ("readfds", "readable"),
                    ("writefds", "writable"),
                    ("exceptfds", "exceptional"),
                ] {
                    let Some(Value::Struct { fields }) = event.arg(set) else { continue };
                    for item in items(field(fields, "ready")) {
                        ready.push(format!("{}: {word}", self.value(item)));
                    }
                }
                ready
            }
            _ => Vec::new(),
        }
    }

    fn argument(&mut self, event: &Event, arg: &Arg) -> String {
        match (event.call.as_ref(), arg.name.as_ref(), &arg.value) {
            ("poll" | "ppoll", "fds", Value::List { items }) => {
                let items: Vec<String> =
                    items.iter().filter_map(|item| self.polled(item, "events")).collect();
                format!("[{}]", items.join(", "))
            }
            ("select" | "pselect", _, Value::Struct { fields })
                if field(fields, "given").is_some() =>
            {
                field(fields, "given").map_or_else(String::new, |given| self.value(given))
            }
            ("sigaction", "act", Value::Struct { fields }) => match field(fields, "sa_handler") {
                Some(Value::Opaque) | None => "handler".into(),
                Some(constant) => self.value(constant),
            },
            ("epoll_ctl", "event", Value::Struct { fields }) => {
                field(fields, "events").map_or_else(|| "_".into(), |events| self.value(events))
            }
            // socket(2) leaves the choice to the kernel so. As a level of options 0 is IP itself.
            (_, "protocol", Value::Named { value: 0, text }) if text == "IPPROTO_IP" => "0".into(),
            ("signal" | "killed", _, Value::Text { value }) => plain_text(value),
            (_, _, value) => self.value(value),
        }
    }

    /// A value in the notation.
    fn value(&mut self, value: &Value) -> String {
        match value {
            Value::Int { value } => value.to_string(),
            Value::Fd { value, socket } => self.fd(*value, *socket),
            Value::Named { value: 0, text } if text.is_empty() => "0".into(),
            Value::Named { text, .. } => text.clone(),
            Value::Bytes(bytes) => self.data(bytes),
            Value::Text { value } => {
                let placed = super::masks::place(value);
                let masked = self.masks.text(placed.as_deref().unwrap_or(value));
                quoted(&masked, false)
            }
            Value::Addr(addr) => self.masks.address(addr),
            Value::List { items } => {
                if let Some(messages) = netlink::said(items) {
                    return messages;
                }
                let items: Vec<String> = items.iter().map(|item| self.value(item)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Struct { fields } => self.fields(fields),
            Value::Process { value: 0 } => "process ?".into(),
            Value::Process { value } => format!("process {value}"),
            Value::Null => "NULL".into(),
            Value::Opaque => "_".into(),
        }
    }

    fn fd(&self, fd: i32, socket: Option<SocketId>) -> String {
        match socket.and_then(|id| self.names.of(id)) {
            Some(name) => name.to_owned(),
            None => descriptor(fd.into()),
        }
    }

    /// `conn: POLLIN`; nothing when the set is empty, or for `revents` of what is not ready.
    fn polled(&mut self, item: &Value, set: &str) -> Option<String> {
        let Value::Struct { fields } = item else { return Some(self.value(item)) };
        let fd = self.value(field(fields, "fd")?);
        match field(fields, set)? {
            Value::Named { value: 0, .. } | Value::Int { value: 0 } if set == "revents" => None,
            Value::Named { value: 0, .. } | Value::Int { value: 0 } => Some(format!("{fd}: 0")),
            Value::Opaque => Some(fd),
            events => Some(format!("{fd}: {}", self.value(events))),
        }
    }

    /// Remembers what an epoll gives back for a descriptor.
    fn watch(&mut self, event: &Event) {
        let (Some(epoll), Some(Value::Fd { socket: Some(id), .. }), Some(Value::Struct { fields })) =
            (about(event), event.arg("fd"), event.arg("event"))
        else {
            return;
        };
        // All pointers look alike: they tell no descriptor from another.
        let data = field(fields, "data").filter(|data| **data != Value::Opaque);
        if let (Some(data), None) = (data, &event.errno) {
            self.watched.retain(|(of, known, _)| (*of, known) != (epoll, data));
            self.watched.push((epoll, data.clone(), *id));
        }
    }

    fn epolled(&mut self, epoll: Option<SocketId>, item: &Value) -> String {
        let Value::Struct { fields } = item else { return self.value(item) };
        let events = field(fields, "events").map(|events| self.value(events));
        let data = field(fields, "data").map(|data| {
            let known =
                |(of, known, _): &&(SocketId, Value, SocketId)| Some(*of) == epoll && known == data;
            let object = self.watched.iter().find(known).map(|(_, _, id)| *id);
            match object.and_then(|id| self.names.of(id)) {
                Some(name) => name.to_owned(),
                None => self.value(data),
            }
        });
        match (data, events) {
            (Some(data), Some(events)) => format!("{data}: {events}"),
            (_, Some(events)) => events,
            _ => self.value(item),
        }
    }

    /// A structure: times as seconds, messages and vectors by what is in them, all else by field.
    fn fields(&mut self, fields: &[Arg]) -> String {
        if let Some(time) = seconds(fields) {
            return time;
        }
        // An iovec: what is in it, or how much room it has.
        if let (Some(base), Some(len)) = (field(fields, "iov_base"), field(fields, "iov_len")) {
            let is_data = matches!(base, Value::Bytes(_) | Value::List { .. });
            return self.value(if is_data { base } else { len });
        }
        if let (Some(kind), Some(data)) = (field(fields, "cmsg_type"), field(fields, "cmsg_data")) {
            return format!("{}: {}", self.value(kind), self.value(data));
        }
        let said: Vec<String> = fields
            .iter()
            .filter(|arg| !BOOKKEEPING.contains(&arg.name.as_ref()) && arg.name != "cmsg_len")
            .filter(|arg| {
                // An empty part of a msghdr says nothing.
                !arg.name.starts_with("msg_")
                    || !matches!(
                        &arg.value,
                        Value::Null
                            | Value::Opaque
                            | Value::Named { value: 0, .. }
                            | Value::Int { value: 0 }
                    ) && !matches!(&arg.value, Value::List { items } if items.is_empty())
            })
            .map(|arg| {
                let text = self.value(&arg.value);
                match arg.name.as_ref() {
                    "msg_iov" | "msg_name" | "" => text,
                    // Of a process's credentials: who has recorded it.
                    "uid" | "gid" => format!("{}: _", arg.name),
                    name => format!("{}: {text}", name.strip_prefix("msg_").unwrap_or(name)),
                }
            })
            .collect();
        format!("{{{}}}", said.join(", "))
    }

    fn carried(&self, event: &Event) -> Carries {
        match event.socket.and_then(|id| self.names.object(id)) {
            Some(socket) if socket.kind.is_for_icmp() => {
                Carries::Icmp { with_checksum: socket.kind.is_raw() }
            }
            _ => Carries::Data,
        }
    }

    /// Bytes in the notation: as a text, or as the message that they are.
    fn data(&mut self, bytes: &Bytes) -> String {
        match self.carries {
            Carries::Icmp { with_checksum } => match icmp(&bytes.data) {
                Some(message) => self.message(&message, bytes, with_checksum),
                None => self.text_of(bytes),
            },
            Carries::Data => self.text_of(bytes),
        }
    }

    /// `{ttl: 64, ICMP_ECHO, id: 27, seq: 1, "hello"}`; without the header's other fields, some of which are chance.
    fn message(&mut self, message: &Icmp<'_>, bytes: &Bytes, with_checksum: bool) -> String {
        let mut said: Vec<String> = message.ttl.iter().map(|ttl| format!("ttl: {ttl}")).collect();
        said.push(match type_name(message.type_) {
            "" => format!("type: {}", message.type_),
            name => name.into(),
        });
        let before = bytes.data.len() - message.data.len();
        match message.type_ {
            ECHO | ECHO_REPLY => {
                said.push(format!("id: {}", message.id));
                said.push(format!("seq: {}", message.seq));
                let len = bytes.len - before as u64;
                said.push(self.text_of(&Bytes { len, data: message.data.to_vec() }));
            }
            _ => said.push(format!("code: {}", message.code)),
        }
        // Of what was not kept whole nobody can say.
        if with_checksum && !message.is_whole && !bytes.is_cut() {
            said.push("wrong checksum".into());
        }
        format!("{{{}}}", said.join(", "))
    }

    /// Bytes as a quoted text, its middle left out when it is long.
    fn text_of(&mut self, bytes: &Bytes) -> String {
        if let Some(records) = super::tls::records(bytes) {
            return records;
        }
        if let Some(text) = as_text(&bytes.data, bytes.is_cut()) {
            let masked: Vec<Shard> = text
                .into_iter()
                .map(|shard| match shard {
                    Shard::Text(text) => Shard::Text(self.masks.text(&text)),
                    raw => raw,
                })
                .collect();
            let mut marks = Marks::default();
            for shard in &masked {
                match shard {
                    Shard::Text(text) => marks.escape(text),
                    Shard::Raw(bytes) => bytes.iter().for_each(|byte| marks.byte(*byte)),
                }
            }
            return marks.quoted(bytes.is_cut());
        }
        let mut marks = Marks::default();
        for byte in &bytes.data {
            match byte {
                0x20..=0x7e | b'\n' | b'\r' | b'\t' => {
                    marks.escape(char::from(*byte).encode_utf8(&mut [0; 4]))
                }
                _ => marks.byte(*byte),
            }
        }
        marks.quoted(bytes.is_cut())
    }
}

fn leave_out(event: &Event, arg: &Arg, done: bool) -> bool {
    let name = arg.name.as_ref();
    let call = event.call.as_ref();
    if BOOKKEEPING.contains(&name) {
        return true;
    }
    match &arg.value {
        // What waits or failed has put nothing there.
        Value::Opaque => {
            !done || event.errno.is_some() || event.ret.is_none() || FILLED_IN.contains(&name)
        }
        Value::Null => OPTIONAL.contains(&name),
        Value::Named { value: 0, .. } | Value::Int { value: 0 } if name == "flags" => {
            event.args.len() > 1
        }
        // The highest descriptor, or the length of the list beside it.
        Value::Int { .. } if name == "nfds" => true,
        // An output that a waiting or failed call is shown with would be from an earlier one.
        Value::List { items } if !done && netlink::are_messages(items) => RECEIVERS.contains(&call),
        Value::Bytes(_) | Value::Addr(_) if !done => {
            matches!(call, "accept" | "accept4" | "getsockname" | "getpeername")
                || name == "buf" && RECEIVERS.contains(&call)
                || name == "src_addr"
        }
        _ if !done && matches!(name, "wstatus" | "infop" | "info") => true,
        Value::Process { .. } => PROCESS_MAKERS.contains(&call) || THREAD_MAKERS.contains(&call),
        _ => name == "events" && call.starts_with("epoll_"),
    }
}

/// An argument of a call that still waits: without what the kernel put there when it returned.
fn unfilled(event: &Event, arg: &Arg) -> Arg {
    let mut arg = arg.clone();
    if RECEIVERS.contains(&event.call.as_ref()) {
        empty(&mut arg.value);
    }
    arg
}

fn empty(value: &mut Value) {
    match value {
        Value::Bytes(_) => *value = Value::Opaque,
        Value::List { items } if netlink::are_messages(items) => *value = Value::Opaque,
        Value::List { items } => items.iter_mut().for_each(empty),
        Value::Struct { fields } => {
            for field in fields {
                match field.name.as_ref() {
                    "msg_name" | "msg_control" | "msg_flags" | "msg_len" => {
                        field.value = Value::Null
                    }
                    _ => empty(&mut field.value),
                }
            }
        }
        _ => {}
    }
}

fn object_of(value: &Value) -> Option<SocketId> {
    match value {
        Value::Fd { socket, .. } => *socket,
        _ => None,
    }
}

fn descriptor(fd: i64) -> String {
    match fd {
        0 => "stdin".into(),
        1 => "stdout".into(),
        2 => "stderr".into(),
        fd if fd < 0 => fd.to_string(),
        fd => format!("fd {fd}"),
    }
}

fn items(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::List { items }) => items,
        _ => &[],
    }
}

fn field<'a>(fields: &'a [Arg], name: &str) -> Option<&'a Value> {
    fields.iter().find(|field| field.name == name).map(|field| &field.value)
}

/// A timeval or timespec: `1.5s`.
fn seconds(fields: &[Arg]) -> Option<String> {
    let number = |name| match field(fields, name) {
        Some(Value::Int { value }) => Some(*value),
        _ => None,
    };
    let (whole, digits, width) = match (number("tv_sec")?, number("tv_usec"), number("tv_nsec")) {
        (whole, Some(micro), None) => (whole, micro, 6),
        (whole, None, Some(nano)) => (whole, nano, 9),
        _ => return None,
    };
    let fraction = format!("{digits:0width$}");
    match fraction.trim_end_matches('0') {
        "" => Some(format!("{whole}s")),
        fraction => Some(format!("{whole}.{fraction}s")),
    }
}

fn plain_text(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A part of some data: readable, or the bytes of a character that was split.
enum Shard {
    Text(String),
    Raw(Vec<u8>),
}

/// Reads bytes as UTF-8 in which only the first and the last character may be a split one.
/// Nothing if it is no such text.
fn as_text(data: &[u8], cut: bool) -> Option<Vec<Shard>> {
    let head = data.iter().take(3).take_while(|b| (0x80..0xc0).contains(*b)).count();
    let (before, rest) = data.split_at(head);
    let (text, after) = match std::str::from_utf8(rest) {
        Ok(text) => (text, &rest[rest.len()..]),
        // An error with a length is a byte that no UTF-8 has, not a character that goes on elsewhere.
        Err(error) if error.error_len().is_none() => {
            let (valid, after) = rest.split_at(error.valid_up_to());
            (std::str::from_utf8(valid).ok()?, after)
        }
        Err(_) => return None,
    };
    let mut shards = Vec::new();
    if !before.is_empty() {
        shards.push(Shard::Raw(before.to_vec()));
    }
    if !text.is_empty() {
        shards.push(Shard::Text(text.to_owned()));
    }
    // Where the recording itself stopped keeping bytes, the split character is not the program's doing.
    if !after.is_empty() && !cut {
        shards.push(Shard::Raw(after.to_vec()));
    }
    Some(shards)
}

/// A text in quotes, with escapes; its middle left out when it is long.
fn quoted(text: &str, cut: bool) -> String {
    let mut marks = Marks::default();
    marks.escape(text);
    marks.quoted(cut)
}

/// What stands between the quotes, cut into characters and escapes: neither is ever parted.
#[derive(Default)]
struct Marks {
    text: String,
    /// Where each ends, and how many columns it takes.
    marks: Vec<(usize, usize)>,
}

impl Marks {
    fn push(&mut self, mark: std::fmt::Arguments<'_>) {
        use std::fmt::Write as _;
        let start = self.text.len();
        // Writing to a String cannot fail.
        let _ = self.text.write_fmt(mark);
        // An escape is ASCII.
        self.marks.push((self.text.len(), self.text.len() - start));
    }

    fn byte(&mut self, byte: u8) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |value: u8| char::from(DIGITS[usize::from(value & 0xf)]);
        self.text.push_str("\\x");
        self.text.extend([digit(byte >> 4), digit(byte)]);
        self.marks.push((self.text.len(), 4));
    }

    /// Appends the text's characters, each written so that it stays within its line.
    fn escape(&mut self, text: &str) {
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            let next_is_digit = rest.peek().is_some_and(char::is_ascii_digit);
            match c {
                '\n' => self.push(format_args!("\\n")),
                '\r' => self.push(format_args!("\\r")),
                '\t' => self.push(format_args!("\\t")),
                '\0' if !next_is_digit => self.push(format_args!("\\0")),
                '"' => self.push(format_args!("\\\"")),
                '\\' => self.push(format_args!("\\\\")),
                c if c.is_ascii_control() => self.byte(c as u8),
                // Invisible characters and those that turn the direction of writing.
                c if c.is_control()
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}') =>
                {
                    self.push(format_args!("\\u{:04x}", u32::from(c)))
                }
                c => {
                    self.text.push(c);
                    self.marks.push((self.text.len(), c.width().unwrap_or(0)));
                }
            }
        }
    }

    /// In quotes; of more than [`DATA_WIDTH`] columns keeps both ends and says so: `"abc"…"xyz"`.
    fn quoted(&self, cut: bool) -> String {
        let text = self.text.as_str();
        let total: usize = self.marks.iter().map(|(_, width)| width).sum();
        if total <= DATA_WIDTH {
            return format!("\"{text}\"{}", if cut { "…" } else { "" });
        }
        let fitting = |room: usize, marks: &mut dyn Iterator<Item = &(usize, usize)>| {
            let mut used = 0;
            marks
                .take_while(|(_, width)| {
                    used += width;
                    used <= room
                })
                .count()
        };
        // Where the first `count` end.
        let end = |count: usize| match count {
            0 => 0,
            count => self.marks[count - 1].0,
        };
        // The end of what was kept is not the end of the data: show no end then.
        if cut {
            let head = end(fitting(DATA_WIDTH, &mut self.marks.iter()));
            return format!("\"{}\"…", &text[..head]);
        }
        let head = end(fitting(DATA_WIDTH * 2 / 3, &mut self.marks.iter()));
        let tail = fitting(DATA_WIDTH / 3, &mut self.marks.iter().rev());
        let tail = end(self.marks.len() - tail);
        format!("\"{}\"…\"{}\"", &text[..head], &text[tail..])
    }
}

/// The object that a call is about: by the event, else by its first descriptor.
pub(super) fn about(event: &Event) -> Option<SocketId> {
    event.socket.or_else(|| first_object(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    use unicode_width::UnicodeWidthStr;

    use crate::event::Kind;
    use crate::timeline::sample::{Sample, arg, bytes, fd, int, named, polled};
    use crate::timeline::{RowKind, timeline};

    const WHO: (&str, u32, u32) = ("server", 1, 1);

    fn list(items: Vec<Value>) -> Value {
        Value::List { items }
    }

    fn record(fields: Vec<Arg>) -> Value {
        Value::Struct { fields }
    }

    /// The rows of a recording in the notation.
    fn rows(s: &Sample) -> Vec<String> {
        timeline(&s.0)
            .rows
            .iter()
            .map(|row| {
                let args: Vec<&str> = row.args.iter().map(|arg| arg.text.as_str()).collect();
                let said = format!("{}({})", row.call, args.join(", "));
                match (&row.answer, row.kind) {
                    (Some(answer), _) => format!("{said} = {}", answer.text),
                    (None, RowKind::Waits { .. }) => format!("{said} waits"),
                    (None, _) => said,
                }
            })
            .collect()
    }

    #[test]
    fn calls_that_wait_for_several_name_what_is_ready() {
        let mut s = Sample::new(None, &["server"]);
        let kind = Kind::Socket {
            domain: "AF_INET".into(),
            type_: "SOCK_DGRAM".into(),
            protocol: "IPPROTO_UDP".into(),
        };
        let (a, b) = (s.object("server", kind.clone(), None), s.object("server", kind, None));
        let epoll = s.object("server", Kind::Epoll, None);
        let watched = record(vec![arg("events", named(1, "EPOLLIN")), arg("data", int(5))]);
        let add = vec![
            arg("epfd", fd(6, epoll)),
            arg("op", named(1, "EPOLL_CTL_ADD")),
            arg("fd", fd(5, b)),
            arg("event", watched.clone()),
        ];
        s.event(WHO, "epoll_ctl", add, Some(0), "");
        let wait = |events| {
            vec![
                arg("epfd", fd(6, epoll)),
                arg("events", events),
                arg("maxevents", int(8)),
                arg("timeout", int(-1)),
            ]
        };
        s.event(WHO, "epoll_wait", wait(list(vec![watched])), Some(1), "");
        let since = s.last() - 1;
        s.since(since);
        let set =
            |ready| record(vec![arg("given", list(vec![fd(4, a), fd(5, b)])), arg("ready", ready)]);
        let select = vec![
            arg("nfds", int(6)),
            arg("readfds", set(list(vec![fd(5, b)]))),
            arg("writefds", Value::Null),
            arg("exceptfds", Value::Null),
            arg("timeout", record(vec![arg("tv_sec", int(1)), arg("tv_usec", int(500_000))])),
        ];
        s.event(WHO, "select", select, Some(1), "");
        let both = vec![
            arg("fds", list(vec![polled(4, a, ""), polled(5, b, "POLLIN|POLLHUP")])),
            arg("nfds", int(2)),
            arg("timeout", int(-1)),
        ];
        s.event(WHO, "poll", both, Some(1), "");
        assert_eq!(
            rows(&s),
            [
                "epoll_ctl(epoll, EPOLL_CTL_ADD, sock#2, EPOLLIN) = 0",
                "epoll_wait(epoll, 8, -1) waits",
                "epoll_wait(epoll, 8, -1) = 1 [sock#2: EPOLLIN]",
                "select([sock, sock#2], NULL, NULL, 1.5s) = 1 [sock#2: readable]",
                "poll([sock: POLLIN, sock#2: POLLIN], -1) = 1 [sock#2: POLLIN|POLLHUP]",
            ]
        );
    }

    #[test]
    fn messages_show_their_parts_and_what_they_pass() {
        let mut s = Sample::new(None, &["server"]);
        let kind = Kind::Socket {
            domain: "AF_UNIX".into(),
            type_: "SOCK_STREAM".into(),
            protocol: "0".into(),
        };
        let (a, b) = (s.object("server", kind.clone(), None), s.object("server", kind, None));
        let message = |base: Value, control| {
            record(vec![
                arg("msg_name", Value::Null),
                arg("msg_namelen", int(0)),
                arg(
                    "msg_iov",
                    list(vec![record(vec![arg("iov_base", base), arg("iov_len", int(64))])]),
                ),
                arg("msg_control", control),
                arg("msg_controllen", int(24)),
                arg("msg_flags", named(0, "0")),
            ])
        };
        let rights = record(vec![
            arg("cmsg_level", named(1, "SOL_SOCKET")),
            arg("cmsg_type", named(1, "SCM_RIGHTS")),
            arg("cmsg_data", list(vec![fd(5, b)])),
        ]);
        let call =
            |msg| vec![arg("sockfd", fd(4, a)), arg("msg", msg), arg("flags", named(0, "0"))];
        s.event(WHO, "sendmsg", call(message(bytes(b"hi"), list(vec![rights]))), Some(2), "");
        s.event(WHO, "recvmsg", call(message(bytes(b"you"), Value::Null)), Some(3), "");
        let since = s.last() - 1;
        s.since(since);
        assert_eq!(
            rows(&s),
            [
                "sendmsg(sock, {[\"hi\"], control: [SCM_RIGHTS: [sock#2]]}) = 2",
                "recvmsg(sock, {[64]}) waits",
                "recvmsg(sock, {[\"you\"]}) = 3",
            ]
        );
    }

    fn shown(data: &[u8]) -> String {
        let names = Names::new();
        Speaker::new(&names, Masks::default()).data(&Bytes::new(data))
    }

    #[test]
    fn a_text_is_shown_as_one_and_other_data_as_bytes() {
        assert_eq!(shown("你好\r\n".as_bytes()), r#""你好\r\n""#);
        assert_eq!(shown(b""), r#""""#);
        assert_eq!(shown(b"a\"\\\0b\x001\x1b[2J"), r#""a\"\\\0b\x001\x1b[2J""#);
        assert_eq!(shown(b"\x89PNG\xff"), r#""\x89PNG\xff""#);
        assert_eq!(shown("\u{202e}evil".as_bytes()), r#""\u202eevil""#);
    }

    #[test]
    fn a_split_character_shows_its_bytes_and_the_rest_its_text() {
        assert_eq!(shown(&"你好".as_bytes()[..4]), r#""你\xe5""#);
        assert_eq!(shown(&"你好".as_bytes()[1..]), r#""\xbd\xa0好""#);
        assert_eq!(shown(&"你好".as_bytes()[1..5]), r#""\xbd\xa0\xe5\xa5""#);
        assert_eq!(shown(b"\xe4"), r#""\xe4""#);
    }

    #[test]
    fn long_data_keeps_both_ends_and_says_that_it_was_cut() {
        let text = format!("begin{}end", "-".repeat(100));
        let said = shown(text.as_bytes());
        assert!(said.starts_with("\"begin-") && said.contains("\"…\"") && said.ends_with("-end\""));
        let wide = shown("好".repeat(100).as_bytes());
        assert!(wide.width() <= DATA_WIDTH + 5, "{wide}");
        // More than was kept: its end is not known.
        assert!(shown(&[b'x'; 5000]).ends_with("x\"…"));
        assert!(shown("好".repeat(2000).as_bytes()).ends_with("好\"…"));
    }
}
