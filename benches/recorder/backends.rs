//! The ways to intercept a system call, beside each other: `programs/backends.c` has each of them without a recorder
//! round it.

use std::path::Path;
use std::time::Duration;

use crate::cases::sum;
use crate::runner::{self, ON_ONE, Runner, owned};
use crate::table::{Table, absent};
use crate::{build, median};

const ROUNDS: u32 = 10_000;
const CALLS: u32 = 4 * ROUNDS;

/// A way, by the name that `programs/backends.c` has for it, and what it sees of a call.
const WAYS: [(&str, &str, &str); 6] = [
    ("entry", "ptrace, stop before the call", "no results"),
    ("entry-exit", "ptrace, stops before and behind it", "everything"),
    ("continue", "notification, kernel goes on", "no results"),
    ("continue-sync", "notification, kernel goes on, SYNC_WAKE_UP", "no results"),
    ("perform", "notification, observer makes the call", "everything"),
    ("perform-sync", "notification, observer makes the call, SYNC_WAKE_UP", "everything"),
];

struct Row {
    name: &'static str,
    sees: &'static str,
    /// It prints how many calls it has seen, too.
    counts: bool,
    /// On one processor, and wherever the kernel puts them.
    commands: [Vec<String>; 2],
    times: [Vec<Duration>; 2],
}

pub fn table(rounds: usize, folder: &Path) -> Table {
    let mut rows = rows(folder);
    for _ in 0..rounds {
        for row in &mut rows {
            for (command, times) in row.commands.iter().zip(&mut row.times) {
                let run = runner::run(command, true);
                // The observer's count comes behind those of the two processes.
                let seen = if row.counts { 2 * CALLS } else { CALLS };
                assert_eq!(sum(&run.said), seen as usize, "{}: a call is lost", row.name);
                times.push(run.time);
            }
        }
    }
    let medians: Vec<[Duration; 2]> =
        rows.iter_mut().map(|row| row.times.each_mut().map(|times| median(times))).collect();
    let mut table = Table::new(&[
        "observer",
        "sees",
        "one processor: round trips/s",
        "ns more a call",
        "spread: round trips/s",
        "ns more a call",
    ]);
    for (row, times) in rows.iter().zip(&medians) {
        let mut cells = owned(&[row.name, row.sees]);
        for (time, alone) in times.iter().zip(&medians[0]) {
            let more = (time.as_nanos() as i64 - alone.as_nanos() as i64) / i64::from(CALLS);
            cells.push(format!("{:.0}", f64::from(ROUNDS) / time.as_secs_f64()));
            cells.push(if row.sees == "–" { absent() } else { more.to_string() });
        }
        table.row(cells);
    }
    table
}

fn rows(folder: &Path) -> Vec<Row> {
    let program = [build(folder, "ping_pong"), ROUNDS.to_string()];
    let out = folder.join("backends-out");
    let row = |name, sees, one: Vec<String>, spread: Vec<String>| Row {
        name,
        sees,
        counts: WAYS.iter().any(|(_, way, _)| *way == name),
        commands: [one, spread].map(|words| [words, program.to_vec()].concat()),
        times: [Vec::new(), Vec::new()],
    };
    let one = |words: &[String]| [&owned(&ON_ONE), words].concat();
    let mut rows = vec![row("nobody", "–", one(&[]), Vec::new())];
    for (way, name, sees) in WAYS {
        let words = [build(folder, "backends"), way.to_string()];
        rows.push(row(name, sees, one(&words), words.to_vec()));
    }
    let lab =
        |place| runner::lab(&["--schedule", "free", "--placement", place], &out.to_string_lossy());
    rows.push(row("`lab trace --schedule free`", "everything", lab("one"), lab("spread")));
    let [one, spread] = [Runner::StraceOnOne, Runner::Strace].map(|runner| runner.words(&out));
    rows.push(row("`strace -f --seccomp-bpf`", "everything", one, spread));
    rows
}
