//! Faults that the kernel could have made: correct programs survive them, the others do not.

use std::collections::BTreeMap;

use socket_lab::event::{Ending, Event, Recording};
use socket_lab::tracer::weather::Weather;

use crate::support::{
    Busy, Lab, blank, c, calls, first_difference, first_ending, lab, need, outline, python, rust,
    source, text,
};

fn on(command: &[&str]) -> Option<Lab> {
    Some(lab()?.program(command))
}

fn fixture(args: &[&str]) -> Option<Lab> {
    let program = c("weather")?;
    on(&[&[text(&program)], args].concat())
}

fn in_weather(lab: Lab, weather: Weather) -> Recording {
    let recording = lab.request(|request| request.tracer.weather = Some(weather)).run().recording();
    assert_eq!(recording.weather.as_deref(), Some(weather.name()));
    recording
}

/// Asserts that the program took what came as it should.
fn survives(lab: Lab, weather: Weather) -> Recording {
    let recording = in_weather(lab, weather);
    let ending = first_ending(&recording);
    assert_eq!(ending, Ending::Exited { status: 0 }, "{weather}\n{}", outline(&recording));
    recording
}

fn struck(recording: &Recording) -> Vec<&Event> {
    recording.events.iter().filter(|event| event.note.is_some()).collect()
}

fn notes(recording: &Recording) -> Vec<&str> {
    recording.events.iter().filter_map(|event| event.note.as_deref()).collect()
}

/// The system calls that were struck, and how often.
fn by_syscall(recording: &Recording) -> BTreeMap<&str, usize> {
    let mut found = BTreeMap::new();
    struck(recording).iter().for_each(|event| *found.entry(&*event.syscall).or_default() += 1);
    found
}

#[test]
fn every_way_to_read_a_stream_is_shortened_and_its_bytes_are_real() {
    let recording = survives(need!(fixture(&["reads"])), Weather::ShortRead);
    let struck = by_syscall(&recording);
    for syscall in ["read", "recvfrom", "readv", "recvmsg", "preadv2", "splice"] {
        assert!(struck.get(syscall).is_some_and(|&times| times > 20), "{syscall}: {struck:?}");
    }
    for event in self::struck(&recording).iter().filter(|event| event.syscall != "splice") {
        let moved = event.bytes.as_ref().map_or(0, |bytes| bytes.len as i64);
        assert_eq!(event.ret, Some(moved), "{event:?}");
        assert!((1..=7).contains(&moved), "{event:?}");
        let bytes = if moved == 1 { "byte" } else { "bytes" };
        assert_eq!(event.note.as_deref(), Some(&*format!("shortened to {moved} {bytes}")));
    }
}

#[test]
fn every_way_to_write_to_a_stream_is_shortened_and_its_bytes_are_real() {
    let recording = survives(need!(fixture(&["writes"])), Weather::ShortWrite);
    let struck = by_syscall(&recording);
    for syscall in ["write", "sendto", "writev", "sendmsg", "pwritev2", "sendfile", "splice"] {
        assert!(struck.get(syscall).is_some_and(|&times| times > 20), "{syscall}: {struck:?}");
    }
}

#[test]
fn the_first_read_of_each_socket_gives_one_byte() {
    let recording = survives(need!(fixture(&["reads"])), Weather::ShortRead);
    let mut seen = Vec::new();
    for event in struck(&recording).iter().filter(|event| event.syscall != "splice") {
        if !seen.contains(&event.socket) {
            seen.push(event.socket);
            assert_eq!(event.ret, Some(1), "{event:?}");
        }
    }
    assert_eq!(seen.len(), 5);
}

#[test]
fn datagrams_peeks_and_waits_for_all_come_whole() {
    let recording = survives(need!(fixture(&["whole"])), Weather::ShortRead);
    assert_eq!(struck(&recording).len(), 0, "{}", outline(&recording));
    let recording = survives(need!(fixture(&["whole"])), Weather::ShortWrite);
    assert!(struck(&recording).iter().all(|event| event.call == "send"), "{}", outline(&recording));
}

#[test]
fn an_edge_triggered_stream_is_left_alone() {
    for weather in [Weather::ShortRead, Weather::ShortWrite] {
        let recording = survives(need!(fixture(&["edge"])), weather);
        assert_eq!(notes(&recording), [""; 0], "{weather}");
    }
}

#[test]
fn the_first_call_of_each_kind_is_interrupted_then_every_third() {
    let recording = survives(need!(fixture(&["eintr"])), Weather::Eintr);
    for call in ["poll", "accept"] {
        let made = calls(&recording, call);
        assert!(made[0].failed_with("EINTR"), "{call}\n{}", outline(&recording));
        assert_eq!(made[0].note.as_deref(), Some("interrupted by the lab"));
        for (at, event) in made.iter().enumerate() {
            let strikes = at == 0 || (at + 1) % 3 == 0;
            assert_eq!(event.failed_with("EINTR"), strikes, "{call} {at}");
        }
    }
    assert!(calls(&recording, "close").iter().all(|event| event.ret == Some(0)));
}

#[test]
fn calls_that_do_not_wait_are_never_interrupted() {
    let recording = survives(need!(fixture(&["unwaiting"])), Weather::Eintr);
    assert_eq!(notes(&recording), [""; 0]);
}

#[test]
fn an_interrupted_connect_has_connected_all_the_same() {
    for (how, struck) in [("again", 2), ("poll", 1)] {
        let recording = survives(need!(fixture(&["connect", how])), Weather::EintrConnect);
        assert_eq!(notes(&recording).len(), struck, "{how}\n{}", outline(&recording));
        let connect = calls(&recording, "connect")[0];
        assert!(connect.failed_with("EINTR"));
        let peer = connect.socket.and_then(|id| recording.socket(id)?.peer);
        assert!(peer.is_some(), "{how}: both ends are known\n{}", outline(&recording));
    }
}

#[test]
fn a_refused_accept_loses_no_client() {
    let cases = [
        (Weather::AbortAccept, "again", "ECONNABORTED", 1),
        (Weather::Emfile, "again", "EMFILE", 3),
        // Once a descriptor has been freed there is one.
        (Weather::Emfile, "spare", "EMFILE", 1),
    ];
    for (weather, how, errno, times) in cases {
        let recording = survives(need!(fixture(&["accept", how])), weather);
        let failed = |event: &&Event| event.failed_with(errno);
        let accepts = calls(&recording, "accept");
        assert_eq!(accepts.into_iter().filter(failed).count(), times, "{}", outline(&recording));
        assert_eq!(notes(&recording).len(), times, "{weather} {how}");
    }
}

/// The kernel reserves the descriptor before it looks whether anybody waits: so may the lab.
#[test]
fn accept_without_a_free_descriptor_fails_before_anybody_has_come() {
    let program = need!(c("no_descriptor"));
    let recording = need!(on(&[text(&program)])).run().finished_with(0);
    let accept = calls(&recording, "accept")[0];
    assert!(accept.failed_with("EMFILE") && !accept.blocked, "{}", outline(&recording));
}

#[test]
fn correct_programs_of_three_languages_pass_all_weather() {
    let echo = need!(rust("copy_echo"));
    let (python, plain, selectors) =
        (need!(python()), source("echo_until_end.py"), source("selectors_echo.py"));
    let programs: [&[&str]; 3] = [
        &[text(&echo), "7510"],
        &[python, text(&plain), "7511"],
        &[python, text(&selectors), "7512"],
    ];
    for program in programs {
        for weather in
            [Weather::ShortRead, Weather::ShortWrite, Weather::Eintr, Weather::EintrConnect]
        {
            // The selectors' client takes one recv for a word: where streams come in pieces it is not correct.
            let in_pieces = matches!(weather, Weather::ShortRead | Weather::ShortWrite);
            if program.contains(&text(&selectors)) && in_pieces {
                continue;
            }
            let recording = survives(need!(on(program)), weather);
            assert!(!notes(&recording).is_empty(), "{program:?} in {weather}");
        }
    }
}

#[test]
fn a_message_taken_for_one_recv_is_lost_in_short_reads_only() {
    let (python, program) = (need!(python()), source("read_once.py"));
    let command = [python, text(&program), "7513"];
    need!(on(&command)).request(|_| {}).run().finished_with(0);
    survives(need!(on(&command)), Weather::ShortWrite);
    let recording = in_weather(need!(on(&command)), Weather::ShortRead);
    assert_eq!(first_ending(&recording), Ending::Exited { status: 1 }, "{}", outline(&recording));
}

#[test]
fn a_long_stream_is_let_go_after_a_thousand_calls() {
    let (python, program) = (need!(python()), source("long_stream.py"));
    for weather in [Weather::ShortRead, Weather::ShortWrite, Weather::Eintr] {
        let recording = survives(need!(on(&[python, text(&program)])), weather);
        let most = if weather == Weather::Eintr { 2_000 } else { 1_000 };
        let struck = struck(&recording).len();
        assert!(struck <= most && struck > 3, "{weather}: {struck}");
        if weather == Weather::ShortRead {
            assert!(struck >= 900, "{struck}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_recording_twenty_times_on_a_busy_machine() {
    let program = need!(rust("threaded_echo"));
    let record = |weather: Weather, seed: u64| {
        let lab = on(&[text(&program), "together", "7515"])?;
        let lab = lab.request(|request| {
            (request.tracer.weather, request.tracer.seed) = (Some(weather), seed);
        });
        Some(lab.run().json())
    };
    let _busy = Busy::new(4);
    for weather in [Weather::ShortRead, Weather::ShortWrite, Weather::Eintr, Weather::EintrConnect]
    {
        let first = blank(&need!(record(weather, 5)));
        for _ in 1..20 {
            let again = blank(&need!(record(weather, 5)));
            assert_eq!(first_difference(&first, &again), None, "{weather}");
        }
        let other = blank(&need!(record(weather, 6)));
        let differs = first_difference(&first["events"], &other["events"]).is_some()
            || first["events"] != other["events"];
        let by_seed = matches!(weather, Weather::ShortRead | Weather::ShortWrite);
        assert_eq!(differs, by_seed, "{weather}");
    }
}
