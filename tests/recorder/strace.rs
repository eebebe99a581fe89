//! strace sees the same calls, arguments and results.
//!
//! Each program runs under `strace -f` and under `lab trace --as strace --schedule free`, in a network
//! namespace each. Both outputs go through one normaliser; then they are compared thread by thread, in order of creation,
//! call by call. What is masked is what differs between any two runs: pointers, pids, ephemeral ports, inodes. A call that a
//! signal interrupted and the kernel restarted is one call here, as it is for the program. Calls that
//! never returned are left out: whether a thread had entered its last call when its process ended is chance.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::{c, lab, need, python, rust, skipped, source, text};

/// Calls that are about sockets whatever their arguments.
const ALWAYS: [&str; 23] = [
    "socket",
    "socketpair",
    "bind",
    "listen",
    "accept",
    "accept4",
    "connect",
    "getsockname",
    "getpeername",
    "getsockopt",
    "setsockopt",
    "shutdown",
    "sendto",
    "sendmsg",
    "sendmmsg",
    "recvfrom",
    "recvmsg",
    "recvmmsg",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
];

/// Calls that are when their first argument is a socket or an epoll instance.
const ON_A_SOCKET: [&str; 9] =
    ["read", "write", "readv", "writev", "close", "dup", "dup2", "fcntl", "ioctl"];

/// Calls that are when a socket is among those they wait for.
const WAITING: [&str; 2] = ["poll", "ppoll"];

/// What the fold of interrupted calls needs to see.
const RESUMING: [&str; 2] = ["rt_sigreturn", "restart_syscall"];

#[derive(Clone, Debug, PartialEq)]
struct Call {
    name: String,
    args: String,
    ret: String,
}

/// One thread's calls, all threads by number.
type Threads = BTreeMap<u32, Vec<Call>>;

/// Reads `PID call(args) = ret` lines, with unfinished and resumed ones put together again.
fn parse(output: &str) -> Threads {
    let mut threads = Threads::new();
    let mut unfinished: BTreeMap<u32, String> = BTreeMap::new();
    for line in output.lines() {
        let Some((pid, rest)) = line.trim_start().split_once(' ') else { continue };
        let Ok(pid) = pid.parse::<u32>() else { continue };
        let rest = rest.trim_start();
        let whole = if let Some(resumed) = rest.strip_prefix("<... ") {
            let Some((_, tail)) = resumed.split_once(" resumed>") else { continue };
            format!("{}{tail}", unfinished.remove(&pid).unwrap_or_default())
        } else if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            unfinished.insert(pid, begun.to_owned());
            continue;
        } else {
            rest.to_owned()
        };
        threads.entry(pid).or_default().extend(call(&whole));
    }
    threads
}

/// Reads `call(args) = ret`; signals and exits, which begin otherwise, are none.
fn call(line: &str) -> Option<Call> {
    let (name, rest) = line.split_once('(')?;
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return None;
    }
    let end = closing(rest)?;
    let ret = rest[end + 1..].trim_start().strip_prefix('=')?.trim();
    Some(Call { name: name.to_owned(), args: rest[..end].to_owned(), ret: ret.to_owned() })
}

/// Where the parenthesis is that closes the arguments: the first one outside of quotes and of other brackets.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' => depth += 1,
            ')' if depth == 0 => return Some(i),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Ends a result of which strace does not tell what else the call gave.
const UNSEEN: &str = " (unseen)";

/// Makes one call of the pieces in which an interrupted one is printed, and drops what never returned.
fn fold(calls: Vec<Call>) -> Vec<Call> {
    let mut folded: Vec<Call> = Vec::new();
    let mut calls = calls.into_iter().peekable();
    while let Some(mut call) = calls.next() {
        if RESUMING.contains(&call.name.as_str()) {
            continue;
        }
        if call.ret.starts_with("? ERESTART") {
            let Some(next) = calls.peek() else { continue };
            let resumes = next.name == "restart_syscall";
            let fails = next.name == "rt_sigreturn" && next.ret.starts_with("-1 EINTR");
            if !resumes && !fails {
                // The same call comes again, and with its result.
                continue;
            }
            call.ret = next.ret.clone();
            if resumes {
                // strace shows no output of a call that it sees end as another.
                call.ret += UNSEEN;
            }
        }
        if !call.ret.starts_with('?') {
            folded.push(call);
        }
    }
    folded
}

/// What strace's `-y` says of the descriptors that matter here.
const KINDS: [&str; 2] = ["<socket:[", "<anon_inode:[eventpoll]"];

/// The numbers of all descriptors that strace says are sockets or epoll instances.
fn socket_numbers(output: &str) -> BTreeSet<String> {
    let mut numbers = BTreeSet::new();
    for (at, _) in KINDS.iter().flat_map(|kind| output.match_indices(kind)) {
        let digits = output[..at].chars().rev().take_while(char::is_ascii_digit).count();
        numbers.insert(output[at - digits..at].to_owned());
    }
    numbers
}

/// Whether strace's own line shows that the call is about a socket.
fn is_of_a_socket(call: &Call) -> bool {
    let first = call.args.split(',').next().unwrap_or_default();
    !ON_A_SOCKET.contains(&call.name.as_str()) || KINDS.iter().any(|kind| first.contains(kind))
}

/// Whether the call is one that both sides show.
fn is_compared(call: &Call, sockets: &BTreeSet<String>) -> bool {
    let name = call.name.as_str();
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>();
    ALWAYS.contains(&name)
        || ON_A_SOCKET.contains(&name) && sockets.contains(&number(&call.args))
        || WAITING.contains(&name)
            && call.args.split("fd=").skip(1).any(|rest| sockets.contains(&number(rest)))
}

/// The same text for the same call: blanks, inodes, pointers, ephemeral ports and explanations are gone.
fn normal(call: Call) -> Call {
    let ret = match call.ret.split_once(" (") {
        Some((value, explained)) if !explained.starts_with('[') && !call.ret.ends_with(UNSEEN) => {
            value.to_owned()
        }
        _ => call.ret,
    };
    Call { name: call.name, args: masked(&call.args), ret: masked(&ret) }
}

fn masked(text: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        if quoted {
            let escaped = c == '\\' && !after.is_empty();
            let len = if escaped {
                1 + after.chars().next().map_or(0, char::len_utf8)
            } else {
                c.len_utf8()
            };
            out.push_str(&rest[..len]);
            quoted = c != '"';
            rest = &rest[len..];
            continue;
        }
        rest = after;
        match c {
            '"' => {
                quoted = true;
                out.push(c);
            }
            ' ' => {}
            // What a descriptor is: `3<socket:[4711]>`, `4<anon_inode:[eventpoll]>`.
            '<' if out.ends_with(|last: char| last.is_ascii_digit()) => {
                rest = rest.split_once('>').map_or("", |(_, rest)| rest);
            }
            '0' if rest.starts_with('x') => {
                let digits = rest[1..].chars().take_while(char::is_ascii_hexdigit).count();
                match digits {
                    // Shorter ones are flags.
                    0..=5 => out.push_str(&format!("0{}", &rest[..1 + digits])),
                    // A recording holds no pointer: so the lab prints them.
                    _ => out.push('…'),
                }
                rest = &rest[1 + digits..];
            }
            _ => out.push(c),
        }
        // The upper half of an epoll_data whose lower half was set is whatever stood there before.
        if out.ends_with("u64=") {
            let digits = rest.chars().take_while(char::is_ascii_digit).count();
            if let Ok(data) = rest[..digits].parse::<u64>() {
                out.push_str(&(data & u64::from(u32::MAX)).to_string());
                rest = &rest[digits..];
            }
        }
        if out.ends_with("htons(") {
            let digits = rest.chars().take_while(char::is_ascii_digit).count();
            if rest[..digits].parse().is_ok_and(|port: u32| port >= 32768) {
                out.push_str("EPHEMERAL");
                rest = &rest[digits..];
            }
        }
    }
    out
}

/// The compared calls of each thread that made any, in order of creation.
fn story(output: &str, sockets: &BTreeSet<String>, keep: fn(&Call) -> bool) -> Vec<Vec<Call>> {
    let number = |line: &str| line.split_whitespace().next()?.parse::<u32>().ok();
    let first = output.lines().find_map(number).unwrap_or(0);
    let mut threads: Vec<(u32, Vec<Call>)> = parse(output).into_iter().collect();
    // The kernel's numbers begin again at pid_max: below the first thread's are younger ones.
    threads.sort_by_key(|(tid, _)| (*tid < first, *tid));
    threads
        .into_iter()
        .map(|(_, calls)| {
            let calls = fold(calls).into_iter().filter(keep);
            calls.filter(|call| is_compared(call, sockets)).map(normal).collect()
        })
        .filter(|calls: &Vec<Call>| !calls.is_empty())
        .collect()
}

/// Runs a command under strace and gives its output, or `None` where there is no strace.
fn under_strace(command: &[&str]) -> Option<String> {
    if Command::new("strace").arg("-V").output().is_err() {
        skipped("no strace");
        return None;
    }
    let innet = c("innet")?;
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("strace");
    let traced = [&ALWAYS[..], &ON_A_SOCKET, &WAITING, &RESUMING].concat().join(",");
    let said = Command::new(&innet)
        .args(["strace", "-f", "-y", "-s", "4096", "-o", text(&output), "-e"])
        .arg(format!("trace={traced}"))
        .args(command)
        .stdin(Stdio::null())
        .output()
        .expect("strace starts");
    if said.status.code() == Some(99) {
        skipped("no network namespace for strace");
        return None;
    }
    Some(std::fs::read_to_string(&output).expect("strace's output"))
}

/// Whether strace's call and the lab's are one, as far as strace tells.
fn is_same(strace: Option<&Call>, lab: Option<&Call>) -> bool {
    let (Some(strace), Some(lab)) = (strace, lab) else { return strace == lab };
    match strace.ret.strip_suffix("(unseen)") {
        Some(value) => {
            let told = lab.ret.split('(').next().unwrap_or_default();
            (&strace.name, &strace.args, value) == (&lab.name, &lab.args, told)
        }
        None => strace == lab,
    }
}

/// The first thing that the two sides tell differently.
fn difference(strace: &[Vec<Call>], lab: &[Vec<Call>]) -> Option<String> {
    let show = |call: Option<&Call>| match call {
        Some(call) => format!("{}({}) = {}", call.name, call.args, call.ret),
        None => "nothing more".into(),
    };
    for thread in 0..strace.len().max(lab.len()) {
        let empty = Vec::new();
        let one = strace.get(thread).unwrap_or(&empty);
        let other = lab.get(thread).unwrap_or(&empty);
        for i in 0..one.len().max(other.len()) {
            if !is_same(one.get(i), other.get(i)) {
                let before: Vec<_> = one[i.saturating_sub(4)..i.min(one.len())]
                    .iter()
                    .map(|call| show(Some(call)))
                    .collect();
                return Some(format!(
                    "thread {} of {} and {}, call {}:\n  strace: {}\n  lab:    {}\nafter:\n  {}",
                    thread + 1,
                    strace.len(),
                    lab.len(),
                    i + 1,
                    show(one.get(i)),
                    show(other.get(i)),
                    before.join("\n  ")
                ));
            }
        }
    }
    None
}

fn agree(command: &[&str]) {
    let seen = need!(under_strace(command));
    let sockets = socket_numbers(&seen);
    let strace = story(&seen, &sockets, is_of_a_socket);
    assert!(!strace.is_empty(), "strace saw no socket call");
    let again = need!(under_strace(command));
    let twice = story(&again, &socket_numbers(&again), is_of_a_socket);
    if let Some(why) = difference(&strace, &twice) {
        panic!("the program itself differs from run to run: {why}");
    }

    let lab = need!(lab()).schedule("free").format("strace").option("--all-calls");
    let run = lab.program(command).run();
    assert_eq!(run.code(), 0, "{}", run.stderr);
    let lab = story(run.text(), &sockets, |_| true);
    if let Some(why) = difference(&strace, &lab) {
        panic!("{why}");
    }
}

fn agree_on_c(name: &str, args: &[&str]) {
    let program = need!(c(name));
    agree(&[&[text(&program)], args].concat());
}

fn agree_on_rust(name: &str, args: &[&str]) {
    let program = need!(rust(name));
    agree(&[&[text(&program)], args].concat());
}

fn agree_on_python(name: &str, args: &[&str]) {
    let script: PathBuf = source(name);
    agree(&[&[need!(python()), text(&script)], args].concat());
}

#[test]
fn strace_agrees_on_a_threaded_rust_program() {
    agree_on_rust("threaded_echo", &["together", "7401"]);
}

#[test]
fn strace_agrees_on_a_timeout_of_the_socket_itself() {
    agree_on_rust("udp_timeout", &["7402"]);
}

#[test]
fn strace_agrees_on_a_threaded_python_program() {
    agree_on_python("threaded_echo.py", &["together", "7403"]);
}

#[test]
fn strace_agrees_on_python_with_timeouts_and_a_fork() {
    agree_on_python("udp_retry.py", &["together", "7404"]);
}

#[test]
fn strace_agrees_on_python_selectors() {
    agree_on_python("selectors_echo.py", &["7405"]);
}

#[test]
fn strace_agrees_on_a_thread_for_each_client() {
    agree_on_c("thread_echo", &["7406"]);
}

#[test]
fn strace_agrees_on_a_forking_server_with_a_restarting_sigchld_handler() {
    agree_on_c("fork_server", &["together", "7407"]);
}

#[test]
fn strace_agrees_on_epoll() {
    agree_on_c("epoll_server", &["together", "7408"]);
}

#[test]
fn strace_agrees_on_datagrams_and_poll_timeouts() {
    agree_on_c("udp_retry", &["together", "7409"]);
}

#[test]
fn strace_agrees_on_vfork_and_exec() {
    agree_on_c("vfork_exec", &[]);
}

#[test]
fn strace_agrees_on_exec_from_a_thread() {
    agree_on_c("exec_from_thread", &[]);
}

#[test]
fn strace_agrees_on_a_restarted_recv() {
    agree_on_c("restart", &["restart"]);
}

#[test]
fn strace_agrees_on_an_interrupted_recv() {
    agree_on_c("restart", &["eintr"]);
}

#[test]
fn strace_agrees_on_a_poll_that_an_ignored_signal_meets() {
    agree_on_c("restart", &["poll-chld"]);
}

#[test]
fn strace_agrees_on_an_interrupted_poll() {
    agree_on_c("restart", &["poll-usr"]);
}

#[test]
fn strace_agrees_on_a_real_time_signal() {
    agree_on_c("restart", &["realtime"]);
}

#[test]
fn strace_agrees_on_a_passed_descriptor() {
    agree_on_c("fds", &["rights"]);
}

#[test]
fn strace_agrees_on_a_duplicate_over_another_socket() {
    agree_on_c("fds", &["dup2"]);
}

#[test]
fn strace_agrees_on_twenty_generations() {
    agree_on_c("fork_chain", &["20"]);
}

#[test]
fn strace_agrees_on_what_is_seldom_seen() {
    agree_on_c("notation", &[]);
}

#[test]
fn the_normaliser_folds_a_restarted_call_into_one() {
    let calls = |output| story(output, &BTreeSet::new(), |_| true).concat();
    let restarted = "\
12 recvfrom(3, 0x7ffd0a1b2c3d, 8, 0, NULL, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)
12 --- SIGUSR1 {si_signo=SIGUSR1} ---
12 rt_sigreturn({mask=[]}) = 45
12 recvfrom(3, <unfinished ...>
13 exit_group(0) = ?
12 <... recvfrom resumed>\"hello\", 8, 0, NULL, NULL) = 5
";
    let whole = "7 recvfrom(3, \"hello\", 8, 0, NULL, NULL) = 5\n";
    assert_eq!(calls(restarted), calls(whole));
    let interrupted = "\
12 recvfrom(3, 0x7ffd0a1b2c3d, 8, 0, NULL, NULL) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)
12 rt_sigreturn({mask=[]}) = -1 EINTR (Interrupted system call)
";
    assert_eq!(calls(interrupted)[0].ret, "-1EINTR");
}

#[test]
fn the_normaliser_masks_machine_facts_and_nothing_else() {
    let normal = |line| normal(call(line).expect("a call"));
    assert_eq!(
        normal(
            "accept4(3<socket:[4711]>, {sa_family=AF_INET, sin_port=htons(41234), sin_addr=inet_addr(\"127.0.0.1\")}, [16], SOCK_CLOEXEC) = 4<socket:[4712]>"
        ),
        normal(
            "accept4(3, {sa_family=AF_INET, sin_port=htons(55555), sin_addr=inet_addr(\"127.0.0.1\")}, [16], SOCK_CLOEXEC) = 4"
        ),
    );
    assert_ne!(
        normal("bind(3, {sin_port=htons(7000)}, 16) = 0"),
        normal("bind(3, {sin_port=htons(7001)}, 16) = 0")
    );
    let text = normal("write(3<socket:[1]>, \"a) <b> \\\" 0x1234567 \", 20) = 20").args;
    assert_eq!(text, "3,\"a) <b> \\\" 0x1234567 \",20");
}
