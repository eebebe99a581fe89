//! The second filter of the free schedule: a process that has never made a socket runs without a stop at read, write and
//! whatever else any program does all the time ([`Calls::Making`]). Before its first socket call it is made to install
//! the filter that stops at those as well ([`Calls::Using`]).
//!
//! ```text
//! socket(…) ── stopped at its entry ── mmap, seccomp, munmap in its place ── socket(…) begins again
//! ```
//!
//! The program cannot tell: its registers and its signal mask are put back, and no memory of its own is touched. Not even
//! below the stack pointer: small stacks, as Go has them, have somebody else's memory there.

use crate::event::{Kind, Reason};

use super::Tracer;
use super::filter::Calls;
use super::memory::Tracee;
use super::proc::{self, Link};
use super::registers::Registers;
use super::stop::{self, AtCall, Gone, Status, Stopped, Why};
use super::tracees::Key;

/// Room for the filter and the header that points to it.
const ROOM: u64 = 4096;

/// Whether the first filter lets the process have what the second one must be there for.
pub fn makes_socket(nr: u64) -> bool {
    let nr = nr as libc::c_long;
    matches!(nr, libc::SYS_socket | libc::SYS_socketpair | libc::SYS_pidfd_getfd)
}

/// What stands in the way of a filter.
struct Refused {
    call: &'static str,
    result: i64,
}

impl Tracer {
    /// Whether this call has to wait until the process is armed.
    pub(super) fn wants_arming(&self, key: Key, at: &AtCall, uses_socket: bool) -> bool {
        let is_armed = |process: usize| self.processes[process].armed;
        let process = self.threads.get(&key).map(|thread| thread.process);
        // Who shares a table of descriptors and nothing else would not be reached later.
        let shares = at.raw.nr == libc::SYS_clone as u64
            && at.raw.args[0] & libc::CLONE_FILES as u64 != 0
            && at.raw.args[0] & libc::CLONE_THREAD as u64 == 0;
        at.native
            && (uses_socket || makes_socket(at.raw.nr) || shares)
            && process.is_some_and(|process| !is_armed(process))
    }

    /// Makes the process install the second filter; then the call that it stands before begins again.
    pub(super) fn arm(&mut self, key: Key, stopped: Stopped, at: &AtCall) -> Result<(), Gone> {
        let tid = stopped.tid();
        let stopped = match install(stopped, at) {
            Ok((stopped, Ok(()))) => stopped,
            Err(Lost::Gone) => return Err(Gone),
            Err(Lost::Died(status)) => {
                self.on_status(tid, status);
                return Ok(());
            }
            Ok((stopped, Err(Refused { call, result }))) => {
                let role = &self.roles[key.0].name;
                let errno = crate::decode::errno_name(-result as i32);
                let what = format!(
                    "{role} cannot be followed any further: its own filter refuses {call} ({errno}); \
                     with `--all-calls` it can"
                );
                self.stop.get_or_insert(Reason::Limit { what });
                stopped
            }
        };
        if let Some(process) = self.threads.get(&key).map(|thread| thread.process) {
            self.processes[process].armed = true;
        }
        self.look_at_descriptors(key, tid);
        stopped.resume(0)
    }

    /// Nobody has followed what became of the descriptors so far.
    fn look_at_descriptors(&mut self, key: Key, tid: i32) {
        let Some(table) = self.threads.get(&key).map(|thread| thread.table) else { return };
        let open = proc::descriptors(tid);
        for fd in self.descriptors.numbers(table) {
            if !open.contains(&fd) {
                self.descriptors.forget(table, fd);
            }
        }
        for fd in open {
            let known = self.descriptors.lookup(table, fd).map(|it| &self.descriptors.get(it).kind);
            match known {
                // Still what the lab was started with?
                Some(Kind::Stdin | Kind::Stdout | Kind::Stderr)
                    if proc::target(tid, fd) == proc::target(std::process::id() as i32, fd) => {}
                _ if proc::link(tid, fd).is_none_or(|link| link == Link::Other) => {
                    self.descriptors.forget(table, fd);
                }
                _ => drop(self.adopt(key, tid, table, fd)),
            }
        }
    }
}

/// Whether a program would be started with a socket among its descriptors.
pub fn passes_socket_on() -> bool {
    let own = std::process::id() as i32;
    let is_passed = |fd: i32| {
        // SAFETY: asks for the flags of a descriptor of ours.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
        flags >= 0 && flags & libc::FD_CLOEXEC == 0
    };
    let is_socket = |fd: i32| matches!(proc::link(own, fd), Some(Link::Socket(_)));
    proc::descriptors(own).into_iter().any(|fd| is_passed(fd) && is_socket(fd))
}

/// The thread died on the way.
enum Lost {
    /// Its status is still to come.
    Gone,
    Died(Status),
}

impl From<Gone> for Lost {
    fn from(_: Gone) -> Lost {
        Lost::Gone
    }
}

/// What came of the making of a filter.
type Made = std::result::Result<(), Refused>;

/// The three calls in place of the one that the thread stands before. After them it stands so that this one begins again.
fn install(stopped: Stopped, at: &AtCall) -> Result<(Stopped, Made), Lost> {
    let before = stopped.registers()?;
    let mask = stopped.signal_mask()?;
    stopped.set_signal_mask(!0)?;
    let mut maker = Maker { stopped, registers: before, is_first: true };
    let made = maker.install()?;
    let Maker { stopped, registers: mut before, .. } = maker;
    before.call_again(at.raw.nr, at.raw.args);
    before.write().map_err(Gone::from)?;
    stopped.set_signal_mask(mask)?;
    Ok((stopped, made))
}

/// A thread that is made to make calls.
struct Maker {
    stopped: Stopped,
    /// Those of the call that it stood before.
    registers: Registers,
    is_first: bool,
}

impl Maker {
    fn install(&mut self) -> Result<Made, Lost> {
        let code = Calls::Using.program();
        let anonymous = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS) as u64;
        let access = (libc::PROT_READ | libc::PROT_WRITE) as u64;
        let room = self.call(libc::SYS_mmap, [0, ROOM, access, anonymous, !0, 0])?;
        if room < 0 {
            return Ok(Err(Refused { call: "mmap", result: room }));
        }
        let room = room as u64;
        const HEADER: u64 = 16;
        let mut bytes = [(code.len() as u64).to_le_bytes(), (room + HEADER).to_le_bytes()].concat();
        for step in &code {
            bytes.extend(step.code.to_le_bytes());
            bytes.extend([step.jt, step.jf]);
            bytes.extend(step.k.to_le_bytes());
        }
        debug_assert!(bytes.len() as u64 <= ROOM);
        Tracee(self.stopped.tid()).write(room, &bytes);
        let flags = libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW | libc::SECCOMP_FILTER_FLAG_TSYNC;
        let mode = u64::from(libc::SECCOMP_SET_MODE_FILTER);
        let filtered = self.call(libc::SYS_seccomp, [mode, flags, room, 0, 0, 0])?;
        self.call(libc::SYS_munmap, [room, ROOM, 0, 0, 0, 0])?;
        Ok(match filtered {
            0 => Ok(()),
            // The tid of a thread that has a filter of its own.
            1.. => Err(Refused { call: "seccomp", result: -i64::from(libc::ESRCH) }),
            result => Err(Refused { call: "seccomp", result }),
        })
    }

    /// What a call gives.
    fn call(&mut self, nr: libc::c_long, args: [u64; 6]) -> Result<i64, Lost> {
        let mut registers = self.registers.clone();
        match std::mem::take(&mut self.is_first) {
            true => registers.replace_call(nr as u64, args),
            false => registers.call_again(nr as u64, args),
        }
        registers.write().map_err(Gone::from)?;
        // From one stop to the next: the entry, where it is a new call, and the return.
        loop {
            let tid = self.stopped.tid();
            std::mem::replace(&mut self.stopped, Stopped::new(tid)).resume_to_return()?;
            match stop::wait_for(tid)? {
                Status::Stopped(Why::Return) => {}
                // SIGSTOP, which no mask holds off.
                Status::Stopped(_) => continue,
                died => return Err(Lost::Died(died)),
            }
            if let Some(result) = self.stopped.returned_now()? {
                return Ok(result);
            }
        }
    }
}
