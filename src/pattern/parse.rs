//! Reads a pattern. Each mistake is told where it is and with what was expected there.

use std::net::{Ipv4Addr, Ipv6Addr};

use unicode_width::UnicodeWidthStr;
use winnow::combinator::{alt, opt, peek};
use winnow::error::ParserError;
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location, Stream};
use winnow::token::{any, literal, one_of, rest, take_while};

use super::{ArgPattern, CallName, CallPattern, Class, Op, ResultPattern, ResultValue};
use crate::error::Error;

/// Names that only the kernel has for its calls; the API calls them otherwise.
pub(super) const KERNEL_NAMES: [&str; 11] = [
    "clone",
    "clone3",
    "epoll_pwait2",
    "eventfd2",
    "exit_group",
    "newfstatat",
    "pselect6",
    "pipe2",
    "rt_sigaction",
    "signalfd4",
    "wait4",
];

/// The calls of the API that a learner may mean, for "did you mean".
#[rustfmt::skip]
const CALLS: &str = "accept accept4 alarm bind clock_nanosleep close close_range connect dup dup2 dup3 \
    epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_wait eventfd execve exit fcntl fork futex getpeername \
    getsockname getsockopt io_uring_enter io_uring_register io_uring_setup ioctl kill killed listen nanosleep open \
    openat pause pidfd_getfd pidfd_open pidfd_send_signal pipe pipe2 poll ppoll pread preadv pselect pthread_create \
    pthread_exit pwrite pwritev read readv recv recvfrom recvmmsg recvmsg sched_yield select send sendfile sendmmsg \
    sendmsg sendto setitimer setsockopt shutdown sigaction signal signalfd sigpending sigprocmask sigreturn \
    sigsuspend sigtimedwait socket socketpair spawn splice tee tgkill timerfd_create timerfd_gettime \
    timerfd_settime unlink unlinkat vfork wait waitid waitpid write writev";

type Input<'a> = LocatingSlice<&'a str>;
type Parsed<T> = std::result::Result<T, Flaw>;

/// What is wrong, at which byte.
#[derive(Debug)]
struct Flaw {
    at: usize,
    why: String,
}

impl<'a> ParserError<Input<'a>> for Flaw {
    type Inner = Flaw;

    fn from_input(input: &Input<'a>) -> Flaw {
        Flaw { at: input.current_token_start(), why: "cannot be read from here".into() }
    }

    fn into_inner(self) -> std::result::Result<Flaw, Flaw> {
        Ok(self)
    }
}

/// Reads a whole pattern, in which all is said.
pub(super) fn call_pattern(text: &str) -> Result<CallPattern, Error> {
    let pattern = of_rule(text)?;
    match pattern.args.iter().find_map(place_in) {
        Some(place) => {
            let why = format!("has `{place}`, which a seed fills in rules and scenarios only");
            Err(error(text, text.find(place).unwrap_or(0), why))
        }
        None => Ok(pattern),
    }
}

fn place_in(arg: &ArgPattern) -> Option<&str> {
    match arg {
        ArgPattern::Addr { host, port } => {
            [host, port].into_iter().flatten().map(String::as_str).find(|it| it.starts_with('{'))
        }
        ArgPattern::List(items) => items.iter().find_map(place_in),
        _ => None,
    }
}

/// Reads a whole pattern, which may have places for what a seed chooses.
pub(super) fn of_rule(text: &str) -> Result<CallPattern, Error> {
    let mut input = LocatingSlice::new(text);
    pattern(&mut input, None).map_err(|flaw| error(text, flaw.at, flaw.why))
}

/// Reads a whole step of a scenario: a pattern with other calls.
pub(super) fn step(text: &str, calls: &[&str]) -> Result<CallPattern, Error> {
    let mut input = LocatingSlice::new(text);
    pattern(&mut input, Some(calls)).map_err(|flaw| error(text, flaw.at, flaw.why))
}

/// What is wrong with `text` at that byte.
pub(super) fn error(text: &str, at: usize, why: String) -> Error {
    let before = text.get(..at).unwrap_or(text);
    Error::Pattern { text: text.into(), column: before.width() + 1, why }
}

fn flaw<T>(input: &Input<'_>, why: impl Into<String>) -> Parsed<T> {
    Err(Flaw { at: input.current_token_start(), why: why.into() })
}

/// `only`: the calls that there are, if not those of the API.
fn pattern(input: &mut Input<'_>, only: Option<&[&str]>) -> Parsed<CallPattern> {
    let text = input.as_ref().trim().to_owned();
    blanks(input)?;
    if input.is_empty() {
        return flaw(input, "is empty; an example: `client: recv(conn, ..) > 0`");
    }
    // Nothing that is shown is nested deeper; a parser that calls itself must end somewhere.
    if let Some((at, _)) = input.match_indices('[').nth(32) {
        return Err(Flaw { at, why: "has too many brackets".into() });
    }
    let role = opt(role).parse_next(input)?.flatten();
    blanks(input)?;
    let call = match only {
        Some(calls) => call_of(input, calls)?,
        None => call(input)?,
    };
    blanks(input)?;
    if !eat(input, "(") {
        return flaw(input, "lacks `(` after the call; `(..)` stands for any arguments");
    }
    let args = list(input, ")", "a closing parenthesis")?;
    blanks(input)?;
    let result = if input.is_empty() { None } else { Some(comparison(input)?) };
    blanks(input)?;
    if !input.is_empty() {
        return flaw(input, "goes on after its end");
    }
    Ok(CallPattern { text, role, call, args, result })
}

/// `client:`, or `_:` for any.
fn role(input: &mut Input<'_>) -> Parsed<Option<String>> {
    let name = take_while(1.., |c: char| c.is_alphanumeric() || c == '_' || c == '-');
    let (name, _, _) = (name, blanks, literal(":")).parse_next(input)?;
    Ok((name != "_").then(|| name.to_owned()))
}

fn call(input: &mut Input<'_>) -> Parsed<CallName> {
    let start = input.checkpoint();
    let name: &str = match opt(word).parse_next(input)? {
        Some(name) => name,
        None => return flaw(input, "lacks a call, such as `recv(..)`"),
    };
    if name == "_" {
        return Ok(CallName::Any);
    }
    // A call that the recorder does not decode has the kernel's name.
    let known = calls().any(|call| call == name) || name.parse::<syscalls::Sysno>().is_ok();
    if !known {
        input.reset(&start);
        let mut why = format!("names no call: `{name}`");
        if let Some(near) = nearest(name) {
            why.push_str(&format!("; did you mean `{near}`?"));
        }
        return flaw(input, why);
    }
    if eat(input, "!") {
        return Ok(CallName::Exact(name.into()));
    }
    Ok(match Class::of(name) {
        Some(class) => CallName::Class(class, name.into()),
        None => CallName::Exact(name.into()),
    })
}

/// One of these and no other.
fn call_of(input: &mut Input<'_>, calls: &[&str]) -> Parsed<CallName> {
    let start = input.checkpoint();
    let Some(name) = opt(word).parse_next(input)? else {
        return flaw(input, "lacks a call, such as `recv(..)`");
    };
    if calls.contains(&name) {
        return Ok(CallName::Exact(name.into()));
    }
    input.reset(&start);
    let likeness = |call: &&&str| strsim::jaro_winkler(call, name);
    let near = calls.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let why = match near.filter(|near| likeness(near) > 0.8) {
        Some(near) => format!("names no step: `{name}`; did you mean `{near}`?"),
        None => format!("names no step: `{name}`; there are {}", calls.join(", ")),
    };
    flaw(input, why)
}

fn calls() -> impl Iterator<Item = &'static str> {
    CALLS.split_whitespace()
}

/// The known call that is most like this one, if any is.
fn nearest(name: &str) -> Option<&'static str> {
    // What other languages and old habits call them.
    let known = match name.to_ascii_lowercase().as_str() {
        "receive" | "recieve" => Some("recv"),
        "epoll" => Some("epoll_wait"),
        "thread" => Some("spawn"),
        "clone_thread" => Some("spawn"),
        _ => None,
    };
    let lower = name.to_ascii_lowercase();
    known.or_else(|| {
        calls()
            .map(|call| (strsim::jaro_winkler(call, &lower), call))
            .filter(|(likeness, _)| *likeness > 0.8)
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, call)| call)
    })
}

/// Arguments up to `end`, which is eaten; `called` for the message.
fn list(input: &mut Input<'_>, end: &str, called: &str) -> Parsed<Vec<ArgPattern>> {
    let mut args = Vec::new();
    blanks(input)?;
    if eat(input, end) {
        return Ok(args);
    }
    loop {
        blanks(input)?;
        if input.is_empty() {
            return flaw(input, format!("lacks {called}"));
        }
        let arg = argument(input)?;
        // `.., ..` says no more than `..`.
        if !(arg == ArgPattern::Rest && args.last() == Some(&ArgPattern::Rest)) {
            args.push(arg);
        }
        blanks(input)?;
        if eat(input, end) {
            return Ok(args);
        }
        if !eat(input, ",") {
            let why = if input.is_empty() {
                format!("lacks {called}")
            } else if input.starts_with('…') {
                "holds a shortened text, which no data is equal to; write `_`".into()
            } else {
                format!("lacks a comma or {called}")
            };
            return flaw(input, why);
        }
    }
}

fn argument(input: &mut Input<'_>) -> Parsed<ArgPattern> {
    let first = peek(any).parse_next(input)?;
    match first {
        '"' => text(input).map(ArgPattern::Text),
        '.' if input.starts_with("...") => flaw(input, "has three dots; the rest is `..`"),
        '.' if eat(input, "..") => Ok(ArgPattern::Rest),
        ':' => {
            eat(input, ":");
            Ok(ArgPattern::Addr { host: None, port: port(input)? })
        }
        '[' => bracket(input),
        '@' => {
            eat(input, "@");
            let name =
                take_while(0.., |c: char| !matches!(c, ',' | ')' | ' ')).parse_next(input)?;
            Ok(match name.starts_with("auto#") {
                true => ArgPattern::Word(vec![format!("@{name}")]),
                false => ArgPattern::Abstract(name.to_owned()),
            })
        }
        '/' | '$' => {
            let path =
                take_while(1.., |c: char| !matches!(c, ',' | ')' | ' ')).parse_next(input)?;
            Ok(ArgPattern::Word(vec![path.to_owned()]))
        }
        '-' | '0'..='9' => number(input),
        '{' => {
            let host = Some(place(input)?.to_owned());
            match eat(input, ":") {
                true => Ok(ArgPattern::Addr { host, port: port(input)? }),
                false => flaw(input, "lacks a port after the address, such as `:9999` or `:_`"),
            }
        }
        c if c.is_alphabetic() || c == '_' => words(input),
        ',' | ')' | ']' => flaw(input, "lacks an argument; `_` stands for any one"),
        '\'' => flaw(input, "has a text in single quotes; texts stand in double quotes"),
        _ => flaw(input, "has an argument that cannot be read"),
    }
}

/// `conn`, `SHUT_WR`, `POLLIN|POLLHUP`.
fn words(input: &mut Input<'_>) -> Parsed<ArgPattern> {
    let first = name(input)?;
    if first == "_" {
        return Ok(ArgPattern::One);
    }
    // `fd 4`, `process 2`: what has no other name.
    if matches!(first.as_str(), "fd" | "process" | "thread") {
        let number = (blanks, take_while(1.., |c: char| c.is_ascii_digit()));
        if let Some((_, number)) = opt(number).parse_next(input)? as Option<((), &str)> {
            return Ok(ArgPattern::Word(vec![format!("{first} {number}")]));
        }
    }
    let mut words = vec![first];
    loop {
        let before = input.checkpoint();
        blanks(input)?;
        if !eat(input, "|") {
            input.reset(&before);
            return Ok(ArgPattern::Word(words));
        }
        blanks(input)?;
        match opt(name).parse_next(input)? {
            Some(next) => words.push(next),
            None => return flaw(input, "lacks a constant after `|`"),
        }
    }
}

/// A number, an IPv4 address with its port, or a time as the timeline shows it.
fn number(input: &mut Input<'_>) -> Parsed<ArgPattern> {
    let start = input.checkpoint();
    let mut token = take_while(1.., |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    let token: &str = token.parse_next(input)?;
    // `5..` is a number and the rest, with the comma forgotten.
    if let Some(dots) = token.find("..") {
        input.reset(&start);
        let _ = literal(&token[..dots]).parse_next(input)?;
        return flaw(input, "lacks a comma before `..`");
    }
    if token.parse::<Ipv4Addr>().is_ok() {
        let host = Some(token.to_owned());
        return match eat(input, ":") {
            true => Ok(ArgPattern::Addr { host, port: port(input)? }),
            false => flaw(input, "lacks a port after the address, such as `:9999` or `:_`"),
        };
    }
    if let Some(value) = integer(token) {
        return Ok(ArgPattern::Int(value));
    }
    if token.strip_suffix('s').is_some_and(|t| t.parse::<f64>().is_ok()) {
        return Ok(ArgPattern::Word(vec![token.to_owned()]));
    }
    input.reset(&start);
    flaw(input, format!("has `{token}` where a number or an address could be"))
}

fn integer(token: &str) -> Option<i64> {
    let (sign, digits) = token.strip_prefix('-').map_or((1, token), |digits| (-1, digits));
    let value = match digits.strip_prefix("0x") {
        Some(hex) if !hex.starts_with(['-', '+']) => i64::from_str_radix(hex, 16).ok()?,
        _ => digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok())??,
    };
    Some(sign * value)
}

/// `{ip}`: what a seed chooses.
fn place<'t>(input: &mut Input<'t>) -> Parsed<&'t str> {
    let inside = take_while(1.., |c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    match opt(("{", inside, "}").take()).parse_next(input)? {
        Some(place) => Ok(place),
        None => flaw(input, "has a brace that is no place such as `{ip}`"),
    }
}

/// What follows the colon of an address: a number, `P1`, `{port}`, or `_` for any.
fn port(input: &mut Input<'_>) -> Parsed<Option<String>> {
    if input.starts_with('{') {
        return place(input).map(|place| Some(place.to_owned()));
    }
    let start = input.checkpoint();
    let token = opt(take_while(1.., |c: char| c.is_ascii_alphanumeric() || c == '_'))
        .parse_next(input)?
        .unwrap_or("");
    let masked = token.strip_prefix('P').is_some_and(|n| n.parse::<u16>().is_ok());
    if token == "_" {
        return Ok(None);
    }
    if masked
        || !token.is_empty()
            && token.bytes().all(|b| b.is_ascii_digit())
            && token.parse::<u16>().is_ok()
    {
        return Ok(Some(token.to_owned()));
    }
    input.reset(&start);
    flaw(input, "lacks a port: a number up to 65535, `P1` or `_`")
}

/// `[::1]:80`, or a list.
fn bracket(input: &mut Input<'_>) -> Parsed<ArgPattern> {
    let whole: &str = peek(rest).parse_next(input)?;
    let inner = whole.strip_prefix('[').and_then(|t| t.split_once("]:"));
    if let Some((host, _)) = inner {
        let ip = host.split_once('%').map_or(host, |(ip, _)| ip);
        if let Ok(ip) = ip.parse::<Ipv6Addr>() {
            let _ = literal(&whole[..host.len() + 3]).parse_next(input)?;
            return Ok(ArgPattern::Addr { host: Some(format!("[{ip}]")), port: port(input)? });
        }
    }
    eat(input, "[");
    let mut items = Vec::new();
    blanks(input)?;
    if eat(input, "]") {
        return Ok(ArgPattern::List(items));
    }
    loop {
        blanks(input)?;
        if input.is_empty() {
            return flaw(input, "lacks a closing bracket");
        }
        let item = argument(input)?;
        blanks(input)?;
        if eat(input, ":") {
            blanks(input)?;
            let events = argument(input)?;
            items.push(ArgPattern::Ready { fd: Box::new(item), events: Box::new(events) });
            blanks(input)?;
        } else {
            items.push(item);
        }
        if eat(input, "]") {
            return Ok(ArgPattern::List(items));
        }
        if !eat(input, ",") {
            return flaw(input, "lacks a comma or a closing bracket");
        }
    }
}

/// A text in double quotes, with the escapes that the timeline writes.
fn text(input: &mut Input<'_>) -> Parsed<Vec<u8>> {
    let start = input.checkpoint();
    eat(input, "\"");
    let mut bytes = Vec::new();
    loop {
        let before = input.checkpoint();
        let Some(c) = opt(any).parse_next(input)? else {
            input.reset(&start);
            return flaw(input, "lacks the closing quote of this text");
        };
        match c {
            '"' => return Ok(bytes),
            '\\' => {
                let escape: Option<char> = opt(any).parse_next(input)?;
                let code = |input: &mut Input<'_>, digits: usize| {
                    let hex = take_while(digits, |c: char| c.is_ascii_hexdigit());
                    let hex: Option<&str> = opt(hex).parse_next(input)?;
                    Ok::<_, Flaw>(hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()))
                };
                let braced = |input: &mut Input<'_>| {
                    let hex = (
                        literal("{"),
                        take_while(1..=6, |c: char| c.is_ascii_hexdigit()),
                        literal("}"),
                    );
                    let hex = opt(hex).parse_next(input)?.map(|(_, hex, _): (_, &str, _)| hex);
                    Ok::<_, Flaw>(hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()))
                };
                let character = match escape {
                    Some('n') => Some('\n'),
                    Some('r') => Some('\r'),
                    Some('t') => Some('\t'),
                    Some('0') => Some('\0'),
                    Some(c @ ('"' | '\\' | '\'')) => Some(c),
                    Some('x') => match code(input, 2)? {
                        Some(byte) => {
                            bytes.push(byte as u8);
                            continue;
                        }
                        None => None,
                    },
                    Some('u') if input.starts_with('{') => braced(input)?.and_then(char::from_u32),
                    Some('u') => code(input, 4)?.and_then(char::from_u32),
                    Some('U') => code(input, 8)?.and_then(char::from_u32),
                    _ => None,
                };
                let Some(c) = character else {
                    input.reset(&before);
                    return flaw(
                        input,
                        "has an unknown escape; known are \\n \\r \\t \\0 \\\" \\\\ \\xe4 \\u4f60",
                    );
                };
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

fn comparison(input: &mut Input<'_>) -> Parsed<ResultPattern> {
    if input.starts_with("==") {
        return flaw(input, "has `==`; equal is `=`");
    }
    let Some((op, _)) = Op::leading(input) else {
        return flaw(
            input,
            "goes on after the parenthesis with no comparison (`=`, `!=`, `<`, `<=`, `>`, `>=`)",
        );
    };
    eat(input, op.sign());
    blanks(input)?;
    let start = input.checkpoint();
    let sign_or_digit =
        opt(peek(one_of(|c: char| c == '-' || c.is_ascii_digit()))).parse_next(input)?;
    if sign_or_digit.is_some() {
        let mut token = take_while(1.., |c: char| c.is_ascii_alphanumeric() || c == '-');
        let token: &str = token.parse_next(input)?;
        let Some(value) = integer(token) else {
            input.reset(&start);
            return flaw(input, format!("has `{token}` where a number could be"));
        };
        // `= -1 ECONNREFUSED`, as the timeline writes it; its meaning in words may follow.
        let before = input.checkpoint();
        blanks(input)?;
        if let (-1, Some(errno)) = (value, opt(name).parse_next(input)?) {
            if !is_errno(&errno) {
                input.reset(&before);
                return flaw(input, "goes on after its result");
            }
            blanks(input)?;
            if eat(input, "(") {
                let _: &str = take_while(0.., |c: char| c != ')').parse_next(input)?;
                eat(input, ")");
            }
            return Ok(ResultPattern { op, value: ResultValue::Errno(errno) });
        }
        input.reset(&before);
        return Ok(ResultPattern { op, value: ResultValue::Int(value) });
    }
    let Some(word) = opt(name).parse_next(input)? else {
        return flaw(input, "lacks a result to compare with: a number, an errno or a name");
    };
    let value = match word.as_str() {
        "_" => ResultValue::Any,
        "process" | "thread" => {
            blanks(input)?;
            match opt(take_while(1.., |c: char| c.is_ascii_digit())).parse_next(input)? {
                Some(number) => ResultValue::Name(format!("{word} {number}")),
                None => return flaw(input, format!("lacks a number after `{word}`")),
            }
        }
        _ if is_errno(&word) => ResultValue::Errno(word),
        _ => ResultValue::Name(word),
    };
    if !matches!(op, Op::Eq | Op::Ne) {
        input.reset(&start);
        return flaw(input, "compares a name by size; with a name only `=` and `!=` go");
    }
    Ok(ResultPattern { op, value })
}

fn is_errno(word: &str) -> bool {
    word.len() > 2
        && word.starts_with('E')
        && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// `conn#2`, `pipe.r`, `SO_REUSEADDR`.
fn name(input: &mut Input<'_>) -> Parsed<String> {
    let first = word(input)?;
    let mut name = first.to_owned();
    let number = (literal("#"), take_while(1.., |c: char| c.is_ascii_digit()));
    if let Some((_, number)) = opt(number).parse_next(input)? as Option<(&str, &str)> {
        name.push_str(&format!("#{number}"));
    }
    if let Some(end) = opt(alt((literal(".r"), literal(".w")))).parse_next(input)? as Option<&str> {
        name.push_str(end);
    }
    Ok(name)
}

fn word<'a>(input: &mut Input<'a>) -> Parsed<&'a str> {
    let before = input.checkpoint();
    let word: &str =
        take_while(1.., |c: char| c.is_alphanumeric() || c == '_').parse_next(input)?;
    if word.starts_with(|c: char| c.is_numeric()) {
        input.reset(&before);
        return flaw(input, "has a number where a name could be");
    }
    Ok(word)
}

fn blanks(input: &mut Input<'_>) -> Parsed<()> {
    take_while(0.., char::is_whitespace).void().parse_next(input)
}

fn eat(input: &mut Input<'_>, what: &str) -> bool {
    let before = input.checkpoint();
    let eaten: Parsed<&str> = literal(what).parse_next(input);
    if eaten.is_err() {
        input.reset(&before);
    }
    eaten.is_ok()
}
