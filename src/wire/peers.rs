//! Peers: the outside world of a scenario, as sockets of the lab's own process.
//!
//! A peer is no process and never sleeps: its sockets do not block, and each of its steps is taken up at a
//! quiet moment. A step that takes longer (a text that does not fit into the buffers, one that is sent byte by
//! byte, a slow reader) goes on at the next ones; in the recording it is one call that waited, as it would
//! be for a program.
//!
//! While a peer cannot get rid of what it sends, it reads what comes in: unless its step says `first`, it is never itself
//! the reason why two ends write and nobody reads. Else it reads in its `recv` steps only.

use std::collections::VecDeque;
use std::mem::{MaybeUninit, size_of};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Type};
use nix::errno::Errno;

use crate::decode;
use crate::decode::icmp::{ECHO, Icmp, forget_identification, icmp};
use crate::event::{Arg, Bytes, SockAddr, Value, is_many};
use crate::scenario::{Action, Answer, Expected, Pieces, Script, Step, Want, texts};
use crate::tracer::{Act, Tracer};

use super::{address, set_option};

/// All peers of a run, in order of appearance.
#[derive(Default)]
pub struct Peers {
    peers: Vec<Peer>,
    /// Who sent the last datagram to any of them.
    heard: Option<SockAddr>,
}

/// A step that has begun.
pub struct UnderWay {
    /// The `seq` of the last event before it.
    since: u64,
    /// Quiet moments that it has had before this one.
    moments: usize,
    /// The lengths of what is still to be sent.
    pieces: VecDeque<usize>,
    /// Bytes sent so far, and those of the piece under way.
    sent: usize,
    of_piece: usize,
}

/// How a step stands after a quiet moment.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is over; what was found instead of what it asks for, if anything.
    Done(Option<String>),
    /// Something has moved: somebody may have been woken.
    Moved,
    /// It waits for somebody else.
    Stuck,
}

struct Peer {
    name: String,
    domain: i32,
    type_: i32,
    /// What it talks on.
    talk: Option<Socket>,
    listener: Option<Socket>,
    /// Connections that it accepted before the latest.
    earlier: Vec<Socket>,
    inbox: Vec<u8>,
    /// How its incoming stream has ended, once that was seen.
    ended: Option<Result<(), Errno>>,
    /// For a slow reader: the moments at which it still reads a single byte.
    slow: Option<usize>,
    heard: Option<SockAddr>,
    /// The id of the last echo that it was sent.
    asked_by: u16,
}

struct Socket {
    fd: OwnedFd,
    inode: u64,
}

/// The moments at which a slow reader takes a single byte. Few enough that all of them have passed before any timer of the
/// kernel's own, which run in real time: a writer that waits for room looks again by itself after at most 0.2 s.
const SLOW_MOMENTS: usize = 64;

/// The descriptor that a peer is shown to get from accept(2).
const ACCEPTED: i64 = 4;

impl Peers {
    /// The peers of a script; none has a socket yet.
    pub fn of(script: &Script) -> Peers {
        let peers = script.peers.iter().map(|name| {
            let (domain, type_) = script.kind_of(name);
            Peer {
                name: name.clone(),
                domain: domain_number(&domain),
                type_: type_number(&type_),
                talk: None,
                listener: None,
                earlier: Vec::new(),
                inbox: Vec::new(),
                ended: None,
                slow: None,
                heard: None,
                asked_by: 0,
            }
        });
        Peers { peers: peers.collect(), heard: None }
    }

    /// Takes up the step at this index of the script.
    pub fn begin(script: &Script, at: usize, tracer: &Tracer) -> UnderWay {
        let pieces = match script.steps.get(at).map(|step| &step.does) {
            Some(Action::Send { text, how }) => script.pieces(at, *how, text.len()).into(),
            _ => VecDeque::new(),
        };
        UnderWay::of(pieces, 0, tracer)
    }

    /// Carries a peer's step on at a quiet moment.
    pub fn go_on(
        &mut self,
        name: &str,
        step: &Step<Vec<u8>>,
        under_way: &mut UnderWay,
        tracer: &mut Tracer,
    ) -> Progress {
        tracer.rest();
        let heard = self.heard.clone();
        let Some(peer) = self.peers.iter_mut().find(|peer| peer.name == name) else {
            return Progress::Done(Some(format!("there is no {name}")));
        };
        let began = under_way.sent;
        let progress = peer.go_on(step, under_way, heard, tracer);
        let is_next_piece = under_way.of_piece == 0 && under_way.sent > began;
        if !is_next_piece {
            under_way.moments += 1;
        }
        if let (Action::RecvFrom(_), Some(from)) = (&step.does, &peer.heard) {
            self.heard = Some(from.clone());
        }
        progress
    }

    /// Ends a step that nobody will bring further; what was found instead of what it asks for.
    pub fn give_up(
        &mut self,
        name: &str,
        step: &Step<Vec<u8>>,
        under_way: &UnderWay,
        tracer: &mut Tracer,
    ) -> Option<String> {
        let peer = self.peers.iter_mut().find(|peer| peer.name == name)?;
        peer.give_up(step, under_way, tracer)
    }

    /// Closes all sockets: peer by peer, each one's connections before its listener.
    pub fn leave(&mut self) {
        for peer in &mut self.peers {
            peer.earlier.clear();
            peer.talk = None;
            peer.listener = None;
        }
    }
}

impl UnderWay {
    fn of(pieces: VecDeque<usize>, sent: usize, tracer: &Tracer) -> UnderWay {
        UnderWay { since: tracer.seq(), moments: 0, pieces, sent, of_piece: 0 }
    }
}

impl Peer {
    fn go_on(
        &mut self,
        step: &Step<Vec<u8>>,
        under_way: &mut UnderWay,
        heard: Option<SockAddr>,
        tracer: &mut Tracer,
    ) -> Progress {
        match &step.does {
            Action::Connect { to, want } => self.connect(to, want, under_way, tracer),
            Action::Send { text, how } => self.send(text, *how, under_way, tracer),
            Action::Recv(expected) => self.recv(expected, under_way, tracer),
            Action::Accept => self.accept(under_way, tracer),
            Action::RecvFrom(expected) => self.recvfrom(expected, under_way, tracer),
            Action::Echo { seq, text } => self.echo(*seq, text, under_way, tracer),
            does => Progress::Done(self.at_once(does, heard, tracer)),
        }
    }

    /// What is over as soon as it is done.
    fn at_once(
        &mut self,
        does: &Action<Vec<u8>>,
        heard: Option<SockAddr>,
        tracer: &mut Tracer,
    ) -> Option<String> {
        match does {
            // One without a port hears only what comes when it is there.
            Action::Socket { .. } if self.type_ == libc::SOCK_RAW => match self.open(tracer) {
                Ok(socket) => {
                    self.talk = Some(socket);
                    None
                }
                Err(errno) => Some(failure(errno)),
            },
            // It is made where it is first needed.
            Action::Socket { .. } => None,
            Action::Reply { seq, text, how } => self.reply(*seq, text, *how, tracer),
            Action::Bind(addr) => self.bind(addr, tracer),
            Action::Join(group) => self.join(*group, tracer),
            Action::Listen(backlog) => {
                let Some(listener) = &self.listener else {
                    return Some(self.lacks("address to listen at"));
                };
                // SAFETY: plain numbers, and a descriptor of ours.
                let result =
                    unsafe { Errno::result(libc::listen(listener.fd.as_raw_fd(), *backlog)) };
                let (inode, local) = (listener.inode, address(&listener.fd, libc::getsockname));
                if let (Ok(_), Some(local)) = (result, local) {
                    tracer.peer_listens(inode, local);
                }
                let args = vec![arg("backlog", Value::Int { value: i64::from(*backlog) })];
                self.acted(tracer, "listen", inode, args, result.map(i64::from), None, None)
            }
            Action::SendTo { to, text } => self.sendto(
                to.as_ref().or(self.heard.as_ref()).or(heard.as_ref()).cloned(),
                text,
                tracer,
            ),
            Action::Shutdown(how) => {
                let Some(talk) = &self.talk else { return Some(self.lacks("connection")) };
                let number = match how.as_str() {
                    "SHUT_RD" => libc::SHUT_RD,
                    "SHUT_WR" => libc::SHUT_WR,
                    _ => libc::SHUT_RDWR,
                };
                // SAFETY: plain numbers, and a descriptor of ours.
                let result = unsafe { Errno::result(libc::shutdown(talk.fd.as_raw_fd(), number)) };
                let inode = talk.inode;
                let args =
                    vec![arg("how", Value::Named { value: number as u64, text: how.clone() })];
                self.acted(tracer, "shutdown", inode, args, result.map(i64::from), None, None)
            }
            Action::Close => {
                let Some(socket) = self.talk.take().or_else(|| self.listener.take()) else {
                    return Some(self.lacks("open socket"));
                };
                self.inbox.clear();
                self.ended = None;
                let inode = socket.inode;
                drop(socket);
                let unmet = self.acted(tracer, "close", inode, Vec::new(), Ok(0), None, None);
                tracer.peer_closed(inode);
                unmet
            }
            Action::Reset => {
                let Some(socket) = self.talk.take() else { return Some(self.lacks("connection")) };
                self.inbox.clear();
                self.ended = None;
                let inode = socket.inode;
                let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
                let bytes =
                    [at_once.l_onoff.to_ne_bytes(), at_once.l_linger.to_ne_bytes()].concat();
                let lingers = set_option(&socket.fd, libc::SOL_SOCKET, libc::SO_LINGER, &bytes);
                drop(socket);
                let note =
                    if lingers { "with a reset" } else { "without the reset that was asked for" };
                let unmet = self.acted(tracer, "close", inode, Vec::new(), Ok(0), None, Some(note));
                tracer.peer_closed(inode);
                unmet
            }
            Action::Vanish => {
                let Some(talk) = &self.talk else { return Some(self.lacks("connection")) };
                let (inode, result) = (talk.inode, drop_all(&talk.fd));
                if result.is_ok() {
                    tracer.peer_vanished(inode);
                }
                let args = vec![
                    named("level", libc::SOL_SOCKET, "SOL_SOCKET"),
                    named("optname", libc::SO_ATTACH_FILTER, "SO_ATTACH_FILTER"),
                ];
                let note = "what comes in is dropped from here on";
                self.acted(tracer, "setsockopt", inode, args, result.map(|()| 0), None, Some(note))
            }
            Action::Slow => {
                self.slow = Some(SLOW_MOMENTS);
                None
            }
            _ => Some("no peer does that".into()),
        }
    }

    fn connect(
        &mut self,
        to: &SockAddr,
        want: &Want,
        under_way: &UnderWay,
        tracer: &mut Tracer,
    ) -> Progress {
        let to = match (to.port(), tracer.listening_port()) {
            (Some(0), None) => return Progress::Done(Some("nobody listens".into())),
            (Some(0), Some(port)) => to.with_port(port),
            _ => to.clone(),
        };
        if under_way.moments > 0 {
            let Some(talk) = &self.talk else {
                return Progress::Done(Some(self.lacks("connection")));
            };
            return match connected(&talk.fd) {
                None => Progress::Stuck,
                Some(result) => {
                    Progress::Done(self.has_connected(&to, want, result, under_way, tracer))
                }
            };
        }
        if self.talk.is_some() && self.type_ != libc::SOCK_DGRAM {
            return Progress::Done(Some(format!("{} is connected already", self.name)));
        }
        let Some(raw) = RawAddr::of(&to) else {
            return Progress::Done(Some("no such address".into()));
        };
        let socket = match self.for_talk(tracer) {
            Ok(socket) => socket,
            Err(errno) => return Progress::Done(Some(failure(errno))),
        };
        // SAFETY: the kernel reads the address, of the length given.
        let result = unsafe {
            Errno::result(libc::connect(socket.fd.as_raw_fd(), raw.pointer(), raw.length))
        };
        tracer.rest();
        let found = match result {
            Err(Errno::EINPROGRESS) => connected(&socket.fd),
            result => Some(result.map(drop)),
        };
        self.talk = Some(socket);
        match found {
            None => Progress::Moved,
            Some(result) => {
                Progress::Done(self.has_connected(&to, want, result, under_way, tracer))
            }
        }
    }

    fn has_connected(
        &mut self,
        to: &SockAddr,
        want: &Want,
        result: Result<(), Errno>,
        under_way: &UnderWay,
        tracer: &mut Tracer,
    ) -> Option<String> {
        let talk = self.talk.as_ref()?;
        let inode = talk.inode;
        (self.inbox, self.ended) = (Vec::new(), None);
        let local = address(&talk.fd, libc::getsockname);
        if let (Ok(()), Some(local)) = (result, local) {
            // Who dials 0.0.0.0 has reached another address.
            let remote = address(&talk.fd, libc::getpeername).unwrap_or_else(|| to.clone());
            tracer.peer_connected(inode, local, remote);
        }
        let args = vec![arg("addr", Value::Addr(to.clone()))];
        let since = (under_way.moments > 0).then_some(under_way.since);
        let result = result.map(|()| 0);
        tracer.peer_acted(Act { since, ..self.act("connect", inode, args, result) });
        if result.is_err() {
            self.talk = None;
            tracer.peer_closed(inode);
        }
        unmet(want, result)
    }

    fn bind(&mut self, addr: &SockAddr, tracer: &mut Tracer) -> Option<String> {
        let Some(raw) = RawAddr::of(addr) else { return Some("no such address".into()) };
        let socket = match self.for_use(tracer) {
            Ok(socket) => socket,
            Err(errno) => return Some(failure(errno)),
        };
        // Of several who hear what is said to all, none keeps the others from the port, by whichever option they share it.
        let options: &[i32] = match self.type_ {
            libc::SOCK_STREAM => &[libc::SO_REUSEADDR],
            libc::SOCK_DGRAM if hears_many(addr) => &[libc::SO_REUSEADDR, libc::SO_REUSEPORT],
            _ => &[],
        };
        for option in options {
            set_option(&socket.fd, libc::SOL_SOCKET, *option, &1i32.to_ne_bytes());
        }
        // SAFETY: the kernel reads the address, of the length given.
        let result =
            unsafe { Errno::result(libc::bind(socket.fd.as_raw_fd(), raw.pointer(), raw.length)) };
        let inode = socket.inode;
        match self.type_ {
            libc::SOCK_DGRAM => self.talk = Some(socket),
            _ => self.listener = Some(socket),
        }
        let args = vec![arg("addr", Value::Addr(addr.clone()))];
        self.acted(tracer, "bind", inode, args, result.map(i64::from), None, None)
    }

    fn join(&mut self, group: Ipv4Addr, tracer: &mut Tracer) -> Option<String> {
        let socket = match self.for_use(tracer) {
            Ok(socket) => socket,
            Err(errno) => return Some(failure(errno)),
        };
        let membership = [group.octets(), Ipv4Addr::LOCALHOST.octets()].concat();
        let name = libc::IP_ADD_MEMBERSHIP;
        let joined = set_option(&socket.fd, libc::IPPROTO_IP, name, &membership);
        let result = if joined { Ok(0) } else { Err(Errno::last()) };
        let inode = socket.inode;
        self.talk = Some(socket);
        let args = vec![
            named("level", libc::IPPROTO_IP, "IPPROTO_IP"),
            named("optname", name, "IP_ADD_MEMBERSHIP"),
            arg("optval", Value::Text { value: group.to_string() }),
        ];
        self.acted(tracer, "setsockopt", inode, args, result, None, None)
    }

    fn accept(&mut self, under_way: &UnderWay, tracer: &mut Tracer) -> Progress {
        let Some(listener) = &self.listener else {
            return Progress::Done(Some(self.lacks("listener")));
        };
        // SAFETY: no address is asked for; what is returned is ours alone.
        let found = unsafe {
            let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
            let (addr, length) = (std::ptr::null_mut(), std::ptr::null_mut());
            let fd = libc::accept4(listener.fd.as_raw_fd(), addr, length, flags);
            Errno::result(fd).map(|fd| OwnedFd::from_raw_fd(fd))
        };
        let from = listener.inode;
        let conn = match found {
            Ok(fd) => Socket { inode: inode(&fd), fd },
            Err(Errno::EAGAIN) => return Progress::Stuck,
            Err(errno) => {
                tracer.peer_acted(self.act("accept", from, Vec::new(), Err(errno)));
                return Progress::Done(Some(failure(errno)));
            }
        };
        let mut args = Vec::new();
        let ends = (address(&conn.fd, libc::getsockname), address(&conn.fd, libc::getpeername));
        if let (Some(local), Some(remote)) = ends {
            args.push(arg("addr", Value::Addr(remote.clone())));
            tracer.peer_accepted(from, conn.inode, local, remote);
        }
        let since = (under_way.moments > 0).then_some(under_way.since);
        tracer.peer_acted(Act {
            made: Some(conn.inode),
            since,
            ..self.act("accept", from, args, Ok(ACCEPTED))
        });
        (self.inbox, self.ended) = (Vec::new(), None);
        self.earlier.extend(self.talk.replace(conn));
        Progress::Done(None)
    }

    fn send(
        &mut self,
        text: &[u8],
        how: Pieces,
        under_way: &mut UnderWay,
        tracer: &mut Tracer,
    ) -> Progress {
        let Some(talk) = &self.talk else { return Progress::Done(Some(self.lacks("connection"))) };
        let Some(&piece) = under_way.pieces.front() else { return Progress::Done(None) };
        let inode = talk.inode;
        let begin = under_way.sent - under_way.of_piece;
        // One call to the kernel at a moment: whoever it wakes is to have gone on before the next one.
        let rest = &text[under_way.sent..begin + piece];
        // SAFETY: the kernel reads `rest`, of the length given.
        let sent = unsafe {
            let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
            libc::send(talk.fd.as_raw_fd(), rest.as_ptr().cast(), rest.len(), flags)
        };
        match Errno::result(sent) {
            Ok(sent) => {
                under_way.sent += sent as usize;
                under_way.of_piece += sent as usize;
            }
            Err(Errno::EAGAIN) if how != Pieces::First && self.read_some(tracer) => {
                return Progress::Moved;
            }
            Err(Errno::EAGAIN) => return Progress::Stuck,
            Err(errno) => {
                let args = data_args(&text[begin..begin + piece]);
                let since = (under_way.moments > 0).then_some(under_way.since);
                tracer.peer_acted(Act { since, ..self.act("send", inode, args, Err(errno)) });
                return Progress::Done(Some(failure(errno)));
            }
        }
        if under_way.of_piece < piece {
            return Progress::Moved;
        }
        let bytes = &text[begin..begin + piece];
        let since = (under_way.moments > 0).then_some(under_way.since);
        let act = self.act("send", inode, data_args(bytes), Ok(piece as i64));
        tracer.peer_acted(Act { bytes: Some(Bytes::new(bytes)), since, ..act });
        // The next piece is a call of its own, which begins at the next moment.
        *under_way = UnderWay::of(std::mem::take(&mut under_way.pieces), under_way.sent, tracer);
        under_way.pieces.pop_front();
        if under_way.pieces.is_empty() { Progress::Done(None) } else { Progress::Moved }
    }

    fn recv(
        &mut self,
        expected: &Expected<Vec<u8>>,
        under_way: &UnderWay,
        tracer: &mut Tracer,
    ) -> Progress {
        if self.talk.is_none() {
            return Progress::Done(Some(self.lacks("connection")));
        }
        // Data is enough as it is: what comes after it is another step's. Whether the stream has ended is looked
        // at only where more should come.
        let enough = expected.is_enough(&self.inbox) && !self.has_more();
        let moved = !enough && self.read_some(tracer);
        let over = match expected {
            _ if self.ended.is_some() => true,
            Expected::Data(_) => expected.is_enough(&self.inbox) && !self.has_more(),
            Expected::Result(Want::Errno(name)) if name == "EAGAIN" => true,
            Expected::Result(_) => !self.inbox.is_empty(),
        };
        match (over, moved) {
            (true, _) => Progress::Done(self.received(expected, under_way, tracer)),
            (false, true) => Progress::Moved,
            (false, false) if expected.is_whole(&self.inbox) => {
                Progress::Done(self.received(expected, under_way, tracer))
            }
            (false, false) => Progress::Stuck,
        }
    }

    /// Judges what has come, and takes it.
    fn received(
        &mut self,
        expected: &Expected<Vec<u8>>,
        under_way: &UnderWay,
        tracer: &mut Tracer,
    ) -> Option<String> {
        let inode = self.talk.as_ref()?.inode;
        let found = std::mem::take(&mut self.inbox);
        let result = match (found.len(), self.ended) {
            (length @ 1.., _) => Ok(length as i64),
            (0, Some(Ok(()))) => Ok(0),
            (0, Some(Err(errno))) => Err(errno),
            (0, None) => Err(Errno::EAGAIN),
        };
        let since = (under_way.moments > 0 && !found.is_empty()).then_some(under_way.since);
        let mut args = Vec::new();
        if result.is_ok() {
            args = data_args(&found);
        }
        let bytes = result.is_ok().then(|| Bytes::new(&found));
        tracer.peer_acted(Act { bytes, since, ..self.act("recv", inode, args, result) });
        match expected {
            Expected::Data(_) if expected.is_whole(&found) => None,
            Expected::Data(_) => {
                let end = match self.ended {
                    None => String::new(),
                    Some(Ok(())) => "then end of file".into(),
                    Some(Err(errno)) => format!("then {}", failure(errno)),
                };
                Some(match (found.is_empty(), end.is_empty()) {
                    (true, true) => "nothing came".into(),
                    (true, false) => format!("nothing came, {end}"),
                    (false, true) => format!("{} came", texts::told(&found)),
                    (false, false) => format!("{} came, {end}", texts::told(&found)),
                })
            }
            Expected::Result(want) if want.is_met(ret(result), errno_of(result).as_deref()) => None,
            Expected::Result(_) => Some(match result {
                Ok(0) => "end of file".into(),
                Ok(_) => format!("{} came", texts::told(&found)),
                Err(Errno::EAGAIN) => "nothing came".into(),
                Err(errno) => failure(errno),
            }),
        }
    }

    fn sendto(&mut self, to: Option<SockAddr>, text: &[u8], tracer: &mut Tracer) -> Option<String> {
        let Some(to) = to else {
            return Some("nobody has sent a datagram that could be answered".into());
        };
        let Some(raw) = RawAddr::of(&to) else {
            return Some("the last datagram had no sender's address to answer to".into());
        };
        let talk = match self.for_talk(tracer) {
            Ok(socket) => self.talk.insert(socket),
            Err(errno) => return Some(failure(errno)),
        };
        // SAFETY: the kernel reads the text and the address, of the lengths given.
        let sent = unsafe {
            let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
            let (fd, bytes) = (talk.fd.as_raw_fd(), text.as_ptr().cast());
            libc::sendto(fd, bytes, text.len(), flags, raw.pointer(), raw.length)
        };
        let inode = talk.inode;
        let mut args = data_args(text);
        args.push(arg("dest_addr", Value::Addr(to)));
        let result = Errno::result(sent).map(|sent| sent as i64);
        self.acted(tracer, "sendto", inode, args, result, Some(text), None)
    }

    fn recvfrom(
        &mut self,
        expected: &Expected<Vec<u8>>,
        under_way: &UnderWay,
        tracer: &mut Tracer,
    ) -> Progress {
        let Some(talk) = &self.talk else { return Progress::Done(Some(self.lacks("socket"))) };
        let inode = talk.inode;
        let since = (under_way.moments > 0).then_some(under_way.since);
        let found = take_datagram(&talk.fd);
        let wants_none =
            matches!(expected, Expected::Result(Want::Errno(name)) if name == "EAGAIN");
        match found {
            Err(Errno::EAGAIN) if !wants_none => Progress::Stuck,
            Err(errno) => {
                tracer.peer_acted(Act {
                    since,
                    ..self.act("recvfrom", inode, Vec::new(), Err(errno))
                });
                Progress::Done(match expected {
                    Expected::Result(want) => unmet(want, Err(errno)),
                    Expected::Data(_) => Some(failure(errno)),
                })
            }
            Ok((text, from)) => {
                self.heard_datagram(inode, &text, from, since, tracer);
                Progress::Done(match expected {
                    Expected::Data(_) if expected.is_whole(&text) => None,
                    Expected::Result(want) if want.is_met(text.len() as i64, None) => None,
                    _ => Some(format!("{} came", texts::told(&text))),
                })
            }
        }
    }

    fn heard_datagram(
        &mut self,
        inode: u64,
        text: &[u8],
        from: SockAddr,
        since: Option<u64>,
        tracer: &mut Tracer,
    ) {
        let mut args = data_args(text);
        args.push(arg("src_addr", Value::Addr(from.clone())));
        let act = self.act("recvfrom", inode, args, Ok(text.len() as i64));
        tracer.peer_acted(Act { bytes: Some(Bytes::new(text)), since, ..act });
        self.heard = Some(from);
    }

    fn echo(
        &mut self,
        seq: u16,
        text: &[u8],
        under_way: &UnderWay,
        tracer: &mut Tracer,
    ) -> Progress {
        let Some(talk) = &self.talk else { return Progress::Done(Some(self.lacks("raw socket"))) };
        let inode = talk.inode;
        let (mut packet, from) = match take_datagram(&talk.fd) {
            Ok(found) => found,
            Err(Errno::EAGAIN) => return Progress::Stuck,
            Err(errno) => return Progress::Done(Some(failure(errno))),
        };
        forget_identification(&mut packet);
        let since = (under_way.moments > 0).then_some(under_way.since);
        self.heard_datagram(inode, &packet, from, since, tracer);
        let Some(found) = icmp(&packet) else {
            return Progress::Done(Some("what came is no message of ICMP".into()));
        };
        self.asked_by = found.id;
        Progress::Done(match found {
            Icmp { is_whole: false, .. } => Some("the checksum is wrong".into()),
            Icmp { seq: other, .. } if other != seq => Some(format!("number {other} came")),
            Icmp { data, .. } if data != text => Some(format!("{} came", texts::told(data))),
            _ => None,
        })
    }

    fn reply(&mut self, seq: u16, text: &[u8], how: Answer, tracer: &mut Tracer) -> Option<String> {
        let is_stranger = how == Answer::Stranger;
        let id = if is_stranger { self.asked_by.wrapping_add(1) } else { self.asked_by };
        let kind = Icmpv4Type::EchoReply(IcmpEchoHeader { id, seq });
        let mut header = Icmpv4Header::with_checksum(kind, text);
        if how == Answer::Damaged {
            header.checksum = !header.checksum;
        }
        // ip(7): the options that all packets bear from now on; one byte of it is "no operation".
        let options: &[u8] = if how == Answer::Options { &[1; 4] } else { &[] };
        if let Some(talk) = &self.talk {
            set_option(&talk.fd, libc::IPPROTO_IP, libc::IP_OPTIONS, options);
        }
        self.sendto(self.heard.clone(), &[&header.to_bytes(), text].concat(), tracer)
    }

    fn give_up(
        &mut self,
        step: &Step<Vec<u8>>,
        under_way: &UnderWay,
        tracer: &mut Tracer,
    ) -> Option<String> {
        match &step.does {
            Action::Recv(expected) => self.received(expected, under_way, tracer),
            does @ (Action::RecvFrom(_) | Action::Echo { .. }) => {
                let inode = self.talk.as_ref()?.inode;
                tracer.peer_acted(self.act("recvfrom", inode, Vec::new(), Err(Errno::EAGAIN)));
                let what = if matches!(does, Action::Echo { .. }) { "echo" } else { "datagram" };
                Some(format!("no {what} came"))
            }
            Action::Accept => {
                let inode = self.listener.as_ref()?.inode;
                tracer.peer_acted(self.act("accept", inode, Vec::new(), Err(Errno::EAGAIN)));
                Some("nobody has connected".into())
            }
            Action::Connect { to, want } => {
                let result = Err(Errno::EINPROGRESS);
                let inode = self.talk.as_ref()?.inode;
                let args = vec![arg("addr", Value::Addr(to.clone()))];
                tracer.peer_acted(self.act("connect", inode, args, result));
                unmet(want, result)
            }
            Action::Send { text, .. } => {
                let inode = self.talk.as_ref()?.inode;
                let begin = under_way.sent - under_way.of_piece;
                let taken = under_way.of_piece;
                let result = if taken > 0 { Ok(taken as i64) } else { Err(Errno::EAGAIN) };
                let since = Some(under_way.since);
                let act = self.act("send", inode, data_args(&text[begin..]), result);
                let bytes = result.is_ok().then(|| Bytes::new(&text[begin..begin + taken]));
                tracer.peer_acted(Act { bytes, since, ..act });
                // How many were is a fact of the machine.
                Some(format!("not all of its {} bytes were taken: nobody reads them", text.len()))
            }
            _ => None,
        }
    }

    /// Reads what has come; says whether anything has. A slow reader takes one byte at a moment; as long as that
    /// wakes nobody, the next moment is at once.
    fn read_some(&mut self, tracer: &mut Tracer) -> bool {
        let before = self.inbox.len();
        while self.slow.is_some_and(|left| left > 0) {
            let length = self.inbox.len();
            self.read();
            if self.inbox.len() == length {
                break;
            }
            if tracer.has_woken() {
                return true;
            }
        }
        if self.slow.is_none_or(|left| left == 0) {
            self.read();
        }
        self.inbox.len() > before
    }

    fn read(&mut self) {
        let Some(talk) = &self.talk else { return };
        if self.ended.is_some() {
            return;
        }
        let one = self.slow.is_some_and(|left| left > 0);
        self.slow = self.slow.map(|left| left.saturating_sub(1));
        // As for sending: one call, with room for all that the kernel may hold.
        let mut buf = vec![0u8; if one { 1 } else { 1 << 20 }];
        // SAFETY: the kernel writes at most `buf.len()` bytes into `buf`.
        let got = unsafe {
            let (fd, room) = (talk.fd.as_raw_fd(), buf.len());
            libc::recv(fd, buf.as_mut_ptr().cast(), room, libc::MSG_DONTWAIT)
        };
        match Errno::result(got) {
            Ok(0) => self.ended = Some(Ok(())),
            Ok(got) => self.inbox.extend(&buf[..got as usize]),
            Err(Errno::EAGAIN) => {}
            Err(errno) => self.ended = Some(Err(errno)),
        }
    }

    /// Whether data waits to be read.
    fn has_more(&self) -> bool {
        let Some(talk) = &self.talk else { return false };
        let mut waiting: libc::c_int = 0;
        // SAFETY: FIONREAD writes one int.
        let done = unsafe { libc::ioctl(talk.fd.as_raw_fd(), libc::FIONREAD, &raw mut waiting) };
        done == 0 && waiting > 0
    }

    /// A socket of this peer's kind; its port, if it will need one, is the next of ours.
    fn open(&self, tracer: &mut Tracer) -> Result<Socket, Errno> {
        let type_ = self.type_ | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
        let is_raw = self.type_ == libc::SOCK_RAW;
        let protocol = if is_raw { libc::IPPROTO_ICMP } else { 0 };
        // SAFETY: plain numbers; the descriptor is ours alone.
        let fd = unsafe {
            OwnedFd::from_raw_fd(Errno::result(libc::socket(self.domain, type_, protocol))?)
        };
        if is_raw {
            // From linux/icmp.h: a bit for each type that is not let through. On loopback it would hear its own replies.
            const ICMP_FILTER: i32 = 1;
            let all_but_echos = !(1u32 << ECHO);
            set_option(&fd, libc::SOL_RAW, ICMP_FILTER, &all_but_echos.to_ne_bytes());
        } else if self.domain != libc::AF_UNIX {
            if let Some(port) = tracer.next_port() {
                super::choose_port(&fd, port);
            }
            if self.type_ == libc::SOCK_STREAM {
                set_option(&fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, &1i32.to_ne_bytes());
            }
            if self.type_ == libc::SOCK_DGRAM && self.domain == libc::AF_INET {
                // Peers may speak to everybody and to groups; no route says which way.
                set_option(&fd, libc::SOL_SOCKET, libc::SO_BROADCAST, &1i32.to_ne_bytes());
                let home = Ipv4Addr::LOCALHOST.octets();
                set_option(&fd, libc::IPPROTO_IP, libc::IP_MULTICAST_IF, &home);
            }
        }
        let inode = inode(&fd);
        tracer.peer_made(&self.name, inode, self.domain, self.type_, protocol);
        Ok(Socket { fd, inode })
    }

    /// The socket at hand, or a new one.
    fn for_use(&mut self, tracer: &mut Tracer) -> Result<Socket, Errno> {
        self.talk.take().map_or_else(|| self.open(tracer), Ok)
    }

    /// The socket at hand, or a new one with an address to which an answer can go, where the kernel gives it none by itself.
    fn for_talk(&mut self, tracer: &mut Tracer) -> Result<Socket, Errno> {
        if let Some(socket) = self.talk.take() {
            return Ok(socket);
        }
        let socket = self.open(tracer)?;
        if self.domain == libc::AF_UNIX && self.type_ == libc::SOCK_DGRAM {
            // One that the kernel chose would be another in every run.
            let own = SockAddr::Abstract { name: format!("peer-{}", self.name) };
            if let Some(raw) = RawAddr::of(&own) {
                // SAFETY: the kernel reads the address, of the length given. A refusal shows when an answer is sent.
                unsafe { libc::bind(socket.fd.as_raw_fd(), raw.pointer(), raw.length) };
            }
        }
        Ok(socket)
    }

    /// Tells of what was done, and says how it failed if it did.
    #[allow(clippy::too_many_arguments)]
    fn acted(
        &self,
        tracer: &mut Tracer,
        call: &'static str,
        socket: u64,
        args: Vec<Arg>,
        result: Result<i64, Errno>,
        bytes: Option<&[u8]>,
        note: Option<&'static str>,
    ) -> Option<String> {
        let bytes = bytes.filter(|_| result.is_ok()).map(Bytes::new);
        tracer.peer_acted(Act { bytes, note, ..self.act(call, socket, args, result) });
        unmet(&Want::Success, result)
    }

    fn act(
        &self,
        call: &'static str,
        socket: u64,
        args: Vec<Arg>,
        result: Result<i64, Errno>,
    ) -> Act {
        let (made, bytes, since, note) = (None, None, None, None);
        Act { peer: self.name.clone(), call, args, result, socket, made, bytes, since, note }
    }

    fn lacks(&self, what: &str) -> String {
        format!("{} has no {what}", self.name)
    }
}

/// How a connect has ended that was begun; `None` if it has not.
fn connected(fd: &OwnedFd) -> Option<Result<(), Errno>> {
    let mut writable = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
    // SAFETY: poll reads and writes the one entry, and does not wait.
    if unsafe { libc::poll(&mut writable, 1, 0) } != 1 {
        return None;
    }
    Some(match super::option(fd, libc::SOL_SOCKET, libc::SO_ERROR).map(|[errno]| errno) {
        Some(0) | None => Ok(()),
        Some(errno) => Err(Errno::from_raw(errno)),
    })
}

fn take_datagram(fd: &OwnedFd) -> Result<(Vec<u8>, SockAddr), Errno> {
    const LARGEST: usize = 64 * 1024;
    let mut buf = vec![0u8; LARGEST];
    let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut length = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: the kernel writes at most the lengths given into the buffer and into the storage, which was zeroed.
    let (got, raw) = unsafe {
        let flags = libc::MSG_DONTWAIT;
        let got = libc::recvfrom(
            fd.as_raw_fd(),
            buf.as_mut_ptr().cast(),
            buf.len(),
            flags,
            storage.as_mut_ptr().cast(),
            &mut length,
        );
        let size = size_of::<libc::sockaddr_storage>();
        (Errno::result(got)?, std::slice::from_raw_parts(storage.as_ptr().cast::<u8>(), size))
    };
    buf.truncate(got as usize);
    let from = raw.get(..length as usize).and_then(decode::sockaddr);
    Ok((buf, from.unwrap_or(SockAddr::Unspec)))
}

/// A filter that keeps nothing: every segment and datagram is dropped before the socket sees it. socket(7).
fn drop_all(fd: &OwnedFd) -> Result<(), Errno> {
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let mut none = libc::sock_filter { code: RETURN, jt: 0, jf: 0, k: 0 };
    let program = libc::sock_fprog { len: 1, filter: &mut none };
    // SAFETY: the kernel reads the program and its one instruction, which outlive the call.
    let done = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            (&raw const program).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    Errno::result(done).map(drop)
}

/// Whether who is bound there hears what is sent to more than one: a group's address, everybody's, or any.
fn hears_many(addr: &SockAddr) -> bool {
    matches!(addr, SockAddr::Inet { ip, .. } if ip.is_unspecified() || is_many((*ip).into()))
}

fn inode(fd: &OwnedFd) -> u64 {
    nix::sys::stat::fstat(fd).map_or(0, |about| about.st_ino)
}

fn domain_number(name: &str) -> i32 {
    match name {
        "AF_INET6" => libc::AF_INET6,
        "AF_UNIX" => libc::AF_UNIX,
        _ => libc::AF_INET,
    }
}

fn type_number(name: &str) -> i32 {
    match name {
        "SOCK_DGRAM" => libc::SOCK_DGRAM,
        "SOCK_SEQPACKET" => libc::SOCK_SEQPACKET,
        "SOCK_RAW" => libc::SOCK_RAW,
        _ => libc::SOCK_STREAM,
    }
}

fn arg(name: &'static str, value: Value) -> Arg {
    Arg { name: name.into(), value }
}

fn named(name: &'static str, value: i32, text: &str) -> Arg {
    arg(name, Value::Named { value: value as u64, text: text.into() })
}

/// What was sent or received, and how long it is.
fn data_args(bytes: &[u8]) -> Vec<Arg> {
    let len = Value::Int { value: bytes.len() as i64 };
    vec![arg("buf", Value::Bytes(Bytes::new(bytes))), arg("len", len)]
}

fn unmet(want: &Want, result: Result<i64, Errno>) -> Option<String> {
    if want.is_met(ret(result), errno_of(result).as_deref()) {
        return None;
    }
    Some(match result {
        Ok(value) => format!("it returned {value}"),
        Err(errno) => failure(errno),
    })
}

fn ret(result: Result<i64, Errno>) -> i64 {
    result.unwrap_or(-1)
}

fn errno_of(result: Result<i64, Errno>) -> Option<String> {
    result.err().map(|errno| decode::errno_name(errno as i32).into_owned())
}

/// `-1 ECONNREFUSED (connection refused)`.
fn failure(errno: Errno) -> String {
    let name = decode::errno_name(errno as i32);
    match decode::errno_meaning(&name) {
        Some(meaning) => format!("-1 {name} ({meaning})"),
        None => format!("-1 {name}"),
    }
}

/// An address as the kernel takes it.
struct RawAddr {
    storage: libc::sockaddr_storage,
    length: libc::socklen_t,
}

impl RawAddr {
    /// `None` if it is too long for its family, or of one that peers do not use.
    fn of(addr: &SockAddr) -> Option<RawAddr> {
        let mut bytes = Vec::new();
        match addr {
            SockAddr::Inet { ip, port } => {
                bytes.extend((libc::AF_INET as u16).to_ne_bytes());
                bytes.extend(port.to_be_bytes());
                bytes.extend(ip.octets());
                bytes.extend([0; 8]);
            }
            SockAddr::Inet6 { ip, port, flowinfo, scope } => {
                bytes.extend((libc::AF_INET6 as u16).to_ne_bytes());
                bytes.extend(port.to_be_bytes());
                bytes.extend(flowinfo.to_be_bytes());
                bytes.extend(ip.octets());
                bytes.extend(scope.to_ne_bytes());
            }
            SockAddr::Unix { path } => {
                bytes.extend((libc::AF_UNIX as u16).to_ne_bytes());
                bytes.extend(path.as_bytes());
                bytes.push(0);
            }
            SockAddr::Abstract { name } => {
                bytes.extend((libc::AF_UNIX as u16).to_ne_bytes());
                bytes.push(0);
                bytes.extend(name.as_bytes());
            }
            _ => return None,
        }
        if bytes.len() > size_of::<libc::sockaddr_un>() {
            return None;
        }
        let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
        // SAFETY: the storage is larger than any address that comes here, and all zero is a value of it.
        let storage = unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), storage.as_mut_ptr().cast(), bytes.len());
            storage.assume_init()
        };
        Some(RawAddr { storage, length: bytes.len() as libc::socklen_t })
    }

    fn pointer(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }
}
