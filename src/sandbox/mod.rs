//! What a run is shut in: namespaces, a network like no other run's, limits; and what this
//! machine refuses of it.
//!
//! ```text
//! lab ── worker (stub) ── pid 1: tracer, peers ── the programs under test
//!        enter()          fork_init() returns here, then furnish()
//!        fork_init() stays
//! ```
//!
//! [`enter`] takes the namespaces, as root without a user namespace and as anybody else with one; [`fork_init`]
//! forks the process that becomes pid 1 of the run and leaves the worker waiting for it; [`furnish`] makes
//! the place habitable. Each gives what can be had and writes down the rest in [`Isolation`]: a machine that
//! refuses is no error.
//!
//! **A scout goes first.** unshare(2) cannot be undone, and it succeeds where what follows does not: Ubuntu's
//! AppArmor hands out user namespaces in which nothing is allowed, containers let one have a pid
//! namespace but mount no /proc for it. So a throw-away child enters everything, writes its maps, brings
//! loopback up and mounts /proc; the worker then joins (setns(2)) what the scout found to work, which
//! also saves making a second network namespace, the dearest part of all this.
//!
//! **Nothing outlives the lab.** Worker and pid 1 die with their parents (PR_SET_PDEATHSIG), and a pid
//! namespace dies with its pid 1. Where there is none, pid 1's place is taken by a subreaper, the tracees die by
//! PTRACE_O_EXITKILL, and the stub kills whatever is left; only a process that nobody
//! traces, under a stub that was itself killed by SIGKILL, could stay.
//!
//! **Pid 1 is deaf.** The kernel drops every signal for which the first process of a pid namespace has no handler,
//! SIGKILL from outside excepted. Whoever runs there installs handlers for SIGINT, SIGTERM and SIGHUP;
//! the stub passes them on and kills pid 1 after [`GRACE`] if it has not ended. It also inherits every
//! orphan: wait for any child (`__WALL`), not only for those one has started.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, setns, unshare};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::event::Isolation;

mod confine;
pub mod doctor;
mod etc;
mod icmp;
mod lock;
mod net;
mod trial;

pub use confine::{Confinement, confine};
pub use etc::own_etc;
pub use icmp::allow_icmp;
pub use lock::{lock_machine, try_lock_machine};
pub use net::own_links;

pub(crate) use trial::wait_status;
use trial::{Answer, Reply, Trial};

/// How long pid 1 may go on after a signal was passed on to it.
pub const GRACE: Duration = Duration::from_secs(2);

/// The name of the machine inside. Programs ask for the address of their own name, as the manual of Python's sockets does,
/// and this is one that resolves where there is no name server.
pub const HOSTNAME: &str = "localhost";

/// What a run wants to have to itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// A network with nothing in it but loopback.
    pub network: bool,
    /// Pids of its own (1, 2, 3 …), with the mounts and the /proc to see them.
    pub processes: bool,
    /// A host name and System V IPC of its own.
    pub names: bool,
    /// A folder that is the only place to write: [`confine`].
    #[serde(default)]
    pub confine: bool,
    /// The pid of the process that started this one, which is to die with it. `None`: not checked.
    pub parent: Option<i32>,
}

impl Default for Settings {
    /// Everything but a folder to be confined to.
    fn default() -> Settings {
        Settings { network: true, processes: true, names: true, confine: false, parent: None }
    }
}

impl Settings {
    /// A folder too: the names that a lesson binds are in nobody's way, and are gone after it.
    pub fn of_a_lesson() -> Settings {
        Settings { confine: true, ..Settings::default() }
    }

    /// No namespace at all; the run still ends with its parent.
    pub fn open() -> Settings {
        let (network, processes, names) = (false, false, false);
        Settings { network, processes, names, ..Settings::default() }
    }
}

/// What was had.
#[derive(Debug)]
pub struct Entered {
    /// For the recording's header; [`furnish`] adds what it could not do.
    pub isolation: Isolation,
    had: CloneFlags,
}

impl Entered {
    /// Whether the network is the run's own. If not, runs take turns: [`lock_machine`].
    pub fn has_network(&self) -> bool {
        self.had.contains(CloneFlags::CLONE_NEWNET)
    }

    /// Whether the process that [`fork_init`] returns in is pid 1 of a namespace of its own.
    pub fn has_processes(&self) -> bool {
        self.had.contains(CloneFlags::CLONE_NEWPID)
    }

    fn lack(&mut self, what: &str, errno: Errno) {
        self.isolation.lacking.push(format!("{what}: {errno:?}"));
    }
}

/// Enters as many namespaces as are wanted and allowed.
///
/// For a process with a single thread and before it has done anything else; its pid namespace holds for the
/// children that it forks from now on. Its user and group ids stay what they were, and an ordinary user's
/// programs have no more rights inside than outside (execve(2) drops them). From here on
/// this process dies with *the thread* that started it: prctl(2), PR_SET_PDEATHSIG. And SIGCHLD is as by default: an inherited
/// SIG_IGN would swallow the wait statuses that scouts are asked by, and that a tracer lives on.
///
/// Fails if there are more threads, or if [`Settings::parent`] has already gone; never because
/// something is refused.
pub fn enter(want: &Settings) -> Result<Entered> {
    trial::die_with_parent();
    // SAFETY: sets a default action; no handler of ours is involved.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
    if want.parent.is_some_and(|parent| parent != nix::unistd::getppid().as_raw()) {
        return Err(Error::Worker { why: "the lab that started it has gone".into() });
    }
    // Joining a network namespace moves one thread only: the others would stay outside.
    if threads() > 1 {
        return Err(Error::Worker { why: "it had threads before it entered the sandbox".into() });
    }
    let wanted = want.flags();
    if wanted.is_empty() {
        return Ok(Entered { isolation: Isolation::default(), had: wanted });
    }
    let (scout, found) = send_scouts(wanted);
    let mut entered = follow(scout, found);
    // Joining a user namespace is a change of credentials, which may clear it.
    trial::die_with_parent();
    entered.isolation.namespaces = names_of(entered.had);
    Ok(entered)
}

/// Forks. Returns in the child only: pid 1 of the run, or a subreaper where there is no pid namespace.
///
/// The parent becomes a stub, which waits for the child, passes SIGINT, SIGTERM and SIGHUP on to
/// it and ends as it ends: with its status, or by the same signal. The child dies with the stub.
/// It starts with the signal mask of the caller.
pub fn fork_init(entered: &Entered) -> Result<()> {
    let failed = |errno| Error::System { doing: "start the recorder".into(), errno };
    let (alive, held) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(failed)?;
    let watched = Watched::block();
    if !entered.has_processes() {
        become_subreaper();
    }
    // SAFETY: `enter` has seen that there is one thread, and the child goes on with a copy of it.
    match unsafe { libc::fork() } {
        -1 => {
            let errno = Errno::last();
            watched.restore();
            Err(failed(errno))
        }
        0 => {
            drop(held);
            trial::die_with_parent();
            watched.restore();
            if !entered.has_processes() {
                become_subreaper();
            }
            // getppid() gives 0 to pid 1, whoever its parent is; the pipe tells whether there still is one.
            if hung_up(&alive) {
                // SAFETY: ends this process, which has done nothing yet.
                unsafe { libc::_exit(1) };
            }
            // Open for as long as we are: closed by exec, and nobody reads it.
            std::mem::forget(alive);
            Ok(())
        }
        init => {
            drop(alive);
            let status = watched.wait_for(init);
            if !entered.has_processes() {
                end_the_rest();
            }
            drop(held);
            end_like(status)
        }
    }
}

/// Makes the namespaces habitable; for the process in which [`fork_init`] returned.
///
/// A /proc that shows the run's own processes, mounts that nobody outside sees, the host name
/// [`HOSTNAME`], loopback up with 127.0.0.1 and ::1, acknowledgements at once, and settings of the network under which
/// the same program does the same in every run. What is refused is added to `lacking`; nothing outside is
/// ever changed.
pub fn furnish(entered: &mut Entered) {
    if entered.had.contains(CloneFlags::CLONE_NEWNS) {
        if let Err(errno) = make_mounts_private() {
            entered.lack("private mounts", errno);
        } else if entered.has_processes()
            && let Err(errno) = mount_proc()
        {
            entered.lack("/proc", errno);
        }
    }
    if entered.had.contains(CloneFlags::CLONE_NEWUTS)
        && let Err(errno) = set_hostname()
    {
        entered.lack("hostname", errno);
    }
    if entered.has_network() {
        furnish_network(entered);
    }
}

fn furnish_network(entered: &mut Entered) {
    let refused = net::set_sysctls();
    // A read-only /proc/sys refuses all of them alike: one line, not twenty.
    if let [(_, errno), ..] = refused[..]
        && refused.len() > 3
        && refused.iter().all(|(_, other)| *other == errno)
    {
        entered.lack("sysctls", errno);
    } else {
        for (name, errno) in refused {
            entered.lack(name, errno);
        }
    }
    if let Err(errno) = net::loopback_up() {
        entered.lack("lo", errno);
    }
    if let Err(errno) = net::has_ipv6() {
        entered.lack("::1", errno);
    }
    if let Err((what, errno)) = net::acknowledge_at_once() {
        entered.lack(what, errno);
    }
}

impl Settings {
    fn flags(&self) -> CloneFlags {
        let mut flags = CloneFlags::empty();
        flags.set(CloneFlags::CLONE_NEWNET, self.network);
        flags.set(CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS, self.processes);
        flags.set(CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS, self.names);
        flags
    }
}

/// The namespaces, by their names in /proc/PID/ns; the user namespace first, since it gives the right to
/// the others.
const KINDS: [(CloneFlags, &str); 6] = [
    (CloneFlags::CLONE_NEWUSER, "user"),
    (CloneFlags::CLONE_NEWNET, "net"),
    (CloneFlags::CLONE_NEWPID, "pid"),
    (CloneFlags::CLONE_NEWNS, "mnt"),
    (CloneFlags::CLONE_NEWIPC, "ipc"),
    (CloneFlags::CLONE_NEWUTS, "uts"),
];

/// How long a scout may take. It takes less than a millisecond; a machine may be busy.
const SCOUT_LIMIT: Duration = Duration::from_secs(5);

/// At what a namespace failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It could not be made.
    Unshare,
    /// User: its uid and gid maps could not be written.
    Maps,
    /// Net: loopback could not be brought up.
    Loopback,
    /// Pid: /proc could not be mounted, and the tracer cannot do without.
    Proc,
    /// It needs another namespace, which was refused.
    Needs,
}

const STEPS: [Step; 5] = [Step::Unshare, Step::Maps, Step::Loopback, Step::Proc, Step::Needs];

/// What a scout found: what was wanted, and which of [`KINDS`] were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    wanted: CloneFlags,
    refused: [Option<(Errno, Step)>; KINDS.len()],
}

impl Found {
    fn all_of(wanted: CloneFlags) -> Found {
        Found { wanted, refused: [None; KINDS.len()] }
    }

    fn refuse(&mut self, kinds: CloneFlags, errno: Errno, step: Step) {
        for (refused, (flag, _)) in self.refused.iter_mut().zip(KINDS) {
            if kinds.contains(flag) && self.wanted.contains(flag) && refused.is_none() {
                *refused = Some((errno, step));
            }
        }
    }

    /// Nothing of what was wanted, all for one reason.
    fn nothing_of(wanted: CloneFlags, errno: Errno) -> Found {
        let mut found = Found::all_of(wanted);
        found.refuse(wanted, errno, Step::Unshare);
        found
    }

    /// What works. A user namespace alone is worth nothing and counts as none.
    fn granted(&self) -> CloneFlags {
        let mut granted = self.wanted;
        for (refused, (flag, _)) in self.refused.iter().zip(KINDS) {
            granted.set(flag, granted.contains(flag) && refused.is_none());
        }
        if granted == CloneFlags::CLONE_NEWUSER { CloneFlags::empty() } else { granted }
    }

    fn errno_of(&self, kind: CloneFlags) -> Option<Errno> {
        let place = KINDS.iter().position(|(flag, _)| *flag == kind)?;
        self.refused[place].map(|(errno, _)| errno)
    }

    fn lacking(&self) -> Vec<String> {
        let each = self.refused.iter().zip(KINDS);
        each.filter_map(|(refused, (_, name))| {
            let (errno, step) = (*refused)?;
            Some(match step {
                Step::Unshare | Step::Needs => format!("{name}: {errno:?}"),
                Step::Maps => format!("{name}: {errno:?} (writing uid_map)"),
                Step::Loopback => format!("{name}: {errno:?} (bringing lo up)"),
                Step::Proc => format!("{name}: {errno:?} (mounting /proc)"),
            })
        })
        .collect()
    }

    /// Two bytes for each kind: the errno, 0 for none, and the step.
    fn to_bytes(self) -> [u8; KINDS.len() * 2] {
        let mut bytes = [0; KINDS.len() * 2];
        for (pair, refused) in bytes.chunks_exact_mut(2).zip(self.refused) {
            if let Some((errno, step)) = refused {
                pair.copy_from_slice(&[errno as i32 as u8, step as u8]);
            }
        }
        bytes
    }

    fn from_bytes(wanted: CloneFlags, bytes: &[u8]) -> Found {
        let mut found = Found::all_of(wanted);
        for (refused, pair) in found.refused.iter_mut().zip(bytes.chunks_exact(2)) {
            let step = STEPS.get(usize::from(pair[1])).copied().unwrap_or(Step::Unshare);
            *refused = (pair[0] != 0).then(|| (Errno::from_raw(pair[0].into()), step));
        }
        found
    }
}

/// Sends a scout, and one with a user namespace where one without could not have all; gives the one that got
/// further, which holds its namespaces until it is dropped.
fn send_scouts(wanted: CloneFlags) -> (Option<Trial>, Found) {
    let with_user = wanted | CloneFlags::CLONE_NEWUSER;
    let first = if rules_the_machine() { wanted } else { with_user };
    if let Some(errno) = refused_whatever_is_asked() {
        return (None, Found::nothing_of(first, errno));
    }
    let (scout, found) = send_scout(first);
    if first == with_user || found.granted() == wanted {
        return (scout, found);
    }
    let (other, with) = send_scout(with_user);
    let useful = |found: &Found| (found.granted() - CloneFlags::CLONE_NEWUSER).bits().count_ones();
    if useful(&with) > useful(&found) { (other, with) } else { (scout, found) }
}

/// The errno by which a seccomp filter, as containers have one, refuses every unshare(2). Each scout would cost a fork to
/// say the same.
fn refused_whatever_is_asked() -> Option<Errno> {
    // SAFETY: takes plain integers.
    let filtered = unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) } > 0;
    if !filtered {
        return None;
    }
    // It asks for nothing, which changes nothing.
    let asks = || unshare(CloneFlags::empty()).map_or_else(|errno| errno as i32, |()| 0);
    match trial::borrow_for(asks) {
        Ok(0) => None,
        // A filter may kill for what another refuses.
        Ok(libc::EINTR) => Some(Errno::EPERM),
        Ok(errno) => Some(Errno::from_raw(errno)),
        Err(_) => None,
    }
}

fn send_scout(wanted: CloneFlags) -> (Option<Trial>, Found) {
    let mut trial = match Trial::start(|reply| scout(wanted, reply)) {
        Ok(trial) => trial,
        Err(errno) => return (None, Found::nothing_of(wanted, errno)),
    };
    match trial.answer(SCOUT_LIMIT) {
        Answer::Said(bytes) => (Some(trial), Found::from_bytes(wanted, &bytes)),
        Answer::Died(_) => (None, Found::nothing_of(wanted, Errno::EPERM)),
        Answer::Silent => (None, Found::nothing_of(wanted, Errno::ETIMEDOUT)),
    }
}

/// In the throw-away child: goes in, tries what the run will need, says what it found, and keeps the door
/// open until it is killed.
fn scout(wanted: CloneFlags, reply: &Reply) {
    reply.say(&look_around(wanted).to_bytes());
    loop {
        // SAFETY: waits for a signal.
        unsafe { libc::pause() };
    }
}

fn look_around(wanted: CloneFlags) -> Found {
    let mut found = Found::all_of(wanted);
    if wanted.contains(CloneFlags::CLONE_NEWUSER)
        && let Err((errno, step)) = own_user_namespace()
    {
        found.refuse(CloneFlags::CLONE_NEWUSER, errno, step);
        found.refuse(wanted, errno, Step::Needs);
        return found;
    }
    let simple = CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    if unshare(wanted & simple).is_err() {
        for (flag, _) in KINDS.into_iter().filter(|(flag, _)| (wanted & simple).contains(*flag)) {
            if let Err(errno) = unshare(flag) {
                found.refuse(flag, errno, Step::Unshare);
            }
        }
    }
    if found.granted().contains(CloneFlags::CLONE_NEWNET)
        && let Err(errno) = net::loopback_up()
    {
        found.refuse(CloneFlags::CLONE_NEWNET, errno, Step::Loopback);
    }
    if wanted.contains(CloneFlags::CLONE_NEWPID) {
        if let Some(errno) = found.errno_of(CloneFlags::CLONE_NEWNS) {
            found.refuse(CloneFlags::CLONE_NEWPID, errno, Step::Needs);
        } else if let Err(errno) = unshare(CloneFlags::CLONE_NEWPID) {
            found.refuse(CloneFlags::CLONE_NEWPID, errno, Step::Unshare);
        } else if let Err(errno) = try_proc() {
            found.refuse(CloneFlags::CLONE_NEWPID, errno, Step::Proc);
        }
    }
    found
}

/// Makes a user namespace in which we are who we were, alone.
fn own_user_namespace() -> std::result::Result<(), (Errno, Step)> {
    // Read before: inside, an unmapped id shows as 65534.
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|errno| (errno, Step::Unshare))?;
    // The /proc/self of a program that its user may run but not read belongs to root.
    // SAFETY: takes plain integers.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0) };
    let write = |path, text: String| {
        std::fs::write(path, text).map_err(|error| (net::errno_of(&error), Step::Maps))
    };
    // An ordinary user may map its group only after giving up setgroups(2). user_namespaces(7).
    match write("/proc/self/setgroups", "deny".into()) {
        Err((Errno::ENOENT, _)) => {}
        other => other?,
    }
    write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    write("/proc/self/gid_map", format!("{gid} {gid} 1"))
}

/// Mounts /proc as pid 1 of the namespace that our next child begins, and looks into it.
fn try_proc() -> nix::Result<()> {
    let child = trial::fork_for(|| {
        let shown = make_mounts_private().and_then(|()| mount_proc());
        match shown {
            Err(errno) => errno as i32,
            Ok(()) if std::fs::read_link("/proc/self").is_ok_and(|own| own.as_os_str() == "1") => 0,
            Ok(()) => libc::ENOENT,
        }
    })?;
    match trial::status_of(child) {
        0 => Ok(()),
        errno => Err(Errno::from_raw(errno)),
    }
}

/// Joins what the scout holds, and makes the two that cannot be shared with it: pids begin with a first
/// child, and its mounts hold its own /proc.
fn follow(scout: Option<Trial>, found: Found) -> Entered {
    let lacking = found.lacking();
    let isolation = Isolation { namespaces: Vec::new(), lacking };
    let mut entered = Entered { isolation, had: CloneFlags::empty() };
    let granted = found.granted();
    let Some(scout) = scout.filter(|_| !granted.is_empty()) else { return entered };
    let own = granted & (CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS);
    // All doors are opened before the first is gone through: what we may open changes with the first.
    let doors: Vec<_> = KINDS
        .into_iter()
        .filter(|(flag, _)| (granted - own).contains(*flag))
        .map(|(flag, name)| (flag, name, File::open(format!("/proc/{}/ns/{name}", scout.pid))))
        .collect();
    for (flag, name, door) in doors {
        let joined = door.map_err(|error| net::errno_of(&error)).and_then(|door| setns(door, flag));
        match joined {
            Ok(()) => entered.had |= flag,
            Err(errno) => {
                entered.lack(name, errno);
                if flag == CloneFlags::CLONE_NEWUSER {
                    entered.isolation.lacking = Found::nothing_of(found.wanted, errno).lacking();
                    return entered;
                }
            }
        }
    }
    match unshare(own) {
        Ok(()) => entered.had |= own,
        Err(errno) => names_of(own).iter().for_each(|name| entered.lack(name, errno)),
    }
    entered
}

fn names_of(flags: CloneFlags) -> Vec<String> {
    let had = KINDS.into_iter().filter(|(flag, _)| flags.contains(*flag));
    had.map(|(_, name)| name.to_owned()).collect()
}

/// Whether this process may make namespaces and set up networks without a user namespace.
fn rules_the_machine() -> bool {
    const CAP_NET_ADMIN: u32 = 12;
    const CAP_SYS_ADMIN: u32 = 21;
    let both = 1 << CAP_NET_ADMIN | 1 << CAP_SYS_ADMIN;
    capabilities().is_ok_and(|sets| sets[0] & both == both)
}

/// From linux/capability.h, which libc lacks: two words of each set.
const CAPABILITIES_VERSION_3: u32 = 0x2008_0522;

/// What this process may do: effective, permitted and inheritable, and the same again for those above 31.
fn capabilities() -> nix::Result<[u32; 6]> {
    let header: [u32; 2] = [CAPABILITIES_VERSION_3, 0];
    let mut sets = [0u32; 6];
    // SAFETY: header and sets have the layout that version 3 asks for: 8 bytes, and two times three words.
    let got = unsafe { libc::syscall(libc::SYS_capget, header.as_ptr(), sets.as_mut_ptr()) };
    Errno::result(got).map(|_| sets)
}

/// How many threads this process has.
pub fn threads() -> u64 {
    // A folder has two links more than it has folders in it.
    std::fs::metadata("/proc/self/task").map_or(1, |task| task.nlink().saturating_sub(2))
}

/// From now on no mount of ours is seen outside, nor one of theirs inside.
fn make_mounts_private() -> nix::Result<()> {
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)
}

fn mount_proc() -> nix::Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>)
}

fn set_hostname() -> nix::Result<()> {
    // SAFETY: the kernel reads as many bytes as the name has.
    let set = unsafe { libc::sethostname(HOSTNAME.as_ptr().cast(), HOSTNAME.len()) };
    Errno::result(set).map(drop)
}

fn become_subreaper() {
    // SAFETY: takes plain integers.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) };
}

/// Whether the other end of a pipe is gone.
fn hung_up(pipe: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).is_ok()
        && fds[0].revents().is_some_and(|seen| seen.contains(PollFlags::POLLHUP))
}

/// The signals that a stub waits for, blocked from before the fork so that none is lost.
struct Watched {
    signals: libc::sigset_t,
    before: libc::sigset_t,
}

impl Watched {
    /// Blocks SIGCHLD, and those signals to pass on that are not ignored (`nohup lab …`).
    fn block() -> Watched {
        // SAFETY: all of these write into live sets of ours; sigaction only asks.
        unsafe {
            let mut watched: Watched = std::mem::zeroed();
            libc::sigemptyset(&mut watched.signals);
            libc::sigaddset(&mut watched.signals, libc::SIGCHLD);
            for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
                let mut action: libc::sigaction = std::mem::zeroed();
                libc::sigaction(signal, std::ptr::null(), &mut action);
                if action.sa_sigaction != libc::SIG_IGN {
                    libc::sigaddset(&mut watched.signals, signal);
                }
            }
            libc::sigprocmask(libc::SIG_BLOCK, &watched.signals, &mut watched.before);
            watched
        }
    }

    fn restore(&self) {
        // SAFETY: the set was filled in by `block`.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut()) };
    }

    /// Waits for `init` to end and passes signals on to it; its wait status.
    fn wait_for(&self, init: libc::pid_t) -> i32 {
        let mut deadline = None;
        loop {
            if let Some(status) = reap(init) {
                return status;
            }
            let left = deadline.map(|end: std::time::Instant| {
                end.saturating_duration_since(std::time::Instant::now())
            });
            // SAFETY: an all-zero siginfo_t is valid, and the others are live and ours.
            let (signal, info) = unsafe {
                let mut info: libc::siginfo_t = std::mem::zeroed();
                let signal = match left {
                    None => libc::sigwaitinfo(&self.signals, &mut info),
                    Some(left) => {
                        let left = libc::timespec {
                            tv_sec: left.as_secs() as libc::time_t,
                            tv_nsec: left.subsec_nanos() as libc::c_long,
                        };
                        libc::sigtimedwait(&self.signals, &mut info, &left)
                    }
                };
                (signal, info)
            };
            match signal {
                libc::SIGCHLD => {}
                -1 if Errno::last() == Errno::EAGAIN => kill(init, libc::SIGKILL),
                -1 => {}
                signal => {
                    // What the terminal sends goes to the whole foreground group, init included.
                    const SI_KERNEL: i32 = 0x80;
                    // SAFETY: plain system calls.
                    let together = unsafe { libc::getpgid(init) == libc::getpgrp() };
                    if !(info.si_code == SI_KERNEL && together) {
                        kill(init, signal);
                    }
                    deadline.get_or_insert_with(|| std::time::Instant::now() + GRACE);
                }
            }
        }
    }
}

/// Reaps whatever has ended; the status of `init` if it is among them.
fn reap(init: libc::pid_t) -> Option<i32> {
    loop {
        let mut status = 0;
        // SAFETY: `status` is a live integer of ours.
        match unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG | libc::__WALL) } {
            pid if pid == init => return Some(status),
            0 => return None,
            -1 if Errno::last() == Errno::EINTR => {}
            // Nobody left to wait for, although init was never seen: it cannot be told how it ended.
            -1 => return Some(libc::SIGKILL),
            _ => {}
        }
    }
}

fn kill(pid: libc::pid_t, signal: i32) {
    // SAFETY: a plain system call; pid is our child, not reaped yet.
    unsafe { libc::kill(pid, signal) };
}

/// Kills what a run without a pid namespace has left: all of it has become our child, as subreaper.
fn end_the_rest() {
    // Bounded, for somebody may be stuck in the kernel; a second is long enough for anybody else.
    for _ in 0..1000 {
        loop {
            // SAFETY: the status is not asked for.
            match unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG | libc::__WALL) } {
                0 => break,
                -1 if Errno::last() != Errno::EINTR => return,
                _ => {}
            }
        }
        children().into_iter().for_each(|pid| kill(pid, libc::SIGKILL));
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The pids of our children, from /proc: /proc/PID/task/TID/children is not in every kernel.
fn children() -> Vec<libc::pid_t> {
    let own = nix::unistd::getpid().to_string();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &libc::pid_t| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name, in parentheses, may hold anything; after it come state and parent.
        let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        after.split(' ').nth(1) == Some(&own)
    })
    .collect()
}

/// Ends this process as another one did.
fn end_like(status: i32) -> ! {
    if libc::WIFSIGNALED(status) {
        let signal = libc::WTERMSIG(status);
        trial::no_core();
        // SAFETY: sets a default action, lets the signal through and sends it to ourselves.
        unsafe {
            let mut only: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut only);
            libc::sigaddset(&mut only, signal);
            libc::signal(signal, libc::SIG_DFL);
            libc::sigprocmask(libc::SIG_UNBLOCK, &only, std::ptr::null_mut());
            libc::kill(libc::getpid(), signal);
            libc::_exit(128 + signal)
        }
    }
    // SAFETY: the copy of whatever the run's process has registered for its exit must not run twice.
    unsafe { libc::_exit(libc::WEXITSTATUS(status)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_scout_finds_comes_through_the_pipe_unchanged() {
        let mut found = Found::all_of(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWPID);
        found.refuse(CloneFlags::CLONE_NEWPID, Errno::EPERM, Step::Proc);
        assert_eq!(Found::from_bytes(found.wanted, &found.to_bytes()), found);
        assert_eq!(found.granted(), CloneFlags::CLONE_NEWNET);
        assert_eq!(found.lacking(), ["pid: EPERM (mounting /proc)"]);
    }

    #[test]
    fn a_user_namespace_alone_counts_as_none() {
        let mut found = Found::all_of(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET);
        found.refuse(CloneFlags::CLONE_NEWNET, Errno::EPERM, Step::Loopback);
        assert!(found.granted().is_empty());
    }

    #[test]
    fn the_first_reason_for_a_refusal_is_kept() {
        let mut found = Found::all_of(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET);
        found.refuse(CloneFlags::CLONE_NEWUSER, Errno::EPERM, Step::Maps);
        found.refuse(found.wanted, Errno::EACCES, Step::Needs);
        assert_eq!(found.lacking(), ["user: EPERM (writing uid_map)", "net: EACCES"]);
    }
}
