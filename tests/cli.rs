//! The command line as people and scripts meet it: what it says, where, and with which exit status.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use assert_cmd::Command;
use insta::assert_snapshot;
use predicates::prelude::*;
use serde_json::Value as Json;
use tempfile::TempDir;

#[path = "recorder/support/fixtures.rs"]
#[allow(dead_code, reason = "the recorder's tests need more of it")]
mod fixtures;

mod deny;

/// Says that a test was not made, where a passing test's output is seen as well.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

// ---------------------------------------------------------------------------------------------
// What it says of itself.

#[test]
fn help_names_every_command() {
    assert_snapshot!("help", said(lab().arg("--help")));
}

#[test]
fn each_command_explains_itself() {
    for command in [
        "run",
        "step",
        "predict",
        "trace",
        "check",
        "explore",
        "diff",
        "class",
        "hint",
        "solution",
        "reset",
        "undo",
        "init",
        "update",
        "explain",
        "new-lesson",
        "audit",
        "show",
        "list",
        "mdbook",
        "doctor",
        "completions",
        "man",
    ] {
        assert_snapshot!(format!("help-{command}"), said(lab().args([command, "--help"])));
    }
}

#[test]
fn alone_it_says_where_one_is_and_what_to_type_next() {
    let house = house();
    assert_snapshot!(said(lab().current_dir(house.path())), @r"
    0 of 2 passed
    you are at 01-one-shot: One shot, 15 min
    next: lab run 1
    ");
    // And from any folder below.
    lab().current_dir(house.path().join("lessons/02-echo")).assert().success();
}

#[test]
fn without_lessons_it_says_so() {
    let house = house();
    fs::remove_dir_all(house.path().join("lessons")).unwrap();
    fs::create_dir(house.path().join("lessons")).unwrap();
    assert_snapshot!(said(lab().current_dir(house.path())), @r"
    no lesson here has an exercise yet
    next: lab list
    ");
}

#[test]
fn the_list_has_every_lesson_in_order() {
    let house = house();
    assert_snapshot!(said(lab().arg("list").current_dir(house.path())), @r"
    > 01-one-shot  new  15 min  One shot
      02-echo      new  20 min  Echo
      03-echo-udp  new  25 min  Echo over UDP

    0 of 2 passed, 35 min to go
    ");
}

#[test]
fn the_list_as_json_has_what_scripts_rely_on() {
    let house = house();
    let said = said(lab().args(["list", "--json"]).current_dir(house.path()));
    let list: Json = serde_json::from_str(&said).unwrap();
    assert_eq!(
        list["lessons"][1],
        serde_json::json!({
            "number": 2, "name": "02-echo", "title": "Echo", "minutes": 20, "state": "new",
            "id": "echo", "hints": 0, "current": false
        })
    );
}

#[test]
fn one_broken_lesson_does_not_hide_the_others() {
    let house = house();
    house.lesson("02-echo", "title = 3\n");
    let output = lab().arg("list").current_dir(house.path()).assert().code(2);
    let output = output.stdout(predicate::str::contains("03-echo-udp"));
    output.stderr(predicate::str::starts_with("error: lessons/02-echo/lesson.toml:1: "));
}

#[test]
fn the_version_is_the_packages() {
    let expected = format!("lab {}\n", env!("CARGO_PKG_VERSION"));
    lab().arg("--version").assert().success().stdout(expected);
}

#[test]
fn shells_complete_commands_options_and_formats() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = said(lab().args(["completions", shell]));
        for word in ["doctor", "schedule"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
        assert!(!script.contains("worker"), "{shell}: not for people");
    }
}

#[test]
fn bash_reads_its_completions() {
    let script = said(lab().args(["completions", "bash"]));
    Command::new("bash").arg("-n").write_stdin(script).assert().success().stderr("");
}

#[test]
fn the_manual_page_has_every_command_once() {
    let page = said(lab().arg("man"));
    assert_eq!(page.lines().filter(|line| line.starts_with(".TH ")).count(), 1);
    for command in ["RUN", "TRACE", "SHOW", "LIST", "DOCTOR", "COMPLETIONS", "MAN"] {
        let heading = format!(".SH \"LAB {command}\"");
        assert_eq!(page.lines().filter(|line| *line == heading).count(), 1, "{command}");
    }
    assert!(page.contains(".SH \"EXIT STATUS\"") && !page.to_lowercase().contains("worker"));
}

// ---------------------------------------------------------------------------------------------
// What it says when it cannot do its work: every time exit 2, one line, at most one thing to try.

#[test]
fn lessons_that_are_none() {
    let house = house();
    let run = |wanted: &str| refused(lab().args(["run", wanted]).current_dir(house.path()));
    assert_snapshot!(run("one-shoot"), @"error: no lesson `one-shoot`; did you mean 01-one-shot?");
    assert_snapshot!(run("9"), @r"
    error: no lesson `9`
      try: lab list
    ");
    assert_snapshot!(run("ech"), @r"
    error: `ech` fits several lessons: 02-echo, 03-echo-udp
      try: name more of it; lab list shows all
    ");
    assert_snapshot!(run("1..3"), @r"
    error: `1..3` is 3 lessons; this takes one
      try: lab list
    ");
    assert_snapshot!(run("3..1"), @r"
    error: `3..1` is no range of lessons: 1..13 is
      try: lab list
    ");
}

#[test]
fn outside_of_a_lab_there_are_no_lessons() {
    let page = [&[] as &[&str], &["list"], &["run", "1"]]
        .map(|args| refused(lab().args(args).current_dir("/")));
    assert!(page.iter().all(|said| *said == page[0]), "{page:?}");
    assert_snapshot!(page[0], @r"
    error: no lessons/ folder in / or any folder above it
      try: lab init DIR makes a copy of the lessons; or cd into yours
    ");
}

#[test]
fn a_broken_lesson_is_told_with_its_line() {
    let house = house();
    let run = |toml: &str| {
        house.lesson("01-one-shot", toml);
        refused(lab().args(["run", "1"]).current_dir(house.path()))
    };
    assert_snapshot!(run("title = \"One shot\"\nminuets = 15\n"), @r"error: lessons/01-one-shot/lesson.toml:2: unknown field `minuets`, expected one of `id`, `title`, `minutes`, `covers`, `man`, `grades`, `role`, `demo`, `variant`, `scenario`, `rule`, `baseline_off`, `closes_before_exit`, `exercise`, `prediction`, `names`, `network`, `icmp`, `question`, `ask`");
    assert_snapshot!(run("title = \"One shot\"\nminutes = \"15\"\n"), @r#"error: lessons/01-one-shot/lesson.toml:2: invalid type: string "15", expected a number from 0"#);
    assert_snapshot!(run("title = \"One shot\nminutes = 15\n"), @r#"error: lessons/01-one-shot/lesson.toml:1: invalid basic string, expected `"`"#);
    let pattern = LESSON.replace("listen(..) = 0", "listen(.. = 0");
    assert_snapshot!(run(&pattern), @r"
    error: lessons/01-one-shot/lesson.toml:9: the pattern `server: listen(.. = 0` lacks a comma or a closing parenthesis
      server: listen(.. = 0
                        ^
    ");
}

#[test]
fn a_lesson_that_does_not_compile_is_not_played() {
    let house = house();
    house.write("lessons/02-echo/Cargo.toml", PACKAGE);
    house.write("lessons/02-echo/demo.rs", "fn main() { nothing() }\n");
    let assert = lab().args(["run", "2"]).current_dir(house.path()).assert().code(2).stdout("");
    let stderr = String::from_utf8(assert.get_output().stderr.clone()).unwrap();
    assert!(stderr.contains("error[E0425]"), "the compiler's own words: {stderr}");
    assert!(stderr.ends_with("error: cargo could not build 02-echo\n"), "{stderr}");
    assert!(!stderr.contains('\x1b'), "{stderr}");
}

#[test]
fn without_cargo_a_lesson_cannot_be_built() {
    let house = house();
    let mut lab = lab();
    lab.args(["run", "1"]).current_dir(house.path()).env_remove("CARGO").env("PATH", "/nowhere");
    assert_snapshot!(refused(&mut lab), @r"
    error: cannot build lessons: there is no `cargo` (ENOENT)
      try: install Rust as https://rustup.rs says
    ");
}

#[test]
fn programs_that_cannot_be_started() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: &str, mode: u32| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    write("plain", "#!/bin/sh\n", 0o644);
    write("lost", "#!/no/such/interpreter -x\n", 0o755);
    write("windows", "#!/bin/sh\r\nexit\r\n", 0o755);
    write("text", "hello\n", 0o755);
    fs::create_dir(folder.path().join("folder")).unwrap();
    let trace =
        |program: &str| refused(lab().args(["trace", "--", program]).current_dir(folder.path()));
    let page = ["nothing", "text", "./nothing", "./plain", "./folder", "./lost", "./windows"]
        .into_iter()
        .chain(["./text", "./text/x", ""])
        .map(trace)
        .collect::<String>();
    assert_snapshot!(page, @r"
    error: cannot start `nothing`: no folder in PATH has it (ENOENT)
      try: install it, or give its path
    error: cannot start `text`: no folder in PATH has it, and this one is not in PATH (ENOENT)
      try: ./text
    error: cannot start `./nothing`: there is no such file (ENOENT)
      try: ls
    error: cannot start `./plain`: it is not executable (EACCES)
      try: chmod +x ./plain
    error: cannot start `./folder`: it is a folder (EACCES)
      try: ls ./folder, and name a program in it
    error: cannot start `./lost`: there is no `/no/such/interpreter` to run it with (ENOENT)
      try: install it, or name another
    error: cannot start `./windows`: there is no `/bin/sh\r` to run it with (ENOENT)
      try: install it, or name another
    error: cannot start `./text`: it is no program for this machine and names no interpreter (ENOEXEC)
      try: begin ./text with a line `#!INTERPRETER`, or name the interpreter
    error: cannot start `./text/x`: there is no such file (ENOENT)
      try: ls ./text
    error: cannot start ``: there is no such file (ENOENT)
      try: ls
    ");
}

#[test]
fn a_second_role_that_cannot_be_started_is_told_too() {
    let mut lab = lab();
    lab.args(["trace", "--role", "first=true", "--role", "second=./nothing"]);
    assert_snapshot!(refused(&mut lab), @r"
    error: cannot start `./nothing`: there is no such file (ENOENT)
      try: ls
    ");
}

#[test]
fn a_running_process_is_refused_with_the_reason() {
    assert_snapshot!(refused(lab().args(["trace", "-p", "1"])), @r"
    error: cannot trace a process that runs already: its sockets' past would be missing
      try: lab trace -- CMD
    ");
}

#[test]
fn roles_that_cannot_be_read() {
    let page = [
        &["--role", "server"] as &[&str],
        &["--role", "server="],
        &["--role", "=./server"],
        &["--role", "the server=./server"],
        &["--role", "server='./server"],
        &["--role", "a=true", "--role", "a=true"],
        &["--role", "true=true", "--", "true"],
        &[],
    ];
    let page = page.map(|args| refused(lab().arg("trace").args(args))).concat();
    assert_snapshot!(page, @r"
    error: `--role server`: there is no `=`
      try: lab trace --role 'server=./server 7000' --role 'client=./client 7000'
    error: `--role server=`: there is no command
      try: lab trace --role 'server=./server 7000' --role 'client=./client 7000'
    error: `--role =./server`: a name has letters, digits, `-` and `_`
      try: lab trace --role 'server=./server 7000' --role 'client=./client 7000'
    error: `--role the server=./server`: a name has letters, digits, `-` and `_`
      try: lab trace --role 'server=./server 7000' --role 'client=./client 7000'
    error: `--role server='./server`: a quote is not closed
      try: lab trace --role 'server=./server 7000' --role 'client=./client 7000'
    error: there are two roles named `a`
      try: give each --role a name of its own
    error: there are two roles named `true`
      try: give each --role a name of its own
    error: there is no program to trace
      try: lab trace -- CMD
    ");
}

#[test]
fn patterns_that_cannot_be_read() {
    let page = ["recv(", "recv(conn, ..) =", "欢迎(..", ""]
        .map(|pattern| refused(lab().args(["trace", "--only", pattern, "--", "true"])))
        .concat();
    assert_snapshot!(page, @r"
    error: the pattern `recv(` lacks a closing parenthesis
      recv(
           ^
    error: the pattern `recv(conn, ..) =` lacks a result to compare with: a number, an errno or a name
      recv(conn, ..) =
                      ^
    error: the pattern `欢迎(..` names no call: `欢迎`
      欢迎(..
      ^
    error: the pattern `` is empty; an example: `client: recv(conn, ..) > 0`
    ");
}

#[test]
fn options_that_cannot_be_read() {
    let page = [
        &["rum", "1"] as &[&str],
        &["frobnicate"],
        &["run"],
        &["run", "1", "2"],
        &["run", "1", "--timeot", "3"],
        &["run", "1", "--timeout", "0"],
        &["run", "1", "--timeout", "soon"],
        &["run", "1", "--seed", "-1"],
        &["run", "1", "--seed", "one"],
        &["run", "1", "--as"],
        &["run", "1", "--as", "json", "--as", "text"],
        &["run", "1", "--schedule", "chaos"],
        &["run", "1", "--color", "red"],
        &["run", "1", "--only", "recv(..)", "--as", "json"],
        &["trace", "nc", "-l"],
        &["completions"],
        &["completions", "cmd"],
        &["worker", "0", "1"],
        &["run", "\x1b[31mred"],
    ];
    let page = page.map(|args| refused(lab().args(args))).concat();
    assert_snapshot!(page, @r"
    error: no command `rum`; did you mean run?
      try: lab --help
    error: no command `frobnicate`
      try: lab --help
    error: there is no LESSON
      try: lab run --help
    error: `2` is one argument too many
      try: lab run --help
    error: no option `--timeot`; did you mean --timeout?
      try: lab run --help
    error: `--timeout 0`: must be more than 0
      try: lab run --help
    error: `--timeout soon`: not a number of seconds
      try: lab run --help
    error: `--seed -1`: not a whole number
      try: lab run --help
    error: `--seed one`: not a whole number
      try: lab run --help
    error: `--as` needs a value
      try: lab run --help
    error: `--as` is given twice
      try: lab run --help
    error: `--schedule chaos`: choose one of lockstep, free, random
      try: lab run --help
    error: `--color red`: choose one of auto, always, never
      try: lab run --help
    error: `--only` goes with a timeline, which is `--as text` or `--as ascii`
      try: leave one of the two out
    error: `nc` is no option; a program to trace comes after `--`
      try: lab trace -- nc
    error: there is no SHELL
      try: lab completions --help
    error: `cmd`: choose one of bash, elvish, fish, powershell, zsh
      try: lab completions --help
    error: `worker` is what other commands start to record a run
      try: lab run LESSON
    error: no lesson `\u{1b}[31mred`
      try: lab list
    ");
}

#[test]
fn a_format_that_is_not_there_is_refused_with_those_that_are() {
    let said = refused(lab().args(["run", "1", "--as", "gif"]));
    let expected = "error: `--as gif`: choose one of text, ascii, json, jsonl, ";
    assert!(said.starts_with(expected), "{said}");
}

#[test]
fn an_argument_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let bytes = std::ffi::OsStr::from_bytes(b"\xff");
    assert_snapshot!(refused(lab().arg("run").arg(bytes)), @r"
    error: an argument is not UTF-8
      try: lab run --help
    ");
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_anything_runs() {
    let folder = TempDir::new().unwrap();
    let mark = folder.path().join("it-ran");
    let mut lab = lab();
    lab.current_dir(folder.path()).args(["trace", "-o", "nowhere/run.txt", "--", "touch"]);
    assert_snapshot!(refused(lab.arg(&mark)), @r"
    error: cannot write nowhere/run.txt: no such file or directory (ENOENT)
      try: mkdir -p nowhere
    ");
    assert!(!mark.exists());
    assert_snapshot!(refused(self::lab().args(["trace", "-o", "/", "--", "true"])), @r"error: cannot write /: is a directory (EISDIR)");
}

#[test]
fn a_run_that_comes_to_nothing_leaves_no_file() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("run.txt");
    refused(lab().args(["trace", "-o"]).arg(&file).args(["--", "./no-such-program"]));
    assert!(!file.exists());
    fs::write(&file, "kept").unwrap();
    refused(lab().args(["trace", "-o"]).arg(&file).args(["--", "./no-such-program"]));
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
}

#[test]
fn recordings_that_cannot_be_read() {
    let folder = TempDir::new().unwrap();
    let run = said(lab().args(["trace", "--as", "json", "--", "true"]));
    let show = |text: &str| {
        fs::write(folder.path().join("run.json"), text).unwrap();
        refused(lab().args(["show", "run.json"]).current_dir(folder.path()))
    };
    let page = [
        show(""),
        show("hello\n"),
        show("[]"),
        show("{}"),
        show(
            &run.replace("\"version\": 1", "\"version\": 2")
                .replace("\"version\":1", "\"version\":2"),
        ),
        refused(lab().args(["show", "none.json"]).current_dir(folder.path())),
    ];
    assert_snapshot!(page.concat(), @r"
    error: run.json is not a whole recording: it is empty
      try: record it again: lab trace --as json -o FILE -- CMD
    error: run.json is not a whole recording: line 1, column 1 is not JSON
      try: record it again: lab trace --as json -o FILE -- CMD
    error: run.json is not a whole recording: it is JSON, but no object
      try: record it again: lab trace --as json -o FILE -- CMD
    error: run.json is not a whole recording: it has no `version`
      try: record it again: lab trace --as json -o FILE -- CMD
    error: run.json is a recording of version 2; this lab reads up to version 1
      try: cargo install --path . to bring lab up to date
    error: cannot read none.json: no such file or directory (ENOENT)
      try: ls
    ");
    let half: String = run.chars().take(run.chars().count() / 2).collect();
    assert!(show(&half).starts_with("error: run.json is not a whole recording: it breaks off in"));
}

#[test]
fn where_ptrace_is_forbidden_runs_are_refused_and_say_why() {
    let trace = refused(&mut without(libc::SYS_ptrace, lab_std(&["trace", "--", "true"])));
    assert_snapshot!(trace, @r"
    error: cannot trace `true`: ptrace is forbidden here (EPERM)
      try: lab doctor
    ");
    let run = refused(without(libc::SYS_ptrace, lab_std(&["run", "1"])).current_dir(root()));
    // The program's path is the machine's.
    assert!(run.starts_with("error: cannot trace `") && run.contains("(EPERM)"), "{run}");
    assert!(run.ends_with("  try: lab doctor\n"), "{run}");
    let free = refused(&mut without(
        libc::SYS_ptrace,
        lab_std(&["trace", "--schedule", "free", "--", "true"]),
    ));
    assert_eq!(free, trace);
}

#[test]
fn where_filters_are_forbidden_it_is_not_ptrace_that_is_blamed() {
    let trace = lab_std(&["trace", "--", "true"]);
    assert_snapshot!(refused(&mut without(libc::SYS_seccomp, trace)), @r"
    error: cannot trace `true`: seccomp is forbidden here (EPERM)
      try: lab doctor
    ");
}

#[test]
fn where_ptrace_is_forbidden_a_recording_can_still_be_shown() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("run.json");
    lab().args(["trace", "--as", "json", "-o"]).arg(&file).args(["--", "true"]).assert().success();
    let here = said(lab().arg("show").arg(&file));
    let mut show = lab_std(&["show"]);
    show.arg(&file);
    assert_eq!(said(&mut without(libc::SYS_ptrace, show)), here);
}

#[test]
fn where_no_network_is_to_be_had_nothing_is_ok_that_needs_one() {
    let output = without(libc::SYS_unshare, lab_std(&["doctor"])).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let word = |name: &str| {
        let line = text.lines().find(|line| line.get(9..).is_some_and(|it| it.starts_with(name)));
        line.and_then(|line| line.split(' ').next()).unwrap_or_default()
    };
    assert_eq!(word("net "), "MISSING", "{text}");
    for name in ["furniture", "source ports", "packets"] {
        assert_eq!(word(name), "-", "{text}");
    }
    // A command that mends several is said once.
    let mut tries: Vec<&str> = text.lines().filter(|line| line.contains("try: ")).collect();
    let all = tries.len();
    tries.sort();
    tries.dedup();
    assert_eq!(tries.len(), all, "{text}");
}

#[test]
fn where_ptrace_is_forbidden_the_doctor_finds_it() {
    let output = without(libc::SYS_ptrace, lab_std(&["doctor"])).assert().code(1);
    output.stdout(predicate::str::is_match("(?m)^MISSING +ptrace .*EPERM").unwrap());
}

// ---------------------------------------------------------------------------------------------
// What it gives.

#[test]
fn a_saved_recording_is_shown_as_the_run_itself_was() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("run.json");
    let shown = |arguments: &[&str]| said(lab().args(arguments).current_dir(root()));
    shown(&["run", "1", "--as", "json", "-o", file.to_str().unwrap()]);
    for form in ["text", "ascii", "strace"] {
        let again = said(lab().args(["show", "--as", form]).arg(&file));
        assert_eq!(again, shown(&["run", "1", "--as", form]), "{form}");
    }
    let again = said(lab().args(["show", "--as", "json"]).arg(&file));
    assert_eq!(again, fs::read_to_string(&file).unwrap());
    let lines = said(lab().args(["show", "--as", "jsonl"]).arg(&file));
    assert!(lines.lines().all(|line| serde_json::from_str::<Json>(line).is_ok()), "{lines}");
}

#[test]
fn sockets_are_listed_at_each_moment_when_everybody_waits() {
    let listed = said(lab().current_dir(root()).args(["run", "2", "--sockets"]));
    let (_, tables) = listed.split_once("\nsockets after step ").expect("a table");
    let words: Vec<Vec<&str>> =
        tables.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[1][..3], ["Netid", "State", "Recv-Q"]);
    // The server closed first, twice, and still listens.
    let states: Vec<&str> = words[2..].iter().map(|line| line[1]).collect();
    assert_eq!(states, ["LISTEN", "TIME-WAIT", "TIME-WAIT"]);
    assert_eq!(words[2][6..], ["server:", "listener"]);
    let netstat = said(lab().current_dir(root()).args(["run", "2", "--sockets=netstat"]));
    assert_eq!(netstat.matches("TIME_WAIT").count(), 2, "{netstat}");

    // Everything that is not drawn as a timeline has them already, or no place for them.
    let refused =
        lab().current_dir(root()).args(["run", "2", "--sockets", "--as", "json"]).output();
    let refused = refused.unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(why.contains("`--sockets` goes with a timeline"), "{why}");
}

#[test]
fn jsonl_is_an_event_a_line() {
    let lines = said(lab().args(["run", "1", "--as", "jsonl"]).current_dir(root()));
    let seqs: Vec<u64> = lines
        .lines()
        .map(|line| serde_json::from_str::<Json>(line).expect(line)["seq"].as_u64().unwrap())
        .collect();
    assert!(seqs.len() > 10 && seqs.windows(2).all(|pair| pair[0] < pair[1]), "{seqs:?}");
}

#[test]
fn only_leaves_the_calls_that_match() {
    let drawn = said(lab().args(["run", "1", "--only", "client: send(..)"]).current_dir(root()));
    assert!(drawn.contains("send(sock, \"你好\", 6) = 6"), "{drawn}");
    assert!(!drawn.contains("recv(") && !drawn.contains("欢迎"), "{drawn}");
}

#[test]
fn results_go_to_stdout_or_to_the_file_and_nowhere_else() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("run.txt");
    let drawn = said(lab().args(["run", "1"]).current_dir(root()));
    lab().args(["run", "1", "-o"]).arg(&file).current_dir(root()).assert().success().stdout("");
    assert_eq!(fs::read_to_string(&file).unwrap(), drawn);
}

#[test]
fn with_a_file_the_programs_own_streams_are_left_alone() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("run.txt");
    let mut lab = lab();
    lab.args(["trace", "-o"]).arg(&file).args(["--", "cat"]).write_stdin("hello\n");
    lab.assert().success().stdout("hello\n");
    assert!(fs::read_to_string(&file).unwrap().contains("hello"));
}

#[test]
fn a_program_that_fails_is_not_the_labs_failure() {
    let drawn = said(lab().args(["trace", "--", "false"]));
    assert!(drawn.contains("ended with status 1"), "{drawn}");
}

#[test]
fn a_deadlock_is_exit_status_1() {
    let Some(program) = fixtures::c("wait_each_other") else { return };
    let program = program.to_str().unwrap();
    let mut lab = lab();
    lab.args(["trace", "--role", &format!("server={program} recv server 7000")]);
    lab.args(["--role", &format!("client={program} recv client 7000")]);
    lab.assert().code(1).stdout(predicate::str::contains("deadlock"));
}

#[test]
fn a_server_that_waits_for_clients_is_exit_status_0() {
    let Some(program) = fixtures::c("wait_each_other") else { return };
    lab().args(["trace", "--"]).arg(program).args(["recv", "server", "7000"]).assert().success();
}

#[test]
fn a_run_that_is_cut_off_is_exit_status_1() {
    let args = ["trace", "--schedule", "free", "--timeout", "0.2", "--", "sleep", "60"];
    let assert = lab().args(args).assert().code(1);
    assert.stderr(predicate::str::starts_with("ended by the lab: "));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    for command in ["run 1", "run 1 --as json", "run 1 --as jsonl", "list", "doctor", "--help"] {
        let script = format!("\"$LAB\" {command} | head -n 1");
        let mut shell = Command::new("bash");
        shell.args(["-c", &format!("set -o pipefail; {script}")]).current_dir(root());
        shell.env("LAB", env!("CARGO_BIN_EXE_lab")).timeout(BOUND);
        shell.assert().success().stderr("");
    }
}

#[test]
fn nothing_waits_for_somebody_to_type() {
    for args in [&[] as &[&str], &["list"], &["run", "1"], &["doctor"], &["trace", "--", "cat"]] {
        // No bytes, then end of file.
        lab().args(args).current_dir(root()).write_stdin("").assert().success();
    }
    for args in [&[] as &[&str], &["list"], &["run", "1"], &["doctor"]] {
        // An end that stays open and says nothing.
        let mut child = lab_std(args);
        child.current_dir(root()).stdin(Stdio::piped()).stdout(Stdio::null());
        let mut child = child.spawn().unwrap();
        let _open = child.stdin.take();
        let until = std::time::Instant::now() + BOUND;
        let status = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if std::time::Instant::now() > until => break None,
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        };
        if status.is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert!(status.is_some_and(|status| status.success()), "{args:?}: {status:?}");
    }
}

#[test]
fn the_doctor_says_what_this_machine_allows() {
    let text = said(lab().arg("doctor").current_dir("/"));
    assert!(text.lines().any(|line| line.starts_with("OK       ptrace ")), "{text}");
    let json: Json = serde_json::from_str(&said(lab().args(["doctor", "--json"]))).unwrap();
    let checks = json["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["name"].is_string()), "{json}");
    for check in checks {
        assert!(text.contains(check["name"].as_str().unwrap()), "{check}");
    }
}

// ---------------------------------------------------------------------------------------------
// Colour.

#[test]
fn there_is_colour_on_a_terminal_and_only_there() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("run.json");
    lab()
        .args(["run", "1", "--as", "json", "-o"])
        .arg(&file)
        .current_dir(root())
        .assert()
        .success();
    let show = |options: &[&str], no_color: &str, terminal: bool| {
        let mut show = lab_std(&["show"]);
        show.arg(&file).args(options).env("NO_COLOR", no_color);
        match terminal {
            true => on_terminal(show),
            false => said(&mut Command::from_std(show)),
        }
    };
    let is_coloured = |text: String| {
        assert!(text.contains("listen"), "{text}");
        text.contains('\x1b')
    };
    assert!(is_coloured(show(&[], "", true)));
    assert!(!is_coloured(show(&[], "1", true)), "NO_COLOR");
    assert!(!is_coloured(show(&["--color", "never"], "", true)), "--color never");
    assert!(!is_coloured(show(&[], "", false)), "not a terminal");
    assert!(is_coloured(show(&["--color", "always"], "", false)), "--color always");
    assert!(is_coloured(show(&["--color", "always"], "1", false)), "what is typed has its way");
    let to_file = folder.path().join("run.txt");
    show_to(&file, &to_file);
    assert!(!is_coloured(fs::read_to_string(&to_file).unwrap()), "a file");
}

fn show_to(recording: &Path, file: &Path) {
    let mut show = lab_std(&["show", "-o"]);
    show.arg(file).arg(recording).env_remove("NO_COLOR");
    on_terminal(show);
}

// ---------------------------------------------------------------------------------------------
// Helpers.

/// Longer than any command here takes, on a busy machine.
const BOUND: Duration = Duration::from_secs(60);

fn lab() -> Command {
    let mut lab = Command::from_std(lab_std(&[]));
    lab.timeout(BOUND);
    lab
}

/// As users start it: nothing of the test runner's, a backtrace asked for that must not come.
fn lab_std(args: &[&str]) -> std::process::Command {
    let mut lab = std::process::Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(args).env("RUST_BACKTRACE", "1").env("COLUMNS", "80");
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CARGO_TERM_COLOR"] {
        lab.env_remove(name);
    }
    lab
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a command that did its work printed; it said nothing besides.
fn said(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let (stdout, stderr) = texts(&output);
    assert_eq!((output.status.code(), stderr.as_str()), (Some(0), ""), "{stdout}");
    stdout
}

/// What a command said that could not do its work, in the form that all such messages have.
fn refused(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let (stdout, stderr) = texts(&output);
    assert_eq!((output.status.code(), stdout.as_str()), (Some(2), ""), "{stderr}");
    let mut lines = stderr.lines();
    let first = lines.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or_else(|| panic!("{stderr}"));
    assert!(
        !message.starts_with(|c: char| c.is_uppercase()) && !message.ends_with('.'),
        "{stderr}"
    );
    let mut rest: Vec<&str> = lines.collect();
    if rest.last().is_some_and(|line| line.starts_with("  try: ")) {
        rest.pop();
    }
    // A pattern is shown again with a caret under it.
    let caret = rest.len() == 2 && rest[1].trim() == "^";
    assert!(rest.is_empty() || caret, "{stderr}");
    let escapes = stderr.chars().any(|c| c.is_control() && c != '\n');
    assert!(!escapes && !stderr.contains("panicked") && !stderr.contains("backtrace"), "{stderr}");
    stderr
}

fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    (text(&output.stdout), text(&output.stderr))
}

const LESSON: &str = r#"title   = "One shot"
minutes = 15

[[role]]
name = "server"

[[role]]
name  = "client"
after = "server: listen(..) = 0"
"#;

const PACKAGE: &str = r#"[package]
name = "lesson-02-echo"
edition = "2024"

[[bin]]
name = "02-echo"
path = "demo.rs"
"#;

/// A small lab of its own, with three lessons that have no programs.
struct House(TempDir);

fn house() -> House {
    let house = House(TempDir::new().unwrap());
    house.write("Cargo.toml", "[workspace]\nmembers = [\"lessons/02-echo\"]\nresolver = \"3\"\n");
    // The last has no exercise.
    let graded = |title: &str| {
        LESSON
            .replace(
                "\n\n[[role]]\nname = \"server\"",
                "\ngrades = \"server\"\n\n[[role]]\nname = \"server\"",
            )
            .replace("One shot", title)
    };
    house.lesson("01-one-shot", &graded("One shot"));
    house.lesson("02-echo", &graded("Echo").replace("15", "20"));
    house.lesson("03-echo-udp", &LESSON.replace("One shot", "Echo over UDP").replace("15", "25"));
    house
}

impl House {
    fn path(&self) -> &Path {
        self.0.path()
    }

    fn lesson(&self, name: &str, toml: &str) {
        self.write(&format!("lessons/{name}/lesson.toml"), toml);
    }

    fn write(&self, name: &str, text: &str) {
        let path: PathBuf = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// The command where this system call fails with EPERM, as ptrace(2) does in many containers.
fn without(call: libc::c_long, mut command: std::process::Command) -> Command {
    deny::deny(&mut command, call);
    let mut command = Command::from_std(command);
    command.timeout(BOUND);
    command
}

/// What a command prints on a terminal of its own.
fn on_terminal(mut command: std::process::Command) -> String {
    let (mut ours, mut theirs) = (-1, -1);
    let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: openpty fills two descriptors, which are then ours alone.
    let (ours, theirs) = unsafe {
        let (name, termios) = (std::ptr::null_mut(), std::ptr::null());
        assert_eq!(libc::openpty(&mut ours, &mut theirs, name, termios, &size), 0);
        (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
    };
    command.stdin(Stdio::null()).stdout(theirs.try_clone().unwrap()).stderr(theirs);
    let mut child = command.spawn().unwrap();
    // It holds the other end, which must be closed for reading to end.
    drop(command);
    let mut text = Vec::new();
    // A terminal without its other end says EIO rather than end of file. pty(7).
    let _ = fs::File::from(ours).read_to_end(&mut text);
    assert!(child.wait().unwrap().success());
    String::from_utf8(text).unwrap()
}
