//! The free schedule: whoever stops goes on at once, in real time.
//!
//! The way from a stop to the resuming of its thread is the lab's whole cost, so it is short: wait4, the registers, the
//! memory that is needed, ptrace. Nothing is asked for time on it: a timer of the lab's own ends a wait now and then
//! ([`TICK`]), and all that has to be looked at in between is looked at then.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::errno::Errno;

use crate::error::{Error, Result};

use super::settle::Wakes;
use super::stop::{self, Stopped};
use super::tracees::{Held, Key};
use super::{Placement, Tracer};

/// What the free schedule has found.
pub enum Free {
    Act(Key),
    Again,
    /// Nobody has moved for a while, and nobody can.
    Quiet,
}

/// How often a wait is ended to look around.
const TICK: Duration = Duration::from_millis(50);

/// What there is to know between two ticks.
#[derive(Default)]
pub struct Flow {
    /// Threads that stand at a stop and were not let go at once.
    standing: VecDeque<Key>,
    /// Stops since the last tick.
    stops: u64,
}

impl Flow {
    /// Begins to tick.
    pub fn start() -> Flow {
        let every = libc::timeval { tv_sec: 0, tv_usec: TICK.as_micros() as libc::suseconds_t };
        let timer = libc::itimerval { it_interval: every, it_value: every };
        // SAFETY: the handler only stores to an atomic; that it has run ends the wait, for want of SA_RESTART. Both structs are ours.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = tick as *const () as usize;
            libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut());
            libc::setitimer(libc::ITIMER_REAL, &timer, std::ptr::null_mut());
        }
        Flow::default()
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        // SAFETY: all zeroes is a timer that is off.
        unsafe {
            let off: libc::itimerval = std::mem::zeroed();
            libc::setitimer(libc::ITIMER_REAL, &off, std::ptr::null_mut());
        }
    }
}

static TICKED: AtomicBool = AtomicBool::new(false);

extern "C" fn tick(_: libc::c_int) {
    TICKED.store(true, Ordering::Relaxed);
}

impl Tracer {
    /// Waits for the next stop. Whoever stands there is to go on now.
    pub(super) fn await_any(&mut self) -> Result<Free> {
        self.tell_deaths();
        if self.should_stop() || !self.out.is_empty() {
            return Ok(Free::Again);
        }
        while let Some(key) = self.flow.standing.pop_front() {
            if self.is_held(key) {
                return Ok(Free::Act(key));
            }
        }
        if TICKED.swap(false, Ordering::Relaxed)
            && let Free::Quiet = self.look_around()
        {
            return Ok(Free::Quiet);
        }
        match stop::wait_status(-1) {
            Ok((tid, status)) => {
                self.flow.stops += 1;
                self.on_status(tid, status);
                let key = self.by_tid.get(&tid).copied().filter(|&key| self.is_held(key));
                Ok(key.map_or(Free::Again, Free::Act))
            }
            Err(Errno::EINTR | Errno::ECHILD) => Ok(Free::Again),
            Err(errno) => Err(Error::System { doing: "wait for the programs".into(), errno }),
        }
    }

    fn is_held(&self, key: Key) -> bool {
        self.threads.get(&key).is_some_and(|thread| thread.held.is_some())
    }

    /// A tick: is there anybody who can move?
    fn look_around(&mut self) -> Free {
        let stops = std::mem::take(&mut self.flow.stops);
        if self.settings.placement == Placement::Auto {
            let alive = self.processes.iter().filter(|it| it.alive).map(|it| it.pid);
            self.processors.look(TICK, stops, alive, self.by_tid.keys().copied());
        }
        if stops > 0 {
            return Free::Again;
        }
        self.woken = Wakes::All;
        if self.anybody_awake() || stop::has_pending_stop_of_any() {
            return Free::Again;
        }
        self.mark_blocked();
        // A call with a limit of its own will end without anybody's help.
        let timed = self.threads.values().any(|thread| self.ends_by_itself(thread));
        if timed { Free::Again } else { Free::Quiet }
    }

    /// Keeps a thread at its stop until it is chosen; where nobody chooses it goes on now.
    pub(super) fn hold(
        &mut self,
        key: Key,
        stopped: Stopped,
    ) -> std::result::Result<(), stop::Gone> {
        if !self.is_serial() {
            return stopped.resume(0);
        }
        if let Some(thread) = self.threads.get_mut(&key) {
            thread.held = Some(Held::Ready(stopped));
        }
        Ok(())
    }

    /// A thread stands at a stop that wait4 did not tell just now.
    pub(super) fn note_standing(&mut self, key: Key) {
        self.flow.standing.push_back(key);
    }
}
