//! Calls of a parent about its children: how it learns that one has ended, and how it collects it.

use nix::errno::Errno;
use nix::sys::signal::{self as sys, SaFlags, SigAction, SigHandler, SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus};

use crate::{Pid, Result, failed};

pub use nix::sys::signal::Signal::SIGCHLD;

/// What a signal does, if no function of the program's own handles it.
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
    // SAFETY: a handler that does nothing may run at any moment.
    unsafe {
        match on {
            On::Ignore => set(signal, SigHandler::SigIgn),
            On::Interrupt => handle(signal, nothing),
        }
    }
}

/// The same with a function that is called when the signal comes, whatever the program is doing then. Without
/// SA_RESTART: a call that waits fails with `EINTR` afterwards.
///
/// # Safety
///
/// The function may call little: no allocation, no lock, no output through a buffer. It must leave errno as it was.
/// Source: signal-safety(7).
#[allow(unsafe_code)]
pub unsafe fn handle(signal: Signal, handler: extern "C" fn(i32)) -> Result<()> {
    // SAFETY: as the caller promises.
    unsafe { set(signal, SigHandler::Handler(handler)) }
}

/// # Safety
///
/// As [`handle`] says of its function.
#[allow(unsafe_code)]
unsafe fn set(signal: Signal, handler: SigHandler) -> Result<()> {
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: as the caller promises.
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
