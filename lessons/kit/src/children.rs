//! Calls of a parent about its children: how it learns that one has ended, and how it collects it.

use nix::errno::Errno;
use nix::sys::signal::{self as sys, SaFlags, SigAction, SigHandler, SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus};

use crate::{Pid, Result, failed};

pub use nix::sys::signal::Signal::SIGCHLD;

/// What becomes of a process that a signal comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Nothing; and of a child nothing is left when it ends, if the signal is SIGCHLD.
    Ignore,
    /// The call that it waits in fails with `EINTR`: there is a handler, which does nothing, and no SA_RESTART.
    Interrupt,
}

/// Says what a signal does. By itself SIGCHLD does nothing: children that end are left to be collected.
/// Source: sigaction(2), signal(7).
#[allow(unsafe_code)]
pub fn sigaction(signal: Signal, on: On) -> Result<()> {
    extern "C" fn nothing(_: i32) {}
    let handler = match on {
        On::Ignore => SigHandler::SigIgn,
        On::Interrupt => SigHandler::Handler(nothing),
    };
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: a handler that does nothing may run at any moment.
    unsafe { sys::sigaction(signal, &action) }.map(drop).map_err(failed("sigaction"))
}

/// Collects one child that has ended, whichever, and does not wait for one. `None`: all of them live, or there is none
/// (`ECHILD`). Source: waitpid(2), `WNOHANG`.
pub fn waitpid_any() -> Result<Option<Pid>> {
    match nix::sys::wait::waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => Ok(None),
        Ok(ended) => Ok(ended.pid()),
        Err(errno) => Err(failed("waitpid")(errno)),
    }
}
