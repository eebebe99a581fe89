//! Virtual time: the answers to questions about it, and what happens when it passes.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::decode::Raw;
use crate::error::Result;
use crate::event::{Kind, Reason};

use super::descriptors::{Description, Open, Timer};
use super::handlers;
use super::memory::Tracee;
use super::settle::{self, Wakes};
use super::stop::{self, AtCall, Status, Stopped, Why};
use super::time_limits::{self, Entered, TimeLimit};
use super::tracees::{Held, InFlight, Key, Thread};
use super::{Tracer, bounds};

/// Something that time brings about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A call's limit.
    Call(Key),
    /// The alarm of a process (SIGALRM).
    Alarm(usize),
    /// A timer of a process, by its id.
    Timer(usize, i32),
    /// A timerfd.
    Descriptor(Open),
}

impl Tracer {
    /// Lets the earliest timer fire, at once. False if there is none, or if those that there are have
    /// fired many times with nothing else happening.
    pub fn advance(&mut self) -> Result<bool> {
        Ok(self.fire_earliest()? || self.await_handshake())
    }

    /// Lets the earliest timer fire; false if there is none.
    pub(super) fn fire_earliest(&mut self) -> Result<bool> {
        let Some((deadline, due)) = self.earliest() else { return Ok(false) };
        self.clock.jump(deadline);
        self.has_fired = true;
        if !matches!(due, Due::Call(_)) {
            self.note_wakes(Wakes::All);
        }
        match due {
            // It is interrupted and stands at its return: nobody else notices.
            Due::Call(key) => self.expire_call(key),
            Due::Alarm(process) => {
                let process = &mut self.processes[process];
                process.alarm_fires += 1;
                process.alarm = process.alarm.and_then(|alarm| alarm.again(deadline));
                // SAFETY: kill(2) takes plain numbers; the process is a living tracee of ours.
                unsafe { libc::kill(process.pid, libc::SIGALRM) };
            }
            Due::Timer(process, id) => self.expire_timer(process, id, deadline),
            Due::Descriptor(open) => {
                let timer = self.descriptors.get(open).timer;
                let description = self.descriptors.get_mut(open);
                description.timer_fires += 1;
                description.timer = timer.and_then(|timer| timer.again(deadline));
                if let Some((pid, fd)) = self.holder(open)
                    && let Err(errno @ (Errno::EPERM | Errno::ENOSYS)) = self.kernel.expire(pid, fd)
                {
                    let what = Reason::NO_TIMERFD;
                    self.end_for(format!("{what}: pidfd_getfd gives {errno:?}; see `lab doctor`"));
                }
            }
        }
        Ok(true)
    }

    /// Something has moved: what fires from now on fires for the first time.
    pub(super) fn forget_fires(&mut self) {
        self.threads.values_mut().for_each(|thread| thread.idle_fires = 0);
        for process in &mut self.processes {
            process.alarm_fires = 0;
            process.timers.values_mut().for_each(|timer| timer.fires = 0);
        }
        self.descriptors.iter_mut().for_each(|description| description.timer_fires = 0);
    }

    /// How often one timer may fire with nothing else happening. A server that looks after its house now and
    /// then has nothing to come to; a program that only sleeps a thousand times has.
    pub(super) fn most_fires(&self) -> u32 {
        let many = |fires: u32| fires >= bounds::IDLE_TIMERS;
        let in_question = self.threads.values().any(|thread| many(thread.idle_fires))
            || self.processes.iter().any(|process| {
                many(process.alarm_fires) || process.timers.values().any(|timer| many(timer.fires))
            })
            || self.descriptors.iter().any(|(_, description)| many(description.timer_fires));
        if in_question && !self.somebody_waits_for_the_world() {
            bounds::IDLE_SLEEPS
        } else {
            bounds::IDLE_TIMERS
        }
    }

    /// Whether so much time has passed with nothing else happening that more of it will not change that.
    pub(super) fn has_idled(&self) -> bool {
        self.clock.now().saturating_sub(self.moved_at) > bounds::IDLE_TIME
    }

    /// When the earliest timer is due, in virtual time.
    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.earliest().map(|(deadline, _)| deadline)
    }

    fn earliest(&self) -> Option<(u64, Due)> {
        if self.has_idled() {
            return None;
        }
        let most = self.most_fires();
        let calls = self.threads.iter().filter_map(|(&key, thread)| {
            let call = thread.call.as_ref().filter(|call| call.blocked && thread.held.is_none())?;
            let fires = thread.idle_fires < most && !thread.listening;
            let limit = call.limit.filter(|_| fires)?;
            Some((limit.deadline, Due::Call(key)))
        });
        let alarms = self.processes.iter().enumerate().filter_map(|(at, process)| {
            let fires = process.alive && process.alarm_fires < most;
            Some((process.alarm.filter(|_| fires)?.deadline, Due::Alarm(at)))
        });
        let descriptors = self.descriptors.iter().filter_map(|(open, description)| {
            let fires = description.timer_fires < most;
            let timer = description.timer.filter(|_| fires && self.holder(open).is_some())?;
            Some((timer.deadline, Due::Descriptor(open)))
        });
        let timers = self.processes.iter().enumerate().flat_map(|(at, process)| {
            let armed = process.timers.iter().filter(|(_, it)| process.alive && it.fires < most);
            armed.filter_map(move |(&id, it)| Some((it.timer?.deadline, Due::Timer(at, id))))
        });
        calls.chain(alarms).chain(timers).chain(descriptors).min()
    }

    /// Whether the thread's wait will end when its time is up, where time is real.
    pub(super) fn ends_by_itself(&self, thread: &Thread) -> bool {
        let process = &self.processes[thread.process];
        if process.rings_until.is_some_and(|until| Instant::now() < until) {
            return true;
        }
        // The free schedule does not stop at futexes.
        let Some(call) = &thread.call else { return thread.sleep.is_for_a_time() };
        let limits = call.open.map(|open| self.descriptors.get(open));
        time_limits::of(call.raw(), Tracee(thread.tid), &self.clock).is_some()
            || limits.is_some_and(|limits| socket_limit(call.raw(), limits, 0).is_some())
            || matches!(call.raw().nr as libc::c_long, libc::SYS_restart_syscall)
    }

    /// setitimer, alarm or timer_settime has succeeded where time is real: a signal may come.
    pub(super) fn note_real_timer(&mut self, key: Key, raw: &Raw, memory: Tracee) {
        const TIMER_ABSTIME: u64 = 1;
        const LONG: Duration = Duration::from_secs(86_400 * 365);
        let args = raw.args;
        let times = |addr: u64, unit: i64| {
            let again = memory.time(addr, unit)? > 0;
            Some((memory.time(addr + 16, unit)?, again))
        };
        let set = match raw.nr as libc::c_long {
            libc::SYS_setitimer => times(args[1], 1_000),
            libc::SYS_timer_settime => {
                times(args[2], 1).map(|(wait, again)| (wait, again || args[1] & TIMER_ABSTIME != 0))
            }
            _ => Some((u64::from(args[0] as u32) * SECOND, false)),
        };
        let (Some((wait, for_ever)), Some(thread)) = (set, self.threads.get(&key)) else { return };
        // The signal takes a moment to come.
        let rings =
            if for_ever { LONG } else { Duration::from_nanos(wait) + Duration::from_secs(1) };
        let process = &mut self.processes[thread.process];
        process.rings_until = (wait > 0).then(|| Instant::now() + rings.min(LONG));
    }

    /// A process and descriptor number through which `open` can be reached.
    pub(super) fn holder(&self, open: Open) -> Option<(i32, i32)> {
        self.threads.values().find_map(|thread| {
            let numbers = self.descriptors.numbers(thread.table);
            let fd = numbers
                .into_iter()
                .find(|&fd| self.descriptors.lookup(thread.table, fd) == Some(open))?;
            Some((self.processes[thread.process].pid, fd))
        })
    }

    /// Interrupts a waiting call and gives it the result of an expired timeout.
    fn expire_call(&mut self, key: Key) {
        let Some(thread) = self.threads.get_mut(&key) else { return };
        let tid = thread.tid;
        thread.idle_fires += 1;
        let Some(call) = &thread.call else { return };
        let (limit, raw) = (call.limit, *call.raw());
        if stop::interrupt(tid).is_err() {
            return;
        }
        loop {
            match stop::wait_status(tid) {
                Ok((_, Status::Stopped(Why::Return))) => break,
                Ok((_, status)) => {
                    self.note_wakes(Wakes::All);
                    self.on_status(tid, status);
                    return;
                }
                Err(nix::errno::Errno::EINTR) => {}
                Err(_) => return,
            }
        }
        let stopped = Stopped::new(tid);
        let (Some(limit), Ok(result)) = (limit, stopped.returned()) else { return };
        // A call that had moved something already gives that.
        let waited_in_vain = handlers::is_interrupted(result) || result == -i64::from(libc::EINTR);
        if waited_in_vain && let Ok(mut registers) = stopped.registers() {
            registers.settle_result(limit.result);
            let _ = registers.write();
            empty_sets(&raw, Tracee(tid));
        }
        if let Some(thread) = self.threads.get_mut(&key) {
            thread.held = Some(Held::Return(stopped));
        }
    }

    /// A segment that is not acknowledged is still on its way, or was lost and will be sent again: what it brings about
    /// comes before any timer of a program and before any verdict. Waits for that, in real time; says whether
    /// somebody moved. Inside the sandbox acknowledgements come at once.
    pub(super) fn await_acknowledgement(&mut self) -> bool {
        let ours: HashSet<u64> = self
            .descriptors
            .iter()
            .filter(|(_, it)| matches!(&it.kind, Kind::Socket { protocol, .. } if protocol == "IPPROTO_TCP"))
            // What a peer that has vanished drops is never acknowledged.
            .filter(|(open, _)| !self.has_vanished(*open))
            .filter_map(|(_, it)| it.inode)
            .collect();
        if ours.is_empty() {
            return false;
        }
        // Looks, not time: a lab that is kept from its processor for a second has not looked for a second.
        const LOOKS: u32 = 1000;
        let mut looks = 0;
        while self.kernel.has_unacknowledged(&|inode| ours.contains(&inode)) {
            looks += 1;
            if looks > LOOKS || settle::was_interrupted() {
                return false;
            }
            settle::await_child_signal(Duration::from_millis(1));
            if stop::has_pending_stop_of_any() {
                self.note_wakes(Wakes::All);
                return true;
            }
        }
        // What the last acknowledgement brought about may have begun meanwhile.
        self.somebody_moved()
    }

    /// A kernel timer that the lab does not hold either: a SYN that found the accept queue full is sent
    /// again after a second. Waits for that, in real time; says whether somebody moved.
    fn await_handshake(&mut self) -> bool {
        let is_connecting = |thread: &Thread| {
            let call = thread.call.as_ref();
            call.is_some_and(|call| call.blocked && call.raw().nr == libc::SYS_connect as u64)
        };
        if !self.threads.values().any(|thread| is_connecting(thread)) {
            return false;
        }
        const PATIENCE: Duration = Duration::from_millis(3_500);
        let began = Instant::now();
        while began.elapsed() < PATIENCE && !settle::was_interrupted() {
            if stop::has_pending_stop_of_any() {
                self.note_wakes(Wakes::All);
                return true;
            }
            settle::await_child_signal(Duration::from_millis(20));
        }
        false
    }

    /// Answers what a program asks of the clock. `None` for any other call, and for one whose arguments
    /// the kernel is to judge.
    pub(super) fn answer_about_time(
        &mut self,
        key: Key,
        at: &AtCall,
        memory: Tracee,
    ) -> Option<i64> {
        let (raw, site) = (&at.raw, at.sp);
        let args = raw.args;
        let written = |done: bool| if done { 0 } else { -i64::from(libc::EFAULT) };
        match raw.nr as libc::c_long {
            libc::SYS_clock_gettime => {
                let now = self.clock.look(args[0] as i32, site);
                Some(written(memory.put_time(args[1], now, 1)))
            }
            libc::SYS_gettimeofday if args[0] != 0 => {
                let now = self.clock.look(libc::CLOCK_REALTIME, site);
                Some(written(memory.put_time(args[0], now, 1_000)))
            }
            #[cfg(target_arch = "x86_64")]
            libc::SYS_time => {
                let now = self.clock.look(libc::CLOCK_REALTIME, site) / SECOND;
                let done = args[0] == 0 || memory.write(args[0], &now.to_le_bytes());
                Some(if done { now as i64 } else { -i64::from(libc::EFAULT) })
            }
            #[cfg(target_arch = "x86_64")]
            libc::SYS_alarm => {
                // An unsigned int, whatever the other half of the register holds.
                let value = u64::from(args[0] as u32) * SECOND;
                let left = self.set_alarm(key, value, 0).map_or(0, |(left, _)| left);
                Some(left.div_ceil(SECOND) as i64)
            }
            libc::SYS_setitimer if args[0] as i32 == libc::ITIMER_REAL => {
                let (interval, value) = match args[1] {
                    0 => (0, 0),
                    at => (memory.time(at, 1_000)?, memory.time(at + 16, 1_000)?),
                };
                let (left, again) = self.set_alarm(key, value, interval).unwrap_or((0, 0));
                Some(written(put_interval(memory, args[2], left, again, 1_000)))
            }
            libc::SYS_getitimer if args[0] as i32 == libc::ITIMER_REAL => {
                let (left, again) = self.alarm_left(key).unwrap_or((0, 0));
                Some(written(put_interval(memory, args[1], left, again, 1_000)))
            }
            libc::SYS_timer_settime | libc::SYS_timer_gettime => {
                self.answer_about_timer(key, raw, memory)
            }
            _ => None,
        }
    }

    /// Takes in, or gives out, a time that the lab keeps for the kernel, after the call has succeeded.
    pub(super) fn note_options(&mut self, call: &InFlight, memory: Tracee) {
        let (raw, Some(open)) = (*call.raw(), call.open) else { return };
        match raw.nr as libc::c_long {
            libc::SYS_setsockopt => {
                let Some((way, time)) = timeout_option(&raw).zip(memory.time(raw.args[3], 1_000))
                else {
                    return;
                };
                let description = self.descriptors.get_mut(open);
                match way {
                    Way::Receive => description.receive_timeout = time,
                    Way::Send => description.send_timeout = time,
                }
            }
            libc::SYS_getsockopt => {
                let description = self.descriptors.get(open);
                let time = match timeout_option(&raw) {
                    Some(Way::Receive) => description.receive_timeout,
                    Some(Way::Send) => description.send_timeout,
                    None => return,
                };
                memory.put_time(raw.args[3], time, 1_000);
            }
            libc::SYS_timerfd_settime if self.descriptors.get(open).kind == Kind::TimerFd => {
                let description = self.descriptors.get(open);
                let (clock, before) = (description.timer_clock, description.timer);
                let (Some(interval), Some(value)) =
                    (memory.time(raw.args[2], 1), memory.time(raw.args[2] + 16, 1))
                else {
                    return;
                };
                let now = self.clock.now();
                let absolute = raw.args[1] as i32 & libc::TFD_TIMER_ABSTIME != 0;
                let deadline = if absolute {
                    self.clock.moment(clock, value)
                } else {
                    now.saturating_add(value)
                };
                let (left, again) = time_left(before, now);
                put_interval(memory, raw.args[3], left, again, 1);
                self.descriptors.get_mut(open).timer =
                    (value > 0).then_some(Timer { deadline, interval });
            }
            libc::SYS_timerfd_gettime => {
                let (left, again) = time_left(self.descriptors.get(open).timer, self.clock.now());
                put_interval(memory, raw.args[1], left, again, 1);
            }
            _ => {}
        }
    }

    /// Sets the process's alarm; gives what was left of the one before and its interval.
    fn set_alarm(&mut self, key: Key, value: u64, interval: u64) -> Option<(u64, u64)> {
        let before = self.alarm_left(key);
        let deadline = self.clock.now().saturating_add(value);
        let process = self.threads.get(&key)?.process;
        self.processes[process].alarm = (value > 0).then_some(Timer { deadline, interval });
        before
    }

    fn alarm_left(&self, key: Key) -> Option<(u64, u64)> {
        let alarm = self.processes[self.threads.get(&key)?.process].alarm?;
        Some((alarm.deadline.saturating_sub(self.clock.now()).max(1), alarm.interval))
    }
}

impl Timer {
    /// The timer after it has fired at `deadline`.
    pub fn again(self, deadline: u64) -> Option<Timer> {
        let next = Timer { deadline: deadline.saturating_add(self.interval), ..self };
        (self.interval > 0).then_some(next)
    }
}

const SECOND: u64 = 1_000_000_000;

/// select(2) that times out leaves empty sets; one that is interrupted leaves them as they were.
fn empty_sets(raw: &Raw, memory: Tracee) {
    let is_select = match raw.nr as libc::c_long {
        libc::SYS_pselect6 => true,
        #[cfg(target_arch = "x86_64")]
        libc::SYS_select => true,
        _ => false,
    };
    if is_select {
        let bytes = (raw.args[0] as i32).clamp(0, 1 << 20) as usize;
        let zeroes = vec![0; bytes.div_ceil(64) * 8];
        for set in raw.args[1..4].iter().filter(|&&set| set != 0) {
            memory.write(*set, &zeroes);
        }
    }
}

/// The limit that SO_RCVTIMEO or SO_SNDTIMEO sets to a call.
pub fn socket_limit(raw: &Raw, socket: &Description, now: u64) -> Option<TimeLimit> {
    let again = -i64::from(libc::EAGAIN);
    let (wait, result) = match raw.nr as libc::c_long {
        libc::SYS_read
        | libc::SYS_readv
        | libc::SYS_recvfrom
        | libc::SYS_recvmsg
        | libc::SYS_recvmmsg
        | libc::SYS_accept
        | libc::SYS_accept4 => (socket.receive_timeout, again),
        libc::SYS_write
        | libc::SYS_writev
        | libc::SYS_sendto
        | libc::SYS_sendmsg
        | libc::SYS_sendmmsg
        | libc::SYS_sendfile => (socket.send_timeout, again),
        libc::SYS_connect => (socket.send_timeout, -i64::from(libc::EINPROGRESS)),
        _ => return None,
    };
    (wait > 0).then_some(TimeLimit {
        deadline: now.saturating_add(wait),
        result,
        entered: Entered::Unchanged,
        remaining: None,
        remaining_on_eintr: false,
    })
}

/// Which way a socket timeout option limits.
enum Way {
    Receive,
    Send,
}

fn timeout_option(raw: &Raw) -> Option<Way> {
    const SO_RCVTIMEO_NEW: i32 = 66;
    const SO_SNDTIMEO_NEW: i32 = 67;
    if raw.args[1] as i32 != libc::SOL_SOCKET {
        return None;
    }
    match raw.args[2] as i32 {
        libc::SO_RCVTIMEO | SO_RCVTIMEO_NEW => Some(Way::Receive),
        libc::SO_SNDTIMEO | SO_SNDTIMEO_NEW => Some(Way::Send),
        _ => None,
    }
}

/// setsockopt of a timeout: the kernel is told "none", and the lab keeps the value.
pub fn borrow_socket_timeout(call: &mut InFlight, memory: Tracee) {
    let raw = *call.raw();
    const TIMEVAL: u64 = 16;
    if timeout_option(&raw).is_some()
        && raw.args[4] >= TIMEVAL
        && memory.time(raw.args[3], 1_000).is_some()
    {
        borrow_zeroes::<16>(call, memory, raw.args[3]);
    }
}

/// timerfd_settime: the kernel's timer stays off, and the lab keeps the value.
pub fn borrow_timer(call: &mut InFlight, memory: Tracee) {
    let at = call.raw().args[2];
    if memory.time(at, 1).is_some() && memory.time(at + 16, 1).is_some() {
        borrow_zeroes::<32>(call, memory, at);
    }
}

/// Puts zeroes there for as long as the call lasts.
pub fn borrow_zeroes<const N: usize>(call: &mut InFlight, memory: Tracee, addr: u64) {
    if let Some(bytes) = memory.bytes::<N>(addr)
        && memory.write(addr, &[0; N])
    {
        call.borrowed.push((addr, bytes.to_vec()));
    }
}

pub fn time_left(timer: Option<Timer>, now: u64) -> (u64, u64) {
    timer.map_or((0, 0), |timer| (timer.deadline.saturating_sub(now).max(1), timer.interval))
}

/// Writes a `struct itimerval` (unit 1000) or `itimerspec` (unit 1), unless nobody wants it.
pub fn put_interval(memory: Tracee, addr: u64, left: u64, interval: u64, unit: u64) -> bool {
    addr == 0 || memory.put_time(addr, interval, unit) && memory.put_time(addr + 16, left, unit)
}
