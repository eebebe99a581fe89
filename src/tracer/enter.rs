//! A call begins: what is asked of the kernel, what is answered by the lab, what becomes an event.

use std::borrow::Cow;

use crate::decode::{self, Raw};
use crate::event::Kind;

use super::descriptors::Open;
use super::launch::Streams;
use super::memory::Tracee;
use super::settle::Wakes;
use super::stop::{AtCall, Gone, Stopped};
use super::time_limits::{self, Entered};
use super::tracees::{Held, InFlight, Key, Shown};
use super::weather::{self, Fault};
use super::{Random, Tracer, bounds, limits, timers};

/// What is to be done with a call.
enum Plan {
    /// It goes on at full speed to its next stop; its return does not matter.
    Pass,
    /// Its return is awaited.
    Watch(Shown),
    /// The kernel is not asked at all.
    Answer(i64, Shown, Option<&'static str>),
    /// It is given the same bytes in every run.
    Random,
}

impl Plan {
    /// Whether it may become an event.
    fn may_be_shown(&self) -> bool {
        match self {
            Plan::Pass | Plan::Random => false,
            Plan::Watch(shown) | Plan::Answer(_, shown, _) => *shown != Shown::No,
        }
    }
}

impl Tracer {
    /// The chosen thread stands at the entry of a call.
    pub(super) fn enter(&mut self, key: Key, stopped: Stopped, at: AtCall) -> Result<(), Gone> {
        let tid = stopped.tid();
        self.streak += 1;
        // A call that is refused wakes nobody: a fork bomb would have everybody looked at, again and again.
        let refused = makes_task(&at.raw) && self.has_all_tasks();
        self.note_wakes(if refused { Wakes::Nobody } else { wakes(&at.raw) });
        if let Some(call) = self.begun_again(key, &at) {
            // restart_syscall(2) takes its arguments, as changed, from the kernel's own notes.
            let changed = at.raw.nr != libc::SYS_restart_syscall as u64;
            return self.ask_kernel(key, stopped, call, changed);
        }
        if self.arms_later && self.wants_arming(key, &at, is_socket_call(&at.raw)) {
            return self.arm(key, stopped, &at);
        }
        let memory = Tracee(tid);
        let raw = at.raw;
        let (open, was_closed) = self.first_descriptor(key, &raw);
        let mut call = InFlight::new(at, decode::entry(&raw, &memory), open, self.seq);
        if !at.native {
            call.call.name = Cow::Borrowed("foreign call");
            call.call.args.clear();
            return self.answer(
                key,
                stopped,
                call,
                -i64::from(libc::ENOSYS),
                Shown::Yes,
                Some(FOREIGN),
            );
        }
        if self.is_serial() {
            if let Some(result) = self.answer_about_time(key, &call.at, memory) {
                let shown = if is_alarm(&raw) { Shown::Yes } else { Shown::No };
                return self.answer(key, stopped, call, result, shown, None);
            }
            self.clock.tick();
        }
        let plan = self.plan(key, &call, was_closed);
        self.note_entry(key, &raw, &plan);
        if plan.may_be_shown() {
            call.source = self.locate(key, &stopped)?;
        }
        let plan = match plan {
            Plan::Random => match self.give_random(key, &raw) {
                Some(length) => Plan::Answer(length, Shown::No, None),
                None => Plan::Watch(Shown::No),
            },
            plan => plan,
        };
        match plan {
            Plan::Pass | Plan::Random => {
                self.count_passed();
                stopped.resume(0)
            }
            Plan::Answer(result, shown, note) => {
                self.answer(key, stopped, call, result, shown, note)
            }
            Plan::Watch(shown) => {
                call.shown = shown;
                if shown == Shown::Yes {
                    call.fault = self.fault_of(key, &call);
                }
                if let Some(Fault::Answer(result, note)) = call.fault {
                    return self.answer(key, stopped, call, result, shown, Some(note));
                }
                if self.is_serial() {
                    call.limit = self.limit_of(&call, memory);
                    if let Some(at) = time_limits::passed_deadline(&raw, memory, &self.clock) {
                        timers::borrow_zeroes::<16>(&mut call, memory, at);
                    }
                }
                if self.needs_reuse(&call) {
                    return self.lend_reuse(key, stopped, call);
                }
                self.prepare(key, &mut call, memory);
                self.ask_kernel(key, stopped, call, true)
            }
        }
    }

    /// What a call changes by being made, whatever comes of it.
    fn note_entry(&mut self, key: Key, raw: &Raw, plan: &Plan) {
        match (raw.nr as libc::c_long, plan) {
            (libc::SYS_exit_group, _) => self.doom_siblings(key),
            (libc::SYS_close, _) => {
                let Some(thread) = self.threads.get(&key) else { return };
                // The number is free from here on, whatever close returns: close(2), "Dealing with error returns".
                self.descriptors.close(thread.table, raw.args[0] as i32);
                self.note_relief(key);
            }
            (libc::SYS_sched_yield, _) => self.rotate = true,
            (libc::SYS_write | libc::SYS_writev, Plan::Answer(length, ..)) => {
                self.note_output(*length);
            }
            _ => {}
        }
    }

    /// Whether the thread stands before a call that will become an event, and has not begun it already.
    pub(super) fn stands_before_event(&mut self, key: Key) -> Option<InFlight> {
        let thread = self.threads.get(&key)?;
        let Some(Held::Entry(stopped, at)) = &thread.held else { return None };
        let (tid, at) = (stopped.tid(), *at);
        let innermost = thread.suspended.iter().rfind(|call| call.at.sp >= at.sp);
        if innermost.is_some_and(|call| is_same(call, &at)) || asks_the_clock(&at.raw) {
            return None;
        }
        let (open, was_closed) = self.first_descriptor(key, &at.raw);
        let call = InFlight::new(at, decode::entry(&at.raw, &Tracee(tid)), open, self.seq);
        let shown = match self.plan(key, &call, was_closed) {
            _ if !at.native => true,
            Plan::Watch(shown) | Plan::Answer(_, shown, _) => shown == Shown::Yes,
            Plan::Pass | Plan::Random => false,
        };
        shown.then_some(call)
    }

    /// What the call's first argument refers to, and whether it is the number of something closed.
    fn first_descriptor(&mut self, key: Key, raw: &Raw) -> (Option<Open>, bool) {
        let Some(at) = descriptor_argument(raw) else { return (None, false) };
        let Some(thread) = self.threads.get(&key) else { return (None, false) };
        let (table, fd, tid) = (thread.table, raw.args[at] as i32, thread.tid);
        let open = self.descriptors.lookup(table, fd);
        if open.is_none() && is_socket_call(raw) {
            // A socket that the program was started with.
            return (self.adopt(key, tid, table, fd), false);
        }
        if open.is_none() && is_write(raw) && self.settings.streams == Streams::Own {
            // Node opens its terminal a second time by name.
            let terminal = self.terminal_behind(key, fd);
            if let Some(stdout) = terminal {
                self.descriptors.set(table, fd, stdout);
                return (terminal, false);
            }
        }
        (open, open.is_none() && self.descriptors.was_closed(table, fd))
    }

    /// The role's stdout, if `fd` is another way to its terminal.
    fn terminal_behind(&self, key: Key, fd: i32) -> Option<Open> {
        let thread = self.threads.get(&key)?;
        let role = &self.roles[thread.role];
        let device = super::proc::device(thread.tid, fd)?;
        (Some(device) == role.terminal_device).then_some(role.stdout)
    }

    /// What is to be done with a call, as far as that can be told before anything is: this changes nothing.
    fn plan(&self, key: Key, call: &InFlight, was_closed: bool) -> Plan {
        let raw = call.raw();
        let followed = call.open.is_some();
        let on_descriptor = |shown: bool| match (shown, was_closed) {
            (true, _) => Plan::Watch(Shown::Yes),
            (false, true) => Plan::Watch(Shown::IfBadDescriptor),
            (false, false) => Plan::Pass,
        };
        match raw.nr as libc::c_long {
            libc::SYS_write | libc::SYS_writev if self.goes_to_terminal(call) => {
                match output_length(raw, self.memory(key)) {
                    Some(length) => Plan::Answer(length, Shown::Yes, None),
                    None => Plan::Watch(Shown::Yes),
                }
            }
            libc::SYS_read
            | libc::SYS_readv
            | libc::SYS_preadv2
            | libc::SYS_write
            | libc::SYS_writev
            | libc::SYS_pwritev2
            | libc::SYS_ioctl
            | libc::SYS_vmsplice
            | libc::SYS_close
            | libc::SYS_dup => on_descriptor(followed),
            libc::SYS_fcntl => match raw.args[1] as i32 {
                // A lock on a file can wait.
                libc::F_SETLKW | libc::F_OFD_SETLKW if !followed => Plan::Watch(Shown::No),
                _ => on_descriptor(followed),
            },
            #[cfg(target_arch = "x86_64")]
            libc::SYS_dup2 => Plan::Watch(self.if_either(key, call)),
            libc::SYS_dup3 | libc::SYS_sendfile | libc::SYS_splice | libc::SYS_tee => {
                Plan::Watch(self.if_either(key, call))
            }
            #[cfg(target_arch = "x86_64")]
            libc::SYS_poll | libc::SYS_select => Plan::Watch(self.if_any(key, call)),
            libc::SYS_ppoll | libc::SYS_pselect6 => Plan::Watch(self.if_any(key, call)),
            libc::SYS_io_uring_setup | libc::SYS_io_uring_enter | libc::SYS_io_uring_register
                if !self.settings.allow_io_uring =>
            {
                Plan::Answer(-i64::from(libc::ENOSYS), Shown::Yes, Some(REFUSED))
            }
            libc::SYS_socket if self.settings.lacks.contains(&(raw.args[0] as i32)) => {
                Plan::Answer(-i64::from(libc::EAFNOSUPPORT), Shown::Yes, None)
            }
            // fork(2), pthread_create(3): so says a system that has no room for another.
            _ if makes_task(raw) && self.has_all_tasks() => {
                Plan::Answer(-i64::from(libc::EAGAIN), Shown::Yes, Some(limits::TOO_MANY))
            }
            libc::SYS_kill | libc::SYS_tkill | libc::SYS_tgkill if self.signals_a_stranger(raw) => {
                Plan::Answer(-i64::from(libc::EPERM), Shown::Yes, Some(limits::STRANGER))
            }
            libc::SYS_sched_setaffinity | libc::SYS_sched_yield => Plan::Answer(0, Shown::No, None),
            libc::SYS_getrandom => Plan::Random,
            // What goes on after a signal is no call that is watched: that one is known in `enter`.
            libc::SYS_restart_syscall => Plan::Watch(Shown::No),
            libc::SYS_rt_sigaction => Plan::Watch(if sets_handler(raw, self.memory(key)) {
                Shown::Yes
            } else {
                Shown::No
            }),
            libc::SYS_setitimer if raw.args[0] as i32 == libc::ITIMER_REAL => {
                Plan::Watch(Shown::Yes)
            }
            libc::SYS_futex
            | libc::SYS_sched_getaffinity
            | libc::SYS_semop
            | libc::SYS_semtimedop
            | libc::SYS_msgrcv
            | libc::SYS_msgsnd
            | libc::SYS_flock
            | libc::SYS_mq_timedreceive
            | libc::SYS_mq_timedsend
            | libc::SYS_getitimer
            | libc::SYS_setitimer
            | libc::SYS_timer_create
            | libc::SYS_timer_settime
            | libc::SYS_timer_gettime
            | libc::SYS_timer_delete
            | libc::SYS_rt_sigqueueinfo
            | libc::SYS_rt_tgsigqueueinfo
            | libc::SYS_pidfd_send_signal
            | libc::SYS_semctl
            | libc::SYS_unshare => Plan::Watch(Shown::No),
            _ => Plan::Watch(Shown::Yes),
        }
    }

    /// Whether the call writes to the terminal that is the lab's own: its text is then taken from the
    /// call, so that a full terminal can never make a program wait.
    fn goes_to_terminal(&self, call: &InFlight) -> bool {
        let kind = call.open.map(|open| &self.descriptors.get(open).kind);
        self.settings.streams == Streams::Own && matches!(kind, Some(Kind::Stdout | Kind::Stderr))
    }

    /// Shown if either of its two descriptors is followed.
    fn if_either(&self, key: Key, call: &InFlight) -> Shown {
        let Some(thread) = self.threads.get(&key) else { return Shown::No };
        let second = match call.raw().nr as libc::c_long {
            libc::SYS_splice => 2,
            _ => 1,
        };
        let other = self.descriptors.lookup(thread.table, call.raw().args[second] as i32);
        if call.open.is_some() || other.is_some() { Shown::Yes } else { Shown::No }
    }

    /// Shown if it waits on anything that is followed, or on nothing at all (a sleep).
    fn if_any(&self, key: Key, call: &InFlight) -> Shown {
        let Some(thread) = self.threads.get(&key) else { return Shown::No };
        let (mut some, mut followed) = (false, false);
        call.call.clone().for_each_fd(&mut |fd, _| {
            some = true;
            followed |= self.descriptors.lookup(thread.table, fd).is_some();
        });
        if followed || !some { Shown::Yes } else { Shown::No }
    }

    /// A call that was interrupted by a signal and is now begun again by the kernel.
    fn begun_again(&mut self, key: Key, at: &AtCall) -> Option<InFlight> {
        let thread = self.threads.get_mut(&key)?;
        // Calls left behind by a jump out of the handler: their frames are gone.
        while thread.suspended.last().is_some_and(|call| call.at.sp < at.sp) {
            thread.suspended.pop();
        }
        if is_same(thread.suspended.last()?, at) { thread.suspended.pop() } else { None }
    }

    /// Enters the call with what the lab changes in it, and waits for its return.
    fn ask_kernel(
        &mut self,
        key: Key,
        stopped: Stopped,
        mut call: InFlight,
        changed: bool,
    ) -> Result<(), Gone> {
        if let Some(limit) = call.limit.filter(|_| changed) {
            let mut registers = stopped.registers()?;
            match limit.entered {
                Entered::WithArg(at, value) => registers.set_arg(at, value),
                Entered::AsPpoll => {
                    registers.set_number(libc::SYS_ppoll as u64);
                    (0..4).for_each(|at| registers.set_arg(at, 0));
                }
                Entered::Unchanged => {}
            }
            registers.write()?;
        }
        if let Some(Fault::Shorten(most)) = call.fault.filter(|_| changed) {
            let mut registers = stopped.registers()?;
            weather::shorten(&mut call, &mut registers, Tracee(stopped.tid()), most);
            registers.write()?;
        }
        let raw = call.raw();
        if raw.nr == libc::SYS_clone as u64 && raw.args[0] & UNTRACED != 0 {
            let mut registers = stopped.registers()?;
            registers.set_arg(0, raw.args[0] & !UNTRACED);
            registers.write()?;
        }
        let Some(thread) = self.threads.get_mut(&key) else { return Ok(()) };
        let ends = call.call.syscall == "exit" || call.call.syscall == "exit_group";
        if ends {
            self.emit(key, call, None, None);
            return stopped.resume(0);
        }
        thread.call = Some(call);
        stopped.resume_to_return()
    }

    /// Answers a call without the kernel. The thread goes on when it is chosen again.
    fn answer(
        &mut self,
        key: Key,
        stopped: Stopped,
        mut call: InFlight,
        result: i64,
        shown: Shown,
        note: Option<&'static str>,
    ) -> Result<(), Gone> {
        let mut registers = stopped.registers()?;
        registers.skip_call(result);
        registers.write()?;
        match result > 0 && self.is_print(&call) {
            true => self.count_print(),
            false => self.count(result > 0, shown),
        }
        if shown == Shown::Yes {
            decode::exit(&mut call.call, &call.at.raw, result, &Tracee(stopped.tid()));
            self.emit(key, call, Some(result), note);
            return self.hold(key, stopped);
        }
        stopped.resume(0)
    }

    /// Counts calls that lead nowhere, which end a run that spins.
    pub(super) fn count(&mut self, moved: bool, shown: Shown) {
        if moved && shown == Shown::Yes {
            self.idle_recorded = 0;
            self.moved_at = self.clock.now();
            self.count_print();
            return;
        }
        if !self.is_serial() {
            return;
        }
        let recorded = self.settings.limits.map_or(bounds::IDLE_RECORDED, |limits| limits.idle);
        let (counter, bound) = match shown {
            Shown::Yes => (&mut self.idle_recorded, recorded),
            _ => (&mut self.idle_hidden, bounds::IDLE_HIDDEN),
        };
        *counter += 1;
        if *counter > bound {
            let what = format!("{bound} calls in a row moved nothing: the program spins");
            self.stop.get_or_insert(crate::event::Reason::Limit { what });
        }
    }

    /// Something was printed. Whoever prints is at work, but on an ended stream that moves nothing: a spin that
    /// prints an empty line each time is a spin all the same.
    pub(super) fn count_print(&mut self) {
        (self.idle_hidden, self.idle_passed) = (0, 0);
        if std::mem::take(&mut self.has_fired) {
            self.forget_fires();
        }
    }

    /// Whether the call is about what the user sees.
    pub(super) fn is_print(&self, call: &InFlight) -> bool {
        let seen = |open| matches!(self.descriptors.get(open).kind, Kind::Stdout | Kind::Stderr);
        call.open.is_some_and(seen)
    }

    fn count_passed(&mut self) {
        if !self.is_serial() {
            return;
        }
        self.idle_passed += 1;
        if self.idle_passed > bounds::IDLE_PASSED {
            let what = format!(
                "{} calls in a row touched no socket: the program spins",
                bounds::IDLE_PASSED
            );
            self.stop.get_or_insert(crate::event::Reason::Limit { what });
        }
    }

    pub(super) fn memory(&self, key: Key) -> Tracee {
        Tracee(self.threads.get(&key).map_or(0, |thread| thread.tid))
    }

    /// The pid of the process that the thread belongs to.
    pub(super) fn process_of(&self, key: Key) -> i32 {
        self.threads.get(&key).map_or(0, |thread| self.processes[thread.process].pid)
    }

    /// Puts the same "random" bytes there in every run. `None`: the kernel is to judge the arguments.
    fn give_random(&mut self, key: Key, raw: &Raw) -> Option<i64> {
        const MOST: u64 = 1 << 20;
        let length = raw.args[1].min(MOST) as usize;
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend(self.random.draw().to_le_bytes());
        }
        bytes.truncate(length);
        self.memory(key).write(raw.args[0], &bytes).then_some(length as i64)
    }

    /// What a call's result or the tracee's memory must be changed in for the call to be asked as it should.
    fn prepare(&mut self, key: Key, call: &mut InFlight, memory: Tracee) {
        let raw = *call.raw();
        match raw.nr as libc::c_long {
            libc::SYS_connect
            | libc::SYS_bind
            | libc::SYS_listen
            | libc::SYS_sendto
            | libc::SYS_sendmsg
            | libc::SYS_sendmmsg
                if self.is_serial() && !self.settings.shared_ports =>
            {
                self.fix_port(key, call, &raw, memory);
            }
            libc::SYS_setsockopt if self.is_serial() => timers::borrow_socket_timeout(call, memory),
            libc::SYS_timerfd_settime if self.is_serial() => timers::borrow_timer(call, memory),
            // Nothing may escape the tracer.
            libc::SYS_clone3 => {
                if let Some(flags) = memory.bytes::<8>(raw.args[0])
                    && u64::from_le_bytes(flags) & UNTRACED != 0
                {
                    let traced = u64::from_le_bytes(flags) & !UNTRACED;
                    memory.write(raw.args[0], &traced.to_le_bytes());
                    call.borrowed.push((raw.args[0], flags.to_vec()));
                }
            }
            _ => {}
        }
    }

    /// Makes the kernel choose the next of our ports where it would choose one at random.
    fn fix_port(&mut self, key: Key, call: &InFlight, raw: &Raw, memory: Tracee) {
        let Some(open) = call.open else { return };
        let is_inet = |kind: &Kind| matches!(kind, Kind::Socket { domain, .. } if domain.starts_with("AF_INET"));
        let description = self.descriptors.get(open);
        if description.bound || !is_inet(&description.kind) {
            return;
        }
        // sin_port and sin6_port stand at the same place, in network byte order.
        let port_at = |addr: u64| memory.bytes(addr.wrapping_add(2)).map(u16::from_be_bytes);
        if raw.nr == libc::SYS_bind as u64 {
            let port = port_at(raw.args[1]);
            if let Some(port @ 1..) = port {
                self.bound_ports.insert(port);
                return;
            }
        }
        // A socket that dials the port that it is given would be connected to itself.
        let dialled = match raw.nr as libc::c_long {
            libc::SYS_connect => port_at(raw.args[1]),
            libc::SYS_sendto => port_at(raw.args[4]),
            _ => None,
        };
        let usable = |port: &u16| Some(*port) != dialled && !self.bound_ports.contains(port);
        let (before, after) = (super::LOWEST_PORT..self.next_port, self.next_port..=u16::MAX);
        let Some(port) = after.chain(before).find(usable) else { return };
        let (pid, fd) = (self.process_of(key), raw.args[0] as i32);
        if self.kernel.fix_port(pid, fd, port) {
            self.next_port = port.checked_add(1).unwrap_or(super::LOWEST_PORT);
        }
    }

    /// The time limit of a call, from its arguments or from its socket's options.
    fn limit_of(&self, call: &InFlight, memory: Tracee) -> Option<time_limits::TimeLimit> {
        let raw = call.raw();
        if let Some(limit) = time_limits::of(raw, memory, &self.clock) {
            return Some(limit);
        }
        let description = self.descriptors.get(call.open?);
        timers::socket_limit(raw, description, self.clock.now())
    }
}

/// Whether an interrupted call is the one that now begins again.
fn is_same(call: &InFlight, at: &AtCall) -> bool {
    let same = call.at.raw == at.raw && call.at.ip == at.ip;
    let restart = at.raw.nr == libc::SYS_restart_syscall as u64;
    call.at.sp == at.sp && (same || restart)
}

/// Whether the call only looks at a clock or a timer, which the lab answers and nobody records.
fn asks_the_clock(raw: &Raw) -> bool {
    match raw.nr as libc::c_long {
        libc::SYS_clock_gettime
        | libc::SYS_gettimeofday
        | libc::SYS_getitimer
        | libc::SYS_timer_settime
        | libc::SYS_timer_gettime => true,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_time => true,
        _ => false,
    }
}

/// Whether the call makes a thread or a process.
fn makes_task(raw: &Raw) -> bool {
    match raw.nr as libc::c_long {
        libc::SYS_clone | libc::SYS_clone3 => true,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_fork | libc::SYS_vfork => true,
        _ => false,
    }
}

/// Changes a new program so that nothing of it depends on the machine: the vDSO, through which it would read the
/// real clock without a call, and the 16 random bytes of its auxiliary vector. getauxval(3).
pub fn hide_machine(stopped: &Stopped, random: &mut Random) {
    const AT_IGNORE: u64 = 1;
    let memory = Tracee(stopped.tid());
    let Ok(sp) = stopped.registers().map(|registers| registers.sp()) else { return };
    // The new stack holds argc, argv, a null, envp, a null, then pairs.
    let word = |at: u64| memory.bytes(at).map(u64::from_le_bytes);
    let Some(argc) = word(sp) else { return };
    let mut at = sp + 8 * (argc + 2);
    const MOST: usize = 1 << 20;
    for _ in 0..MOST {
        match word(at) {
            Some(0) => break,
            Some(_) => at += 8,
            None => return,
        }
    }
    at += 8;
    for _ in 0..64 {
        let (Some(kind), Some(value)) = (word(at), word(at + 8)) else { return };
        match kind {
            0 => return,
            libc::AT_SYSINFO_EHDR => {
                memory.write(at, &AT_IGNORE.to_le_bytes());
            }
            libc::AT_RANDOM => {
                let bytes = [random.draw().to_le_bytes(), random.draw().to_le_bytes()].concat();
                memory.write(value, &bytes);
            }
            _ => {}
        }
        at += 16;
    }
}

/// The flag by which a new thread would not be traced.
const UNTRACED: u64 = libc::CLONE_UNTRACED as u64;

const REFUSED: &str = "refused by the lab: io_uring would hide the socket calls";
const FOREIGN: &str = "refused by the lab: a call through another architecture's table";

/// Which argument of the call is the descriptor that it is about.
fn descriptor_argument(raw: &Raw) -> Option<usize> {
    match raw.nr as libc::c_long {
        libc::SYS_read
        | libc::SYS_readv
        | libc::SYS_preadv2
        | libc::SYS_write
        | libc::SYS_writev
        | libc::SYS_pwritev2
        | libc::SYS_ioctl
        | libc::SYS_vmsplice
        | libc::SYS_dup
        | libc::SYS_dup3
        | libc::SYS_fcntl
        | libc::SYS_close
        | libc::SYS_sendfile
        | libc::SYS_splice
        | libc::SYS_tee
        | libc::SYS_epoll_ctl
        | libc::SYS_epoll_pwait
        | libc::SYS_epoll_pwait2
        | libc::SYS_timerfd_settime
        | libc::SYS_timerfd_gettime
        | libc::SYS_signalfd4 => Some(0),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_dup2 | libc::SYS_epoll_wait | libc::SYS_signalfd => Some(0),
        _ => is_socket_call(raw).then_some(0),
    }
}

fn is_write(raw: &Raw) -> bool {
    matches!(raw.nr as libc::c_long, libc::SYS_write | libc::SYS_writev)
}

/// Calls that only sockets answer.
fn is_socket_call(raw: &Raw) -> bool {
    matches!(
        raw.nr as libc::c_long,
        libc::SYS_bind
            | libc::SYS_connect
            | libc::SYS_listen
            | libc::SYS_accept
            | libc::SYS_accept4
            | libc::SYS_shutdown
            | libc::SYS_getsockname
            | libc::SYS_getpeername
            | libc::SYS_getsockopt
            | libc::SYS_setsockopt
            | libc::SYS_sendto
            | libc::SYS_sendmsg
            | libc::SYS_sendmmsg
            | libc::SYS_recvfrom
            | libc::SYS_recvmsg
            | libc::SYS_recvmmsg
    )
}

fn is_alarm(raw: &Raw) -> bool {
    #[cfg(target_arch = "x86_64")]
    if raw.nr == libc::SYS_alarm as u64 {
        return true;
    }
    raw.nr == libc::SYS_setitimer as u64
}

/// Whom the call can wake.
fn wakes(raw: &Raw) -> Wakes {
    match raw.nr as libc::c_long {
        libc::SYS_futex => Wakes::Futexes,
        libc::SYS_recvfrom | libc::SYS_recvmsg => Wakes::Senders,
        libc::SYS_socket
        | libc::SYS_getsockname
        | libc::SYS_getpeername
        | libc::SYS_getsockopt
        | libc::SYS_clock_gettime
        | libc::SYS_gettimeofday
        | libc::SYS_getrandom
        | libc::SYS_sched_getaffinity
        | libc::SYS_sched_yield
        | libc::SYS_nanosleep
        | libc::SYS_clock_nanosleep
        | libc::SYS_rt_sigaction => Wakes::Nobody,
        libc::SYS_exit
        | libc::SYS_exit_group
        | libc::SYS_execve
        | libc::SYS_execveat
        | libc::SYS_clone
        | libc::SYS_clone3
        | libc::SYS_kill
        | libc::SYS_tkill
        | libc::SYS_tgkill
        | libc::SYS_rt_sigqueueinfo
        | libc::SYS_rt_tgsigqueueinfo
        | libc::SYS_pidfd_send_signal => Wakes::All,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_fork | libc::SYS_vfork => Wakes::All,
        _ => Wakes::Descriptors,
    }
}

/// The length of what a write to the terminal gives; `None` if the kernel is to judge it.
fn output_length(raw: &Raw, memory: Tracee) -> Option<i64> {
    const MOST: u64 = 0x7fff_f000;
    const UIO_MAXIOV: u64 = 1024;
    let [_, addr, count, ..] = raw.args;
    let readable = |addr: u64, length: u64| {
        let last = addr.wrapping_add(length.wrapping_sub(1));
        length == 0 || [addr, last].iter().all(|&at| memory.bytes::<1>(at).is_some())
    };
    if raw.nr == libc::SYS_write as u64 {
        return (count <= MOST && readable(addr, count)).then_some(count as i64);
    }
    if count > UIO_MAXIOV {
        return None;
    }
    let mut length = 0u64;
    for at in 0..count {
        let iovec: [u8; 16] = memory.bytes(addr.wrapping_add(16 * at))?;
        let (base, piece) = iovec.split_at(8);
        let [base, piece] =
            [base, piece].map(|it| u64::from_le_bytes(it.try_into().unwrap_or_default()));
        length = length.checked_add(piece).filter(|&length| length <= MOST)?;
        if !readable(base, piece) {
            return None;
        }
    }
    Some(length as i64)
}

/// Whether rt_sigaction sets a function as handler, for a signal that no runtime claims for itself: 32 and 33 are
/// the C library's own, nptl(7). To ignore SIGCHLD does something as well: whoever ends is waited for by nobody.
fn sets_handler(raw: &Raw, memory: Tracee) -> bool {
    const IGNORED: u64 = libc::SIG_IGN as u64;
    let signal = raw.args[0] as i32;
    let handler = memory.bytes(raw.args[1]).map(u64::from_le_bytes);
    !matches!(signal, libc::SIGSEGV | libc::SIGBUS | 32 | 33)
        && handler.is_some_and(|handler| match handler {
            IGNORED => signal == libc::SIGCHLD,
            handler => handler > IGNORED,
        })
}
