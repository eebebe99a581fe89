//! The lab with its answers piped in.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use socket_lab::play;

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn command(args: &[&str]) -> Command {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(args).current_dir(root()).env("NO_COLOR", "1");
    // What tests solve is nobody's progress.
    lab.env("LAB_STATE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("state"));
    lab.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    lab
}

/// Runs it to its end with this on stdin; `None` where nothing can be traced, which is said.
pub fn lab(args: &[&str], input: &str) -> Option<Output> {
    let mut child = command(args).spawn().expect("lab starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Whoever ends early has read enough.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    if play::lacks_what_the_lesson_needs(&stderr(&output)) {
        let _ = writeln!(std::io::stderr(), "skipped: {}", stderr(&output));
        return None;
    }
    if output.status.code() == Some(2)
        && command(&["doctor"]).output().unwrap().status.code() != Some(0)
    {
        let _ = writeln!(std::io::stderr(), "skipped: this machine cannot trace");
        return None;
    }
    Some(output)
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
