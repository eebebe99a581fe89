//! One raw system call and the tracee's memory → a [`Call`]: names, values, data.
//!
//! In two phases, as the kernel sees it: [`entry`] reads what the program gave, before the kernel may
//! change it; [`exit`] reads what the kernel put back. Both see memory through [`Memory`] and know nothing of
//! ptrace. What is not known is shown raw and never fails.
//!
//! Some values need a convention of their own:
//!
//! * A number that the kernel reads and writes back (`addrlen`, `optlen`, `msg_namelen`, an offset) is a list: what
//!   was given and, where it differs, what came back.
//! * A set of select(2) is a struct of `given` and `ready`.
//! * What differs from run to run is [`Value::Opaque`], though it could be read: the time left of a timer, a
//!   datagram's time of arrival, random bytes. In the IP header of a packet it is zeros: its identification.

mod address;
mod constants;
pub mod icmp;
mod memory;
mod netlink;
mod option_values;
mod options;
mod processes;
mod sockets;
#[cfg(test)]
mod tests;
mod transfer;
mod value;
mod waiting;

use std::borrow::Cow;

use crate::event::{Arg, Bytes, SocketId, Value};
use memory::Tracee;
use value::arg;

pub use address::sockaddr;
pub use constants::{
    errno_meaning, errno_name, link_protocol, open_flags, signal_name, socket_domain,
    socket_protocol, socket_type,
};
pub use netlink::{messages, netlink};

/// A system call as the registers have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The call's number in the tracee's architecture's table.
    pub nr: u64,
    pub args: [u64; 6],
}

/// The memory of a stopped tracee.
pub trait Memory {
    /// Reads `buf.len()` bytes at `addr`; gives how many could be read (a prefix), 0 if none.
    fn read(&self, addr: u64, buf: &mut [u8]) -> usize;
}

/// A decoded call. Outputs are [`Value::Opaque`] until [`exit`] has seen them.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The API's name: `recv` for a recvfrom(2) without an address.
    pub name: Cow<'static, str>,
    /// The kernel's name.
    pub syscall: Cow<'static, str>,
    pub args: Vec<Arg>,
    /// The data that really moved, once it is known.
    pub moved: Option<Bytes>,
}

/// Reads a call and its inputs.
pub fn entry(raw: &Raw, memory: &impl Memory) -> Call {
    let t = &Tracee::new(memory);
    let Some(syscall) = syscall_name(raw.nr) else {
        return Call {
            name: "syscall".into(),
            syscall: format!("syscall_{:#x}", raw.nr).into(),
            args: words(t, &raw.args),
            moved: None,
        };
    };
    let a = &raw.args;
    let (name, args) = sockets::entry(syscall, a, t)
        .or_else(|| transfer::entry(syscall, a, t))
        .or_else(|| waiting::entry(syscall, a, t))
        .or_else(|| options::entry(syscall, a, t))
        .or_else(|| processes::entry(syscall, a, t))
        .unwrap_or_else(|| (syscall, words(t, &a[..arity(syscall)])));
    Call { name: name.into(), syscall: syscall.into(), args, moved: None }
}

/// Adds to `call` what the kernel put back; `ret` is the register's value (-errno for an error).
///
/// Of a failed call nothing is read: its outputs stay as they are.
pub fn exit(call: &mut Call, raw: &Raw, ret: i64, memory: &impl Memory) {
    if is_error(ret) {
        return;
    }
    let t = &Tracee::new(memory);
    let a = &raw.args;
    sockets::exit(call, a, t);
    transfer::exit(call, a, ret, t);
    waiting::exit(call, a, ret, t);
    options::exit(call, a, t);
    processes::exit(call, a, ret, t);
}

/// Whether a register's value stands for an error: -1 to -4095, syscall(2).
pub fn is_error(ret: i64) -> bool {
    (-4095..0).contains(&ret)
}

impl Call {
    /// Visits every descriptor among the arguments, however deep, and the place for what it refers to.
    pub fn for_each_fd(&mut self, f: &mut dyn FnMut(i32, &mut Option<SocketId>)) {
        self.for_each(&mut |value| {
            if let Value::Fd { value, socket } = value {
                f(*value, socket);
            }
        });
    }

    /// Visits every pid among the arguments, to be replaced by its number within the role.
    pub fn for_each_process(&mut self, f: &mut dyn FnMut(&mut u32)) {
        self.for_each(&mut |value| {
            if let Value::Process { value } = value {
                f(value);
            }
        });
    }

    fn for_each(&mut self, f: &mut dyn FnMut(&mut Value)) {
        self.args.iter_mut().for_each(|arg| visit(&mut arg.value, f));
    }
}

fn visit(value: &mut Value, f: &mut dyn FnMut(&mut Value)) {
    f(value);
    match value {
        Value::List { items } => items.iter_mut().for_each(|item| visit(item, f)),
        Value::Struct { fields } => fields.iter_mut().for_each(|field| visit(&mut field.value, f)),
        _ => {}
    }
}

/// A call that is known: its name in the API and its arguments.
type Known = (&'static str, Vec<Arg>);

fn syscall_name(nr: u64) -> Option<&'static str> {
    syscalls::Sysno::new(usize::try_from(nr).ok()?).map(|nr| nr.name())
}

/// The name of a call that the API and the kernel call the same.
fn own_name(syscall: &str) -> Option<&'static str> {
    const SAME: &[&str] = &[
        "accept",
        "accept4",
        "getsockname",
        "getpeername",
        "preadv",
        "preadv2",
        "pwritev",
        "pwritev2",
        "epoll_pwait",
        "epoll_pwait2",
        "clock_gettime",
        "clock_getres",
    ];
    SAME.iter().find(|name| **name == syscall).copied()
}

/// How many arguments a call has that is not decoded: what other registers hold is left over from elsewhere and
/// differs from run to run.
fn arity(syscall: &str) -> usize {
    ARITY.iter().position(|names| names.split_whitespace().any(|name| name == syscall)).unwrap_or(6)
}

/// By the number of arguments: 0, 1, 2 …
#[rustfmt::skip]
const ARITY: [&str; 6] = [
    "getpid getppid gettid getuid geteuid getgid getegid getpgrp setsid sync munlockall inotify_init vhangup",
    "brk uname chdir fchdir rmdir umask getpgid getsid sysinfo set_tid_address fsync fdatasync syncfs \
     times chroot swapoff acct setuid setgid setfsuid setfsgid mlockall \
     sched_getscheduler sched_get_priority_max sched_get_priority_min inotify_init1 userfaultfd \
     timer_getoverrun timer_delete personality iopl memfd_secret",
    "munmap stat fstat lstat access rename mkdir creat chmod fchmod truncate ftruncate link symlink utime statfs fstatfs \
     getrlimit setrlimit getrusage mlock munlock sigaltstack setpgid setreuid setregid getgroups setgroups \
     sched_setparam sched_getparam sched_rr_get_interval set_robust_list getitimer timer_gettime clock_settime \
     memfd_create inotify_rm_watch flock setns sethostname setdomainname arch_prctl capget capset umount2 pivot_root \
     getpriority utimes getcwd delete_module removexattr msgget swapon",
    "chown fchown lchown mprotect msync madvise mincore readlink getdents getdents64 ioperm setpriority syslog \
     mlock2 faccessat mkdirat fchmodat symlinkat open_by_handle_at inotify_add_watch sched_setaffinity getcpu \
     sched_getaffinity sched_setscheduler sched_setattr setresuid getresuid setresgid getresgid timer_create \
     get_robust_list seccomp bpf listxattr init_module mknod shmat shmget semget semop shmctl msgctl \
     membarrier",
    "fadvise64 fallocate newfstatat renameat mknodat readlinkat utimensat prlimit64 faccessat2 rseq quotactl \
     getxattr fgetxattr lgetxattr openat2 reboot semctl semtimedop msgsnd sync_file_range timer_settime \
     sched_getattr request_key",
    "prctl mremap linkat renameat2 statx mount fchownat setxattr kcmp add_key msgrcv perf_event_open \
     process_madvise name_to_handle_at keyctl",
];

fn words(t: &Tracee, registers: &[u64]) -> Vec<Arg> {
    const NAMES: [&str; 6] = ["arg1", "arg2", "arg3", "arg4", "arg5", "arg6"];
    NAMES.iter().zip(registers).map(|(name, register)| arg(name, word(t, *register))).collect()
}

/// A word of unknown meaning: a number, unless it looks like a pointer.
///
/// Pointers of programs lie high up (from 2^40, where a shared program, its stack and its libraries are loaded), or
/// where something is mapped.
fn word(t: &Tracee, register: u64) -> Value {
    let high = (1 << 40..1 << 56).contains(&register);
    match high || (register >= 0x1_0000 && t.is_mapped(register)) {
        true => Value::Opaque,
        false => value::long(register),
    }
}
