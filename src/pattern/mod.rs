//! The one notation: `client: recv(conn, ..) > 0`.
//!
//! Rules, scenario steps, role starts and filters say what they mean as the timeline prints it:
//!
//! ```text
//! role ":" call "(" argument, … ")" comparison
//! ```
//!
//! - The role may be missing or `_`: any.
//! - A call stands for its class ([`Class`]): `recv` matches read, recvfrom, recvmsg … on a socket. With a `!` behind it, only
//!   for itself: `recvfrom!(..)`. `_` is any call.
//! - `_` is one argument, `..` any number of them; without `..` their number must agree with what the timeline shows.
//! - An argument is a name (`conn`, `conn#2`, `stdin`), a number, a text, an address (`:9999`, `127.0.0.1:9999`, `@name`) or a constant; a
//!   constant matches a set of flags that contains it, and of what a netlink socket moves a message that is it.
//! - The comparison (`=`, `!=`, `<`, `<=`, `>`, `>=`) is of the result with a number, an errno or a name. A failure is -1.
//!
//! A pattern matches calls that have returned, each once. What never returned is matched by [`CallPattern::matches_begun`] only.

mod parse;

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::event::{Event, SockAddr, SocketId, Value};
use crate::timeline::{self, Answer, Names, Piece, Row, RowKind};

/// One pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallPattern {
    /// As it was written.
    pub text: String,
    /// None: any.
    pub role: Option<String>,
    pub call: CallName,
    pub args: Vec<ArgPattern>,
    pub result: Option<ResultPattern>,
}

/// Which calls are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallName {
    Any,
    /// A call, and those that do the same.
    Class(Class, String),
    /// This call and no other.
    Exact(String),
}

/// Calls that do the same; a program may use any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Recv,
    Send,
    Accept,
    Wait,
    Fork,
    Spawn,
    /// Of rules: the last close of an open file description, whatever does it.
    Close,
}

/// One place in the parentheses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArgPattern {
    /// `_`
    One,
    /// `..`
    Rest,
    Int(i64),
    /// A text: the bytes themselves.
    Text(Vec<u8>),
    /// A name of an object, or constants joined by `|`: all of them must be set.
    Word(Vec<String>),
    /// `host:port`, `:port` for any host, or `host:_`; in a rule or a step `{ip}:{port}`, too.
    Addr {
        host: Option<String>,
        port: Option<String>,
    },
    /// An abstract Unix name: `@name`.
    Abstract(String),
    /// `[…]`: the items in order.
    List(Vec<ArgPattern>),
    /// `conn: POLLIN`, an item of such a list.
    Ready {
        fd: Box<ArgPattern>,
        events: Box<ArgPattern>,
    },
}

/// What the result must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultPattern {
    pub op: Op,
    pub value: ResultValue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Op {
    #[serde(rename = "=")]
    Eq,
    #[serde(rename = "!=")]
    Ne,
    #[serde(rename = "<")]
    Lt,
    #[serde(rename = "<=")]
    Le,
    #[serde(rename = ">")]
    Gt,
    #[serde(rename = ">=")]
    Ge,
}

/// The signs of all comparisons; one that begins with another's stands before it.
const SIGNS: [(&str, Op); 6] =
    [("!=", Op::Ne), ("<=", Op::Le), (">=", Op::Ge), ("=", Op::Eq), ("<", Op::Lt), (">", Op::Gt)];

impl Op {
    /// As the notation writes it.
    pub fn sign(self) -> &'static str {
        SIGNS.iter().find(|(_, op)| *op == self).map_or("", |(sign, _)| sign)
    }

    /// The comparison that a text begins with, and what follows it.
    pub fn leading(text: &str) -> Option<(Op, &str)> {
        SIGNS.iter().find_map(|(sign, op)| Some((*op, text.strip_prefix(sign)?)))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResultValue {
    /// `_`: it returned.
    Any,
    Int(i64),
    Errno(String),
    /// An object, or `process 2`, `thread 2`.
    Name(String),
}

impl Op {
    pub fn holds(self, found: i64, wanted: i64) -> bool {
        match self {
            Op::Eq => found == wanted,
            Op::Ne => found != wanted,
            Op::Lt => found < wanted,
            Op::Le => found <= wanted,
            Op::Gt => found > wanted,
            Op::Ge => found >= wanted,
        }
    }
}

impl Class {
    /// The calls of this class.
    pub fn members(self) -> &'static [&'static str] {
        match self {
            Class::Recv => &["recv", "read", "readv", "recvfrom", "recvmsg", "recvmmsg"],
            Class::Send => {
                &["send", "write", "writev", "sendto", "sendmsg", "sendmmsg", "sendfile"]
            }
            Class::Accept => &["accept", "accept4"],
            Class::Wait => &[
                "poll",
                "ppoll",
                "select",
                "pselect",
                "pselect6",
                "epoll_wait",
                "epoll_pwait",
                "epoll_pwait2",
            ],
            Class::Fork => &["fork", "vfork", "clone", "clone3"],
            Class::Spawn => &["pthread_create"],
            Class::Close => &["close"],
        }
    }

    /// The class that a call's name stands for.
    pub fn of(call: &str) -> Option<Class> {
        use Class::*;
        match call {
            "wait" => Some(Wait),
            "spawn" => Some(Spawn),
            _ => [Recv, Send, Accept, Wait, Fork, Spawn, Close]
                .into_iter()
                .find(|class| class.members().contains(&call)),
        }
    }

    /// Whether its calls count only on sockets: read(2) of a file is no receiving.
    fn needs_socket(self) -> bool {
        matches!(self, Class::Recv | Class::Send)
    }
}

impl FromStr for CallPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<CallPattern, Error> {
        parse::call_pattern(text)
    }
}

/// Reads a rule's pattern: it may have places that a seed fills, such as `{ip}:{port}` for an address.
pub fn of_rule(text: &str) -> Result<CallPattern, Error> {
    parse::of_rule(text)
}

/// Reads a step of a scenario, which is written as a pattern is; `calls` are those that there are.
pub fn step(text: &str, calls: &[&str]) -> Result<CallPattern, Error> {
    parse::step(text, calls)
}

/// An error about `text`, which is written as a pattern is, at that byte: `why` goes on after "the pattern `…`".
pub fn error_in(text: &str, at: usize, why: impl Into<String>) -> Error {
    parse::error(text, at, why.into())
}

impl fmt::Display for CallPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> serde::Deserialize<'de> for CallPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<CallPattern, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl CallPattern {
    /// Whether a row tells of a call that returned, or of a signal or an end, and fits.
    pub fn matches(&self, row: &Row) -> bool {
        !matches!(row.kind, RowKind::Waits { .. }) && self.fits(&Said::of_row(row))
    }

    /// Like [`CallPattern::matches`], and also a row of a call that never returned, if the pattern asks for no result. For
    /// what must never be tried.
    pub fn matches_begun(&self, row: &Row) -> bool {
        match row.kind {
            RowKind::Waits { for_ever: true } => {
                self.result.is_none() && self.fits(&Said::of_row(row))
            }
            _ => self.matches(row),
        }
    }

    /// Whether a row tells of a call that begins to wait, and fits as far as a call can that has no result yet.
    pub fn matches_waiting(&self, row: &Row) -> bool {
        matches!(row.kind, RowKind::Waits { .. })
            && self.result.is_none()
            && self.fits(&Said::of_row(row))
    }

    /// Whether an event fits, by the names known so far: for the recorder, while a run goes on. `names`
    /// must have learned this event already.
    pub fn matches_event(&self, event: &Event, names: &Names) -> bool {
        if event.ret.is_none() && !timeline::is_no_wait(event) {
            return false;
        }
        // Cheap first: most events are of another role or call.
        if self.role.as_ref().is_some_and(|role| *role != event.role) {
            return false;
        }
        let object = event.socket.or_else(|| {
            event.args.iter().find_map(|arg| match arg.value {
                Value::Fd { socket, .. } => socket,
                _ => None,
            })
        });
        let on_socket = object.is_some_and(|id| names.is_socket(id));
        if !self.names_call(&event.call, &event.syscall, on_socket) {
            return false;
        }
        let (args, answer) = timeline::said(event, names);
        let said = Said {
            role: &event.role,
            call: &event.call,
            syscall: &event.syscall,
            args: &args,
            answer: answer.as_ref(),
            on_socket,
        };
        self.fits(&said)
    }

    fn fits(&self, said: &Said<'_>) -> bool {
        self.role.as_ref().is_none_or(|role| role == said.role)
            && self.names_call(said.call, said.syscall, said.on_socket)
            && sequence(&self.args, said.args, &|pattern, piece| said.argument(pattern, piece))
            && self.result.as_ref().is_none_or(|result| said.result(result))
    }

    fn names_call(&self, call: &str, syscall: &str, on_socket: bool) -> bool {
        match &self.call {
            CallName::Any => true,
            CallName::Exact(name) => is_called(name, call, syscall),
            CallName::Class(class, name) => {
                class.members().contains(&call) && (on_socket || !class.needs_socket())
                    // `read(stdin, ..)`: no receiving, but the very call.
                    || name == call && !matches!(name.as_str(), "recv" | "send" | "wait")
            }
        }
    }
}

/// Whether this is the call of that name, or the kernel's one beneath it where the API has none of that name.
fn is_called(name: &str, call: &str, syscall: &str) -> bool {
    name == call || name == syscall && parse::KERNEL_NAMES.contains(&name)
}

/// A call as it is said, of a row or of an event.
struct Said<'a> {
    role: &'a str,
    call: &'a str,
    syscall: &'a str,
    args: &'a [Piece],
    answer: Option<&'a Answer>,
    on_socket: bool,
}

impl<'a> Said<'a> {
    fn of_row(row: &'a Row) -> Said<'a> {
        Said {
            role: &row.role,
            call: &row.call,
            syscall: &row.syscall,
            args: &row.args,
            answer: row.answer.as_ref(),
            on_socket: row.on_socket,
        }
    }

    fn argument(&self, pattern: &ArgPattern, piece: &Piece) -> bool {
        let by_text = match pattern {
            // A masked port is in the text only.
            ArgPattern::Addr { host, port: Some(port) } if port.starts_with('P') => {
                piece.text.rsplit_once(':').is_some_and(|(shown, number)| {
                    number == port && host.as_ref().is_none_or(|host| host == shown)
                })
            }
            // A folder of the machine's, as `$TMPDIR/chat`.
            ArgPattern::Text(want) => {
                matches!(piece.value, Value::Addr(SockAddr::Unix { .. }))
                    && piece.text.as_bytes() == want
            }
            ArgPattern::Word(words) => words.len() == 1 && words[0] == piece.text,
            _ => false,
        };
        by_text || self.value(pattern, &piece.value)
    }

    fn value(&self, pattern: &ArgPattern, value: &Value) -> bool {
        match (pattern, value) {
            (ArgPattern::One | ArgPattern::Rest, _) => true,
            (ArgPattern::Int(want), Value::Int { value }) => want == value,
            (ArgPattern::Int(want), Value::Named { value, .. }) => {
                u64::try_from(*want).is_ok_and(|want| want == *value)
            }
            (ArgPattern::Int(want), Value::Fd { value, .. }) => *want == i64::from(*value),
            (ArgPattern::Text(want), Value::Bytes(bytes)) => {
                bytes.len == want.len() as u64 && bytes.data == *want
            }
            (ArgPattern::Text(want), Value::Text { value }) => value.as_bytes() == want,
            (ArgPattern::Word(words), Value::Fd { socket: Some(id), .. }) => {
                words.len() == 1 && self.is_object(*id, &words[0])
            }
            (ArgPattern::Word(words), Value::Named { text, .. }) => {
                words.iter().all(|word| text.split('|').any(|set| set == word))
            }
            (ArgPattern::Word(words), Value::Null) => words.len() == 1 && words[0] == "NULL",
            (ArgPattern::Addr { host, port }, Value::Addr(addr)) => {
                let (ip, number) = match addr {
                    SockAddr::Inet { ip, port } => (ip.to_string(), *port),
                    SockAddr::Inet6 { ip, port, .. } => (format!("[{ip}]"), *port),
                    _ => return false,
                };
                host.as_ref().is_none_or(|host| *host == ip)
                    && port.as_ref().is_none_or(|port| port.parse() == Ok(number))
            }
            (ArgPattern::Abstract(want), Value::Addr(SockAddr::Abstract { name })) => want == name,
            (ArgPattern::Text(want), Value::Addr(SockAddr::Unix { path })) => {
                path.as_bytes() == want
            }
            (ArgPattern::List(items), Value::List { items: values }) => {
                sequence(items, values, &|pattern, value| self.value(pattern, value))
            }
            (ArgPattern::Ready { fd, events }, Value::Struct { fields }) => {
                let field = |names: &[&str], pattern: &ArgPattern| {
                    let mut named = fields.iter().filter(|f| names.contains(&f.name.as_ref()));
                    named.any(|field| self.value(pattern, &field.value))
                };
                field(&["fd", "data"], fd) && field(&["events"], events)
            }
            // The parts of a message and the like: it is enough that one of them is it.
            (_, Value::Struct { fields }) => {
                fields.iter().any(|field| self.value(pattern, &field.value))
            }
            (ArgPattern::Text(_), Value::List { items }) => {
                items.iter().any(|item| self.value(pattern, item))
            }
            // What went to the kernel or came from it: it is enough that one of the messages is it.
            (ArgPattern::Word(_), Value::List { items }) if holds_messages(value) => {
                items.iter().any(|item| self.value(pattern, item))
            }
            _ => false,
        }
    }

    fn result(&self, want: &ResultPattern) -> bool {
        let Some(answer) = self.answer else { return false };
        let failed = answer.failure.as_ref().map(|failure| failure.name.as_str());
        let equal = match &want.value {
            ResultValue::Any => return true,
            ResultValue::Int(value) => return want.op.holds(answer.ret, *value),
            ResultValue::Errno(name) => {
                // The two names of one number.
                let same = |a: &str, b: &str| {
                    a == b
                        || matches!((a, b), ("EAGAIN", "EWOULDBLOCK") | ("EWOULDBLOCK", "EAGAIN"))
                };
                failed.is_some_and(|errno| same(errno, name))
            }
            ResultValue::Name(name) => {
                failed.is_none()
                    && (answer.text == *name
                        || answer.object.is_some() && is_named(&answer.text, name))
            }
        };
        equal == (want.op == Op::Eq)
    }

    fn is_object(&self, id: SocketId, want: &str) -> bool {
        let mut all = self.args.iter().flat_map(|piece| &piece.objects);
        all.find(|(known, _)| *known == id).is_some_and(|(_, name)| is_named(name, want))
    }
}

/// Whether a list is of netlink messages, or of the pieces of such.
fn holds_messages(value: &Value) -> bool {
    value.parts().any(|part| match part {
        Value::Struct { fields } => fields.iter().any(|field| field.name == "nlmsg_type"),
        _ => false,
    })
}

/// Whether an object of this name is meant. A name without a number stands for all of its kind: `conn` for `conn#2`
/// too; `conn#1` is the first alone.
pub fn is_named(name: &str, want: &str) -> bool {
    let parts = |name: &'_ str| -> (String, Option<u32>, Option<String>) {
        let (name, end) = match name.split_once('.') {
            Some((name, end)) => (name, Some(end.to_owned())),
            None => (name, None),
        };
        match name.split_once('#') {
            Some((stem, number)) => (stem.to_owned(), number.parse().ok(), end),
            None => (name.to_owned(), None, end),
        }
    };
    let (name, want) = (parts(name), parts(want));
    name.0 == want.0 && name.2 == want.2 && want.1.is_none_or(|n| n == name.1.unwrap_or(1))
}

/// Whether patterns fit a sequence, `..` standing for any number of its items.
fn sequence<T>(
    patterns: &[ArgPattern],
    items: &[T],
    fits: &impl Fn(&ArgPattern, &T) -> bool,
) -> bool {
    // Only the last `..` ever takes more: whatever one before it could give up, the last can take. To try them all would
    // need longer than anybody lives, for a list of a thousand descriptors.
    let (mut pattern, mut item, mut last) = (0, 0, None);
    loop {
        match patterns.get(pattern) {
            Some(ArgPattern::Rest) => {
                pattern += 1;
                last = Some((pattern, item));
            }
            Some(one) if items.get(item).is_some_and(|it| fits(one, it)) => {
                (pattern, item) = (pattern + 1, item + 1);
            }
            None if item == items.len() => return true,
            _ => match &mut last {
                Some((after, taken)) if *taken < items.len() => {
                    *taken += 1;
                    (pattern, item) = (*after, *taken);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Recording;
    use crate::timeline::{sample, timeline};

    fn pattern(text: &str) -> CallPattern {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    const NONE: [usize; 0] = [];

    /// The steps of a recording that fit.
    fn steps(recording: &Recording, text: &str) -> Vec<usize> {
        let pattern = pattern(text);
        let timeline = timeline(recording);
        timeline.rows.iter().filter(|row| pattern.matches(row)).map(|row| row.step).collect()
    }

    #[test]
    fn a_call_stands_for_its_class_on_sockets_only() {
        let one_shot = sample::one_shot();
        assert_eq!(steps(&one_shot, "recv(..)"), [12, 17]);
        assert_eq!(steps(&one_shot, "recvmsg(..)"), [12, 17]);
        assert_eq!(steps(&one_shot, "server: send(..)"), [13]);
        assert_eq!(steps(&one_shot, "write(stdout, ..)"), [4, 11]);
        assert_eq!(steps(&one_shot, "send(stdout, ..)"), NONE);
        assert_eq!(steps(&one_shot, "recvfrom!(..)"), NONE);
        assert_eq!(steps(&one_shot, "recv!(..)"), [12, 17]);
        assert_eq!(steps(&one_shot, "accept4(..)"), [10]);
        assert_eq!(steps(&one_shot, "accept4!(..)"), NONE);
        assert_eq!(steps(&sample::threads(), "spawn(..)"), [9, 21]);
        assert_eq!(steps(&sample::forks(), "fork(..)"), [9]);
        assert_eq!(steps(&sample::forks(), "fork() = process 2"), [9]);
        assert_eq!(steps(&sample::troubles(), "wait(..) = 0"), [6]);
        assert_eq!(steps(&sample::troubles(), "wait([listener], 500) > 0"), [11]);
        assert_eq!(steps(&sample::troubles(), "wait([listener: POLLIN, ..], _) > 0"), [11]);
    }

    #[test]
    fn what_the_timeline_prints_matches_itself() {
        for recording in
            [sample::one_shot(), sample::threads(), sample::forks(), sample::troubles()]
        {
            for row in timeline(&recording).rows {
                let args: Vec<&str> = row.args.iter().map(|piece| piece.text.as_str()).collect();
                let mut text = format!("{}: {}!({})", row.role, row.call, args.join(", "));
                match &row.answer {
                    Some(answer) if !answer.text.contains('[') => {
                        text.push_str(&format!(" = {}", answer.text));
                    }
                    _ => {}
                }
                // Shortened and masked texts, and reasons in words, are no data.
                if text.contains('…') || text.contains("P1) ") || row.call == "killed" {
                    continue;
                }
                let waits = matches!(row.kind, RowKind::Waits { .. });
                assert_eq!(pattern(&text).matches(&row), !waits, "{text}");
            }
        }
    }

    #[test]
    fn arguments_match_by_what_they_mean() {
        let one_shot = sample::one_shot();
        for (text, expected) in [
            ("_(..)", 17),
            ("recv(conn, \"你好\", 1024)", 1),
            ("recv(conn, \"\\xe4\\xbd\\xa0\\u597d\", ..)", 1),
            ("recv(conn, _, 1024)", 1),
            ("recv(conn, _)", 0),
            ("recv(.., 1024)", 2),
            ("_: recv(listener, ..)", 0),
            ("connect(sock, :9999)", 1),
            ("connect(_, 127.0.0.1:9999)", 1),
            ("connect(_, 127.0.0.1:_)", 1),
            ("connect(_, 127.0.0.2:9999)", 0),
            ("accept(_, 127.0.0.1:P1)", 1),
            ("socket(_, SOCK_STREAM, 0)", 2),
            ("socket(_, 1, _)", 2),
            ("exit(0)", 2),
            ("socket(..) = listener", 1),
            ("accept(..) != conn", 0),
            ("close(conn#1)", 1),
            ("close(conn#2)", 0),
        ] {
            assert_eq!(steps(&one_shot, text).len(), expected, "{text}");
        }
        let threads = sample::threads();
        assert_eq!(steps(&threads, "server: close(conn)"), [12, 24]);
        assert_eq!(steps(&threads, "server: close(conn#1)"), [12]);
        assert_eq!(steps(&threads, "server: close(conn#2)"), [24]);
    }

    #[test]
    fn flags_match_a_set_that_contains_them() {
        let troubles = sample::troubles();
        assert_eq!(steps(&troubles, "socket(_, SOCK_CLOEXEC, _)"), [8]);
        assert_eq!(steps(&troubles, "socket(_, SOCK_CLOEXEC|SOCK_STREAM, _)"), [8]);
        assert_eq!(steps(&troubles, "send(.., MSG_NOSIGNAL) = EPIPE"), [17]);
        assert_eq!(steps(&troubles, "signal(SIGPIPE)"), [18]);
    }

    #[test]
    fn results_compare_as_the_api_returns_them() {
        let troubles = sample::troubles();
        assert_eq!(steps(&troubles, "connect(..) = ECONNREFUSED"), [9]);
        assert_eq!(steps(&troubles, "connect(..) = -1 ECONNREFUSED (connection refused)"), [9]);
        assert_eq!(steps(&troubles, "connect(..) = -1"), [9]);
        assert_eq!(steps(&troubles, "connect(..) < 0"), [9]);
        assert_eq!(steps(&troubles, "connect(..) != ECONNREFUSED"), [10]);
        assert_eq!(steps(&troubles, "client: send(..) >= 880"), [16]);
        assert_eq!(steps(&troubles, "close(..) = EBADF"), [14]);
    }

    #[test]
    fn what_never_returned_has_begun_but_matches_no_result() {
        let timeline = timeline(&sample::deadlock());
        let last = timeline.rows.last().unwrap();
        assert!(!pattern("recv(conn, ..)").matches(last));
        assert!(pattern("recv(conn, ..)").matches_begun(last));
        assert!(!pattern("recv(conn, ..) = _").matches_begun(last));
    }

    #[test]
    fn a_role_can_start_when_an_event_matches() {
        let recording = sample::one_shot();
        let after = pattern("server: listen(listener, ..) = 0");
        let mut names = Names::new();
        let matched: Vec<u64> = recording
            .events
            .iter()
            .filter(|event| {
                names.learn(event, &recording.sockets);
                after.matches_event(event, &names)
            })
            .map(|event| event.seq)
            .collect();
        assert_eq!(matched, [3]);
    }

    #[test]
    fn every_mistake_is_told_where_it_is() {
        let wrong = [
            "",
            "recv",
            "recv(conn",
            "recv(conn,",
            "recv(conn, )",
            "recv(conn ..)",
            "recieve(conn)",
            "server: lisen(..) = 0",
            "server: frobnicate(..)",
            "server:",
            "你好: recv(conn, 'hi')",
            "recv(conn, \"hi)",
            "recv(conn, \"\\q\")",
            "recv(conn, \"a\"…\"b\", 9)",
            "recv(conn, ...)",
            "recv(..) == 2",
            "recv(..) > conn",
            "recv(..) =",
            "recv(..) 2",
            "recv(..) > 2 bytes",
            "connect(_, :99999)",
            "connect(_, 127.0.0.1)",
            "connect(_, 12x)",
            "poll([conn: POLLIN, 5)",
            "send(.., MSG_MORE|)",
        ];
        let said: Vec<String> =
            wrong.iter().map(|text| text.parse::<CallPattern>().unwrap_err().to_string()).collect();
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn numbers_and_brackets_beyond_all_bounds_are_mistakes() {
        for text in [
            "f(99999999999999999999)".replace('f', "listen"),
            "listen(-0x-8000000000000000)".into(),
            format!("poll({})", "[".repeat(100_000)),
            "listen(..) = -99999999999999999999".into(),
        ] {
            assert!(text.parse::<CallPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn many_dots_are_no_more_work_than_the_sequence_is_long() {
        let mut patterns = [const { [ArgPattern::Rest, ArgPattern::One] }; 20].concat();
        patterns.push(ArgPattern::Int(1));
        let tries = std::cell::Cell::new(0);
        let fits = |pattern: &ArgPattern, item: &i64| {
            tries.set(tries.get() + 1);
            *pattern == ArgPattern::One || *item == 1
        };
        assert!(!sequence(&patterns, &[0; 1000], &fits));
        assert!(sequence(&patterns, &[[0; 999].as_slice(), &[1]].concat(), &fits));
        assert!(tries.get() < 5000, "{} tries", tries.get());
    }
}
