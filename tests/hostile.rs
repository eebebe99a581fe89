//! Programs that would harm the lab, the machine or who owns it, under `lab check --bin`: held to their limits, told of in words
//! that say what they did, and nobody is left alive and nothing changed. By whoever runs the tests and by an ordinary
//! user, each with a sandbox and without.
//!
//! What else such programs try is asserted where the recorder is tested: a file without an end, a gibibyte in pieces, memory
//! reserved or shared, signals to the lab (`recorder/limits.rs`); CLONE_UNTRACED, a lab or a worker killed meanwhile
//! (`recorder/truths.rs`, `recorder/ending.rs`); a sandbox that is refused (`sandbox.rs`).

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value as Json;

mod deny;
#[path = "recorder/support/fixtures.rs"]
#[allow(dead_code, reason = "the recorder's tests need more of it")]
mod fixtures;
#[path = "recorder/support/processes.rs"]
#[allow(dead_code, reason = "the recorder's tests need more of it")]
mod processes;

use processes::{Marked, Process, is_root};

/// A program, the rule that tells of it, and what that says.
const PROGRAMS: [(&str, &str, &str); 15] = [
    ("forks", "ends-or-serves", "left processes behind"),
    ("fork-bomb", "no-spin", "refused by the lab: too many processes and threads"),
    ("thread-bomb", "uses-sockets", "pthread_create: Resource temporarily unavailable"),
    ("daemon", "ends-or-serves", "nobody can move"),
    ("stubborn", "ends-or-serves", "waited for 30 days of its own time"),
    ("stops", "ends-or-serves", "nobody lets it go on"),
    ("writes", "ends-or-serves", "more than 8 MiB was printed"),
    ("allocates", "ends-or-serves", "more than 1 GiB of memory was in use"),
    ("silent", "says-who-came", "it printed nothing"),
    ("traces", "says-who-came", "it printed nothing"),
    ("execs", "no-exec", "started `/proc/self/exe`"),
    ("unlinks", "uses-sockets", "hostile: Permission denied"),
    ("litters", "uses-sockets", "left-by-hostile: Permission denied"),
    ("io_uring", "no-io-uring", "io_uring_setup"),
    ("wild", "says-who-came", "alive"),
];

#[test]
fn who_runs_the_tests_is_safe_from_them() {
    are_held(Who { uid: None, sandbox: true });
}

#[test]
fn an_ordinary_user_is_safe_from_them() {
    are_held(Who { uid: Some(NOBODY), sandbox: true });
}

#[test]
fn who_runs_the_tests_is_safe_from_them_without_namespaces() {
    are_held(Who { uid: None, sandbox: false });
}

#[test]
fn an_ordinary_user_is_safe_from_them_without_namespaces() {
    are_held(Who { uid: Some(NOBODY), sandbox: false });
}

#[test]
fn nobody_outside_hears_of_a_program_that_talks_to_whoever_listens() {
    let Some(ground) = Ground::of(&Who { uid: None, sandbox: true }) else { return };
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let addr = tcp.local_addr().expect("an address");
    let udp = UdpSocket::bind(addr).expect("the same port");
    let name = format!("hostile-{}", addr.port());
    let name = SocketAddr::from_abstract_name(name).expect("a name");
    let unix = UnixListener::bind_addr(&name).expect("a name of its own");
    tcp.set_nonblocking(true).and(udp.set_nonblocking(true)).expect("nonblocking");
    unix.set_nonblocking(true).expect("nonblocking");
    let told = ground.check(&format!("connects {}", addr.port()));
    if told.text.contains("runs without: ") && told.text.contains("net: ") {
        return skipped("no network namespace");
    }
    let heard = [tcp.accept().is_ok(), udp.recv(&mut [0]).is_ok(), unix.accept().is_ok()];
    assert_eq!(heard, [false; 3], "{}", told.text);
    assert!(told.of("never-connects").contains("ECONNREFUSED"), "{}", told.text);
}

fn are_held(who: Who) {
    let Some(ground) = Ground::of(&who) else { return };
    let mut faults = Vec::new();
    for (program, rule, said) in PROGRAMS {
        if ["unlinks", "litters"].contains(&program) && !has_landlock() {
            skipped("no landlock");
            continue;
        }
        let before = ground.files();
        let told = ground.check(program);
        let mut hold = |holds: bool, what: &str| {
            if !holds {
                faults.push(format!(
                    "{program}: {what}: {}",
                    told.text.chars().take(4000).collect::<String>()
                ));
            }
        };
        hold(told.status == 1, "is not told of as a fault");
        hold(told.of(rule).contains(said), said);
        hold(told.left.is_empty(), &format!("left {:?}", told.left));
        // Whatever was printed, a person can read what is said of it.
        hold(told.text.len() < 40_000, "is told of at length");
        hold(ground.files() == before, "has changed a file");
        for place in ["/tmp", "/var/tmp", "/dev/shm", "/run", "/"] {
            hold(!Path::new(place).join("left-by-hostile").exists(), place);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Who runs the lab, and how.
struct Who {
    /// `None`: who runs the tests.
    uid: Option<u32>,
    sandbox: bool,
}

const NOBODY: u32 = 65534;

/// A folder with the lab, a learner's copy of the lessons and the hostile program, all of which belongs to who runs it.
struct Ground<'a> {
    folder: tempfile::TempDir,
    who: &'a Who,
}

impl Ground<'_> {
    /// `None`, and a word on stderr, where this cannot be tried.
    fn of(who: &Who) -> Option<Ground<'_>> {
        let hostile = fixtures::c("hostile")?;
        if who.uid.is_some() && !is_root() {
            skipped("not root: every other test runs as an ordinary user already");
            return None;
        }
        let folder = tempfile::Builder::new().prefix("lab-hostile-").tempdir().expect("a folder");
        let ground = Ground { folder, who };
        fs::create_dir(ground.place("program")).expect("a folder");
        fixtures::copy(&hostile, &ground.place("program/hostile"));
        fixtures::copy(env!("CARGO_BIN_EXE_lab").as_ref(), &ground.place("lab"));
        let mut init = Command::new(ground.place("lab"));
        let made = init.arg("init").arg(ground.place("copy")).output().expect("lab starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        give(ground.folder.path(), who.uid);
        let doctor = ground.lab(&["doctor"]).output().expect("lab starts");
        if doctor.status.code() != Some(0) {
            skipped("tracing is forbidden here; lab doctor says why");
            return None;
        }
        Some(ground)
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn lab(&self, args: &[&str]) -> Command {
        let mut lab = Command::new(self.place("lab"));
        lab.args(args).current_dir(self.place("copy")).stdin(Stdio::null());
        lab.env("LAB_STATE", self.place("state")).env("HOME", self.folder.path());
        if let Some(uid) = self.who.uid {
            lab.uid(uid).gid(uid);
        }
        if !self.who.sandbox {
            deny::deny(&mut lab, libc::SYS_unshare);
        }
        lab
    }

    /// What `lab check` says of the program, and who is left of it.
    fn check(&self, program: &str) -> Told {
        let program = format!("{} {program}", self.place("program/hostile").display());
        let pack = self.place("copy");
        let pack = pack.to_str().expect("UTF-8");
        let args =
            ["check", "1", "--weather", "none", "--as", "json", "--pack", pack, "--bin", &program];
        let mark = Marked::new();
        let output = self.lab(&args).env("LAB_TEST_ID", mark.id()).output().expect("lab starts");
        let left = mark.all();
        mark.kill();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let text = format!("{}{stderr}", String::from_utf8_lossy(&output.stdout));
        let report = serde_json::from_slice(&output.stdout).unwrap_or(Json::Null);
        Told { report, text, status: output.status.code().expect("no signal"), left }
    }

    /// Every file but the lab's own notes, with what is in it.
    fn files(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut files = BTreeMap::new();
        let mut open = vec![self.folder.path().to_owned()];
        while let Some(folder) = open.pop() {
            for path in fs::read_dir(&folder).expect("read").map(|it| it.expect("an entry").path())
            {
                if path.ends_with("state") {
                    continue;
                }
                if path.is_dir() {
                    open.push(path.clone());
                }
                files.insert(path.clone(), fs::read(path).ok());
            }
        }
        files
    }
}

/// What the lab said.
struct Told {
    report: Json,
    text: String,
    status: i32,
    /// Who was still alive after it.
    left: Vec<Process>,
}

impl Told {
    /// All that is told of this rule.
    fn of(&self, rule: &str) -> String {
        let scenarios = self.report["lessons"][0]["scenarios"].as_array();
        let findings = scenarios.into_iter().flatten().filter_map(|it| it["findings"].as_array());
        findings.flatten().filter(|it| it["rule"] == rule).map(Json::to_string).collect()
    }
}

/// Everybody may read the folder; all of it belongs to this user.
fn give(folder: &Path, uid: Option<u32>) {
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        std::os::unix::fs::chown(&path, uid, uid).expect("chown");
        if path.is_dir() {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
            open.extend(fs::read_dir(&path).expect("read").map(|it| it.expect("an entry").path()));
        }
    }
}

fn has_landlock() -> bool {
    const VERSION: libc::c_ulong = 1;
    // SAFETY: with this flag the kernel reads nothing through the null pointer.
    let version = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, VERSION)
    };
    version > 0
}

fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// A number that nobody else in this process has.
fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
