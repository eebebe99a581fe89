//! What a program under test may use, and what becomes of one that wants more.
//!
//! The kernel holds each process to its own share (setrlimit(2)); what counts over all of a run's processes is counted here:
//! how many there are, since RLIMIT_NPROC does not bind root, what they hold in memory together, and what they
//! print. A call that would go too far fails as the manual says it may; a run that has gone too far is ended.

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use crate::decode::Raw;
use crate::event::Reason;

use super::Tracer;
use super::proc;

/// The bounds of a run. They are the same on every machine, so that a program that asks (`ulimit -n`, a pool
/// sized by getrlimit) does the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Seconds of processor time of one process.
    pub cpu: u64,
    /// Bytes of memory that all processes together may have in use. One alone may reserve four times as much.
    pub memory: u64,
    /// Processes and threads that live at the same time.
    pub tasks: usize,
    /// The number above every descriptor: with 1024, the last is 1023.
    pub files: u64,
    /// Bytes of the longest file that it may write; SIGXFSZ beyond.
    pub file_size: u64,
    /// Bytes of the first thread's stack, and the default of the others.
    pub stack: u64,
    /// Bytes that are printed in all.
    pub output: u64,
    /// Events of the recording.
    pub events: u64,
    /// Recorded calls in a row that move nothing: fewer than a recording shows, since a verdict needs no more.
    pub idle: u32,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            cpu: 10,
            memory: 1 << 30,
            tasks: 256,
            files: 1024,
            file_size: 64 << 20,
            stack: 8 << 20,
            output: 8 << 20,
            events: 100_000,
            idle: 1_000,
        }
    }
}

impl Limits {
    /// Binds the calling process, and what it executes, to these limits, which it cannot raise again; no core
    /// is ever dumped.
    ///
    /// Async-signal-safe: meant for the child between fork and exec. A limit that is already
    /// lower stays as it is. Fails with what setrlimit(2) gives.
    pub fn bind(&self) -> Result<(), Errno> {
        limit(libc::RLIMIT_CORE, 0)?;
        // More than the lab itself allows, which has the better words for it: the kernel counts whole ticks here, and on a
        // busy machine they run ahead of the time that was really used.
        limit(libc::RLIMIT_CPU, self.cpu.saturating_mul(2))?;
        // Not RLIMIT_AS: the runtimes of some languages reserve far more addresses than they ever use.
        limit(libc::RLIMIT_DATA, self.memory.saturating_mul(4))?;
        limit(libc::RLIMIT_NOFILE, self.files)?;
        limit(libc::RLIMIT_FSIZE, self.file_size)?;
        limit(libc::RLIMIT_STACK, self.stack)
    }
}

#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

/// Sets both limits of one resource of the calling process to `most`, or to the hard limit in
/// force if that is lower. Async-signal-safe.
fn limit(resource: Resource, most: u64) -> Result<(), Errno> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `now` is a live rlimit of ours.
    Errno::result(unsafe { libc::getrlimit(resource, &mut now) })?;
    let most = (most as libc::rlim_t).min(now.rlim_max);
    let new = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: `new` is a live rlimit of ours, which the kernel only reads.
    Errno::result(unsafe { libc::setrlimit(resource, &new) }).map(drop)
}

pub const TOO_MANY: &str = "refused by the lab: too many processes and threads";
pub const STRANGER: &str = "refused by the lab: not a process of this run";

impl Tracer {
    /// Whether one more process or thread would be too many.
    pub(super) fn has_all_tasks(&self) -> bool {
        self.settings.limits.is_some_and(|limits| self.threads.len() >= limits.tasks)
    }

    /// Whether the call would signal somebody outside the run: the lab, or anybody on a machine whose processes it
    /// shares.
    pub(super) fn signals_a_stranger(&self, raw: &Raw) -> bool {
        const NOBODY_ELSE: i32 = 1;
        let own = std::process::id() as i32;
        let target = raw.args[0] as i32;
        let known = self.processes.iter().any(|process| process.pid == target)
            || self.by_tid.contains_key(&target);
        match target {
            _ if self.settings.limits.is_none() || known || target == 0 => false,
            // In a pid namespace the lab is the first process, and all that can be seen is the run's own.
            _ if own == NOBODY_ELSE => target == own,
            _ => true,
        }
    }

    /// The program has printed so many bytes more.
    pub(super) fn note_output(&mut self, bytes: i64) {
        self.printed = self.printed.saturating_add(bytes.max(0) as u64);
        let most = self.settings.limits.map_or(u64::MAX, |limits| limits.output);
        if self.printed > most {
            self.end_for(format!("more than {} was printed", in_words(most)));
        }
    }

    /// Ends the run when its processes together hold too much memory.
    pub(super) fn mind_memory(&mut self) {
        let Some(limits) = self.settings.limits else { return };
        let alive = self.processes.iter().filter(|process| process.alive);
        let held: u64 = alive.map(|process| proc::resident(process.pid)).sum();
        if held > limits.memory {
            self.end_for(format!("more than {} of memory was in use", in_words(limits.memory)));
        }
    }

    pub(super) fn end_for(&mut self, what: String) {
        self.stop.get_or_insert(Reason::Limit { what });
    }
}

/// A number of bytes as people say it.
fn in_words(bytes: u64) -> String {
    match bytes {
        _ if bytes >= 1 << 30 && bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        _ if bytes >= 1 << 20 && bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ => format!("{bytes} bytes"),
    }
}
