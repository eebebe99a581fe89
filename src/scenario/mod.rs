//! What the outside world does to a program: steps of peers, stdin lines, signals, time.
//!
//! ```text
//! lesson.toml ─ Plan ── fill(seed) ─→ Script ── carried out, a cue at each quiet moment ─→ Recording.steps
//!                 └──── checkpoints(&recording, &timeline) ─→ what did not hold at its moment
//! ```
//!
//! A step is written in the one notation, with calls of its own:
//!
//! | step | what the world does |
//! |---|---|
//! | `A: connect(:9999)` | a peer connects; to `127.0.0.1:9999`, `[::1]:9999`, `@name` or `"/path"` as well; `:_` is the port where the program listens |
//! | `A: send("{text}")` | sends it in one go; `, split` a byte at each quiet moment, `, chunks` pieces of random lengths, `, first` reads nothing meanwhile |
//! | `A: recv("欢迎")` | must have received exactly this by now; `..` stands for any bytes: `A: recv("b'", .., "'")` |
//! | `A: recv() = 0` | must find this result, and no data: end of file, `= -1 ECONNRESET`, `= -1 EAGAIN` (nothing came) |
//! | `A: shutdown(SHUT_WR)` `A: close()` `A: reset()` | ends its direction; closes what it talks on, else its listener; a real RST |
//! | `A: vanish()` | drops all that comes in from now on, as if its cable were cut |
//! | `A: slow()` | from now on reads a byte per quiet moment, 64 times, then lets go; to make a writer wait takes more than the buffers hold: `{binary:1048576}` |
//! | `A: bind(:9999)` `A: listen(5)` `A: accept()` | a peer that is a server, or a datagram socket with an address |
//! | `A: sendto(:9999, "x")` `A: recvfrom("x")` | one datagram; `_` for the address: whoever sent the last one |
//! | `A: join("239.255.0.26")` | takes part in a group: what is sent to it comes to the port that it is bound to |
//! | `A: socket(AF_UNIX, SOCK_SEQPACKET)` | what the other steps of `A` do not tell already |
//! | `A: socket(AF_INET, SOCK_RAW)` | a peer that answers echos of ICMP from now on, and in place of the kernel |
//! | `A: echo(1, "{text}")` | an echo must have come with this number and this text, and its right checksum |
//! | `A: reply(1, "{text}")` | a reply to the last echo, with that one's id; `, stranger` with another, `, damaged` with a wrong checksum, `, options` behind a longer IP header |
//! | `server: stdin("line")` `server: stdin()` | a line on its stdin; end of file |
//! | `server: kill(SIGTERM)` | a signal to its first process |
//! | `again: start()` | the program under test is started once more; from then on that process is the role `again` |
//! | `time: pass()` `time: pass(2s)` | the next timer fires; so much virtual time passes |
//!
//! What peers set up in the first steps (`socket`, `bind`, `join`, `listen`, `slow`) is there before the program starts; every other
//! step is taken up when nobody can move. A `recv` that has nothing yet waits for the programs' timers, a second of virtual
//! time at most; all else takes no time.
//!
//! A peer's name begins with a capital letter. `each` and `all` are the clients `C1`, `C2` …, as many as the scenario says:
//! a run of `each:` steps is done by one client after the other, an `all:` step by all of them before the next step.
//!
//! In texts `{text}`, `{word}`, `{utf8}`, `{long}`, `{binary}`, `{n}`, `{ip}` and `{port}` stand for what the seed chooses,
//! and so do the last two in an address: `{ip}:{port}`. They are the same wherever they stand, but for clients, each of
//! which has its own; see [`texts`].

mod checkpoints;
mod early;
pub mod names;
pub mod network;
mod steps;
pub mod texts;

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::event::SockAddr;
use crate::pattern::{CallPattern, Op, ResultPattern, ResultValue};

pub use checkpoints::{Missed, Wanted, checkpoints};
use names::{Names, Table};
use network::Network;
use texts::{Address, Template, Texts};

/// A scenario as lesson.toml tells it, read and checked; texts are not chosen yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Plan {
    pub name: String,
    /// The role that the program under test plays; `None`: the one that the lesson grades.
    pub role: Option<String>,
    pub with: Option<With>,
    /// How many clients `each` and `all` are, at least and at most.
    pub clients: (u32, u32),
    pub steps: Vec<Step<Template, Address>>,
    pub checkpoints: Vec<Checkpoint>,
    written: Written,
}

/// A plan as it is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    pub name: String,
    #[serde(default)]
    pub role: Option<String>,
    #[serde(default)]
    pub with: Option<With>,
    /// `3`, or `2..5` for any number from 2 to 5.
    #[serde(default)]
    pub clients: Option<String>,
    pub steps: Vec<String>,
    #[serde(default)]
    pub at: Vec<WrittenCheckpoint>,
    /// The names that the run has to itself.
    #[serde(default)]
    pub names: Option<Names>,
    /// The network that the run has to itself, beside loopback.
    #[serde(default)]
    pub network: Option<Network>,
    /// Whether its programs may send and receive messages of ICMP.
    #[serde(default)]
    pub icmp: bool,
}

/// A program of the lesson's own that plays another role than the program under test: what no peer can do, such as TLS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct With {
    /// `expired`: what it gets as its first argument.
    pub role: String,
    /// Its file within the lesson's folder: `servers.rs`.
    pub program: String,
}

/// A checkpoint as it is written: one of the three is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenCheckpoint {
    pub step: usize,
    #[serde(default)]
    pub state: Option<String>,
    #[serde(default)]
    pub call: Option<String>,
    #[serde(default)]
    pub waits: Option<String>,
}

/// Who answers the echos of a run that may send them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icmp {
    AnsweredByTheKernel,
    AnsweredByPeers,
}

/// Where in a plan a mistake is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Clients,
    /// By its index.
    Step(usize),
    Checkpoint(usize),
}

/// What must hold at the quiet moment after a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// From 1.
    pub step: usize,
    /// As it is written.
    pub text: String,
    pub wanted: Wanted,
}

/// One step; `T` is what a text is and `A` what an address is: a [`Template`] and an [`Address`], or the bytes and the
/// [`SockAddr`] once a seed has filled them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step<T, A = SockAddr> {
    /// From 1, as lesson.toml counts them.
    pub number: usize,
    /// As it is written, or with the texts that the seed chose.
    pub text: String,
    pub who: Who,
    pub does: Action<T, A>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Who {
    Peer(String),
    /// Every client, one after the other.
    Each,
    /// All clients, step by step.
    All,
    /// A program: its start, its stdin, or a signal to it.
    Role(String),
    Time,
}

/// What is done in a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action<T, A = SockAddr> {
    Socket {
        domain: String,
        type_: String,
    },
    Bind(A),
    /// A group of IPv4, at loopback's interface.
    Join(Ipv4Addr),
    Listen(i32),
    Accept,
    /// Port 0 stands for the one where the program listens.
    Connect {
        to: A,
        want: Want,
    },
    Send {
        text: T,
        how: Pieces,
    },
    Recv(Expected<T>),
    /// `None`: to whoever sent the last datagram.
    SendTo {
        to: Option<A>,
        text: T,
    },
    RecvFrom(Expected<T>),
    /// A message of ICMP that asks for the same back.
    Echo {
        seq: u16,
        text: T,
    },
    Reply {
        seq: u16,
        text: T,
        how: Answer,
    },
    /// `SHUT_RD`, `SHUT_WR` or `SHUT_RDWR`.
    Shutdown(String),
    Close,
    Reset,
    Vanish,
    Slow,
    /// `None`: end of file.
    Stdin(Option<T>),
    /// By name: `SIGTERM`.
    Kill(String),
    /// The program under test, once more.
    Start,
    /// In nanoseconds; `None`: until the next timer has fired.
    Pass(Option<u64>),
}

/// In how many pieces a text is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pieces {
    One,
    /// A byte each.
    Bytes,
    /// Of lengths that the seed chooses.
    Random,
    /// One; and nothing is read until all of it is taken.
    First,
}

/// How a reply is to the echo that it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    Right,
    /// It has another id: it is for somebody else.
    Stranger,
    /// Its checksum is wrong.
    Damaged,
    /// Its IP header has options.
    Options,
}

/// What a call of a peer must return.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Want {
    /// It must succeed.
    Success,
    /// Its result must compare so with this number.
    Result(Op, i64),
    /// It must fail with this errno.
    Errno(String),
}

/// What a peer must have received.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expected<T> {
    /// These texts in this order and nothing else; `None` stands for any bytes, also none at all.
    Data(Vec<Option<T>>),
    /// This result, and no data where it is 0 or an error.
    Result(Want),
}

/// A plan with its texts chosen: what is done, one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    pub name: String,
    pub steps: Vec<Step<Vec<u8>>>,
    /// The peers in order of appearance.
    pub peers: Vec<String>,
    seed: u64,
}

impl Plan {
    /// Reads a scenario. A mistake is told with its place among what is written.
    pub fn read(written: Written) -> Result<Plan, (Place, Error)> {
        let clients = match &written.clients {
            None => (1, 1),
            Some(text) => range(text).map_err(|error| (Place::Clients, error))?,
        };
        let mut steps = Vec::new();
        let mut room = texts::LONGEST;
        for (at, text) in written.steps.iter().enumerate() {
            let wrong = |error| (Place::Step(at), error);
            let step = steps::step(at + 1, text).map_err(wrong)?;
            let too_long = || {
                let why =
                    format!("makes the scenario's texts longer than {} bytes", texts::LONGEST);
                wrong(crate::pattern::error_in(text, 0, why))
            };
            room = room.checked_sub(longest(&step, clients.1)).ok_or_else(too_long)?;
            steps.push(step);
        }
        let counts = steps.iter().any(|step| matches!(step.who, Who::Each | Who::All));
        if counts != written.clients.is_some() {
            let why = match counts {
                true => "is of `each` or `all`, but the scenario does not say how many `clients`",
                false => "is a number of clients, but no step is of `each` or `all`",
            };
            let first = |step: &Step<_, _>| matches!(step.who, Who::Each | Who::All);
            let at = steps.iter().position(first);
            let text =
                at.map_or_else(|| written.clients.clone(), |at| written.steps.get(at).cloned());
            let place = at.map_or(Place::Clients, Place::Step);
            return Err((place, crate::pattern::error_in(&text.unwrap_or_default(), 0, why)));
        }
        let mut points = Vec::new();
        for (at, point) in written.at.iter().enumerate() {
            let point = checkpoints::read(point, steps.len());
            points.push(point.map_err(|error| (Place::Checkpoint(at), error))?);
        }
        let (name, role) = (written.name.clone(), written.role.clone());
        let with = written.with.clone();
        Ok(Plan { name, role, with, clients, steps, checkpoints: points, written })
    }

    /// The names that the run has to itself, by `seed`; those that are none were told of when the lesson was read.
    pub fn names(&self, seed: u64) -> Option<Table> {
        self.written.names.as_ref()?.fill(seed).ok()
    }

    /// What the run's programs may do with ICMP, if anything.
    pub fn icmp(&self) -> Option<Icmp> {
        let is_raw = |step: &Step<_, _>| matches!(&step.does, Action::Socket { type_, .. } if type_ == "SOCK_RAW");
        let answered_by = match self.steps.iter().any(is_raw) {
            true => Icmp::AnsweredByPeers,
            false => Icmp::AnsweredByTheKernel,
        };
        self.written.icmp.then_some(answered_by)
    }

    /// The names of the interfaces in the network that the run must have to itself, by `seed`, if it must; likewise.
    pub fn links(&self, seed: u64) -> Option<Vec<String>> {
        self.written.network.as_ref()?.links(seed).ok()
    }

    /// The address families that the run's kernel is not to know; likewise.
    pub fn lacks(&self) -> Vec<i32> {
        let network = self.written.network.as_ref();
        network.and_then(|network| network.lacks().ok()).unwrap_or_default()
    }

    /// The roles that are the program under test once more, each with the index of the step that starts it.
    pub fn starts(&self) -> impl Iterator<Item = (usize, &str)> {
        self.steps.iter().enumerate().filter_map(|(at, step)| match (&step.who, &step.does) {
            (Who::Role(name), Action::Start) => Some((at, name.as_str())),
            _ => None,
        })
    }

    /// Chooses every text and number by `seed`, and spells out what each client does.
    pub fn fill(&self, seed: u64) -> Script {
        let (least, most) = self.clients;
        let count = Texts::new(seed, "").number("clients", least.into(), most.into()) as u32;
        let clients: Vec<String> = (1..=count).map(|number| format!("C{number}")).collect();
        let mut steps = Vec::new();
        let mut rest = self.steps.as_slice();
        while let Some(first) = rest.first() {
            let run = match first.who {
                Who::Each => rest.iter().take_while(|step| step.who == Who::Each).count(),
                _ => 1,
            };
            let (run, after) = rest.split_at(run);
            match first.who {
                Who::Each | Who::All => {
                    for client in &clients {
                        steps
                            .extend(run.iter().map(|step| filled(step, seed, Some(client), count)));
                    }
                }
                _ => steps.extend(run.iter().map(|step| filled(step, seed, None, count))),
            }
            rest = after;
        }
        let mut peers = Vec::new();
        for step in &steps {
            if let Who::Peer(name) = &step.who
                && !peers.contains(name)
            {
                peers.push(name.clone());
            }
        }
        Script { name: self.name.clone(), steps, peers, seed }
    }
}

impl Script {
    /// What a peer's socket is made as, by what it does with it: domain and type by name.
    pub fn kind_of(&self, peer: &str) -> (String, String) {
        let own = || self.steps.iter().filter(|step| step.who == Who::Peer(peer.into()));
        for step in own() {
            if let Action::Socket { domain, type_ } = &step.does {
                return (domain.clone(), type_.clone());
            }
        }
        let address = own().find_map(|step| match &step.does {
            Action::Bind(addr)
            | Action::Connect { to: addr, .. }
            | Action::SendTo { to: Some(addr), .. } => Some(addr),
            _ => None,
        });
        let domain = match address {
            Some(SockAddr::Inet6 { .. }) => "AF_INET6",
            Some(SockAddr::Unix { .. } | SockAddr::Abstract { .. }) => "AF_UNIX",
            _ => "AF_INET",
        };
        let is_datagram = |step: &Step<_>| {
            matches!(step.does, Action::SendTo { .. } | Action::RecvFrom(_) | Action::Join(_))
        };
        let type_ = if own().any(is_datagram) { "SOCK_DGRAM" } else { "SOCK_STREAM" };
        (domain.into(), type_.into())
    }

    /// Whether the scenario says what this role finds on its stdin.
    pub fn types_for(&self, role: &str) -> bool {
        let types = |step: &Step<_>| matches!(step.does, Action::Stdin(_));
        self.steps.iter().any(|step| step.who == Who::Role(role.into()) && types(step))
    }

    /// The lengths of the pieces in which the step at this index sends `length` bytes; none of them is 0.
    pub fn pieces(&self, at: usize, how: Pieces, length: usize) -> Vec<usize> {
        let texts = Texts::new(self.seed, "pieces");
        let mut left = length;
        let mut pieces = Vec::new();
        while left > 0 {
            // A long text does not take a moment for each of its bytes.
            let longest = if pieces.len() < MOMENTS { left } else { usize::MAX };
            let piece = match how {
                _ if longest > left => left,
                Pieces::One | Pieces::First => left,
                Pieces::Bytes => 1,
                Pieces::Random => {
                    texts.number(&format!("{at}/{}", pieces.len()), 1, left.clamp(1, 16) as u64)
                        as usize
                }
            };
            pieces.push(piece);
            left -= piece;
        }
        pieces
    }
}

/// The quiet moments that one step may take byte by byte; what is left then goes at once.
pub const MOMENTS: usize = 200;

impl Want {
    /// Whether a call that returned this keeps to it.
    pub fn is_met(&self, ret: i64, errno: Option<&str>) -> bool {
        match self {
            Want::Success => errno.is_none(),
            Want::Errno(name) => errno.is_some_and(|errno| same_errno(errno, name)),
            Want::Result(op, value) => op.holds(ret, *value),
        }
    }

    fn of(result: Option<&ResultPattern>) -> Result<Want, String> {
        let Some(ResultPattern { op, value }) = result else { return Ok(Want::Success) };
        match (op, value) {
            (_, ResultValue::Int(value)) => Ok(Want::Result(*op, *value)),
            (Op::Eq, ResultValue::Errno(name)) => Ok(Want::Errno(name.clone())),
            _ => Err("compares with what no step returns: a number, or `= -1` and an errno".into()),
        }
    }
}

impl<T: AsRef<[u8]>> Expected<T> {
    /// Whether `found` is all of it. For data only.
    pub fn is_whole(&self, found: &[u8]) -> bool {
        match self {
            Expected::Data(pieces) => fits(pieces, found),
            Expected::Result(_) => false,
        }
    }

    /// Whether nothing more need be waited for: exactly one text is asked for, and so much has come.
    pub fn is_enough(&self, found: &[u8]) -> bool {
        match self {
            Expected::Data(pieces) => {
                pieces.iter().all(Option::is_some)
                    && found.len() >= pieces.iter().flatten().map(|it| it.as_ref().len()).sum()
            }
            Expected::Result(_) => !found.is_empty(),
        }
    }
}

/// Whether the pieces make up `found`, `None` standing for any bytes.
fn fits<T: AsRef<[u8]>>(pieces: &[Option<T>], found: &[u8]) -> bool {
    match pieces.split_first() {
        None => found.is_empty(),
        Some((Some(text), rest)) => {
            found.strip_prefix(text.as_ref()).is_some_and(|found| fits(rest, found))
        }
        // The earliest place at which the next text stands is as good as any later one.
        Some((None, rest)) => match rest.iter().position(Option::is_some) {
            None => true,
            Some(next) => {
                let rest = &rest[next..];
                let text = rest[0].as_ref().map_or(&[][..], AsRef::as_ref);
                if rest.len() == 1 {
                    return found.ends_with(text);
                }
                let mut from = 0..=found.len().saturating_sub(text.len());
                from.any(|at| {
                    found[at..].starts_with(text) && fits(&rest[1..], &found[at + text.len()..])
                })
            }
        },
    }
}

fn same_errno(a: &str, b: &str) -> bool {
    let other = |name: &str| if name == "EWOULDBLOCK" { "EAGAIN".into() } else { name.to_owned() };
    other(a) == other(b)
}

/// `3` or `2..5`.
fn range(text: &str) -> Result<(u32, u32), Error> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    const MOST: u32 = 1_000;
    match (least.trim().parse(), most.trim().trim_start_matches('=').parse()) {
        (Ok(least @ 1..), Ok(most)) if least <= most && most <= MOST => Ok((least, most)),
        _ => Err(crate::pattern::error_in(text, 0, "is no number of clients: `3` is, and `2..5`")),
    }
}

/// The bytes of a step's texts, at most, of all of these clients.
fn longest(step: &Step<Template, Address>, clients: u32) -> usize {
    let bytes = std::cell::Cell::new(0usize);
    step.does.map(|text| bytes.set(bytes.get().saturating_add(text.most())), |_| ());
    match step.who {
        Who::Each | Who::All => bytes.get().saturating_mul(clients as usize),
        _ => bytes.get(),
    }
}

fn filled(
    step: &Step<Template, Address>,
    seed: u64,
    client: Option<&String>,
    count: u32,
) -> Step<Vec<u8>> {
    let texts = Texts::new(seed, client.map_or("", String::as_str)).with_clients(count);
    let who = match client {
        Some(client) => Who::Peer(client.clone()),
        None => step.who.clone(),
    };
    let mut text = texts::shown(&step.text, &texts);
    if let Some((_, rest)) = text.split_once(':').filter(|_| client.is_some()) {
        text = format!("{}:{rest}", client.map_or("", String::as_str));
    }
    let does = step.does.map(|text| text.fill(&texts), |addr| addr.fill(&texts));
    Step { number: step.number, text, who, does }
}

impl<T, A> Action<T, A> {
    fn map<U, B>(&self, fill: impl Fn(&T) -> U, place: impl Fn(&A) -> B) -> Action<U, B> {
        match self {
            Action::Socket { domain, type_ } => {
                Action::Socket { domain: domain.clone(), type_: type_.clone() }
            }
            Action::Bind(addr) => Action::Bind(place(addr)),
            Action::Join(group) => Action::Join(*group),
            Action::Listen(backlog) => Action::Listen(*backlog),
            Action::Accept => Action::Accept,
            Action::Connect { to, want } => Action::Connect { to: place(to), want: want.clone() },
            Action::Send { text, how } => Action::Send { text: fill(text), how: *how },
            Action::Recv(expected) => Action::Recv(expected.map(fill)),
            Action::SendTo { to, text } => {
                Action::SendTo { to: to.as_ref().map(place), text: fill(text) }
            }
            Action::RecvFrom(expected) => Action::RecvFrom(expected.map(fill)),
            Action::Echo { seq, text } => Action::Echo { seq: *seq, text: fill(text) },
            Action::Reply { seq, text, how } => {
                Action::Reply { seq: *seq, text: fill(text), how: *how }
            }
            Action::Shutdown(how) => Action::Shutdown(how.clone()),
            Action::Close => Action::Close,
            Action::Reset => Action::Reset,
            Action::Vanish => Action::Vanish,
            Action::Slow => Action::Slow,
            Action::Stdin(text) => Action::Stdin(text.as_ref().map(fill)),
            Action::Kill(signal) => Action::Kill(signal.clone()),
            Action::Start => Action::Start,
            Action::Pass(time) => Action::Pass(*time),
        }
    }
}

impl<T> Expected<T> {
    fn map<U>(&self, fill: impl Fn(&T) -> U) -> Expected<U> {
        match self {
            Expected::Data(pieces) => {
                Expected::Data(pieces.iter().map(|piece| piece.as_ref().map(&fill)).collect())
            }
            Expected::Result(want) => Expected::Result(want.clone()),
        }
    }
}

impl TryFrom<Written> for Plan {
    type Error = Error;

    fn try_from(written: Written) -> Result<Plan, Error> {
        Plan::read(written).map_err(|(_, error)| error)
    }
}

impl From<Plan> for Written {
    fn from(plan: Plan) -> Written {
        plan.written
    }
}

/// The pattern of a checkpoint, or an error about it.
fn pattern(text: &str) -> Result<CallPattern, Error> {
    text.parse()
}

#[cfg(test)]
mod tests;
