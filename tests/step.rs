//! `lab step`: the order is chosen, and what it breaks is seen.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use socket_lab::event::{Reason, Recording, Schedule};
use socket_lab::render::{json, text};
use socket_lab::timeline::timeline;

mod asked;

use asked::{command, lab, lessons, stderr, stdout};

/// The recording of `lab step LESSON --as json` with these choices, what was said, and the exit status.
fn recorded(lesson: &str, choices: &str) -> Option<(Recording, String, i32)> {
    let output = lab(&["step", lesson, "--as", "json"], choices)?;
    let recording = json::parse(&output.stdout, Path::new("recording"))
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    Some((recording, stderr(&output), output.status.code().expect("no signal")))
}

/// The results of a role's calls of this name, in order.
fn results(recording: &Recording, role: &str, call: &str) -> Vec<String> {
    let own = recording.events.iter().filter(|event| event.role == role && event.call == call);
    own.map(|event| match (&event.errno, event.ret) {
        (Some(errno), _) => errno.to_string(),
        (None, Some(ret)) => ret.to_string(),
        (None, None) => "never".into(),
    })
    .collect()
}

#[test]
fn a_connect_before_anybody_listens_is_refused_and_the_server_waits_for_nobody() {
    let Some(output) = lab(&["step", "1"], "client\nclient\n") else { return };
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in [
        "  server: socket(AF_INET, SOCK_STREAM, 0)\n  client: socket(AF_INET, SOCK_STREAM, 0)\n",
        "  2  client  connect(sock, 127.0.0.1:9999) = -1 ECONNREFUSED",
        "deadlock: server waits in accept(listener) for a client to connect",
        "client: connect(sock, 127.0.0.1:9999) gives -1 ECONNREFUSED (connection refused: nobody \
         listens there) here, and gives 0 there\n",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_recv_before_anything_was_sent_waits_and_naming_it_again_says_for_whom() {
    // The server up to its recv, which is named before the client has sent.
    let choices = "s\ns\ns\ns\ns\nc\nc\ns\ns\ns\nserver\nc\n";
    let Some(output) = lab(&["step", "1"], choices) else { return };
    let said = stdout(&output);
    let waits = said.find("server  recv(conn, 1024) … waits").expect(&said);
    let told = "  server waits in recv(conn) for client: it cannot go on before that\n";
    let told = said.find(told).expect(&said);
    let sent = said.find("client  send(sock, \"你好\", 6) = 6").expect(&said);
    assert!(waits < told && told < sent, "{said}");
    assert!(said[sent..].contains("… recv(conn, \"你好\", 1024) = 6 [since"), "{said}");
    assert_eq!(output.status.code(), Some(0), "{said}");
}

#[test]
fn the_same_choices_give_the_same_recording_and_others_give_another() {
    let choices = "s\nc\ns\ns\nc\ns\nc\nc\n";
    let Some((first, _, _)) = recorded("1", choices) else { return };
    let (again, _, _) = recorded("1", choices).unwrap();
    assert!(is_same(&first, &again));
    assert_eq!(first.schedule, Schedule::Chosen);
    let (other, _, _) = recorded("1", "c\nc\n").unwrap();
    assert!(!is_same(&first, &other));
    assert_eq!(results(&other, "client", "connect"), ["ECONNREFUSED"]);
    assert_eq!(results(&first, "client", "connect"), ["0"]);
}

#[test]
fn left_alone_every_demo_ends_as_it_does_in_its_own_order() {
    for lesson in lessons() {
        let Some(output) = lab(&["step", &lesson.to_string()], "") else { return };
        let said = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{lesson}: {said}");
        assert!(said.contains("nobody chooses any more"), "{lesson}: {said}");
        assert!(!said.contains("ends otherwise"), "{lesson}: {said}");
    }
}

#[test]
fn stdout_is_for_the_recording_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.json");
    let Some((recording, said, _)) = recorded("7", "s\ns\ns\n") else { return };
    assert!(said.contains("next (server)? s\n"), "{said}");
    // With -o the dialogue stays where it is.
    let path = file.to_str().unwrap();
    let output = lab(&["step", "7", "--as", "json", "-o", path], "s\ns\ns\n").unwrap();
    assert!(stdout(&output).contains("next (server)? s\n"), "{}", stdout(&output));
    let kept = json::parse(&fs::read(&file).unwrap(), &file).unwrap();
    assert!(is_same(&kept, &recording));
    let shown = stdout(&lab(&["show", path], "").unwrap());
    assert!(
        shown.starts_with("07-one-shot-udp: one call at a time, in an order that was chosen\n")
    );
}

#[test]
fn who_is_meant_is_said_when_an_answer_fits_nobody() {
    let Some(output) = lab(&["step", "10"], "s\nnobody\nserver two\nserver 9\na b c\n?\nq\n")
    else {
        return;
    };
    let said = stdout(&output);
    for part in [
        "  `s` could be server or shy or second\n",
        "  no role is `nobody`: there are server, shy, client, second\n",
        "  `server two`: a thread is a number\n",
        "  server has no thread 9 that could go on\n",
        "  `a b c`: a role, or a role and a number\n",
        "q: end it here",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(output.status.code(), Some(0));
    assert!(said.contains("interrupted: the recording ends here"), "{said}");
    assert!(!said.contains("  1  "), "nobody went: {said}");
    // A client that could not connect has ended long before.
    let ended = stdout(&lab(&["step", "1"], "c\nc\nc\nc\nc\nc\nq\n").unwrap());
    assert!(ended.contains("  client has ended\n"), "{ended}");
}

#[test]
fn an_empty_line_is_whoever_went_last() {
    let Some((recording, said, _)) = recorded("7", "c\n\n\nq\n") else { return };
    assert_eq!(results(&recording, "client", "sendto"), ["6"], "{said}");
    assert_eq!(results(&recording, "server", "socket"), [""; 0], "{said}");
    assert_eq!(recording.end.reason, Reason::Interrupted);
}

#[test]
fn threads_go_by_their_numbers() {
    // Both threads of the server are there once its main thread has made them; the second may go first.
    let choices = "s\ns\ns\ns\ns\nc\nc\ns\ns\nserver 3\nserver 2\nq\n";
    let Some((_, said, _)) = recorded("12", choices) else { return };
    assert!(said.contains("  server 2: write(stdout, "), "{said}");
    assert!(said.contains("  server 3: recv(conn, 1024)\n"), "{said}");
    let at = |part: &str| said.find(part).unwrap_or_else(|| panic!("{part}: {said}"));
    assert!(at("T3 recv(conn, 1024) … waits") < at("T2 write(stdout, "), "{said}");
}

#[test]
fn what_the_world_does_comes_when_nobody_else_can_move_and_is_told() {
    let Some(output) = lab(&["step", "4"], "") else { return };
    let said = stdout(&output);
    let at = |part: &str| said.find(part).unwrap_or_else(|| panic!("{part}: {said}"));
    let told = at("     nobody else can move: client finds \"hello\" on its stdin\n");
    assert!(at("client  read(stdin, 8192) … waits") < told, "{said}");
    assert!(told < at("… read(stdin, \"hello\\n\", 8192) = 6"), "{said}");
    let silent = stdout(&lab(&["step", "9", "--variant", "silent"], "").unwrap());
    assert!(silent.contains("     nobody else can move: 0.2 s pass\n"), "{silent}");
    let peer = stdout(&lab(&["step", "2", "--variant", "reset"], "").unwrap());
    assert!(peer.contains("     nobody else can move: A: connect(:10000)\n"), "{peer}");
}

#[test]
fn ctrl_c_at_a_question_ends_with_what_has_been_recorded() {
    use std::io::Write as _;
    use std::os::unix::process::CommandExt as _;
    let mut step = command(&["step", "1"]);
    // In the background of a script SIGINT is ignored, and stays so.
    // SAFETY: signal(2) may be called between fork and exec.
    unsafe {
        step.pre_exec(|| {
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            Ok(())
        });
    }
    let mut child = step.spawn().expect("lab starts");
    let mut stdin = child.stdin.take().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    stdin.write_all(b"s\n").unwrap();
    // It stands at its next question once it has shown what came of the first.
    let mut line = String::new();
    while !line.contains("server: bind(sock") {
        line.clear();
        if said.read_line(&mut line).unwrap() == 0 {
            let _ = child.wait();
            assert!(lab(&["step", "1"], "").is_none(), "it ended early");
            return;
        }
    }
    let pid = nix::unistd::Pid::from_raw(child.id() as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT).unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("interrupted: the recording ends here"), "{rest}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_cannot_be_stepped_through_is_an_error() {
    for (args, told) in [
        (&["step", "99"][..], "error: no lesson `99`"),
        (&["step", "1", "--variant", "none"], "error: 01-one-shot has no variants"),
        (&["step", "1", "--only", "recv("], "error: the pattern `recv(`"),
    ] {
        let output = command(args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).starts_with(told), "{args:?}: {}", stderr(&output));
    }
}

/// Whether two runs did the same. On the machine's own network the source ports are not the run's to choose: there their
/// timelines are compared.
fn is_same(one: &Recording, other: &Recording) -> bool {
    let drawn = |recording: &Recording| text::text(&timeline(recording), &text::Style::default());
    match one.isolation.lacking.is_empty() {
        true => one.same_as(other),
        false => drawn(one) == drawn(other),
    }
}
