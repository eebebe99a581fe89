//! Programs that are right and take their time, which no bound of the lab may cut short.

use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output, Stdio};

use socket_lab::event::Recording;

use crate::support::{blank, c, calls, first_difference, lab, need, python, signal, text};

fn comes_to_its_end(way: &str) {
    let program = need!(c("moments"));
    let record = || Some(lab()?.program(&[text(&program), way]).run());
    let (one, other) = (need!(record()), need!(record()));
    one.finished_with(0);
    if way != "autobind" {
        assert_eq!(first_difference(&blank(&one.json()), &blank(&other.json())), None);
    }
}

#[test]
fn timers_of_timer_create_fire_in_virtual_time() {
    comes_to_its_end("timers");
}

#[test]
fn a_deadline_that_has_passed_is_not_waited_for() {
    comes_to_its_end("past");
}

#[test]
fn five_hundred_sleeps_in_a_row_are_no_spinning() {
    comes_to_its_end("sleeps");
}

#[test]
fn two_hundred_thousand_reads_of_a_file_are_no_spinning() {
    comes_to_its_end("reads");
}

#[test]
fn time_does_not_run_away_under_a_runtime_that_looks_at_the_clock() {
    comes_to_its_end("looks");
}

#[test]
fn a_timerfd_ticks_for_as_long_as_the_program_wants() {
    comes_to_its_end("timerfd");
}

#[test]
fn a_port_where_nobody_listens_refuses_though_it_is_the_next_to_be_given_out() {
    comes_to_its_end("refused");
}

#[test]
fn binding_the_last_port_leaves_ports_for_the_others() {
    comes_to_its_end("last-port");
}

#[test]
fn a_name_that_the_kernel_chose_is_recorded() {
    comes_to_its_end("autobind");
}

#[test]
fn what_getaddrinfo_asks_of_the_kernel_is_the_same_in_every_run() {
    let python = need!(python());
    let program =
        "import socket; print(socket.getaddrinfo('127.0.0.1', 80, flags=socket.AI_ADDRCONFIG))";
    let record = || Some(lab()?.program(&[python, "-c", program]).run());
    let one = need!(record());
    one.finished_with(0);
    let other = need!(record());
    assert_eq!(first_difference(&blank(&one.json()), &blank(&other.json())), None);
}

/// `lab trace` with streams of its own.
fn on_pipes(command: &[&str]) -> Command {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(["trace", "--as", "json", "--timeout", "30", "--"]).args(command);
    lab.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    lab
}

fn recorded(output: &Output) -> Recording {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|why| panic!("{why}\n{said}"))
}

#[test]
fn a_line_longer_than_a_pipe_reaches_the_program() {
    need!(lab());
    let mut child = on_pipes(&["cat"]).spawn().expect("lab starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let line = [vec![b'a'; 200_000], vec![b'\n']].concat();
    std::thread::spawn(move || stdin.write_all(&line));
    let recording = recorded(&child.wait_with_output().expect("lab ends"));
    let read = recording.events.iter().filter(|event| event.call == "read");
    let lengths: u64 = read.filter_map(|event| event.bytes.as_ref()).map(|bytes| bytes.len).sum();
    assert_eq!(lengths, 200_001, "{:?}", recording.end);
}

#[test]
fn a_run_that_waits_for_a_line_can_be_interrupted() {
    need!(lab());
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(["trace", "--as", "jsonl", "--timeout", "30", "--", "cat"]);
    lab.stdin(Stdio::piped()).stdout(Stdio::piped());
    // SAFETY: signal(2) is async-signal-safe. A background job of a shell ignores SIGINT.
    unsafe {
        lab.pre_exec(|| {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            Ok(())
        })
    };
    let mut child = lab.spawn().expect("lab starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(b"first\n").expect("lab reads");
    // Once the first line has come out, nothing is left to do but wait for the second.
    let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
    let echoed = |line: &String| line.contains("\"write\"");
    let mut lines = stdout.lines().map(|line| line.expect("lab tells"));
    assert!(lines.any(|line| echoed(&line)), "the first line comes out");
    signal(child.id() as i32, libc::SIGINT);
    lines.for_each(drop);
    // A limit, the timeout among them, would be 1.
    assert_eq!(child.wait().expect("lab ends").code(), Some(0));
    drop(stdin);
}

#[test]
fn what_is_written_to_a_terminal_opened_again_is_output_too() {
    need!(lab());
    // More than a terminal holds, from a process that found its terminal by name, as Node does.
    let script = "exec 5>$(readlink /proc/$$/fd/1); for i in 1 2 3 4 5 6 7 8; do \
                  head -c 65536 /dev/zero >&5; done; echo end >&5";
    let mut child = on_pipes(&["sh", "-c", script]).spawn().expect("lab starts");
    drop(child.stdin.take());
    let recording = recorded(&child.wait_with_output().expect("lab ends"));
    assert_eq!(recording.end.reason, socket_lab::event::Reason::Finished, "{:?}", recording.end);
    let of_end = |event: &&socket_lab::event::Event| {
        event.bytes.as_ref().is_some_and(|bytes| bytes.data == b"end\n")
    };
    assert!(recording.events.iter().any(|event| of_end(&event)), "the last line is recorded");
}

#[test]
fn a_program_that_never_ends_does_not_outlast_its_timeout() {
    let program = ["timeout", "5", "sh", "-c", "while :; do :; done"];
    need!(lab()).program(&program).run().finished_with(124);
}

#[test]
fn a_hundred_threads_that_sleep_are_no_spinning() {
    let python = need!(python());
    let program = "import threading, time
def sleeps():
    for _ in range(70): time.sleep(0.01)
threads = [threading.Thread(target=sleeps) for _ in range(100)]
for thread in threads: thread.start()
for thread in threads: thread.join()";
    need!(lab()).program(&[python, "-c", program]).run().finished_with(0);
}

#[test]
fn who_asks_for_ever_where_nobody_answers_is_ended_soon() {
    let python = need!(python());
    let program = "\
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(1)
while True:
    s.sendto(b'hello', ('127.0.0.1', 9999))
    try:
        s.recv(100)
    except TimeoutError:
        pass
";
    let recording = need!(lab()).program(&[python, "-c", program]).run().recording();
    let asked = calls(&recording, "sendto").len();
    assert!((100..1_000).contains(&asked), "asked {asked} times");
}

#[test]
fn datagrams_that_are_taken_bring_a_run_forward() {
    let python = need!(python());
    let program = "\
import socket
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
a.bind(('127.0.0.1', 9999))
a.settimeout(1)
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(500):
    try:
        a.recv(100)
    except TimeoutError:
        pass
    b.sendto(b'hello', ('127.0.0.1', 9999))
    a.recv(100)
";
    need!(lab()).program(&[python, "-c", program]).run().finished_with(0);
}
