//! The same program always gives the same recording, however it is written.

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;
use socket_lab::event::{Ending, Reason, Recording};
use socket_lab::render::text::{Style, text as draw};
use socket_lab::timeline::timeline;

use crate::support::{
    Busy, Lab, blank, c, first_difference, is_root, lab, need, python, rust, skipped, source, text,
    world_readable,
};

/// One server and its clients: names and commands.
struct Play {
    roles: Vec<(&'static str, Vec<String>)>,
}

impl Play {
    fn new() -> Play {
        Play { roles: Vec::new() }
    }

    fn role(mut self, name: &'static str, command: &[&str]) -> Play {
        self.roles.push((name, command.iter().map(|&word| word.to_owned()).collect()));
        self
    }

    fn staged(&self, mut lab: Lab) -> Lab {
        for (name, command) in &self.roles {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            lab = lab.role(name, &words);
        }
        lab
    }

    /// The same with every file that it runs taken from this folder.
    fn moved_to(&self, folder: &Path) -> Play {
        let moved = |word: &String| match Path::new(word).file_name() {
            Some(name) if word.starts_with('/') && folder.join(name).exists() => {
                text(&folder.join(name)).to_owned()
            }
            _ => word.clone(),
        };
        let roles = self.roles.iter();
        Play {
            roles: roles.map(|(name, words)| (*name, words.iter().map(moved).collect())).collect(),
        }
    }
}

fn repeats() -> usize {
    std::env::var("LAB_REPEAT").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

/// Records it again and again, and asserts that all recordings are one and that every role ended well. Where the
/// run has no network of its own, source ports cannot be fixed: then all timelines are one.
fn is_always_the_same(play: &Play, schedule: &str, times: usize, stage: impl Fn(Lab) -> Lab) {
    let mut first: Option<(Json, String)> = None;
    let mut distinct: BTreeMap<String, usize> = BTreeMap::new();
    let mut difference = None;
    for round in 0..times {
        let run = stage(play.staged(need!(lab()).schedule(schedule))).run();
        let recording = run.recording();
        assert_eq!(recording.end.reason, Reason::Finished, "{:#?}\n{}", recording.end, run.stderr);
        for end in &recording.end.roles {
            assert_eq!(end.how, Ending::Exited { status: 0 }, "{}: {}", end.role, run.stderr);
        }
        assert_eq!(run.code(), 0, "{}", run.stderr);
        let bare = if recording.isolation.namespaces.iter().any(|name| name == "net") {
            blank(&run.json())
        } else {
            Json::String(story(&recording))
        };
        *distinct.entry(bare.to_string()).or_default() += 1;
        match &first {
            None => first = Some((bare, run.stderr)),
            Some((first, _)) if difference.is_none() => {
                let what = match (first, &bare) {
                    (Json::String(one), Json::String(other)) => {
                        (one != other).then(|| format!("{one}\nand\n{other}"))
                    }
                    _ => first_difference(first, &bare),
                };
                difference = what.map(|what| format!("run {}: {what}", round + 1));
            }
            Some(_) => {}
        }
    }
    assert!(
        distinct.len() == 1,
        "{} different recordings in {times} runs ({schedule}): {}",
        distinct.len(),
        difference.unwrap_or_default()
    );
}

/// The timeline, without the line that says what this machine lacks.
fn story(recording: &Recording) -> String {
    let bare = recording.without_machine_facts();
    draw(&timeline(&bare), &Style::default())
}

fn check(play: &Play) {
    is_always_the_same(play, "lockstep", repeats(), |lab| lab);
    if std::env::var_os("LAB_LOAD").is_some() {
        let _busy = Busy::new(4);
        is_always_the_same(play, "lockstep", repeats(), |lab| lab);
    }
}

fn threaded_python() -> Option<Play> {
    let (python, program) = (python()?, source("threaded_echo.py"));
    let program = text(&program);
    Some(
        Play::new()
            .role("server", &[python, program, "server", "7101", "3"])
            .role("ann", &[python, program, "client", "7101", "from ann"])
            .role("bob", &[python, program, "client", "7101", "from bob"])
            .role("cat", &[python, program, "client", "7101", "你好"]),
    )
}

fn threaded_rust() -> Option<Play> {
    let program = rust("threaded_echo")?;
    let program = text(&program);
    Some(
        Play::new()
            .role("server", &[program, "server", "7102", "3"])
            .role("ann", &[program, "client", "7102", "from ann"])
            .role("bob", &[program, "client", "7102", "from bob"])
            .role("cat", &[program, "client", "7102", "你好"]),
    )
}

fn served_in_c(server: PathBuf, port: &str) -> Option<Play> {
    let client = c("echo_client")?;
    let client = text(&client);
    Some(
        Play::new()
            .role("server", &[text(&server), "server", port, "4"])
            .role("ann", &[client, port, "from ann", "3"])
            .role("bob", &[client, port, "from bob", "5"])
            .role("cat", &[client, port, "a longer text, from cat", "1"])
            .role("dan", &[client, port, "你好", "2"]),
    )
}

fn udp_in_c() -> Option<Play> {
    let program = c("udp_retry")?;
    let program = text(&program);
    Some(
        Play::new()
            .role("server", &[program, "server", "7105", "2"])
            .role("ann", &[program, "client", "7105", "from ann"])
            .role("bob", &[program, "client", "7105", "from bob"]),
    )
}

fn udp_in_python() -> Option<Play> {
    let (python, program) = (python()?, source("udp_retry.py"));
    let program = text(&program);
    Some(
        Play::new()
            .role("server", &[python, program, "server", "7106", "2"])
            .role("ann", &[python, program, "client", "7106", "from ann"])
            .role("bob", &[python, program, "client", "7106", "from bob"]),
    )
}

#[test]
fn a_threaded_server_in_python_with_three_clients_is_always_the_same() {
    check(&need!(threaded_python()));
}

#[test]
fn a_threaded_server_in_rust_with_three_clients_is_always_the_same() {
    check(&need!(threaded_rust()));
}

#[test]
fn an_epoll_server_with_four_clients_is_always_the_same() {
    let server = need!(c("epoll_server"));
    check(&need!(served_in_c(server, "7103")));
}

#[test]
fn a_forking_server_that_handles_sigchld_is_always_the_same() {
    let server = need!(c("fork_server"));
    check(&need!(served_in_c(server, "7104")));
}

#[test]
fn datagrams_with_poll_timeouts_and_retries_are_always_the_same() {
    check(&need!(udp_in_c()));
}

#[test]
fn datagrams_in_python_with_growing_timeouts_are_always_the_same() {
    check(&need!(udp_in_python()));
}

#[test]
fn one_seed_is_always_the_same_and_seeds_differ() {
    let play = need!(threaded_rust());
    need!(lab());
    let of_seed = |seed: &'static str| move |lab: Lab| lab.option("--seed").option(seed);
    for seed in ["1", "2"] {
        is_always_the_same(&play, "random", repeats().min(5), of_seed(seed));
    }
    let order = |seed| {
        let recording = play.staged(lab()?.schedule("random")).option("--seed").option(seed).run();
        let events = recording.recording().events;
        Some(events.iter().map(|event| event.role.clone()).collect::<Vec<_>>())
    };
    let orders: Vec<_> = ["1", "2", "3", "4", "5", "6"].into_iter().filter_map(order).collect();
    assert!(orders.windows(2).any(|pair| pair[0] != pair[1]), "six seeds gave one order");
}

#[test]
fn somebody_without_rights_gets_the_same_recording_each_time() {
    if !is_root() {
        return skipped("not root: every other test runs without rights already");
    }
    let program = PathBuf::from(env!("CARGO_BIN_EXE_lab"));
    let (python, rust_echo) = (need!(threaded_python()), need!(rust("threaded_echo")));
    let udp = need!(c("udp_retry"));
    let script = source("threaded_echo.py");
    let shared = world_readable(&[&program, &rust_echo, &udp, &script]);
    let lab_copy = shared.path().join("lab");
    let allowed = Command::new("unshare")
        .args(["--user", "--net", "true"])
        .uid(65534)
        .gid(65534)
        .output()
        .is_ok_and(|said| said.status.success());
    if !allowed {
        return skipped("no user namespaces for somebody without rights");
    }
    for play in [python, need!(threaded_rust()), need!(udp_in_c())] {
        let play = play.moved_to(shared.path());
        let times = repeats().div_ceil(2);
        is_always_the_same(&play, "lockstep", times, |lab| lab.uid(65534, lab_copy.clone()));
    }
}
