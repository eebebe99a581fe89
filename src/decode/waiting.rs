//! Calls that wait: for descriptors, for time, for signals.

use super::constants::{self as c};
use super::memory::{Tracee, i32_at, u16_at, u32_at, u64_at};
use super::value::{
    arg, fd, flags, int, list, named, pointer, record, signal, sigset, slot, time_at, timespec,
    timeval, uint,
};
use super::{Call, Known};
use crate::event::Value;

/// The kernel takes more, but no more are shown: `FD_SETSIZE` of select(2), four times.
const SELECTED: u64 = 4096;

/// On x86-64 the kernel's `struct epoll_event` is packed.
const EPOLL_EVENT: usize = if cfg!(target_arch = "x86_64") { 12 } else { 16 };

pub(super) fn entry(syscall: &str, a: &[u64; 6], t: &Tracee) -> Option<Known> {
    Some(match syscall {
        "poll" => (
            "poll",
            vec![arg("fds", polled(t, a)), arg("nfds", uint(a[1])), arg("timeout", int(a[2]))],
        ),
        "ppoll" => {
            let mut args = vec![
                arg("fds", polled(t, a)),
                arg("nfds", uint(a[1])),
                arg("tmo_p", timespec(t, a[2])),
            ];
            // Where the kernel has no poll, libc's is a ppoll without a mask.
            if cfg!(target_arch = "aarch64") && a[3] == 0 {
                return Some(("poll", args));
            }
            args.push(arg("sigmask", sigset(t, a[3])));
            ("ppoll", args)
        }
        "select" | "pselect6" => {
            let mut args = vec![arg("nfds", int(a[0]))];
            for (name, addr) in ["readfds", "writefds", "exceptfds"].into_iter().zip(&a[1..4]) {
                args.push(arg(
                    name,
                    match fd_set(t, *addr, a[0]) {
                        Value::List { items } => {
                            record([("given", list(items)), ("ready", Value::Opaque)])
                        }
                        other => other,
                    },
                ));
            }
            if syscall == "select" {
                args.push(arg("timeout", timeval(t, a[4])));
                return Some(("select", args));
            }
            args.push(arg("timeout", timespec(t, a[4])));
            // glibc's select is a pselect6 without its sixth argument; its pselect always has one, which leads
            // to a pointer to the mask and its size: select(2), "C library/kernel differences".
            if a[5] == 0 {
                return Some(("select", args));
            }
            let mask = t.exact::<16>(a[5]).and_then(|raw| u64_at(&raw, 0));
            args.push(arg("sigmask", mask.map_or(Value::Opaque, |mask| sigset(t, mask))));
            ("pselect", args)
        }
        "epoll_create" => ("epoll_create", vec![arg("size", int(a[0]))]),
        "epoll_create1" => {
            ("epoll_create1", vec![arg("flags", flags(c::EPOLL_FLAGS, a[0] as u32 as u64))])
        }
        "epoll_ctl" => {
            let event = match a[1] as i32 {
                // Not looked at by the kernel, so perhaps not initialised.
                libc::EPOLL_CTL_DEL => pointer(a[3]),
                _ => t
                    .exact::<EPOLL_EVENT>(a[3])
                    .and_then(|raw| epoll_event(t, &raw))
                    .unwrap_or_else(|| pointer(a[3])),
            };
            (
                "epoll_ctl",
                vec![
                    arg("epfd", fd(a[0])),
                    arg("op", named(c::EPOLL_OPERATIONS, a[1] as u32 as u64)),
                    arg("fd", fd(a[2])),
                    arg("event", event),
                ],
            )
        }
        "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => {
            let timeout = if syscall == "epoll_pwait2" { timespec(t, a[3]) } else { int(a[3]) };
            let mut args = vec![
                arg("epfd", fd(a[0])),
                arg("events", pointer(a[1])),
                arg("maxevents", int(a[2])),
                arg("timeout", timeout),
            ];
            // Where there is no epoll_wait in the kernel, libc's is epoll_pwait without a mask.
            if syscall == "epoll_wait" || (syscall == "epoll_pwait" && a[4] == 0) {
                ("epoll_wait", args)
            } else {
                args.push(arg("sigmask", sigset(t, a[4])));
                (super::own_name(syscall)?, args)
            }
        }
        "nanosleep" => {
            ("nanosleep", vec![arg("req", timespec(t, a[0])), arg("rem", pointer(a[1]))])
        }
        "clock_nanosleep" => (
            "clock_nanosleep",
            vec![
                arg("clockid", named(c::CLOCKS, a[0] as u32 as u64)),
                arg("flags", flags(c::CLOCK_FLAGS, a[1] as u32 as u64)),
                arg("request", timespec(t, a[2])),
                arg("remain", pointer(a[3])),
            ],
        ),
        "clock_gettime" | "clock_getres" => (
            super::own_name(syscall)?,
            vec![arg("clockid", named(c::CLOCKS, a[0] as u32 as u64)), arg("tp", pointer(a[1]))],
        ),
        "gettimeofday" => {
            ("gettimeofday", vec![arg("tv", pointer(a[0])), arg("tz", pointer(a[1]))])
        }
        "time" => ("time", vec![arg("tloc", pointer(a[0]))]),
        "alarm" => ("alarm", vec![arg("seconds", uint(a[0]))]),
        "setitimer" => (
            "setitimer",
            vec![
                arg("which", named(c::INTERVAL_TIMERS, a[0] as u32 as u64)),
                arg("new_value", interval(t, a[1], "tv_usec")),
                arg("old_value", pointer(a[2])),
            ],
        ),
        "timerfd_create" => (
            "timerfd_create",
            vec![
                arg("clockid", named(c::CLOCKS, a[0] as u32 as u64)),
                arg("flags", flags(c::TIMERFD_FLAGS, a[1] as u32 as u64)),
            ],
        ),
        "timerfd_settime" => (
            "timerfd_settime",
            vec![
                arg("fd", fd(a[0])),
                arg("flags", flags(c::TIMERFD_SET_FLAGS, a[1] as u32 as u64)),
                arg("new_value", interval(t, a[2], "tv_nsec")),
                arg("old_value", pointer(a[3])),
            ],
        ),
        "timerfd_gettime" => {
            ("timerfd_gettime", vec![arg("fd", fd(a[0])), arg("curr_value", pointer(a[1]))])
        }
        "pause" => ("pause", vec![]),
        "rt_sigsuspend" => ("sigsuspend", vec![arg("mask", sigset(t, a[0]))]),
        "rt_sigtimedwait" => {
            let set = arg("set", sigset(t, a[0]));
            let info = arg("info", pointer(a[1]));
            ("sigtimedwait", vec![set, info, arg("timeout", timespec(t, a[2]))])
        }
        "rt_sigpending" => ("sigpending", vec![arg("set", pointer(a[0]))]),
        "rt_sigprocmask" => (
            "sigprocmask",
            vec![
                arg(
                    "how",
                    match a[1] {
                        // Without a set this only asks, and `how` is not looked at.
                        0 => int(a[0]),
                        _ => named(c::MASK_OPERATIONS, a[0] as u32 as u64),
                    },
                ),
                arg("set", sigset(t, a[1])),
                arg("oldset", pointer(a[2])),
            ],
        ),
        "rt_sigaction" => (
            "sigaction",
            vec![
                arg("signum", signal(a[0])),
                arg("act", action(t, a[1])),
                arg("oldact", pointer(a[2])),
            ],
        ),
        "futex" => {
            // The value waited for may be a thread's id: it is not shown.
            let op = a[1] as u32 as u64;
            let wakes = matches!(op & 0x7f, 1 | 10);
            let mut args = vec![arg("uaddr", pointer(a[0])), arg("futex_op", futex_operation(op))];
            if wakes {
                args.push(arg("val", int(a[2])));
            } else if matches!(op & 0x7f, 0 | 6 | 9) {
                args.push(arg("timeout", timespec(t, a[3])));
            }
            ("futex", args)
        }
        "sched_yield" => ("sched_yield", vec![]),
        "io_uring_setup" => {
            let how = t.exact::<12>(a[1]).and_then(|raw| u32_at(&raw, 8));
            let params = how.map_or_else(
                || pointer(a[1]),
                |how| record([("flags", flags(c::URING_SETUP_FLAGS, how as u64))]),
            );
            ("io_uring_setup", vec![arg("entries", uint(a[0])), arg("params", params)])
        }
        "io_uring_enter" => (
            "io_uring_enter",
            vec![
                arg("fd", fd(a[0])),
                arg("to_submit", uint(a[1])),
                arg("min_complete", uint(a[2])),
                arg("flags", flags(c::URING_ENTER_FLAGS, a[3] as u32 as u64)),
                arg("sig", pointer(a[4])),
            ],
        ),
        "io_uring_register" => (
            "io_uring_register",
            vec![
                arg("fd", fd(a[0])),
                arg("opcode", named(c::URING_REGISTER, a[1] as u32 as u64)),
                arg("arg", pointer(a[2])),
                arg("nr_args", uint(a[3])),
            ],
        ),
        _ => return None,
    })
}

pub(super) fn exit(call: &mut Call, a: &[u64; 6], ret: i64, t: &Tracee) {
    match &*call.syscall {
        "poll" | "ppoll" => {
            let Some(Value::List { items }) = call.slot("fds") else { return };
            let back = t.records(a[0], items.len() as u64, 8);
            for (item, raw) in items.iter_mut().zip(&back) {
                if let (Value::Struct { fields }, Some(events)) = (item, u16_at(raw, 6))
                    && let Some(slot) = slot(fields, "revents")
                {
                    *slot = flags(c::POLL_EVENTS, events as u64);
                }
            }
        }
        "select" | "pselect6" => {
            for (name, addr) in ["readfds", "writefds", "exceptfds"].into_iter().zip(&a[1..4]) {
                if let Some(Value::Struct { fields }) = call.slot(name)
                    && let Some(slot) = slot(fields, "ready")
                {
                    *slot = fd_set(t, *addr, a[0]);
                }
            }
        }
        "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => {
            let raw = t.records(a[1], ret as u64, EPOLL_EVENT);
            if !raw.is_empty() || ret == 0 {
                let events = raw.iter().filter_map(|raw| epoll_event(t, raw)).collect();
                call.set("events", list(events));
            }
        }
        "clock_gettime" | "clock_getres" => call.set("tp", timespec(t, a[1])),
        "gettimeofday" => call.set("tv", timeval(t, a[0])),
        "time" => call.set("tloc", t.u64(a[0]).map_or_else(|| pointer(a[0]), super::value::long)),
        "setitimer" => call.set("old_value", left(interval(t, a[2], "tv_usec"))),
        "timerfd_settime" => call.set("old_value", left(interval(t, a[3], "tv_nsec"))),
        "timerfd_gettime" => call.set("curr_value", left(interval(t, a[1], "tv_nsec"))),
        "rt_sigtimedwait" => call.set("info", signal_info(t, a[1])),
        "rt_sigpending" => call.set("set", sigset(t, a[0])),
        "rt_sigprocmask" => call.set("oldset", sigset(t, a[2])),
        "rt_sigaction" => call.set("oldact", action(t, a[2])),
        _ => {}
    }
}

fn polled(t: &Tracee, a: &[u64; 6]) -> Value {
    let count = a[1] as u32 as u64;
    let records = t.records(a[0], count, 8);
    if records.is_empty() && (count > 0 || a[0] == 0) {
        return pointer(a[0]);
    }
    list(
        records
            .iter()
            .filter_map(|raw| {
                Some(record([
                    ("fd", Value::Fd { value: i32_at(raw, 0)?, socket: None }),
                    ("events", flags(c::POLL_EVENTS, u16_at(raw, 4)? as u64)),
                    ("revents", Value::Opaque),
                ]))
            })
            .collect(),
    )
}

/// The descriptors below `nfds` that are in a set.
fn fd_set(t: &Tracee, addr: u64, nfds: u64) -> Value {
    let count = u64::try_from(nfds as i32).unwrap_or(0).min(SELECTED);
    if addr == 0 {
        return Value::Null;
    }
    // The kernel reads and writes whole longs; the bytes of a long stand in the machine's order.
    let raw = t.bytes(addr, count.div_ceil(64) * 8);
    if raw.is_empty() && count > 0 {
        return Value::Opaque;
    }
    let words: Vec<u64> = (0..raw.len() / 8).filter_map(|word| u64_at(&raw, word * 8)).collect();
    let set = |fd: u64| words.get(fd as usize / 64).is_some_and(|word| word >> (fd % 64) & 1 == 1);
    list(
        (0..count)
            .filter(|&fd| set(fd))
            .map(|fd| Value::Fd { value: fd as i32, socket: None })
            .collect(),
    )
}

fn epoll_event(t: &Tracee, raw: &[u8]) -> Option<Value> {
    let events = flags(c::EPOLL_EVENTS, u32_at(raw, 0)? as u64);
    let data = epoll_data(t, u64_at(raw, EPOLL_EVENT - 8)?);
    Some(record([("events", events), ("data", data)]))
}

/// What a program keeps in `epoll_data`: a pointer, a number, or a descriptor.
///
/// A program that sets only `data.fd` leaves the other half of the union as it was, often half a pointer: then
/// the lower half alone is what it means. A pointer never looks like this, being aligned to no whole 4 GiB.
fn epoll_data(t: &Tracee, data: u64) -> Value {
    let (high, low) = (data >> 32, data & u32::MAX as u64);
    match () {
        () if high == 0 || high == u32::MAX as u64 => super::word(t, data),
        () if low < 0x1_0000 => int(low),
        () => super::word(t, data),
    }
}

fn interval(t: &Tracee, addr: u64, fraction: &'static str) -> Value {
    let Some(raw) = t.exact::<32>(addr) else { return pointer(addr) };
    match (time_at(&raw, 0, fraction), time_at(&raw, 16, fraction)) {
        (Some(interval), Some(value)) => record([("it_interval", interval), ("it_value", value)]),
        _ => Value::Opaque,
    }
}

/// What a timer tells of itself: the time that is left is another in every run, unless it is none.
fn left(mut timer: Value) -> Value {
    if let Value::Struct { fields } = &mut timer
        && let Some(value) = slot(fields, "it_value")
        && let Value::Struct { fields: time } = &*value
        && time.iter().any(|part| part.value != int(0))
    {
        *value = Value::Opaque;
    }
    timer
}

fn signal_info(t: &Tracee, addr: u64) -> Value {
    let Some(raw) = t.exact::<12>(addr) else { return pointer(addr) };
    match (u32_at(&raw, 0), u32_at(&raw, 8)) {
        (Some(signo), Some(code)) => record([
            ("si_signo", signal(signo as u64)),
            ("si_code", named(c::SIGNAL_CODES, code as u64)),
        ]),
        _ => Value::Opaque,
    }
}

/// The kernel's `struct sigaction`: handler, flags, restorer, mask. A handler is a pointer unless it is a constant.
fn action(t: &Tracee, addr: u64) -> Value {
    let Some(raw) = t.exact::<32>(addr) else { return pointer(addr) };
    let (Some(handler), Some(how), Some(mask)) =
        (u64_at(&raw, 0), u64_at(&raw, 8), u64_at(&raw, 24))
    else {
        return Value::Opaque;
    };
    let handler = match c::find(c::HANDLERS, handler) {
        Some(_) => named(c::HANDLERS, handler),
        None => Value::Opaque,
    };
    record([
        ("sa_handler", handler),
        ("sa_mask", Value::Named { value: mask, text: c::sigset(mask) }),
        ("sa_flags", flags(c::ACTION_FLAGS, how)),
    ])
}

/// futex(2): an operation, and whether the word is private and the clock the real one.
fn futex_operation(op: u64) -> Value {
    let mut text = c::name(c::FUTEX_OPERATIONS, op & 0x7f);
    if op & 0x80 != 0 {
        text.push_str("_PRIVATE");
    }
    if op & 0x100 != 0 {
        text.push_str("|FUTEX_CLOCK_REALTIME");
    }
    Value::Named { value: op, text }
}
