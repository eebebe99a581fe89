//! Where in the source a call stands.

use std::path::Path;

use socket_lab::event::Recording;

use crate::support::{Lab, c, calls, lab, need, outline, python, rust, source, text};

fn located(command: &[&str]) -> Option<Lab> {
    Some(lab()?.program(command).request(|request| request.tracer.locate = true))
}

/// Asserts that the call stands on a line of this file that holds `words`.
fn stands_at(recording: &Recording, call: &str, file: &str, words: &str) {
    let events = calls(recording, call);
    let lines = std::fs::read_to_string(source(file)).expect("the source");
    let name = Path::new(file).file_name().and_then(|name| name.to_str()).expect("a name");
    let found = events.iter().filter_map(|event| event.source.as_deref()).find(|place| {
        let (at, line) = place.rsplit_once(':').expect("a line");
        let line: usize = line.parse().expect("a number");
        at.ends_with(name) && lines.lines().nth(line - 1).is_some_and(|text| text.contains(words))
    });
    assert!(
        found.is_some(),
        "{call}: {words}\n{:?}",
        events.iter().map(|it| &it.source).collect::<Vec<_>>()
    );
}

#[test]
fn calls_of_a_c_program_are_found_through_the_library_and_inlined_functions() {
    let program = need!(c("weather"));
    let recording = need!(located(&[text(&program), "reads"])).run().finished_with(0);
    stands_at(&recording, "read", "weather.c", "case 0: got = read(");
    stands_at(&recording, "recvmsg", "weather.c", "got = recvmsg(");
    stands_at(&recording, "socketpair", "weather.c", "socketpair(AF_UNIX");
    let places: Vec<_> = calls(&recording, "recv").iter().map(|it| it.source.clone()).collect();
    assert!(places[0].as_deref().is_some_and(|it| it.starts_with("weather.c:")), "{places:?}");
}

#[test]
fn calls_in_threads_of_a_rust_program_are_found_outside_the_standard_library() {
    let program = need!(rust("copy_echo"));
    let recording = need!(located(&[text(&program), "7520"])).run().finished_with(0);
    let file = "rust/copy_echo.rs";
    stands_at(&recording, "bind", file, "TcpListener::bind");
    stands_at(&recording, "connect", file, "TcpStream::connect");
    stands_at(&recording, "accept4", file, "listener.accept()");
    stands_at(&recording, "recv", file, "conn.read(&mut data)");
    stands_at(&recording, "send", file, "conn.write_all(text.as_bytes())");
    stands_at(&recording, "shutdown", file, "conn.shutdown(");
    assert!(calls(&recording, "recv").iter().all(|event| event.source.is_some()));
}

#[test]
fn a_program_without_debug_information_has_no_places() {
    let program = need!(c("weather"));
    let folder = tempfile::tempdir().expect("a folder");
    let stripped = folder.path().join("stripped");
    let strip = std::process::Command::new("strip").arg("-o").arg(&stripped).arg(&program).status();
    if !strip.is_ok_and(|status| status.success()) {
        return crate::support::skipped("no strip");
    }
    let recording = need!(located(&[text(&stripped), "reads"])).run().finished_with(0);
    assert!(recording.events.iter().all(|event| event.source.is_none()), "{}", outline(&recording));
}

#[test]
fn an_interpreter_has_no_places() {
    let (python, program) = (need!(python()), source("echo_until_end.py"));
    let recording = need!(located(&[python, text(&program), "7521"])).run().finished_with(0);
    assert!(recording.events.iter().all(|event| event.source.is_none()));
}

#[test]
fn places_are_the_same_in_every_run_and_change_nothing_else() {
    let program = need!(c("weather"));
    let record = |locate: bool| {
        let lab = located(&[text(&program), "reads"])?;
        let lab = lab.request(|request| request.tracer.locate = locate);
        Some(lab.run().finished_with(0).without_machine_facts())
    };
    let (mut first, again, without) =
        (need!(record(true)), need!(record(true)), need!(record(false)));
    assert_eq!(first, again);
    assert!(first.events.iter().any(|event| event.source.is_some()));
    first.events.iter_mut().for_each(|event| event.source = None);
    assert_eq!(first, without);
}

#[test]
fn children_and_other_programs_are_found_as_well() {
    let program = need!(c("fork_places"));
    let recording = need!(located(&[text(&program)])).run().finished_with(0);
    let senders: Vec<_> = calls(&recording, "send").iter().map(|it| it.process).collect();
    assert_eq!(senders, [2, 2, 3], "{}", outline(&recording));
    let places: Vec<_> = calls(&recording, "send").iter().map(|it| it.source.clone()).collect();
    assert!(places.iter().all(|place| place.is_some() && *place == places[0]), "{places:?}");
    stands_at(&recording, "send", "fork_places.c", "send(fd,");
}
