//! The threads under trace: where each one stands, and how they come, change and go.

use std::borrow::Cow;
use std::os::fd::OwnedFd;
use std::time::Instant;

use nix::errno::Errno;

use crate::decode::{self, Call, Raw};
use crate::error::{Obstacle, Result};
use crate::event::{Ending, Kind};

use super::descriptors::{Open, Table, Timer};
use super::handlers::Handlers;
use super::launch::{Failure, Ours, Program};
use super::locate::ImageId;
use super::memory::Tracee;
use super::posix_timers::PosixTimers;
use super::proc::{self, Link, Sleep};
use super::stop::{self, AtCall, Gone, Status, Stopped, Why};
use super::time_limits::TimeLimit;
use super::weather::Fault;
use super::{Stdin, Tracer, cannot_start};

/// A thread's place in the order of scheduling: its role, then its number within it.
pub type Key = (usize, u32);

pub struct Role {
    pub name: String,
    /// The role's first process.
    pub main: usize,
    pub stdin: Stdin,
    /// What was typed and did not fit into the pipe yet.
    pub to_type: Vec<u8>,
    pub stdout: Open,
    /// The number of the terminal that is its stdout, if the lab opened that.
    pub terminal_device: Option<u64>,
    /// Held so that writing to the terminal does not fail.
    pub _terminal: Option<OwnedFd>,
    pub end: Option<Ending>,
    threads: u32,
    processes: u32,
    failure: Option<Failure>,
}

impl Role {
    /// Writes as much as a pipe takes (64 KiB) of what is to be typed; the lab must never wait for a program.
    /// False if it takes nothing.
    pub fn fill_stdin(&mut self) -> bool {
        let Some(stdin) = &self.stdin else { return false };
        let written = nix::unistd::write(stdin, &self.to_type).unwrap_or(0);
        self.to_type.drain(..written);
        written > 0
    }
}

pub struct Process {
    pub pid: i32,
    pub role: usize,
    /// Its number within the role.
    pub number: u32,
    pub parent: Option<usize>,
    pub alive: bool,
    /// Its filter stops it at every call that is recorded.
    pub armed: bool,
    pub handlers: Handlers,
    /// The program in its memory.
    pub image: ImageId,
    /// setitimer(ITIMER_REAL) and alarm, in virtual time.
    pub alarm: Option<Timer>,
    pub alarm_fires: u32,
    /// Those of timer_create(2), likewise.
    pub timers: PosixTimers,
    /// Where time is real: until when a timer of this process may send a signal.
    pub rings_until: Option<Instant>,
}

pub struct Thread {
    pub tid: i32,
    pub role: usize,
    pub number: u32,
    pub process: usize,
    pub table: Table,
    pub sleep: Sleep,
    /// The stop it stands at; `None` while it runs or sleeps.
    pub held: Option<Held>,
    /// The call that it is in.
    pub call: Option<InFlight>,
    /// Calls interrupted by a signal that the kernel will begin again, the latest last.
    pub suspended: Vec<InFlight>,
    /// It is about to die: a fatal signal, or a sibling called exit_group.
    pub dying: bool,
    /// It waits in vfork(2) for its child.
    pub in_vfork: bool,
    /// It is in a group stop.
    pub listening: bool,
    /// It has not yet executed the role's program.
    pub before_exec: bool,
    /// Times that its timer fired with nothing else happening.
    pub idle_fires: u32,
    /// Processor time of its process when it was first seen to run on since it was resumed, in nanoseconds.
    pub cpu_at_look: Option<u64>,
}

/// A stop that waits for the thread to be chosen.
pub enum Held {
    /// Nothing is to be done before it goes on.
    Ready(Stopped),
    /// It is about to make a call.
    Entry(Stopped, AtCall),
    /// Its call has returned.
    Return(Stopped),
    /// A signal is about to be delivered.
    Signal(Stopped, i32),
}

/// A call that has begun and not returned.
pub struct InFlight {
    pub at: AtCall,
    pub call: Call,
    /// Whether it becomes an event, and on what condition.
    pub shown: Shown,
    /// What its first descriptor refers to.
    pub open: Option<Open>,
    pub limit: Option<TimeLimit>,
    /// What the weather does to it.
    pub fault: Option<Fault>,
    /// Where in the program's source it stands.
    pub source: Option<String>,
    /// What the lab did to it, for the event.
    pub note: Option<Cow<'static, str>>,
    /// Memory of the tracee that was changed for the call, with what stood there.
    pub borrowed: Vec<(u64, Vec<u8>)>,
    /// The thread makes another call first, of which nobody is told; then it makes this one.
    pub detour: bool,
    /// It was seen asleep in the kernel.
    pub blocked: bool,
    /// The last event before it began to wait.
    pub since: u64,
    /// The kernel's internal result when a signal interrupted it.
    pub interrupted: i64,
}

impl InFlight {
    /// A call that is about to be made; `since`: the last event so far.
    pub fn new(at: AtCall, call: Call, open: Option<Open>, since: u64) -> InFlight {
        InFlight {
            at,
            call,
            shown: Shown::No,
            open,
            limit: None,
            fault: None,
            source: None,
            note: None,
            borrowed: Vec::new(),
            detour: false,
            blocked: false,
            since,
            interrupted: 0,
        }
    }

    pub fn raw(&self) -> &Raw {
        &self.at.raw
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Yes,
    No,
    /// Only if it fails with EBADF: a descriptor that was a socket until it was closed.
    IfBadDescriptor,
}

impl Tracer {
    /// Registers the first thread of a role, which has been seized and told to exec.
    pub(super) fn add_role(&mut self, name: &str, tid: i32, ours: Option<Ours>, failure: Failure) {
        let role = self.roles.len();
        let process = self.add_process(tid, role, None, 1, Handlers::default());
        let table = self.descriptors.new_table();
        let [stdin_open, stdout, stderr] =
            [Kind::Stdin, Kind::Stdout, Kind::Stderr].map(|kind| self.descriptors.open(kind, name));
        for (fd, open) in [stdin_open, stdout, stderr].into_iter().enumerate() {
            self.descriptors.set(table, fd as i32, open);
        }
        let (stdin, terminal) = match ours {
            Some(ours) => (ours.stdin, Some(ours.terminal)),
            None => (None, None),
        };
        self.roles.push(Role {
            name: name.to_string(),
            main: process,
            stdin,
            to_type: Vec::new(),
            stdout,
            terminal_device: None,
            _terminal: terminal,
            end: None,
            threads: 1,
            processes: 1,
            failure: Some(failure),
        });
        self.add_thread(tid, (role, 1), process, table, true);
    }

    fn add_process(
        &mut self,
        pid: i32,
        role: usize,
        parent: Option<usize>,
        number: u32,
        handlers: Handlers,
    ) -> usize {
        let alarm = None;
        let image = match parent {
            Some(parent) => self.processes[parent].image,
            None => self.locator.new_image(),
        };
        let process = Process {
            pid,
            role,
            number,
            parent,
            alive: true,
            armed: parent.map_or(!self.arms_later, |parent| self.processes[parent].armed),
            handlers,
            image,
            alarm,
            alarm_fires: 0,
            timers: PosixTimers::new(),
            rings_until: None,
        };
        self.processes.push(process);
        self.processes.len() - 1
    }

    fn add_thread(&mut self, tid: i32, key: Key, process: usize, table: Table, before_exec: bool) {
        let held = self.unclaimed.remove(&tid).map(Held::Ready);
        if held.is_some() {
            self.note_standing(key);
        }
        let thread = Thread {
            tid,
            role: key.0,
            number: key.1,
            process,
            table,
            sleep: Sleep::of(tid),
            held,
            call: None,
            suspended: Vec::new(),
            dying: false,
            in_vfork: false,
            listening: false,
            before_exec,
            idle_fires: 0,
            cpu_at_look: None,
        };
        self.threads.insert(key, Box::new(thread));
        self.by_tid.insert(tid, key);
    }

    /// Waits until the role's program has been executed and stands before its first instruction.
    pub(super) fn await_exec(&mut self, tid: i32, program: &Program) -> Result<()> {
        loop {
            let found = match stop::wait_status(tid) {
                Ok((_, status)) => status,
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(cannot_start(program, Obstacle::Refused(errno))),
            };
            let ended = !matches!(found, Status::Stopped(_));
            self.on_status(tid, found);
            let key = self.by_tid.get(&tid).copied();
            match key.and_then(|key| self.threads.get(&key)) {
                Some(thread) if !thread.before_exec => return Ok(()),
                Some(_) if !ended => {}
                _ => {
                    self.dead.clear();
                    let failure = self.roles.pop().and_then(|role| role.failure);
                    return Err(match failure {
                        Some(failure) => failure.error(program),
                        None => cannot_start(program, Obstacle::Died),
                    });
                }
            }
        }
    }

    /// Takes in what wait4 said of a thread. Nothing is resumed here that runs program code,
    /// but for the steps of a fork, an exec and a group stop, whose call goes on.
    pub(super) fn on_status(&mut self, tid: i32, status: Status) {
        let Status::Stopped(why) = status else { return self.on_death(tid, status) };
        let stopped = Stopped::new(tid);
        let Some(&key) = self.by_tid.get(&tid) else {
            if why == Why::Exec {
                return self.on_exec(tid, stopped);
            }
            self.unclaimed.insert(tid, stopped);
            return;
        };
        if why == Why::Exec {
            return self.on_exec(tid, stopped);
        }
        if let Err(Gone) = self.on_stop(key, stopped, why)
            && let Some(thread) = self.threads.get_mut(&key)
        {
            thread.dying = true;
        }
    }

    fn on_stop(&mut self, key: Key, stopped: Stopped, why: Why) -> std::result::Result<(), Gone> {
        let Some(thread) = self.threads.get_mut(&key) else { return Ok(()) };
        let held = match why {
            // Between filter and exec the child makes calls of the lab's own.
            Why::Call if thread.before_exec => return stopped.resume(0),
            Why::Trap if thread.before_exec => return stopped.resume(0),
            Why::Call => {
                let at = stopped.call()?;
                Held::Entry(stopped, at)
            }
            Why::Return => Held::Return(stopped),
            Why::Signal(signal) => Held::Signal(stopped, signal),
            Why::Trap => {
                thread.listening = false;
                Held::Ready(stopped)
            }
            Why::Group(_) => {
                thread.listening = true;
                return stopped.listen();
            }
            Why::VforkDone => {
                thread.in_vfork = false;
                return stopped.resume_to_return();
            }
            Why::Child => return self.on_child(key, stopped),
            Why::Exec => unreachable!("handled before"),
        };
        thread.held = Some(held);
        Ok(())
    }

    /// A thread made another: a thread of its process, or a process.
    fn on_child(&mut self, key: Key, stopped: Stopped) -> std::result::Result<(), Gone> {
        let tid = stopped.message()?;
        let Some(parent) = self.threads.get_mut(&key) else { return Ok(()) };
        let flags =
            parent.call.as_ref().map_or(0, |call| clone_flags(call.raw(), Tracee(parent.tid)));
        parent.in_vfork = flags & libc::CLONE_VFORK as u64 != 0;
        let (process, table) = (parent.process, parent.table);
        let table = if flags & libc::CLONE_FILES as u64 != 0 {
            self.descriptors.share(table)
        } else {
            self.descriptors.copy(table)
        };
        let role = &mut self.roles[key.0];
        role.threads += 1;
        let number = role.threads;
        let process = if flags & libc::CLONE_THREAD as u64 != 0 {
            process
        } else {
            role.processes += 1;
            let (processes, handlers) = (role.processes, self.processes[process].handlers.clone());
            self.add_process(tid, key.0, Some(process), processes, handlers)
        };
        self.add_thread(tid, (key.0, number), process, table, false);
        stopped.resume_to_return()
    }

    /// A process runs another program. Its other threads are gone, and the one that called has the leader's tid.
    fn on_exec(&mut self, tid: i32, stopped: Stopped) {
        let former = stopped.message().unwrap_or(tid);
        let Some(&key) = self.by_tid.get(&former) else { return };
        let Some(process) = self.threads.get(&key).map(|thread| thread.process) else { return };
        let gone: Vec<Key> = self
            .threads
            .iter()
            .filter(|(other, thread)| **other != key && thread.process == process)
            .map(|(&other, _)| other)
            .collect();
        for other in gone {
            if let Some(thread) = self.threads.remove(&other) {
                self.by_tid.remove(&thread.tid);
                self.descriptors.leave(thread.table);
            }
        }
        self.by_tid.remove(&former);
        self.by_tid.insert(tid, key);
        self.processes[process].handlers.exec();
        self.processes[process].timers.clear();
        self.processes[process].image = self.locator.new_image();
        let serial = self.is_serial();
        let Some(thread) = self.threads.get_mut(&key) else { return };
        thread.tid = tid;
        thread.sleep = Sleep::of(tid);
        let (first, table) = (std::mem::take(&mut thread.before_exec), thread.table);
        // The program has a table of its own now, without what was to be closed on exec.
        let own = self.descriptors.copy(table);
        self.descriptors.leave(table);
        for fd in self.descriptors.numbers(own) {
            if proc::link(tid, fd).is_none() {
                self.descriptors.close(own, fd);
            }
        }
        let Some(thread) = self.threads.get_mut(&key) else { return };
        thread.table = own;
        if first {
            // Sockets that the lab itself was started with and passes on.
            for fd in proc::descriptors(tid) {
                if matches!(proc::link(tid, fd), Some(Link::Socket(_))) {
                    self.adopt(key, tid, own, fd);
                }
            }
        }
        if serial {
            super::enter::hide_machine(&stopped, &mut self.random);
        }
        let Some(thread) = self.threads.get_mut(&key) else { return };
        if first {
            thread.held = Some(Held::Ready(stopped));
            self.note_standing(key);
        } else if stopped.resume_to_return().is_err() {
            thread.dying = true;
        }
    }

    fn on_death(&mut self, tid: i32, status: Status) {
        self.unclaimed.remove(&tid);
        let Some(key) = self.by_tid.remove(&tid) else { return };
        let Some(mut thread) = self.threads.remove(&key) else { return };
        thread.held = None;
        self.descriptors.leave(thread.table);
        let process = thread.process;
        let last = self.threads.values().all(|other| other.process != process);
        if last {
            let process_index = process;
            let process = &mut self.processes[process_index];
            process.alive = false;
            process.alarm = None;
            let role = &mut self.roles[process.role];
            if role.main == process_index {
                role.end = Some(match status {
                    Status::Signalled { signal } => {
                        Ending::Signalled { signal: decode::signal_name(signal).into_owned() }
                    }
                    Status::Exited { status } => Ending::Exited { status },
                    Status::Stopped(_) => unreachable!("a stop is no death"),
                });
            }
        }
        // Siblings die in any order: they are told at the next decision, in the order of their keys.
        self.dead.push((*thread, status));
        self.woken = super::settle::Wakes::All;
    }

    /// Threads of the same process that have not been seen to die.
    pub(super) fn has_living_siblings(&self, thread: &Thread) -> bool {
        self.threads
            .values()
            .any(|other| other.process == thread.process && other.tid != thread.tid)
    }

    /// The other threads of a process: they are about to die with it.
    pub(super) fn doom_siblings(&mut self, key: Key) {
        let Some(process) = self.threads.get(&key).map(|thread| thread.process) else { return };
        for (&other, thread) in &mut self.threads {
            if thread.process == process && other != key {
                thread.dying = true;
                thread.held = None;
            }
        }
    }
}

/// The CLONE_ flags of a call that makes a thread or process.
fn clone_flags(raw: &Raw, memory: Tracee) -> u64 {
    match raw.nr as libc::c_long {
        libc::SYS_clone => raw.args[0],
        libc::SYS_clone3 => memory.bytes(raw.args[0]).map_or(0, u64::from_le_bytes),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_vfork => (libc::CLONE_VFORK | libc::CLONE_VM) as u64,
        _ => 0,
    }
}
