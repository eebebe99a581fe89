//! Weather: what the kernel may do to any program at any time, and seldom does where one looks.
//!
//! A fault is injected where a call begins ([`Tracer::fault_of`]): its length is shortened, so that real bytes move but
//! fewer of them; or the kernel is not asked and the call fails; or it is asked, and the program is told
//! that a signal came. Each fault is one that the manual pages allow for just that call on just that socket,
//! since a learner must not be graded on what cannot happen. `close` is never touched: whether the
//! descriptor is still open after a failed close is told nowhere.
//!
//! What is done to a call depends on the seed, the object and how many such calls there were on it, and on nothing
//! else: the same seed gives the same recording. Sources: signal(7), "Interruption of system calls"; accept(2);
//! connect(2); epoll(7).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::decode::{Memory, Raw};
use crate::error::{Error, Result};
use crate::event::Kind;

use super::descriptors::Open;
use super::memory::Tracee;
use super::registers::Registers;
use super::tracees::{InFlight, Key};
use super::{Random, Tracer, proc};

/// The faults of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weather {
    ShortRead,
    ShortWrite,
    Eintr,
    EintrConnect,
    AbortAccept,
    Emfile,
}

/// Where a long stream meets weather, how many calls of one kind on each object it strikes before it lets go.
pub const CALLS: u32 = 1_000;
/// The same for a peer that reads slowly: so many quiet moments.
pub const CHECKPOINTS: u32 = 200;

/// The most bytes that a shortened call moves. The first one on each object moves one byte.
const MOST: u64 = 7;
/// Times that a listener has no descriptor to give.
const EMFILES: u32 = 3;

impl Weather {
    pub const ALL: [Weather; 6] = [
        Weather::ShortRead,
        Weather::ShortWrite,
        Weather::Eintr,
        Weather::EintrConnect,
        Weather::AbortAccept,
        Weather::Emfile,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Weather::ShortRead => "short-read",
            Weather::ShortWrite => "short-write",
            Weather::Eintr => "eintr",
            Weather::EintrConnect => "eintr-connect",
            Weather::AbortAccept => "abort-accept",
            Weather::Emfile => "emfile",
        }
    }

    /// What it is, and why a correct program survives it.
    pub fn explain(self) -> &'static str {
        match self {
            Weather::ShortRead => {
                "A read on a stream returns fewer bytes than there are: 1 at first, then 1 to 7. \
                 TCP promises bytes in order, not the pieces in which they were sent; recv(2) \
                 returns what is there, up to the length it is given. A correct program reads on \
                 until it has what it needs, and takes only 0 for the end. Datagrams, MSG_PEEK, \
                 MSG_WAITALL and sockets in an edge-triggered epoll, where epoll(7) lets a short \
                 read mean that no more is there, are left alone."
            }
            Weather::ShortWrite => {
                "A write on a stream takes fewer bytes than it is given: 1 at first, then 1 to 7. \
                 write(2) and send(2) return how many were taken, and that may be less: the buffer \
                 was nearly full, or a signal came. A correct program writes the rest. \
                 Datagrams and sockets in an edge-triggered epoll are left alone."
            }
            Weather::Eintr => {
                "A call that may wait (read, write, accept, poll and their kin) fails with EINTR: \
                 the first on each socket and every third. signal(7): so it is whenever a handler \
                 without SA_RESTART runs meanwhile. Nothing has happened; a correct program \
                 calls again. Calls that would not wait (O_NONBLOCK, MSG_DONTWAIT, a timeout of 0) \
                 are left alone, and so is close."
            }
            Weather::EintrConnect => {
                "connect fails with EINTR, once for each socket, but goes on in the kernel and \
                 succeeds: connect(2). A correct program waits until the socket is writable \
                 and asks SO_ERROR, or calls connect again, which says 0 or EISCONN. It does \
                 not give up, nor make a second connection."
            }
            Weather::AbortAccept => {
                "accept fails with ECONNABORTED, once for each listener: a client had gone before \
                 the program came to accept it, accept(2). The listener is as good as before; \
                 a correct program accepts the next."
            }
            Weather::Emfile => {
                "accept fails with EMFILE up to three times: no descriptor is free, accept(2). \
                 The client stays in the queue and is not lost. A correct program goes on, \
                 frees a descriptor if it has one to spare (the fault then ends at once), or tries \
                 again a little later."
            }
        }
    }
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Weather {
    type Err = Error;

    fn from_str(name: &str) -> Result<Weather> {
        let found = Weather::ALL.into_iter().find(|weather| weather.name() == name);
        found.ok_or_else(|| {
            let near = |weather: &Weather| strsim::jaro_winkler(weather.name(), name);
            let best = Weather::ALL.into_iter().max_by(|a, b| near(a).total_cmp(&near(b)));
            let best = best.filter(|best| near(best) > 0.8);
            let meant = best.map(|best| format!("; did you mean {best}?")).unwrap_or_default();
            Error::Usage { why: format!("no weather `{name}`{meant}"), next: "lab explain".into() }
        })
    }
}

/// What is done to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The kernel is asked for at most so many bytes.
    Shorten(u64),
    /// The kernel is asked, and if it succeeds the program is told that it was interrupted.
    InterruptAfter,
    /// The kernel is not asked; this is the result, for that reason.
    Answer(i64, &'static str),
}

const INTERRUPTED: &str = "interrupted by the lab";
const CONNECTED: &str = "interrupted by the lab, but connected";
const MEANWHILE: &str = "answered by the lab: it had connected meanwhile";
const ABORTED: &str = "aborted by the lab: a client that had gone";
const NO_DESCRIPTOR: &str = "refused by the lab: no descriptor is free";

/// What a call does to its object, as far as weather is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Read,
    Write,
    Accept,
    Wait,
    Connect,
}

/// Where a call says how many bytes it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Arg(usize),
    /// The address and the number of its iovecs.
    Iovecs(u64, u64),
    /// The address of its msghdr.
    Message(u64),
    None,
}

/// A call that weather could strike.
#[derive(Clone, Copy, Debug)]
struct Target {
    class: Class,
    length: Length,
    /// MSG_ flags.
    flags: i32,
    /// Which argument is the descriptor.
    fd: usize,
}

/// How many calls of each class there were on each object, and what became of them.
#[derive(Default)]
pub struct Faults {
    calls: BTreeMap<(Open, Class), u32>,
    /// Sockets whose connect was told to be interrupted and whose program has not asked again.
    connected: Vec<Open>,
    /// Processes that closed a descriptor since one was refused to them.
    relieved: Vec<usize>,
}

impl Faults {
    /// Counts a call: 1, 2, 3 …
    fn count(&mut self, open: Open, class: Class) -> u32 {
        let calls = self.calls.entry((open, class)).or_default();
        *calls = calls.saturating_add(1);
        *calls
    }

    fn seen(&self, open: Open, class: Class) -> u32 {
        self.calls.get(&(open, class)).copied().unwrap_or(0)
    }
}

impl Tracer {
    /// What the weather does to a call that is about to begin.
    pub(super) fn fault_of(&mut self, key: Key, call: &InFlight) -> Option<Fault> {
        let weather = self.settings.weather?;
        let raw = *call.raw();
        let target = target(&raw, self.socket_at(key, &raw, 0).is_none())?;
        match (weather, target.class) {
            (Weather::ShortRead, Class::Read) | (Weather::ShortWrite, Class::Write) => {
                self.shortened(key, &raw, target)
            }
            (Weather::Eintr, Class::Wait) => self.interrupted_wait(key, call, &raw),
            (Weather::Eintr, Class::Read | Class::Write | Class::Accept) => {
                self.interrupted(key, &raw, target)
            }
            (Weather::EintrConnect, Class::Connect) => self.interrupted_connect(key, call, &raw),
            (Weather::AbortAccept, Class::Accept) => {
                let open = call.open.filter(|&open| self.descriptors.get(open).listens)?;
                let first = self.faults.count(open, Class::Accept) == 1;
                first.then_some(Fault::Answer(-i64::from(libc::ECONNABORTED), ABORTED))
            }
            (Weather::Emfile, Class::Accept) => {
                // accept4 reserves the descriptor before it looks at the queue (net/socket.c): nobody need be
                // waiting, and nobody who waits is lost.
                let open = call.open.filter(|&open| self.descriptors.get(open).listens)?;
                let process = self.threads.get(&key)?.process;
                let before = self.faults.seen(open, Class::Accept);
                if before > 0 && self.faults.relieved.contains(&process) {
                    return None;
                }
                self.faults.relieved.retain(|&other| other != process);
                let strikes = self.faults.count(open, Class::Accept) <= EMFILES;
                strikes.then_some(Fault::Answer(-i64::from(libc::EMFILE), NO_DESCRIPTOR))
            }
            _ => None,
        }
    }

    /// A process has closed a descriptor: there is room again.
    pub(super) fn note_relief(&mut self, key: Key) {
        if self.settings.weather == Some(Weather::Emfile)
            && let Some(process) = self.threads.get(&key).map(|thread| thread.process)
            && !self.faults.relieved.contains(&process)
        {
            self.faults.relieved.push(process);
        }
    }

    fn shortened(&mut self, key: Key, raw: &Raw, target: Target) -> Option<Fault> {
        const NEVER: i32 = libc::MSG_PEEK
            | libc::MSG_WAITALL
            | libc::MSG_OOB
            | libc::MSG_TRUNC
            | libc::MSG_ERRQUEUE;
        let open = self.socket_at(key, raw, target.fd)?;
        let description = self.descriptors.get(open);
        let is_stream =
            matches!(&description.kind, Kind::Socket { type_, .. } if type_ == "SOCK_STREAM");
        if !is_stream || description.edge_triggered || target.flags & NEVER != 0 {
            return None;
        }
        let asked = asked(raw, target.length, self.memory(key))?;
        let call = self.faults.count(open, target.class);
        let most = self.amount(open, target.class, call);
        (asked > most && call <= CALLS).then_some(Fault::Shorten(most))
    }

    /// How many bytes the `call`-th call of this class on this object moves.
    fn amount(&self, open: Open, class: Class, call: u32) -> u64 {
        if call == 1 {
            return 1;
        }
        let object = (open.place() as u64) << 40 | (class as u64) << 32 | u64::from(call);
        let seed = Random::new(self.settings.seed).draw();
        1 + Random::new(seed ^ object).below(MOST)
    }

    fn interrupted(&mut self, key: Key, raw: &Raw, target: Target) -> Option<Fault> {
        let open = self.socket_at(key, raw, target.fd)?;
        // Rust's io::copy, which may use these, does not begin them again: that is no fault of its user.
        let copies = matches!(raw.nr as libc::c_long, libc::SYS_splice | libc::SYS_sendfile);
        if copies
            || target.flags & libc::MSG_DONTWAIT != 0
            || self.is_nonblocking(key, raw, target.fd)
        {
            return None;
        }
        self.strikes(open, target.class)
    }

    /// A call that waits for several things: its object is the first socket among them, or the epoll instance.
    fn interrupted_wait(&mut self, key: Key, call: &InFlight, raw: &Raw) -> Option<Fault> {
        if never_waits(raw, self.memory(key)) {
            return None;
        }
        let watched = self.watched_by(self.threads.get(&key)?, call);
        let first = watched.into_iter().find(|&open| self.is_network(open))?;
        self.strikes(call.open.unwrap_or(first), Class::Wait)
    }

    /// EINTR comes to the first call of each class on an object, and to every third.
    fn strikes(&mut self, open: Open, class: Class) -> Option<Fault> {
        let call = self.faults.count(open, class);
        let strikes = call == 1 || call.is_multiple_of(3);
        let answer = Fault::Answer(-i64::from(libc::EINTR), INTERRUPTED);
        (strikes && call <= CALLS).then_some(answer)
    }

    fn interrupted_connect(&mut self, key: Key, call: &InFlight, raw: &Raw) -> Option<Fault> {
        let open = call.open?;
        // After an interrupted connect the kernel answers the next one with 0, not EISCONN, once the connection
        // stands: net/ipv4/af_inet.c, SS_CONNECTING.
        if let Some(at) = self.faults.connected.iter().position(|&other| other == open) {
            self.faults.connected.remove(at);
            return Some(Fault::Answer(0, MEANWHILE));
        }
        // Only of TCP does the attempt go on: that of a unix socket is undone.
        let is_tcp = matches!(&self.descriptors.get(open).kind,
            Kind::Socket { domain, type_, .. } if domain.starts_with("AF_INET") && type_ == "SOCK_STREAM");
        if !is_tcp || self.is_nonblocking(key, raw, 0) {
            return None;
        }
        (self.faults.count(open, Class::Connect) == 1).then_some(Fault::InterruptAfter)
    }

    /// At the call's return: what the program is told, and what is told of it.
    pub(super) fn result_in_weather(&mut self, call: &mut InFlight, result: i64) -> i64 {
        match call.fault {
            Some(Fault::Shorten(most)) if result == most as i64 => {
                let bytes = if most == 1 { "byte" } else { "bytes" };
                call.note = Some(format!("shortened to {most} {bytes}").into());
            }
            Some(Fault::InterruptAfter) if result == 0 => {
                call.note = Some(CONNECTED.into());
                self.faults.connected.extend(call.open);
                return -i64::from(libc::EINTR);
            }
            _ => {}
        }
        result
    }

    fn socket_at(&self, key: Key, raw: &Raw, fd: usize) -> Option<Open> {
        let table = self.threads.get(&key)?.table;
        let open = self.descriptors.lookup(table, raw.args[fd] as i32)?;
        self.is_network(open).then_some(open)
    }

    /// Sockets between programs. Those to the kernel itself (netlink, packet) belong to libraries.
    fn is_network(&self, open: Open) -> bool {
        matches!(&self.descriptors.get(open).kind, Kind::Socket { domain, .. }
            if matches!(domain.as_str(), "AF_INET" | "AF_INET6" | "AF_UNIX"))
    }

    fn is_nonblocking(&self, key: Key, raw: &Raw, fd: usize) -> bool {
        let tid = self.threads.get(&key).map_or(0, |thread| thread.tid);
        proc::is_nonblocking(tid, raw.args[fd] as i32)
    }
}

/// Changes the arguments of a call at its entry so that it moves at most `most` bytes.
///
/// What is changed in memory is noted in `call.borrowed`, and the registers are put back at the return.
pub fn shorten(call: &mut InFlight, registers: &mut Registers, memory: Tracee, most: u64) {
    let raw = *call.raw();
    let Some(target) = target(&raw, false) else { return };
    let (addr, count) = match target.length {
        Length::Arg(at) => return registers.set_arg(at, most),
        Length::Iovecs(addr, count) => (addr, count),
        Length::Message(addr) => match message_iovecs(addr, memory) {
            Some(iovecs) => iovecs,
            None => return,
        },
        Length::None => return,
    };
    let Some(before) = iovecs(addr, count, memory) else { return };
    let mut shortened = before.clone();
    let mut left = most;
    for iovec in shortened.chunks_exact_mut(16) {
        let length = left.min(word(&iovec[8..]));
        left -= length;
        iovec[8..].copy_from_slice(&length.to_le_bytes());
    }
    if memory.write(addr, &shortened) {
        call.borrowed.push((addr, before));
    }
}

/// `into_socket`: a splice leads from a pipe into a socket.
fn target(raw: &Raw, into_socket: bool) -> Option<Target> {
    let args = raw.args;
    let on = |class, length, flags: u64| Some(Target { class, length, flags: flags as i32, fd: 0 });
    let iovecs = Length::Iovecs(args[1], args[2]);
    match raw.nr as libc::c_long {
        libc::SYS_read => on(Class::Read, Length::Arg(2), 0),
        libc::SYS_recvfrom => on(Class::Read, Length::Arg(2), args[3]),
        libc::SYS_readv => on(Class::Read, iovecs, 0),
        libc::SYS_recvmsg => on(Class::Read, Length::Message(args[1]), args[2]),
        libc::SYS_recvmmsg => on(Class::Read, Length::None, args[3]),
        libc::SYS_write => on(Class::Write, Length::Arg(2), 0),
        libc::SYS_sendto => on(Class::Write, Length::Arg(2), args[3]),
        libc::SYS_writev => on(Class::Write, iovecs, 0),
        libc::SYS_sendmsg => on(Class::Write, Length::Message(args[1]), args[2]),
        libc::SYS_sendmmsg => on(Class::Write, Length::None, args[3]),
        libc::SYS_sendfile => on(Class::Write, Length::Arg(3), 0),
        libc::SYS_splice if into_socket => {
            Some(Target { class: Class::Write, length: Length::Arg(4), flags: 0, fd: 2 })
        }
        libc::SYS_splice => on(Class::Read, Length::Arg(4), 0),
        // With flags of its own (RWF_NOWAIT) it may mean something else.
        libc::SYS_preadv2 if args[5] == 0 => on(Class::Read, iovecs, 0),
        libc::SYS_pwritev2 if args[5] == 0 => on(Class::Write, iovecs, 0),
        libc::SYS_accept | libc::SYS_accept4 => on(Class::Accept, Length::None, 0),
        libc::SYS_connect => on(Class::Connect, Length::None, 0),
        libc::SYS_ppoll | libc::SYS_pselect6 | libc::SYS_epoll_pwait | libc::SYS_epoll_pwait2 => {
            on(Class::Wait, Length::None, 0)
        }
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll | libc::SYS_select | libc::SYS_epoll_wait => {
            on(Class::Wait, Length::None, 0)
        }
        _ => None,
    }
}

/// How many bytes the call is about; `None` if its arguments cannot be read.
fn asked(raw: &Raw, length: Length, memory: Tracee) -> Option<u64> {
    let (addr, count) = match length {
        Length::Arg(at) => return Some(raw.args[at]),
        Length::Iovecs(addr, count) => (addr, count),
        Length::Message(addr) => message_iovecs(addr, memory)?,
        Length::None => return None,
    };
    let iovecs = iovecs(addr, count, memory)?;
    iovecs.chunks_exact(16).try_fold(0u64, |sum, iovec| sum.checked_add(word(&iovec[8..])))
}

/// The address and the number of a msghdr's iovecs.
fn message_iovecs(addr: u64, memory: Tracee) -> Option<(u64, u64)> {
    let header: [u8; 32] = memory.bytes(addr)?;
    Some((word(&header[16..]), word(&header[24..])))
}

fn iovecs(addr: u64, count: u64, memory: Tracee) -> Option<Vec<u8>> {
    const UIO_MAXIOV: u64 = 1024;
    let mut bytes = vec![0; 16 * usize::try_from(count).ok().filter(|_| count <= UIO_MAXIOV)?];
    (memory.read(addr, &mut bytes) == bytes.len()).then_some(bytes)
}

fn word(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |word| u64::from_le_bytes(*word))
}

/// Whether a call that waits was told not to: a timeout of 0.
fn never_waits(raw: &Raw, memory: Tracee) -> bool {
    let args = raw.args;
    match raw.nr as libc::c_long {
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll => args[2] as i32 == 0,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait => args[3] as i32 == 0,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_select => memory.time(args[4], 1_000) == Some(0),
        libc::SYS_epoll_pwait => args[3] as i32 == 0,
        libc::SYS_epoll_pwait2 => memory.time(args[3], 1) == Some(0),
        libc::SYS_ppoll => memory.time(args[2], 1) == Some(0),
        libc::SYS_pselect6 => memory.time(args[4], 1) == Some(0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back_and_a_wrong_one_is_told_the_nearest() {
        for weather in Weather::ALL {
            assert_eq!(weather.to_string().parse::<Weather>().unwrap(), weather);
            let json = serde_json::to_string(&weather).unwrap();
            assert_eq!(json, format!("\"{weather}\""));
        }
        let why = "shortread".parse::<Weather>().unwrap_err().to_string();
        assert_eq!(why, "no weather `shortread`; did you mean short-read?");
        assert_eq!("fog".parse::<Weather>().unwrap_err().to_string(), "no weather `fog`");
    }

    #[test]
    fn close_and_calls_that_move_nothing_have_no_weather() {
        for nr in [libc::SYS_close, libc::SYS_shutdown, libc::SYS_getsockopt, libc::SYS_wait4] {
            assert!(target(&Raw { nr: nr as u64, args: [0; 6] }, false).is_none());
        }
    }
}
