//! Ctrl-C keeps what was recorded, and nothing outlives the lab.

use std::thread;
use std::time::{Duration, Instant};

use socket_lab::event::Reason;

use crate::support::{BOUND, Process, Running, c, calls, lab, need, outline, signal, text};

/// A server under the free schedule that has begun to listen.
fn serving() -> Option<Running> {
    let program = c("forever")?;
    let lab = lab()?.schedule("free").role("server", &[text(&program), "serve", "7301"]);
    let mut running = lab.start();
    running.wait_for_output("listening");
    Some(running)
}

/// Asserts that all of these are gone within a second: dead and collected.
fn gone_within_a_second(processes: &[Process]) {
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        let alive: Vec<_> = processes.iter().filter(|process| process.is_alive()).collect();
        if alive.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "still there after a second: {alive:#?}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn the_tracee(family: &[Process]) -> &Process {
    let tracee = family.iter().find(|process| process.name.contains("forever"));
    tracee.unwrap_or_else(|| panic!("no tracee among {family:#?}"))
}

#[test]
fn ctrl_c_writes_the_recording_and_says_that_it_was_interrupted() {
    for ctrl_c in [libc::SIGINT, libc::SIGTERM] {
        let running = need!(serving());
        let family = Process::descendants(running.pid());
        the_tracee(&family);
        signal(running.pid(), ctrl_c);
        let run = running.wait(Duration::from_secs(5));
        let recording = run.recording();
        assert_eq!(recording.end.reason, Reason::Interrupted, "{:?}", recording.end);
        assert_eq!(calls(&recording, "listen").len(), 1, "{}", outline(&recording));
        gone_within_a_second(&family);
    }
}

#[test]
fn ctrl_c_at_a_terminal_reaches_the_programs_as_well_and_the_recording_is_whole() {
    for schedule in ["free", "lockstep"] {
        let program = need!(c("forever"));
        // In lockstep this one computes: whatever waits there is ended by the lab before Ctrl-C could come.
        let mode = if schedule == "free" { "serve" } else { "spin-loud" };
        let lab = need!(lab()).schedule(schedule).program(&[text(&program), mode, "7303"]);
        let mut running = lab.start();
        running.wait_for_output("listening");
        let family = Process::descendants(running.pid());
        // To the process group, as a terminal does.
        signal(-running.pid(), libc::SIGINT);
        let run = running.wait(Duration::from_secs(5));
        let recording = run.recording();
        assert_eq!(recording.end.reason, Reason::Interrupted, "{schedule}: {:?}", recording.end);
        assert!(!recording.events.is_empty());
        gone_within_a_second(&family);
    }
}

#[test]
fn ctrl_c_twice_leaves_a_whole_recording_too() {
    let running = need!(serving());
    signal(running.pid(), libc::SIGINT);
    signal(running.pid(), libc::SIGINT);
    let run = running.wait(Duration::from_secs(5));
    assert_eq!(run.recording().end.reason, Reason::Interrupted);
}

#[test]
fn nothing_outlives_a_lab_that_is_killed() {
    let mut running = need!(serving());
    let family = Process::descendants(running.pid());
    the_tracee(&family);
    signal(running.pid(), libc::SIGKILL);
    running.child.wait().expect("wait");
    gone_within_a_second(&family);
    // `wait` searches for the mark as well.
    running.wait(BOUND);
}

#[test]
fn nothing_outlives_a_worker_that_is_killed_and_the_lab_says_so() {
    let running = need!(serving());
    let family = Process::descendants(running.pid());
    the_tracee(&family);
    let worker = family.iter().find(|process| process.parent == running.pid());
    let worker = worker.unwrap_or_else(|| panic!("no worker among {family:#?}"));
    signal(worker.pid, libc::SIGKILL);
    gone_within_a_second(&family);
    let run = running.wait(Duration::from_secs(5));
    assert_eq!(run.code(), 2, "{}", run.stderr);
    assert!(run.stderr.contains("error: "), "{}", run.stderr);
}

#[test]
fn nothing_outlives_a_lab_that_is_killed_while_it_starts() {
    // At any moment of the start-up: before, while and after the namespaces and the first tracee are made.
    for delay in [1, 2, 4, 8, 12, 16, 24, 32] {
        let program = need!(c("forever"));
        let lab = need!(lab()).schedule("free").program(&[text(&program), "accept", "7302"]);
        let mut running = lab.start();
        thread::sleep(Duration::from_millis(delay));
        let family = Process::descendants(running.pid());
        signal(running.pid(), libc::SIGKILL);
        running.child.wait().expect("wait");
        gone_within_a_second(&family);
        running.wait(BOUND);
    }
}

#[test]
fn nothing_outlives_a_lab_killed_in_the_middle_of_five_hundred_threads() {
    let program = need!(c("many_threads"));
    for schedule in ["lockstep", "free"] {
        let mut running = need!(lab()).schedule(schedule).program(&[text(&program)]).start();
        thread::sleep(Duration::from_millis(40));
        let family = Process::descendants(running.pid());
        signal(running.pid(), libc::SIGKILL);
        running.child.wait().expect("wait");
        gone_within_a_second(&family);
        running.wait(BOUND);
    }
}
