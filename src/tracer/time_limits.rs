//! Calls that wait for a limited time, and how their limit is made the lab's.
//!
//! Where time is virtual the kernel must not count: each such call is entered without its limit, and the
//! limit is kept here as a deadline. When nothing else can happen the earliest one *fires*: the call is
//! interrupted and given the result of an expired timeout.

use crate::decode::Raw;

use super::clock::Clock;
use super::memory::Tracee;

/// A call's time limit, taken out of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimit {
    /// Virtual time since the start at which the wait ends.
    pub deadline: u64,
    /// What the call returns then.
    pub result: i64,
    /// How the call is entered instead.
    pub entered: Entered,
    /// Where the kernel would write the time that was left, and the unit: 1 for a timespec, 1000 for a timeval.
    pub remaining: Option<(u64, u64)>,
    /// Whether the time left is written only when a signal ends the wait (sleeps).
    pub remaining_on_eintr: bool,
}

/// What the kernel is asked instead of the call with its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entered {
    /// The same call with another value in one argument.
    WithArg(usize, u64),
    /// ppoll of nothing for ever: what a sleep without an end is.
    AsPpoll,
    /// As it is: the limit belongs to the socket, and the kernel's copy of it was taken out before.
    Unchanged,
}

const NEVER: u64 = u64::MAX;
const NULL: u64 = 0;

/// The limit of a call, if it has one that has not passed already: such a call does not wait.
pub fn of(raw: &Raw, memory: Tracee, clock: &Clock) -> Option<TimeLimit> {
    let args = raw.args;
    let limit = |nanoseconds: u64, result: i64, entered: Entered| {
        (nanoseconds > 0).then(|| TimeLimit {
            deadline: clock.now().saturating_add(nanoseconds),
            result,
            entered,
            remaining: None,
            remaining_on_eintr: false,
        })
    };
    let milliseconds = |at: usize| (args[at] as i32).max(0) as u64 * 1_000_000;
    let writes_back = |limit: Option<TimeLimit>, at: usize, unit: u64| {
        limit.map(|limit| TimeLimit { remaining: Some((args[at], unit)), ..limit })
    };
    match raw.nr as libc::c_long {
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll => limit(milliseconds(2), 0, Entered::WithArg(2, NEVER)),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_epoll_wait => limit(milliseconds(3), 0, Entered::WithArg(3, NEVER)),
        libc::SYS_epoll_pwait => limit(milliseconds(3), 0, Entered::WithArg(3, NEVER)),
        libc::SYS_epoll_pwait2 => limit(memory.time(args[3], 1)?, 0, Entered::WithArg(3, NULL)),
        libc::SYS_ppoll => {
            writes_back(limit(memory.time(args[2], 1)?, 0, Entered::WithArg(2, NULL)), 2, 1)
        }
        libc::SYS_pselect6 => {
            writes_back(limit(memory.time(args[4], 1)?, 0, Entered::WithArg(4, NULL)), 4, 1)
        }
        #[cfg(target_arch = "x86_64")]
        libc::SYS_select => {
            writes_back(limit(memory.time(args[4], 1_000)?, 0, Entered::WithArg(4, NULL)), 4, 1_000)
        }
        libc::SYS_rt_sigtimedwait => {
            limit(memory.time(args[2], 1)?, -i64::from(libc::EAGAIN), Entered::WithArg(2, NULL))
        }
        libc::SYS_futex => {
            let time = memory.time(args[3], 1)?;
            let wait = futex_wait(args[1] as i32, time, clock)?;
            limit(wait, -i64::from(libc::ETIMEDOUT), Entered::WithArg(3, NULL))
        }
        libc::SYS_semtimedop => {
            limit(memory.time(args[3], 1)?, -i64::from(libc::EAGAIN), Entered::WithArg(3, NULL))
        }
        libc::SYS_mq_timedreceive | libc::SYS_mq_timedsend => {
            let wait = clock.until(libc::CLOCK_REALTIME, memory.time(args[4], 1)?);
            limit(wait, -i64::from(libc::ETIMEDOUT), Entered::WithArg(4, NULL))
        }
        libc::SYS_nanosleep => sleep(limit(memory.time(args[0], 1)?, 0, Entered::AsPpoll), args[1]),
        libc::SYS_clock_nanosleep => {
            let time = memory.time(args[2], 1)?;
            let absolute = args[1] as i32 & libc::TIMER_ABSTIME != 0;
            let wait = if absolute { clock.until(args[0] as i32, time) } else { time };
            sleep(limit(wait, 0, Entered::AsPpoll), if absolute { NULL } else { args[3] })
        }
        _ => None,
    }
}

/// Where the call's deadline stands in memory, if it is one that the programs' clock has passed already.
///
/// The kernel's own clocks may be far behind the programs', or far before them: it must not be shown such a deadline.
pub fn passed_deadline(raw: &Raw, memory: Tracee, clock: &Clock) -> Option<u64> {
    let args = raw.args;
    let (addr, left) = match raw.nr as libc::c_long {
        libc::SYS_futex => (args[3], futex_wait(args[1] as i32, memory.time(args[3], 1)?, clock)?),
        libc::SYS_clock_nanosleep if args[1] as i32 & libc::TIMER_ABSTIME != 0 => {
            (args[2], clock.until(args[0] as i32, memory.time(args[2], 1)?))
        }
        libc::SYS_mq_timedreceive | libc::SYS_mq_timedsend => {
            (args[4], clock.until(libc::CLOCK_REALTIME, memory.time(args[4], 1)?))
        }
        _ => return None,
    };
    (left == 0).then_some(addr)
}

fn sleep(limit: Option<TimeLimit>, remaining: u64) -> Option<TimeLimit> {
    limit.map(|limit| TimeLimit {
        remaining: (remaining != NULL).then_some((remaining, 1)),
        remaining_on_eintr: true,
        ..limit
    })
}

/// How long a futex operation waits, in nanoseconds; `None` for those that do not.
fn futex_wait(operation: i32, time: u64, clock: &Clock) -> Option<u64> {
    let clock_id = match operation & libc::FUTEX_CLOCK_REALTIME {
        0 => libc::CLOCK_MONOTONIC,
        _ => libc::CLOCK_REALTIME,
    };
    match operation & libc::FUTEX_CMD_MASK {
        libc::FUTEX_WAIT => Some(time),
        libc::FUTEX_WAIT_BITSET | libc::FUTEX_WAIT_REQUEUE_PI | libc::FUTEX_LOCK_PI2 => {
            Some(clock.until(clock_id, time))
        }
        libc::FUTEX_LOCK_PI => Some(clock.until(libc::CLOCK_REALTIME, time)),
        _ => None,
    }
}
