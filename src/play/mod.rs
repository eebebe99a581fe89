//! One run from end to end: programs → [`Recording`]. The only place where effects meet.
//!
//! ```text
//! lab                             worker (a copy of the lab, or the lab started anew)
//!  play() ── request, a line ───→  enter the sandbox → pid 1 → tracer.next_step() …
//!         ←── told, line by line ─  isolation, events, end
//!         ── choice, a line ────→  where the order is chosen: an answer to each `ask` that is told
//! ```
//!
//! A run has a process of its own, since a process with threads may not enter a user namespace, and since all
//! that is left of a run ends with it. The two sides speak JSON lines over two pipes.

pub mod check;
pub mod explore;
mod stage;
mod worker;

use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::signal::SigSet;
use nix::unistd::{ForkResult, Pid};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::event::{
    End, Event, Isolation, Party, Reason, Recording, Role, Schedule, Socket, Step, VERSION,
};
use crate::pattern::CallPattern;
use crate::scenario::Plan;
use crate::tracer::Looked;
use crate::{sandbox, tracer};

pub use worker::work;

/// A run to be made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The lesson's whole name; `None` for other programs.
    pub lesson: Option<String>,
    pub roles: Vec<Part>,
    pub tracer: tracer::Settings,
    pub sandbox: sandbox::Settings,
    pub wanted: Wanted,
    /// What the outside world does, if anything.
    #[serde(default)]
    pub scenario: Option<Scene>,
}

/// What of a run is wanted, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wanted {
    /// Everything: the wire and the sockets' states too.
    Recording,
    /// The events alone, many at a time.
    Events,
    /// The events alone, each at once.
    EventsAtOnce,
}

/// A scenario and the seed that chooses its texts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Scene {
    pub plan: Plan,
    pub seed: u64,
}

/// A program and when it starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    pub name: String,
    /// Program first.
    pub command: Vec<String>,
    /// Variables on top of the lab's own environment.
    pub env: Vec<(String, String)>,
    pub begin: Begin,
    /// Whether it must end by itself; `None` if nobody said.
    pub ends: Option<bool>,
    pub input: Input,
}

/// What a lesson's program finds in its environment on top of the lab's own: the role that it plays. And how much a panic
/// tells is the same everywhere: a backtrace would be of this machine, and a page long.
pub fn environment(role: &str) -> Vec<(String, String)> {
    [("LAB_ROLE", role), ("RUST_BACKTRACE", "0")]
        .map(|(name, value)| (name.into(), value.into()))
        .into()
}

/// When a role starts.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Begin {
    AtOnce,
    /// Once an event matches this pattern.
    After(String),
    /// Once the role before it listens, or nobody can move.
    InTurn,
    /// In the scenario's step that starts it.
    InStep,
}

/// What a role finds on its stdin, where that is the lab's to fill.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Input {
    /// Nothing, for ever.
    Idle,
    /// These lines, one whenever nobody can move; then end of file.
    Lines(Vec<String>),
    /// What the lab finds on its own stdin, likewise.
    FromLab,
}

/// What the worker tells, a line each.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Told {
    Isolation(Isolation),
    Event(Box<Event>),
    Looked(Box<Looked>),
    Deed(Deed),
    Ask(Box<Asked>),
    End { sockets: Vec<Socket>, steps: Vec<Step>, end: End, decisions: u64 },
    Failure { message: String, next: Option<String>, lacks: bool },
}

/// Whose turn it could be, where the order is chosen.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asked {
    /// The calls that can be made next, each as an event without a result and not yet of the recording.
    pub candidates: Vec<Event>,
    /// The one of them whose thread had the last turn.
    pub last: Option<usize>,
    /// The calls that wait, likewise, and for whom.
    pub waiting: Vec<(Event, Vec<Party>)>,
    /// Every open file description that has been spoken of.
    pub sockets: Vec<Socket>,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choice {
    /// The candidate of this place.
    Pick(usize),
    /// Nobody chooses any more: the rest goes on in lockstep.
    Alone,
    /// The run ends here.
    End,
}

/// What the lab did when nobody could move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// The `seq` of the last event before it.
    pub after: u64,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A line was put on a role's stdin.
    Line { role: String, text: String },
    /// A role's stdin was ended.
    EndOfInput { role: String },
    /// A step of the scenario was done, and what was found instead of what it asks for.
    Step { text: String, unmet: Option<String> },
    /// So many nanoseconds passed.
    Time { nanos: u64 },
}

/// Who follows a run as it goes.
pub trait Audience {
    /// Is given an event as a line of JSON; true if that is all that is wanted of it: then it is not read, and the
    /// recording does not hold it.
    fn take(&mut self, _line: &[u8]) -> bool {
        false
    }

    fn see(&mut self, _event: &Event) {}

    /// The lab has done something; told only where the order is chosen.
    fn happened(&mut self, _deed: Deed) {}

    /// How often another thread could have gone on; told only of a delayed schedule, when the run is over.
    fn decided(&mut self, _decisions: u64) {}

    /// Says whose turn it is; asked only where the order is chosen. Once `over` can be read from, the run has ended and no
    /// answer is waited for.
    fn choose(&mut self, _so_far: &Recording, _asked: Asked, _over: BorrowedFd<'_>) -> Choice {
        Choice::Alone
    }
}

struct Seeing<'a>(&'a mut dyn FnMut(&Event));

impl Audience for Seeing<'_> {
    fn see(&mut self, event: &Event) {
        (self.0)(event);
    }
}

/// Plays a run and gives its recording; `see` is shown every event as it happens.
///
/// Fails if a pattern is wrong, a program cannot be started, or tracing is impossible: then there is no recording.
pub fn play(request: &Request, see: &mut dyn FnMut(&Event)) -> Result<Recording> {
    play_before(request, &mut Seeing(see))
}

/// As [`play`], before somebody who may also say who goes on.
pub fn play_before(request: &Request, audience: &mut dyn Audience) -> Result<Recording> {
    // Patterns are read here too: a wrong one is told before anything has started.
    for part in &request.roles {
        if let Begin::After(pattern) = &part.begin {
            pattern.parse::<CallPattern>()?;
        }
    }
    let Started { worker, mut choices, told } = start_worker(request)?;
    let forwarding = Forwarding::to(worker.as_raw());
    let told = std::fs::File::from(told);
    let mut lines = BufReader::with_capacity(worker::TOLD_AT_A_TIME, &told);
    let mut recording = request.header();
    let mut line = Vec::new();
    let mut has_ended = false;
    while lines.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        if event_in(&line).is_some_and(|event| audience.take(event)) {
            line.clear();
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(Told::Isolation(found)) => recording.isolation = found,
            Ok(Told::Event(event)) => {
                audience.see(&event);
                // A long run's fill the memory.
                if request.wanted == Wanted::Recording {
                    recording.events.push(*event);
                }
            }
            Ok(Told::Looked(found)) => {
                recording.looks.extend(found.look);
                recording.packets.extend(found.packets);
                recording.frames.extend(found.frames);
            }
            Ok(Told::Deed(deed)) => audience.happened(deed),
            Ok(Told::Ask(asked)) => {
                recording.sockets.clone_from(&asked.sockets);
                let choice = audience.choose(&recording, *asked, told.as_fd());
                let mut line = serde_json::to_vec(&choice).unwrap_or_default();
                line.push(b'\n');
                // One that has ended meanwhile reads it no more, and says so.
                let _ = choices.write_all(&line);
            }
            Ok(Told::End { sockets, steps, end, decisions }) => {
                audience.decided(decisions);
                (recording.sockets, recording.steps, recording.end) = (sockets, steps, end);
                has_ended = true;
            }
            Ok(Told::Failure { message, next, lacks }) => {
                drop((forwarding, choices));
                let _ = end_of(worker);
                return Err(Error::Told { message, next, lacks });
            }
            Err(_) => break,
        }
        line.clear();
    }
    drop((forwarding, choices));
    let status = end_of(worker);
    if !has_ended {
        return Err(Error::Worker { why: status });
    }
    Ok(recording)
}

/// The event that a line of the worker's tells of, as JSON.
fn event_in(line: &[u8]) -> Option<&[u8]> {
    line.strip_prefix(b"{\"event\":")?.strip_suffix(b"}\n")
}

impl Request {
    /// The recording of this run before anything has happened.
    fn header(&self) -> Recording {
        let machine = nix::sys::utsname::uname().ok();
        let release = machine.map(|it| it.release().to_string_lossy().into_owned());
        Recording {
            version: VERSION,
            lesson: self.lesson.clone(),
            isolation: Isolation::default(),
            arch: std::env::consts::ARCH.into(),
            kernel: release.unwrap_or_default(),
            schedule: self.tracer.schedule,
            from_first_socket: self.tracer.begins_at_sockets(),
            seed: match (&self.scenario, self.tracer.schedule) {
                (Some(scene), _) => Some(scene.seed),
                (None, Schedule::Random) => Some(self.tracer.seed),
                (None, _) => self.tracer.weather.map(|_| self.tracer.seed),
            },
            delays: self.tracer.delays.clone(),
            scenario: self.scenario.as_ref().map(|scene| scene.plan.name.clone()),
            weather: self.tracer.weather.map(|weather| weather.to_string()),
            roles: self.roles.iter().map(Part::as_role).chain(self.peers()).collect(),
            sockets: Vec::new(),
            events: Vec::new(),
            steps: Vec::new(),
            looks: Vec::new(),
            packets: Vec::new(),
            end: End {
                reason: Reason::Interrupted,
                roles: Vec::new(),
                waiting: Vec::new(),
                zombies: Vec::new(),
                at: 0,
            },
            frames: Vec::new(),
        }
    }

    /// The peers as roles: columns of the timeline, without a program.
    fn peers(&self) -> Vec<Role> {
        let script = self.scenario.as_ref().map(|scene| scene.plan.fill(scene.seed));
        let names = script.map(|script| script.peers).unwrap_or_default();
        names.into_iter().map(|name| Role { name, command: Vec::new(), ends: None }).collect()
    }
}

impl Part {
    fn as_role(&self) -> Role {
        Role { name: self.name.clone(), command: self.command.clone(), ends: self.ends }
    }
}

/// A worker, and the ends of the pipes to it.
struct Started {
    worker: Pid,
    choices: std::fs::File,
    told: OwnedFd,
}

/// Starts the worker and hands it the request. It is this program again; but where nothing else goes on in this process, a
/// copy of it does, which is there at once.
fn start_worker(request: &Request) -> Result<Started> {
    let failed = |errno| Error::System { doing: "start the recorder".into(), errno };
    let (request_out, request_in) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
    let (told_out, told_in) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
    let kept = [request_out.as_raw_fd(), told_in.as_raw_fd()];
    let mut request = request.clone();
    request.sandbox.parent = Some(std::process::id() as i32);
    let worker = match sandbox::threads() {
        1 => copy_as_worker(kept),
        _ => again_as_worker(kept),
    };
    let worker = worker.map_err(failed)?;
    drop((request_out, told_in));
    let mut line = serde_json::to_vec(&request).unwrap_or_default();
    line.push(b'\n');
    let mut choices = std::fs::File::from(request_in);
    // If the worker has died already, the end of its telling says so.
    let _ = choices.write_all(&line);
    Ok(Started { worker, choices, told: told_out })
}

fn again_as_worker(kept: [RawFd; 2]) -> std::result::Result<Pid, Errno> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("lab").arg("worker").args(kept.map(|fd| fd.to_string()));
    // SAFETY: fcntl is async-signal-safe, and the descriptors are open until the child has been made.
    unsafe { command.pre_exec(move || keep_open(&kept)) };
    match command.spawn() {
        Ok(child) => Ok(Pid::from_raw(child.id() as i32)),
        Err(error) => Err(error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw)),
    }
}

/// For a process with one thread.
fn copy_as_worker(kept: [RawFd; 2]) -> std::result::Result<Pid, Errno> {
    // SAFETY: no other thread can hold a lock that the child would wait for.
    match unsafe { nix::unistd::fork()? } {
        ForkResult::Parent { child } => Ok(child),
        ForkResult::Child => {
            leave_behind_what_exec_would(&kept);
            let done = std::panic::catch_unwind(|| worker::work(kept[0], kept[1]));
            // SAFETY: what this process has registered for its exit, and not yet printed, is its parent's.
            unsafe { libc::_exit(if matches!(done, Ok(Ok(()))) { 0 } else { 2 }) }
        }
    }
}

/// Handlers of signals, blocked ones, and descriptors that are not for others.
fn leave_behind_what_exec_would(kept: &[RawFd]) {
    for signal in 1..libc::SIGRTMAX() {
        // SAFETY: no handler is set; signals that have none to ask for are refused.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            let is_known = libc::sigaction(signal, std::ptr::null(), &mut action) == 0;
            if is_known && ![libc::SIG_DFL, libc::SIG_IGN].contains(&action.sa_sigaction) {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
    }
    let _ = SigSet::empty().thread_set_mask();
    for fd in tracer::open_descriptors(std::process::id() as i32) {
        // SAFETY: asks for the flags of a descriptor, and closes one that nothing in this process will use.
        unsafe {
            let flags = libc::fcntl(fd, libc::F_GETFD);
            if flags >= 0 && flags & libc::FD_CLOEXEC != 0 && !kept.contains(&fd) {
                libc::close(fd);
            }
        }
    }
}

/// Waits until it has ended; how, in words.
fn end_of(worker: Pid) -> String {
    match sandbox::wait_status(worker.as_raw()) {
        Ok(status) => ExitStatus::from_raw(status).to_string(),
        Err(errno) => errno.desc().into(),
    }
}

/// While it lives, SIGINT, SIGTERM and SIGHUP go on to the worker, which ends the run and tells what it has:
/// Ctrl-C ends a recording and does not lose it. Several workers may be at it at once. A signal that is ignored
/// (nohup) stays ignored.
struct Forwarding {
    /// The worker's place in [`WORKERS`]; `None` if there was no room: it hears of Ctrl-C from the terminal alone.
    place: Option<usize>,
}

static WORKERS: [AtomicI32; 64] = [const { AtomicI32::new(0) }; 64];
/// How many are forwarded to; the handlers stand as long as there are any.
static FORWARDINGS: Mutex<usize> = Mutex::new(0);
const FORWARDED: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

extern "C" fn forward(signal: libc::c_int) {
    for worker in &WORKERS {
        let worker = worker.load(Ordering::Relaxed);
        if worker > 0 {
            // SAFETY: kill(2) is async-signal-safe; the worker is reaped only after forwarding has ended.
            unsafe { libc::kill(worker, signal) };
        }
    }
}

impl Forwarding {
    fn to(worker: i32) -> Forwarding {
        let is_free = |place: &AtomicI32| {
            place.compare_exchange(0, worker, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        let place = WORKERS.iter().position(is_free);
        Forwarding::count(|count| {
            if *count == 0 {
                Forwarding::set(forward as *const () as usize);
            }
            *count += 1;
        });
        Forwarding { place }
    }

    fn count(change: impl FnOnce(&mut usize)) {
        change(&mut FORWARDINGS.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    fn set(handler: usize) {
        for signal in FORWARDED {
            // SAFETY: the handler only loads atomics and calls kill(2). SA_RESTART: reading goes on.
            unsafe {
                let mut action: libc::sigaction = std::mem::zeroed();
                libc::sigaction(signal, std::ptr::null(), &mut action);
                if action.sa_sigaction == libc::SIG_IGN {
                    continue;
                }
                action.sa_sigaction = handler;
                action.sa_flags = libc::SA_RESTART;
                libc::sigaction(signal, &action, std::ptr::null_mut());
            }
        }
    }
}

impl Drop for Forwarding {
    fn drop(&mut self) {
        if let Some(worker) = self.place.and_then(|place| WORKERS.get(place)) {
            worker.store(0, Ordering::Relaxed);
        }
        Forwarding::count(|count| {
            *count -= 1;
            if *count == 0 {
                Forwarding::set(libc::SIG_DFL);
            }
        });
    }
}

fn keep_open(fds: &[RawFd]) -> std::io::Result<()> {
    for &fd in fds {
        // SAFETY: clears the close-on-exec flag of a descriptor of ours.
        if unsafe { libc::fcntl(fd, libc::F_SETFD, 0) } != 0 {
            return Err(std::io::Error::last_os_error());
        }
    }
    Ok(())
}
