//! Under the free schedule a program without sockets is not stopped at its reads and writes; one that makes a socket is,
//! from then on, wherever it reads and writes.

use socket_lab::event::Recording;

use super::support::{Lab, c, lab, need, text};

/// The bytes that were written and read, in order of the alphabet: `w` and `r`, and the byte.
fn moved(recording: &Recording) -> Vec<String> {
    let one = |event: &&socket_lab::event::Event| {
        let letter = event.bytes.as_ref().and_then(|bytes| bytes.data.first())?;
        let kind = match event.syscall.as_ref() {
            "write" => 'w',
            "read" => 'r',
            _ => return None,
        };
        Some(format!("{}{kind}", char::from(*letter)))
    };
    let mut all: Vec<String> = recording.events.iter().filter_map(|event| one(&event)).collect();
    all.sort();
    all
}

fn free(args: &[&str]) -> Option<Lab> {
    let program = c("armed")?;
    let command: Vec<&str> = [text(&program)].into_iter().chain(args.iter().copied()).collect();
    Some(lab()?.schedule("free").program(&command))
}

#[test]
fn from_the_first_socket_on_every_read_and_write_is_recorded() {
    let recording = need!(free(&[])).run().finished_with(0);
    assert!(recording.from_first_socket, "it says so");
    // The thread that read the `x` had begun to when there was no socket.
    assert_eq!(moved(&recording), ["dr", "dw", "er", "ew", "fr", "fw", "mr", "mw", "xw"]);
}

#[test]
fn all_of_them_are_recorded_where_that_is_asked_for() {
    let recording = need!(free(&[])).option("--all-calls").run().finished_with(0);
    assert!(!recording.from_first_socket);
    let early =
        ["br", "bw", "cr", "cw", "dr", "dw", "er", "ew", "fr", "fw", "mr", "mw", "xr", "xw"];
    assert_eq!(moved(&recording), early);
}

#[test]
fn a_descriptor_from_before_the_first_socket_is_known_by_what_it_refers_to() {
    let recording = need!(free(&[])).run().finished_with(0);
    let on = |wanted: &str| {
        let is_wanted = |event: &&socket_lab::event::Event| {
            let d = event.bytes.as_ref().is_some_and(|bytes| bytes.data == b"d");
            d && event.syscall == wanted
        };
        let event = recording.events.iter().find(is_wanted).expect("the byte was moved");
        event.socket.and_then(|id| recording.socket(id)).expect("a description")
    };
    assert_eq!(on("write").peer, Some(on("read").id), "the two ends of one pipe");
}

#[test]
fn a_program_whose_own_filter_is_in_the_way_is_not_followed_in_silence() {
    let run = need!(free(&["refused"])).run();
    assert_eq!(run.code(), 1, "{}", run.stderr);
    assert!(run.stderr.contains("its own filter refuses seccomp (EPERM)"), "{}", run.stderr);
    assert!(run.stderr.contains("--all-calls"), "{}", run.stderr);
}
