//! A program for each thing that tracers get wrong.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use socket_lab::event::{Ending, Event, Kind, Reason, Recording, SocketId};

use crate::support::{
    BOUND, Lab, c, calls, fd, first_ending, has_signal, lab, need, outline, text, unique,
};

/// A program's recording under each schedule that gives it the same story.
const BOTH: [&str; 2] = ["lockstep", "free"];

fn on(fixture: &str, args: &[&str]) -> Option<Lab> {
    let program = c(fixture)?;
    let mut command = vec![text(&program)];
    command.extend(args);
    Some(lab()?.program(&command))
}

/// The events of sockets, by thread of the role.
fn threads_that_called(recording: &Recording, call: &str) -> BTreeSet<(u32, u32)> {
    calls(recording, call).iter().map(|event| (event.process, event.thread)).collect()
}

fn never_returned(recording: &Recording) -> Vec<&str> {
    let of_a_call = |event: &&Event| !event.syscall.is_empty() && event.ret.is_none();
    let mut names: Vec<&str> = recording
        .events
        .iter()
        .filter(of_a_call)
        .filter(|event| !event.syscall.starts_with("exit"))
        .map(|event| event.call.as_ref())
        .collect();
    names.sort_unstable();
    names
}

// Threads, processes, exec

#[test]
fn two_hundred_threads_started_at_once_lose_no_call() {
    for schedule in BOTH {
        let recording = need!(on("clone_race", &[])).schedule(schedule).run().finished_with(0);
        let threads = threads_that_called(&recording, "socket");
        assert_eq!(threads.len(), 200, "{schedule}: threads with a socket call");
        assert_eq!(calls(&recording, "socket").len(), 200, "{schedule}: socket calls");
        let closed: HashSet<_> =
            calls(&recording, "close").iter().filter_map(|event| event.socket).collect();
        assert_eq!(closed.len(), 200, "{schedule}: sockets that were closed");
    }
}

#[test]
fn children_forked_from_several_threads_at_once_lose_no_call() {
    for schedule in BOTH {
        let recording = need!(on("fork_race", &[])).schedule(schedule).run().finished_with(0);
        let processes: BTreeSet<u32> =
            calls(&recording, "socket").iter().map(|event| event.process).collect();
        assert_eq!(processes.len(), 48, "{schedule}: processes with a socket call");
    }
}

#[test]
fn exec_from_a_thread_that_is_not_the_leader_goes_on_as_the_program() {
    for schedule in BOTH {
        let run = need!(on("exec_from_thread", &[])).schedule(schedule).run();
        let recording = run.finished_with(7);
        let said = calls(&recording, "send");
        assert_eq!(said.len(), 1, "{schedule}:\n{}", outline(&recording));
        assert_eq!(said[0].process, 1);
        assert_eq!(said[0].bytes.as_ref().map(|bytes| bytes.data.as_slice()), Some(&b"after"[..]));
        assert!(said[0].socket.is_some(), "the socket that exec kept is known");
    }
}

#[test]
fn fifty_images_in_a_row_are_one_process_with_one_socket() {
    for schedule in BOTH {
        let run = need!(on("exec_chain", &["50"])).schedule(schedule).run();
        let recording = run.finished_with(0);
        let said = calls(&recording, "send");
        assert_eq!(said.len(), 1, "{schedule}:\n{}", outline(&recording));
        assert_eq!((said[0].process, said[0].thread), (1, 1), "{schedule}");
        assert!(said[0].socket.is_some(), "{schedule}");
    }
}

#[test]
fn threads_that_outlive_the_first_are_followed_to_the_end() {
    for schedule in BOTH {
        let recording = need!(on("leader_exits", &[])).schedule(schedule).run().finished_with(8);
        let heard = calls(&recording, "recv");
        assert_eq!(heard.len(), 1, "{schedule}:\n{}", outline(&recording));
        assert_eq!(heard[0].ret, Some(5), "{schedule}");
    }
}

#[test]
fn a_child_that_asks_not_to_be_traced_is_traced() {
    for schedule in BOTH {
        let recording = need!(on("untraced", &[])).schedule(schedule).run().finished_with(0);
        let senders: BTreeSet<u32> =
            calls(&recording, "send").iter().map(|event| event.process).collect();
        assert_eq!(senders.len(), 2, "{schedule}:\n{}", outline(&recording));
        assert!(!senders.contains(&1), "{schedule}:\n{}", outline(&recording));
    }
}

#[test]
fn five_hundred_threads_wait_and_are_woken() {
    for schedule in BOTH {
        let recording = need!(on("many_threads", &[])).schedule(schedule).run().finished_with(0);
        assert_eq!(calls(&recording, "recv").len(), 1000, "{schedule}");
        assert_eq!(threads_that_called(&recording, "recv").len(), 501, "{schedule}");
    }
}

#[test]
fn exit_group_ends_threads_that_wait_and_their_calls_have_no_result() {
    let recording = need!(on("exit_group", &[])).run().finished_with(5);
    let left = never_returned(&recording);
    for call in ["accept", "epoll_wait", "poll", "recv"] {
        let count = left.iter().filter(|&&name| name == call).count();
        assert_eq!(count, 1, "{call} in {left:?}\n{}", outline(&recording));
    }
}

#[test]
fn exit_group_ends_threads_that_wait_under_the_free_schedule_too() {
    need!(on("exit_group", &[])).schedule("free").run().finished_with(5);
}

#[test]
fn a_vforked_child_that_execs_is_followed() {
    for schedule in BOTH {
        let recording = need!(on("vfork_exec", &[])).schedule(schedule).run().finished_with(0);
        let said = calls(&recording, "send");
        assert_eq!(said.len(), 1, "{schedule}:\n{}", outline(&recording));
        assert_eq!(said[0].process, 2, "{schedule}");
        let heard = calls(&recording, "recv");
        assert_eq!(heard[0].ret, Some(5), "{schedule}");
    }
}

#[test]
fn two_hundred_generations_of_forks_are_followed() {
    for schedule in BOTH {
        let run = need!(on("fork_chain", &["200"])).schedule(schedule).run();
        let recording = run.finished_with(9);
        let said = calls(&recording, "send");
        assert_eq!(said.len(), 1, "{schedule}");
        assert_eq!(said[0].process, 201, "{schedule}");
    }
}

#[test]
fn a_daemon_that_forked_twice_is_followed_and_does_not_outlive_the_run() {
    // `run` itself searches the machine for what is left.
    let run = need!(on("daemon", &[])).run();
    let recording = run.recording();
    assert!(run.code() <= 1, "{}", run.stderr);
    assert_eq!(first_ending(&recording), Ending::Exited { status: 0 });
    let listens = calls(&recording, "listen");
    assert_eq!(listens.len(), 1, "{}", outline(&recording));
    assert_eq!(listens[0].process, 3);
}

// Signals

#[test]
fn a_call_that_is_restarted_is_one_call() {
    for schedule in BOTH {
        let recording = need!(on("restart", &["restart"])).schedule(schedule).run();
        let recording = recording.finished_with(0);
        let received: Vec<_> = of_the_parent(&recording, "recv");
        assert_eq!(received.len(), 1, "{schedule}:\n{}", outline(&recording));
        assert_eq!(received[0].ret, Some(5));
        assert!(received[0].blocked);
        assert!(has_signal(&recording, "SIGUSR1"), "{schedule}:\n{}", outline(&recording));
    }
}

#[test]
fn a_call_that_is_interrupted_fails_with_eintr_and_the_next_is_another() {
    for schedule in BOTH {
        let recording = need!(on("restart", &["eintr"])).schedule(schedule).run();
        let recording = recording.finished_with(0);
        let received = of_the_parent(&recording, "recv");
        assert_eq!(received.len(), 2, "{schedule}:\n{}", outline(&recording));
        assert!(received[0].failed_with("EINTR"), "{schedule}:\n{}", outline(&recording));
        assert_eq!(received[1].ret, Some(5));
    }
}

#[test]
fn a_poll_that_an_ignored_signal_meets_is_one_call() {
    for schedule in BOTH {
        let recording = need!(on("restart", &["poll-chld"])).schedule(schedule).run();
        let recording = recording.finished_with(0);
        let polls = of_the_parent(&recording, "poll");
        assert_eq!(polls.len(), 1, "{schedule}:\n{}", outline(&recording));
        assert_eq!(polls[0].ret, Some(1));
    }
}

#[test]
fn a_wait_that_is_not_recorded_goes_on_unseen() {
    for schedule in BOTH {
        let recording = need!(on("restart", &["futex"])).schedule(schedule).run();
        let recording = recording.finished_with(0);
        assert!(has_signal(&recording, "SIGCHLD"), "{schedule}:\n{}", outline(&recording));
        let restarted = calls(&recording, "restart_syscall");
        assert!(restarted.is_empty(), "{schedule}:\n{}", outline(&recording));
    }
}

#[test]
fn poll_is_interrupted_in_spite_of_sa_restart() {
    for schedule in BOTH {
        let recording = need!(on("restart", &["poll-usr"])).schedule(schedule).run();
        let recording = recording.finished_with(0);
        let polls = of_the_parent(&recording, "poll");
        assert_eq!(polls.len(), 2, "{schedule}:\n{}", outline(&recording));
        assert!(polls[0].failed_with("EINTR"), "{schedule}");
    }
}

#[test]
fn a_real_time_signal_is_delivered_with_its_value() {
    for schedule in BOTH {
        let recording = need!(on("restart", &["realtime"])).schedule(schedule).run();
        let recording = recording.finished_with(0);
        assert_eq!(of_the_parent(&recording, "recv").len(), 1, "{schedule}");
        let named = ["SIGRTMIN+3", "SIGRT_5", "SIGRT_3", "37", "35"];
        assert!(
            named.iter().any(|name| has_signal(&recording, name)),
            "{schedule}:\n{}",
            outline(&recording)
        );
    }
}

fn of_the_parent<'a>(recording: &'a Recording, call: &str) -> Vec<&'a Event> {
    calls(recording, call).into_iter().filter(|event| event.process == 1).collect()
}

#[test]
fn job_control_works_for_a_child_that_stops_itself_and_one_that_waits() {
    for schedule in BOTH {
        let run = need!(on("stop_cont", &[])).schedule(schedule).run();
        let recording = run.finished_with(0);
        let woken: Vec<_> =
            calls(&recording, "recv").into_iter().filter(|event| event.process == 3).collect();
        assert_eq!(woken.len(), 1, "{schedule}:\n{}", outline(&recording));
        assert_eq!(woken[0].ret, Some(4), "{schedule}");
    }
}

#[test]
fn a_child_killed_while_it_waits_leaves_a_call_without_a_result() {
    for schedule in BOTH {
        let recording = need!(on("kill_blocked", &[])).schedule(schedule).run().finished_with(0);
        assert_eq!(calls(&recording, "killed").len(), 1, "{schedule}:\n{}", outline(&recording));
        if schedule == "lockstep" {
            assert_eq!(never_returned(&recording), ["recv"], "{}", outline(&recording));
        }
    }
}

#[test]
fn a_program_that_crashes_is_recorded_to_its_last_call() {
    for schedule in BOTH {
        let run = need!(on("crash", &[])).schedule(schedule).run();
        let recording = run.recording();
        assert_eq!(run.code(), 0, "{}", run.stderr);
        assert_eq!(recording.end.reason, Reason::Finished);
        assert_eq!(first_ending(&recording), Ending::Signalled { signal: "SIGSEGV".into() });
        assert_eq!(calls(&recording, "send")[0].ret, Some(10));
    }
}

#[test]
fn a_program_that_traces_is_refused_as_under_any_tracer_and_goes_on() {
    for schedule in BOTH {
        need!(on("self_ptrace", &[])).schedule(schedule).run().finished_with(3);
    }
}

// What never ends

fn ended_by_the_lab(mode: &str, allowed: &[Reason]) {
    // The bound on computing counts processor time, which a busy machine hands out slowly.
    let run = need!(on("forever", &[mode])).bound(3 * BOUND).run();
    let recording = run.recording();
    let fits = |reason: &Reason| {
        std::mem::discriminant(reason) == std::mem::discriminant(&recording.end.reason)
    };
    assert!(allowed.iter().any(fits), "{mode}: {:?}", recording.end);
    assert!(matches!(first_ending(&recording), Ending::Killed { .. }), "{:?}", recording.end);
    let expected = i32::from(matches!(recording.end.reason, Reason::Limit { .. }));
    assert_eq!(run.code(), expected, "{}", run.stderr);
}

fn limit() -> Reason {
    Reason::Limit { what: String::new() }
}

#[test]
fn a_poll_loop_with_a_timeout_is_ended_by_the_lab() {
    ended_by_the_lab("poll", &[limit(), Reason::Serving]);
}

#[test]
fn a_server_that_looks_at_a_clock_between_clients_is_ended_by_the_lab() {
    ended_by_the_lab("serve", &[limit(), Reason::Serving]);
}

#[test]
fn a_sleep_loop_is_ended_by_the_lab() {
    ended_by_the_lab("nanosleep", &[limit(), Reason::Serving]);
}

#[test]
fn a_program_that_computes_for_ever_is_ended_by_a_limit() {
    ended_by_the_lab("spin", &[limit()]);
}

#[test]
fn a_program_that_calls_for_ever_is_ended_by_a_limit() {
    ended_by_the_lab("calls", &[limit()]);
}

#[test]
fn a_program_that_prints_the_end_of_a_stream_for_ever_is_ended_as_one_that_spins() {
    let recording = need!(on("forever", &["prints"])).bound(3 * BOUND).run().recording();
    let what = "5000 calls in a row moved nothing: the program spins".into();
    assert_eq!(recording.end.reason, Reason::Limit { what });
}

#[test]
fn a_server_that_waits_for_its_first_client_is_serving() {
    ended_by_the_lab("accept", &[Reason::Serving]);
}

#[test]
fn a_timeout_ends_a_program_under_the_free_schedule() {
    for mode in ["spin", "nanosleep"] {
        let lab = need!(on("forever", &[mode])).schedule("free").option("--timeout").option("2");
        let run = lab.run();
        assert!(matches!(run.recording().end.reason, Reason::Limit { .. }), "{mode}");
        assert_eq!(run.code(), 1, "{mode}: {}", run.stderr);
        assert!(run.took.as_secs() < 10, "{mode} took {:?}", run.took);
    }
}

// What cannot be started

fn cannot_be_started(path: &str, errno: &str) {
    let run = need!(lab()).program(&[path]).run();
    assert_eq!(run.code(), 2, "{}", run.stderr);
    assert!(run.stderr.contains(errno), "no {errno} in: {}", run.stderr);
    assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
    assert!(run.stderr.contains(path), "{}", run.stderr);
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}

fn file(content: &str, mode: u32) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join(format!("program-{}", unique()));
    fs::write(&path, content).expect("write");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("chmod");
    let path = text(&path).to_owned();
    (folder, path)
}

#[test]
fn a_program_that_is_not_there_is_enoent_and_exit_2() {
    cannot_be_started("/nowhere/no-such-program", "ENOENT");
}

#[test]
fn a_name_that_no_folder_of_path_has_is_enoent_and_exit_2() {
    cannot_be_started("no-such-program-anywhere", "ENOENT");
}

#[test]
fn a_file_that_is_not_executable_is_eacces_and_exit_2() {
    let (_folder, path) = file("#!/bin/sh\n", 0o644);
    cannot_be_started(&path, "EACCES");
}

#[test]
fn a_folder_is_eacces_and_exit_2() {
    let folder = tempfile::tempdir().expect("a folder");
    cannot_be_started(text(folder.path()), "EACCES");
}

#[test]
fn a_script_without_an_interpreter_line_is_enoexec_and_exit_2() {
    let (_folder, path) = file("echo hello\n", 0o755);
    cannot_be_started(&path, "ENOEXEC");
}

#[test]
fn an_empty_file_is_enoexec_and_exit_2() {
    let (_folder, path) = file("", 0o755);
    cannot_be_started(&path, "ENOEXEC");
}

#[test]
fn a_script_whose_interpreter_is_not_there_is_enoent_and_exit_2() {
    let (_folder, path) = file("#!/nowhere/interpreter\n", 0o755);
    cannot_be_started(&path, "ENOENT");
}

#[test]
fn a_second_role_that_cannot_be_started_ends_the_first() {
    let server = need!(c("forever"));
    let run = need!(lab())
        .role("server", &[text(&server), "accept"])
        .role("client", &["/nowhere/no-such-program"])
        .run();
    assert_eq!(run.code(), 2, "{}", run.stderr);
    assert!(run.stderr.contains("ENOENT"), "{}", run.stderr);
}

// Calls that are refused

#[test]
fn io_uring_is_refused_with_enosys_and_the_refusal_is_recorded() {
    for schedule in BOTH {
        let recording = need!(on("io_uring", &[])).schedule(schedule).run().finished_with(3);
        let asked = calls(&recording, "io_uring_setup");
        assert_eq!(asked.len(), 1, "{schedule}:\n{}", outline(&recording));
        assert!(asked[0].failed_with("ENOSYS"));
        assert!(asked[0].note.is_some(), "the recording says that it was the lab");
    }
}

// What a descriptor names

/// The sockets that the SO_TYPE probes of `fds` were on, in order, with the descriptors.
fn probes(recording: &Recording) -> Vec<(i32, Option<SocketId>)> {
    calls(recording, "getsockopt").iter().filter_map(|event| fd(event)).collect()
}

#[test]
fn a_socket_passed_to_another_process_keeps_its_identity() {
    for schedule in BOTH {
        let run = need!(on("fds", &["rights"])).schedule(schedule).run();
        let recording = run.finished_with(0);
        let story = outline(&recording);
        let speaks = calls(&recording, "send");
        let hears = of_the_parent(&recording, "recv");
        assert_eq!((speaks.len(), hears.len()), (1, 1), "{schedule}:\n{story}");
        assert_eq!(speaks[0].process, 2);
        let (speaker, hearer) = (speaks[0].socket, hears[0].socket);
        assert!(speaker.is_some() && hearer.is_some() && speaker != hearer, "{story}");
        let passed = speaker.and_then(|id| recording.socket(id));
        assert_eq!(passed.and_then(|socket| socket.peer), hearer, "{schedule}:\n{story}");
        let closed = of_the_parent(&recording, "close").into_iter().find_map(|event| event.socket);
        assert_eq!(closed, speaker, "the parent closed its own descriptor of it:\n{story}");
    }
}

#[test]
fn numbers_freed_by_close_range_name_new_sockets() {
    let recording = need!(on("fds", &["close_range"])).run().finished_with(0);
    let probes = probes(&recording);
    let [kept, new, kept_still] = probes[..] else { panic!("{}", outline(&recording)) };
    assert_eq!(kept, kept_still);
    assert_ne!(kept.1, new.1);
    let kind = new.1.and_then(|id| recording.socket(id)).map(|socket| &socket.kind);
    assert!(
        matches!(kind, Some(Kind::Socket { type_, .. }) if type_ == "SOCK_DGRAM"),
        "{kind:?}\n{}",
        outline(&recording)
    );
}

#[test]
fn dup2_over_a_socket_closes_it_and_renames_the_number() {
    let recording = need!(on("fds", &["dup2"])).run().finished_with(0);
    let probes = probes(&recording);
    let [before, after] = probes[..] else { panic!("{}", outline(&recording)) };
    assert_eq!(before.0, after.0, "the same number");
    assert_ne!(before.1, after.1, "another socket");
    let end = calls(&recording, "recv");
    assert_eq!(end[0].ret, Some(0), "its other end has seen the end of the stream");
}

#[test]
fn a_number_used_again_names_another_socket_each_time() {
    let recording = need!(on("fds", &["reuse"])).run().finished_with(0);
    let probes = probes(&recording);
    let sockets: BTreeSet<_> = probes.iter().map(|probe| probe.1).collect();
    let numbers: BTreeSet<_> = probes.iter().map(|probe| probe.0).collect();
    assert_eq!((probes.len(), sockets.len(), numbers.len()), (5, 5, 1));
    assert!(!sockets.contains(&None));
}

#[test]
fn a_program_without_standard_streams_is_recorded_like_any_other() {
    for schedule in BOTH {
        let run = need!(on("close_stdio", &[])).schedule(schedule).run();
        let recording = run.finished_with(0);
        let is_socket = |event: &&Event| {
            let kind = event.socket.and_then(|id| recording.socket(id)).map(|socket| &socket.kind);
            matches!(kind, Some(Kind::Socket { .. }))
        };
        let read: Vec<_> = recording
            .events
            .iter()
            .filter(|event| event.syscall == "read")
            .filter(is_socket)
            .collect();
        assert_eq!(read.len(), 1, "{schedule}:\n{}", outline(&recording));
        assert_eq!(fd(read[0]).map(|(number, _)| number), Some(0));
    }
}

#[test]
fn who_has_ended_and_was_not_waited_for_is_known_at_the_end() {
    for (mode, left) in [("left", 1), ("collected", 0), ("ignored", 0), ("orphaned", 0)] {
        let recording = need!(on("children", &[mode])).run().recording();
        let zombies: Vec<u32> = recording.end.zombies.iter().map(|it| it.process).collect();
        assert_eq!(zombies.len(), left, "{mode}: {}", outline(&recording));
        assert!(zombies.iter().all(|process| *process == 2), "{mode}: {zombies:?}");
    }
}
