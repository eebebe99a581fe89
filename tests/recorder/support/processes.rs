//! Who is running on this machine, as /proc tells it.

use std::fs;
use std::time::{Duration, Instant};

use super::unique;

/// A process at one moment; its start tells it from a later one of the same pid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    pub state: char,
    pub name: String,
    start: u64,
}

impl Process {
    /// The process of this pid, if there is one.
    pub fn of(pid: i32) -> Option<Process> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in parentheses and may hold any character, parentheses included.
        let (before, after) = stat.rsplit_once(')')?;
        let name = before.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = after.split_whitespace().collect();
        Some(Process {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            state: fields.first()?.chars().next()?,
            name,
            start: fields.get(19)?.parse().ok()?,
        })
    }

    /// Every process there is.
    pub fn all() -> Vec<Process> {
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        entries
            .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
            .filter_map(Process::of)
            .collect()
    }

    /// The processes that descend from this one, itself left out.
    pub fn descendants(pid: i32) -> Vec<Process> {
        let all = Process::all();
        let mut family = vec![pid];
        let mut found: Vec<Process> = Vec::new();
        while let Some(parent) = family.pop() {
            for child in all.iter().filter(|process| process.parent == parent) {
                family.push(child.pid);
                found.push(child.clone());
            }
        }
        found
    }

    /// Whether it still runs. One that is dead and only waits for the machine's first process to collect it does not.
    pub fn is_alive(&self) -> bool {
        Process::of(self.pid)
            .is_some_and(|now| now.start == self.start && !(now.state == 'Z' && now.parent == 1))
    }
}

/// A mark in the environment, by which a run's processes are found wherever they have gone.
pub struct Marked {
    id: String,
}

impl Marked {
    pub fn new() -> Marked {
        // Of one length, so that every run's stack looks the same.
        Marked { id: format!("{:010}-{:010}", std::process::id(), unique()) }
    }

    /// The value of LAB_TEST_ID.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The processes that carry the mark.
    pub fn all(&self) -> Vec<Process> {
        let wanted = format!("LAB_TEST_ID={}", self.id);
        let carries = |process: &Process| {
            fs::read(format!("/proc/{}/environ", process.pid))
                .is_ok_and(|all| all.split(|&byte| byte == 0).any(|one| one == wanted.as_bytes()))
        };
        Process::all().into_iter().filter(carries).collect()
    }

    /// Those still there after this long. The dying are given that time.
    pub fn left_after(&self, patience: Duration) -> Vec<Process> {
        let deadline = Instant::now() + patience;
        loop {
            let left = self.all();
            if left.is_empty() || Instant::now() > deadline {
                return left;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends all that carry the mark.
    pub fn kill(&self) {
        for process in self.all() {
            signal(process.pid, libc::SIGKILL);
        }
    }
}

/// Sends a signal; a process that has gone is no error.
pub fn signal(pid: i32, signal: i32) {
    // SAFETY: kill(2) takes two numbers and touches no memory of ours.
    unsafe { libc::kill(pid, signal) };
}

pub fn is_root() -> bool {
    // SAFETY: geteuid(2) takes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}
