//! Quiescence: waiting until every thread stands at a stop or sleeps in the kernel.
//!
//! Nothing here decides anything by time. The tracer looks again and again, first giving way to the tracees and
//! then sleeping a little between looks; how often it looked leaves no trace in a recording.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::decode::Raw;
use crate::error::{Error, Result};
use crate::event::Reason;

use super::proc::{self, Doing};
use super::stop::{self, Status};
use super::tracees::{Held, Key};
use super::{Tracer, bounds};

/// Whom the thread that ran last may have woken: those are looked at again before the next decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wakes {
    /// It only asked or set something of its own.
    Nobody,
    /// It used a futex.
    Futexes,
    /// It took from a socket: whoever waits to send, or for several descriptors.
    Senders,
    /// It used a descriptor.
    Descriptors,
    All,
}

/// Looks after which the tracer sleeps between looks rather than only giving way, each time twice as often.
const PATIENT_LOOKS: u32 = 4;

/// How long a sleep between two looks is at first.
const SHORTEST_SLEEP: Duration = Duration::from_micros(20);

/// Whether others want the processor. To give way to them costs a whole slice of each, every time; who sleeps instead gets it
/// back when there is something to do.
#[derive(Default)]
pub struct Crowd {
    /// How many times more to sleep before it is tried to give way again.
    sleeps: u32,
    /// How many times it will be if that is dear again: a program that computes for a moment looks like a crowd once.
    next: u32,
}

impl Crowd {
    const DEAR: Duration = Duration::from_millis(1);
    const FEWEST: u32 = 8;
    const MOST: u32 = 256;

    fn is_to_sleep(&mut self) -> bool {
        let sleeps = self.sleeps > 0;
        self.sleeps = self.sleeps.saturating_sub(1);
        sleeps
    }

    /// To give way has taken so long; says whether that is too long.
    fn has_cost(&mut self, time: Duration) -> bool {
        let is_dear = time > Crowd::DEAR;
        if is_dear {
            self.sleeps = self.next.max(Crowd::FEWEST);
        }
        self.next = if is_dear { (self.sleeps * 2).min(Crowd::MOST) } else { self.next / 2 };
        is_dear
    }
}

impl Tracer {
    /// Returns when no thread runs. Threads that died meanwhile are told then, in a fixed order.
    pub(super) fn settle(&mut self) -> Result<()> {
        // Nobody was resumed, and nothing was done from outside.
        if self.is_settled && self.woken == Wakes::Nobody {
            return Ok(());
        }
        let mut looks = 0;
        loop {
            // Who has just been resumed runs: it is given its turn before it is looked at, which costs more than a stop.
            if looks == 0 && self.was_just_resumed() {
                self.pause(&mut looks, None)?;
            } else {
                self.collect()?;
            }
            if self.should_stop() {
                return Ok(());
            }
            if let Some(key) = self.first_awake() {
                self.pause(&mut looks, Some(key))?;
                continue;
            }
            // All sleep or stand, so no packet is sent any more; wait until those under way have
            // arrived, and look again at whom they woke.
            if matches!(self.woken, Wakes::Senders | Wakes::Descriptors | Wakes::All) {
                // To count what has left costs a tenth of a look at the queues.
                let frames = self.kernel.frames();
                let has_sent = frames.is_none() || frames != self.arrived;
                if has_sent && self.backlog.is_busy() {
                    self.pause(&mut looks, None)?;
                    continue;
                }
                self.arrived = frames;
                if (has_sent || self.several_are_in_calls()) && self.first_awake().is_some() {
                    continue;
                }
            }
            if self.woken != Wakes::All || !self.collect()? {
                break;
            }
        }
        self.mark_blocked();
        self.tell_deaths();
        self.woken = Wakes::Nobody;
        self.is_settled = true;
        Ok(())
    }

    /// Whether several threads are in a call: while one of them is looked at, another may wake a third.
    fn several_are_in_calls(&self) -> bool {
        self.threads.values().filter(|thread| thread.held.is_none()).nth(1).is_some()
    }

    /// Whether the thread that was chosen last has neither stopped nor been seen asleep since.
    fn was_just_resumed(&self) -> bool {
        let thread = self.current.and_then(|key| self.threads.get(&key));
        thread.is_some_and(|thread| {
            thread.held.is_none() && !thread.call.as_ref().is_some_and(|call| call.blocked)
        })
    }

    /// Whether there can be no other status: the thread that had the turn stands again after it ran from one call to the
    /// next, and nobody is woken by that; or everybody stands.
    fn has_every_status(&self) -> bool {
        let thread = self.current.and_then(|key| self.threads.get(&key));
        let stands = thread.is_some_and(|it| matches!(it.held, Some(Held::Entry(..))));
        let is_alone = stands && self.woken == Wakes::Nobody;
        // A signal of the programs' own may end who stands.
        let all_stand =
            || self.woken != Wakes::All && self.threads.values().all(|it| it.held.is_some());
        (is_alone || all_stand()) && self.dead.is_empty() && self.unclaimed.is_empty()
    }

    /// Takes in every status that has come; says whether there was one.
    fn collect(&mut self) -> Result<bool> {
        let mut any = false;
        loop {
            match stop::poll_status() {
                Ok(Some((tid, status))) => {
                    any = true;
                    self.on_status(tid, status);
                    if self.has_every_status() {
                        return Ok(true);
                    }
                }
                Ok(None) | Err(Errno::ECHILD) => return Ok(any),
                Err(Errno::EINTR) => {}
                Err(errno) => {
                    return Err(Error::System { doing: "wait for the programs".into(), errno });
                }
            }
        }
    }

    /// Looks at everybody once more before it is said that nobody can move: a call that is not followed may have woken
    /// somebody (an inotify watch, a signal of the kernel's own).
    pub(super) fn somebody_moved(&mut self) -> bool {
        self.woken = Wakes::All;
        let moved = stop::has_pending_stop_of_any() || self.anybody_awake();
        if !moved {
            self.woken = Wakes::Nobody;
        }
        moved
    }

    /// Whether any thread runs.
    pub(super) fn anybody_awake(&self) -> bool {
        self.first_awake().is_some()
    }

    /// The one that had the turn, if it runs, else the first in order.
    fn first_awake(&self) -> Option<Key> {
        let others = self.threads.keys().copied().filter(|&key| self.current != Some(key));
        self.current.into_iter().chain(others).find(|&key| self.is_awake(key))
    }

    /// Whether a thread runs, or has a stop or death that has not been fetched.
    fn is_awake(&self, key: Key) -> bool {
        let Some(thread) = self.threads.get(&key) else { return false };
        if thread.listening {
            return self.woken == Wakes::All && stop::has_pending_stop(thread.tid);
        }
        if thread.held.is_some() {
            // A stop ends without a word when SIGKILL comes; only signals and exits can bring that.
            return self.woken == Wakes::All && !thread.sleep.is_stopped();
        }
        if let Some(call) = thread.call.as_ref().filter(|call| call.blocked) {
            let on_futex = call.raw().nr == libc::SYS_futex as u64;
            match self.woken {
                Wakes::Nobody => return false,
                Wakes::Futexes if !on_futex => return false,
                Wakes::Senders if on_futex || only_takes(call.raw()) => return false,
                Wakes::Descriptors if on_futex => return false,
                _ => {}
            }
        }
        match thread.sleep.doing(thread.in_vfork) {
            Doing::Asleep => thread.dying,
            Doing::Running => true,
            // The status of a leader is held back until its threads have ended.
            Doing::Zombie => {
                let leader = self.processes[thread.process].pid == thread.tid;
                !(leader && self.has_living_siblings(thread)) || stop::has_pending_stop(thread.tid)
            }
        }
    }

    /// Notes which calls wait, and since which event.
    pub(super) fn mark_blocked(&mut self) {
        let seq = self.seq;
        for thread in self.threads.values_mut() {
            if thread.held.is_none()
                && let Some(call) = thread.call.as_mut().filter(|call| !call.blocked)
            {
                call.blocked = true;
                call.since = seq;
                self.streak = 0;
            }
        }
    }

    /// Gives way to the tracees; after many looks, or where others want the processor, sleeps until a status comes or a
    /// moment has passed.
    fn pause(&mut self, looks: &mut u32, awake: Option<Key>) -> Result<()> {
        *looks += 1;
        if *looks <= PATIENT_LOOKS {
            if self.crowd.is_to_sleep() {
                await_child_signal(SHORTEST_SLEEP);
                self.collect()?;
                return Ok(());
            }
            for _ in 0..1 << (*looks - 1) {
                let began = Instant::now();
                // SAFETY: sched_yield takes nothing and cannot fail.
                unsafe { libc::sched_yield() };
                let lost = self.crowd.has_cost(began.elapsed());
                // To ask for a status costs a fraction of a look at a thread.
                if self.collect()? || lost {
                    break;
                }
            }
            return Ok(());
        }
        let doublings = ((*looks - PATIENT_LOOKS) / 4).min(7);
        await_child_signal(SHORTEST_SLEEP * (1 << doublings));
        // Who only waits for a processor of a busy machine has not taken much meanwhile.
        if looks.is_multiple_of(8) {
            self.mind_memory();
        }
        if let Some(key) = awake {
            self.mind_computing(key)?;
        }
        Ok(())
    }

    /// A thread that computes without a call keeps the others waiting: after a second of processor time one of them is
    /// let in, after ten the run is ended.
    fn mind_computing(&mut self, key: Key) -> Result<()> {
        let Some(thread) = self.threads.get_mut(&key) else { return Ok(()) };
        let used = proc::cpu_time(self.processes[thread.process].pid);
        let before = *thread.cpu_at_look.get_or_insert(used);
        let thread = &self.threads[&key];
        if let Some(limits) = self.settings.limits
            && used > limits.cpu.saturating_mul(1_000_000_000)
        {
            let role = &self.roles[key.0].name;
            self.end_for(format!("{role} used {} s of processor time", limits.cpu));
            return Ok(());
        }
        let used = Duration::from_nanos(used.saturating_sub(before));
        let others_wait = self.threads.iter().any(|(&other, it)| other != key && it.held.is_some());
        if used > bounds::COMPUTES_FOR_EVER {
            let what = format!(
                "{} computed for {} s of processor time without a call",
                self.roles[key.0].name,
                bounds::COMPUTES_FOR_EVER.as_secs()
            );
            self.stop.get_or_insert(Reason::Limit { what });
        } else if used > bounds::COMPUTES && others_wait && !self.rotate {
            self.rotate = true;
            let _ = stop::interrupt(thread.tid);
        } else if used > bounds::COMPUTES_LONG && !others_wait {
            // timeout(1) over a program that never ends: whoever waits for his time has his turn.
            self.fire_earliest()?;
        }
        Ok(())
    }

    /// Whether the run is to end now: the user said so, or its time is up.
    pub(super) fn should_stop(&mut self) -> bool {
        if was_interrupted() {
            self.stop.get_or_insert(Reason::Interrupted);
        }
        if let Some(timeout) = self.settings.timeout
            && self.start.elapsed() > timeout
        {
            let what = format!("{} s of real time had passed", timeout.as_secs_f64());
            self.stop.get_or_insert(Reason::Limit { what });
        }
        self.stop.is_some()
    }

    /// What a held signal or exit can have changed is all that was.
    pub(super) fn note_wakes(&mut self, wakes: Wakes) {
        self.woken = match (self.woken, wakes) {
            (Wakes::Nobody, wakes) => wakes,
            (before, Wakes::Nobody) => before,
            (before, wakes) if before == wakes => before,
            (Wakes::Senders | Wakes::Descriptors, Wakes::Senders | Wakes::Descriptors) => {
                Wakes::Descriptors
            }
            _ => Wakes::All,
        };
    }

    /// Tells of the threads that have died since the last decision.
    pub(super) fn tell_deaths(&mut self) {
        if self.dead.is_empty() {
            return;
        }
        let mut dead = std::mem::take(&mut self.dead);
        dead.sort_by_key(|(thread, _)| (thread.role, thread.number));
        for (thread, status) in dead {
            let signal = match status {
                Status::Signalled { signal } => Some(signal),
                _ => None,
            };
            self.tell_death(thread, signal);
        }
    }
}

/// Whether a call waits for something to come: that somebody else takes from a socket does not end it.
pub(super) fn only_takes(raw: &Raw) -> bool {
    let takes = [
        libc::SYS_recvfrom,
        libc::SYS_recvmsg,
        libc::SYS_accept,
        libc::SYS_accept4,
        libc::SYS_read,
    ];
    takes.contains(&(raw.nr as libc::c_long))
}

/// Set by the handler of SIGINT, SIGTERM and SIGHUP.
static INTERRUPTED: AtomicI32 = AtomicI32::new(0);

extern "C" fn note_signal(signal: libc::c_int) {
    INTERRUPTED.store(signal, Ordering::Relaxed);
}

/// Makes SIGINT, SIGTERM and SIGHUP end the run with what has been recorded, rather than the process.
pub fn catch_signals() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the handler only stores to an atomic; no SA_RESTART, so that waits end.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = note_signal as *const () as usize;
            libc::sigaction(signal, &action, std::ptr::null_mut());
        }
    }
}

/// Whether one of the signals has come.
pub fn was_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed) != 0
}

/// Waits until there is something to read; false if one of the signals has come.
pub fn await_input(from: BorrowedFd<'_>) -> bool {
    use nix::poll::{PollFd, PollFlags, ppoll};
    use nix::sys::signal::{SigSet, Signal};
    let mut ending = SigSet::empty();
    ending.extend([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    // One that comes between the look and the wait is to end the wait: it may come only within.
    let Ok(outside) = ending.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK) else {
        return false;
    };
    let mut wanted = [PollFd::new(from, PollFlags::POLLIN)];
    let found = loop {
        if was_interrupted() {
            break false;
        }
        match ppoll(&mut wanted, None, Some(outside)) {
            Err(Errno::EINTR) => {}
            found => break found.is_ok(),
        }
    };
    let _ = outside.thread_set_mask();
    found
}

/// An end then leaves its signal pending, for [`await_child_signal`]. A stop sends none: that is a twentieth of what a stop
/// costs, and wait4 hears of it all the same.
pub fn block_child_signals() {
    // SAFETY: the set is initialised before use; the mask is that of the only thread.
    unsafe {
        let set = child_signal();
        libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
    }
    signal_stops(false);
}

/// Whether a stop of a child sends SIGCHLD, as an end does in any case.
fn signal_stops(wanted: bool) {
    // SAFETY: the struct is ours, and no handler is set.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = libc::SIG_DFL;
        action.sa_flags = if wanted { 0 } else { libc::SA_NOCLDSTOP };
        libc::sigaction(libc::SIGCHLD, &action, std::ptr::null_mut());
    }
}

fn child_signal() -> libc::sigset_t {
    // SAFETY: plain data, initialised by sigemptyset.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGCHLD);
        set
    }
}

/// Sleeps until a child's status may have changed, a signal comes, or `at_most` has passed.
pub fn await_child_signal(at_most: Duration) {
    let set = child_signal();
    let time = libc::timespec {
        tv_sec: at_most.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(at_most.subsec_nanos() as i32),
    };
    signal_stops(true);
    // A stop from before sent none.
    if !stop::has_pending_stop_of_any() {
        // SAFETY: both are read only; no siginfo is wanted.
        unsafe { libc::sigtimedwait(&set, std::ptr::null_mut(), &time) };
    }
    signal_stops(false);
}
