//! A throw-away child: tries something for real, says how it went, and is gone.
//!
//! Whether a kernel allows something is known only by doing it: sysctls, security modules and
//! seccomp filters refuse the same call at different places. What is done in a [`Trial`] does not bind
//! the process that asks, ends in bounded time, and leaves nobody behind.

use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, clone};

/// The longest answer, in bytes: what a pipe takes whole (PIPE_BUF).
const LONGEST: usize = 4096;

/// A child that is trying something. Dropping it kills and reaps it and all that it started.
pub(crate) struct Trial {
    pub pid: libc::pid_t,
    answer: OwnedFd,
}

/// What became of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// What it said.
    Said(Vec<u8>),
    /// It ended without a word; the signal that ended it, if one did.
    Died(Option<i32>),
    /// It was still busy when its time was over.
    Silent,
}

/// The child's end: where it says how it went.
pub(crate) struct Reply(RawFd);

impl Reply {
    /// Says it, once; what does not fit into [`LONGEST`] bytes is cut off.
    pub fn say(&self, words: &[u8]) {
        let words = &words[..words.len().min(LONGEST)];
        // SAFETY: the buffer is valid for its length. One write of at most PIPE_BUF bytes goes whole.
        unsafe { libc::write(self.0, words.as_ptr().cast(), words.len()) };
    }
}

impl Trial {
    /// Forks, and does `work` in the child, which ends when `work` returns.
    ///
    /// The child is the leader of a process group of its own and dies with the thread that called this.
    pub fn start(work: impl FnOnce(&Reply)) -> nix::Result<Trial> {
        let (answer, reply) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
        let parent = nix::unistd::getpid();
        // SAFETY: the child has one thread and a copy of everything; glibc and musl keep the allocator
        // usable across fork(3). It never returns from the arm below.
        let pid = unsafe { libc::fork() };
        if pid < 0 {
            return Err(Errno::last());
        }
        if pid == 0 {
            drop(answer);
            die_with_parent();
            if nix::unistd::getppid() == parent {
                // SAFETY: plain system calls on ourselves.
                unsafe { libc::setpgid(0, 0) };
                no_core();
                // A panic must not unwind into the copy of our caller's frames.
                let _ = catch_unwind(AssertUnwindSafe(|| work(&Reply(reply.as_raw_fd()))));
            }
            // SAFETY: ends this process without running what the parent has registered for its own exit.
            unsafe { libc::_exit(0) };
        }
        // Both sides do it, so that the group exists whoever comes first.
        // SAFETY: a plain system call on our own child.
        unsafe { libc::setpgid(pid, pid) };
        Ok(Trial { pid, answer })
    }

    /// Waits for what the child has to say, at most for `limit`.
    pub fn answer(&mut self, limit: Duration) -> Answer {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let wait = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.answer.as_fd(), PollFlags::POLLIN)], wait) {
                Err(Errno::EINTR) => continue,
                Ok(0) => return Answer::Silent,
                Err(_) => return Answer::Died(None),
                Ok(_) => break,
            }
        }
        let mut words = vec![0; LONGEST];
        match nix::unistd::read(&self.answer, &mut words) {
            Ok(n) if n > 0 => {
                words.truncate(n);
                Answer::Said(words)
            }
            _ => {
                let killed = self.reap().filter(|status| libc::WIFSIGNALED(*status));
                Answer::Died(killed.map(|status| libc::WTERMSIG(status)))
            }
        }
    }

    /// Kills the child and its group and waits for it; gives its wait status. Does nothing the second time.
    fn reap(&mut self) -> Option<i32> {
        let pid = std::mem::replace(&mut self.pid, 0);
        if pid <= 0 {
            return None;
        }
        // SAFETY: pid is our own child, not reaped yet, so neither it nor its group can be anybody else.
        // A child that ended by itself keeps its status: a signal to a zombie changes nothing.
        unsafe {
            libc::kill(-pid, libc::SIGKILL);
            libc::kill(pid, libc::SIGKILL);
        }
        wait_status(pid).ok()
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.reap();
    }
}

/// Does `work` in a throw-away child and gives what it says, within `limit`.
pub(crate) fn attempt(limit: Duration, work: impl FnOnce(&Reply)) -> Answer {
    match Trial::start(work) {
        Ok(mut trial) => trial.answer(limit),
        Err(_) => Answer::Died(None),
    }
}

/// Forks a child that ends with us, and does `work` in it; its exit status is what `work` gives.
/// Async-signal-safe as far as `work` is. Gives the child's pid.
pub(crate) fn fork_for(work: impl FnOnce() -> i32) -> nix::Result<libc::pid_t> {
    // SAFETY: as in `Trial::start`; the child ends in the arm below.
    match unsafe { libc::fork() } {
        -1 => Err(Errno::last()),
        0 => {
            die_with_parent();
            let status = catch_unwind(AssertUnwindSafe(work)).unwrap_or(libc::EIO);
            // SAFETY: see `Trial::start`.
            unsafe { libc::_exit(status) }
        }
        pid => Ok(pid),
    }
}

/// As [`fork_for`], and waits for it; but the child runs in our memory while we stand still (vfork(2)), which costs a tenth.
/// For `work` that makes system calls and nothing else.
pub(crate) fn borrow_for(mut work: impl FnMut() -> i32) -> nix::Result<i32> {
    let mut stack = vec![0; 64 << 10];
    let flags = CloneFlags::CLONE_VM | CloneFlags::CLONE_VFORK;
    let work = Box::new(|| {
        no_core();
        work() as isize
    });
    // SAFETY: it makes system calls on a stack of its own, and this thread goes on when it has ended.
    let child = unsafe { clone(work, &mut stack, flags, Some(libc::SIGCHLD))? };
    Ok(status_of(child.as_raw()))
}

/// Waits for a child to end; its exit status, or `EINTR` if a signal ended it.
pub(crate) fn status_of(pid: libc::pid_t) -> i32 {
    match wait_status(pid) {
        Err(errno) => errno as i32,
        Ok(status) if libc::WIFEXITED(status) => libc::WEXITSTATUS(status),
        Ok(_) => libc::EINTR,
    }
}

/// Waits for a child to end, whatever signals come meanwhile; its wait status.
pub(crate) fn wait_status(pid: libc::pid_t) -> nix::Result<i32> {
    let mut status = 0;
    loop {
        // SAFETY: `status` is a live integer of ours.
        match Errno::result(unsafe { libc::waitpid(pid, &mut status, libc::__WALL) }) {
            Err(Errno::EINTR) => {}
            waited => return waited.map(|_| status),
        }
    }
}

/// Asks the kernel to kill this process when the thread that forked it ends. prctl(2), PR_SET_PDEATHSIG.
pub(crate) fn die_with_parent() {
    // SAFETY: takes plain integers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong, 0, 0, 0) };
}

/// A descriptor that a system call has just given us, or its error.
pub(crate) fn owned(fd: libc::c_long) -> nix::Result<OwnedFd> {
    let fd = Errno::result(fd)?;
    // SAFETY: the kernel has just made it for us and nobody else knows its number.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}
/// Keeps this process from leaving a core file.
pub fn no_core() {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel reads a live struct of ours; a limit may always be lowered.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &none) };
}
