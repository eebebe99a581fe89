//! A call has returned, a signal arrives, a thread dies: what that changes, and the events it makes.

use std::borrow::Cow;

use crate::decode::icmp::forget_identification;
use crate::decode::{self, Raw};
use crate::event::{Arg, Bytes, Event, Kind, SockAddr, SocketId, Value};

use super::descriptors::{Open, Table};
use super::handlers;
use super::memory::Tracee;
use super::netlink;
use super::proc::{self, Link};
use super::settle::Wakes;
use super::stop::{Gone, Stopped};
use super::tracees::{InFlight, Key, Shown, Thread};
use super::{Tracer, bounds};

/// The family of addresses whose name may be no text.
const AF_UNIX: u16 = libc::AF_UNIX as u16;

impl Tracer {
    /// The chosen thread stands at the return of its call. It goes on when it is chosen again.
    pub(super) fn leave(&mut self, key: Key, stopped: Stopped) -> Result<(), Gone> {
        let Some(mut call) = self.threads.get_mut(&key).and_then(|thread| thread.call.take())
        else {
            return stopped.resume(0);
        };
        if call.detour {
            return self.make_the_call_itself(key, stopped, call);
        }
        let result = stopped.returned()?;
        self.give_back(&mut call, &stopped, result)?;
        if handlers::is_interrupted(result) {
            call.interrupted = result;
            if let Some(thread) = self.threads.get_mut(&key) {
                thread.suspended.push(call);
            }
            return stopped.resume(0);
        }
        let memory = Tracee(stopped.tid());
        self.finish_times(&call, result, memory);
        let made = self.take_effect(key, &call, result, memory);
        let shown = match call.shown {
            Shown::IfBadDescriptor if result == -i64::from(libc::EBADF) => Shown::Yes,
            Shown::IfBadDescriptor => Shown::No,
            shown => shown,
        };
        // The ticks of a timer are time that passes.
        let ticks = call.open.is_some_and(|open| self.descriptors.get(open).kind == Kind::TimerFd);
        let moved = is_progress(&call, result) && !ticks && !self.sends_datagram(&call);
        // One that had to wait for its time is bounded by how often a timer fires.
        if result > 0 && self.is_print(&call) {
            self.count_print();
        } else if !(call.blocked && call.limit.is_some() && self.is_serial())
            || is_progress(&call, result)
        {
            self.count(moved, shown);
        }
        self.note_reuse(&call, result, memory);
        let told = self.result_in_weather(&mut call, result);
        if told != result {
            let mut registers = stopped.registers()?;
            registers.settle_result(told);
            registers.write()?;
        }
        let result = told;
        if shown != Shown::Yes {
            return stopped.resume(0);
        }
        decode::exit(&mut call.call, &call.at.raw, result, &memory);
        if let Some(protocol) = self.netlink_protocol(call.open) {
            decode::netlink(&mut call.call, &call.at.raw, result, protocol, &memory);
        }
        self.take_descriptors(key, &call, result);
        self.emit_made(key, call, Some(result), made, None);
        self.hold(key, stopped)
    }

    /// Whether a datagram goes out: it does so whether anybody is there or not, and again and again for those who ask for
    /// ever. That somebody takes it is what brings a run forward.
    fn sends_datagram(&self, call: &InFlight) -> bool {
        let is_datagram = |open: Open| {
            matches!(&self.descriptors.get(open).kind,
                Kind::Socket { type_, .. } if type_.contains("SOCK_DGRAM"))
        };
        let sends = matches!(
            call.raw().nr as libc::c_long,
            libc::SYS_write
                | libc::SYS_writev
                | libc::SYS_sendto
                | libc::SYS_sendmsg
                | libc::SYS_sendmmsg
        );
        sends && call.open.is_some_and(is_datagram)
    }

    /// Undoes what was changed in the arguments and the memory for the call.
    fn give_back(
        &mut self,
        call: &mut InFlight,
        stopped: &Stopped,
        result: i64,
    ) -> Result<(), Gone> {
        let memory = Tracee(stopped.tid());
        for (addr, bytes) in call.borrowed.drain(..) {
            memory.write(addr, &bytes);
        }
        if call.limit.is_none() && call.fault.is_none() {
            return Ok(());
        }
        let mut registers = stopped.registers()?;
        let raw = call.at.raw;
        // On aarch64 argument 0 shares the result's register.
        let first = if cfg!(target_arch = "aarch64") { 1 } else { 0 };
        (first..6).for_each(|at| registers.set_arg(at, raw.args[at]));
        if handlers::is_interrupted(result) {
            registers.set_number(raw.nr);
        }
        Ok(registers.write()?)
    }

    /// The chosen thread stands before the delivery of a signal.
    pub(super) fn deliver(&mut self, key: Key, stopped: Stopped, signal: i32) -> Result<(), Gone> {
        self.note_wakes(Wakes::All);
        let name = decode::signal_name(signal);
        let args = vec![named("signum", signal as u64, &name)];
        self.emit_bare(key, "signal", args);
        let Some(thread) = self.threads.get_mut(&key) else { return Ok(()) };
        let process = &mut self.processes[thread.process];
        let interrupted = thread.suspended.last().map_or(0, |call| call.interrupted);
        let eintr = interrupted != 0 && process.handlers.gives_eintr(signal, interrupted);
        // The first signal that has a handler decides; what comes after it interrupts the handler.
        let decided = process.handlers.catches(signal);
        process.handlers.delivered(signal);
        if eintr && let Some(call) = thread.suspended.pop() {
            self.ended_by_signal(key, call, stopped.tid());
        } else if decided && let Some(call) = thread.suspended.last_mut() {
            call.interrupted = handlers::BEGUN_AGAIN;
        }
        stopped.resume(signal)
    }

    /// An interrupted call will return EINTR once the handler has run.
    fn ended_by_signal(&mut self, key: Key, mut call: InFlight, tid: i32) {
        let result = -i64::from(libc::EINTR);
        if let Some(limit) = call.limit
            && let Some((addr, unit)) = limit.remaining
        {
            Tracee(tid).put_time(addr, limit.deadline.saturating_sub(self.clock.now()), unit);
        }
        if call.shown == Shown::Yes {
            decode::exit(&mut call.call, &call.at.raw, result, &Tracee(tid));
            self.emit(key, call, Some(result), None);
        }
    }

    /// A thread has died: what it was doing never returned.
    pub(super) fn tell_death(&mut self, mut thread: Thread, signal: Option<i32>) {
        let key = (thread.role, thread.number);
        let call = thread.call.take().or_else(|| thread.suspended.pop());
        if let Some(call) = call.filter(|call| call.shown == Shown::Yes) {
            let event = self.event(&thread, call, None, None, None);
            self.out.push_back(Box::new(event));
        }
        let is_last = self.threads.values().all(|other| other.process != thread.process);
        let waits_for_more = self.processes[thread.process].alive;
        if let Some(signal) = signal.filter(|_| is_last && !waits_for_more) {
            let leader = self.processes[thread.process].pid == thread.tid;
            if leader {
                let name = decode::signal_name(signal);
                let args = vec![named("signum", signal as u64, &name)];
                let event = self.bare(key, &thread, "killed", args);
                self.out.push_back(Box::new(event));
            }
        }
    }

    fn emit_bare(&mut self, key: Key, call: &'static str, args: Vec<Arg>) {
        let Some(thread) = self.threads.remove(&key) else { return };
        let event = self.bare(key, &thread, call, args);
        self.threads.insert(key, thread);
        self.out.push_back(Box::new(event));
    }

    /// An event that is no call.
    fn bare(&mut self, key: Key, thread: &Thread, call: &'static str, args: Vec<Arg>) -> Event {
        self.seq += 1;
        Event {
            seq: self.seq,
            role: self.roles[key.0].name.clone(),
            process: self.processes[thread.process].number,
            thread: thread.number,
            call: Cow::Borrowed(call),
            syscall: Cow::Borrowed(""),
            args,
            ret: None,
            errno: None,
            socket: None,
            made: None,
            bytes: None,
            state: None,
            blocked: false,
            since: None,
            source: None,
            note: None,
            pid: self.processes[thread.process].pid,
            tid: thread.tid,
            at: self.elapsed(),
        }
    }

    /// Makes a call's event.
    pub(super) fn emit(
        &mut self,
        key: Key,
        call: InFlight,
        result: Option<i64>,
        note: Option<&'static str>,
    ) {
        self.emit_made(key, call, result, None, note);
    }

    fn emit_made(
        &mut self,
        key: Key,
        call: InFlight,
        result: Option<i64>,
        made: Option<Open>,
        note: Option<&'static str>,
    ) {
        let Some(thread) = self.threads.remove(&key) else { return };
        let event = self.event(&thread, call, result, made, note);
        self.threads.insert(key, thread);
        self.out.push_back(Box::new(event));
        let most = self.settings.limits.map_or(bounds::EVENTS, |limits| limits.events);
        if self.is_serial() && self.seq >= most {
            self.end_for(format!("{most} events were recorded"));
        }
    }

    pub(super) fn event(
        &mut self,
        thread: &Thread,
        mut call: InFlight,
        result: Option<i64>,
        made: Option<Open>,
        note: Option<&'static str>,
    ) -> Event {
        let key = (thread.role, thread.number);
        let overtaken = !self.is_serial() && call.since < self.seq;
        let blocked = call.blocked || overtaken;
        // The object of the call comes first into the numbering, then what its arguments name.
        let socket = call.open.map(|open| self.descriptors.id(open));
        let made_id = made.map(|made| self.descriptors.id(made));
        self.name_descriptors(thread.table, &mut call, socket);
        let mut args = std::mem::take(&mut call.call.args);
        args.iter_mut().for_each(|arg| self.number_processes(&mut arg.value));
        let errno =
            result.filter(|&result| result < 0).map(|result| decode::errno_name(-result as i32));
        let ret = match (result, &errno) {
            (Some(_), Some(_)) => Some(-1),
            (Some(result), None) => Some(self.public_result(call.raw(), thread, result)),
            (None, _) => None,
        };
        let mut moved = call.call.moved.filter(|moved| moved.len > 0 || ret == Some(0));
        if call.open.is_some_and(|open| self.descriptors.get(open).kind.is_raw()) {
            let mut forget = |bytes: &mut Bytes| forget_identification(&mut bytes.data);
            args.iter_mut().for_each(|arg| each_buffer(&mut arg.value, &mut forget));
            moved.iter_mut().for_each(forget);
        }
        self.ration(&mut args, &mut moved);
        let mut event = self.bare(key, thread, "", args);
        event.call = call.call.name;
        event.syscall = call.call.syscall;
        event.ret = ret;
        event.errno = errno;
        event.socket = socket.or(made_id);
        event.made = made_id;
        event.bytes = moved;
        event.blocked = blocked;
        event.since = blocked.then_some(call.since);
        event.source = call.source;
        event.note = note.map(Cow::Borrowed).or(call.note);
        event
    }

    /// A call that has not returned, as the event that it would be: nothing is recorded, and no number is used up.
    pub(super) fn previewed(&mut self, thread: &Thread, call: &InFlight) -> Event {
        let (seq, kept) = (self.seq, self.kept);
        let begun = InFlight {
            shown: call.shown,
            note: call.note.clone(),
            blocked: call.blocked,
            ..InFlight::new(call.at, call.call.clone(), call.open, call.since)
        };
        let event = self.event(thread, begun, None, None, None);
        (self.seq, self.kept) = (seq, kept);
        event
    }

    /// Keeps a long run's recording from growing without end: once [`bounds::BYTES`] of data are in it, only the
    /// lengths of what follows are kept.
    fn ration(&mut self, args: &mut [Arg], moved: &mut Option<Bytes>) {
        let mut kept = 0;
        let mut each = |bytes: &mut Bytes| {
            if self.kept >= bounds::BYTES {
                bytes.data = Vec::new();
            }
            kept += bytes.data.len() as u64;
        };
        args.iter_mut().for_each(|arg| each_buffer(&mut arg.value, &mut each));
        moved.iter_mut().for_each(each);
        self.kept += kept;
    }

    /// Gives every descriptor among the arguments the id of what it referred to.
    fn name_descriptors(&mut self, table: Table, call: &mut InFlight, first: Option<SocketId>) {
        let own = call.call.args.first().and_then(|arg| match arg.value {
            Value::Fd { value, .. } => Some(value),
            _ => None,
        });
        let descriptors = &mut self.descriptors;
        call.call.for_each_fd(&mut |fd, socket| {
            if socket.is_some() {
                return;
            }
            // The first one may be closed by the call itself.
            *socket = match descriptors.lookup(table, fd) {
                _ if Some(fd) == own && first.is_some() => first,
                Some(open) => Some(descriptors.id(open)),
                None => None,
            };
        });
    }

    /// Pids become the numbers of processes within the role; 0 for a stranger.
    fn number_processes(&self, value: &mut Value) {
        match value {
            Value::Process { value: pid } if (*pid as i32) <= 0 => {
                *value = Value::Int { value: i64::from(*pid as i32) };
            }
            Value::Process { value: pid } => *pid = self.number_of(*pid as i32),
            Value::List { items } => items.iter_mut().for_each(|item| self.number_processes(item)),
            Value::Struct { fields } => {
                fields.iter_mut().for_each(|field| self.number_processes(&mut field.value));
            }
            _ => {}
        }
    }

    /// The number of a process, alive or gone; the latest with this pid counts.
    fn number_of(&self, pid: i32) -> u32 {
        let process = self.processes.iter().rev().find(|process| process.pid == pid);
        let thread = || self.by_tid.get(&pid).map(|key| key.1);
        process.map(|process| process.number).or_else(thread).unwrap_or(0)
    }

    /// The result as a recording has it: a new thread's or process's number instead of its pid.
    fn public_result(&self, raw: &Raw, thread: &Thread, result: i64) -> i64 {
        let makes = match raw.nr as libc::c_long {
            libc::SYS_clone | libc::SYS_clone3 | libc::SYS_wait4 => true,
            #[cfg(target_arch = "x86_64")]
            libc::SYS_fork | libc::SYS_vfork => true,
            _ => false,
        };
        if !makes || result <= 0 {
            return result;
        }
        let tid = result as i32;
        match self.by_tid.get(&tid).and_then(|key| self.threads.get(key)) {
            Some(other) if other.process == thread.process => i64::from(other.number),
            _ => i64::from(self.number_of(tid)),
        }
    }

    /// What a successful call changes in the tables; gives what its result refers to.
    fn take_effect(
        &mut self,
        key: Key,
        call: &InFlight,
        result: i64,
        memory: Tracee,
    ) -> Option<Open> {
        let raw = *call.raw();
        let args = raw.args;
        let thread = self.threads.get(&key)?;
        let (table, tid) = (thread.table, thread.tid);
        let in_progress = result == -i64::from(libc::EINPROGRESS);
        if result < 0 && !in_progress {
            return None;
        }
        let fd = result as i32;
        match raw.nr as libc::c_long {
            libc::SYS_socket => {
                let kind = socket_kind(args[0] as i32, args[1] as i32, args[2] as i32);
                Some(self.make(key, kind, tid, table, fd))
            }
            libc::SYS_accept | libc::SYS_accept4 => Some(self.accepted(key, call, tid, table, fd)),
            libc::SYS_connect => {
                let open = call.open?;
                self.descriptors.get_mut(open).bound = true;
                self.learn_endpoints(open, self.process_of(key), args[0] as i32);
                None
            }
            libc::SYS_bind | libc::SYS_sendto | libc::SYS_sendmsg | libc::SYS_sendmmsg => {
                self.descriptors.get_mut(call.open?).bound = true;
                None
            }
            libc::SYS_listen => {
                let open = call.open?;
                let endpoints = self.kernel.endpoints(self.process_of(key), args[0] as i32);
                let description = self.descriptors.get_mut(open);
                (description.listens, description.bound) = (true, true);
                description.endpoints = endpoints;
                None
            }
            libc::SYS_socketpair => {
                let kind = socket_kind(args[0] as i32, args[1] as i32, args[2] as i32);
                let [one, two] = two_numbers(memory, args[3])?;
                let one = self.make(key, kind.clone(), tid, table, one);
                let two = self.make(key, kind, tid, table, two);
                self.join(one, two);
                None
            }
            libc::SYS_pipe2 => self.made_pipe(key, tid, table, memory, args[0]),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_pipe => self.made_pipe(key, tid, table, memory, args[0]),
            libc::SYS_eventfd2 => Some(self.make(key, Kind::EventFd, tid, table, fd)),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_eventfd => Some(self.make(key, Kind::EventFd, tid, table, fd)),
            libc::SYS_timerfd_create => {
                let open = self.make(key, Kind::TimerFd, tid, table, fd);
                self.descriptors.get_mut(open).timer_clock = args[0] as i32;
                Some(open)
            }
            libc::SYS_epoll_ctl => {
                let target = self.descriptors.lookup(table, args[2] as i32)?;
                let watched = &mut self.descriptors.get_mut(call.open?).watched;
                watched.retain(|&open| open != target);
                if args[1] as i32 != libc::EPOLL_CTL_DEL {
                    watched.push(target);
                    // struct epoll_event begins with the events.
                    let events = memory.bytes(args[3]).map_or(0, u32::from_le_bytes);
                    self.descriptors.get_mut(target).edge_triggered |=
                        events & libc::EPOLLET as u32 != 0;
                }
                None
            }
            libc::SYS_epoll_create1 => Some(self.make(key, Kind::Epoll, tid, table, fd)),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_epoll_create => Some(self.make(key, Kind::Epoll, tid, table, fd)),
            libc::SYS_signalfd4 if args[0] as i32 == -1 => {
                Some(self.make(key, Kind::SignalFd, tid, table, fd))
            }
            #[cfg(target_arch = "x86_64")]
            libc::SYS_signalfd if args[0] as i32 == -1 => {
                Some(self.make(key, Kind::SignalFd, tid, table, fd))
            }
            libc::SYS_dup | libc::SYS_dup3 => self.duplicated(table, args[0] as i32, fd),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_dup2 => self.duplicated(table, args[0] as i32, fd),
            libc::SYS_fcntl if matches!(args[1] as i32, libc::F_DUPFD | libc::F_DUPFD_CLOEXEC) => {
                self.duplicated(table, args[0] as i32, fd)
            }
            libc::SYS_close_range => {
                self.closed_range(key, args);
                None
            }
            libc::SYS_pidfd_getfd => self.adopt(key, tid, table, fd),
            libc::SYS_unshare if args[0] as i32 & libc::CLONE_FILES != 0 => {
                self.unshare_table(key);
                None
            }
            libc::SYS_rt_sigaction => {
                // struct kernel_sigaction begins with the handler and the flags.
                if let Some(action) = memory.bytes::<16>(args[1]) {
                    let (handler, flags) = action.split_at(8);
                    let [handler, flags] = [handler, flags]
                        .map(|it| u64::from_le_bytes(it.try_into().unwrap_or_default()));
                    let process = self.threads.get(&key)?.process;
                    self.processes[process].handlers.set(args[0] as i32, handler, flags);
                }
                None
            }
            libc::SYS_setitimer | libc::SYS_timer_settime => {
                self.note_real_timer(key, &raw, memory);
                None
            }
            #[cfg(target_arch = "x86_64")]
            libc::SYS_alarm => {
                self.note_real_timer(key, &raw, memory);
                None
            }
            libc::SYS_timer_create => {
                self.made_timer(key, call, memory);
                None
            }
            libc::SYS_timer_delete => {
                self.deleted_timer(key, args[0] as i32);
                None
            }
            libc::SYS_sched_getaffinity => {
                self.show_affinity(memory, args[2], result);
                None
            }
            _ => None,
        }
    }

    /// A new description behind `fd`.
    fn make(&mut self, key: Key, kind: Kind, tid: i32, table: Table, fd: i32) -> Open {
        let role = self.roles[key.0].name.clone();
        let open = self.descriptors.open(kind, &role);
        self.descriptors.get_mut(open).inode = match proc::link(tid, fd) {
            Some(Link::Socket(inode) | Link::Pipe(inode)) => Some(inode),
            _ => None,
        };
        self.descriptors.set(table, fd, open);
        open
    }

    fn made_pipe(
        &mut self,
        key: Key,
        tid: i32,
        table: Table,
        memory: Tracee,
        addr: u64,
    ) -> Option<Open> {
        let [read, write] = two_numbers(memory, addr)?;
        let read = self.make(key, Kind::PipeRead, tid, table, read);
        let write = self.make(key, Kind::PipeWrite, tid, table, write);
        self.join(read, write);
        None
    }

    fn duplicated(&mut self, table: Table, from: i32, fd: i32) -> Option<Open> {
        self.descriptors.duplicate(table, from, fd);
        self.descriptors.lookup(table, fd)
    }

    fn accepted(&mut self, key: Key, call: &InFlight, tid: i32, table: Table, fd: i32) -> Open {
        let kind = call.open.map_or(Kind::Unknown, |open| self.descriptors.get(open).kind.clone());
        let open = self.make(key, kind, tid, table, fd);
        // The socket options of the listener are inherited.
        let options = call.open.map(|listener| {
            let listener = self.descriptors.get(listener);
            (listener.receive_timeout, listener.send_timeout, listener.reuse)
        });
        let description = self.descriptors.get_mut(open);
        (description.accepted_from, description.bound) = (call.open, true);
        if let Some((receive, send, reuse)) = options {
            (description.receive_timeout, description.send_timeout) = (receive, send);
            description.reuse = reuse;
        }
        self.learn_endpoints(open, self.process_of(key), fd);
        open
    }

    /// Finds the other end of a connection among the sockets of this run.
    fn learn_endpoints(&mut self, open: Open, pid: i32, fd: i32) {
        if let Some((local, remote)) = self.kernel.endpoints(pid, fd) {
            self.set_endpoints(open, local, remote);
        }
    }

    pub(super) fn set_endpoints(&mut self, open: Open, local: SockAddr, remote: SockAddr) {
        let found = match &local {
            SockAddr::Unix { .. }
            | SockAddr::Abstract { .. }
            | SockAddr::Other { number: AF_UNIX, .. } => {
                let inode = self.descriptors.get(open).inode;
                let peer = inode.and_then(|inode| self.kernel.unix_peer(inode));
                peer.and_then(|peer| self.descriptors.by_inode(peer, |_| true))
            }
            _ => self
                .descriptors
                .iter()
                .find(|(other, it)| {
                    let reversed = it
                        .endpoints
                        .as_ref()
                        .is_some_and(|(a, b)| a.is_same(&remote) && b.is_same(&local));
                    *other != open && reversed
                })
                .map(|(other, _)| other),
        };
        self.descriptors.get_mut(open).endpoints = Some((local, remote));
        if let Some(peer) = found {
            self.join(open, peer);
        }
    }

    fn join(&mut self, one: Open, two: Open) {
        self.descriptors.get_mut(one).peer = Some(two);
        self.descriptors.get_mut(two).peer = Some(one);
    }

    fn closed_range(&mut self, key: Key, args: [u64; 6]) {
        const CLOSE_RANGE_UNSHARE: u64 = 2;
        const CLOSE_RANGE_CLOEXEC: u64 = 4;
        if args[2] & CLOSE_RANGE_UNSHARE != 0 {
            self.unshare_table(key);
        }
        if args[2] & CLOSE_RANGE_CLOEXEC != 0 {
            return;
        }
        let Some(table) = self.threads.get(&key).map(|thread| thread.table) else { return };
        let range = args[0] as u32..=args[1] as u32;
        for fd in self.descriptors.numbers(table) {
            if range.contains(&(fd as u32)) {
                self.descriptors.close(table, fd);
            }
        }
    }

    fn unshare_table(&mut self, key: Key) {
        let Some(shared) = self.threads.get(&key).map(|thread| thread.table) else { return };
        let own = self.descriptors.copy(shared);
        self.descriptors.leave(shared);
        if let Some(thread) = self.threads.get_mut(&key) {
            thread.table = own;
        }
    }

    /// Descriptors that came with this call's messages (SCM_RIGHTS).
    fn take_descriptors(&mut self, key: Key, call: &InFlight, result: i64) {
        let receives =
            matches!(call.raw().nr as libc::c_long, libc::SYS_recvmsg | libc::SYS_recvmmsg);
        let Some(thread) = self.threads.get(&key).filter(|_| receives && result >= 0) else {
            return;
        };
        let (table, tid) = (thread.table, thread.tid);
        let mut numbers = Vec::new();
        for arg in call.call.args.iter().skip(1) {
            collect_descriptors(&arg.value, &mut numbers);
        }
        for fd in numbers {
            self.adopt(key, tid, table, fd);
        }
    }

    /// Finds out what a descriptor is that came from elsewhere: known by its inode, or new to us.
    pub(super) fn adopt(&mut self, key: Key, tid: i32, table: Table, fd: i32) -> Option<Open> {
        let (inode, kind) = match proc::link(tid, fd)? {
            Link::Socket(inode) => (Some(inode), None),
            Link::Pipe(inode) if proc::is_writing_end(tid, fd) => {
                (Some(inode), Some(Kind::PipeWrite))
            }
            Link::Pipe(inode) => (Some(inode), Some(Kind::PipeRead)),
            Link::Anonymous(name) => (
                None,
                Some(match name.as_str() {
                    "eventfd" => Kind::EventFd,
                    "timerfd" => Kind::TimerFd,
                    "signalfd" => Kind::SignalFd,
                    "eventpoll" => Kind::Epoll,
                    _ => return None,
                }),
            ),
            Link::Other => {
                self.descriptors.close(table, fd);
                return None;
            }
        };
        let known = inode.and_then(|inode| {
            self.descriptors.by_inode(inode, |it| match &kind {
                Some(kind) => it == kind,
                None => matches!(it, Kind::Socket { .. } | Kind::Unknown),
            })
        });
        let open = known.unwrap_or_else(|| {
            let kind = kind.unwrap_or_else(|| match self.kernel.kind(self.process_of(key), fd) {
                Some((domain, type_, protocol)) => socket_kind(domain, type_, protocol),
                None => Kind::Unknown,
            });
            let role = self.roles[key.0].name.clone();
            let other_end = match kind {
                Kind::PipeRead => Some(Kind::PipeWrite),
                Kind::PipeWrite => Some(Kind::PipeRead),
                _ => None,
            };
            let open = self.descriptors.open(kind, &role);
            self.descriptors.get_mut(open).inode = inode;
            let is_other = |kind: &Kind| other_end.as_ref() == Some(kind);
            if let Some(other) = inode.and_then(|it| self.descriptors.by_inode(it, is_other)) {
                self.join(open, other);
            }
            open
        });
        self.descriptors.set(table, fd, open);
        Some(open)
    }

    /// What the program would be told without the lab, which keeps it on one processor.
    fn show_affinity(&self, memory: Tracee, addr: u64, length: i64) {
        let bytes = self.processors.as_bytes();
        memory.write(addr, &bytes[..(length.max(0) as usize).min(bytes.len())]);
    }

    /// Times as the program is to see them, where the kernel was told something else.
    fn finish_times(&mut self, call: &InFlight, result: i64, memory: Tracee) {
        if let Some(limit) = call.limit
            && let Some((addr, unit)) = limit.remaining
            && !limit.remaining_on_eintr
        {
            memory.put_time(addr, limit.deadline.saturating_sub(self.clock.now()), unit);
        }
        if result >= 0 && self.is_serial() {
            self.note_options(call, memory);
            if self.netlink_protocol(call.open) == Some("NETLINK_ROUTE") {
                netlink::forget_stamps(call.raw(), result, memory);
            }
        }
    }

    /// The part of the kernel that a call talks to, if it is on a netlink socket.
    fn netlink_protocol(&self, open: Option<Open>) -> Option<&str> {
        match &self.descriptors.get(open?).kind {
            Kind::Socket { domain, protocol, .. } if domain == "AF_NETLINK" => Some(protocol),
            _ => None,
        }
    }
}

/// Whether the call brought the run forward; a program that makes none of these for long spins.
fn is_progress(call: &InFlight, result: i64) -> bool {
    let moves = call.call.moved.is_some();
    match call.raw().nr as libc::c_long {
        _ if result < 0 => false,
        libc::SYS_ppoll | libc::SYS_pselect6 | libc::SYS_epoll_pwait | libc::SYS_epoll_pwait2 => {
            false
        }
        #[cfg(target_arch = "x86_64")]
        libc::SYS_poll | libc::SYS_select | libc::SYS_epoll_wait => false,
        // A program that executes itself is where it began.
        libc::SYS_execve
        | libc::SYS_execveat
        | libc::SYS_nanosleep
        | libc::SYS_clock_nanosleep
        | libc::SYS_getsockopt
        | libc::SYS_getsockname
        | libc::SYS_getpeername
        | libc::SYS_ioctl
        | libc::SYS_fcntl
        | libc::SYS_timerfd_gettime => false,
        libc::SYS_read
        | libc::SYS_readv
        | libc::SYS_recvfrom
        | libc::SYS_recvmsg
        | libc::SYS_recvmmsg
        | libc::SYS_write
        | libc::SYS_writev
        | libc::SYS_sendto
        | libc::SYS_sendmsg
        | libc::SYS_sendmmsg
        | libc::SYS_sendfile
        | libc::SYS_splice
        | libc::SYS_wait4 => result > 0 || moves,
        _ => true,
    }
}

pub(super) fn socket_kind(domain: i32, type_: i32, protocol: i32) -> Kind {
    Kind::Socket {
        domain: decode::socket_domain(domain).into_owned(),
        type_: decode::socket_type(type_).into_owned(),
        protocol: decode::socket_protocol(domain, type_, protocol).into_owned(),
    }
}

fn two_numbers(memory: Tracee, addr: u64) -> Option<[i32; 2]> {
    let bytes: [u8; 8] = memory.bytes(addr)?;
    let (one, two) = bytes.split_at(4);
    Some([one, two].map(|it| i32::from_le_bytes(it.try_into().unwrap_or_default())))
}

fn collect_descriptors(value: &Value, numbers: &mut Vec<i32>) {
    match value {
        Value::Fd { value, .. } => numbers.push(*value),
        Value::List { items } => items.iter().for_each(|item| collect_descriptors(item, numbers)),
        Value::Struct { fields } => {
            fields.iter().for_each(|field| collect_descriptors(&field.value, numbers));
        }
        _ => {}
    }
}

fn each_buffer(value: &mut Value, f: &mut impl FnMut(&mut Bytes)) {
    match value {
        Value::Bytes(bytes) => f(bytes),
        Value::List { items } => items.iter_mut().for_each(|item| each_buffer(item, f)),
        Value::Struct { fields } => {
            fields.iter_mut().for_each(|field| each_buffer(&mut field.value, f))
        }
        _ => {}
    }
}

fn named(name: &'static str, value: u64, text: &str) -> Arg {
    Arg { name: Cow::Borrowed(name), value: Value::Named { value, text: text.to_string() } }
}
