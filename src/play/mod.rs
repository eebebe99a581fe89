//! One run from end to end: programs → [`Recording`]. The only place where effects meet.
//!
//! ```text
//! lab                             worker (the same program, started anew)
//!  play() ── request, a line ───→  enter the sandbox → pid 1 → tracer.next_step() …
//!         ←── told, line by line ─  isolation, events, end
//! ```
//!
//! A run has a process of its own, since a process with threads may not enter a user namespace, and since all
//! that is left of a run ends with it. The two sides speak JSON lines over two pipes.

pub mod check;
mod stage;
mod worker;

use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::event::{End, Event, Isolation, Recording, Role, Schedule, Socket, Step, VERSION};
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
    /// Whether each event is wanted at once rather than when nobody can move.
    pub live: bool,
    /// What the outside world does, if anything.
    #[serde(default)]
    pub scenario: Option<Scene>,
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
    End { sockets: Vec<Socket>, steps: Vec<Step>, end: End },
    Failure { message: String, next: Option<String> },
}

/// Plays a run and gives its recording; `see` is shown every event as it happens.
///
/// Fails if a pattern is wrong, a program cannot be started, or tracing is impossible: then there is no recording.
pub fn play(request: &Request, see: &mut dyn FnMut(&Event)) -> Result<Recording> {
    // Patterns are read here too: a wrong one is told before anything has started.
    for part in &request.roles {
        if let Begin::After(pattern) = &part.begin {
            pattern.parse::<CallPattern>()?;
        }
    }
    let (mut child, told) = start_worker(request)?;
    let forwarding = Forwarding::to(child.id() as i32);
    let mut isolation = Isolation::default();
    let mut events = Vec::new();
    let (mut looks, mut packets, mut frames) = (Vec::new(), Vec::new(), Vec::new());
    let mut ending = None;
    for line in BufReader::new(std::fs::File::from(told)).split(b'\n') {
        let Ok(line) = line else { break };
        match serde_json::from_slice(&line) {
            Ok(Told::Isolation(found)) => isolation = found,
            Ok(Told::Event(event)) => {
                see(&event);
                events.push(*event);
            }
            Ok(Told::Looked(found)) => {
                looks.extend(found.look);
                packets.extend(found.packets);
                frames.extend(found.frames);
            }
            Ok(Told::End { sockets, steps, end }) => ending = Some((sockets, steps, end)),
            Ok(Told::Failure { message, next }) => {
                drop(forwarding);
                let _ = child.wait();
                return Err(Error::Told { message, next });
            }
            Err(_) => break,
        }
    }
    drop(forwarding);
    let status = child.wait();
    let Some((sockets, steps, end)) = ending else {
        let why = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        return Err(Error::Worker { why });
    };
    let machine = nix::sys::utsname::uname().ok();
    Ok(Recording {
        version: VERSION,
        lesson: request.lesson.clone(),
        isolation,
        arch: std::env::consts::ARCH.into(),
        kernel: machine.map(|it| it.release().to_string_lossy().into_owned()).unwrap_or_default(),
        schedule: request.tracer.schedule,
        seed: match (&request.scenario, request.tracer.schedule) {
            (Some(scene), _) => Some(scene.seed),
            (None, Schedule::Random) => Some(request.tracer.seed),
            (None, _) => request.tracer.weather.map(|_| request.tracer.seed),
        },
        scenario: request.scenario.as_ref().map(|scene| scene.plan.name.clone()),
        weather: request.tracer.weather.map(|weather| weather.to_string()),
        steps,
        roles: request.roles.iter().map(Part::as_role).chain(request.peers()).collect(),
        sockets,
        events,
        looks,
        packets,
        end,
        frames,
    })
}

impl Request {
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

/// Starts this program again as the worker and hands it the request; gives the end that it tells on.
fn start_worker(request: &Request) -> Result<(Child, OwnedFd)> {
    let failed = |errno| Error::System { doing: "start the recorder".into(), errno };
    let (request_out, request_in) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
    let (told_out, told_in) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
    let kept = [request_out.as_raw_fd(), told_in.as_raw_fd()];
    let mut request = request.clone();
    request.sandbox.parent = Some(std::process::id() as i32);
    let mut command = Command::new("/proc/self/exe");
    command.arg0("lab").arg("worker").args(kept.map(|fd| fd.to_string()));
    // SAFETY: fcntl is async-signal-safe, and the descriptors are open until the child has been made.
    unsafe { command.pre_exec(move || keep_open(&kept)) };
    let child = command.spawn().map_err(|error| {
        failed(error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw))
    })?;
    drop((request_out, told_in));
    let line = serde_json::to_vec(&request).unwrap_or_default();
    // If the worker has died already, the end of its telling says so.
    let _ = std::fs::File::from(request_in).write_all(&line);
    Ok((child, told_out))
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
