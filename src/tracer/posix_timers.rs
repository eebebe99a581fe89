//! Timers of timer_create(2) in virtual time: the kernel makes and deletes them, and the lab lets them fire.
//!
//! timeout(1) and the C library's SIGEV_THREAD are made of these. The kernel's timer is never armed; when
//! its moment has come in virtual time the lab sends the signal that the kernel would have sent.

use std::collections::BTreeMap;

use crate::decode::Raw;

use super::Tracer;
use super::descriptors::Timer;
use super::memory::Tracee;
use super::timers::{put_interval, time_left};
use super::tracees::{InFlight, Key};

/// A timer of a process.
#[derive(Clone, Copy, Debug)]
pub struct PosixTimer {
    clock: i32,
    notify: Notify,
    /// What the handler finds in `si_value`.
    value: u64,
    pub timer: Option<Timer>,
    /// Times that it fired with nothing else happening.
    pub fires: u32,
}

#[derive(Clone, Copy, Debug)]
enum Notify {
    Nobody,
    Process(i32),
    /// A signal to the thread of this tid.
    Thread(i32, i32),
}

/// The timers of one process, by their ids.
pub type PosixTimers = BTreeMap<i32, PosixTimer>;

impl Tracer {
    /// timer_create(2) has succeeded.
    pub(super) fn made_timer(&mut self, key: Key, call: &InFlight, memory: Tracee) {
        let args = call.raw().args;
        let (Some(id), Some(thread)) = (memory.bytes(args[2]), self.threads.get(&key)) else {
            return;
        };
        let (id, clock) = (i32::from_le_bytes(id), args[0] as i32);
        // Timers of processor time are the kernel's to count.
        if !matches!(
            clock,
            libc::CLOCK_REALTIME
                | libc::CLOCK_MONOTONIC
                | libc::CLOCK_BOOTTIME
                | libc::CLOCK_TAI
                | libc::CLOCK_REALTIME_ALARM
                | libc::CLOCK_BOOTTIME_ALARM
        ) {
            return;
        }
        // struct sigevent: sigev_value, sigev_signo, sigev_notify, sigev_notify_thread_id.
        let (value, notify) = match memory.bytes::<20>(args[1]) {
            Some(event) => {
                let word = |at: usize| {
                    i32::from_le_bytes(event[at..at + 4].try_into().unwrap_or_default())
                };
                let value = u64::from_le_bytes(event[..8].try_into().unwrap_or_default());
                let notify = match word(12) {
                    libc::SIGEV_NONE => Notify::Nobody,
                    libc::SIGEV_THREAD_ID => Notify::Thread(word(16), word(8)),
                    _ => Notify::Process(word(8)),
                };
                (value, notify)
            }
            None => (id as u64, Notify::Process(libc::SIGALRM)),
        };
        let made = PosixTimer { clock, notify, value, timer: None, fires: 0 };
        self.processes[thread.process].timers.insert(id, made);
    }

    /// timer_delete(2) has succeeded.
    pub(super) fn deleted_timer(&mut self, key: Key, id: i32) {
        if let Some(thread) = self.threads.get(&key) {
            self.processes[thread.process].timers.remove(&id);
        }
    }

    /// Answers timer_settime(2) and timer_gettime(2); `None` where the kernel is to judge.
    pub(super) fn answer_about_timer(
        &mut self,
        key: Key,
        raw: &Raw,
        memory: Tracee,
    ) -> Option<i64> {
        const TIMER_ABSTIME: i32 = 1;
        let args = raw.args;
        let process = self.threads.get(&key)?.process;
        let now = self.clock.now();
        let timer = self.processes[process].timers.get_mut(&(args[0] as i32))?;
        let (left, again) = time_left(timer.timer, now);
        let old = match raw.nr as libc::c_long {
            libc::SYS_timer_settime => {
                let (interval, value) = (memory.time(args[2], 1)?, memory.time(args[2] + 16, 1)?);
                let deadline = match args[1] as i32 & TIMER_ABSTIME {
                    0 => now.saturating_add(value),
                    _ => self.clock.moment(timer.clock, value),
                };
                timer.timer = (value > 0).then_some(Timer { deadline, interval });
                args[3]
            }
            _ => args[1],
        };
        let done = put_interval(memory, old, left, again, 1);
        Some(if done { 0 } else { -i64::from(libc::EFAULT) })
    }

    /// Sends what the kernel would send when the timer expires.
    pub(super) fn expire_timer(&mut self, process: usize, id: i32, deadline: u64) {
        let process = &mut self.processes[process];
        let Some(timer) = process.timers.get_mut(&id) else { return };
        timer.fires += 1;
        timer.timer = timer.timer.and_then(|timer| timer.again(deadline));
        let (tid, signal) = match timer.notify {
            Notify::Nobody => return,
            Notify::Process(signal) => (None, signal),
            Notify::Thread(tid, signal) => (Some(tid), signal),
        };
        // siginfo_t: si_signo, si_errno, si_code, a gap, si_timerid, si_overrun, si_value. sigaction(2).
        let mut info = [0u8; 128];
        info[0..4].copy_from_slice(&signal.to_ne_bytes());
        info[8..12].copy_from_slice(&libc::SI_TIMER.to_ne_bytes());
        info[16..20].copy_from_slice(&id.to_ne_bytes());
        info[24..32].copy_from_slice(&timer.value.to_ne_bytes());
        // SAFETY: the kernel reads 128 bytes of `info`, which are there; the process is a living tracee of ours.
        unsafe {
            match tid {
                Some(tid) => libc::syscall(
                    libc::SYS_rt_tgsigqueueinfo,
                    process.pid,
                    tid,
                    signal,
                    info.as_ptr(),
                ),
                None => {
                    libc::syscall(libc::SYS_rt_sigqueueinfo, process.pid, signal, info.as_ptr())
                }
            };
        }
    }
}
