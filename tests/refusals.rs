//! Every command where it cannot do its work: one clear error that says what to do, exit 2, and no file damaged.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Every command in a use that writes, where it has one. What is not a shell's is not quoted: no word has a blank.
const USES: [&str; 30] = [
    "",
    "run 1",
    "run 1 --as svg -o picture.svg",
    "run 1 --as pcapng",
    "trace -- true",
    "trace --as json -o run.json -- true",
    "check 1 --weather none",
    "check 1 --weather none --as json -o lessons/report.json",
    "explore 10 --schedules 1",
    "diff 1",
    "hint 1",
    "solution 1",
    "solution 1 --give-up",
    "reset 1",
    "undo",
    "init copy",
    "update",
    "step 1",
    "predict 1",
    "explain short-read",
    "new-lesson who-am-i",
    "audit 1 --program solutions/std",
    "show run.json",
    "list",
    "class report.json",
    "doctor",
    "completions bash",
    "man",
    "watch --plain",
    "mdbook supports html",
];

fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

fn plain(program: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).env_remove("LAB_STATE").env_remove("RUST_BACKTRACE");
    command.env("LAB", env!("CARGO_BIN_EXE_lab"));
    command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("refusals"));
    command
}

fn lab(folder: &Path, args: &[&str]) -> Output {
    let lab = plain(env!("CARGO_BIN_EXE_lab")).args(args).current_dir(folder).output();
    lab.expect("lab starts")
}

fn words(used: &str) -> Vec<&str> {
    used.split_whitespace().collect()
}

/// A copy whose first lesson is built and was failed, so that there is something to lose.
fn copy() -> TempDir {
    let folder = TempDir::new().unwrap();
    assert!(lab(folder.path(), &["init", "demo"]).status.success());
    let demo = folder.path().join("demo");
    for used in ["run 1", "check 1 --weather none"] {
        let code = lab(&demo, &words(used)).status.code();
        assert!(code == Some(0) || code == Some(1), "{used}: {code:?}");
    }
    folder
}

/// Runs a shell script where it may mount; `None`: it may not here.
fn where_mounts_are_ours(script: &str, folder: &Path, used: &str) -> Option<Output> {
    let may = |flags: &str| {
        let tried = plain("unshare").args([flags, "mount", "-t", "tmpfs", "none", "/mnt"]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let flags = ["-m", "-Urm"].into_iter().find(|flags| may(flags))?;
    let mut shell = plain("unshare");
    shell.args([flags, "sh", "-euc", script, "sh"]).args(words(used)).current_dir(folder);
    Some(shell.output().unwrap())
}

/// It did its work, or says in one clear error why not. cargo's own words may stand before it.
fn answers_clearly(used: &str, output: &Output, may_fail: bool) {
    let told = String::from_utf8_lossy(&output.stderr);
    let code = output.status.code();
    assert!(!told.contains("panicked"), "lab {used}: {told}");
    assert!(!told.contains("DAMAGED"), "lab {used}: {told}");
    if code != Some(2) {
        let fine = code == Some(0) || (may_fail && code == Some(1));
        return assert!(fine, "lab {used}: {code:?} {told}");
    }
    let lines: Vec<&str> = told.lines().collect();
    let ours = lines.iter().rposition(|line| line.starts_with("error: ")).expect(used);
    let says_what_to_do = match lines[ours..] {
        [error] => error.contains("did you mean"),
        [_, next] => next.starts_with("  try: "),
        _ => false,
    };
    assert!(says_what_to_do, "lab {used}: {told}");
    let errors = lines.iter().filter(|line| line.starts_with("error: ")).count();
    assert!(
        errors == 1 || told.contains("os error"),
        "lab {used} says more than one thing: {told}"
    );
}

#[test]
fn every_command_is_used_here() {
    let help = String::from_utf8(lab(Path::new("/"), &["--help"]).stdout).unwrap();
    let named = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let named = named.take_while(|line| line.starts_with("  ")).filter(|it| !it.starts_with("   "));
    for command in named.filter_map(|line| line.split_whitespace().next()) {
        let is_used = USES.iter().any(|used| words(used).first() == Some(&command));
        assert!(is_used, "no use of `lab {command}` is tried here");
    }
}

#[test]
fn a_wrong_argument_is_named() {
    let folder = copy();
    let demo = folder.path().join("demo");
    for used in USES.iter().filter(|used| !used.starts_with("trace")) {
        let mut args = words(used);
        args.truncate(1);
        args.push("--frobnicate");
        let output = lab(&demo, &args);
        answers_clearly(&args.join(" "), &output, false);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("`--frobnicate`"), "{args:?}: {told}");
    }
    for command in ["run", "check", "diff", "hint", "solution", "reset", "step", "predict", "audit"]
    {
        for wrong in ["99", "half-cloze", "../etc", ""] {
            let output = lab(&demo, &[command, wrong]);
            answers_clearly(command, &output, false);
            assert_eq!(output.status.code(), Some(2), "lab {command} `{wrong}`");
        }
    }
}

#[test]
fn outside_of_any_lab_nothing_is_written() {
    let folder = TempDir::new().unwrap();
    for used in USES.iter().filter(|used| !used.starts_with("init") && !used.contains("-o run")) {
        answers_clearly(used, &lab(folder.path(), &words(used)), false);
        let left: Vec<PathBuf> =
            std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "lab {used} leaves {left:?}");
    }
}

#[test]
fn a_folder_that_is_gone_is_no_reason_to_panic() {
    for used in USES {
        let script = "folder=$(mktemp -d); cd $folder; rmdir $folder; exec \"$LAB\" \"$@\"";
        let shell = plain("sh").args(["-euc", script, "sh"]).args(words(used)).output().unwrap();
        answers_clearly(used, &shell, false);
    }
}

/// A copy of `demo` of its own, in memory, as `$1` says it is mounted in the end; then the lab, and a look at the files.
fn on(mounted: &str) -> String {
    format!(
        "place=$(mktemp -d); mount -t tmpfs -o size=8m none $place; cp -a demo $place; cd $place/demo
         printf '{{}}' > run.json; printf '{{}}' > report.json; printf old > picture.svg
         sums=$(find . -type f ! -name lock -exec sha256sum {{}} +)
         {mounted}
         code=0; \"$LAB\" \"$@\" || code=$?
         printf '%s\\n' \"$sums\" | sha256sum --check --quiet >&2 || echo DAMAGED >&2
         cd /; umount -l $place; rmdir $place; exit $code"
    )
}

fn everywhere(script: &str) {
    let folder = copy();
    for used in USES {
        let Some(output) = where_mounts_are_ours(script, folder.path(), used) else {
            return skipped("nothing can be mounted: neither root nor a user namespace");
        };
        answers_clearly(used, &output, true);
    }
}

#[test]
fn on_a_read_only_folder_it_reads_and_else_says_so() {
    everywhere(&on("mount -o remount,ro $place"));
}

#[test]
fn on_a_read_only_folder_cargo_is_not_the_programs_fault() {
    everywhere(&on("mount -o remount,ro $place; export CARGO_TARGET_DIR=$place/demo/target"));
}

/// Writes until there is no room for a byte.
const FILL: &str = "cat /dev/zero > $place/fill 2>/dev/null || true;";

#[test]
fn on_a_full_disk_nothing_is_lost() {
    everywhere(&on(FILL));
}

#[test]
fn on_a_full_disk_a_program_that_cannot_be_built_is_not_failed() {
    everywhere(&on(&format!("{FILL} export CARGO_TARGET_DIR=$place/demo/target")));
    let script = on(&format!("{FILL} export CARGO_TARGET_DIR=$place/demo/target"));
    let folder = copy();
    if let Some(output) = where_mounts_are_ours(&script, folder.path(), "check 1 --weather none") {
        assert_eq!(output.status.code(), Some(2));
    }
}

#[test]
fn a_lesson_that_cannot_be_written_whole_is_not_begun() {
    let folder = copy();
    let demo = folder.path().join("demo");
    // Where lessons are written, and not a learner's copy.
    std::fs::remove_file(demo.join(".lab/pack.toml")).unwrap();
    let manifest = std::fs::read_to_string(demo.join("Cargo.toml")).unwrap();
    let manifest = manifest.replace("copy = true", "copy = false");
    std::fs::write(demo.join("Cargo.toml"), manifest).unwrap();
    for mounted in ["mount -o remount,ro $place", FILL] {
        let left =
            "find . '(' -name new-lesson -o -name '*who-am-i*' ')' -exec echo DAMAGED {} + >&2";
        let script = on(mounted).replace("cd /;", &format!("{left}; cd /;"));
        let used = "new-lesson who-am-i";
        let Some(output) = where_mounts_are_ours(&script, folder.path(), used) else {
            return skipped("nothing can be mounted: neither root nor a user namespace");
        };
        answers_clearly(used, &output, false);
        assert_eq!(output.status.code(), Some(2), "{mounted}");
    }
}

#[test]
fn what_a_full_disk_does_not_take_is_told() {
    let folder = copy();
    let script = on(&format!("{FILL} exec > $place/demo/out"));
    for used in ["list", "run 1", "explain", "doctor", "man", "completions bash", "--help", ""] {
        let Some(output) = where_mounts_are_ours(&script, folder.path(), used) else {
            return skipped("nothing can be mounted: neither root nor a user namespace");
        };
        answers_clearly(used, &output, false);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.starts_with("error: cannot write stdout: no space left"), "{used}: {told}");
    }
}
