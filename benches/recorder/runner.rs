//! How a program is run, and what is to be said of one run.

#[path = "../../tests/deny/mod.rs"]
mod deny;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    Alone,
    /// It records less than the lab does.
    Strace,
    /// strace and the program on one processor.
    StraceOnOne,
    Lab,
    Lockstep,
}

/// What one run has taken.
pub struct Run {
    pub time: Duration,
    /// The largest that any process of it was, in KiB.
    pub memory: i64,
    /// What it printed.
    pub said: String,
}

const STRACE: [&str; 5] = ["strace", "-f", "--seccomp-bpf", "-e", "trace=network"];

/// What runs a program on one processor.
pub const ON_ONE: [&str; 3] = ["taskset", "-c", "0"];

impl Runner {
    pub fn words(self, out: &Path) -> Vec<String> {
        let out = out.to_string_lossy();
        let strace = [&STRACE[..], &["-o", &out]].concat();
        let lab = |schedule| lab(&["--schedule", schedule], &out);
        match self {
            Runner::Alone => Vec::new(),
            Runner::Strace => owned(&strace),
            Runner::StraceOnOne => owned(&[&ON_ONE[..], &strace].concat()),
            Runner::Lab => lab("free"),
            Runner::Lockstep => lab("lockstep"),
        }
    }

    /// `namespaces`: whether there are any to be had.
    pub fn run(self, program: &[String], out: &Path, namespaces: bool) -> Run {
        // To replace a file is another thing than to write one.
        let _ = std::fs::remove_file(out);
        run(&[self.words(out), program.to_vec()].concat(), namespaces)
    }
}

/// The lab with these options; events go to `out`.
pub fn lab(options: &[&str], out: &str) -> Vec<String> {
    let program = [env!("CARGO_BIN_EXE_lab"), "trace", "--as", "jsonl", "-o", out];
    owned(&[&program[..], options, &["--"]].concat())
}

pub fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|it| it.to_string()).collect()
}

/// Runs a command to its end, which must be a good one.
#[expect(clippy::zombie_processes, reason = "wait4 waits, and tells of the memory")]
pub fn run(words: &[String], namespaces: bool) -> Run {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::piped());
    if !namespaces {
        deny::deny(&mut command, libc::SYS_unshare);
    }
    let began = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", words[0]));
    let (mut status, mut said) = (0, String::new());
    let mut stdout = child.stdout.take().expect("its stdout");
    stdout.read_to_string(&mut said).expect("text");
    // SAFETY: rusage is plain data; wait4 fills both, and nobody else waits for the child.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::wait4(child.id() as i32, &mut status, 0, &mut usage);
        usage
    };
    let time = began.elapsed();
    assert_eq!(status, 0, "{words:?} did not end well");
    Run { time, memory: usage.ru_maxrss, said }
}

/// How many system calls a command and all its children make; `None` where perf is missing or refused.
pub fn system_calls(words: &[String], folder: &Path) -> Option<u64> {
    let out = folder.join("perf");
    let mut perf = Command::new("perf");
    perf.args(["stat", "-x,", "-e", "raw_syscalls:sys_enter", "-o"]).arg(&out).arg("--");
    perf.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    perf.status().ok().filter(|status| status.success())?;
    let text = std::fs::read_to_string(out).ok()?;
    text.lines().find(|line| line.contains("sys_enter"))?.split(',').next()?.parse().ok()
}

pub fn lines(recording: &Path) -> usize {
    let file = std::fs::File::open(recording).expect("the recording");
    BufReader::new(file).lines().count()
}

/// Calls that send and receive.
pub fn transfers(recording: &Path) -> usize {
    let file = std::fs::File::open(recording).expect("the recording");
    let moves =
        |line: &String| line.contains("\"call\":\"send\"") || line.contains("\"call\":\"recv\"");
    BufReader::new(file).lines().map_while(Result::ok).filter(moves).count()
}
