//! What a process does on a signal, as rt_sigaction(2) set it: needed to tell an interrupted call that
//! returns EINTR from one that the kernel begins again.

use std::collections::BTreeMap;

/// The handlers of one process. A signal that is absent has its default action.
#[derive(Clone, Debug, Default)]
pub struct Handlers(BTreeMap<i32, Action>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Action {
    handler: u64,
    flags: u64,
}

impl Handlers {
    /// rt_sigaction(2) set this.
    pub fn set(&mut self, signal: i32, handler: u64, flags: u64) {
        if handler == libc::SIG_DFL as u64 {
            self.0.remove(&signal);
        } else {
            self.0.insert(signal, Action { handler, flags });
        }
    }

    /// A new program: handlers are gone, ignored signals stay ignored. execve(2), "Effect on process attributes".
    pub fn exec(&mut self) {
        self.0.retain(|_, action| action.handler == libc::SIG_IGN as u64);
    }

    /// A handler runs; SA_RESETHAND puts the default action back first.
    pub fn delivered(&mut self, signal: i32) {
        const SA_RESETHAND: u64 = libc::SA_RESETHAND as u32 as u64;
        if self.0.get(&signal).is_some_and(|action| action.flags & SA_RESETHAND != 0) {
            self.0.remove(&signal);
        }
    }

    /// Whether a function of the program handles the signal.
    pub fn catches(&self, signal: i32) -> bool {
        self.0.get(&signal).is_some_and(|action| action.handler != libc::SIG_IGN as u64)
    }

    /// Whether a call that was interrupted with this internal result returns EINTR once `signal` is
    /// handled; if not, the kernel begins it again.
    ///
    /// Source: signal(7), "Interruption of system calls"; the results are in include/linux/errno.h.
    pub fn gives_eintr(&self, signal: i32, interrupted: i64) -> bool {
        let Some(action) = self.0.get(&signal).filter(|_| self.catches(signal)) else {
            return false;
        };
        match interrupted {
            ERESTARTNOINTR => false,
            ERESTARTSYS => action.flags & libc::SA_RESTART as u64 == 0,
            _ => true,
        }
    }
}

const ERESTARTSYS: i64 = -512;
const ERESTARTNOINTR: i64 = -513;
const ERESTARTNOHAND: i64 = -514;
const ERESTART_RESTARTBLOCK: i64 = -516;

/// The state of a call that will be begun again whatever other signal comes.
pub const BEGUN_AGAIN: i64 = ERESTARTNOINTR;

/// Whether a call's result at its exit stop says that it was interrupted, not that it is done.
pub fn is_interrupted(result: i64) -> bool {
    matches!(result, ERESTARTSYS | ERESTARTNOINTR | ERESTARTNOHAND | ERESTART_RESTARTBLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sa_restart_begins_a_recv_again_but_not_a_poll() {
        let mut handlers = Handlers::default();
        handlers.set(libc::SIGALRM, 0x1000, libc::SA_RESTART as u64);
        assert!(!handlers.gives_eintr(libc::SIGALRM, ERESTARTSYS));
        assert!(handlers.gives_eintr(libc::SIGALRM, ERESTARTNOHAND));
    }

    #[test]
    fn without_a_handler_every_call_is_begun_again() {
        let mut handlers = Handlers::default();
        handlers.set(libc::SIGCHLD, libc::SIG_IGN as u64, 0);
        for interrupted in [ERESTARTSYS, ERESTARTNOHAND, ERESTART_RESTARTBLOCK] {
            assert!(!handlers.gives_eintr(libc::SIGCHLD, interrupted));
            assert!(!handlers.gives_eintr(libc::SIGUSR1, interrupted));
        }
    }
}
