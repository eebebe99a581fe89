//! The sandbox, on a real kernel.
//!
//! Every test forks before it enters anything: a namespace is for ever, and a user namespace is only for a
//! process with a single thread. They take turns, for a child of one would hold the pipes of another.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::AsRawFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use socket_lab::sandbox::{self, Entered, Settings, enter, fork_init, furnish};

const ALL_AS_ROOT: &str = "net pid mnt ipc uts";
const ALL_AS_USER: &str = "user net pid mnt ipc uts";

#[test]
fn root_gets_every_namespace_without_a_user_namespace() {
    let _turn = turn();
    let told = isolation_of(nothing);
    if !told.starts_with(ALL_AS_ROOT) {
        return println!("skipped: not root, or not wholly: {told}");
    }
    assert_eq!(in_sandbox(nothing, isolation), format!("{ALL_AS_ROOT}; lacking: "));
}

#[test]
fn an_ordinary_user_gets_them_through_a_user_namespace_and_stays_who_it_is() {
    let _turn = turn();
    if !users_may_have_namespaces() {
        return;
    }
    let told = in_sandbox(become_nobody, |entered| {
        // SAFETY: plain system calls.
        let (uid, gid) = unsafe { (libc::getuid(), libc::getgid()) };
        format!("{uid} {gid} {}", isolation(entered))
    });
    assert_eq!(told, format!("65534 65534 {ALL_AS_USER}; lacking: "));
}

// Its /proc/self belongs to root, and so do the maps in it.
#[test]
fn a_user_who_may_run_the_lab_but_not_read_it_gets_them_too() {
    let _turn = turn();
    if !users_may_have_namespaces() {
        return;
    }
    let unreadable = || {
        become_nobody();
        // SAFETY: takes plain integers.
        unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    };
    assert_eq!(in_sandbox(unreadable, isolation), format!("{ALL_AS_USER}; lacking: "));
}

#[test]
fn an_ordinary_users_program_meets_eacces_at_port_80() {
    let _turn = turn();
    if !users_may_have_namespaces() {
        return;
    }
    // A program under test is executed, and that is what takes away the rights inside the namespace.
    let told = in_sandbox(become_nobody, |_| {
        let program = "import socket\ntry:\n socket.socket().bind(('127.0.0.1', 80))\nexcept OSError as e:\n print(e.errno)";
        let run = std::process::Command::new("python3").args(["-c", program]).output();
        run.map_or("no python3".into(), |out| String::from_utf8_lossy(&out.stdout).into())
    });
    if told == "no python3" {
        return println!("skipped: {told}");
    }
    assert_eq!(told.trim(), libc::EACCES.to_string());
}

#[test]
fn the_recorder_is_pid_1_and_proc_shows_only_its_own() {
    let _turn = turn();
    for user in users() {
        let told = in_sandbox(user, |_| {
            let names = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
            let pids = names.filter(|name| name.to_string_lossy().parse::<i32>().is_ok());
            format!("{} of {}", std::process::id(), pids.count())
        });
        assert_eq!(told, "1 of 1");
    }
}

#[test]
fn the_host_has_a_name_inside_that_leads_to_it_and_keeps_its_name_outside() {
    let _turn = turn();
    let name = || fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let before = name();
    for user in users() {
        let told = in_sandbox(user, move |_| {
            let found = (name().trim(), 0).to_socket_addrs().map(|mut all| all.next());
            format!("{} {found:?}", name().trim())
        });
        assert!(told.starts_with(sandbox::HOSTNAME), "{told}");
        assert!(told.contains("Ok(Some(127.0.0.1:0))") || told.contains("[::1]:0"), "{told}");
    }
    assert_eq!(name(), before);
}

#[test]
fn the_network_is_set_up_alike_and_the_machines_own_is_left_alone() {
    let _turn = turn();
    let read = || {
        let names = [
            "ipv4/tcp_congestion_control",
            "ipv4/tcp_timestamps",
            "ipv4/tcp_rmem",
            "ipv4/tcp_wmem",
            "ipv4/ip_unprivileged_port_start",
        ];
        let all = names.map(|name| fs::read_to_string(format!("/proc/sys/net/{name}")).unwrap());
        all.concat().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let before = read();
    for user in users() {
        let told = in_sandbox(user, move |_| read());
        assert_eq!(told, "reno 0 4096 131072 131072 4096 131072 131072 1024");
    }
    assert_eq!(read(), before);
}

#[test]
fn ipv6_loopback_is_there_at_once() {
    let _turn = turn();
    for user in users() {
        let told = in_sandbox(user, |_| {
            let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
            TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            "connected".into()
        });
        assert_eq!(told, "connected");
    }
}

// Nagle's algorithm holds the second write back until the first is acknowledged, and a delayed
// acknowledgement takes 40 ms: two hundred rounds would take eight seconds.
#[test]
fn two_small_writes_and_a_read_never_wait_for_a_delayed_acknowledgement() {
    let _turn = turn();
    for host in ["127.0.0.1:0", "127.9.9.9:0", "[::1]:0"] {
        for user in users() {
            let told = in_sandbox(user, move |_| {
                let taken = write_write_read(host, 200);
                assert!(taken < Duration::from_secs(1), "{taken:?}");
                format!("{taken:?}")
            });
            println!("{host}: 200 rounds in {told}");
        }
    }
}

// The control: else the test above would pass on a kernel that never delays.
#[test]
fn in_a_sandbox_that_is_not_furnished_they_do_wait() {
    let _turn = turn();
    if !there_are_pid_namespaces() {
        return;
    }
    let child = fork(|say| {
        let entered = enter(&Settings::default()).unwrap();
        fork_init(&entered).unwrap();
        write!(say, "{}", write_write_read("127.0.0.1:0", 50).as_millis()).unwrap();
    });
    let millis: u32 = child.words().parse().unwrap();
    println!("50 rounds in {millis} ms");
    assert!(millis > 1000);
}

#[test]
fn a_long_stream_never_waits_for_a_timer() {
    let _turn = turn();
    for user in users() {
        let told = in_sandbox(user, |_| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (mut conn, _) = listener.accept().unwrap();
            let begun = Instant::now();
            let writer = std::thread::spawn(move || client.write_all(&vec![7; 16 << 20]));
            let mut all = Vec::new();
            conn.read_to_end(&mut all).unwrap();
            writer.join().unwrap().unwrap();
            assert!(all.len() == 16 << 20 && begun.elapsed() < Duration::from_secs(2));
            format!("{:?}", begun.elapsed())
        });
        println!("16 MiB in {told}");
    }
}

#[test]
fn every_datagram_that_nobody_takes_is_answered() {
    let _turn = turn();
    for user in users() {
        let told = in_sandbox(user, |_| {
            let mut refused = 0;
            for host in ["127.0.0.1", "::1"] {
                let socket = UdpSocket::bind((host, 0)).unwrap();
                socket.connect((host, 9)).unwrap();
                for _ in 0..2000 {
                    refused += usize::from(socket.send(b"anybody there?").is_err());
                }
            }
            refused.to_string()
        });
        // Each refusal is reported by the next call, which then sends nothing.
        assert_eq!(told, "2000");
    }
}

#[test]
fn a_run_may_ask_for_no_namespace_at_all() {
    let _turn = turn();
    let child = fork(|say| {
        let mut entered = enter(&Settings::open()).unwrap();
        fork_init(&entered).unwrap();
        furnish(&mut entered);
        say.write_all(isolation(&entered).as_bytes()).unwrap();
    });
    assert_eq!(child.words(), "; lacking: ");
}

#[test]
fn a_filter_that_refuses_every_namespace_is_told_and_survived() {
    let _turn = turn();
    if !users_may_have_namespaces() {
        return;
    }
    for (action, errno) in [
        (libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, "EPERM"),
        (libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32, "ENOSYS"),
        (libc::SECCOMP_RET_KILL_PROCESS, "EPERM"),
    ] {
        let told = in_sandbox(
            move || {
                become_nobody();
                on_call(libc::SYS_unshare, None, action);
            },
            isolation,
        );
        let all = ALL_AS_USER.split(' ').map(|name| format!("{name}: {errno}"));
        assert_eq!(told, format!("; lacking: {}", all.collect::<Vec<_>>().join(", ")));
    }
}

#[test]
fn what_a_filter_allows_is_taken_although_it_refuses_a_network() {
    let _turn = turn();
    if !users_may_have_namespaces() {
        return;
    }
    let told = in_sandbox(
        || {
            become_nobody();
            on_call(libc::SYS_unshare, Some((0, libc::CLONE_NEWNET as u32)), DENY);
        },
        isolation,
    );
    assert_eq!(told, "user pid mnt ipc uts; lacking: net: EPERM");
}

// Ubuntu: unshare succeeds, and what is allowed inside is nothing.
#[test]
fn a_user_namespace_whose_maps_cannot_be_written_is_never_entered() {
    let _turn = turn();
    if !users_may_have_namespaces() {
        return;
    }
    let told = in_sandbox(
        || {
            become_nobody();
            // The only write of thirteen bytes: "65534 65534 1".
            on_call_with(libc::SYS_write, 2, "65534 65534 1".len() as u32, DENY);
        },
        |entered| {
            let overflow = nix::unistd::getuid().as_raw();
            let user = fs::read_link("/proc/self/ns/user").unwrap();
            let outer = fs::read_link("/proc/1/ns/user").map_or(true, |outer| outer == user);
            format!("{overflow} {outer} {}", isolation(entered))
        },
    );
    assert_eq!(
        told,
        "65534 true ; lacking: user: EPERM (writing uid_map), net: EPERM, pid: EPERM, mnt: EPERM, ipc: EPERM, uts: EPERM"
    );
}

#[test]
fn a_network_whose_loopback_stays_down_is_never_entered() {
    let _turn = turn();
    if !users_may_have_namespaces() {
        return;
    }
    let told = in_sandbox(
        || {
            become_nobody();
            on_call_with(libc::SYS_ioctl, 1, libc::SIOCSIFFLAGS as u32, DENY);
        },
        |entered| {
            TcpListener::bind("127.0.0.1:0").unwrap();
            isolation(entered)
        },
    );
    assert_eq!(told, "user pid mnt ipc uts; lacking: net: EPERM (bringing lo up)");
}

#[test]
fn a_pid_namespace_without_its_proc_is_never_entered() {
    let _turn = turn();
    if !users_may_have_namespaces() {
        return;
    }
    let told = in_sandbox(
        || {
            become_nobody();
            let proc = (libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC) as u32;
            on_call_with(libc::SYS_mount, 3, proc, DENY);
        },
        |entered| {
            let own = fs::read_link("/proc/self").unwrap();
            assert_eq!(own.to_str().unwrap(), std::process::id().to_string());
            isolation(entered)
        },
    );
    assert_eq!(told, "user net mnt ipc uts; lacking: pid: EPERM (mounting /proc)");
}

#[test]
fn a_worker_does_not_begin_without_its_parent_or_with_threads() {
    let _turn = turn();
    let orphan = fork(|say| {
        let want = Settings { parent: Some(i32::MAX), ..Settings::default() };
        write!(say, "{}", enter(&want).unwrap_err()).unwrap();
    });
    assert_eq!(orphan.words(), "the recorder ended early: the lab that started it has gone");
    let threaded = fork(|say| {
        std::thread::spawn(|| std::thread::sleep(Duration::from_secs(60)));
        write!(say, "{}", enter(&Settings::default()).unwrap_err()).unwrap();
    });
    assert!(threaded.words().contains("it had threads"));
}

#[test]
fn the_worker_exits_with_the_recorders_status() {
    let _turn = turn();
    for settings in [Settings::default(), Settings::open()] {
        let worker = fork(move |_| {
            fork_init(&enter(&settings).unwrap()).unwrap();
            // SAFETY: ends this process.
            unsafe { libc::_exit(7) }
        });
        assert_eq!(worker.status(), 7 << 8);
    }
}

#[test]
fn the_worker_dies_by_the_signal_that_killed_the_recorder() {
    let _turn = turn();
    for settings in [Settings::default(), Settings::open()] {
        let worker = waiting_recorder(settings, || {});
        kill(worker.children()[0], libc::SIGKILL);
        assert_eq!(worker.status(), libc::SIGKILL);
    }
}

#[test]
fn killing_the_worker_ends_everything_in_milliseconds() {
    let _turn = turn();
    if !there_are_pid_namespaces() {
        return;
    }
    let mut worker = waiting_recorder(Settings::default(), start_a_program_that_hides);
    let begun = Instant::now();
    kill(worker.pid, libc::SIGKILL);
    worker.until_all_are_gone();
    println!("all gone after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_millis(500));
}

#[test]
fn killing_the_lab_ends_everything_in_milliseconds() {
    let _turn = turn();
    if !there_are_pid_namespaces() {
        return;
    }
    let mut lab = fork(|say| {
        let out = say.as_raw_fd();
        let lab = nix::unistd::getpid().as_raw();
        // SAFETY: as in `fork`.
        if unsafe { libc::fork() } == 0 {
            let want = Settings { parent: Some(lab), ..Settings::default() };
            fork_init(&enter(&want).unwrap()).unwrap();
            start_a_program_that_hides();
            // SAFETY: one byte of a literal.
            unsafe { libc::write(out, b"!".as_ptr().cast(), 1) };
        }
        sleep_for_ever()
    });
    lab.until_it_says_something();
    let begun = Instant::now();
    kill(lab.pid, libc::SIGKILL);
    lab.until_all_are_gone();
    println!("all gone after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_millis(500));
}

#[test]
fn what_a_recorder_leaves_behind_is_ended_with_or_without_a_pid_namespace() {
    let _turn = turn();
    for settings in [Settings::default(), Settings::open()] {
        let mut worker = fork(move |_| {
            fork_init(&enter(&settings).unwrap()).unwrap();
            start_a_program_that_hides();
        });
        let begun = Instant::now();
        worker.until_all_are_gone();
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
}

#[test]
fn a_signal_to_the_worker_reaches_the_recorder_which_ends_in_its_own_way() {
    let _turn = turn();
    extern "C" fn leave(_: libc::c_int) {
        // SAFETY: _exit is async-signal-safe.
        unsafe { libc::_exit(9) }
    }
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let worker = waiting_recorder(Settings::default(), move || {
            // SAFETY: the handler calls nothing but _exit.
            unsafe { libc::signal(signal, leave as *const () as libc::sighandler_t) };
        });
        kill(worker.pid, signal);
        assert_eq!(worker.status(), 9 << 8);
    }
}

#[test]
fn a_recorder_that_is_deaf_to_signals_is_killed() {
    let _turn = turn();
    if !there_are_pid_namespaces() {
        return;
    }
    let worker = waiting_recorder(Settings::default(), || {});
    let begun = Instant::now();
    kill(worker.pid, libc::SIGTERM);
    assert_eq!(worker.status(), libc::SIGKILL);
    assert!(begun.elapsed() >= sandbox::GRACE && begun.elapsed() < sandbox::GRACE * 2);
}

#[test]
fn a_worker_started_with_sigchld_ignored_still_learns_how_the_recorder_ended() {
    let _turn = turn();
    let worker = fork(|_| {
        ignore_children();
        fork_init(&enter(&Settings::default()).unwrap()).unwrap();
        // SAFETY: ends this process.
        unsafe { libc::_exit(7) }
    });
    assert_eq!(worker.status(), 7 << 8);
}

#[test]
fn a_worker_started_with_sigchld_ignored_is_shut_in_like_any_other() {
    let _turn = turn();
    if !there_are_pid_namespaces() {
        return;
    }
    assert_eq!(isolation_of(ignore_children), isolation_of(nothing));
}

#[test]
fn only_one_run_has_the_machine() {
    let _turn = turn();
    let held = sandbox::lock_machine().unwrap();
    for user in identities() {
        let other = fork(move |say| {
            user();
            let free = sandbox::try_lock_machine().unwrap().is_some();
            write!(say, "{free}").unwrap();
        });
        assert_eq!(other.words(), "false");
    }
    drop(held);
}

#[test]
fn the_doctor_answers_every_question_soon_and_leaves_nobody_behind() {
    let _turn = turn();
    for user in identities() {
        let begun = Instant::now();
        let doctor = fork(move |say| {
            user();
            let checks = sandbox::doctor::examine();
            let left = children_of(nix::unistd::getpid().as_raw());
            writeln!(say, "{left:?}").unwrap();
            say.write_all(serde_json::to_string_pretty(&checks).unwrap().as_bytes()).unwrap();
        });
        let told = doctor.words();
        println!("{told}\n{:?}", begun.elapsed());
        assert!(told.starts_with("[]\n") && begun.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn what_it_costs() {
    let _turn = turn();
    for user in users() {
        let one = |_| {
            // The kernel takes the network before this one down meanwhile, and holds locks for it.
            std::thread::sleep(Duration::from_millis(30));
            cost(user)
        };
        let mut costs: Vec<[u128; 3]> = (0..30).map(one).collect();
        costs.sort_by_key(|steps| steps.iter().sum::<u128>());
        let [entering, forking, furnishing] = costs[costs.len() / 2];
        let all = entering + forking + furnishing;
        println!("median {all} us: enter {entering}, fork {forking}, furnish {furnishing}");
    }
}

/// Microseconds of enter, fork_init and furnish.
fn cost(user: fn()) -> [u128; 3] {
    let child = fork(move |say| {
        user();
        let begun = Instant::now();
        let mut entered = enter(&Settings::default()).unwrap();
        let inside = begun.elapsed();
        fork_init(&entered).unwrap();
        let forked = begun.elapsed();
        furnish(&mut entered);
        let all = begun.elapsed();
        let steps = [inside, forked - inside, all - forked].map(|step| step.as_micros());
        write!(say, "{steps:?}").unwrap();
    });
    serde_json::from_str(&child.words()).unwrap()
}

const DENY: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;

fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn isolation(entered: &Entered) -> String {
    let isolation = &entered.isolation;
    format!("{}; lacking: {}", isolation.namespaces.join(" "), isolation.lacking.join(", "))
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// As whom a test of a whole sandbox can be run here: as we are, and as an ordinary user. Says who cannot.
fn users() -> Vec<fn()> {
    let mut users: Vec<fn()> = Vec::new();
    let told = isolation_of(nothing);
    if told.contains(ALL_AS_ROOT) {
        users.push(nothing);
    } else {
        println!("skipped: as we are: {told}");
    }
    if is_root() && users_may_have_namespaces() {
        users.push(become_nobody);
    }
    users
}

/// Whether an ordinary user can have every namespace here; says so if not.
fn users_may_have_namespaces() -> bool {
    if identities().len() < 2 {
        return false;
    }
    let told = isolation_of(become_nobody);
    let may = told.starts_with(ALL_AS_USER);
    if !may {
        println!("skipped: as an ordinary user: {told}");
    }
    may
}

/// Whether there is a pid namespace to be had; says so if not.
fn there_are_pid_namespaces() -> bool {
    let told = isolation_of(nothing);
    let are = told.contains("pid mnt");
    if !are {
        println!("skipped: {told}");
    }
    are
}

fn isolation_of(user: fn()) -> String {
    let child = fork(|say| {
        user();
        let entered = enter(&Settings::default()).unwrap();
        say.write_all(isolation(&entered).as_bytes()).unwrap();
    });
    child.whatever_it_says()
}

fn nothing() {}

fn ignore_children() {
    // SAFETY: sets no handler of ours.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
}

/// Gives up root, and every right with it; does nothing for who has none.
fn become_nobody() {
    assert!(try_to_become_nobody());
}

fn try_to_become_nobody() -> bool {
    // SAFETY: plain system calls on this process, which has one thread.
    unsafe {
        if is_root() {
            if libc::setgroups(0, std::ptr::null()) != 0
                || libc::setresgid(65534, 65534, 65534) != 0
                || libc::setresuid(65534, 65534, 65534) != 0
            {
                return false;
            }
            // As after an execve(2), which is how an ordinary user's process begins.
            libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0);
        }
    }
    true
}

/// As whom we can be: as we are, and as an ordinary user unless that one does not exist here.
fn identities() -> Vec<fn()> {
    let child = fork(|say| write!(say, "{}", try_to_become_nobody()).unwrap());
    if child.words() == "true" {
        return vec![nothing, become_nobody];
    }
    println!("skipped: nobody else to become");
    vec![nothing]
}

/// What `work` says as pid 1 of a furnished sandbox, entered after `before`.
fn in_sandbox(before: impl FnOnce(), work: impl FnOnce(&Entered) -> String) -> String {
    let child = fork(|say| {
        before();
        let mut entered = enter(&Settings::default()).unwrap();
        fork_init(&entered).unwrap();
        furnish(&mut entered);
        say.write_all(work(&entered).as_bytes()).unwrap();
    });
    child.words()
}

/// A worker whose recorder has done `prepare` and waits.
fn waiting_recorder(settings: Settings, prepare: impl FnOnce()) -> Child {
    let mut worker = fork(move |say| {
        fork_init(&enter(&settings).unwrap()).unwrap();
        prepare();
        say.write_all(b"!").unwrap();
        sleep_for_ever();
    });
    worker.until_it_says_something();
    worker
}

/// A daemon: a session of its own, its parent gone, deaf to SIGTERM and SIGHUP.
fn start_a_program_that_hides() {
    // SAFETY: the children have one thread and only sleep.
    unsafe {
        if libc::fork() == 0 {
            libc::setsid();
            libc::signal(libc::SIGTERM, libc::SIG_IGN);
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            if libc::fork() == 0 {
                sleep_for_ever();
            }
            libc::_exit(0);
        }
        libc::wait(std::ptr::null_mut());
    }
}

fn sleep_for_ever() -> ! {
    loop {
        // SAFETY: waits for a signal.
        unsafe { libc::pause() };
    }
}

fn write_write_read(host: &str, rounds: usize) -> Duration {
    let listener = TcpListener::bind(host).unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut conn, _) = listener.accept().unwrap();
    let server = std::thread::spawn(move || {
        let mut two = [0; 2];
        while conn.read_exact(&mut two).is_ok() {
            conn.write_all(b"!").unwrap();
        }
    });
    let begun = Instant::now();
    for _ in 0..rounds {
        client.write_all(b"a").unwrap();
        client.write_all(b"b").unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
    let taken = begun.elapsed();
    drop(client);
    server.join().unwrap();
    taken
}

/// From now on `action` answers a system call: every one, or one with this argument holding these flags.
fn on_call(call: libc::c_long, flags: Option<(u32, u32)>, action: u32) {
    let (argument, mask) = flags.unwrap_or((0, 0));
    filter(call, argument, if mask == 0 { Test::Always } else { Test::Holds(mask) }, action);
}

/// The same, for a call whose argument has this value.
fn on_call_with(call: libc::c_long, argument: u32, value: u32, action: u32) {
    filter(call, argument, Test::Is(value), action);
}

enum Test {
    Always,
    Holds(u32),
    Is(u32),
}

fn filter(call: libc::c_long, argument: u32, test: Test, action: u32) {
    let op = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let test = match test {
        Test::Always => op(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0, 1, 0),
        Test::Holds(mask) => op(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0, 1, mask),
        Test::Is(value) => op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, value),
    };
    let program = [
        op(load, 0, 0, 0),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 3, call as u32),
        // The low half of the argument, on a little-endian machine.
        op(load, 0, 0, 16 + 8 * argument),
        test,
        op(libc::BPF_RET | libc::BPF_K, 0, 0, action),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let program =
        libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    // SAFETY: the program lives across the call, which copies it.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program), 0);
    }
}

/// A forked child of a test and the pipe on which it tells something.
struct Child {
    pid: libc::pid_t,
    out: File,
}

/// Does `work` in a child with a single thread; a panic there becomes what it says.
fn fork(work: impl FnOnce(&mut File)) -> Child {
    let (out, say) = nix::unistd::pipe().unwrap();
    // SAFETY: the child goes on with one thread and its own copy of everything, and ends below.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid > 0 {
        return Child { pid, out: out.into() };
    }
    drop(out);
    // Under nohup, or in the background of a script, some are ignored, and what is ignored is not passed on.
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: sets no handler of ours.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let mut say = File::from(say);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(&mut say))) {
        let text = panic.downcast_ref::<String>().map_or("panicked", String::as_str);
        let _ = say.write_all(format!("panicked: {text}").as_bytes());
    }
    // SAFETY: ends this process without running the test harness's exit.
    unsafe { libc::_exit(0) }
}

impl Child {
    /// Everything it says until it and all its children have gone; not its last words.
    fn words(self) -> String {
        let text = self.whatever_it_says();
        assert!(!text.starts_with("panicked: "), "{text}");
        text
    }

    fn whatever_it_says(mut self) -> String {
        let mut text = String::new();
        self.out.read_to_string(&mut text).unwrap();
        text
    }

    fn until_it_says_something(&mut self) {
        self.out.read_exact(&mut [0]).unwrap();
    }

    /// Whoever lives holds the pipe open.
    fn until_all_are_gone(&mut self) {
        assert_eq!(self.out.read(&mut [0]).unwrap(), 0);
    }

    /// Its wait status.
    fn status(mut self) -> i32 {
        let mut status = 0;
        // SAFETY: our own child, not reaped yet.
        assert_eq!(unsafe { libc::waitpid(self.pid, &mut status, 0) }, self.pid);
        self.pid = 0;
        status
    }

    fn children(&self) -> Vec<libc::pid_t> {
        children_of(self.pid)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.pid > 0 {
            kill(self.pid, libc::SIGKILL);
            // SAFETY: our own child, not reaped yet.
            unsafe { libc::waitpid(self.pid, std::ptr::null_mut(), 0) };
        }
    }
}

fn children_of(pid: libc::pid_t) -> Vec<libc::pid_t> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

fn kill(pid: libc::pid_t, signal: i32) {
    // SAFETY: a plain system call on a process that this test has started.
    unsafe { libc::kill(pid, signal) };
}
