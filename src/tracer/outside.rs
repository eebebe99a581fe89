//! The outside world as the tracer knows it: peers, which are sockets of the lab's own process.
//!
//! What a peer does is an event like any other, so that both ends of a conversation are in one order, and its
//! sockets are descriptions like any other, so that each end knows the one across. Nobody traces a peer: its
//! owner carries a step out while nobody can move and tells of it here.

use std::borrow::Cow;

use nix::errno::Errno;

use crate::decode;
use crate::error::Result;
use crate::event::{Arg, Bytes, Event, Kind, SockAddr, SocketState, Value};

use super::descriptors::{Open, Outside};
use super::settle::Wakes;
use super::tracees::Shown;
use super::{Changed, Tracer};

/// What a peer has done with one of its sockets, which is known by its inode.
#[derive(Clone, Debug)]
pub struct Act {
    pub peer: String,
    /// `connect`, `send`, `recv` …
    pub call: &'static str,
    /// All but the first, which is the socket.
    pub args: Vec<Arg>,
    pub result: std::result::Result<i64, Errno>,
    pub socket: u64,
    /// What accept gave.
    pub made: Option<u64>,
    pub bytes: Option<Bytes>,
    /// For what took more than one quiet moment: the `seq` of the last event before it began.
    pub since: Option<u64>,
    /// What the call's line does not show.
    pub note: Option<&'static str>,
}

impl Tracer {
    /// The next of the ports that the kernel is made to choose. `None` where ports are the whole machine's.
    pub fn next_port(&mut self) -> Option<u16> {
        if self.settings.shared_ports || !self.is_serial() {
            return None;
        }
        let port = self.next_port;
        self.next_port = port.checked_add(1).unwrap_or(super::FIRST_PORT);
        Some(port)
    }

    /// The port where the first of the programs' sockets listens that does.
    pub fn listening_port(&self) -> Option<u16> {
        let mut programs = self.descriptors.iter().filter(|(_, it)| it.outside.is_none());
        programs.find_map(|(_, it)| it.endpoints.as_ref().filter(|_| it.listens)?.0.port())
    }

    /// The `seq` of the last event.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Nanoseconds of virtual time since the run began.
    pub fn now(&self) -> u64 {
        self.clock.now()
    }

    /// A peer has made a socket: `domain`, `type_` and `protocol` as socket(2) takes them.
    pub fn peer_made(&mut self, peer: &str, inode: u64, domain: i32, type_: i32, protocol: i32) {
        let kind = super::leave::socket_kind(domain, type_, protocol);
        let open = self.descriptors.open(kind, peer);
        let description = self.descriptors.get_mut(open);
        (description.inode, description.outside) = (Some(inode), Some(Outside::Open));
    }

    /// A peer's socket is connected to somebody, who may be in this recording.
    pub fn peer_connected(&mut self, inode: u64, local: SockAddr, remote: SockAddr) {
        let Some(open) = self.peer_socket(inode) else { return };
        self.descriptors.get_mut(open).bound = true;
        self.set_endpoints(open, local, remote);
    }

    /// A peer's socket listens at this address.
    pub fn peer_listens(&mut self, inode: u64, local: SockAddr) {
        let Some(open) = self.peer_socket(inode) else { return };
        let description = self.descriptors.get_mut(open);
        (description.listens, description.bound) = (true, true);
        description.endpoints = Some((local, SockAddr::Unspec));
    }

    /// A peer's listener has handed out a connection.
    pub fn peer_accepted(&mut self, listener: u64, conn: u64, local: SockAddr, remote: SockAddr) {
        let Some(from) = self.peer_socket(listener) else { return };
        let (kind, role) =
            (self.descriptors.get(from).kind.clone(), self.descriptors.get(from).role.clone());
        let open = self.descriptors.open(kind, &role);
        let description = self.descriptors.get_mut(open);
        (description.inode, description.outside) = (Some(conn), Some(Outside::Open));
        (description.accepted_from, description.bound) = (Some(from), true);
        self.set_endpoints(open, local, remote);
    }

    /// A peer's socket drops all that comes in from now on.
    pub fn peer_vanished(&mut self, inode: u64) {
        if let Some(open) = self.peer_socket(inode) {
            self.descriptors.get_mut(open).outside = Some(Outside::Vanished);
        }
    }

    /// A peer has closed a socket.
    pub fn peer_closed(&mut self, inode: u64) {
        if let Some(open) = self.peer_socket(inode) {
            self.descriptors.get_mut(open).outside = Some(Outside::Closed);
        }
    }

    /// Makes an event of what a peer has done. Whoever it woke is looked at before the next decision.
    pub fn peer_acted(&mut self, act: Act) {
        self.note_wakes(Wakes::All);
        let id = self.peer_socket(act.socket).map(|open| self.descriptors.id(open));
        let made = act
            .made
            .and_then(|inode| self.peer_socket(inode))
            .map(|open| self.descriptors.id(open));
        let mut args =
            vec![Arg { name: "sockfd".into(), value: Value::Fd { value: 3, socket: id } }];
        args.extend(act.args);
        let (ret, errno) = match act.result {
            Ok(ret) => (ret, None),
            Err(errno) => (-1, Some(decode::errno_name(errno as i32))),
        };
        self.count(ret > 0 || act.call != "recv", Shown::Yes);
        self.seq += 1;
        let event = Event {
            seq: self.seq,
            role: act.peer,
            process: 1,
            thread: 1,
            call: Cow::Borrowed(act.call),
            syscall: Cow::Borrowed(""),
            args,
            ret: Some(ret),
            errno,
            socket: id,
            made,
            bytes: act.bytes,
            state: None,
            blocked: act.since.is_some(),
            since: act.since,
            source: None,
            note: act.note.map(Cow::Borrowed),
            pid: 0,
            tid: 0,
            at: self.elapsed(),
        };
        self.out.push_back(Box::new(event));
    }

    /// Something outside has changed that no event tells of: those who wait are to be looked at again.
    pub fn world_moved(&mut self) {
        self.note_wakes(Wakes::All);
    }

    /// Whether somebody has been woken since the last quiet moment: else the next one is now.
    pub fn has_woken(&mut self) -> bool {
        self.rest();
        self.note_wakes(Wakes::All);
        self.anybody_awake()
    }

    /// Waits until nothing is under way between sockets of this network.
    pub fn rest(&mut self) {
        while self.backlog.is_busy() && !super::was_interrupted() {
            // SAFETY: sched_yield takes nothing and cannot fail.
            unsafe { libc::sched_yield() };
        }
    }

    /// The place of a role by its name.
    pub fn role_named(&self, name: &str) -> Option<usize> {
        self.roles.iter().position(|role| role.name == name)
    }

    /// Sends a signal to a role's first process; false if that has ended.
    pub fn signal(&mut self, role: usize, signal: i32) -> bool {
        self.note_wakes(Wakes::All);
        let process = self.roles.get(role).map(|role| &self.processes[role.main]);
        let Some(process) = process.filter(|process| process.alive) else { return false };
        // SAFETY: kill(2) takes plain numbers; the process is a living tracee of ours.
        unsafe { libc::kill(process.pid, signal) == 0 }
    }

    /// Lets the earliest timer fire that is due by `deadline`; false if none is.
    pub fn advance_until(&mut self, deadline: u64) -> Result<bool> {
        match self.next_deadline() {
            Some(due) if due <= deadline => self.advance(),
            _ => Ok(false),
        }
    }

    /// Nothing more happens before this moment of virtual time.
    pub fn jump(&mut self, moment: u64) {
        self.clock.jump(moment);
        self.moved_at = self.clock.now();
    }

    /// The states of all TCP and UDP sockets of the run, the named ones first; what events have spoken of and is in the
    /// kernel's table no more is `CLOSED`.
    pub fn states(&mut self) -> Vec<SocketState> {
        self.states_after(&Changed::Anything)
    }

    /// The same, where it is known what may have changed since the last time.
    pub(super) fn states_after(&mut self, changed: &Changed) -> Vec<SocketState> {
        let table = self.kernel.states(changed);
        let mut states = Vec::new();
        for (inode, mut state) in table {
            let known = self.descriptors.iter().find(|(_, it)| {
                inode != 0 && it.inode == Some(inode) && protocol(&it.kind).is_some()
                    || inode == 0
                        && it.endpoints.as_ref().is_some_and(|ends| same_ends(ends, &state))
            });
            state.socket =
                known.map(|(open, _)| open).and_then(|open| self.descriptors.known_id(open));
            // Where the network is the machine's, the rest of it is nobody's business here.
            if state.socket.is_some() || !self.settings.shared_ports {
                states.push(state);
            }
        }
        let gone: Vec<SocketState> = self
            .descriptors
            .iter()
            .filter_map(|(open, it)| {
                Some((self.descriptors.known_id(open)?, it, protocol(&it.kind)?))
            })
            .filter(|(id, ..)| !states.iter().any(|state| state.socket == Some(*id)))
            .map(|(id, it, protocol)| {
                let (local, remote) =
                    it.endpoints.clone().unwrap_or((SockAddr::Unspec, SockAddr::Unspec));
                let state = "CLOSED".into();
                SocketState {
                    socket: Some(id),
                    orphan: false,
                    protocol: protocol.into(),
                    state,
                    local,
                    remote,
                    receive_queue: 0,
                    send_queue: 0,
                }
            })
            .collect();
        states.extend(gone);
        let nobody = crate::event::SocketId(u32::MAX);
        states.sort_by_cached_key(|state| match state.socket {
            Some(id) => (id, String::new(), String::new()),
            None => (nobody, state.local.to_string(), state.remote.to_string()),
        });
        states
    }

    /// Whether one of the two ends of this socket's connection drops all that comes in.
    pub(super) fn has_vanished(&self, open: Open) -> bool {
        let is_deaf = |open: Open| self.descriptors.get(open).outside == Some(Outside::Vanished);
        is_deaf(open) || self.descriptors.get(open).peer.is_some_and(is_deaf)
    }

    fn peer_socket(&self, inode: u64) -> Option<Open> {
        self.descriptors.by_inode(inode, |_| true)
    }
}

/// The protocol of a socket that the kernel's table has.
fn protocol(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Socket { protocol, .. } if protocol == "IPPROTO_TCP" => Some("tcp"),
        Kind::Socket { protocol, .. } if protocol == "IPPROTO_UDP" => Some("udp"),
        _ => None,
    }
}

/// Whether a connection that no process owns is this one.
fn same_ends((local, remote): &(SockAddr, SockAddr), state: &SocketState) -> bool {
    local.internet().is_some()
        && remote.internet().is_some()
        && local.internet() == state.local.internet()
        && remote.internet() == state.remote.internet()
}
