//! `lab explore`: what it finds is real and is found again, and right programs are not blamed.
//!
//! `tests/overnight.sh` does the same with the right programs of all lessons, and many more schedules.

use std::process::Output;

mod asked;
#[path = "recorder/support/fixtures.rs"]
#[allow(dead_code, reason = "the recorder's tests need more of it")]
mod fixtures;

use asked::{lab, stderr, stdout};

/// Says that a test was not made, where a passing test's output is seen as well.
fn skipped(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// Programs that are right in lockstep and wrong in another order of their calls, the lesson that each is written for, and
/// what of the first finding tells which mistake was met.
const RACES: [(&str, &str, &[&str]); 10] = [
    // S4.32: shutdown in one thread, close in another, one number.
    ("closed_number", "10", &["EBADF", "conn"]),
    ("half_an_answer", "10", &["欢"]),
    ("handed_over", "10", &["conn"]),
    ("lock_order", "10", &["futex"]),
    ("lost_signal", "10", &["pause"]),
    ("lost_wakeup", "10", &["conn", "waiting for the books"]),
    ("not_joined", "10", &["EBADF", "send"]),
    ("same_slot", "10", &["conn"]),
    ("two_readers", "10", &["recv", "shutdown"]),
    // S0.21: whoever says goodbye first has the port in TIME-WAIT.
    ("who_ends_first", "3", &["EADDRINUSE"]),
];

fn command(race: &str) -> Option<String> {
    let binary = fixtures::c(&format!("races/{race}"))?;
    Some(shell_words::quote(binary.to_str().expect("UTF-8")).into_owned())
}

/// The command that a report names last, as words without `lab`.
fn next(report: &str) -> Vec<String> {
    let next = report.lines().rev().find_map(|line| line.trim().strip_prefix("next "));
    let words = shell_words::split(next.expect(report).trim()).expect("quotes are closed");
    words[1..].to_vec()
}

fn again(words: &[String]) -> Option<Output> {
    lab(&words.iter().map(String::as_str).collect::<Vec<_>>(), "")
}

/// The report from its finding on.
fn finding(report: &str) -> &str {
    report.split_once("\n\n").expect(report).1
}

#[test]
fn each_planted_race_passes_in_lockstep_is_found_and_is_played_again_as_it_was_told() {
    for (race, lesson, signs) in RACES {
        let Some(bin) = command(race) else { return };
        let Some(checked) = lab(&["check", lesson, "--bin", &bin, "--weather", "none"], "") else {
            return;
        };
        assert_eq!(checked.status.code(), Some(0), "{race}: {}", stdout(&checked));

        // The seed is otherwise the binary's, and so the folder's in which it was compiled.
        let args = ["explore", lesson, "--bin", &bin, "--seed", "1"];
        let found = lab(&args, "").expect("it was traced before");
        let report = stdout(&found);
        assert_eq!(found.status.code(), Some(1), "{race}: {report}{}", stderr(&found));
        assert!(signs.iter().any(|sign| finding(&report).contains(sign)), "{race}: {report}");
        for _ in 0..3 {
            let replayed = again(&next(&report)).expect("it was traced before");
            assert_eq!(replayed.status.code(), Some(1), "{race}: {}", stderr(&replayed));
            assert_eq!(finding(&stdout(&replayed)), finding(&report), "{race}");
        }
    }
}

#[test]
fn what_is_found_does_not_depend_on_how_many_runs_go_on_at_once() {
    let Some(bin) = command("same_slot") else { return };
    let of = |jobs| lab(&["explore", "10", "--bin", &bin, "--schedules", "60", "-j", jobs], "");
    let (Some(one), Some(five)) = (of("1"), of("5")) else { return };
    assert_eq!(stdout(&one), stdout(&five));
}

#[test]
fn right_programs_of_the_threaded_lessons_break_no_rule() {
    for lesson in ["10", "11", "12", "13"] {
        let args = ["explore", lesson, "--program", "solutions/nix.rs", "--schedules", "30"];
        let Some(output) = lab(&args, "") else { return };
        let said = stdout(&output);
        assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
        assert!(said.contains(" pass in 30 schedules, of "), "{said}");
        assert!(said.ends_with("; that is no proof\n"), "{said}");
    }
}

#[test]
fn what_breaks_a_rule_in_lockstep_is_left_to_others() {
    let program = "mistakes/waits-for-all-at-once.rs";
    let Some(output) = lab(&["explore", "10", "--program", program], "") else { return };
    let said = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("10-thread-per-client  fail in lockstep already"), "{said}");
    assert_eq!(next(&said)[..2], ["audit", "10"], "{said}");
}

#[test]
fn where_nobody_else_can_go_on_there_is_nothing_to_explore() {
    let args = ["explore", "8", "--program", "solutions/nix.rs"];
    let Some(output) = lab(&args, "") else { return };
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    assert!(said.contains("nobody else could ever have gone on"), "{said}");
}

#[test]
fn a_schedule_that_no_run_can_have_is_refused() {
    let right = ["explore", "10", "--program", "solutions/nix.rs"];
    let scenario = ["--scenario", "one client asks", "--delays"];
    let Some(output) = lab(&[&right[..], &scenario[..], &["9999"]].concat(), "") else { return };
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("error: `--delays 9999`: this run has the decisions 1 to "), "{said}");

    let output = lab(&[&right[..], &["--delays", "1"]].concat(), "").expect("it was traced before");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("error: `--delays` are of one scenario"), "{said}");

    let output = lab(&["explore", "6"], "").expect("it was traced before");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("asks for a prediction, not for a program"), "{said}");
}
