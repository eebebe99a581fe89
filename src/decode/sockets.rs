//! Calls that make, name and end descriptors.

use super::constants::{self as c};
use super::memory::{Tracee, i32_at};
use super::value::{
    address, arg, fd, flags, given_at, int, list, long, named, pointer, sigset, text_named, uint,
};
use super::{Call, Known};
use crate::event::Value;

pub(super) fn entry(syscall: &str, a: &[u64; 6], t: &Tracee) -> Option<Known> {
    let addrlen = || given_at(a[2], t.u32(a[2]).map(|len| uint(len as u64)));
    Some(match syscall {
        "socket" => ("socket", made(a)),
        "socketpair" => {
            let mut args = made(a);
            args.push(arg("sv", pointer(a[3])));
            ("socketpair", args)
        }
        "bind" | "connect" => (
            if syscall == "bind" { "bind" } else { "connect" },
            vec![
                arg("sockfd", fd(a[0])),
                arg("addr", address(t, a[1], a[2])),
                arg("addrlen", int(a[2])),
            ],
        ),
        "listen" => ("listen", vec![arg("sockfd", fd(a[0])), arg("backlog", int(a[1]))]),
        "accept" | "accept4" | "getsockname" | "getpeername" => {
            let mut args = vec![
                arg("sockfd", fd(a[0])),
                arg("addr", pointer(a[1])),
                arg("addrlen", addrlen()),
            ];
            if syscall == "accept4" {
                args.push(arg("flags", flags(c::SOCKET_FLAGS, a[3] as u32 as u64)));
            }
            (super::own_name(syscall)?, args)
        }
        "shutdown" => (
            "shutdown",
            vec![arg("sockfd", fd(a[0])), arg("how", named(c::SHUTDOWN, a[1] as u32 as u64))],
        ),
        "close" => ("close", vec![arg("fd", fd(a[0]))]),
        "close_range" => (
            "close_range",
            vec![
                arg("first", uint(a[0])),
                arg("last", uint(a[1])),
                arg("flags", flags(c::CLOSE_RANGE_FLAGS, a[2] as u32 as u64)),
            ],
        ),
        "dup" => ("dup", vec![arg("oldfd", fd(a[0]))]),
        "dup2" => ("dup2", vec![arg("oldfd", fd(a[0])), arg("newfd", fd(a[1]))]),
        // Where the kernel has no dup2, libc's is a dup3 without flags.
        "dup3" if cfg!(target_arch = "aarch64") && a[2] == 0 => {
            ("dup2", vec![arg("oldfd", fd(a[0])), arg("newfd", fd(a[1]))])
        }
        "dup3" => (
            "dup3",
            vec![
                arg("oldfd", fd(a[0])),
                arg("newfd", fd(a[1])),
                arg("flags", flags(c::PIPE_FLAGS, a[2] as u32 as u64)),
            ],
        ),
        // glibc's pipe is a pipe2 without flags.
        "pipe2" if a[1] == 0 => ("pipe", vec![arg("pipefd", pointer(a[0]))]),
        "pipe" => ("pipe", vec![arg("pipefd", pointer(a[0]))]),
        "pipe2" => (
            "pipe2",
            vec![
                arg("pipefd", pointer(a[0])),
                arg("flags", flags(c::PIPE_FLAGS, a[1] as u32 as u64)),
            ],
        ),
        "eventfd" => ("eventfd", vec![arg("initval", uint(a[0]))]),
        "eventfd2" => (
            "eventfd",
            vec![
                arg("initval", uint(a[0])),
                arg("flags", flags(c::EVENTFD_FLAGS, a[1] as u32 as u64)),
            ],
        ),
        "signalfd" | "signalfd4" => {
            let mut args = vec![arg("fd", fd(a[0])), arg("mask", sigset(t, a[1]))];
            if syscall == "signalfd4" {
                args.push(arg("flags", flags(c::SIGNALFD_FLAGS, a[3] as u32 as u64)));
            }
            ("signalfd", args)
        }
        "pidfd_getfd" => (
            "pidfd_getfd",
            // The second is a descriptor of another process.
            vec![arg("pidfd", fd(a[0])), arg("targetfd", int(a[1])), arg("flags", uint(a[2]))],
        ),
        "open" | "openat" => {
            let at = usize::from(syscall == "openat");
            let mut args = Vec::new();
            if at == 1 {
                args.push(arg("dirfd", directory(a[0])));
            }
            args.push(arg("pathname", t.text(a[at])));
            let how = a[at + 1] as u32 as u64;
            args.push(arg("flags", Value::Named { value: how, text: c::open_flags(how) }));
            // The mode is read only where a file may be made; else the register holds leftovers.
            if how & (libc::O_CREAT as u64 | (libc::O_TMPFILE & !libc::O_DIRECTORY) as u64) != 0 {
                args.push(arg(
                    "mode",
                    Value::Named { value: a[at + 2], text: format!("{:#05o}", a[at + 2] as u32) },
                ));
            }
            (if at == 1 { "openat" } else { "open" }, args)
        }
        "unlink" => ("unlink", vec![arg("pathname", t.text(a[0]))]),
        // Where the kernel has no unlink, libc's is an unlinkat from the working folder.
        "unlinkat"
            if cfg!(target_arch = "aarch64") && a[0] as i32 == libc::AT_FDCWD && a[2] == 0 =>
        {
            ("unlink", vec![arg("pathname", t.text(a[1]))])
        }
        "unlinkat" => (
            "unlinkat",
            vec![
                arg("dirfd", directory(a[0])),
                arg("pathname", t.text(a[1])),
                arg("flags", flags(c::AT_FLAGS, a[2] as u32 as u64)),
            ],
        ),
        "lseek" => (
            "lseek",
            vec![
                arg("fd", fd(a[0])),
                arg("offset", long(a[1])),
                arg("whence", named(c::WHENCE, a[2] as u32 as u64)),
            ],
        ),
        _ => return None,
    })
}

pub(super) fn exit(call: &mut Call, a: &[u64; 6], t: &Tracee) {
    match &*call.syscall {
        "accept" | "accept4" | "getsockname" | "getpeername" => {
            call.address_back(t, ["addr", "addrlen"], a[1], a[2]);
        }
        "socketpair" => call.set("sv", pair(t, a[3])),
        "pipe" | "pipe2" => call.set("pipefd", pair(t, a[0])),
        _ => {}
    }
}

fn made(a: &[u64; 6]) -> Vec<crate::event::Arg> {
    let (domain, type_, protocol) = (a[0] as i32, a[1] as u32 as u64, a[2] as i32);
    vec![
        arg("domain", named(c::DOMAINS, domain as u32 as u64)),
        arg("type", text_named(type_, c::socket_type_and_flags(type_))),
        arg("protocol", text_named(protocol as u32 as u64, c::protocol_given(domain, protocol))),
    ]
}

/// Two descriptors that the kernel made.
fn pair(t: &Tracee, addr: u64) -> Value {
    let Some(raw) = t.exact::<8>(addr) else { return pointer(addr) };
    let end = |offset| Value::Fd { value: i32_at(&raw, offset).unwrap_or(-1), socket: None };
    list(vec![end(0), end(4)])
}

/// A descriptor of a directory, or the working directory.
pub(super) fn directory(register: u64) -> Value {
    match register as i32 {
        libc::AT_FDCWD => text_named(register as u32 as u64, "AT_FDCWD".into()),
        _ => fd(register),
    }
}
