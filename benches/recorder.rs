//! What recording costs: the same program under the lab, under strace and alone, one after the other, several times.
//!
//! ```text
//! cargo bench --bench recorder                   all of it, five rounds: about ten minutes
//! cargo bench --bench recorder -- talk --rounds 3
//! ```
//!
//! `strace` is `strace -f --seccomp-bpf -e trace=network`, which records less than the lab does. A round runs each of them
//! once, so that whatever else the machine does meets all alike; the ratios are of the medians. Each recording is
//! counted against what the program says it has done: none may lack a call.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A program, and how it is run.
struct Case {
    name: &'static str,
    about: &'static str,
    command: Vec<String>,
    /// Calls that move data, as the program makes them.
    transfers: Option<usize>,
    runners: &'static [Runner],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Runner {
    Alone,
    Strace,
    /// strace and the program on one processor.
    StraceOnOne,
    Lab,
    Lockstep,
}

use Runner::{Alone, Lab, Lockstep, Strace, StraceOnOne};

impl Runner {
    fn name(self) -> &'static str {
        match self {
            Alone => "alone",
            Strace => "strace",
            StraceOnOne => "strace, one cpu",
            Lab => "lab",
            Lockstep => "lab, lockstep",
        }
    }

    fn command(self, program: &[String], out: &Path) -> Command {
        const STRACE: [&str; 5] = ["strace", "-f", "--seccomp-bpf", "-e", "trace=network"];
        let out = out.to_string_lossy().into_owned();
        let lab = |schedule: &str| {
            let options = ["trace", "--schedule", schedule, "--as", "jsonl", "-o", &out, "--"];
            [&[env!("CARGO_BIN_EXE_lab")], &options[..]]
                .concat()
                .into_iter()
                .map(String::from)
                .collect()
        };
        let strace = || [&STRACE[..], &["-o", &out]].concat().into_iter().map(String::from);
        let words: Vec<String> = match self {
            Alone => Vec::new(),
            Strace => strace().collect(),
            StraceOnOne => {
                ["taskset", "-c", "0"].map(String::from).into_iter().chain(strace()).collect()
            }
            Lab => lab("free"),
            Lockstep => lab("lockstep"),
        };
        let mut words = words.into_iter().chain(program.iter().cloned());
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

fn main() {
    let (wanted, rounds) = arguments();
    let folder = tempfile::tempdir().expect("a folder for the programs");
    println!("{} processors, Linux {}, {rounds} rounds\n", processors(), release());
    for case in cases(folder.path()) {
        if wanted.is_empty() || wanted.iter().any(|name| name == case.name) {
            compare(&case, rounds, folder.path());
        }
    }
    if wanted.is_empty() || wanted.iter().any(|name| name == "growth") {
        grow(folder.path());
    }
}

fn arguments() -> (Vec<String>, usize) {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let (mut wanted, mut rounds) = (Vec::new(), 5);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rounds" => rounds = words.next().and_then(|it| it.parse().ok()).unwrap_or(rounds),
            _ => wanted.push(word),
        }
    }
    (wanted, rounds)
}

fn cases(folder: &Path) -> Vec<Case> {
    const ALL: &[Runner] = &[Alone, Strace, StraceOnOne, Lab, Lockstep];
    const FREE: &[Runner] = &[Alone, Strace, Lab];
    let program = |name: &str, args: &[&str]| {
        let binary = build(folder, name).to_string_lossy().into_owned();
        [&[binary.as_str()], args].concat().into_iter().map(String::from).collect::<Vec<_>>()
    };
    let words = |text: &str| shell_words::split(text).unwrap_or_default();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/programs/threads.c");
    let compile =
        format!("gcc -O2 -pthread -c {} -o {}/threads.o", source.display(), folder.display());
    vec![
        Case {
            name: "talk",
            about: "100,000 round trips of one byte between two processes",
            command: program("ping_pong", &["100000"]),
            transfers: Some(400_000),
            runners: ALL,
        },
        Case {
            name: "import",
            about: "Python imports thirty modules: no socket",
            command: words(&format!("python3 -c 'import {MODULES}'")),
            transfers: None,
            runners: FREE,
        },
        Case {
            name: "compile",
            about: "gcc compiles a file: no socket, five processes",
            command: words(&compile),
            transfers: None,
            runners: FREE,
        },
        Case {
            name: "crowd",
            about: "500 server threads and 500 clients, 20 round trips each",
            command: program("threads", &["500", "20"]),
            transfers: Some(500 * (4 * 20 + 1)),
            runners: FREE,
        },
        Case {
            name: "idle",
            about: "one pair, 20,000 round trips beside 4,000 threads that wait",
            command: program("threads", &["1", "20000", "4000"]),
            transfers: Some(4 * 20_000 + 1),
            runners: FREE,
        },
        Case {
            name: "nothing",
            about: "/bin/true",
            command: words("/bin/true"),
            transfers: None,
            runners: FREE,
        },
    ]
}

const MODULES: &str = "argparse, ast, asyncio, base64, bz2, calendar, codecs, concurrent.futures, configparser, csv, \
    ctypes, datetime, decimal, difflib, email, fractions, gzip, html.parser, http.client, inspect, json, logging, \
    multiprocessing, pathlib, pickle, sqlite3, ssl, statistics, tarfile, unittest, urllib.request, xml.dom, zipfile";

fn compare(case: &Case, rounds: usize, folder: &Path) {
    println!("{}: {}", case.name, case.about);
    let mut times: Vec<Vec<Duration>> = vec![Vec::new(); case.runners.len()];
    for _ in 0..rounds {
        for (runner, times) in case.runners.iter().zip(&mut times) {
            let out = folder.join("out");
            let mut command = runner.command(&case.command, &out);
            let began = Instant::now();
            let status = command.status();
            times.push(began.elapsed());
            assert!(status.as_ref().is_ok_and(|it| it.success()), "{}: {status:?}", runner.name());
            if let (Some(wanted), Lab | Lockstep) = (case.transfers, *runner) {
                assert_eq!(transfers(&out), wanted, "{}: calls are missing", runner.name());
            }
        }
    }
    let medians: Vec<Duration> = times.iter_mut().map(|times| median(times)).collect();
    let of = |wanted: Runner| {
        case.runners.iter().position(|it| *it == wanted).map(|at| medians[at].as_secs_f64())
    };
    for (runner, time) in case.runners.iter().zip(&medians) {
        let time = time.as_secs_f64();
        let against = |other: Runner| {
            of(other).map_or_else(|| format!("{:>14}", ""), |it| format!("{:>14.3}", time / it))
        };
        println!(
            "  {:<18}{time:>9.3} s{}{}{}",
            runner.name(),
            against(Alone),
            against(Strace),
            against(StraceOnOne)
        );
    }
    println!("  {:<18}{:>11}{:>14}{:>14}{:>14}\n", "", "", "/ alone", "/ strace", "/ one cpu");
}

/// Ever longer recordings of one program: time and memory.
fn grow(folder: &Path) {
    println!(
        "growth: the time of an event, and the most memory that a process of the lab has held"
    );
    let binary = build(folder, "ping_pong").to_string_lossy().into_owned();
    for rounds in [2_500, 25_000, 250_000] {
        let (program, out) = (vec![binary.clone(), rounds.to_string()], folder.join("out"));
        let began = Instant::now();
        let status = Lab.command(&program, &out).status();
        let time = began.elapsed();
        assert!(status.is_ok_and(|it| it.success()));
        let events = lines(&out);
        assert_eq!(transfers(&out), 4 * rounds, "calls are missing");
        let memory = most_memory() as f64 / 1024.0;
        let each = time.as_secs_f64() * 1e6 / events as f64;
        println!(
            "  {events:>9} events {:>8.3} s {each:>7.2} us each {memory:>7.1} MiB",
            time.as_secs_f64()
        );
    }
}

fn build(folder: &Path, name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/programs/{name}.c"));
    let binary = folder.join(name);
    if !binary.exists() {
        let mut gcc = Command::new("gcc");
        gcc.args(["-O2", "-pthread", "-o"]).arg(&binary).arg(source);
        assert!(gcc.status().is_ok_and(|it| it.success()), "gcc cannot build {name}");
    }
    binary
}

fn lines(recording: &Path) -> usize {
    let file = std::fs::File::open(recording).expect("the recording");
    BufReader::new(file).lines().count()
}

/// Calls that send and receive.
fn transfers(recording: &Path) -> usize {
    let file = std::fs::File::open(recording).expect("the recording");
    let moves =
        |line: &String| line.contains("\"call\":\"send\"") || line.contains("\"call\":\"recv\"");
    BufReader::new(file).lines().map_while(Result::ok).filter(moves).count()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The largest that any process was which has ended since this one began, in KiB.
fn most_memory() -> i64 {
    // SAFETY: rusage is plain data, which getrusage fills.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage);
        usage.ru_maxrss
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().into()
}
