//! Runs that differ in one thing, and what is said of it.

use std::collections::BTreeSet;

use super::*;
use crate::event::{Ending, Event, Kind as Object, SocketId, Waiting};
use crate::timeline::sample::{self, Sample};
use crate::timeline::timeline;

const SERVER: (&str, u32, u32) = ("server", 1, 1);

/// What is different between two recordings whose server is another program.
fn between(demo: &Recording, yours: &Recording) -> Diff {
    let (of_demo, of_yours) = (timeline(demo), timeline(yours));
    let own = BTreeSet::from(["server".to_owned()]);
    diff(
        Side { recording: demo, timeline: &of_demo },
        Side { recording: yours, timeline: &of_yours },
        &own,
        "the demo",
    )
}

fn first(demo: &Recording, yours: &Recording) -> String {
    between(demo, yours).differences.first().map(|it| it.says.clone()).unwrap_or_default()
}

/// A recording without these events.
fn without(recording: &Recording, is_gone: impl Fn(&Event) -> bool) -> Recording {
    let mut rest = recording.clone();
    rest.events.retain(|event| !is_gone(event));
    rest
}

/// A server that accepts, then does this; its peer does nothing.
fn server(does: impl FnOnce(&mut Sample, u32, u32)) -> Recording {
    let mut s = Sample::new(None, &["server"]);
    let listener = s.listener(SERVER, 3, 9999);
    let conn = s.accept(SERVER, listener, 4, 41000);
    does(&mut s, listener, conn);
    s.exit(SERVER, 0);
    s.0
}

fn sends(pieces: &'static [&'static [u8]]) -> Recording {
    server(|s, _, conn| {
        for piece in pieces {
            s.moves(SERVER, "send", (4, conn), piece, piece.len() as i64);
        }
        s.close(SERVER, 4, conn);
    })
}

#[test]
fn a_run_is_equal_to_itself() {
    for recording in [
        sample::one_shot(),
        sample::threads(),
        sample::forks(),
        sample::deadlock(),
        sample::troubles(),
        sample::half_close(),
    ] {
        let found = between(&recording, &recording);
        assert!(found.is_equal(), "{:#?}", found.differences);
    }
}

#[test]
fn another_ephemeral_port_is_no_difference() {
    let found = between(&sample::one_shot(), &sample::one_shot_from(52000));
    assert!(found.is_equal(), "{:#?}", found.differences);
}

#[test]
fn what_never_happens_is_named_with_the_demos_step() {
    let demo = sample::one_shot();
    let yours = without(&demo, |event| event.call == "listen");
    assert_eq!(
        first(&demo, &yours),
        "yours never calls listen(listener, 5) (the demo: its step 3)"
    );
}

#[test]
fn another_call_in_its_place_is_named_with_both_steps() {
    let demo = server(|s, _, conn| {
        let how = sample::named(1, "SHUT_WR");
        s.event(
            SERVER,
            "shutdown",
            vec![sample::arg("sockfd", sample::fd(4, conn)), sample::arg("how", how)],
            Some(0),
            "",
        );
    });
    let yours = server(|s, _, conn| s.close(SERVER, 4, conn));
    assert_eq!(
        first(&demo, &yours),
        "the demo calls shutdown(conn, SHUT_WR) here (its step 5); yours calls close(conn) (your step 5)"
    );
}

#[test]
fn fewer_bytes_are_counted() {
    assert_eq!(
        first(&sends(&[b"abcdef"]), &sends(&[b"abcd"])),
        "yours sends 4 bytes on conn (your step 5) where the demo sends 6 bytes (its step 5)"
    );
}

#[test]
fn other_bytes_are_shown() {
    assert_eq!(
        first(&sends(&[b"abc"]), &sends(&[b"abd"])),
        "yours sends other bytes on conn: \"abd\" (your step 5) where the demo sends \"abc\" (its step 5)"
    );
}

#[test]
fn the_same_bytes_in_other_pieces_are_the_same() {
    assert!(between(&sends(&[b"abc", b"def"]), &sends(&[b"abcdef"])).is_equal());
    assert!(between(&sends(&[b"ab", b"cdef"]), &sends(&[b"abc", b"def"])).is_equal());
    assert!(!between(&sends(&[b"abc", b"def"]), &sends(&[b"abc"])).is_equal());
}

#[test]
fn who_waits_for_ever_is_told_so() {
    let demo = sample::one_shot();
    let mut yours = demo.clone();
    let recv = yours.events.iter().position(|event| event.call == "recv").unwrap();
    yours.events.retain(|event| event.seq <= recv as u64 + 1 || event.role == "client");
    let stuck = &mut yours.events[recv];
    (stuck.ret, stuck.bytes, stuck.blocked, stuck.since) = (None, None, true, Some(stuck.seq - 1));
    let (role, event) = ("server".to_owned(), stuck.seq);
    yours.end.waiting.push(Waiting { role, process: 1, thread: 1, event, for_: Vec::new() });
    yours.end.roles[0].how = Ending::Killed { why: "deadlock".into() };
    let says = first(&demo, &yours);
    assert!(says.starts_with("yours waits here for ever: recv(conn, "), "{says}");
    assert!(says.ends_with("that of the demo moves 6 bytes (its step 12)"), "{says}");
}

#[test]
fn the_style_of_a_call_is_no_difference() {
    let demo = sends(&[b"abc"]);
    let mut yours = server(|s, listener, conn| {
        let look = vec![
            sample::arg("fd", sample::fd(4, conn)),
            sample::arg("cmd", sample::named(3, "F_GETFL")),
        ];
        s.event(SERVER, "fcntl", look, Some(2), "");
        let reuse = vec![
            sample::arg("sockfd", sample::fd(3, listener)),
            sample::arg("level", sample::named(1, "SOL_SOCKET")),
            sample::arg("optname", sample::named(2, "SO_REUSEADDR")),
            sample::arg("optval", sample::int(1)),
        ];
        s.event(SERVER, "setsockopt", reuse, Some(0), "");
        s.moves(SERVER, "write", (4, conn), b"abc", 3);
        s.close(SERVER, 4, conn);
    });
    for event in &mut yours.events {
        match event.call.as_ref() {
            "accept" => event.call = "accept4".into(),
            "listen" => event.args[1].value = sample::int(128),
            "socket" => event.args[1].value = sample::named(0x80001, "SOCK_STREAM|SOCK_CLOEXEC"),
            _ => {}
        }
    }
    let found = between(&demo, &yours);
    assert!(found.is_equal(), "{:#?}", found.differences);
    assert_eq!(found.notes, ["style: yours also calls fcntl, setsockopt(SO_REUSEADDR)"]);
}

#[test]
fn another_order_is_told_as_one() {
    let demo = server(|s, listener, conn| {
        s.moves(SERVER, "recv", (4, conn), b"hi", 64);
        s.moves(SERVER, "send", (4, conn), b"ho", 2);
        s.close(SERVER, 4, conn);
        s.close(SERVER, 3, listener);
    });
    let yours = server(|s, listener, conn| {
        s.moves(SERVER, "send", (4, conn), b"ho", 2);
        s.moves(SERVER, "recv", (4, conn), b"hi", 64);
        s.close(SERVER, 4, conn);
        s.close(SERVER, 3, listener);
    });
    let found = between(&demo, &yours);
    let kinds: Vec<Kind> = found.differences.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [Kind::Moved], "{:#?}", found.differences);
    assert!(
        found.differences[0].says.contains("(its steps 6 and 5)"),
        "{}",
        found.differences[0].says
    );
}

#[test]
fn prints_come_after_calls_and_consequences_last() {
    let demo = sample::one_shot();
    let mut yours = without(&demo, |event| event.role == "server" && event.call == "send");
    for event in &mut yours.events {
        if event.role == "server" && event.call == "write" {
            event.bytes = Some(crate::event::Bytes::new(b"Hello\n"));
        }
        if event.role == "client" && event.call == "recv" {
            event.bytes = Some(crate::event::Bytes::new(b""));
        }
    }
    let found = between(&demo, &yours);
    let kinds: Vec<(Kind, bool)> =
        found.differences.iter().map(|it| (it.kind, it.follows)).collect();
    assert_eq!(kinds[0], (Kind::Missing, false));
    assert!(kinds.contains(&(Kind::Printed, false)));
    assert_eq!(kinds.last(), Some(&(Kind::Changed, true)));
    assert!(found.differences[0].says.starts_with("yours never calls send(conn, "));
}

#[test]
fn a_socket_that_never_listens_is_still_meant_for_the_listener() {
    let demo = sample::one_shot();
    let yours = without(&demo, |event| event.call == "listen");
    let bound =
        between(&demo, &yours).differences.into_iter().filter(|it| it.says.contains("bind"));
    assert_eq!(bound.count(), 0);
}

#[test]
fn work_in_other_threads_is_compared_socket_by_socket() {
    let demo = sample::threads();
    let mut yours =
        without(&demo, |event| matches!(event.call.as_ref(), "pthread_create" | "pthread_exit"));
    for event in &mut yours.events {
        event.thread = 1;
    }
    let found = between(&demo, &yours);
    assert!(found.is_equal(), "{:#?}", found.differences);
    assert_eq!(found.notes, ["the demo has 3 threads, yours 1 thread: compared socket by socket"]);
}

#[test]
fn a_poll_that_waits_for_ever_stands_for_the_accept_that_does() {
    let demo = server(|s, listener, conn| {
        s.close(SERVER, 4, conn);
        let since = s.last();
        s.stuck(SERVER, "accept", (3, listener), since);
    });
    let yours = server(|s, listener, conn| {
        s.close(SERVER, 4, conn);
        let fds = crate::event::Value::List { items: vec![sample::polled(3, listener, "")] };
        let args = vec![sample::arg("fds", fds), sample::arg("nfds", sample::int(1))];
        let since = s.last();
        s.event(SERVER, "poll", args, None, "");
        s.since(since);
    });
    let found = between(&demo, &yours);
    assert!(found.is_equal(), "{:#?}", found.differences);
}

#[test]
fn a_copy_that_is_closed_ends_nothing() {
    let demo = sends(&[b"abc"]);
    let yours = server(|s, _, conn| {
        let copied =
            s.event(SERVER, "dup", vec![sample::arg("oldfd", sample::fd(4, conn))], Some(5), "");
        copied.made = Some(SocketId(conn));
        s.moves(SERVER, "send", (4, conn), b"abc", 3);
        s.close(SERVER, 5, conn);
        s.close(SERVER, 4, conn);
    });
    let found = between(&demo, &yours);
    assert!(found.is_equal(), "{:#?}", found.differences);
}

#[test]
fn a_program_that_does_nothing_lacks_the_first_call() {
    let mut yours = Sample::new(None, &["server"]).0;
    let nothing = first(&sends(&[b"abc"]), &yours);
    assert!(nothing.starts_with("yours never calls socket("), "{nothing}");
    yours.end.roles[0].how = Ending::NeverStarted;
    let found = between(&sends(&[b"abc"]), &yours);
    assert!(found.differences.iter().any(|it| it.says.starts_with("yours never starts")));
}

#[test]
fn what_a_program_is_made_of_inside_is_its_own_business() {
    let demo = sends(&[b"abc"]);
    let yours = server(|s, _, conn| {
        let pipe = s.object("server", Object::PipeWrite, None);
        s.moves(SERVER, "write", (7, pipe), b"!", 1);
        s.moves(SERVER, "send", (4, conn), b"abc", 3);
        s.close(SERVER, 4, conn);
    });
    assert!(between(&demo, &yours).is_equal());
}
