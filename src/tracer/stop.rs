//! ptrace stops as values: a [`Stopped`] is a tracee that stands still, and is used up by resuming it.
//!
//! So a tracee can neither be resumed twice nor be read while it runs. Waiting goes through wait4(2) of
//! libc: nix's `WaitStatus` cannot hold real-time signals, and neither can its `ptrace::cont`.
//!
//! Every operation can find that the tracee has gone meanwhile (ESRCH): SIGKILL ends even a stopped one.
//! That is not an error but [`Gone`]: its exit status still comes through wait4. Source: ptrace(2),
//! "Death under ptrace".

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::Pid;

use crate::decode::Raw;

use super::registers::Registers;

/// linux/ptrace.h; libc has them not for every target.
const PTRACE_GETSIGMASK: libc::c_uint = 0x420a;
const PTRACE_SETSIGMASK: libc::c_uint = 0x420b;

/// The tracee was killed while it was being looked at; its wait status will say how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

impl From<Errno> for Gone {
    /// ESRCH is the only error that a stop can meet. Others would be a fault of the lab itself; the
    /// thread is then given up just the same, and the run ends with what its status says.
    fn from(errno: Errno) -> Gone {
        debug_assert_eq!(errno, Errno::ESRCH, "a ptrace request failed");
        Gone
    }
}

/// What wait4(2) had to say of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Exited { status: i32 },
    Signalled { signal: i32 },
    Stopped(Why),
}

/// Why a thread has stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The filter caught a call that has not run yet (PTRACE_EVENT_SECCOMP).
    Call,
    /// A call has returned.
    Return,
    /// fork, vfork or clone made a thread; the message is its tid.
    Child,
    /// The program has been replaced; the message is the tid that called.
    Exec,
    /// A vfork child has let its parent go.
    VforkDone,
    /// A signal is about to be delivered.
    Signal(i32),
    /// The group stopped for this signal (SIGSTOP, SIGTSTP …).
    Group(i32),
    /// The first stop of a new thread, the answer to an interrupt, or the end of a group stop.
    Trap,
}

/// Asks for the next status of any child or tracee without waiting for it: a tid and what happened.
/// `None`: nothing has happened; `Err`: there is nobody left.
pub fn poll_status() -> Result<Option<(i32, Status)>, Errno> {
    status_of(-1, libc::WNOHANG)
}

/// Waits for the next status of `tid` (-1: of anybody). EINTR means that a signal came instead.
pub fn wait_status(tid: i32) -> Result<(i32, Status), Errno> {
    match status_of(tid, 0)? {
        Some(found) => Ok(found),
        None => Err(Errno::EINTR),
    }
}

/// The next status of one thread, whatever signals come meanwhile.
pub fn wait_for(tid: i32) -> Result<Status, Gone> {
    loop {
        match wait_status(tid) {
            Ok((_, status)) => return Ok(status),
            Err(Errno::EINTR) => {}
            Err(_) => return Err(Gone),
        }
    }
}

fn status_of(tid: i32, flags: i32) -> Result<Option<(i32, Status)>, Errno> {
    let mut status = 0;
    // SAFETY: wait4 writes to `status` only; a null rusage is allowed.
    let found =
        unsafe { libc::wait4(tid, &mut status, flags | libc::__WALL, std::ptr::null_mut()) };
    match Errno::result(found)? {
        0 => Ok(None),
        tid => Ok(Some((tid, read_status(status)))),
    }
}

/// Whether `tid` has a stop that has not been fetched yet. The fetching is left to [`poll_status`].
pub fn has_pending_stop(tid: i32) -> bool {
    pending(libc::P_PID, tid)
}

/// The same of anybody.
pub fn has_pending_stop_of_any() -> bool {
    pending(libc::P_ALL, 0)
}

fn pending(whose: libc::idtype_t, tid: i32) -> bool {
    // SAFETY: siginfo_t is plain data for which all zeroes are valid; waitid fills it.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = libc::WNOHANG | libc::WNOWAIT | libc::WEXITED | libc::WSTOPPED | libc::__WALL;
    // SAFETY: waitid writes to `info` only.
    let done = unsafe { libc::waitid(whose, tid as libc::id_t, &mut info, flags) };
    // SAFETY: waitid filled the SIGCHLD part of `info`, or left it zero when nothing is pending.
    done == 0 && unsafe { info.si_pid() } != 0
}

fn read_status(status: i32) -> Status {
    if libc::WIFEXITED(status) {
        return Status::Exited { status: libc::WEXITSTATUS(status) };
    }
    if libc::WIFSIGNALED(status) {
        return Status::Signalled { signal: libc::WTERMSIG(status) };
    }
    let signal = libc::WSTOPSIG(status);
    Status::Stopped(match status >> 16 {
        libc::PTRACE_EVENT_SECCOMP => Why::Call,
        libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => Why::Child,
        libc::PTRACE_EVENT_EXEC => Why::Exec,
        libc::PTRACE_EVENT_VFORK_DONE => Why::VforkDone,
        libc::PTRACE_EVENT_STOP if signal == libc::SIGTRAP => Why::Trap,
        libc::PTRACE_EVENT_STOP => Why::Group(signal),
        _ if signal == libc::SIGTRAP | 0x80 => Why::Return,
        _ => Why::Signal(signal),
    })
}

/// A call as its stop shows it.
#[derive(Debug, Clone, Copy)]
pub struct AtCall {
    pub raw: Raw,
    /// Of the system call instruction's end; with `sp` it tells a restarted call from a new one.
    pub ip: u64,
    pub sp: u64,
    /// False for a call through another table (i386, x32), whose numbers mean something else.
    pub native: bool,
}

/// A thread that stands still.
#[derive(Debug)]
pub struct Stopped {
    tid: i32,
}

impl Stopped {
    /// To be made once for each stop that wait4 reports.
    pub fn new(tid: i32) -> Stopped {
        Stopped { tid }
    }

    pub fn tid(&self) -> i32 {
        self.tid
    }

    /// Runs on to its next trapped call, signal or end; delivers `signal` unless it is 0.
    pub fn resume(self, signal: i32) -> Result<(), Gone> {
        self.restart(libc::PTRACE_CONT, signal)
    }

    /// Runs on to the return of the call it is in (or to its next trapped call).
    pub fn resume_to_return(self) -> Result<(), Gone> {
        self.restart(libc::PTRACE_SYSCALL, 0)
    }

    /// Leaves it in its group stop, listening for what ends it.
    pub fn listen(self) -> Result<(), Gone> {
        self.restart(libc::PTRACE_LISTEN, 0)
    }

    fn restart(self, request: libc::c_uint, signal: i32) -> Result<(), Gone> {
        // SAFETY: these requests take no pointer: data is a signal number, or ignored.
        let done = unsafe { libc::ptrace(request, self.tid, 0usize, signal as usize) };
        Errno::result(done).map(drop).map_err(Gone::from)
    }

    /// The call it is stopped at the entry of.
    pub fn call(&self) -> Result<AtCall, Gone> {
        let info = self.syscall_info()?;
        let op = info.op;
        let native = info.arch == super::registers::AUDIT_ARCH;
        let (nr, args) = if op == libc::PTRACE_SYSCALL_INFO_SECCOMP {
            // SAFETY: `op` says that the kernel filled this member of the union.
            let seccomp = unsafe { info.u.seccomp };
            (seccomp.nr, seccomp.args)
        } else {
            // SAFETY: `entry` is the only other member with a number; plain integers in any case.
            let entry = unsafe { info.u.entry };
            (entry.nr, entry.args)
        };
        Ok(AtCall {
            raw: Raw { nr, args },
            ip: info.instruction_pointer,
            sp: info.stack_pointer,
            native,
        })
    }

    /// What the call it has just returned from gave: the value, or -errno.
    pub fn returned(&self) -> Result<i64, Gone> {
        let info = self.syscall_info()?;
        if info.op != libc::PTRACE_SYSCALL_INFO_EXIT {
            return Ok(self.registers()?.result());
        }
        // SAFETY: `op` says that the kernel filled this member of the union.
        Ok(unsafe { info.u.exit.sval })
    }

    /// The same at a stop that may be that of an entry: then `None`.
    pub fn returned_now(&self) -> Result<Option<i64>, Gone> {
        let info = self.syscall_info()?;
        match info.op {
            // SAFETY: `op` says that the kernel filled this member of the union.
            libc::PTRACE_SYSCALL_INFO_EXIT => Ok(Some(unsafe { info.u.exit.sval })),
            _ => Ok(None),
        }
    }

    /// Which signals are blocked, a bit each.
    pub fn signal_mask(&self) -> Result<u64, Gone> {
        let mut mask = 0u64;
        self.mask(PTRACE_GETSIGMASK, &raw mut mask)?;
        Ok(mask)
    }

    pub fn set_signal_mask(&self, mut mask: u64) -> Result<(), Gone> {
        self.mask(PTRACE_SETSIGMASK, &raw mut mask)
    }

    fn mask(&self, request: libc::c_uint, mask: *mut u64) -> Result<(), Gone> {
        // SAFETY: the kernel reads or writes the eight bytes whose size it is told.
        let done = unsafe { libc::ptrace(request, self.tid, size_of::<u64>(), mask) };
        Errno::result(done).map(drop).map_err(Gone::from)
    }

    fn syscall_info(&self) -> Result<libc::ptrace_syscall_info, Gone> {
        Ok(ptrace::syscall_info(self.pid())?)
    }

    /// The number that goes with the stop: the new thread's tid, the former tid of the one that called exec.
    pub fn message(&self) -> Result<i32, Gone> {
        Ok(ptrace::getevent(self.pid())? as i32)
    }

    pub fn registers(&self) -> Result<Registers, Gone> {
        Ok(Registers::read(self.pid())?)
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.tid)
    }
}

/// Begins to trace a child that stands still until it is told to go on.
///
/// Seized rather than attached, because only a seized tracee can be interrupted and can listen in a group stop.
pub fn seize(tid: i32) -> Result<(), Errno> {
    use ptrace::Options;
    let options = Options::PTRACE_O_EXITKILL
        | Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACESECCOMP
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_TRACEVFORKDONE;
    ptrace::seize(Pid::from_raw(tid), options)
}

/// Asks a running thread to stop: it will, with the return of the call it is in or with [`Why::Trap`].
pub fn interrupt(tid: i32) -> Result<(), Gone> {
    Ok(ptrace::interrupt(Pid::from_raw(tid))?)
}
