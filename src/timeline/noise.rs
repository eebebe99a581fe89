//! What a program's runtime does on its own, and nobody wrote: left out of a timeline, never of a recording.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Names, makes_descriptor};
use super::say::about;
use crate::event::{Arg, Event, Kind, SockAddr, Value};

/// Why an event is not shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// fcntl(F_GETFD) just before close of the same descriptor: debug builds of Rust's std look whether it is open.
    LookBeforeClose,
    /// poll of descriptors 0 to 2 that waits for nothing: the runtime looks whether they are open.
    StartupPoll,
    /// fcntl(F_GETFD) or a terminal's ioctl on a standard stream: the runtime looks what it has been given.
    LookAtStream,
    /// getsockname of a connection just accepted, with other room for the address than accept had: Python's socket object
    /// asks for its family. Who asks in a program of their own has one type for both.
    NameAfterAccept,
    /// close of a descriptor that is no object of the recording, such as a file.
    CloseOfFile,
    /// unlink of a file that no socket of the recording is named after.
    UnlinkOfFile,
    /// sigaction that sets no handler.
    SignalDefaults,
    /// What the loader and the runtime do before and beside the program.
    Loader,
    /// An epoll instance that is closed at once: Python looks whether the kernel has them.
    Probe,
    /// The C library asks a name service, or looks for a way to what that has found.
    NameService,
}

/// What the loader, the allocator and the thread library call.
const LOADER: [&str; 44] = [
    "access",
    "arch_prctl",
    "brk",
    "clock_getres",
    "clock_gettime",
    "execve",
    "faccessat",
    "faccessat2",
    "fstat",
    "futex",
    "getrandom",
    "gettimeofday",
    "lseek",
    "madvise",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "newfstatat",
    "open",
    "openat",
    "prctl",
    "pread",
    "pread64",
    "prlimit64",
    "readlink",
    "readlinkat",
    "rseq",
    "rt_sigprocmask",
    "rt_sigreturn",
    "sched_getaffinity",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "sigaltstack",
    "sigprocmask",
    "sigreturn",
    "stat",
    "statx",
    "time",
    "restart_syscall",
    "getpid",
    "gettid",
    "getppid",
];

/// The events that are noise, by `seq`.
pub(super) fn noise(events: &[Event], names: &Names) -> BTreeMap<u64, Noise> {
    let mut found = BTreeMap::new();
    let paths: BTreeSet<&str> =
        events.iter().flat_map(|event| &event.args).filter_map(path).collect();
    let mut started: BTreeSet<(&str, u32)> = BTreeSet::new();
    // Of each thread its call before this one, whatever the others did in between.
    let mut last: BTreeMap<(&str, u32), &Event> = BTreeMap::new();
    for event in events {
        let thread = (event.role.as_str(), event.thread);
        let process = (event.role.as_str(), event.process);
        let before = last.insert(thread, event);
        if let Some(noise) = alone(event, names, started.contains(&process)) {
            found.insert(event.seq, noise);
            continue;
        }
        if unlinked(event).is_some_and(|path| !paths.contains(path)) {
            found.insert(event.seq, Noise::UnlinkOfFile);
            continue;
        }
        if event.socket.is_some_and(|id| names.is_socket(id)) {
            started.insert(process);
        }
        let Some(before) = before else { continue };
        if event.call == "close" && looks_at(before, event) {
            found.insert(before.seq, Noise::LookBeforeClose);
        }
        let probe = before.call.starts_with("epoll_create").then(|| names.made(before)).flatten();
        if event.call == "close" && probe.is_some() && about(event) == probe {
            found.extend([(before.seq, Noise::Probe), (event.seq, Noise::Probe)]);
        }
        let accepted = before.call.starts_with("accept").then(|| names.made(before)).flatten();
        let has_other_room = room(before).zip(room(event)).is_some_and(|(one, other)| one != other);
        if event.call == "getsockname"
            && accepted.is_some()
            && about(event) == accepted
            && has_other_room
        {
            found.insert(event.seq, Noise::NameAfterAccept);
        }
    }
    found
}

/// Whether a call that is about to be made will be left out if it succeeds, as far as that can be told by then. `started`: its
/// process has used a socket.
pub fn will_be_noise(event: &Event, names: &Names, started: bool) -> bool {
    let succeeded = Event { ret: Some(0), ..event.clone() };
    let looks = |arg: &Arg| matches!(&arg.value, Value::Named { text, .. } if text == "F_GETFD");
    alone(&succeeded, names, started).is_some()
        || event.call == "fcntl" && event.args.iter().any(looks)
}

/// Judges an event by itself.
fn alone(event: &Event, names: &Names, started: bool) -> Option<Noise> {
    let object = about(event);
    if object.is_some_and(|id| names.is_hidden(id))
        || names.made(event).is_some_and(|id| names.is_hidden(id))
    {
        return Some(Noise::NameService);
    }
    let is_hidden =
        |fd: &Value| matches!(fd, Value::Fd { socket: Some(id), .. } if names.is_hidden(*id));
    if matches!(event.call.as_ref(), "poll" | "ppoll") && polls_only(event, is_hidden) {
        return Some(Noise::NameService);
    }
    match event.call.as_ref() {
        "fcntl" | "ioctl" if looks_at_stream(event) => Some(Noise::LookAtStream),
        "poll" | "ppoll" if !started && polls_standard_streams(event) => Some(Noise::StartupPoll),
        // A failed one is a program that closes what it has not got: that is shown.
        "close" if event.errno.is_none() && event.ret == Some(0) => {
            let file = object
                .and_then(|id| names.object(id))
                .is_none_or(|object| object.kind == Kind::Unknown);
            file.then_some(Noise::CloseOfFile)
        }
        "sigaction" | "rt_sigaction" => (!sets_handler(event)).then_some(Noise::SignalDefaults),
        "read" | "pread64" | "ioctl" | "fcntl" if names_a_file(event) => Some(Noise::Loader),
        // Which program goes on with these descriptors is part of the story; that a folder of PATH has none is not.
        "execve" if event.errno.is_none() => None,
        // Who waits for a lock to the end is part of the story.
        "futex" if event.ret.is_none() => None,
        call if LOADER.contains(&call) && (object.is_none() || makes_descriptor(event)) => {
            Some(Noise::Loader)
        }
        _ => None,
    }
}

/// The path that a socket is named after.
fn path(arg: &Arg) -> Option<&str> {
    match &arg.value {
        Value::Addr(SockAddr::Unix { path }) => Some(path),
        _ => None,
    }
}

/// The path that a call takes out of its folder.
fn unlinked(event: &Event) -> Option<&str> {
    match (event.call.as_ref(), event.arg("pathname")?) {
        ("unlink" | "unlinkat", Value::Text { value }) => Some(value),
        _ => None,
    }
}

/// A descriptor that is open, no standard stream and no object.
fn names_a_file(event: &Event) -> bool {
    event.socket.is_none()
        && event.errno.is_none()
        && matches!(
            event.args.first().map(|arg| &arg.value),
            Some(Value::Fd { value: 3.., socket: None })
        )
}

fn looks_at_stream(event: &Event) -> bool {
    let [stream, request, ..] = event.args.as_slice() else { return false };
    matches!(stream.value, Value::Fd { value: 0..=2, .. })
        && matches!(&request.value, Value::Named { text, .. }
            if matches!(text.as_str(), "F_GETFD" | "TCGETS" | "TCGETS2" | "TIOCGWINSZ" | "TIOCGPGRP"))
}

fn looks_at(before: &Event, close: &Event) -> bool {
    let fd = |event: &Event| match event.args.first().map(|arg| &arg.value) {
        Some(Value::Fd { value, .. }) => Some(*value),
        _ => None,
    };
    before.call == "fcntl"
        && before
            .args
            .iter()
            .any(|arg| matches!(&arg.value, Value::Named { text, .. } if text == "F_GETFD"))
        && fd(before).is_some()
        && fd(before) == fd(close)
}

/// The bytes that a call has room for in an address.
fn room(event: &Event) -> Option<i64> {
    let given = match event.arg("addrlen")? {
        // What was given, and what came back where that is another number.
        Value::List { items } => items.first()?,
        given => given,
    };
    match given {
        Value::Int { value } => Some(*value),
        _ => None,
    }
}

fn polls_standard_streams(event: &Event) -> bool {
    let standard = polls_only(event, |fd| matches!(fd, Value::Fd { value: 0..=2, .. }));
    let at_once = event.args.iter().any(|arg| match &arg.value {
        Value::Int { value } => arg.name == "timeout" && *value == 0,
        _ => false,
    });
    standard && at_once
}

/// Whether it is about some descriptors, and all of them are such.
fn polls_only(event: &Event, is_such: impl Fn(&Value) -> bool) -> bool {
    let Some(Value::List { items }) = event.arg("fds") else { return false };
    let all = items.iter().all(|item| match item {
        Value::Struct { fields } => {
            fields.iter().any(|field| field.name == "fd" && is_such(&field.value))
        }
        _ => false,
    });
    !items.is_empty() && all
}

fn sets_handler(event: &Event) -> bool {
    let Some(Value::Struct { fields }) = event.arg("act") else { return false };
    // To ignore SIGCHLD is to leave no zombies.
    let of_children =
        matches!(event.arg("signum"), Some(Value::Named { text, .. }) if text == "SIGCHLD");
    let is_none = |text: &str| text == "SIG_DFL" || text == "SIG_IGN" && !of_children;
    fields.iter().any(|field| {
        matches!(field.name.as_ref(), "sa_handler" | "sa_sigaction" | "handler")
            && !matches!(&field.value, Value::Null | Value::Int { .. })
            && !matches!(&field.value, Value::Named { text, .. } if is_none(text))
    })
}
