//! What Python's socket calls are to the kernel: the table of lesson 6, drawn from a recording.
//!
//! Where there is a Python, its calls are recorded anew and must give the same table; where there is none, the kept
//! recording must. `LAB_ACCEPT=1` writes both anew: read their difference.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use socket_lab::event::{Recording, SockAddr, Value};
use socket_lab::render::{json, strace};

#[path = "recorder/support/fixtures.rs"]
#[allow(dead_code, reason = "the recorder's tests need more of it")]
mod fixtures;

/// Says that a test was not made, where a passing test's output is seen as well.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

#[test]
fn the_table_of_pythons_calls_is_what_python_does() {
    let lesson = Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons/06-seeing-it");
    let (kept, golden) = (lesson.join("python.json"), lesson.join("table.md"));
    let recorded = record(&lesson.join("chat.py"));
    if let (Some(recorded), true) = (&recorded, std::env::var_os("LAB_ACCEPT").is_some()) {
        std::fs::write(&kept, json::write(&without_places(recorded))).unwrap();
        std::fs::write(&golden, table(recorded)).unwrap();
    }
    let golden = std::fs::read_to_string(golden).unwrap();
    let kept = json::parse(&std::fs::read(&kept).unwrap(), &kept).unwrap();
    assert_eq!(table(&kept), golden, "the kept recording");
    match recorded {
        Some(recorded) => assert_eq!(table(&recorded), golden, "a recording of this Python"),
        None => skipped("there is no Python that could be recorded"),
    }
}

/// The program, both its roles; `None` where there is no Python, or no tracing.
fn record(program: &Path) -> Option<Recording> {
    let python = fixtures::python()?;
    let role = |name: &str| format!("{name}={python} '{}' {name}", program.display());
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(["trace", "--as", "json", "--role", &role("server"), "--role", &role("client")]);
    let output = lab.output().expect("lab starts");
    if output.status.code() == Some(2) {
        let doctor = Command::new(env!("CARGO_BIN_EXE_lab")).arg("doctor").output().unwrap();
        assert_ne!(doctor.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    Some(json::parse(&output.stdout, &PathBuf::from("recording")).unwrap())
}

/// What is the same on every machine, and only that.
fn without_places(recording: &Recording) -> Recording {
    let mut bare = recording.without_machine_facts();
    for role in &mut bare.roles {
        role.command = vec!["python3".into(), "chat.py".into(), role.name.clone()];
    }
    bare
}

/// Each line of Python that a role prints, and the calls about sockets that follow it, as strace(1) writes them.
fn table(recording: &Recording) -> String {
    let mut table = String::from("| | Python | Linux |\n|---|---|---|\n");
    let ports = ephemeral(recording);
    for role in &recording.roles {
        let mut line: Option<(String, Vec<String>)> = None;
        let mut put = |line: &mut Option<(String, Vec<String>)>| {
            if let Some((python, calls)) = line.take() {
                let _ = writeln!(table, "| {} | `{python}` | {} |", role.name, calls.join("<br>"));
            }
        };
        for event in recording.events.iter().filter(|event| event.role == role.name) {
            let Some(socket) = event.socket.or(event.made) else { continue };
            let is_stdout =
                event.arg("fd").is_some_and(|fd| matches!(fd, Value::Fd { value: 1, .. }));
            if let (true, Some(bytes)) = (is_stdout, &event.bytes) {
                put(&mut line);
                let text = String::from_utf8_lossy(&bytes.data).trim_end().to_owned();
                line = Some((text, Vec::new()));
            } else if let (Some((_, calls)), Some(_)) = (&mut line, recording.socket(socket)) {
                let mut call = strace::line(event);
                for port in &ports {
                    call = call.replace(&format!("htons({port})"), "htons(P1)");
                }
                // strace puts the results of short calls below each other.
                let words: Vec<&str> = call.split_whitespace().collect();
                calls.push(format!("`{}`", words.join(" ").replace('|', "\\|")));
            }
        }
        put(&mut line);
    }
    table
}

/// The ports that the kernel chose: those of the clients that accept tells of.
fn ephemeral(recording: &Recording) -> Vec<u16> {
    let accepts = recording.events.iter().filter(|event| event.call.starts_with("accept"));
    let port = |value: &Value| match value {
        Value::Addr(SockAddr::Inet { port, .. }) => Some(*port),
        _ => None,
    };
    accepts.flat_map(|event| event.args.iter().filter_map(|arg| port(&arg.value))).collect()
}
