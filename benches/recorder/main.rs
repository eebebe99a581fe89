//! What recording costs: the same program under the lab, under strace and alone, one after the other, several times.
//!
//! ```text
//! cargo bench --bench recorder                              all of it, five rounds: about a quarter of an hour
//! cargo bench --bench recorder -- talk backends --rounds 3
//! cargo bench --bench recorder -- --write benches/figures   the tables that the book shows
//! ```
//!
//! A round runs each of them once, so that whatever else the machine does meets all alike; times are medians. Each
//! recording is counted against what the program says it has done: none may lack a call.

mod backends;
mod cases;
mod growth;
mod runner;
mod table;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use table::Table;

fn main() {
    let asked = Asked::read();
    let folder = tempfile::tempdir().expect("a folder for the programs");
    let folder = folder.path();
    let names: Vec<&str> = cases::NAMES.into_iter().filter(|name| asked.wants(name)).collect();
    if !names.is_empty() {
        let measured = cases::measure(&names, asked.rounds, folder);
        asked.tell("times", &cases::times(&measured));
        asked.tell("events", &cases::events(&measured, folder));
    }
    if asked.wants("growth") {
        asked.tell("growth", &growth::table(folder));
    }
    if asked.wants("backends") {
        asked.tell("backends", &backends::table(asked.rounds, folder));
    }
}

struct Asked {
    /// All, if there are none.
    names: Vec<String>,
    rounds: usize,
    write: Option<PathBuf>,
}

impl Asked {
    fn read() -> Asked {
        let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
        let mut asked = Asked { names: Vec::new(), rounds: 5, write: None };
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} lacks its value"));
            match word.as_str() {
                "--rounds" => asked.rounds = value().parse().expect("--rounds takes a number"),
                "--write" => asked.write = Some(value().into()),
                _ => asked.names.push(word),
            }
        }
        let known = |name: &&String| {
            cases::NAMES.contains(&name.as_str()) || ["growth", "backends"].contains(&name.as_str())
        };
        let unknown: Vec<&String> = asked.names.iter().filter(|name| !known(name)).collect();
        assert!(unknown.is_empty(), "nothing is called {unknown:?}");
        asked
    }

    fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|it| it == name)
    }

    /// Prints a table, and writes it where the book finds it.
    fn tell(&self, name: &str, table: &Table) {
        if table.is_empty() {
            return;
        }
        let rounds = self.rounds;
        let machine = format!("{} processors, Linux {}, rounds: {rounds}", processors(), release());
        println!("{name}: {machine}\n\n{table}");
        if let Some(folder) = &self.write {
            let text = format!("{table}\n*`cargo bench --bench recorder`: {machine}*\n");
            std::fs::create_dir_all(folder).expect("the folder for the tables");
            std::fs::write(folder.join(format!("{name}.md")), text).expect("a table");
        }
    }
}

fn build(folder: &Path, name: &str) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/programs/{name}.c"));
    let binary = folder.join(name);
    if !binary.exists() {
        let mut gcc = Command::new("gcc");
        gcc.args(["-O2", "-pthread", "-o"]).arg(&binary).arg(source);
        assert!(gcc.status().is_ok_and(|it| it.success()), "gcc cannot build {name}");
    }
    binary.to_string_lossy().into_owned()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn release() -> String {
    std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().into()
}
