//! Programs that wait for each other are told so, at once.

use socket_lab::event::{Party, Reason, Recording};

use crate::support::{Run, c, calls, lab, need, outline, python, source, text};

/// How soon a deadlock must be seen, in nanoseconds after the last call that returned.
const AT_ONCE: u64 = 100_000_000;

fn deadlock(run: &Run) -> Recording {
    let recording = run.recording();
    assert_eq!(recording.end.reason, Reason::Deadlock, "{}", outline(&recording));
    assert_eq!(run.code(), 1, "{}", run.stderr);
    let last = recording.events.iter().filter(|event| event.ret.is_some()).map(|event| event.at);
    let late = recording.end.at - last.max().unwrap_or_default();
    assert!(late < AT_ONCE, "seen {late} ns after the last call returned");
    recording
}

/// Asserts that each of the two roles waits, in this call, for the other.
fn wait_for_each_other(recording: &Recording, call: &str) {
    assert_eq!(recording.end.waiting.len(), 2, "{:#?}", recording.end.waiting);
    for (role, other) in [("left", "right"), ("right", "left")] {
        let waiting = recording.end.waiting.iter().find(|waiting| waiting.role == role);
        let waiting = waiting.unwrap_or_else(|| panic!("{role}: {:#?}", recording.end.waiting));
        let event = recording.events.iter().find(|event| event.seq == waiting.event);
        let event = event.unwrap_or_else(|| panic!("no event {}", waiting.event));
        assert_eq!((event.call.as_ref(), event.ret), (call, None), "{}", outline(recording));
        assert!(event.blocked);
        let party = Party::Thread { role: other.into(), thread: 1 };
        assert!(waiting.for_.contains(&party), "{role}: {:?}", waiting.for_);
        assert_eq!(waiting.for_.len(), 1, "{role}: {:?}", waiting.for_);
    }
}

fn in_c(how: &str, port: &str) -> Option<Run> {
    let program = c("wait_each_other")?;
    let program = text(&program);
    let lab = lab()?
        .role("left", &[program, how, "server", port])
        .role("right", &[program, how, "client", port]);
    Some(lab.run())
}

fn in_python(how: &str, port: &str) -> Option<Run> {
    let (python, program) = (python()?, source("wait_each_other.py"));
    let program = text(&program);
    let lab = lab()?
        .role("left", &[python, program, how, "server", port])
        .role("right", &[python, program, how, "client", port]);
    Some(lab.run())
}

#[test]
fn two_programs_in_c_that_both_receive_first_are_a_deadlock() {
    wait_for_each_other(&deadlock(&need!(in_c("recv", "7201"))), "recv");
}

#[test]
fn two_programs_in_python_that_both_receive_first_are_a_deadlock() {
    wait_for_each_other(&deadlock(&need!(in_python("recv", "7202"))), "recv");
}

#[test]
fn two_programs_in_c_that_both_send_what_nobody_reads_are_a_deadlock() {
    wait_for_each_other(&deadlock(&need!(in_c("send", "7203"))), "send");
}

#[test]
fn two_programs_in_python_that_both_send_what_nobody_reads_are_a_deadlock() {
    wait_for_each_other(&deadlock(&need!(in_python("send", "7204"))), "send");
}

#[test]
fn two_threads_that_take_two_locks_in_opposite_order_are_a_deadlock() {
    let program = need!(c("lock_order"));
    let run = need!(lab()).program(&[text(&program)]).run();
    let recording = deadlock(&run);
    let threads: Vec<u32> = recording.end.waiting.iter().map(|waiting| waiting.thread).collect();
    for thread in [2, 3] {
        assert!(threads.contains(&thread), "thread {thread} waits: {:#?}", recording.end.waiting);
    }
    assert_eq!(calls(&recording, "send").len(), 2, "both had their first lock");
}

#[test]
fn a_server_that_waits_for_clients_is_no_deadlock() {
    let program = need!(c("forever"));
    let run = need!(lab()).program(&[text(&program), "accept"]).run();
    let recording = run.recording();
    assert_eq!(recording.end.reason, Reason::Serving, "{}", outline(&recording));
    assert_eq!(run.code(), 0, "{}", run.stderr);
    let waiting = &recording.end.waiting;
    assert_eq!(waiting.len(), 1, "{waiting:#?}");
    assert!(matches!(waiting[0].for_[..], [Party::Outside { .. }]), "{waiting:#?}");
}

#[test]
fn a_role_that_takes_its_time_is_no_deadlock_in_the_free_schedule() {
    let program = need!(c("takes_its_time"));
    for (how, port) in [("cond", "7210"), ("alarm", "7211"), ("timer", "7212")] {
        let lab = need!(lab()).schedule("free");
        let lab = lab.role("left", &[text(&program), "server", port]);
        let recording = lab.role("right", &[text(&program), how, port]).run().recording();
        assert_eq!(recording.end.reason, Reason::Finished, "{how}: {}", outline(&recording));
    }
}
