//! Between two events: what went over the wire, and how the kernel's sockets stand.
//!
//! A look is taken when everybody stands still or sleeps: after each event, before another thread gets its turn
//! (the one that had it may have sent something and waits now), and when nobody can move. So what is seen came of
//! the call of one thread, and that is told with it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{
    Bytes, Cause, Event, Frame, Kind, Look, Packet, SockAddr, SocketId, SocketState, Standing, What,
};

use super::descriptors::Open;
use super::tracees::Key;
use super::{Changed, Tracer, bounds, settle};

/// What has left since the last time it was asked.
#[derive(Debug, Default)]
pub struct Captured {
    pub packets: Vec<Sent>,
    /// When it left, in nanoseconds since the capture began; the frame; the place in `packets` of what it is part of.
    pub frames: Vec<(u64, Bytes, Option<usize>)>,
}

/// What went over the wire.
#[derive(Debug)]
pub struct Sent {
    pub source: SockAddr,
    pub target: SockAddr,
    pub what: What,
    pub len: u64,
}

/// What a look has found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Looked {
    /// Absent if no socket stands otherwise than before.
    pub look: Option<Look>,
    pub packets: Vec<Packet>,
    pub frames: Vec<Frame>,
}

/// The sockets as they were seen last, and how many packets there were.
#[derive(Default)]
pub struct Seen {
    sockets: BTreeMap<Ends, SocketState>,
    packets: usize,
    /// After which event nobody could move when it was looked last: a moment that goes on is one moment.
    quiet: Option<u64>,
    /// The events that wait to be told have been looked behind.
    pub events: bool,
}

/// What tells a socket from another in the kernel's table: its description, else its protocol and ends.
type Ends = (Option<SocketId>, String);

fn ends(state: &SocketState) -> Ends {
    match state.socket {
        Some(id) => (Some(id), String::new()),
        None => (None, format!("{} {} {}", state.protocol, state.local, state.remote)),
    }
}

impl Tracer {
    /// Whether a look is taken after each call. Where all run at once nobody stands still; where the network is the
    /// machine's, an acknowledgement may come late, so that only quiet moments are the same every time.
    fn looks_often(&self) -> bool {
        self.settings.watch && self.is_serial() && !self.settings.shared_ports
    }

    /// Looks at what the last event brought about, and completes it with the state of its socket.
    pub(super) fn look_behind_event(&mut self) {
        if !self.looks_often() {
            return;
        }
        let Some(event) = self.out.back() else { return };
        let cause = Cause {
            after: event.seq,
            role: Some(event.role.clone()),
            thread: event.thread,
            waiting: false,
        };
        let moved_on = || self.end_that_moved(event).map(|it| Changed::Ends(vec![it]));
        let changed = about_sockets(event).then(|| moved_on().unwrap_or(Changed::Anything));
        self.look(cause, changed, false);
        if let Some(event) = self.out.back_mut() {
            let known = event.socket.map(|id| (Some(id), String::new()));
            let state = known.and_then(|ends| self.seen.sockets.get(&ends));
            event.state = state.map(|it| Standing {
                state: it.state.clone(),
                receive_queue: it.receive_queue,
                send_queue: it.send_queue,
            });
        }
    }

    /// Looks at what the thread that had the turn has sent before it began to wait, if another is to have it.
    pub(super) fn look_before_turn(&mut self, next: Option<Key>) {
        let Some(current) = self.current.filter(|&key| next != Some(key)) else { return };
        let call = self.threads.get(&current).and_then(|thread| thread.call.as_ref());
        // Who waits for something to come has sent nothing.
        if call.is_none_or(|call| settle::only_takes(call.raw())) || !self.looks_often() {
            return;
        }
        let cause = Cause {
            after: self.seq,
            role: Some(self.roles[current.0].name.clone()),
            thread: current.1,
            waiting: true,
        };
        self.look(cause, None, false);
    }

    /// Looks when nobody can move.
    pub fn look_in_quiet(&mut self) {
        // In the free schedule there is no telling which call it came of.
        if self.settings.watch && self.is_serial() {
            if self.settings.shared_ports {
                self.await_ends();
            }
            self.rest();
            let cause = Cause { after: self.seq, ..Cause::default() };
            self.look(cause, Some(Changed::Anything), true);
        }
    }

    /// On the machine's own network an end may be acknowledged some 40 ms after it was sent. Waits for that, in real time, so
    /// that a quiet moment is the same every time.
    fn await_ends(&mut self) {
        // Looks, not time, as in `await_acknowledgement`.
        const LOOKS: u32 = 1000;
        let is_passing = |state: &SocketState| {
            matches!(state.state.as_ref(), "FIN-WAIT-1" | "CLOSING" | "LAST-ACK" | "SYN-RECEIVED")
        };
        for _ in 0..LOOKS {
            if settle::was_interrupted() || !self.states().iter().any(is_passing) {
                return;
            }
            settle::await_child_signal(Duration::from_millis(1));
        }
    }

    /// The addresses of a TCP socket, its own first, if the event only moved bytes there. What that means for the other end
    /// goes over the wire.
    fn end_that_moved(&self, event: &Event) -> Option<(SockAddr, SockAddr)> {
        let moves =
            ["sendto", "recvfrom", "sendmsg", "recvmsg", "read", "write", "readv", "writev"];
        if event.ret.is_none() || !moves.contains(&event.syscall.as_ref()) {
            return None;
        }
        let id = event.socket?;
        let is_it = |open: Open| self.descriptors.known_id(open) == Some(id);
        let (_, it) = self.descriptors.iter().find(|(open, _)| is_it(*open))?;
        let is_tcp = matches!(&it.kind, Kind::Socket { protocol, .. } if protocol == "IPPROTO_TCP");
        it.endpoints.clone().filter(|_| is_tcp)
    }

    /// The next of what was found and not told yet.
    pub fn looked(&mut self) -> Option<Looked> {
        self.looked.pop_front()
    }

    /// `concerned`: which sockets may stand otherwise though nothing was sent.
    fn look(&mut self, cause: Cause, concerned: Option<Changed>, quiet: bool) {
        let captured = self.kernel.captured();
        let sent = on_connections(&captured.packets);
        let changed = match (concerned, sent) {
            (Some(Changed::Ends(mut one)), Some(Changed::Ends(others))) => {
                one.extend(others);
                Some(Changed::Ends(one))
            }
            (Some(_), Some(_)) => Some(Changed::Anything),
            (concerned, sent) => concerned.or(sent),
        };
        let sockets = changed.map(|changed| self.changed(&changed)).unwrap_or_default();
        let first = self.seen.packets;
        self.seen.packets += captured.packets.len();
        let packet = |sent: Sent| {
            let Sent { source, target, what, len } = sent;
            Packet { cause: cause.clone(), source, target, what, len }
        };
        let packets = captured.packets.into_iter().map(packet).collect();
        let mut frames = Vec::new();
        for (at, mut bytes, place) in captured.frames {
            if self.kept >= bounds::BYTES {
                bytes.data.clear();
            }
            self.kept += bytes.data.len() as u64;
            frames.push(Frame {
                at,
                after: cause.after,
                packet: place.map(|place| first + place),
                bytes,
            });
        }
        let goes_on = quiet && self.seen.quiet.replace(cause.after) == Some(cause.after);
        let quiet = quiet && !goes_on;
        let look = (quiet || !sockets.is_empty()).then_some(Look { cause, quiet, sockets });
        let found = Looked { look, packets, frames };
        if found.look.is_some() || !found.packets.is_empty() || !found.frames.is_empty() {
            self.looked.push_back(found);
        }
    }

    /// The sockets that stand otherwise than at the last look; those that are gone are `CLOSED`.
    fn changed(&mut self, changed: &Changed) -> Vec<SocketState> {
        let now: BTreeMap<Ends, SocketState> =
            self.states_after(changed).into_iter().map(|state| (ends(&state), state)).collect();
        let before = std::mem::take(&mut self.seen.sockets);
        let mut changed: Vec<SocketState> = now
            .iter()
            .filter(|(ends, state)| before.get(*ends) != Some(*state))
            // What was bound or made only is not in the table yet.
            .filter(|(ends, state)| state.state != "CLOSED" || before.contains_key(*ends))
            .map(|(_, state)| state.clone())
            .collect();
        // Those without a description that have one now are not gone.
        let same = |state: &SocketState| {
            now.values().any(|it| {
                it.protocol == state.protocol
                    && it.local == state.local
                    && it.remote == state.remote
            })
        };
        changed.extend(
            before.iter().filter(|(ends, state)| !now.contains_key(*ends) && !same(state)).map(
                |(_, state)| SocketState {
                    state: "CLOSED".into(),
                    receive_queue: 0,
                    send_queue: 0,
                    ..state.clone()
                },
            ),
        );
        self.seen.sockets = now;
        changed
    }
}

/// What may stand otherwise after these packets; `None` if there are none.
fn on_connections(packets: &[Sent]) -> Option<Changed> {
    let moves_bytes = |sent: &Sent| matches!(sent.what, What::Data | What::Fin);
    let ends = |Sent { source, target, .. }: &Sent| {
        [(source.clone(), target.clone()), (target.clone(), source.clone())]
    };
    match packets {
        [] => None,
        some if some.iter().all(moves_bytes) => {
            Some(Changed::Ends(some.iter().flat_map(ends).collect()))
        }
        _ => Some(Changed::Anything),
    }
}

/// Whether sockets may stand otherwise after an event though nothing was sent: it took from a queue, listens, has closed.
fn about_sockets(event: &Event) -> bool {
    event.socket.is_some() && event.call != "write"
        || matches!(
            event.call.as_ref(),
            "exit" | "exit_group" | "killed" | "close" | "execve" | "pthread_exit"
        )
}
