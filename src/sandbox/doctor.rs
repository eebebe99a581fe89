//! What this machine allows, found out by doing it.
//!
//! Every probe runs for real in a throw-away child with a limit on its time, so that none can hang, harm or
//! leave anything behind. A probe of the sandbox is the sandbox itself, entered and furnished as for a run.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize, Serializer};

use super::trial::{Answer, Reply, attempt, fork_for, owned};
use super::{Settings, own_user_namespace};

/// One thing that the lab needs or likes to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at: `ptrace`, `user namespaces`.
    pub name: &'static str,
    pub ok: Health,
    /// What was found: a version, a value, an errno.
    pub found: String,
    /// What follows from it for the lab.
    pub means: String,
    /// The command that mends it, where one does.
    pub mend: Option<String>,
}

/// In JSON `true`, `false` and `"skipped"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Good,
    Bad,
    /// Not to be found out, because something that it needs is not there, or nothing to be judged.
    Skipped,
}

impl Serialize for Health {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Health::Good => serializer.serialize_bool(true),
            Health::Bad => serializer.serialize_bool(false),
            Health::Skipped => serializer.serialize_str("skipped"),
        }
    }
}

/// How long one probe may take. All of them together take some 20 ms where nothing is in the way.
const LIMIT: Duration = Duration::from_secs(2);

/// Looks at everything, in the order in which a reader wants it: the machine, recording, the
/// sandbox, the network inside. Never fails; takes at most a few times two seconds.
pub fn examine() -> Vec<Check> {
    let machine = Machine::look();
    let mut checks =
        vec![architecture(&machine), kernel(&machine), container(&machine), yama(&machine)];
    checks.extend(recording(&machine));
    checks.push(user_namespaces(&machine));
    checks.extend(sandbox(&machine));
    checks.extend([terminal(), landlock()]);
    checks
}

/// Whether all that is needed to record is there: without it no command that plays a program works.
pub fn can_record(checks: &[Check]) -> bool {
    let needed = ["architecture", "ptrace", "seccomp", "syscall info", "tracee memory"];
    checks.iter().all(|check| !needed.contains(&check.name) || check.ok == Health::Good)
}

/// Facts that several checks look at.
struct Machine {
    arch: String,
    release: String,
    container: Option<&'static str>,
    yama: Option<i32>,
}

impl Machine {
    fn look() -> Machine {
        let (arch, release) = match nix::sys::utsname::uname() {
            Ok(name) => (
                name.machine().to_string_lossy().into_owned(),
                name.release().to_string_lossy().into_owned(),
            ),
            Err(_) => Default::default(),
        };
        let yama = sysctl("kernel/yama/ptrace_scope").and_then(|text| text.parse().ok());
        Machine { container: container_kind(&release), arch, release, yama }
    }

    /// Major and minor number of the kernel.
    fn version(&self) -> Option<(u32, u32)> {
        let mut numbers = self.release.split(|c: char| !c.is_ascii_digit());
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    }
}

fn architecture(machine: &Machine) -> Check {
    let known = ["x86_64", "aarch64"].contains(&&*machine.arch);
    Check {
        name: "architecture",
        ok: Health::of(known),
        found: machine.arch.clone(),
        means: if known {
            "system calls of this architecture can be read".into()
        } else {
            "nothing can be recorded: the lab reads the system calls of x86_64 and aarch64".into()
        },
        mend: None,
    }
}

fn kernel(machine: &Machine) -> Check {
    // PTRACE_GET_SYSCALL_INFO came with 5.3, pidfd_getfd with 5.6, IP_LOCAL_PORT_RANGE with 6.3.
    let (ok, means) = match machine.version() {
        Some(version) if version >= (6, 3) => (true, "all that the lab can use is there"),
        Some(version) if version >= (5, 6) => (
            true,
            "source ports are the kernel's choice (IP_LOCAL_PORT_RANGE is there from 6.3 on)",
        ),
        Some(version) if version >= (5, 3) => {
            (true, "nobody gets at a program's descriptors (pidfd_getfd is there from 5.6 on)")
        }
        Some(_) => (false, "nothing can be recorded: the lab needs Linux 5.3"),
        None => (false, "not a Linux version: the probes below tell what works"),
    };
    Check {
        name: "kernel",
        ok: Health::of(ok),
        found: machine.release.clone(),
        means: means.into(),
        mend: None,
    }
}

fn container(machine: &Machine) -> Check {
    Check {
        name: "container",
        // Being in one is no fault; what it forbids shows below.
        ok: Health::of(machine.container != Some(WSL1)),
        found: machine.container.unwrap_or("none seen").into(),
        means: match machine.container {
            Some("gVisor") => "its kernel is gVisor's: ptrace works in part, recordings may differ",
            Some(WSL1) => "nothing can be recorded: WSL 1 imitates Linux, and has neither its ptrace nor its sockets",
            Some("WSL") => "a virtual machine with a kernel of its own: all should work",
            Some(_) => "its seccomp filter and capabilities decide what works below",
            None => "nothing between the lab and the kernel",
        }
        .into(),
        mend: (machine.container == Some(WSL1))
            .then(|| "wsl --set-version DISTRO 2, in Windows' own shell".into()),
    }
}

/// The first WSL, which has no kernel of its own: its release ends in `-Microsoft`, that of the second in `-microsoft-…`.
const WSL1: &str = "WSL 1";

/// Best effort: the marks that the common ones leave.
fn container_kind(release: &str) -> Option<&'static str> {
    let has = |path| Path::new(path).exists();
    let text = |path| fs::read_to_string(path).unwrap_or_default();
    if text("/proc/version").contains("gVisor") || release == "4.4.0" && !has("/proc/kallsyms") {
        return Some("gVisor");
    }
    if has("/run/.containerenv") {
        return Some("podman");
    }
    if has("/.dockerenv") {
        return Some("docker");
    }
    if std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() {
        return Some("kubernetes");
    }
    if has("/run/systemd/container") {
        return Some("systemd-nspawn or alike");
    }
    let groups = text("/proc/1/cgroup");
    for (mark, name) in [("docker", "docker"), ("lxc", "lxc"), ("kubepods", "kubernetes")] {
        if groups.contains(mark) {
            return Some(name);
        }
    }
    if release.ends_with("-Microsoft") {
        return Some(WSL1);
    }
    (release.contains("microsoft") || release.contains("WSL")).then_some("WSL")
}

fn yama(machine: &Machine) -> Check {
    let (ok, means, mend) = match machine.yama {
        None => (true, "no restriction: Yama is not in this kernel", None),
        Some(0) => (true, "no restriction", None),
        Some(1) => (true, "no restriction for the lab: it traces only what it has started", None),
        Some(2) => (
            super::rules_the_machine(),
            "only root may trace",
            Some("sudo sysctl -w kernel.yama.ptrace_scope=1"),
        ),
        // Locked until the next boot.
        Some(_) => (
            false,
            "nobody may trace until the next boot",
            Some("remove kernel.yama.ptrace_scope from /etc/sysctl.d and reboot"),
        ),
    };
    Check {
        name: "yama",
        ok: Health::of(ok),
        found: match machine.yama {
            Some(scope) => format!("kernel.yama.ptrace_scope = {scope}"),
            None => "absent".into(),
        },
        means: means.into(),
        mend: mend.filter(|_| !ok).map(str::to_owned),
    }
}

/// What a tracer does with its first stop, step by step; see [`trace_a_child`].
const RECORDING: [(&str, &str, &str); 5] = [
    ("ptrace", "programs can be traced", "nothing can be recorded"),
    ("seccomp", "only the calls that matter stop a program", "nothing can be recorded"),
    ("syscall info", "calls are read by PTRACE_GET_SYSCALL_INFO", "nothing can be recorded"),
    ("tracee memory", "buffers are read by process_vm_readv", "nothing can be recorded"),
    (
        "pidfd_getfd",
        "a socket is asked for its two ends, and given its source port, through a duplicate",
        "source ports are the kernel's choice, and no verdict is given on what waits for a timerfd",
    ),
];

fn recording(machine: &Machine) -> Vec<Check> {
    let errnos = match attempt(LIMIT, trace_a_child) {
        Answer::Said(bytes) => bytes,
        Answer::Died(_) => vec![libc::EPERM as u8],
        Answer::Silent => vec![libc::ETIMEDOUT as u8],
    };
    let check = |(place, (name, good, bad)): (usize, (&'static str, &str, &str))| {
        let errno = errnos.get(place).map(|errno| Errno::from_raw(i32::from(*errno)));
        let (ok, found) = match errno {
            // The steps after the one that failed were not tried.
            None => (Health::Skipped, "not tried: see above".to_owned()),
            Some(Errno::UnknownErrno) => (Health::Good, "works".to_owned()),
            Some(errno) => (Health::Bad, format!("{errno:?}")),
        };
        let mend = (ok == Health::Bad).then(|| mend_tracing(name, machine)).flatten();
        Check { name, ok, found, means: if ok == Health::Good { good } else { bad }.into(), mend }
    };
    RECORDING.into_iter().enumerate().map(check).collect()
}

fn mend_tracing(name: &str, machine: &Machine) -> Option<String> {
    match (machine.container, machine.yama) {
        // ptrace itself is allowed there; what forbids it is a filter of somebody's own.
        (Some(engine @ ("docker" | "podman")), _) if name != "pidfd_getfd" => {
            Some(format!("{engine} run --cap-add SYS_PTRACE --security-opt seccomp=unconfined …"))
        }
        (Some(_), _) if name == "pidfd_getfd" => mend_container(machine),
        (_, Some(2)) => Some("sudo sysctl -w kernel.yama.ptrace_scope=1".into()),
        _ if name == "ptrace" => Some("end the debugger or strace that traces this shell".into()),
        _ => None,
    }
}

/// How to start a container in which a run has all that it likes to have. With these capabilities root needs no user
/// namespace, and the filters of the engines let through what they are for; Docker's AppArmor profile forbids mounts.
fn mend_container(machine: &Machine) -> Option<String> {
    let is_root = nix::unistd::geteuid().is_root();
    let user = if is_root { "" } else { "--user root " };
    match machine.container? {
        engine @ ("docker" | "podman") => Some(format!(
            "{engine} run {user}--cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add NET_RAW --cap-add SYS_PTRACE \
             --security-opt apparmor=unconfined …"
        )),
        "kubernetes" => Some(
            "securityContext: {capabilities: {add: [SYS_ADMIN, NET_ADMIN, NET_RAW, SYS_PTRACE]}, \
             appArmorProfile: {type: Unconfined}}, for root in the container"
                .into(),
        ),
        _ => None,
    }
}

/// In a throw-away child: seizes a child of its own whose filter stops it at getppid(2), looks at the call, at a
/// marker in its memory, and takes a duplicate of one of its descriptors. Says an errno, 0 for none, for each step of
/// [`RECORDING`], up to the first of those that the others need.
fn trace_a_child(reply: &Reply) {
    let mut errnos = Vec::with_capacity(RECORDING.len());
    let failed = trace_steps(&mut errnos).err();
    errnos.extend(failed.map(|errno| errno as i32 as u8));
    reply.say(&errnos);
}

fn trace_steps(errnos: &mut Vec<u8>) -> nix::Result<()> {
    let marker: u64 = 0x6c61_6220_646f_6374;
    let (wait, go) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    let go_in_child = go.as_raw_fd();
    let child = fork_for(|| {
        // SAFETY: closes our copy of the writing end, which is used no more in this process: it ends here.
        unsafe { libc::close(go_in_child) };
        let mut byte = [0];
        let _ = nix::unistd::read(&wait, &mut byte);
        match stop_at_getppid() {
            Err(errno) => errno as i32,
            Ok(()) => {
                // SAFETY: asks for a number. Past libc, which might know the answer.
                unsafe { libc::syscall(libc::SYS_getppid) };
                0
            }
        }
    })?;
    let options = libc::PTRACE_O_TRACESECCOMP | libc::PTRACE_O_EXITKILL;
    // SAFETY: seizes our own child; the address is unused, the options are plain bits.
    Errno::result(unsafe { libc::ptrace(libc::PTRACE_SEIZE, child, 0usize, options as usize) })?;
    errnos.push(0);

    drop(go);
    let stop = libc::SIGTRAP | libc::PTRACE_EVENT_SECCOMP << 8;
    loop {
        let mut status = 0;
        // SAFETY: `status` is a live integer of ours.
        Errno::result(unsafe { libc::waitpid(child, &mut status, libc::__WALL) })?;
        match status {
            status if libc::WIFSTOPPED(status) && status >> 8 == stop => break,
            status if libc::WIFSTOPPED(status) => {
                // SAFETY: lets our stopped tracee go on.
                unsafe { libc::ptrace(libc::PTRACE_CONT, child, 0usize, 0usize) };
            }
            // It ended before it stopped: with the errno of its filter, or without having been stopped.
            status if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) != 0 => {
                return Err(Errno::from_raw(libc::WEXITSTATUS(status)));
            }
            _ => return Err(Errno::ENOTSUP),
        }
    }
    errnos.push(0);

    errnos.push(errno_byte(call_is_getppid(child)));
    let mut copy = 0u64;
    let local = libc::iovec { iov_base: (&raw mut copy).cast(), iov_len: 8 };
    let remote = libc::iovec { iov_base: (&raw const marker).cast_mut().cast(), iov_len: 8 };
    // SAFETY: writes eight bytes into `copy`. The child, forked from here, has `marker` at the same address.
    let read = unsafe { libc::process_vm_readv(child, &local, 1, &remote, 1, 0) };
    errnos.push(errno_byte(match Errno::result(read) {
        Ok(8) if copy == marker => Ok(()),
        Ok(_) => Err(Errno::EIO),
        Err(errno) => Err(errno),
    }));
    errnos.push(errno_byte(duplicate_of(child, wait.as_raw_fd()).map(drop)));
    // The tracee ends with us: PTRACE_O_EXITKILL.
    Ok(())
}

fn errno_byte(result: nix::Result<()>) -> u8 {
    result.err().map_or(0, |errno| errno as i32 as u8)
}

/// Installs a filter that stops the calling process at getppid(2) and nowhere else.
fn stop_at_getppid() -> nix::Result<()> {
    let op = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let program = [
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_getppid as u32),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_TRACE),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program =
        libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    // SAFETY: the program lives across the call, which copies it.
    unsafe {
        Errno::result(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
        let mode = libc::SECCOMP_SET_MODE_FILTER;
        Errno::result(libc::syscall(libc::SYS_seccomp, mode, 0, &raw const program))?;
    }
    Ok(())
}

/// Whether the kernel says of a tracee at its seccomp stop that it is calling getppid(2).
fn call_is_getppid(tracee: libc::pid_t) -> nix::Result<()> {
    // From linux/ptrace.h: u8 op, then instruction and stack pointer, then at 24 the call's number.
    const PTRACE_GET_SYSCALL_INFO: libc::c_long = 0x420e;
    const PTRACE_SYSCALL_INFO_SECCOMP: u8 = 3;
    const NUMBER_AT: usize = 24;
    let mut info = [0u8; 96];
    let (size, at) = (info.len(), info.as_mut_ptr());
    // SAFETY: the kernel writes at most `size` bytes at `at`.
    let got = Errno::result(unsafe {
        libc::syscall(libc::SYS_ptrace, PTRACE_GET_SYSCALL_INFO, tracee, size, at)
    })?;
    let number = u64::from_ne_bytes(info[NUMBER_AT..NUMBER_AT + 8].try_into().unwrap_or_default());
    let right = info[0] == PTRACE_SYSCALL_INFO_SECCOMP && number == libc::SYS_getppid as u64;
    if got as usize >= NUMBER_AT + 8 && right { Ok(()) } else { Err(Errno::ENOTSUP) }
}

/// A duplicate of another process's descriptor. pidfd_getfd(2).
fn duplicate_of(pid: libc::pid_t, fd: i32) -> nix::Result<OwnedFd> {
    // SAFETY: plain integers in, new descriptors out.
    unsafe {
        let pidfd = owned(libc::syscall(libc::SYS_pidfd_open, pid, 0))?;
        owned(libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0))
    }
}

fn user_namespaces(machine: &Machine) -> Check {
    let answer = attempt(LIMIT, |reply| {
        let errno = own_user_namespace().err().map_or(0, |(errno, _)| errno as i32 as u8);
        reply.say(&[errno]);
    });
    let most = sysctl("user/max_user_namespaces");
    let clone = sysctl("kernel/unprivileged_userns_clone");
    let apparmor = sysctl("kernel/apparmor_restrict_unprivileged_userns");
    let knobs: Vec<String> = [
        ("user.max_user_namespaces", &most),
        ("kernel.unprivileged_userns_clone", &clone),
        ("kernel.apparmor_restrict_unprivileged_userns", &apparmor),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some(format!("{name} = {}", value.as_ref()?)))
    .collect();
    let errno = errno_in(&answer);
    let is = |value: &Option<String>, text| value.as_deref() == Some(text);
    let mend = if errno.is_none() {
        None
    } else if let Some(mend) = mend_container(machine) {
        Some(mend)
    } else if is(&most, "0") {
        Some("sudo sysctl -w user.max_user_namespaces=15000".into())
    } else if is(&clone, "0") {
        Some("sudo sysctl -w kernel.unprivileged_userns_clone=1".into())
    } else if is(&apparmor, "1") {
        Some("sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0".into())
    } else {
        None
    };
    let rules = super::rules_the_machine();
    Check {
        name: "user namespaces",
        ok: match errno {
            None => Health::Good,
            Some(_) if rules => Health::Skipped,
            Some(_) => Health::Bad,
        },
        found: match errno {
            None => format!("allowed ({})", knobs.join(", ")),
            Some(errno) => format!("{errno:?} ({})", knobs.join(", ")),
        },
        means: if rules {
            "not needed: this user may make the other namespaces without one"
        } else if errno.is_none() {
            "an ordinary user's runs get a network of their own"
        } else if is(&apparmor, "1") {
            "Ubuntu's AppArmor forbids them (23.10 and later): runs use the machine's ports, one at a time"
        } else {
            "no network of their own: runs use the machine's ports, one run at a time"
        }
        .into(),
        mend,
    }
}

/// What a furnished sandbox says of itself.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Inside {
    namespaces: Vec<String>,
    lacking: Vec<String>,
    micros: u128,
    /// Errnos, 0 for none.
    packet: i32,
    diag: i32,
    ports: i32,
    ipv6: i32,
}

fn sandbox(machine: &Machine) -> Vec<Check> {
    let answer = attempt(LIMIT * 3, live_inside);
    let inside: Option<Inside> = match &answer {
        Answer::Said(json) => serde_json::from_slice(json).ok(),
        _ => None,
    };
    let Some(inside) = inside else {
        return vec![Check {
            name: "sandbox",
            ok: Health::Bad,
            found: errno_in(&answer).map_or("it ended without a word".into(), |e| format!("{e:?}")),
            means: "runs use the machine's ports, one run at a time".into(),
            mend: None,
        }];
    };
    let namespaces = [
        (
            "net",
            "a network of its own for every run",
            "runs use the machine's ports, one at a time",
        ),
        ("pid", "nothing can outlive a run", "what a program leaves is looked for and killed"),
        (
            "mnt",
            "mounts of a run are seen by nobody else",
            "no mounts: /proc shows the whole machine",
        ),
    ];
    let mut checks: Vec<Check> = namespaces
        .into_iter()
        .map(|(name, good, bad)| {
            let had = inside.namespaces.iter().any(|had| had == name);
            let why = inside.lacking.iter().find(|lack| lack.starts_with(&format!("{name}: ")));
            Check {
                name,
                ok: Health::of(had),
                found: match why {
                    _ if had => "allowed".into(),
                    Some(why) => why.clone(),
                    None => "refused".into(),
                },
                means: if had { good } else { bad }.into(),
                mend: if had { None } else { mend_container(machine) },
            }
        })
        .collect();
    let names = ["user", "net", "pid", "mnt", "ipc", "uts"];
    let unfurnished: Vec<&String> = inside
        .lacking
        .iter()
        .filter(|lack| !names.iter().any(|name| lack.starts_with(&format!("{name}: "))))
        .collect();
    let texts: Vec<&str> = unfurnished.iter().map(|lack| lack.as_str()).collect();
    let in_network = inside.namespaces.iter().any(|had| had == "net");
    checks.push(Check {
        name: "furniture",
        ok: match texts.is_empty() {
            true if !in_network => Health::Skipped,
            all_there => Health::of(all_there),
        },
        found: match texts.is_empty() {
            true if !in_network => "no network to furnish".into(),
            true => format!("all there in {:.1} ms", inside.micros as f64 / 1000.0),
            false => texts.join(", "),
        },
        means: match texts.is_empty() {
            true if in_network => "timing and buffers are the same in every run",
            _ => "long streams may be cut differently from run to run",
        }
        .into(),
        mend: None,
    });
    checks.extend(in_place(&inside, in_network, machine));
    checks
}

/// What can be done where a run would be.
fn in_place(inside: &Inside, in_network: bool, machine: &Machine) -> [Check; 4] {
    [
        inner(
            "sock_diag",
            inside.diag,
            true,
            "the states of sockets can be asked for",
            "recordings have no socket states: load the modules tcp_diag, udp_diag and unix_diag",
            Some("sudo modprobe -a tcp_diag udp_diag unix_diag".into()),
        ),
        inner(
            "source ports",
            inside.ports,
            in_network,
            "IP_LOCAL_PORT_RANGE gives each socket the next port in turn",
            "source ports are the kernel's choice; timelines show them as P1, P2",
            None,
        ),
        inner(
            "packets",
            inside.packet,
            in_network,
            "packets can be captured on loopback",
            "no packets in recordings: `--as pcapng` is refused",
            mend_container(machine),
        ),
        inner(
            "ipv6",
            inside.ipv6,
            true,
            "::1 can be used",
            "programs that use ::1 are refused",
            Some("sudo sysctl -w net.ipv6.conf.lo.disable_ipv6=0".into()),
        ),
    ]
}

/// `of_use`: where it is not, it is of no use that it works.
fn inner(
    name: &'static str,
    errno: i32,
    of_use: bool,
    good: &str,
    bad: &str,
    mend: Option<String>,
) -> Check {
    let ok = errno == 0 && of_use;
    Check {
        name,
        ok: if of_use { Health::of(ok) } else { Health::Skipped },
        found: match errno {
            _ if !of_use => "needs a network of the run's own".into(),
            0 => "works".into(),
            errno => format!("{:?}", Errno::from_raw(errno)),
        },
        means: if ok { good } else { bad }.into(),
        mend: mend.filter(|_| !ok && of_use),
    }
}

/// In a throw-away child: a whole sandbox, and what can be done in it.
fn live_inside(reply: &Reply) {
    let begun = Instant::now();
    let Ok(mut entered) = super::enter(&Settings::default()) else { return };
    if super::fork_init(&entered).is_err() {
        return;
    }
    super::furnish(&mut entered);
    let micros = begun.elapsed().as_micros();
    let errno = |result: nix::Result<()>| result.err().map_or(0, |errno| errno as i32);
    let inside = Inside {
        micros,
        packet: errno(capture_on_loopback()),
        diag: errno(ask_for_sockets()),
        ports: errno(next_port_is_ours()),
        ipv6: errno(super::net::has_ipv6()),
        namespaces: entered.isolation.namespaces,
        lacking: entered.isolation.lacking,
    };
    reply.say(&serde_json::to_vec(&inside).unwrap_or_default());
}

/// Opens a packet socket and sees a datagram of ours go by. packet(7).
fn capture_on_loopback() -> nix::Result<()> {
    let all = i32::from((libc::ETH_P_ALL as u16).to_be());
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: takes plain integers.
    let socket = owned(unsafe { libc::socket(libc::AF_PACKET, kind, all) }.into())?;
    let sender = std::net::UdpSocket::bind("127.0.0.1:0").map_err(|e| super::net::errno_of(&e))?;
    let own = sender.local_addr().map_err(|e| super::net::errno_of(&e))?;
    sender.send_to(b"?", own).map_err(|e| super::net::errno_of(&e))?;
    let mut frame = [0u8; 64];
    // Loopback delivers before sendto returns.
    // SAFETY: the buffer is ours and valid for its length.
    let got = unsafe {
        let (at, room) = (frame.as_mut_ptr().cast(), frame.len());
        libc::recv(socket.as_raw_fd(), at, room, libc::MSG_DONTWAIT)
    };
    Errno::result(got).map(drop)
}

/// Asks sock_diag(7) for all TCP sockets over IPv4 and reads the first answer.
fn ask_for_sockets() -> nix::Result<()> {
    const SOCK_DIAG_BY_FAMILY: u16 = 20;
    const NETLINK_SOCK_DIAG: i32 = 4;
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: takes plain integers.
    let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, NETLINK_SOCK_DIAG) };
    let socket = owned(fd.into())?;
    // nlmsghdr, then inet_diag_req_v2: family, protocol, extensions, padding, states, and an empty id.
    let mut request = [0u8; 72];
    request[0..4].copy_from_slice(&72u32.to_ne_bytes());
    request[4..6].copy_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    let flags = (libc::NLM_F_REQUEST | libc::NLM_F_DUMP) as u16;
    request[6..8].copy_from_slice(&flags.to_ne_bytes());
    (request[16], request[17]) = (libc::AF_INET as u8, libc::IPPROTO_TCP as u8);
    request[20..24].copy_from_slice(&u32::MAX.to_ne_bytes());
    let mut answer = [0u8; 8192];
    // SAFETY: both buffers are ours and valid for the lengths given.
    let got = unsafe {
        let (fd, at) = (socket.as_raw_fd(), answer.as_mut_ptr().cast());
        Errno::result(libc::send(fd, request.as_ptr().cast(), request.len(), 0))?;
        Errno::result(libc::recv(fd, at, answer.len(), libc::MSG_DONTWAIT))?
    };
    let is_error = u16::from_ne_bytes([answer[4], answer[5]]) == libc::NLMSG_ERROR as u16;
    match i32::from_ne_bytes([answer[16], answer[17], answer[18], answer[19]]) {
        _ if got < 16 => Err(Errno::EPROTO),
        errno if is_error && errno != 0 => Err(Errno::from_raw(errno.wrapping_neg())),
        _ => Ok(()),
    }
}

/// Whether a socket can be told which source port to take. ip(7), IP_LOCAL_PORT_RANGE.
fn next_port_is_ours() -> nix::Result<()> {
    const IP_LOCAL_PORT_RANGE: i32 = 51;
    // Lowest port in the low half, highest in the high half. Free in a network of our own; outside it may be taken.
    const PORT: u16 = 41000;
    let range = u32::from(PORT) << 16 | u32::from(PORT);
    let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC;
    // SAFETY: takes plain integers.
    let socket = owned(unsafe { libc::socket(libc::AF_INET, kind, 0) }.into())?;
    // SAFETY: the option is four bytes long and lives across the call.
    Errno::result(unsafe {
        let (fd, at) = (socket.as_raw_fd(), (&raw const range).cast());
        libc::setsockopt(fd, libc::IPPROTO_IP, IP_LOCAL_PORT_RANGE, at, 4)
    })?;
    let any = nix::sys::socket::SockaddrIn::new(127, 0, 0, 1, 0);
    match nix::sys::socket::bind(socket.as_raw_fd(), &any) {
        Err(Errno::EADDRINUSE) => return Ok(()),
        other => other?,
    }
    let bound: nix::sys::socket::SockaddrIn = nix::sys::socket::getsockname(socket.as_raw_fd())?;
    if bound.port() == PORT { Ok(()) } else { Err(Errno::ENOTSUP) }
}

fn terminal() -> Check {
    let answer = attempt(LIMIT, |reply| {
        reply.say(&[errno_byte(open_terminal())]);
    });
    let errno = errno_in(&answer);
    Check {
        name: "pseudo-terminal",
        ok: Health::of(errno.is_none()),
        found: errno.map_or("works".into(), |errno| format!("{errno:?}")),
        means: match errno {
            None => "programs print as they do before a person",
            Some(_) => "programs print into a pipe: some keep what they print until they end",
        }
        .into(),
        mend: errno.map(|_| "sudo mount -t devpts -o ptmxmode=666 devpts /dev/pts".into()),
    }
}

/// Opens both ends of a new pseudo-terminal. pty(7).
fn open_terminal() -> nix::Result<()> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    let unlocked: libc::c_int = 0;
    // SAFETY: a literal path; the ioctls take an integer of ours to read, and plain flags.
    unsafe {
        let leader = owned(libc::open(c"/dev/ptmx".as_ptr(), flags).into())?;
        Errno::result(libc::ioctl(leader.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlocked))?;
        owned(libc::ioctl(leader.as_raw_fd(), libc::TIOCGPTPEER, flags).into()).map(drop)
    }
}

fn landlock() -> Check {
    let answer = attempt(LIMIT, |reply| {
        const LANDLOCK_CREATE_RULESET_VERSION: u32 = 1;
        let none = std::ptr::null::<u8>();
        // SAFETY: with this flag the kernel reads no attributes and gives a number.
        let version = Errno::result(unsafe {
            libc::syscall(
                libc::SYS_landlock_create_ruleset,
                none,
                0usize,
                LANDLOCK_CREATE_RULESET_VERSION,
            )
        });
        match version {
            Ok(version) => reply.say(&[0, version as u8]),
            Err(errno) => reply.say(&[errno as i32 as u8]),
        }
    });
    let version = match &answer {
        Answer::Said(bytes) if bytes.len() == 2 => Some(bytes[1]),
        _ => None,
    };
    Check {
        name: "landlock",
        // Nice to have: its absence stops nothing.
        ok: if version.is_some() { Health::Good } else { Health::Skipped },
        found: match version {
            Some(version) => format!("ABI {version}"),
            None => errno_in(&answer).map_or("absent".into(), |errno| format!("{errno:?}")),
        },
        means: match version {
            Some(_) => "a graded program's writes can be kept to its own folder",
            None => "a graded program writes wherever its user may",
        }
        .into(),
        mend: None,
    }
}

/// The errno that a probe said in its first byte; `None` if it worked.
fn errno_in(answer: &Answer) -> Option<Errno> {
    match answer {
        Answer::Said(bytes) => match bytes.first() {
            Some(0) => None,
            Some(errno) => Some(Errno::from_raw(i32::from(*errno))),
            None => Some(Errno::EIO),
        },
        // Ended by a filter, most likely.
        Answer::Died(_) => Some(Errno::EPERM),
        Answer::Silent => Some(Errno::ETIMEDOUT),
    }
}

fn sysctl(name: &str) -> Option<String> {
    Some(fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().to_owned())
}

impl Health {
    fn of(good: bool) -> Health {
        if good { Health::Good } else { Health::Bad }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_told_what_its_own_engine_takes() {
        let mend = |container| {
            let (arch, release) = Default::default();
            mend_container(&Machine { arch, release, container, yama: None })
        };
        for engine in ["docker", "podman"] {
            let mend = mend(Some(engine)).unwrap();
            assert!(mend.starts_with(&format!("{engine} run ")), "{mend}");
            for needed in ["SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE"] {
                assert!(mend.contains(&format!("--cap-add {needed}")), "{mend}");
            }
        }
        assert!(mend(Some("kubernetes")).unwrap().starts_with("securityContext: "));
        assert_eq!(mend(Some("lxc")), None);
        assert_eq!(mend(None), None);
    }
}
