//! The kernel's own tracepoints tell the same story.

use std::process::Command;

use crate::support::{c, lab, need, python, rust, skipped, source, text};

fn agree(command: &[&str]) {
    if std::env::var_os("LAB_ORACLE").is_none() {
        return skipped("LAB_ORACLE is not set");
    }
    need!(lab());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle.sh");
    let said = Command::new(script)
        .arg(env!("CARGO_BIN_EXE_lab"))
        .args(command)
        .output()
        .expect("oracle.sh starts");
    let heard = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
    match said.status.code() {
        Some(0) => {}
        Some(77) => skipped(heard.trim()),
        _ => panic!("{command:?}: {heard}"),
    }
}

#[test]
fn the_kernel_agrees_on_python_and_rust() {
    let (python, threaded) = (need!(python()), source("threaded_echo.py"));
    agree(&[python, text(&threaded), "together", "7501"]);
    agree(&[python, text(&source("selectors_echo.py")), "7502"]);
    agree(&[text(&need!(rust("threaded_echo"))), "together", "7503"]);
}

#[test]
fn the_kernel_agrees_on_forks_and_execs() {
    agree(&[text(&need!(c("fork_server"))), "together", "7504"]);
    agree(&[text(&need!(c("exec_from_thread")))]);
    agree(&[text(&need!(c("vfork_exec")))]);
    agree(&[text(&need!(c("fork_chain"))), "100"]);
}

#[test]
fn the_kernel_agrees_on_many_threads() {
    agree(&[text(&need!(c("clone_race")))]);
    agree(&[text(&need!(c("many_threads")))]);
    agree(&[text(&need!(c("thread_echo"))), "7505"]);
}

#[test]
fn the_kernel_agrees_on_interrupted_calls() {
    for mode in ["restart", "eintr", "realtime"] {
        agree(&[text(&need!(c("restart"))), mode]);
    }
}
