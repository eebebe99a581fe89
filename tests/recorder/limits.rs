//! Programs that want too much: held to their limits, told of, and none of them outlives the run.
//!
//! That nothing is left running is asserted of every run by `Lab::run`.

use std::time::Duration;

use socket_lab::event::{Ending, Reason, Recording};
use socket_lab::tracer::limits::Limits;

use crate::support::{
    Lab, c, calls, first_ending, lab, need, outline, printed, python, skipped, source, text,
};

fn limited(command: &[&str]) -> Option<Lab> {
    let lab = lab()?.program(command).request(|request| {
        request.tracer.limits = Some(Limits::default());
        request.tracer.timeout = Some(Duration::from_secs(20));
        request.sandbox.confine = true;
    });
    Some(lab)
}

fn on(args: &[&str]) -> Option<Recording> {
    let program = c("limits")?;
    Some(limited(&[&[text(&program)], args].concat())?.run().recording())
}

/// Why the lab ended the run.
fn limit(recording: &Recording) -> &str {
    match &recording.end.reason {
        Reason::Limit { what } => what,
        other => panic!("{other:?}\n{}", outline(recording)),
    }
}

#[test]
fn limits_hold_for_what_is_executed() {
    let shell = "ulimit -c; ulimit -t; ulimit -n; ulimit -s";
    let recording = need!(limited(&["sh", "-c", shell])).run().recording();
    assert_eq!(printed(&recording), "0\n20\n1024\n8192\n");
}

#[test]
fn a_fork_bomb_runs_out_of_processes_and_is_ended() {
    let recording = need!(on(&["fork-bomb"]));
    assert_eq!(limit(&recording), "1000 calls in a row moved nothing: the program spins");
    let refused = calls(&recording, "fork");
    let refused = refused.iter().find(|event| event.failed_with("EAGAIN"));
    let note = refused.unwrap_or_else(|| panic!("{}", outline(&recording))).note.as_deref();
    assert_eq!(note, Some("refused by the lab: too many processes and threads"));
}

#[test]
fn fifty_children_that_wait_for_ever_are_told_of_and_ended() {
    let recording = need!(on(&["children", "50"]));
    assert_eq!(printed(&recording), "50 children");
    let recording = need!(on(&["children", "1000"]));
    assert_eq!(printed(&recording), "255 children");
}

#[test]
fn a_thread_bomb_gets_eagain() {
    let recording = need!(on(&["thread-bomb"]));
    assert_eq!(printed(&recording), "255 threads, then Resource temporarily unavailable");
}

#[test]
fn a_gibibyte_of_output_ends_the_run_in_whatever_pieces() {
    for piece in ["1000", "1000000"] {
        let recording = need!(on(&["print", piece]));
        assert_eq!(limit(&recording), "more than 8 MiB was printed");
    }
    assert_eq!(limit(&need!(on(&["print", "1"]))), "100000 events were recorded");
}

#[test]
fn twenty_gibibytes_of_memory_are_refused_or_end_the_run() {
    assert_eq!(printed(&need!(on(&["reserve"]))), "Cannot allocate memory");
    assert_eq!(limit(&need!(on(&["fill"]))), "more than 1 GiB of memory was in use");
}

#[test]
fn a_program_deaf_to_signals_is_ended_with_its_child() {
    let recording = need!(on(&["deaf"]));
    let killed = matches!(first_ending(&recording), Ending::Killed { .. });
    assert!(killed, "{:?}", recording.end);
}

#[test]
fn the_lab_cannot_be_killed_by_the_program() {
    let recording = need!(on(&["kill"]));
    assert_eq!(recording.end.reason, Reason::Finished, "{}", outline(&recording));
    assert_eq!(printed(&recording), "Operation not permitted");
}

#[test]
fn a_program_without_its_standard_streams_is_recorded_to_its_end() {
    let program = need!(c("close_stdio"));
    let recording = need!(limited(&[text(&program)])).run().recording();
    assert_eq!(first_ending(&recording), Ending::Exited { status: 0 }, "{}", outline(&recording));
}

#[test]
fn a_file_has_an_end() {
    let recording = need!(on(&["long-file"]));
    // The folder has as much room as a file may have.
    let said = printed(&recording);
    let size: u64 = said.split(':').next().and_then(|size| size.parse().ok()).unwrap_or(0);
    assert!(size > 32 << 20 && size <= 64 << 20, "{said}");
}

#[test]
fn a_program_that_computes_for_ever_is_ended() {
    let program = need!(c("limits"));
    let lab = need!(limited(&[text(&program), "spin"])).request(|request| {
        request.tracer.limits = Some(Limits { cpu: 1, ..Limits::default() });
    });
    assert_eq!(limit(&lab.run().recording()), "program used 1 s of processor time");
}

#[test]
fn a_program_can_write_in_its_own_folder_only_and_finds_it_empty_each_time() {
    let (python, program) = (need!(python()), source("write_everywhere.py"));
    let victim = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(victim.path(), "precious").expect("write");
    for _ in 0..2 {
        let run = need!(limited(&[python, text(&program), text(victim.path())])).run();
        let recording = run.recording();
        if recording.isolation.lacking.iter().any(|what| what.starts_with("landlock")) {
            return skipped("no landlock");
        }
        let refused = "Permission denied";
        let said = format!(
            "here {refused}\nhome {refused}\ntmp {refused}\nshm {refused}\nown yes\nfound []\n\
             temporary True\ndevice 1\ntruncate {refused}\n"
        );
        assert_eq!(printed(&recording), said, "{:?}", recording.isolation);
        assert_eq!(std::fs::read_to_string(victim.path()).expect("read"), "precious");
    }
    let left = std::fs::read_dir("/tmp/socket-lab").expect("the folder's place").count();
    assert_eq!(left, 0, "nothing of it is seen outside");
}

#[test]
fn a_kernel_without_landlock_is_told_of_and_the_folder_is_there_all_the_same() {
    let wrapper = need!(c("no_landlock"));
    let shell = "echo here > $TMPDIR/file; cat $TMPDIR/file";
    let run = need!(limited(&["sh", "-c", shell])).under(wrapper).run();
    let recording = run.recording();
    assert_eq!(recording.isolation.lacking, ["landlock: ENOSYS"]);
    // What `cat` finds it writes to the terminal of the run.
    assert_eq!(printed(&recording), "here\n", "{}", outline(&recording));
}
