//! The seccomp filter: which calls stop a tracee (`RET_TRACE`); all others run at full speed.
//!
//! A filter is inherited and cannot be taken off, so it is installed in the child between fork and exec.
//! Calls through another architecture's table (int 0x80, x32) stop as well: their numbers mean something
//! else, and a program could otherwise open sockets behind the recorder's back.
//! Source: seccomp(2); Documentation/userspace-api/seccomp_filter.rst.

use libc::{sock_filter, sock_fprog};

use super::registers::AUDIT_ARCH;

/// The calls by which sockets and processes come into being, those that only sockets answer, and what decides how a signal
/// ends a call.
#[rustfmt::skip]
const MAKING: &[libc::c_long] = &[
    libc::SYS_socket, libc::SYS_socketpair, libc::SYS_bind, libc::SYS_connect, libc::SYS_listen,
    libc::SYS_accept, libc::SYS_accept4, libc::SYS_shutdown, libc::SYS_getsockname, libc::SYS_getpeername,
    libc::SYS_getsockopt, libc::SYS_setsockopt,
    libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_sendmmsg, libc::SYS_recvfrom, libc::SYS_recvmsg,
    libc::SYS_recvmmsg, libc::SYS_pidfd_getfd,
    libc::SYS_clone, libc::SYS_clone3, libc::SYS_execve, libc::SYS_execveat, libc::SYS_unshare,
    libc::SYS_exit, libc::SYS_exit_group, libc::SYS_wait4, libc::SYS_waitid,
    libc::SYS_kill, libc::SYS_tkill, libc::SYS_tgkill, libc::SYS_rt_sigaction, libc::SYS_restart_syscall,
    libc::SYS_setitimer, libc::SYS_timer_settime,
    libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register,
    #[cfg(target_arch = "x86_64")] libc::SYS_fork,
    #[cfg(target_arch = "x86_64")] libc::SYS_vfork,
    #[cfg(target_arch = "x86_64")] libc::SYS_alarm,
];

/// The calls that any program makes all the time, and that are of interest beside sockets.
#[rustfmt::skip]
const USING: &[libc::c_long] = &[
    libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev,
    libc::SYS_preadv2, libc::SYS_pwritev2, libc::SYS_sendfile, libc::SYS_splice, libc::SYS_tee,
    libc::SYS_vmsplice,
    libc::SYS_close, libc::SYS_close_range, libc::SYS_dup, libc::SYS_dup3, libc::SYS_fcntl, libc::SYS_ioctl,
    libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1, libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2,
    libc::SYS_pipe2, libc::SYS_eventfd2, libc::SYS_timerfd_create, libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime, libc::SYS_signalfd4, libc::SYS_unlinkat,
    libc::SYS_rt_sigsuspend, libc::SYS_rt_sigtimedwait,
    libc::SYS_nanosleep, libc::SYS_clock_nanosleep,
    #[cfg(target_arch = "x86_64")] libc::SYS_poll,
    #[cfg(target_arch = "x86_64")] libc::SYS_select,
    #[cfg(target_arch = "x86_64")] libc::SYS_epoll_create,
    #[cfg(target_arch = "x86_64")] libc::SYS_epoll_wait,
    #[cfg(target_arch = "x86_64")] libc::SYS_dup2,
    #[cfg(target_arch = "x86_64")] libc::SYS_pipe,
    #[cfg(target_arch = "x86_64")] libc::SYS_eventfd,
    #[cfg(target_arch = "x86_64")] libc::SYS_signalfd,
    #[cfg(target_arch = "x86_64")] libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")] libc::SYS_pause,
];

/// How many processors it has to do with is answered by the lab, which may keep the program on one.
const PLACED: &[libc::c_long] = &[libc::SYS_sched_getaffinity, libc::SYS_sched_setaffinity];

/// What else must stop where one thread runs at a time and the clock is the lab's.
#[rustfmt::skip]
const SCHEDULED: &[libc::c_long] = &[
    libc::SYS_futex, libc::SYS_sched_yield,
    libc::SYS_clock_gettime, libc::SYS_gettimeofday, libc::SYS_getrandom,
    libc::SYS_getitimer,
    libc::SYS_timer_create, libc::SYS_timer_gettime, libc::SYS_timer_delete,
    libc::SYS_rt_sigqueueinfo, libc::SYS_rt_tgsigqueueinfo, libc::SYS_pidfd_send_signal, libc::SYS_semctl,
    libc::SYS_semtimedop, libc::SYS_semop, libc::SYS_msgrcv, libc::SYS_msgsnd, libc::SYS_flock,
    libc::SYS_mq_timedreceive, libc::SYS_mq_timedsend,
    #[cfg(target_arch = "x86_64")] libc::SYS_time,
];

/// The bit that tells a call through the x32 table from a native one.
pub const X32_BIT: u32 = 0x4000_0000;

/// Which calls stop a tracee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calls {
    /// Where one thread runs at a time and the clock is the lab's.
    Scheduled,
    /// All that are recorded.
    Recorded,
    /// Those of sockets and of processes.
    Making,
    /// The rest of [`Calls::Recorded`], for a process that has made a socket.
    Using,
}

impl Calls {
    /// The numbers, ascending.
    fn numbers(self) -> Vec<u32> {
        let lists: &[&[libc::c_long]] = match self {
            Calls::Scheduled => &[MAKING, USING, PLACED, SCHEDULED],
            Calls::Recorded => &[MAKING, USING, PLACED],
            Calls::Making => &[MAKING, PLACED],
            Calls::Using => &[USING],
        };
        let mut numbers: Vec<u32> =
            lists.iter().flat_map(|it| it.iter()).map(|&nr| nr as u32).collect();
        numbers.sort_unstable();
        numbers
    }

    /// A filter program that stops at these calls: a binary search, since every call of the program goes through it.
    pub fn program(self) -> Vec<sock_filter> {
        const DATA_NR: u32 = 0;
        const DATA_ARCH: u32 = 4;
        const DATA_ARG_1: [u32; 2] = [24, 28];
        let load = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
        let mut code = vec![
            statement(load, DATA_ARCH),
            jump(libc::BPF_JEQ, AUDIT_ARCH, 1, 0),
            give(libc::SECCOMP_RET_TRACE),
            statement(load, DATA_NR),
            // x32 shares the architecture and sets this bit in the number.
            jump(libc::BPF_JGE, X32_BIT, 0, 1),
            give(libc::SECCOMP_RET_TRACE),
        ];
        if self == Calls::Making {
            // A program that only asks for its handlers, as Python does for all at its start, changes none.
            code.extend([
                jump(libc::BPF_JEQ, libc::SYS_rt_sigaction as u32, 0, 6),
                statement(load, DATA_ARG_1[0]),
                jump(libc::BPF_JEQ, 0, 0, 3),
                statement(load, DATA_ARG_1[1]),
                jump(libc::BPF_JEQ, 0, 0, 1),
                give(libc::SECCOMP_RET_ALLOW),
                give(libc::SECCOMP_RET_TRACE),
            ]);
        }
        search(&self.numbers(), &mut code);
        code
    }
}

/// The code that ends in TRACE if the loaded number is among `numbers`, else in ALLOW.
fn search(numbers: &[u32], code: &mut Vec<sock_filter>) {
    // Jumps reach 255 instructions, so the search is a tree of small leaves.
    const LEAF: usize = 8;
    if numbers.len() <= LEAF {
        for (place, &nr) in numbers.iter().enumerate() {
            let to_trace = (numbers.len() - place) as u8;
            code.push(jump(libc::BPF_JEQ, nr, to_trace, 0));
        }
        code.push(give(libc::SECCOMP_RET_ALLOW));
        code.push(give(libc::SECCOMP_RET_TRACE));
        return;
    }
    let (low, high) = numbers.split_at(numbers.len() / 2);
    let mut left = Vec::new();
    search(low, &mut left);
    // An unconditional jump has a wide reach where a conditional one has only 255.
    code.push(jump(libc::BPF_JGE, high[0], 0, 1));
    code.push(statement((libc::BPF_JMP | libc::BPF_JA) as u16, left.len() as u32));
    code.append(&mut left);
    search(high, code);
}

fn statement(code: u16, k: u32) -> sock_filter {
    sock_filter { code, jt: 0, jf: 0, k }
}

fn jump(test: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: (libc::BPF_JMP | test | libc::BPF_K) as u16, jt, jf, k }
}

fn give(action: u32) -> sock_filter {
    statement((libc::BPF_RET | libc::BPF_K) as u16, action)
}

/// Installs `program` in the calling process for good. For the child between fork and exec: it
/// allocates nothing. Gives 0 or an errno.
pub fn install(program: &[sock_filter]) -> i32 {
    let header = sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    // SAFETY: plain numbers; without this an unprivileged process may not install a filter.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return nix::errno::Errno::last_raw();
    }
    // Speculation stays allowed: the filter is no security boundary against the program itself, and
    // the mitigation would slow every program down.
    let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    // SAFETY: `header` points to `program`, which the kernel copies.
    let done = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const header)
    };
    if done == 0 { 0 } else { nix::errno::Errno::last_raw() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the filter decides for a call: a small interpreter of the few instructions it uses.
    fn decide(code: &[sock_filter], arch: u32, nr: u32, second_argument: u64) -> u32 {
        let (mut at, mut loaded) = (0, 0);
        loop {
            let op = code[at];
            at += 1;
            match op.code as u32 & 0x07 {
                libc::BPF_LD => {
                    loaded = match op.k {
                        0 => nr,
                        4 => arch,
                        24 => second_argument as u32,
                        _ => (second_argument >> 32) as u32,
                    };
                }
                libc::BPF_RET => return op.k,
                _ if op.code as u32 & 0xf0 == libc::BPF_JA => at += op.k as usize,
                _ => {
                    let holds = match op.code as u32 & 0xf0 {
                        libc::BPF_JEQ => loaded == op.k,
                        _ => loaded >= op.k,
                    };
                    at += usize::from(if holds { op.jt } else { op.jf });
                }
            }
        }
    }

    const ALL: [Calls; 4] = [Calls::Scheduled, Calls::Recorded, Calls::Making, Calls::Using];

    #[test]
    fn exactly_the_listed_calls_stop() {
        for calls in ALL {
            let (numbers, code) = (calls.numbers(), calls.program());
            for nr in 0..600 {
                let wanted = match numbers.binary_search(&nr) {
                    Ok(_) => libc::SECCOMP_RET_TRACE,
                    Err(_) => libc::SECCOMP_RET_ALLOW,
                };
                assert_eq!(decide(&code, AUDIT_ARCH, nr, 1), wanted, "{calls:?}: call {nr}");
            }
        }
    }

    #[test]
    fn together_the_two_stages_stop_what_one_filter_would() {
        let mut both = [Calls::Making.numbers(), Calls::Using.numbers()].concat();
        both.sort_unstable();
        assert_eq!(both, Calls::Recorded.numbers());
    }

    #[test]
    fn to_ask_for_a_handler_stops_nobody_at_first() {
        let asks = |calls: Calls, action| {
            decide(&calls.program(), AUDIT_ARCH, libc::SYS_rt_sigaction as u32, action)
        };
        assert_eq!(asks(Calls::Making, 0), libc::SECCOMP_RET_ALLOW);
        assert_eq!(asks(Calls::Making, 1 << 40), libc::SECCOMP_RET_TRACE);
        assert_eq!(asks(Calls::Recorded, 0), libc::SECCOMP_RET_TRACE);
    }

    #[test]
    fn a_call_through_another_table_always_stops() {
        let code = Calls::Recorded.program();
        assert_eq!(decide(&code, 0x4000_0003, 39, 0), libc::SECCOMP_RET_TRACE);
        assert_eq!(decide(&code, AUDIT_ARCH, X32_BIT | 39, 0), libc::SECCOMP_RET_TRACE);
    }

    #[test]
    fn no_number_is_listed_twice() {
        for calls in ALL {
            assert!(calls.numbers().windows(2).all(|pair| pair[0] < pair[1]), "{calls:?}");
        }
    }
}
