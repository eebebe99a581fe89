//! Reads a step: the one notation, with the calls of the outside world.

use std::net::Ipv4Addr;

use super::texts::{Address, Template};
use super::{Action, Answer, Expected, Pieces, Step, Want, Who};
use crate::error::Error;
use crate::event::SockAddr;
use crate::pattern::{self, ArgPattern, CallName, CallPattern};

const CALLS: [&str; 22] = [
    "connect", "send", "recv", "shutdown", "close", "reset", "vanish", "slow", "bind", "join",
    "listen", "accept", "sendto", "recvfrom", "echo", "reply", "socket", "stdin", "kill", "start",
    "pass", "sleep",
];

/// The signals that a step may send.
const SIGNALS: [&str; 10] = [
    "SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGQUIT", "SIGPIPE", "SIGCHLD",
    "SIGSTOP", "SIGCONT",
];

const A_REPLY: &str = "a number and a text, then `stranger`, `damaged`, `options` or nothing";
const A_GROUP: &str = "a group of IPv4 in quotes: `\"239.255.0.26\"`";

/// Reads the step of this number.
pub(super) fn step(number: usize, text: &str) -> Result<Step<Template, Address>, Error> {
    let said = pattern::step(text, &CALLS)?;
    let reader = Reader { text, said: &said };
    let (who, does) = (reader.who()?, reader.action()?);
    let fits = match does {
        Action::Stdin(_) | Action::Kill(_) | Action::Start => matches!(who, Who::Role(_)),
        Action::Pass(_) => who == Who::Time,
        _ => matches!(who, Who::Peer(_) | Who::Each | Who::All),
    };
    if !fits {
        let name = said.role.as_deref().unwrap_or("_");
        let why = match does {
            Action::Stdin(_) | Action::Kill(_) => {
                format!(
                    "is of `{name}`, which is no program; peers have no stdin and take no signals"
                )
            }
            Action::Start => {
                format!(
                    "is of `{name}`, which is no name for a program: it begins with a small letter"
                )
            }
            Action::Pass(_) => format!("is of `{name}`; only `time` passes"),
            _ => format!(
                "is of `{name}`, which is no peer: a peer's name begins with a capital letter"
            ),
        };
        return Err(reader.flaw(0, why));
    }
    if said.result.is_some()
        && !matches!(does, Action::Connect { .. } | Action::Recv(_) | Action::RecvFrom(_))
    {
        return Err(reader.flaw(
            reader.after_args(),
            "asks for a result; only connect, recv and recvfrom have one",
        ));
    }
    Ok(Step { number, text: text.trim().into(), who, does })
}

struct Reader<'a> {
    text: &'a str,
    said: &'a CallPattern,
}

impl Reader<'_> {
    fn who(&self) -> Result<Who, Error> {
        let Some(name) = &self.said.role else {
            return Err(self.flaw(0, "does not say whose step it is, such as `A: `"));
        };
        Ok(match name.as_str() {
            "each" => Who::Each,
            "all" => Who::All,
            "time" => Who::Time,
            name if name.starts_with(|c: char| c.is_uppercase()) => Who::Peer(name.into()),
            name => Who::Role(name.into()),
        })
    }

    fn action(&self) -> Result<Action<Template, Address>, Error> {
        let CallName::Exact(call) = &self.said.call else {
            return Err(self.flaw(0, "lacks a call"));
        };
        let args = self.said.args.as_slice();
        Ok(match (call.as_str(), args) {
            ("socket", [ArgPattern::Word(domain), ArgPattern::Word(type_)]) => {
                let (domain, type_) = (domain.join("|"), type_.join("|"));
                let known = match type_.as_str() {
                    "SOCK_RAW" => domain == "AF_INET",
                    "SOCK_STREAM" | "SOCK_DGRAM" | "SOCK_SEQPACKET" => {
                        ["AF_INET", "AF_INET6", "AF_UNIX"].contains(&domain.as_str())
                    }
                    _ => false,
                };
                if !known {
                    return Err(self.wrong("AF_INET, AF_INET6 or AF_UNIX, then SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET, or AF_INET, then SOCK_RAW"));
                }
                Action::Socket { domain, type_ }
            }
            ("bind", [addr]) => Action::Bind(self.address(addr)?),
            ("join", [ArgPattern::Text(group)]) => Action::Join(self.group(group)?),
            ("listen", [ArgPattern::Int(backlog)]) => Action::Listen(*backlog as i32),
            ("accept", []) => Action::Accept,
            ("connect", [addr]) => Action::Connect { to: self.dialled(addr)?, want: self.want()? },
            ("send", [ArgPattern::Text(text)]) => {
                Action::Send { text: self.some(text)?, how: Pieces::One }
            }
            ("send", [ArgPattern::Text(text), ArgPattern::Word(how)]) => {
                let how = match how.join("|").as_str() {
                    "split" => Pieces::Bytes,
                    "chunks" => Pieces::Random,
                    "glued" => Pieces::One,
                    "first" => Pieces::First,
                    _ => {
                        return Err(self
                            .wrong("a text, then `split`, `chunks`, `glued`, `first` or nothing"));
                    }
                };
                Action::Send { text: self.some(text)?, how }
            }
            ("recv", args) => Action::Recv(self.expected(args, false)?),
            ("recvfrom", args) => Action::RecvFrom(self.expected(args, true)?),
            ("sendto", [ArgPattern::One, ArgPattern::Text(text)]) => {
                Action::SendTo { to: None, text: self.template(text)? }
            }
            ("sendto", [addr, ArgPattern::Text(text)]) => {
                Action::SendTo { to: Some(self.address(addr)?), text: self.template(text)? }
            }
            ("echo", [ArgPattern::Int(seq), ArgPattern::Text(text)]) => {
                Action::Echo { seq: self.number(*seq)?, text: self.template(text)? }
            }
            ("reply", [ArgPattern::Int(seq), ArgPattern::Text(text), how @ ..]) => {
                let how = match how {
                    [] => Answer::Right,
                    [ArgPattern::Word(how)] => match how.join("|").as_str() {
                        "stranger" => Answer::Stranger,
                        "damaged" => Answer::Damaged,
                        "options" => Answer::Options,
                        _ => return Err(self.wrong(A_REPLY)),
                    },
                    _ => return Err(self.wrong(A_REPLY)),
                };
                Action::Reply { seq: self.number(*seq)?, text: self.template(text)?, how }
            }
            ("shutdown", [ArgPattern::Word(how)])
                if how.len() == 1
                    && ["SHUT_RD", "SHUT_WR", "SHUT_RDWR"].contains(&how[0].as_str()) =>
            {
                Action::Shutdown(how[0].clone())
            }
            ("close", []) => Action::Close,
            ("reset", []) => Action::Reset,
            ("vanish", []) => Action::Vanish,
            ("slow", []) => Action::Slow,
            ("stdin", []) => Action::Stdin(None),
            ("stdin", [ArgPattern::Text(text)]) => Action::Stdin(Some(self.template(text)?)),
            ("kill", [ArgPattern::Word(signal)])
                if signal.len() == 1 && SIGNALS.contains(&signal[0].as_str()) =>
            {
                Action::Kill(signal[0].clone())
            }
            ("start", []) => Action::Start,
            ("pass", []) => Action::Pass(None),
            ("pass", [ArgPattern::Word(time)]) => Action::Pass(Some(self.time(&time.join("|"))?)),
            ("sleep", _) => {
                let at = self.text.find("sleep").unwrap_or(0);
                return Err(self.flaw(
                    at,
                    "sleeps; nothing here does: `time: pass(1s)` lets virtual time pass",
                ));
            }
            (call, _) => {
                return Err(self.wrong(match call {
                    "socket" => "a domain and a type: `socket(AF_UNIX, SOCK_SEQPACKET)`",
                    "bind" | "connect" => {
                        "an address: `:9999`, `[::1]:9999`, `@name` or `\"/path\"`"
                    }
                    "join" => A_GROUP,
                    "listen" => "a backlog",
                    "send" | "sendto" if call == "send" => {
                        "a text, then `split`, `chunks`, `glued`, `first` or nothing"
                    }
                    "sendto" => "an address, or `_` for whoever sent the last datagram, and a text",
                    "echo" => "a number and a text",
                    "reply" => A_REPLY,
                    "shutdown" => "SHUT_RD, SHUT_WR or SHUT_RDWR",
                    "stdin" => "one line, or nothing for end of file",
                    "kill" => "a signal that a program can be sent, such as SIGTERM",
                    "pass" => "a time such as `2s`, or nothing",
                    _ => "nothing",
                }));
            }
        })
    }

    /// What a receive asks for: texts and `..`, or a result.
    fn expected(&self, args: &[ArgPattern], datagram: bool) -> Result<Expected<Template>, Error> {
        if args.is_empty() {
            if self.said.result.is_none() {
                return Err(self.wrong(
                    "what must have come (`\"text\"`, or `..` for anything), or a result (`= 0`)",
                ));
            }
            return Ok(Expected::Result(self.want()?));
        }
        if self.said.result.is_some() {
            return Err(self
                .flaw(self.after_args(), "asks for data and for a result; one of them is enough"));
        }
        let mut pieces = Vec::new();
        for arg in args {
            pieces.push(match arg {
                ArgPattern::Rest | ArgPattern::One => None,
                ArgPattern::Text(text) => Some(self.template(text)?),
                _ => return Err(self.wrong("texts, and `..` for any bytes between them")),
            });
        }
        // On a stream nothing is no message.
        if !datagram && pieces.iter().all(|piece| piece.as_ref().is_some_and(Template::is_empty)) {
            return Err(self.wrong("something: a stream has no empty messages; `recv() = -1 EAGAIN` says that nothing came"));
        }
        Ok(Expected::Data(pieces))
    }

    fn want(&self) -> Result<Want, Error> {
        Want::of(self.said.result.as_ref()).map_err(|why| self.flaw(self.after_args(), why))
    }

    /// A sequence number.
    fn number(&self, value: i64) -> Result<u16, Error> {
        value.try_into().map_err(|_| self.wrong("a number from 0 to 65535, and a text"))
    }

    fn template(&self, text: &[u8]) -> Result<Template, Error> {
        Template::read(text, self.text)
    }

    fn some(&self, text: &[u8]) -> Result<Template, Error> {
        match text.is_empty() {
            true => Err(self.wrong("something: a stream has no empty messages")),
            false => self.template(text),
        }
    }

    fn address(&self, arg: &ArgPattern) -> Result<Address, Error> {
        let wrong = || self.wrong("an address: `:9999`, `[::1]:9999`, `@name` or `\"/path\"`");
        match arg {
            ArgPattern::Addr { host, port: Some(port) } => {
                Address::inet(host.as_deref(), port).ok_or_else(wrong)
            }
            ArgPattern::Abstract(name) => Ok(SockAddr::Abstract { name: name.clone() }.into()),
            ArgPattern::Text(path) => match std::str::from_utf8(path) {
                Ok(path) if !path.is_empty() => Ok(SockAddr::Unix { path: path.into() }.into()),
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }

    /// An address to connect to; its port is 0 where the kernel chose it: `127.0.0.2:_`.
    fn dialled(&self, arg: &ArgPattern) -> Result<Address, Error> {
        match arg {
            ArgPattern::Addr { host, port: None } => {
                self.address(&ArgPattern::Addr { host: host.clone(), port: Some("0".into()) })
            }
            _ => self.address(arg),
        }
    }

    fn group(&self, text: &[u8]) -> Result<Ipv4Addr, Error> {
        let group: Option<Ipv4Addr> =
            std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        group.filter(Ipv4Addr::is_multicast).ok_or_else(|| self.wrong(A_GROUP))
    }

    /// `2s`, `0.5s` in nanoseconds.
    fn time(&self, text: &str) -> Result<u64, Error> {
        let seconds = text.strip_suffix('s').and_then(|text| text.parse::<f64>().ok());
        // A year; what is longer is a slip.
        const MOST: f64 = 366.0 * 86_400.0;
        match seconds {
            Some(seconds) if seconds > 0.0 && seconds <= MOST => Ok((seconds * 1e9) as u64),
            _ => Err(self.wrong("a time such as `2s`, or nothing")),
        }
    }

    /// What the parentheses should hold.
    fn wrong(&self, wanted: &str) -> Error {
        let at = self.text.find('(').map_or(0, |at| at + 1);
        self.flaw(at, format!("should have in its parentheses {wanted}"))
    }

    fn after_args(&self) -> usize {
        self.text.rfind(')').map_or(0, |at| at + 1)
    }

    fn flaw(&self, at: usize, why: impl Into<String>) -> Error {
        pattern::error_in(self.text, at, why)
    }
}
