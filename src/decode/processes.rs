//! Calls that make, end, wait for and signal processes and threads.

use super::constants::{self as c};
use super::memory::{Tracee, i32_at, u32_at, u64_at};
use super::value::{
    arg, fd, flags, int, list, long, named, pointer, process, record, signal, text_named, uint,
};
use super::{Call, Known};
use crate::event::{Arg, Value};

/// A program may give as many arguments as it likes; no more than these are shown.
const ARGUMENTS: u64 = 256;

pub(super) fn entry(syscall: &str, a: &[u64; 6], t: &Tracee) -> Option<Known> {
    Some(match syscall {
        "fork" => ("fork", vec![]),
        "vfork" => ("vfork", vec![]),
        "clone" => {
            // The lowest byte is the signal that tells of the end.
            let how = a[0] & !0xff;
            (made(how), about_clone(how, a[0] & 0xff))
        }
        "clone3" => match t.exact::<40>(a[0]) {
            Some(raw) if a[1] >= 64 => {
                let (how, end) = (u64_at(&raw, 0)?, u64_at(&raw, 32)?);
                (made(how), about_clone(how, end))
            }
            _ => ("clone3", vec![arg("cl_args", pointer(a[0])), arg("size", long(a[1]))]),
        },
        "execve" => (
            "execve",
            vec![
                arg("pathname", t.text(a[0])),
                arg("argv", strings(t, a[1])),
                arg("envp", pointer(a[2])),
            ],
        ),
        "execveat" => (
            "execveat",
            vec![
                arg("dirfd", super::sockets::directory(a[0])),
                arg("pathname", t.text(a[1])),
                arg("argv", strings(t, a[2])),
                arg("envp", pointer(a[3])),
                arg("flags", flags(c::AT_FLAGS, a[4] as u32 as u64)),
            ],
        ),
        "exit" => ("pthread_exit", vec![arg("status", int(a[0]))]),
        "exit_group" => ("exit", vec![arg("status", int(a[0]))]),
        "wait4" => {
            let mut args = vec![
                arg("pid", process(a[0])),
                arg("wstatus", pointer(a[1])),
                arg("options", flags(c::WAIT_OPTIONS, a[2] as u32 as u64)),
            ];
            if a[3] == 0 {
                ("waitpid", args)
            } else {
                args.push(arg("rusage", pointer(a[3])));
                ("wait4", args)
            }
        }
        "waitid" => (
            "waitid",
            vec![
                arg("idtype", named(c::WAIT_KINDS, a[0] as u32 as u64)),
                arg(
                    "id",
                    match a[0] as i32 {
                        1 | 2 => process(a[1]),
                        3 => fd(a[1]),
                        _ => int(a[1]),
                    },
                ),
                arg("infop", pointer(a[2])),
                arg("options", flags(c::WAIT_OPTIONS, a[3] as u32 as u64)),
            ],
        ),
        "kill" => ("kill", vec![arg("pid", process(a[0])), arg("sig", signal(a[1]))]),
        "tkill" => ("tkill", vec![arg("tid", process(a[0])), arg("sig", signal(a[1]))]),
        "tgkill" => (
            "tgkill",
            vec![arg("tgid", process(a[0])), arg("tid", process(a[1])), arg("sig", signal(a[2]))],
        ),
        "pidfd_open" => ("pidfd_open", vec![arg("pid", process(a[0])), arg("flags", uint(a[1]))]),
        "pidfd_send_signal" => (
            "pidfd_send_signal",
            vec![
                arg("pidfd", fd(a[0])),
                arg("sig", signal(a[1])),
                arg("info", pointer(a[2])),
                arg("flags", uint(a[3])),
            ],
        ),
        "unshare" => ("unshare", vec![arg("flags", flags(c::CLONE_FLAGS, a[0] as u32 as u64))]),
        "ptrace" => {
            let mut args = vec![arg("request", named(c::PTRACE_REQUESTS, a[0]))];
            if a[0] != 0 {
                args.push(arg("pid", process(a[1])));
            }
            ("ptrace", args)
        }
        // What it gives is another thing in every run, and so is not shown.
        "getrandom" => (
            "getrandom",
            vec![
                arg("buf", pointer(a[0])),
                arg("buflen", long(a[1])),
                arg("flags", flags(c::RANDOM_FLAGS, a[2] as u32 as u64)),
            ],
        ),
        "restart_syscall" => ("restart_syscall", vec![]),
        "rt_sigreturn" => ("sigreturn", vec![]),
        _ => return None,
    })
}

pub(super) fn exit(call: &mut Call, a: &[u64; 6], ret: i64, t: &Tracee) {
    match &*call.syscall {
        // 0: WNOHANG, and nobody had ended.
        "wait4" if ret > 0 => {
            if let Some(status) = t.i32(a[1]) {
                let text = wait_status(status);
                call.set("wstatus", text_named(status as u32 as u64, text));
            }
        }
        "waitid" => {
            if let Some(info) = child_info(t, a[2]) {
                call.set("infop", info);
            }
        }
        _ => {}
    }
}

/// What the API calls a clone(2) of this kind.
fn made(how: u64) -> &'static str {
    match () {
        () if how & libc::CLONE_THREAD as u64 != 0 => "pthread_create",
        () if how & libc::CLONE_VFORK as u64 != 0 => "vfork",
        () => "fork",
    }
}

/// Where stacks and thread areas are, no two runs share: of a clone, only what kind it is.
fn about_clone(how: u64, end: u64) -> Vec<Arg> {
    let end = if end == 0 { int(0) } else { signal(end) };
    vec![arg("flags", flags(c::CLONE_FLAGS, how)), arg("exit_signal", end)]
}

/// The strings of an `argv`.
fn strings(t: &Tracee, addr: u64) -> Value {
    if addr == 0 {
        return Value::Null;
    }
    let mut items = Vec::new();
    for index in 0..ARGUMENTS {
        match addr.checked_add(index * 8).and_then(|at| t.u64(at)) {
            Some(0) => break,
            Some(text) => items.push(t.text(text)),
            None if items.is_empty() => return Value::Opaque,
            None => break,
        }
    }
    list(items)
}

/// waitpid(2), by its macros.
fn wait_status(status: i32) -> String {
    if libc::WIFEXITED(status) {
        format!("WIFEXITED(s) && WEXITSTATUS(s) == {}", libc::WEXITSTATUS(status))
    } else if libc::WIFSTOPPED(status) {
        let signal = c::signal_name(libc::WSTOPSIG(status));
        format!("WIFSTOPPED(s) && WSTOPSIG(s) == {signal}")
    } else if libc::WIFCONTINUED(status) {
        "WIFCONTINUED(s)".into()
    } else {
        let dumped = if libc::WCOREDUMP(status) { " && WCOREDUMP(s)" } else { "" };
        let signal = c::signal_name(libc::WTERMSIG(status));
        format!("WIFSIGNALED(s) && WTERMSIG(s) == {signal}{dumped}")
    }
}

/// The part of a `siginfo_t` that tells of a child. A `si_signo` of 0 says that nobody had ended.
fn child_info(t: &Tracee, addr: u64) -> Option<Value> {
    let raw = t.exact::<28>(addr)?;
    let (signo, code) = (u32_at(&raw, 0)?, u32_at(&raw, 8)?);
    if signo == 0 {
        return Some(record([("si_signo", int(0))]));
    }
    let status = i32_at(&raw, 24)?;
    Some(record([
        ("si_signo", signal(signo as u64)),
        ("si_code", named(c::CHILD_CODES, code as u64)),
        ("si_pid", process(u32_at(&raw, 16)? as u64)),
        ("si_uid", int(u32_at(&raw, 20)? as u64)),
        // An exit status, else the signal that did it.
        ("si_status", if code == 1 { int(status as u64) } else { signal(status as u64) }),
    ]))
}
