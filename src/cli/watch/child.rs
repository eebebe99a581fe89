//! Another `lab`, at work beside the one that answers the keys.
//!
//! Checks and demos run in processes of their own: however long one builds, computes or hangs, it can be ended at once
//! by ending its process group, cargo and compiler included; its recorder and the program under test die with it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{self, Command, Stdio};

use nix::errno::Errno;
use nix::sys::prctl::{set_child_subreaper, set_pdeathsig};
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use crate::error::{Error, Result};

use super::files::without_waiting;

/// A `lab` and what it says.
pub struct Child {
    process: process::Child,
    out: Pipe,
    /// Its stderr, where that is wanted apart from its stdout.
    err: Option<Pipe>,
}

impl Child {
    /// Starts `lab ARGUMENT…`, its stdout and stderr in one.
    pub fn start(arguments: &[&str]) -> Result<Child> {
        Child::spawn(arguments, false)
    }

    /// The same, with stderr by itself.
    pub fn start_apart(arguments: &[&str]) -> Result<Child> {
        Child::spawn(arguments, true)
    }

    fn spawn(arguments: &[&str], apart: bool) -> Result<Child> {
        let failed = |error: io::Error| Error::System {
            doing: "start the lab beside this one".into(),
            errno: error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw),
        };
        set_child_subreaper(true).map_err(|errno| failed(errno.into()))?;
        let mut lab = Command::new("/proc/self/exe");
        lab.arg0("lab").args(arguments).stdin(Stdio::null()).process_group(0);
        let (out, stdout) = io::pipe().map_err(failed)?;
        let err = match apart {
            true => {
                let (err, stderr) = io::pipe().map_err(failed)?;
                lab.stderr(stderr);
                Some(Pipe::new(err.into()).map_err(failed)?)
            }
            false => {
                lab.stderr(stdout.try_clone().map_err(failed)?);
                None
            }
        };
        lab.stdout(stdout);
        // SAFETY: prctl(2) and sigprocmask(2) are async-signal-safe.
        unsafe { lab.pre_exec(|| Ok(set_pdeathsig(Signal::SIGKILL).and(unblock_signals())?)) };
        let process = lab.spawn().map_err(failed)?;
        Ok(Child { process, out: Pipe::new(out.into()).map_err(failed)?, err })
    }

    /// Readable when it has said something.
    pub fn says(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let pipes = [Some(&self.out), self.err.as_ref()].into_iter().flatten();
        pipes.filter_map(|pipe| pipe.file.as_ref()).map(File::as_fd)
    }

    /// The lines that it has said since the last time, without waiting for more; stderr's first.
    pub fn said(&mut self) -> (String, String) {
        (self.err.as_mut().map(Pipe::lines).unwrap_or_default(), self.out.lines())
    }

    /// Its exit status once it has ended, `None` inside for a signal; then all that it said has been written.
    pub fn ended(&mut self) -> Option<Option<i32>> {
        self.process.try_wait().ok().flatten().map(|status| status.code())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !matches!(self.process.try_wait(), Ok(None)) {
            return;
        }
        // Until it has been waited for, its id and its group's are nobody else's.
        let pid = Pid::from_raw(self.process.id() as i32);
        let below = descendants(pid);
        let _ = killpg(pid, Signal::SIGKILL);
        // Whose parent has died is ours to wait for: then all of it is gone, not only the first.
        while !matches!(waitpid(Pid::from_raw(-pid.as_raw()), None), Err(Errno::ECHILD)) {}
        // A program under test has a session of its own. Where no pid namespace took it along, it has come to us.
        for pid in below {
            if matches!(waitpid(pid, Some(WaitPidFlag::WNOHANG)), Ok(WaitStatus::StillAlive)) {
                let _ = kill(pid, Signal::SIGKILL);
                let _ = waitpid(pid, None);
            }
        }
    }
}

/// The children of a process, theirs, and so on. proc(5), `/proc/TID/task/TID/children`.
fn descendants(pid: Pid) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let listed = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children")).ok();
    let children: String = threads.filter_map(listed).collect();
    let children = children.split_whitespace().filter_map(|child| child.parse().ok());
    let children = children.map(Pid::from_raw);
    children.flat_map(|child| [vec![child], descendants(child)].concat()).collect()
}

/// What a program that is started from here inherits of signals: none blocked.
pub fn unblock_signals() -> nix::Result<()> {
    SigSet::empty().thread_set_mask()
}

/// The reading end of a pipe; lines that are not whole yet stay in it.
struct Pipe {
    /// `None` once everybody who could write has gone.
    file: Option<File>,
    rest: Vec<u8>,
}

impl Pipe {
    fn new(end: OwnedFd) -> io::Result<Pipe> {
        without_waiting(&end)?;
        Ok(Pipe { file: Some(File::from(end)), rest: Vec::new() })
    }

    fn lines(&mut self) -> String {
        let mut bytes = [0; 8192];
        while let Some(file) = &mut self.file {
            match file.read(&mut bytes) {
                Ok(0) => self.file = None,
                Ok(count) => self.rest.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let whole = match &self.file {
            None => self.rest.len(),
            Some(_) => self.rest.iter().rposition(|&it| it == b'\n').map_or(0, |at| at + 1),
        };
        String::from_utf8_lossy(&self.rest.drain(..whole).collect::<Vec<u8>>()).into_owned()
    }
}
