//! Who waits for whom when nobody can move: a deadlock, or a server that serves.
//!
//! A wait that can only be ended by somebody who waits himself is a link of a chain. A chain that leads outside (a
//! listener, a datagram socket without a peer, an idle stdin) is *serving*; one that comes back to itself
//! is a deadlock.

use std::collections::BTreeSet;

use crate::event::{Kind, Party, Reason, SockAddr, Waiting};

use super::descriptors::{Open, Outside};
use super::tracees::{InFlight, Key, Shown, Thread};
use super::{Tracer, bounds};

/// Somebody who could end a wait.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Helper {
    Thread(Key),
    Outside(&'static str),
    /// A peer, by its socket.
    Peer(Open),
}

const TIME: &str = "time";
/// In nanoseconds.
const DAY: u64 = 86_400 * 1_000_000_000;
const SIGNAL: &str = "a signal";
const PEER: &str = "a peer";

impl Tracer {
    /// What it means that nobody can move. `must_end` says of each role whether it was declared to end.
    pub fn judge(&self, must_end: &[Option<bool>]) -> Reason {
        if self.threads.is_empty() {
            return Reason::Finished;
        }
        let stuck = self.threads.keys().any(|&key| {
            must_end.get(key.0).copied().flatten() == Some(true) || !self.leads_outside(key)
        });
        let (most, idled) = (self.most_fires(), self.has_idled());
        let fires_for_ever =
            |thread: &Thread| thread.idle_fires >= most || idled && thread.idle_fires > 0;
        if let Some((&key, _)) = self.threads.iter().find(|(_, thread)| fires_for_ever(thread)) {
            // A main thread that sleeps in a loop while another one accepts serves, too.
            let mut same_role = self.threads.keys().filter(|other| other.0 == key.0);
            if stuck || !same_role.any(|&other| self.waits_for_the_world(other)) {
                let name = &self.roles[key.0].name;
                let how_long = match idled {
                    true => format!("for {} days of its own time", bounds::IDLE_TIME / DAY),
                    false => format!("{most} times"),
                };
                let what =
                    format!("{name} waited {how_long} for a timer and nothing else happened");
                return Reason::Limit { what };
            }
        }
        if stuck { Reason::Deadlock } else { Reason::Serving }
    }

    /// Makes events of the calls that never returned, and says who waits for whom.
    pub(super) fn unfinished(&mut self) -> Vec<Waiting> {
        let keys: Vec<Key> = self.threads.keys().copied().collect();
        let parties: Vec<Vec<Party>> = keys.iter().map(|&key| self.parties(key)).collect();
        let mut waiting = Vec::new();
        for (key, for_) in keys.into_iter().zip(parties) {
            let Some(mut thread) = self.threads.remove(&key) else { continue };
            if let Some(call) = thread.call.take() {
                // A hidden call (a futex) is shown when it is what the thread was left in.
                let (blocked, shown) = (call.blocked, call.shown);
                if blocked || shown == Shown::Yes {
                    let event = self.event(&thread, call, None, None, None);
                    if blocked {
                        waiting.push(Waiting {
                            role: event.role.clone(),
                            process: event.process,
                            thread: event.thread,
                            event: event.seq,
                            for_,
                        });
                    }
                    self.out.push_back(Box::new(event));
                }
            }
            self.threads.insert(key, thread);
        }
        waiting
    }

    pub(super) fn parties(&self, key: Key) -> Vec<Party> {
        let helpers = self.helpers_of(key);
        if helpers.is_empty() {
            return vec![Party::Nobody];
        }
        helpers
            .into_iter()
            .map(|helper| match helper {
                Helper::Thread((role, thread)) => {
                    Party::Thread { role: self.roles[role].name.clone(), thread }
                }
                Helper::Outside(what) => Party::Outside { what: what.into() },
                Helper::Peer(open) => {
                    let peer = self.descriptors.get(open);
                    let why = match peer.outside {
                        Some(Outside::Vanished) => "which has vanished",
                        _ => "which has no step left",
                    };
                    Party::Outside { what: format!("{}, {why}", peer.role) }
                }
            })
            .collect()
    }

    /// Whether any thread waits for a client, a datagram or a line: for what only somebody outside can do.
    pub(super) fn somebody_waits_for_the_world(&self) -> bool {
        self.threads.keys().any(|&key| self.waits_for_the_world(key))
    }

    fn waits_for_the_world(&self, key: Key) -> bool {
        self.reaches(key, |what| what != TIME && what != SIGNAL)
    }

    /// Whether somebody outside could set in motion what the thread waits for.
    fn leads_outside(&self, from: Key) -> bool {
        self.reaches(from, |_| true)
    }

    fn reaches(&self, from: Key, counts: impl Fn(&'static str) -> bool) -> bool {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(key) = next.pop() {
            if !seen.insert(key) {
                continue;
            }
            for helper in self.helpers_of(key) {
                match helper {
                    Helper::Outside(what) if counts(what) => return true,
                    Helper::Outside(_) => {}
                    Helper::Peer(_) if counts(PEER) => return true,
                    Helper::Peer(_) => {}
                    Helper::Thread(key) => next.push(key),
                }
            }
        }
        false
    }

    /// Those who could end the thread's wait.
    fn helpers_of(&self, key: Key) -> Vec<Helper> {
        let Some(thread) = self.threads.get(&key) else { return Vec::new() };
        if thread.listening {
            return vec![Helper::Outside("SIGCONT")];
        }
        let Some(call) = &thread.call else { return Vec::new() };
        let mut helpers = self.helpers_of_call(key, thread, call);
        helpers.sort();
        helpers.dedup();
        helpers
    }

    fn helpers_of_call(&self, key: Key, thread: &Thread, call: &InFlight) -> Vec<Helper> {
        match call.raw().nr as libc::c_long {
            libc::SYS_futex => self
                .threads
                .iter()
                .filter(|&(&other, it)| {
                    // Without FUTEX_PRIVATE_FLAG it may lie in memory that processes share.
                    let shared = call.raw().args[1] as i32 & libc::FUTEX_PRIVATE_FLAG == 0;
                    let near = it.process == thread.process || shared && other.0 == key.0;
                    near && other != key
                })
                .map(|(&other, _)| Helper::Thread(other))
                .collect(),
            libc::SYS_wait4 | libc::SYS_waitid => self
                .threads
                .iter()
                .filter(|(_, it)| self.processes[it.process].parent == Some(thread.process))
                .map(|(&other, _)| Helper::Thread(other))
                .collect(),
            libc::SYS_nanosleep | libc::SYS_clock_nanosleep => vec![Helper::Outside(TIME)],
            libc::SYS_rt_sigsuspend | libc::SYS_rt_sigtimedwait => {
                vec![Helper::Outside(SIGNAL)]
            }
            #[cfg(target_arch = "x86_64")]
            libc::SYS_pause => vec![Helper::Outside(SIGNAL)],
            libc::SYS_connect => {
                call.open.map(|open| self.helpers_of_client(open)).unwrap_or_default()
            }
            _ => self
                .watched_by(thread, call)
                .into_iter()
                .flat_map(|open| self.helpers_at(key, open))
                .collect(),
        }
    }

    /// Whether a line on stdin would end the wait.
    pub(super) fn watches_stdin(&self, thread: &Thread, call: &InFlight) -> bool {
        let watched = self.watched_by(thread, call);
        watched.into_iter().any(|open| self.descriptors.get(open).kind == Kind::Stdin)
    }

    /// The descriptions that the call waits on.
    pub(super) fn watched_by(&self, thread: &Thread, call: &InFlight) -> Vec<Open> {
        if call.call.syscall.starts_with("epoll_") {
            return call
                .open
                .map(|epoll| self.descriptors.get(epoll).watched.clone())
                .unwrap_or_default();
        }
        if let Some(open) = call.open {
            return vec![open];
        }
        let mut watched = Vec::new();
        call.call
            .clone()
            .for_each_fd(&mut |fd, _| watched.extend(self.descriptors.lookup(thread.table, fd)));
        watched
    }

    /// Those who could make something happen at a description.
    fn helpers_at(&self, waiter: Key, open: Open) -> Vec<Helper> {
        let description = self.descriptors.get(open);
        match &description.kind {
            Kind::Stdin => vec![Helper::Outside("a line on stdin")],
            Kind::Stdout | Kind::Stderr => vec![Helper::Outside("whoever reads its output")],
            Kind::TimerFd => vec![Helper::Outside(TIME)],
            Kind::SignalFd => vec![Helper::Outside(SIGNAL)],
            Kind::EventFd => {
                self.users_of(open).into_iter().filter(|it| *it != Helper::Thread(waiter)).collect()
            }
            Kind::Socket { .. } if description.listens => {
                vec![Helper::Outside("a client to connect")]
            }
            _ => match description.peer {
                Some(peer) => self.users_of(peer),
                None if description.accepted_from.is_some() => vec![Helper::Outside("its client")],
                None if is_stream(&description.kind) => self.helpers_of_client(open),
                None => vec![Helper::Outside("a datagram")],
            },
        }
    }

    /// A connection that nobody has accepted waits for those who could.
    fn helpers_of_client(&self, open: Open) -> Vec<Helper> {
        let remote = self.descriptors.get(open).endpoints.as_ref().map(|(_, remote)| remote);
        let listeners = self.descriptors.iter().filter(|(_, it)| {
            it.listens && it.endpoints.as_ref().is_none_or(|(local, _)| could_be(local, remote))
        });
        let mut helpers: Vec<Helper> =
            listeners.flat_map(|(listener, _)| self.users_of(listener)).collect();
        if helpers.is_empty() {
            helpers.push(Helper::Outside("a server"));
        }
        helpers
    }

    /// The threads that are in a call on this description; if none is, all that hold a descriptor of it.
    fn users_of(&self, open: Open) -> Vec<Helper> {
        match self.descriptors.get(open).outside {
            Some(Outside::Closed) => return Vec::new(),
            Some(_) => return vec![Helper::Peer(open)],
            None => {}
        }
        let is_on_it = |thread: &Thread| {
            let call = thread.call.as_ref();
            call.is_some_and(|call| self.watched_by(thread, call).contains(&open))
        };
        let in_call: Vec<Helper> = self
            .threads
            .iter()
            .filter(|(_, thread)| is_on_it(thread))
            .map(|(&key, _)| Helper::Thread(key))
            .collect();
        if !in_call.is_empty() {
            return in_call;
        }
        let holds = |thread: &Thread| self.descriptors.holds(thread.table, open);
        self.threads
            .iter()
            .filter(|(_, it)| holds(it))
            .map(|(&key, _)| Helper::Thread(key))
            .collect()
    }
}

fn is_stream(kind: &Kind) -> bool {
    matches!(kind, Kind::Socket { type_, .. } if type_ == "SOCK_STREAM" || type_ == "SOCK_SEQPACKET")
}

/// Whether a listener at `local` could be what a client that dialled `remote` has reached.
fn could_be(local: &SockAddr, remote: Option<&SockAddr>) -> bool {
    remote.is_none_or(|remote| match (local.port(), remote.port()) {
        (Some(local), Some(remote)) => local == remote,
        _ => local == remote,
    })
}
