//! What reaches the eye: no escape byte where nobody wants one, no line wider than the terminal, and examples that work.

use std::fs;
use std::io::Read as _;
use std::os::fd::{FromRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;
use unicode_width::UnicodeWidthStr;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn lab(args: &[&str], folder: &Path) -> Command {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(args).current_dir(folder).stdin(Stdio::null());
    // What is tried here is nobody's progress.
    lab.env("LAB_STATE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("terminal"));
    for forced in ["FORCE_HYPERLINK", "CLICOLOR_FORCE", "FORCE_COLOR", "NO_COLOR"] {
        lab.env_remove(forced);
    }
    lab
}

/// What a command writes to a terminal of this width, stdout and stderr alike.
fn on_terminal(mut command: Command, columns: u16) -> String {
    let (mut ours, mut theirs) = (-1, -1);
    let size = libc::winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: openpty fills two descriptors, which are then ours alone.
    let (ours, theirs) = unsafe {
        let (name, termios) = (std::ptr::null_mut(), std::ptr::null());
        assert_eq!(libc::openpty(&mut ours, &mut theirs, name, termios, &size), 0);
        (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
    };
    command.stdout(theirs.try_clone().unwrap()).stderr(theirs);
    let mut child = command.spawn().unwrap();
    // It holds the other end, which must be closed for reading to end.
    drop(command);
    let mut text = Vec::new();
    // A terminal without its other end says EIO rather than end of file. pty(7).
    let _ = fs::File::from(ours).read_to_end(&mut text);
    child.wait().unwrap();
    String::from_utf8(text).unwrap()
}

/// A lab of one lesson whose exercise has a warning and an error.
fn house() -> TempDir {
    let house = TempDir::new().unwrap();
    let write = |name: &str, text: &str| {
        let path = house.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("Cargo.toml", "[workspace]\nmembers = [\"lessons/*\"]\nresolver = \"3\"\n");
    write(
        "lessons/01-a/Cargo.toml",
        "[package]\nname = \"lesson-01-a\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [[bin]]\nname = \"01-a\"\npath = \"demo.rs\"\n\
         [[bin]]\nname = \"01-a-exercise\"\npath = \"exercise.rs\"\n",
    );
    write("lessons/01-a/demo.rs", "fn main() { let unused = 1; }\n");
    write("lessons/01-a/exercise.rs", "fn main() { let unused = 1; missing() }\n");
    write(
        "lessons/01-a/lesson.toml",
        "title = \"A\"\nminutes = 1\ngrades = \"server\"\n[[role]]\nname = \"server\"\n\
         [[scenario]]\nname = \"one\"\nsteps = ['A: connect(:9999)']\n",
    );
    house
}

/// A recording and two students' reports.
fn material() -> TempDir {
    let folder = TempDir::new().unwrap();
    let run = folder.path().join("run.json");
    let made = lab(&["run", "1", "--as", "json", "-o", run.to_str().unwrap()], root()).output();
    assert!(made.unwrap().status.success());
    let report = r#"{"version":1,"lessons":[{"lesson":"03-echo","result":"fail","scenarios":[{"name":"a","findings":[{"rule":"reads-until-the-end","grade":"broken"}]}]}]}"#;
    for student in ["ada.json", "bob.json"] {
        fs::write(folder.path().join(student), report).unwrap();
    }
    folder
}

/// Every command in a use or two, and mistakes.
fn uses(material: &Path) -> Vec<Vec<String>> {
    let run = material.join("run.json").display().to_string();
    let (ada, bob) = (material.join("ada.json"), material.join("bob.json"));
    let (ada, bob) = (ada.display().to_string(), bob.display().to_string());
    let lines = [
        "".into(),
        "--version".into(),
        "run 1".into(),
        "trace -- true".into(),
        "check 3 --weather none".into(),
        "explore 3 --schedules 1".into(),
        "diff 3".into(),
        "hint 3".into(),
        "solution 3".into(),
        "reset 3".into(),
        "undo".into(),
        format!("init {}", material.join("copy").display()),
        "update".into(),
        "watch".into(),
        "watch --plain".into(),
        "mdbook supports html".into(),
        "diff 1".into(),
        "step 1".into(),
        "predict 1".into(),
        "explain".into(),
        "explain reads-until-the-end".into(),
        "explain short-read".into(),
        // Taken: what is tried here is to leave the repository as it is.
        "new-lesson one-shot".into(),
        "audit 1 --program solutions/std".into(),
        format!("show {run}"),
        format!("show {run} --as strace"),
        "list".into(),
        "list --json".into(),
        format!("class {ada} {bob} {run} /nowhere"),
        "doctor".into(),
        "doctor --json".into(),
        "completions bash".into(),
        "man".into(),
        "frobnicate".into(),
        "run 99".into(),
        "explain reads-until-the-ent".into(),
        "check 3 --scenario nothing-of-the-kind".into(),
        "check 3 --weather short-raed".into(),
        "run 12 --variant talk-on".into(),
    ];
    let mut all: Vec<Vec<String>> = lines
        .iter()
        .map(|line: &String| line.split_whitespace().map(str::to_owned).collect())
        .collect();
    for command in commands() {
        assert!(
            all.iter().any(|used| used.first() == Some(&command)),
            "no use of `lab {command}` is tried here"
        );
        all.push(vec![command, "--help".into()]);
    }
    all
}

/// The commands that `lab --help` names.
fn commands() -> Vec<String> {
    let help = lab(&["--help"], root()).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let named = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let named = named.take_while(|line| line.starts_with("  "));
    // A description that goes on below is set in further.
    let named = named.filter(|line| !line.starts_with("   "));
    named.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect()
}

fn borrowed(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

#[test]
fn nobody_who_wants_no_escapes_gets_one() {
    let material = material();
    for used in uses(material.path()) {
        let args = borrowed(&used);
        let mut dumb = lab(&args, root());
        dumb.env("TERM", "dumb").env("NO_COLOR", "1").env("FORCE_HYPERLINK", "1");
        let said = on_terminal(dumb, 80);
        assert!(!said.contains('\x1b'), "{args:?} on a dumb terminal: {said:?}");
        let mut never = lab(&[&["--color", "never"], &args[..]].concat(), root());
        never.env("TERM", "xterm-256color").env("FORCE_HYPERLINK", "1");
        let said = on_terminal(never, 80);
        assert!(!said.contains('\x1b'), "{args:?} --color never: {said:?}");
        let output = lab(&args, root()).env("TERM", "xterm-256color").output().unwrap();
        for said in [output.stdout, output.stderr] {
            assert!(!said.contains(&0x1b), "{args:?} without a terminal");
        }
    }
}

#[test]
fn cargo_writes_no_escapes_either() {
    for (name, value) in [("TERM", "dumb"), ("NO_COLOR", "1")] {
        let house = house();
        for args in [&["run", "1"][..], &["check", "1"]] {
            let mut lab = lab(args, house.path());
            lab.env("TERM", "xterm-256color").env(name, value);
            lab.env("CARGO_TARGET_DIR", house.path().join("target"));
            let said = on_terminal(lab, 80);
            assert!(said.contains("unused"), "cargo was to warn: {said}");
            assert!(!said.contains('\x1b'), "{name}={value}, {args:?}: {said:?}");
        }
    }
}

#[test]
fn a_terminal_that_knows_links_gets_them() {
    let mut lab = lab(&["check", "3", "--weather", "none"], root());
    lab.env("TERM", "xterm-256color").env("FORCE_HYPERLINK", "1");
    let said = on_terminal(lab, 80);
    assert!(said.contains("\x1b]8;;file://"), "{said:?}");
}

#[test]
fn no_line_is_wider_than_the_terminal() {
    let material = material();
    // What these print is for other programs.
    let for_programs = |used: &Vec<String>| {
        used.iter().any(|word| word == "--json" || word == "strace")
            || ["man", "completions"].contains(&used.first().map_or("", String::as_str))
                && used.len() < 2
            || used.first().is_some_and(|it| it == "completions") && used[1] == "bash"
    };
    for used in uses(material.path()).iter().filter(|used| !for_programs(used)) {
        for columns in [80, 40] {
            let mut lab = lab(&borrowed(used), root());
            // How wide cargo's own lines are is its affair.
            lab.env("TERM", "dumb").env("CARGO_TERM_QUIET", "true");
            let said = on_terminal(lab, columns);
            assert!(!said.contains("panicked"), "{used:?}: {said}");
            for line in said.lines() {
                let line = line.trim_end();
                let unbreakable = !line.trim_start().contains(' ');
                let fits = line.width() <= usize::from(columns);
                assert!(fits || unbreakable, "{used:?} at {columns} columns: {line}");
            }
        }
    }
}

/// The examples of a command's help.
fn examples(command: &str) -> Vec<String> {
    let help = lab(&[command, "--help"], root()).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let listed = help.lines().skip_while(|line| *line != "Examples:").skip(1);
    listed.map_while(|line| line.strip_prefix("  ")).map(str::to_owned).collect()
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[test]
fn every_example_of_the_help_runs() {
    use std::os::unix::fs::PermissionsExt as _;
    // Below the lab's root, as a learner would be.
    let folder = TempDir::new_in(root().join("target")).unwrap();
    let write = |name: &str, text: &str| -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    };
    for script in ["server.py", "echo.py"] {
        write(script, "print('hello')\n");
    }
    for script in ["server", "program"] {
        let path = write(script, "#!/bin/sh\nexit 0\n");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    // Lessons are begun in a lab of their own.
    let house = house();
    let material = material();
    fs::copy(material.path().join("bob.json"), folder.path().join("bob.json")).unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_lab")).parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap();

    let mut tried = 0;
    for command in commands() {
        let examples = examples(&command);
        assert!(!examples.is_empty(), "`lab {command} --help` gives no example");
        let place = if command == "new-lesson" { house.path() } else { folder.path() };
        for example in examples {
            assert!(example.contains("lab"), "{command}: {example}");
            let other = ["python3", "nc", "man -l"].into_iter().find(|it| example.contains(it));
            let lacks = other.filter(|it| !is_installed(it.split(' ').next().unwrap_or(it)));
            if let Some(lacks) = lacks {
                eprintln!("skipped: {example}: there is no {lacks}");
                continue;
            }
            let output = Command::new("bash")
                .args(["-c", &format!("set -o pipefail; {example}")])
                .current_dir(place)
                .env("PATH", format!("{}:{path}", bin.display()))
                .env("HOME", folder.path())
                .env("LAB_STATE", folder.path().join("state"))
                .env("CARGO_HOME", cargo_home())
                .env("RUSTUP_HOME", rustup_home())
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let status = output.status.code();
            let told = String::from_utf8_lossy(&output.stderr);
            // Nobody has edited anything here: there is nothing to put back and to update.
            let needs_an_edit = ["lab undo", "lab update"].iter().any(|it| example.starts_with(it));
            let refused = needs_an_edit && told.contains("\n  try: ");
            assert!(refused || matches!(status, Some(0 | 1)), "{example}: {status:?}: {told}");
            tried += 1;
        }
    }
    assert!(tried > 20, "only {tried} examples were tried");
}

/// Where cargo keeps what it has, whatever HOME is.
fn cargo_home() -> PathBuf {
    let home = || Path::new(&std::env::var("HOME").unwrap()).join(".cargo");
    std::env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}

fn rustup_home() -> PathBuf {
    let home = || Path::new(&std::env::var("HOME").unwrap()).join(".rustup");
    std::env::var_os("RUSTUP_HOME").map_or_else(home, PathBuf::from)
}
