//! Runs programs under ptrace and says what they did, call by call.
//!
//! ```text
//!            ┌─ settle ── every thread stands still or sleeps in the kernel (quiescence)
//!  next() ───┼─ choose ── exactly one of those that stand still may go on (the schedule)
//!            └─ act ───── enter: a call begins · leave: it has returned · signals ──→ Event
//! ```
//!
//! A seccomp filter stops each thread at the calls of interest; each stop is a [`stop::Stopped`] that is
//! used up by resuming it. Where the schedule is lockstep or random, at most one thread executes program
//! code at any moment: it runs until it really blocks in the kernel, and a thread that is woken stops at its call's return
//! before any code of its own. So the order of events depends on the programs and on nothing else. Time is
//! virtual then ([`clock`], [`time_limits`]). The free schedule resumes every stop at once.
//!
//! The tracer knows nothing of lessons: [`Step::Quiet`] tells its caller that nobody can move,
//! and the caller decides whether the outside world does something, time passes, or the run is over.

mod arm;
mod clock;
mod descriptors;
mod enter;
mod filter;
mod free;
mod handlers;
pub mod launch;
mod leave;
pub mod limits;
mod locate;
mod look;
mod memory;
mod netlink;
mod outside;
mod place;
mod posix_timers;
mod proc;
mod registers;
mod reuse;
mod settle;
mod stop;
mod time_limits;
mod timers;
mod tracees;
mod turn;
mod waits;
pub mod weather;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::error::{Error, Obstacle, Result};
use crate::event::{
    End, Ending, Event, Reason, RoleEnd, Schedule, SockAddr, Socket, SocketState, Zombie,
};

use clock::Clock;
use descriptors::Descriptors;
use filter::Calls;
use free::{Flow, Free};
use launch::{Program, Setup, Streams};
use limits::Limits;
use locate::Locator;
use place::Processors;
use stop::Stopped;
use tracees::{Held, Key, Process, Role, Thread};
use turn::{Asking, Turn};
use weather::{Faults, Weather};

pub use look::{Captured, Looked, Sent};
pub use outside::Act;
pub use place::Placement;
pub use proc::descriptors as open_descriptors;
pub use settle::{await_input, catch_signals, was_interrupted};
pub use turn::Candidate;

/// What the tracer must ask of the kernel's sockets, through descriptors of the tracees.
///
/// No duplicate may outlive the call: a held one would swallow the FIN of a close.
pub trait Kernel {
    /// The local and the remote address; the remote is [`SockAddr::Unspec`] if there is none.
    fn endpoints(&self, pid: i32, fd: i32) -> Option<(SockAddr, SockAddr)>;
    /// The address family, the type and the protocol, as numbers.
    fn kind(&self, pid: i32, fd: i32) -> Option<(i32, i32, i32)>;
    /// If the socket is of an internet family and has no port yet, makes the kernel choose `port`.
    fn fix_port(&self, pid: i32, fd: i32, port: u16) -> bool;
    /// Lets a timerfd expire once, now. Fails if it cannot be got at.
    fn expire(&self, pid: i32, fd: i32) -> std::result::Result<(), Errno>;
    /// The inode of the unix socket that this one is connected to.
    fn unix_peer(&self, inode: u64) -> Option<u64>;
    /// Whether a TCP socket whose inode `is_ours` has sent what is not acknowledged yet.
    fn has_unacknowledged(&self, is_ours: &dyn Fn(u64) -> bool) -> bool;
    /// Every TCP and UDP socket of this network, with its inode: 0 where no process owns it any more, or not yet.
    /// `changed`: which of them may stand otherwise than at the last time; the others are not looked at again.
    fn states(&mut self, changed: &Changed) -> Vec<(u64, SocketState)>;
    /// How many frames have gone over the wire so far; `None` where that is not known.
    fn frames(&mut self) -> Option<u64>;
    /// What has gone over the wire since the last time; nothing where it is not read.
    fn captured(&mut self) -> Captured;
}

/// What of the kernel's table of sockets may have changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    Anything,
    /// Bytes went over connections that stood, of which these are the ends, each with its own address first: no listener's
    /// queue, no datagram socket.
    Ends(Vec<(SockAddr, SockAddr)>),
}

/// How a run is to be recorded.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    pub schedule: Schedule,
    /// Whether the wire and the states of the sockets are recorded beside the calls.
    #[serde(default)]
    pub watch: bool,
    /// Chooses among the threads that can run, for [`Schedule::Random`].
    pub seed: u64,
    /// For [`Schedule::Delayed`] the decisions at which one more thread is passed over, counted from 1.
    #[serde(default)]
    pub delays: Vec<u64>,
    pub streams: Streams,
    /// Whether io_uring is let through, unseen, rather than refused with ENOSYS.
    pub allow_io_uring: bool,
    /// Whether the ports are those of the whole machine, for want of a network of the run's own. Then the kernel
    /// chooses source ports as it likes, and TIME-WAIT of an earlier run does not stand in the way of a bind.
    pub shared_ports: bool,
    /// Whether calls are recorded that a process makes before its first socket, for [`Schedule::Free`]: that costs a stop at
    /// each read and write.
    #[serde(default)]
    pub all_calls: bool,
    /// Where tracer and programs run, for [`Schedule::Free`].
    #[serde(default)]
    pub placement: Placement,
    /// Real time after which the run is ended, if any.
    pub timeout: Option<Duration>,
    /// The faults that it meets, chosen by `seed`.
    #[serde(default)]
    pub weather: Option<Weather>,
    /// Whether events say where in the source of the program under test the call stands.
    #[serde(default)]
    pub locate: bool,
    /// The folder of the program's own source, where that is known: `main` may leave no frame.
    #[serde(default)]
    pub source: Option<std::path::PathBuf>,
    /// The address families that socket(2) is to refuse, as a kernel without them does.
    #[serde(default)]
    pub lacks: Vec<i32>,
    /// What the programs may use, if that is bounded.
    #[serde(default)]
    pub limits: Option<Limits>,
}

impl Settings {
    /// Whether calls that any program makes are recorded of each process from its first socket on only.
    pub fn begins_at_sockets(&self) -> bool {
        // What a program prints on a terminal of the lab's own must be taken from its calls, from the first one on.
        self.schedule == Schedule::Free
            && self.streams == Streams::Inherited
            && !self.all_calls
            && !arm::passes_socket_on()
    }
}

impl Default for Settings {
    /// One thread at a time, in fair weather, without bounds but the lab's own.
    fn default() -> Settings {
        Settings {
            schedule: Schedule::Lockstep,
            watch: true,
            seed: 0,
            delays: Vec::new(),
            streams: Streams::Own,
            allow_io_uring: false,
            shared_ports: false,
            all_calls: false,
            placement: Placement::Auto,
            timeout: None,
            weather: None,
            locate: false,
            source: None,
            lacks: Vec::new(),
            limits: None,
        }
    }
}

/// What the tracer has to say next.
pub enum Step {
    Event(Box<Event>),
    /// What the last event, or whoever waits since, has brought about.
    Looked(Box<Looked>),
    /// Whoever can move stands before a call: one of [`Tracer::candidates`] is to be picked.
    Choose,
    /// The outside world is to do its next step, though somebody could move: see [`Tracer::offer_world`].
    World,
    /// Nobody can move: every thread sleeps, and what was sent has arrived.
    Quiet,
    /// No thread is left.
    Over,
    /// A bound of the lab was reached, or the user ended the run: [`Tracer::finish`] comes next.
    Stop(Reason),
}

/// Bounds that keep a run from going on for ever. Counts, never milliseconds, but for a thread that computes
/// without a call.
mod bounds {
    use std::time::Duration;

    /// Calls of one thread in a row after which another that could run is let in.
    pub const STREAK: u32 = 500;
    /// Recorded calls in a row that moved nothing: `recv` of an ended stream, EAGAIN.
    pub const IDLE_RECORDED: u32 = 5_000;
    /// Unrecorded calls in a row (looks at the clock, locks, yields): more than a program makes that computes for
    /// some seconds.
    pub const IDLE_HIDDEN: u32 = 2_000_000;
    /// Calls in a row that are not even looked at the return of: reads of files, mostly.
    pub const IDLE_PASSED: u32 = 20_000_000;
    /// Times that one timer fires with nothing else happening.
    pub const IDLE_TIMERS: u32 = 200;
    /// The same for a program that waits for nothing but time, where nobody waits for somebody outside either: it may
    /// well be on its way to an end.
    pub const IDLE_SLEEPS: u32 = 10_000;
    /// Nanoseconds of virtual time with nothing else happening after which no timer fires any more: thirty days. Fifty
    /// children that sleep a day at a time need not sleep ten thousand of them.
    pub const IDLE_TIME: u64 = 30 * 86_400 * 1_000_000_000;
    /// Events of one run in lockstep.
    pub const EVENTS: u64 = 1_000_000;
    /// Bytes of the programs' data that one recording keeps.
    pub const BYTES: u64 = 64 << 20;
    /// Processor time without a call after which another thread is let in.
    pub const COMPUTES: Duration = Duration::from_secs(1);
    /// Processor time without a call after which a timer of somebody else fires: time passes for those who compute,
    /// too.
    pub const COMPUTES_LONG: Duration = Duration::from_secs(4);
    /// Processor time without a call after which the run is ended.
    pub const COMPUTES_FOR_EVER: Duration = Duration::from_secs(10);
}

pub struct Tracer {
    settings: Settings,
    kernel: Box<dyn Kernel>,
    start: Instant,
    setup_files: libc::rlimit,
    processors: Processors,
    ruleset: Option<OwnedFd>,
    trapped: Calls,
    /// Processes begin with a filter for a part of the calls.
    arms_later: bool,

    roles: Vec<Role>,
    processes: Vec<Process>,
    threads: BTreeMap<Key, Box<Thread>>,
    by_tid: HashMap<i32, Key>,
    /// First stops of threads whose parent's event has not come yet. ptrace(2), PTRACE_O_TRACECLONE:
    /// either may be first.
    unclaimed: HashMap<i32, Stopped>,
    /// Threads that have died since the last decision, to be told in the order of their keys.
    dead: Vec<(Thread, stop::Status)>,

    descriptors: Descriptors,
    clock: Clock,
    random: Random,
    faults: Faults,
    locator: Locator,
    next_port: u16,
    /// Ports that programs have bound by number: no socket is given one of these.
    bound_ports: HashSet<u16>,

    /// Who holds the token: the thread that was resumed last.
    current: Option<Key>,
    /// Who chooses, for [`Schedule::Chosen`].
    asking: Asking,
    /// Decisions so far, for [`Schedule::Delayed`].
    decisions: u64,
    /// The outside world is among those who can go on.
    world_may_go: bool,
    /// Whom the last resumed thread may have woken.
    woken: settle::Wakes,
    /// Nobody was resumed since all stood still.
    is_settled: bool,
    /// Whether strangers want the processor, too.
    crowd: settle::Crowd,
    rotate: bool,
    streak: u32,
    idle_recorded: u32,
    idle_hidden: u32,
    idle_passed: u32,
    /// A timer has fired since something moved.
    has_fired: bool,
    /// The moment of virtual time at which something moved last.
    moved_at: u64,
    backlog: proc::Backlog,
    /// How many frames had left when nothing was under way.
    arrived: Option<u64>,
    stop: Option<Reason>,

    seq: u64,
    /// Bytes that the programs have printed.
    printed: u64,
    /// Bytes of data that the recording holds so far.
    kept: u64,
    out: VecDeque<Box<Event>>,
    looked: VecDeque<Looked>,
    seen: look::Seen,
    flow: Flow,
}

impl Tracer {
    /// Prepares to record. The calling process must have one thread, and be subreaper or pid 1.
    pub fn new(settings: Settings, kernel: Box<dyn Kernel>) -> Result<Tracer> {
        settle::block_child_signals();
        let serial = settings.schedule != Schedule::Free;
        let setup_files = raise_file_limit();
        // One processor for tracer and tracees: a stop is then a switch, not a wake-up across processors,
        // and no packet can be half delivered on another one while the tracer looks.
        let processors = Processors::new(serial || settings.placement != Placement::Spread);
        let trapped = match settings.begins_at_sockets() {
            true => Calls::Making,
            false if serial => Calls::Scheduled,
            false => Calls::Recorded,
        };
        Ok(Tracer {
            trapped,
            arms_later: trapped == Calls::Making,
            random: Random::new(settings.seed),
            faults: Faults::default(),
            locator: Locator::default(),
            settings,
            kernel,
            start: Instant::now(),
            setup_files,
            processors,
            roles: Vec::new(),
            processes: Vec::new(),
            threads: BTreeMap::new(),
            by_tid: HashMap::new(),
            unclaimed: HashMap::new(),
            dead: Vec::new(),
            descriptors: Descriptors::default(),
            clock: Clock::default(),
            next_port: FIRST_PORT,
            bound_ports: HashSet::new(),
            current: None,
            asking: Asking::default(),
            decisions: 0,
            world_may_go: false,
            woken: settle::Wakes::All,
            is_settled: false,
            crowd: settle::Crowd::default(),
            rotate: false,
            streak: 0,
            idle_recorded: 0,
            idle_hidden: 0,
            idle_passed: 0,
            has_fired: false,
            moved_at: 0,
            backlog: proc::Backlog::open(),
            arrived: None,
            stop: None,
            seq: 0,
            printed: 0,
            ruleset: None,
            kept: 0,
            out: VecDeque::new(),
            looked: VecDeque::new(),
            seen: look::Seen::default(),
            flow: if serial { Flow::default() } else { Flow::start() },
        })
    }

    /// Holds programs that are started from now on to a landlock ruleset.
    pub fn confine(&mut self, ruleset: OwnedFd) {
        self.ruleset = Some(ruleset);
    }

    /// Starts a program as the next role. It stands before its first instruction until it is chosen.
    pub fn start(&mut self, name: &str, program: &Program) -> Result<()> {
        let setup = Setup {
            streams: self.settings.streams,
            trapped: self.trapped,
            keep_addresses: self.is_serial(),
            files: self.setup_files,
            limits: self.settings.limits,
            ruleset: self.ruleset.as_ref(),
        };
        let launched = launch::launch(program, &setup)?;
        let tid = launched.tid;
        let (ours, failure) = launched.go();
        self.add_role(name, tid, ours, failure);
        self.await_exec(tid, program)?;
        if self.settings.streams == Streams::Own
            && let Some(role) = self.roles.last_mut()
        {
            role.terminal_device = proc::device(tid, 1);
        }
        Ok(())
    }

    /// Whether one thread runs at a time.
    fn is_serial(&self) -> bool {
        self.settings.schedule != Schedule::Free
    }

    /// Nanoseconds since the run began, in real time.
    pub fn elapsed(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// The next thing that happened.
    pub fn next_step(&mut self) -> Result<Step> {
        loop {
            if self.settings.watch && self.is_serial() && !self.out.is_empty() && !self.seen.events
            {
                // Whoever it woke has taken what it sent by then.
                self.settle()?;
                self.look_behind_event();
                self.seen.events = true;
            }
            if let Some(event) = self.out.pop_front() {
                return Ok(Step::Event(event));
            }
            self.seen.events = false;
            if let Some(looked) = self.looked() {
                return Ok(Step::Looked(Box::new(looked)));
            }
            if let Some(reason) = self.stop.take() {
                return Ok(Step::Stop(reason));
            }
            if self.threads.is_empty() && self.unclaimed.is_empty() {
                return Ok(Step::Over);
            }
            let chosen = if self.is_serial() {
                self.settle()?;
                if !self.out.is_empty() || self.stop.is_some() || self.threads.is_empty() {
                    continue;
                }
                let turn = self.choose();
                if turn == Turn::Nobody && (self.somebody_moved() || self.await_acknowledgement()) {
                    continue;
                }
                self.look_before_turn(turn.key());
                if turn == Turn::World {
                    return Ok(Step::World);
                }
                if turn == Turn::Asked {
                    if self.looked.is_empty() {
                        return Ok(Step::Choose);
                    }
                    continue;
                }
                turn.key()
            } else {
                match self.await_any()? {
                    Free::Act(key) => Some(key),
                    Free::Again => continue,
                    Free::Quiet => None,
                }
            };
            match chosen {
                Some(key) => self.act(key),
                None => return Ok(Step::Quiet),
            }
        }
    }

    /// Lets the chosen thread go on from its stop.
    fn act(&mut self, key: Key) {
        self.current = Some(key);
        let was_settled = std::mem::take(&mut self.is_settled);
        let Some(held) = self.threads.get_mut(&key).and_then(|thread| thread.held.take()) else {
            return;
        };
        // But not for a thread that was interrupted for computing too long.
        if !matches!(held, Held::Ready(_))
            && let Some(thread) = self.threads.get_mut(&key)
        {
            thread.cpu_at_look = None;
        }
        let done = match held {
            Held::Ready(stopped) => stopped.resume(0),
            Held::Entry(stopped, at) => self.enter(key, stopped, at),
            Held::Return(stopped) => self.leave(key, stopped),
            Held::Signal(stopped, signal) => self.deliver(key, stopped, signal),
        };
        let Some(thread) = self.threads.get_mut(&key) else { return };
        thread.dying |= done.is_err();
        // It stands again where it stood: its event is told before it goes on.
        self.is_settled = was_settled && thread.held.is_some();
    }

    /// The sockets and other descriptions that events have spoken of so far.
    pub fn sockets(&self) -> Vec<Socket> {
        self.descriptors.mentioned()
    }

    /// Gives a role a piece of text on its stdin. False if it has none of the lab's, or it was closed.
    pub fn type_in(&mut self, role: usize, text: &[u8]) -> bool {
        self.woken = settle::Wakes::All;
        let Some(role) = self.roles.get_mut(role).filter(|role| role.stdin.is_some()) else {
            return false;
        };
        role.to_type.extend(text);
        role.fill_stdin()
    }

    /// Goes on with what did not fit into the role's stdin at once. False if there is nothing left, or nobody to
    /// read it.
    pub fn type_rest(&mut self, role: usize) -> bool {
        self.woken = settle::Wakes::All;
        self.roles.get_mut(role).is_some_and(|role| !role.to_type.is_empty() && role.fill_stdin())
    }

    /// Ends a role's stdin.
    pub fn end_input(&mut self, role: usize) {
        self.woken = settle::Wakes::All;
        if let Some(role) = self.roles.get_mut(role) {
            role.stdin = None;
        }
    }

    /// The first role, in order, of which a thread waits to read its stdin.
    pub fn waits_for_input(&self) -> Option<usize> {
        let reads_stdin = |thread: &Thread| {
            let call = thread.call.as_ref();
            call.is_some_and(|call| call.blocked && self.watches_stdin(thread, call))
        };
        let open = |role: usize| self.roles[role].stdin.is_some();
        self.threads
            .values()
            .filter(|thread| reads_stdin(thread))
            .map(|thread| thread.role)
            .find(|&role| open(role))
    }

    /// Whether every process of the role has ended.
    pub fn has_ended(&self, role: usize) -> bool {
        self.threads.values().all(|thread| thread.role != role)
    }

    /// Ends whatever is left and says how the run ended. Unfinished calls come as events first.
    pub fn finish(&mut self, reason: Reason) -> (Vec<Event>, End) {
        let at = self.elapsed();
        let waiting = self.unfinished();
        let zombies = self.zombies();
        let killed_for = match &reason {
            Reason::Finished => "nothing",
            Reason::Serving => "it was still serving",
            Reason::Deadlock => "deadlock",
            Reason::Limit { .. } => "a limit was reached",
            Reason::Interrupted => "the run was interrupted",
        };
        let roles = self
            .roles
            .iter()
            .map(|role| RoleEnd {
                role: role.name.clone(),
                how: role.end.clone().unwrap_or(Ending::Killed { why: killed_for.into() }),
            })
            .collect();
        self.kill_all();
        let events = self.out.drain(..).map(|event| *event).collect();
        (events, End { reason, roles, waiting, zombies, at })
    }

    /// Those who have ended and for whom a parent that lives has not waited. Whose parent has gone is the lab's to collect.
    fn zombies(&self) -> Vec<Zombie> {
        let lives = |pid| self.processes.iter().any(|it| it.alive && it.pid == pid);
        let ended = self.processes.iter().filter(|it| !it.alive);
        ended
            .filter(|it| proc::parent_of_zombie(it.pid).is_some_and(lives))
            .map(|it| Zombie { role: self.roles[it.role].name.clone(), process: it.number })
            .collect()
    }

    fn kill_all(&mut self) {
        for process in self.processes.iter().filter(|process| process.alive) {
            // SAFETY: kill(2) takes plain numbers; the process is a tracee of ours that was not reaped.
            unsafe { libc::kill(process.pid, libc::SIGKILL) };
        }
        let patience = Instant::now();
        loop {
            match stop::wait_status(-1) {
                // A stop may come before the death: the kill is already under way.
                Ok((tid, stop::Status::Stopped(_))) => {
                    // SAFETY: as above; a thread that was not known yet is killed with its process.
                    unsafe { libc::kill(tid, libc::SIGKILL) };
                    let _ = Stopped::new(tid).resume(0);
                }
                Ok(_) => {}
                Err(Errno::EINTR) if patience.elapsed() < Duration::from_secs(5) => {}
                Err(_) => break,
            }
        }
        self.threads.clear();
        self.by_tid.clear();
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        if self.processes.iter().any(|process| process.alive) {
            self.kill_all();
        }
    }
}

/// The first port that the kernel is made to choose for sockets without one.
pub const FIRST_PORT: u16 = 41_000;

/// Where the choice goes on after the highest one.
const LOWEST_PORT: u16 = 10_000;

/// A small generator (SplitMix64): the same numbers for the same seed on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }
}

/// The limit on open files that programs are to have; the tracer's own is raised, since it keeps two files
/// open for each thread.
fn raise_file_limit() -> libc::rlimit {
    let mut limit = libc::rlimit { rlim_cur: 1024, rlim_max: 4096 };
    // SAFETY: getrlimit fills `limit`; setrlimit reads `raised`.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max };
        libc::setrlimit(libc::RLIMIT_NOFILE, &raised);
    }
    limit
}

/// A role's stdin, as far as the lab holds it.
type Stdin = Option<OwnedFd>;

fn cannot_start(program: &Program, obstacle: Obstacle) -> Error {
    let program = program.command.first().cloned().unwrap_or_default();
    Error::CannotStart { program, obstacle }
}
