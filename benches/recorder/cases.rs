//! The programs that are recorded, and what is told of them.

use std::path::Path;
use std::time::Duration;

use crate::runner::{Runner, lines, system_calls, transfers};
use crate::table::{Table, mebibytes, or_absent, time};
use crate::{build, median};

use Runner::{Alone, Lab, Lockstep, Strace, StraceOnOne};

pub const NAMES: [&str; 7] = ["talk", "import", "compile", "crowd", "idle", "nothing", "open"];

/// A program, and how it is run.
struct Case {
    name: &'static str,
    about: &'static str,
    command: Vec<String>,
    /// It prints how many calls of it send and receive.
    counts: bool,
    runners: &'static [Runner],
    aim: Option<Aim>,
}

/// What recording under the free schedule is to cost at most.
enum Aim {
    OfStrace(f64),
    Takes(Duration),
}

/// What a runner has needed for a case.
#[derive(Default)]
struct Cost {
    times: Vec<Duration>,
    memory: i64,
    /// Transfers, as the program and as the recording has counted them in the last run.
    made: usize,
    recorded: usize,
    events: usize,
}

pub struct Measured {
    case: Case,
    costs: Vec<(Runner, Cost)>,
}

fn cases(folder: &Path) -> Vec<Case> {
    const ALL: &[Runner] = &[Alone, Strace, StraceOnOne, Lab, Lockstep];
    const FREE: &[Runner] = &[Alone, Strace, Lab];
    let program = |name: &str, args: &[&str]| {
        let args = args.iter().map(|it| it.to_string());
        std::iter::once(build(folder, name)).chain(args).collect::<Vec<_>>()
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
            counts: true,
            runners: ALL,
            aim: None,
        },
        Case {
            name: "import",
            about: "Python imports thirty modules: no socket",
            command: words(&format!("python3 -c 'import {MODULES}'")),
            counts: false,
            runners: FREE,
            aim: None,
        },
        Case {
            name: "compile",
            about: "gcc compiles a file: no socket, five processes",
            command: words(&compile),
            counts: false,
            runners: FREE,
            aim: None,
        },
        Case {
            name: "crowd",
            about: "500 server threads and 500 clients, 20 round trips each",
            command: program("threads", &["500", "20"]),
            counts: true,
            runners: FREE,
            aim: Some(Aim::OfStrace(0.65)),
        },
        Case {
            name: "idle",
            about: "one pair, 20,000 round trips beside 4,000 threads that wait",
            command: program("threads", &["1", "20000", "4000"]),
            counts: true,
            runners: FREE,
            aim: Some(Aim::OfStrace(0.25)),
        },
        Case {
            name: "nothing",
            about: "`/bin/true`",
            command: words("/bin/true"),
            counts: false,
            runners: FREE,
            aim: None,
        },
        Case {
            name: "open",
            about: "`/bin/true` without a sandbox: namespaces are refused",
            command: words("/bin/true"),
            counts: false,
            runners: FREE,
            aim: Some(Aim::Takes(Duration::from_micros(4_500))),
        },
    ]
}

const MODULES: &str = "argparse, ast, asyncio, base64, bz2, calendar, codecs, concurrent.futures, configparser, csv, \
    ctypes, datetime, decimal, difflib, email, fractions, gzip, html.parser, http.client, inspect, json, logging, \
    multiprocessing, pathlib, pickle, sqlite3, ssl, statistics, tarfile, unittest, urllib.request, xml.dom, zipfile";

pub fn measure(names: &[&str], rounds: usize, folder: &Path) -> Vec<Measured> {
    let wanted = cases(folder).into_iter().filter(|case| names.contains(&case.name));
    wanted.map(|case| Measured { costs: compare(&case, rounds, folder), case }).collect()
}

fn compare(case: &Case, rounds: usize, folder: &Path) -> Vec<(Runner, Cost)> {
    let mut costs: Vec<_> = case.runners.iter().map(|&it| (it, Cost::default())).collect();
    for _ in 0..rounds {
        for (runner, cost) in &mut costs {
            let out = folder.join("out");
            let run = runner.run(&case.command, &out, case.name != "open");
            cost.times.push(run.time);
            cost.memory = cost.memory.max(run.memory);
            if let Lab | Lockstep = runner {
                cost.events = lines(&out);
                (cost.made, cost.recorded) = (sum(&run.said), transfers(&out));
                assert!(
                    !case.counts || cost.made == cost.recorded,
                    "{}: a call is lost",
                    case.name
                );
            }
        }
    }
    costs
}

/// The sum of the numbers that a program's processes have printed.
pub fn sum(said: &str) -> usize {
    said.lines().filter_map(|line| line.parse::<usize>().ok()).sum()
}

impl Measured {
    fn cost(&self, runner: Runner) -> Option<&Cost> {
        self.costs.iter().find(|(it, _)| *it == runner).map(|(_, cost)| cost)
    }

    fn time(&self, runner: Runner) -> Option<Duration> {
        self.cost(runner).map(|cost| median(&mut cost.times.clone()))
    }

    /// How often the one's time goes into the other's.
    fn ratio(&self, one: Runner, other: Runner) -> String {
        let times = self.time(one).zip(self.time(other));
        or_absent(times, |(one, other)| format!("{:.2}", one.as_secs_f64() / other.as_secs_f64()))
    }
}

pub fn times(measured: &[Measured]) -> Table {
    let mut table = Table::new(&[
        "program",
        "alone",
        "strace",
        "strace, one processor",
        "lab, free",
        "lab, lockstep",
        "free / alone",
        "free / strace",
        "lockstep / strace",
        "aim",
    ]);
    for it in measured {
        let times = [Alone, Strace, StraceOnOne, Lab, Lockstep].map(|runner| it.time(runner));
        let mut cells = vec![format!("{}: {}", it.case.name, it.case.about)];
        cells.extend(times.map(|taken| or_absent(taken, time)));
        cells
            .extend([(Lab, Alone), (Lab, Strace), (Lockstep, Strace)].map(|(a, b)| it.ratio(a, b)));
        cells.push(or_absent(it.case.aim.as_ref(), |aim| match aim {
            Aim::OfStrace(most) => format!("≤ {most} strace"),
            Aim::Takes(most) => format!("≤ {}", time(*most)),
        }));
        table.row(cells);
    }
    table
}

/// Whether anything was lost, and what an event takes; of the programs that count.
pub fn events(measured: &[Measured], folder: &Path) -> Table {
    let mut table = Table::new(&[
        "program, schedule",
        "transfers made",
        "recorded",
        "events",
        "calls of the recorder an event",
        "most memory",
    ]);
    for it in measured.iter().filter(|it| it.case.counts) {
        let alone = system_calls(&it.case.command, folder);
        for (runner, name) in [(Lab, "free"), (Lockstep, "lockstep")] {
            let Some(cost) = it.cost(runner) else { continue };
            let words = [runner.words(&folder.join("out")), it.case.command.clone()].concat();
            let all = system_calls(&words, folder);
            let own = all.zip(alone).map(|(all, alone)| all.saturating_sub(alone) as f64);
            table.row(vec![
                format!("{}, {name}", it.case.name),
                cost.made.to_string(),
                cost.recorded.to_string(),
                cost.events.to_string(),
                or_absent(own, |own| format!("{:.2}", own / cost.events as f64)),
                mebibytes(cost.memory),
            ]);
        }
    }
    table
}
