//! The learner's way: a copy of the lessons, progress, hints, solutions, backups and updates. Nothing that was solved or
//! written may be lost, whatever befalls the lab.
//!
//! `LAB_KILLS=500 cargo test --test learn kill` kills it that often.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use socket_lab::catalogue::Catalogue;
use tempfile::TempDir;

/// Says that a test was not made, where a passing test's output is seen as well.
fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// How many lessons are done, as the lab says it.
fn passed(count: usize) -> String {
    let catalogue = Catalogue::open(repository()).expect("lessons");
    format!("{count} of {} passed", catalogue.names().len())
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.args(args).current_dir(folder).stdin(Stdio::null());
    lab.env_remove("LAB_STATE").env_remove("RUST_BACKTRACE");
    // What the lessons need is built once for all tests.
    lab.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("learn"));
    lab
}

fn lab(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("lab starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a command prints that does its work.
fn said(folder: &Path, args: &[&str]) -> String {
    let output = lab(folder, args);
    assert_eq!(output.status.code(), Some(0), "{args:?}: {}{}", stdout(&output), stderr(&output));
    stdout(&output)
}

/// The one clear error of a command that cannot.
fn refused(folder: &Path, args: &[&str]) -> String {
    let output = lab(folder, args);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {}{}", stdout(&output), stderr(&output));
    let told = stderr(&output);
    is_one_clear_error(&told);
    told
}

fn is_one_clear_error(told: &str) {
    let lines: Vec<&str> = told.lines().collect();
    let clear = lines.first().is_some_and(|line| line.starts_with("error: "))
        && lines.iter().skip(1).all(|line| line.starts_with("  try: "))
        && lines.len() <= 2;
    assert!(clear, "{told}");
}

/// A learner's copy in a folder of its own.
struct Copied {
    folder: TempDir,
    _alone: Option<MutexGuard<'static, ()>>,
}

impl Copied {
    /// A copy of the lessons. There is one at a time: their programs have the same names in the target folder that they share.
    fn new() -> Copied {
        static ONE: Mutex<()> = Mutex::new(());
        let alone = ONE.lock().unwrap_or_else(|failed| failed.into_inner());
        Copied { _alone: Some(alone), ..Copied::of(&[]) }
    }

    /// A copy of which nothing is built.
    fn of(options: &[&str]) -> Copied {
        let folder = TempDir::new().unwrap();
        said(folder.path(), &[&["init", "demo"], options].concat());
        Copied { folder, _alone: None }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("demo")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }
}

/// The state of every lesson, by its id.
fn states(folder: &Path) -> BTreeMap<String, String> {
    let list: Json = serde_json::from_str(&said(folder, &["list", "--json"])).unwrap();
    let lessons = list["lessons"].as_array().unwrap().iter();
    let text = |lesson: &Json, key: &str| lesson[key].as_str().unwrap().to_owned();
    lessons.map(|lesson| (text(lesson, "id"), text(lesson, "state"))).collect()
}

/// Every file with its mode, by its name; what only says that somebody is at work is none.
fn tree(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, (u32, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                walk(root, &path, found);
            } else if name != ".lab/lock" {
                let mode = fs::metadata(&path).unwrap().permissions().mode();
                found.insert(name, (mode, fs::read(&path).unwrap()));
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

fn copy_tree(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

fn solution(lesson: &str) -> String {
    fs::read_to_string(repository().join("lessons").join(lesson).join("solutions/std.rs")).unwrap()
}

const EXERCISE: &str = "lessons/01-one-shot/exercise.rs";

// ---------------------------------------------------------------------------------------------
// From nothing to the next lesson.

#[test]
fn a_copy_leads_from_one_command_to_the_next_until_a_lesson_is_solved() {
    let copy = Copied::new();
    let here = copy.path();
    let names: Vec<String> = tree(&here).into_keys().collect();
    assert!(names.iter().any(|name| name == "lessons/06-seeing-it/predict.toml"), "{names:?}");
    let spoils =
        |name: &&String| ["solutions", "mistakes", ".snap"].iter().any(|it| name.contains(it));
    assert_eq!(names.iter().find(spoils), None);
    assert_eq!(copy.read("README.md").lines().count(), 10);

    let lock = copy.read("Cargo.lock");
    assert!(said(&here, &[]).ends_with("next: lab run 1\n"));
    said(&here, &["run", "1"]);
    let output = lab(&here, &["check", "1"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(copy.read("Cargo.lock"), lock, "nothing was resolved anew");
    let place = said(&here, &[]);
    assert!(
        place.contains("binds-before-it-listens") && place.contains("exercise.rs:27"),
        "{place}"
    );
    assert!(place.contains("\nnext: lab check 1 "), "{place}");

    copy.write(EXERCISE, &solution("01-one-shot"));
    let checked = said(&here, &["check"]);
    assert!(checked.contains("\nnext: lab run 2 "), "{checked}");
    assert_eq!(states(&here)["one-shot"], "passed");
    assert!(said(&here, &["list"]).contains(&format!("\n{}", passed(1))));
    assert!(said(&here, &[]).contains("\nnext: lab run 2\n"));
}

#[test]
fn on_a_terminal_without_colour_nothing_moves_the_cursor_while_cargo_builds() {
    let copy = Copied::new();
    for (place, (name, value, option)) in
        [("NO_COLOR", "1", ""), ("TERM", "dumb", ""), ("TERM", "xterm", "--color never")]
            .into_iter()
            .enumerate()
    {
        copy.write(EXERCISE, &format!("fn main() {{ let unused = {place}; }}\n"));
        let typed = format!("'{}' check 1 {option}", env!("CARGO_BIN_EXE_lab"));
        let mut script = Command::new("script");
        script.args(["-qec", &typed, "/dev/null"]).current_dir(copy.path()).stdin(Stdio::null());
        script.env_remove("NO_COLOR").env("TERM", "xterm").env(name, value);
        script.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("learn"));
        let Ok(output) = script.output() else { return skipped("there is no script(1)") };
        let text = stdout(&output);
        assert!(text.contains("Compiling") && text.contains("unused variable"), "{text}");
        assert!(!text.contains('\u{1b}'), "{name}={value} {option}: {text:?}");
    }
}

#[test]
fn what_grades_is_never_the_learners_copy_of_it() {
    let copy = Copied::new();
    copy.write("lessons/01-one-shot/lesson.toml", "title = \"T\"\nminutes = 1\n");
    assert_eq!(lab(&copy.path(), &["check", "1"]).status.code(), Some(1));
    assert_eq!(states(&copy.path())["one-shot"], "started");
    // The copy's folder of a lesson whose name is otherwise in the program is no lesson.
    assert!(said(&copy.path(), &["list"]).contains("One shot"));
}

#[test]
fn a_demo_that_is_not_in_a_copy_is_played_from_the_pack() {
    let copy = Copied::new();
    let played = said(&copy.path(), &["run", "2", "--variant", "reset"]);
    assert!(played.contains("ECONNRESET"), "{played}");
    assert!(!copy.at("lessons/02-server-that-stays/mistakes").exists());
}

#[test]
fn a_folder_that_is_not_empty_is_left_alone() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("mine"), "mine").unwrap();
    let told = refused(folder.path(), &["init", "."]);
    assert!(told.contains("is not empty"), "{told}");
    assert_eq!(tree(folder.path()).len(), 1);
    let copy = Copied::of(&[]);
    let before = tree(&copy.path());
    assert!(refused(copy.folder.path(), &["init", "demo"]).contains("a copy of the lab already"));
    assert!(refused(&copy.path(), &["audit"]).contains("for the repository"));
    assert_eq!(tree(&copy.path()), before);
    // Elsewhere there is no lab.
    assert!(refused(folder.path(), &["check"]).contains("lab init"));
}

#[test]
fn hints_come_one_by_one_and_the_broken_rules_own_first() {
    let copy = Copied::new();
    let here = copy.path();
    assert_eq!(lab(&here, &["check", "1"]).status.code(), Some(1));
    let hint = || said(&here, &["hint", "1"]).lines().next().unwrap().to_owned();
    let hints: Vec<String> = (0..4).map(|_| hint()).collect();
    assert_eq!(hints, ["binds-before-it-listens", "hint 1 of 3", "hint 2 of 3", "hint 3 of 3"]);
    let all = said(&here, &["hint", "1"]);
    assert!(all.contains("no more hints") && all.contains("hint 2 of 3"), "{all}");
    assert_eq!(states(&here)["one-shot"], "started");
}

#[test]
fn a_solution_is_shown_after_a_pass_or_on_giving_up_which_is_no_end() {
    let copy = Copied::new();
    let here = copy.path();
    assert_eq!(lab(&here, &["solution", "1"]).status.code(), Some(1));
    assert_eq!(states(&here)["one-shot"], "new");
    let shown = said(&here, &["solution", "1", "--give-up"]);
    assert!(shown.contains("\n-    listen(&listener, 5)?;\n"), "{shown}");
    assert!(shown.contains("+++ solutions/nix.rs\n") && shown.contains("other styles"), "{shown}");
    assert_eq!(states(&here)["one-shot"], "given-up");
    assert!(said(&here, &[]).contains("next: lab run 2\n"));
    let whole = said(&here, &["solution", "1", "--style", "std", "--whole"]);
    assert!(whole.starts_with(&solution("01-one-shot")), "{whole}");
    copy.write(EXERCISE, &solution("01-one-shot"));
    said(&here, &["check", "1"]);
    assert_eq!(states(&here)["one-shot"], "passed");
    assert!(said(&here, &["solution", "1"]).starts_with("there is no difference\n"));
}

#[test]
fn a_teachers_folder_grades_where_there_is_no_lab_and_nothing_is_left_there() {
    let pack = TempDir::new().unwrap();
    let lesson = pack.path().join("lessons/01-mine");
    fs::create_dir_all(&lesson).unwrap();
    let shipped = repository().join("lessons/01-one-shot/lesson.toml");
    fs::copy(shipped, lesson.join("lesson.toml")).unwrap();
    let elsewhere = TempDir::new().unwrap();
    let pack_dir = pack.path().to_str().unwrap();
    let output =
        lab(elsewhere.path(), &["check", "mine", "--pack", pack_dir, "--bin", "/bin/true"]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stdout(&output).starts_with("01-mine  fail"), "{}", stdout(&output));
    assert_eq!(tree(pack.path()).len(), 1);
    assert!(said(elsewhere.path(), &["list", "--pack", pack_dir]).contains("01-mine"));
    assert!(refused(elsewhere.path(), &["list", "--pack", "."]).contains("no lessons/ folder"));
}

// ---------------------------------------------------------------------------------------------
// Reset and undo.

#[test]
fn what_a_reset_replaces_comes_back_to_the_byte_and_with_its_mode() {
    let copy = Copied::new();
    let here = copy.path();
    let shipped = copy.read(EXERCISE);
    let mine = "fn main() {}\r\n// no newline at the end, 你好";
    copy.write(EXERCISE, mine);
    fs::set_permissions(copy.at(EXERCISE), fs::Permissions::from_mode(0o600)).unwrap();
    let mode = || fs::metadata(copy.at(EXERCISE)).unwrap().permissions().mode() & 0o777;

    said(&here, &["reset", "1", "2"]);
    assert_eq!(copy.read(EXERCISE), shipped);
    copy.write(EXERCISE, "begun anew");
    fs::set_permissions(copy.at(EXERCISE), fs::Permissions::from_mode(0o644)).unwrap();
    let undone = said(&here, &["undo"]);
    assert_eq!((copy.read(EXERCISE).as_str(), mode()), (mine, 0o600));
    // What was there meanwhile is not lost either: the undo is undone.
    assert!(undone.contains("lab undo 2"), "{undone}");
    said(&here, &["undo", "2"]);
    assert_eq!((copy.read(EXERCISE).as_str(), mode()), ("begun anew", 0o644));
    assert!(refused(&here, &["undo"]).contains("nothing to undo"));
    said(&here, &["undo", "1"]);
    assert_eq!((copy.read(EXERCISE).as_str(), mode()), (mine, 0o600));
}

#[test]
fn in_a_clone_git_knows_the_shipped_exercise() {
    let folder = TempDir::new().unwrap();
    let lesson = folder.path().join("lessons/01-one");
    fs::create_dir_all(&lesson).unwrap();
    fs::write(folder.path().join("Cargo.toml"), "[workspace]\n").unwrap();
    let toml = "title = \"T\"\nminutes = 1\ngrades = \"server\"\n[[role]]\nname = \"server\"\n";
    fs::write(lesson.join("lesson.toml"), toml).unwrap();
    fs::write(lesson.join("exercise.rs"), "shipped\n").unwrap();
    if !Command::new("git").arg("--version").output().is_ok_and(|git| git.status.success()) {
        return skipped("there is no git");
    }
    assert!(refused(folder.path(), &["reset", "1"]).contains("nobody knows"));
    for args in [
        &["init", "-q"][..],
        &["add", "."],
        &["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "shipped"],
    ] {
        let status = Command::new("git").args(args).current_dir(folder.path()).status().unwrap();
        assert!(status.success());
    }
    fs::write(lesson.join("exercise.rs"), "mine\n").unwrap();
    said(folder.path(), &["reset", "1"]);
    assert_eq!(fs::read_to_string(lesson.join("exercise.rs")).unwrap(), "shipped\n");
    said(folder.path(), &["undo"]);
    assert_eq!(fs::read_to_string(lesson.join("exercise.rs")).unwrap(), "mine\n");
}

// ---------------------------------------------------------------------------------------------
// Updates.

/// A pack of lessons that nobody plays: `folder`, what is behind its id if that is not the folder's, a word for its files.
fn pack(lessons: &[(&str, &str, &str)]) -> TempDir {
    let pack = TempDir::new().unwrap();
    for (folder, id, word) in lessons {
        let lesson = pack.path().join("lessons").join(folder);
        fs::create_dir_all(lesson.join("solutions")).unwrap();
        let toml = format!(
            "id = \"{id}\"\ntitle = \"{word}\"\nminutes = 5\ngrades = \"server\"\n[[role]]\nname = \"server\"\n"
        );
        fs::write(lesson.join("lesson.toml"), toml).unwrap();
        fs::write(lesson.join("demo.rs"), format!("// {word}\nfn main() {{}}\n")).unwrap();
        fs::write(lesson.join("exercise.rs"), format!("// {word}: yours\nfn main() {{}}\n"))
            .unwrap();
        fs::write(lesson.join("solutions/std.rs"), "fn main() {}\n").unwrap();
    }
    pack
}

fn first_pack() -> TempDir {
    pack(&[
        ("01-alpha", "alpha", "one"),
        ("02-beta", "beta", "two"),
        ("03-gamma", "gamma", "three"),
        ("04-delta", "delta", "four"),
        ("05-old", "old", "five"),
    ])
}

/// One is changed, one added, one renamed, one gone; by the new one three have another number, so that each is where the next
/// one was.
fn second_pack() -> TempDir {
    pack(&[
        ("01-alpha", "alpha", "one, better"),
        ("02-new", "new", "new"),
        ("03-beta", "beta", "two"),
        ("04-gamma", "gamma", "three"),
        ("05-epsilon", "delta", "four"),
    ])
}

/// A copy of the first pack in which three lessons are solved and one is half done.
fn worked_on(first: &TempDir) -> Copied {
    let copy = Copied::of(&["--pack", first.path().to_str().unwrap()]);
    let solved = ["alpha", "beta", "delta"];
    let lines = solved.map(|id| format!("[lesson.{id}]\nstate = \"passed\"\n"));
    let half = "[lesson.gamma]\nstate = \"started\"\nhints = 1\n";
    copy.write(".lab/progress.toml", &format!("version = 1\n{}{half}", lines.concat()));
    for folder in ["01-alpha", "02-beta", "04-delta"] {
        copy.write(&format!("lessons/{folder}/exercise.rs"), &format!("solved {folder}"));
    }
    copy.write("lessons/03-gamma/exercise.rs", "half done");
    copy.write("lessons/03-gamma/notes.md", "my notes");
    copy
}

fn update_to(copy: &Copied, pack: &TempDir) -> String {
    said(&copy.path(), &["update", "--pack", pack.path().to_str().unwrap()])
}

#[test]
fn an_update_loses_nothing_and_the_second_time_changes_nothing() {
    let (first, second) = (first_pack(), second_pack());
    let copy = worked_on(&first);
    let told = update_to(&copy, &second);
    for line in [
        "renamed   02-beta is 03-beta now",
        "renamed   03-gamma is 04-gamma now",
        "renamed   04-delta is 05-epsilon now",
        "added     02-new",
        "replaced  lessons/01-alpha/demo.rs",
        "kept      lessons/01-alpha/exercise.rs: ",
        "gone      05-old: ",
    ] {
        assert!(told.lines().any(|it| it.starts_with(line)), "{line}\n{told}");
    }
    for (file, text) in [
        ("lessons/01-alpha/demo.rs", "// one, better\nfn main() {}\n"),
        ("lessons/01-alpha/exercise.rs", "solved 01-alpha"),
        ("lessons/02-new/exercise.rs", "// new: yours\nfn main() {}\n"),
        ("lessons/03-beta/exercise.rs", "solved 02-beta"),
        ("lessons/04-gamma/exercise.rs", "half done"),
        ("lessons/04-gamma/notes.md", "my notes"),
        ("lessons/05-epsilon/exercise.rs", "solved 04-delta"),
        ("lessons/05-old/exercise.rs", "// five: yours\nfn main() {}\n"),
    ] {
        assert_eq!(copy.read(file), text, "{file}");
    }
    let is = states(&copy.path());
    let is: Vec<(&str, &str)> = is.iter().map(|(id, state)| (&id[..], &state[..])).collect();
    assert_eq!(
        is,
        [
            ("alpha", "passed"),
            ("beta", "passed"),
            ("delta", "passed"),
            ("gamma", "started"),
            ("new", "new")
        ]
    );
    assert!(copy.read("lessons/05-epsilon/Cargo.toml").contains("lesson-05-epsilon"));

    let before = tree(&copy.path());
    let again = update_to(&copy, &second);
    assert!(again.starts_with("kept      lessons/01-alpha/exercise.rs: "), "{again}");
    assert_eq!(tree(&copy.path()), before);
    // The pack is remembered, and what is new in what is kept is a command away.
    assert_eq!(said(&copy.path(), &["update"]), again);
    let shown = said(&copy.path(), &["update", "--show", "lessons/01-alpha/exercise.rs"]);
    assert!(
        shown.contains("\n-solved 01-alpha\n") && shown.contains("\n+// one, better: yours\n"),
        "{shown}"
    );
    assert!(!copy.at("lessons/03-beta/solutions").exists() && !copy.at(".lab/moving").exists());
}

#[test]
fn a_file_that_is_shipped_otherwise_now_is_noticed_until_it_is_brought() {
    let pack = first_pack();
    let copy = Copied::of(&["--pack", pack.path().to_str().unwrap()]);
    let is_due = || said(&copy.path(), &[]).contains("\nnext: lab update\n");
    let ship = |file: &str| fs::write(pack.path().join("lessons").join(file), "fn main() {}\n");
    copy.write("lessons/01-alpha/exercise.rs", "mine");
    assert!(!is_due());
    ship("03-gamma/demo.rs").unwrap();
    assert!(is_due());
    said(&copy.path(), &["update"]);
    assert!(!is_due());
    // An update would leave this one alone.
    ship("01-alpha/exercise.rs").unwrap();
    assert!(!is_due());
}

#[test]
fn two_lessons_may_change_their_names_with_each_other() {
    let first = pack(&[("01-x", "x", "x"), ("02-y", "y", "y")]);
    let second = pack(&[("01-x", "y", "y"), ("02-y", "x", "x")]);
    let copy = Copied::of(&["--pack", first.path().to_str().unwrap()]);
    copy.write("lessons/01-x/exercise.rs", "of x");
    update_to(&copy, &second);
    assert_eq!(copy.read("lessons/02-y/exercise.rs"), "of x");
    assert_eq!(copy.read("lessons/01-x/demo.rs"), "// y\nfn main() {}\n");
}

#[test]
fn a_folder_of_the_learners_is_not_in_the_way_of_a_lesson_unsaid() {
    let (first, second) = (first_pack(), second_pack());
    let copy = worked_on(&first);
    fs::create_dir(copy.at("lessons/05-epsilon")).unwrap();
    copy.write("lessons/05-epsilon/mine.rs", "mine");
    let before = tree(&copy.path());
    let told = refused(&copy.path(), &["update", "--pack", second.path().to_str().unwrap()]);
    assert!(told.contains("lessons/05-epsilon is in the way"), "{told}");
    assert_eq!(tree(&copy.path()), before);
}

#[test]
fn a_copy_without_its_ledger_takes_all_that_differs_for_the_learners() {
    let (first, second) = (first_pack(), second_pack());
    let copy = worked_on(&first);
    fs::remove_file(copy.at(".lab/pack.toml")).unwrap();
    let told = update_to(&copy, &second);
    assert!(told.contains("kept      lessons/01-alpha/demo.rs"), "{told}");
    assert_eq!(copy.read("lessons/01-alpha/demo.rs"), "// one\nfn main() {}\n");
}

// ---------------------------------------------------------------------------------------------
// Killed at any moment.

/// How often, if nothing else is asked for.
const KILLS: u64 = 40;

fn kills() -> u64 {
    let asked = std::env::var("LAB_KILLS").ok();
    asked.map_or(KILLS, |asked| asked.parse().expect("LAB_KILLS is a number"))
}

/// Moments between the start of a command and a little after its usual end, the same each time.
struct Moments {
    state: u64,
    whole: Duration,
}

impl Moments {
    fn of(mut command: Command) -> Moments {
        let start = Instant::now();
        command.output().expect("it starts");
        Moments { state: 0x9e37_79b9_7f4a_7c15, whole: start.elapsed() }
    }

    fn next(&mut self) -> Duration {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.whole * u32::try_from(self.state % 1100).unwrap() / 1000
    }
}

/// Starts a command and kills it at that moment; whether it was killed, and not done before.
fn kill_after(mut command: Command, moment: Duration) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().expect("it starts");
    // To the moment, and not to the next tick of a clock.
    while start.elapsed() < moment {
        std::hint::spin_loop();
    }
    let _ = child.kill();
    child.wait().unwrap().code().is_none()
}

#[test]
fn killed_checks_and_resets_lose_no_solved_mark_and_no_edit() {
    let copy = Copied::new();
    let here = copy.path();
    copy.write(EXERCISE, &solution("01-one-shot"));
    said(&here, &["check", "1"]);
    let mine = solution("01-one-shot") + "// and this is mine\n";
    let shipped = fs::read_to_string(repository().join(EXERCISE)).unwrap();
    let check = || command(&here, &["check", "1"]);
    let reset = || command(&here, &["reset", "1"]);
    copy.write(EXERCISE, &mine);
    let mut of_check = Moments::of(check());
    let mut of_reset = Moments::of(reset());
    let (mut killed, mut found) = (0, [0, 0]);
    for time in 0..kills() {
        copy.write(EXERCISE, &mine);
        killed += u64::from(kill_after(check(), of_check.next()));
        killed += u64::from(kill_after(reset(), of_reset.next()));
        assert_eq!(states(&here)["one-shot"], "passed", "time {time}");
        let is = copy.read(EXERCISE);
        found[usize::from(is == shipped)] += 1;
        if is == shipped {
            said(&here, &["undo"]);
        }
        assert_eq!(copy.read(EXERCISE), mine, "time {time}");
    }
    // The moments reach before and behind what they are to hit.
    assert!(killed > kills() / 2 && found[0] > 0, "{killed} killed, {found:?}");
}

#[test]
fn a_killed_update_is_completed_by_the_next_one() {
    let (first, second) = (first_pack(), second_pack());
    let copy = worked_on(&first);
    let (kept, whole) = (copy.folder.path().join("kept"), copy.folder.path().join("whole"));
    copy_tree(&copy.path(), &kept);
    let pack = second.path().to_str().unwrap();
    let update = || command(&copy.path(), &["update", "--pack", pack]);
    let mut moments = Moments::of(update());
    copy_tree(&copy.path(), &whole);
    let whole = tree(&whole);
    let mut partly = 0;
    for time in 0..kills() {
        fs::remove_dir_all(copy.path()).unwrap();
        copy_tree(&kept, &copy.path());
        kill_after(update(), moments.next());
        let is = tree(&copy.path());
        partly += u64::from(is != whole && is != tree(&kept));
        update_to(&copy, &second);
        let mut is = tree(&copy.path());
        // What is written beside its place stays where the lab was killed over it, and is written over the next time.
        is.retain(|name, _| !name.ends_with(".lab-new"));
        let names = |tree: &BTreeMap<String, _>| tree.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&is), names(&whole), "time {time}");
        assert!(is == whole, "time {time}");
    }
    assert!(partly > 0, "no kill came in the middle");
}

// ---------------------------------------------------------------------------------------------
// What cannot be read or written.

#[test]
fn progress_of_a_newer_lab_or_a_damaged_one_is_refused_and_kept() {
    let copy = Copied::new();
    for (text, why) in [
        ("version = 2\n[lesson.one-shot]\nmood = 3\n", "is of version 2"),
        ("version = 1\n[lesson.one-shot]\nstate = \"pas", "progress.toml:3: "),
        ("", "it has no version"),
    ] {
        copy.write(".lab/progress.toml", text);
        let before = tree(&copy.path());
        for args in [
            &[][..],
            &["list"],
            &["check", "1", "--bin", "/bin/true"],
            &["hint", "1"],
            &["solution", "1", "--give-up"],
        ] {
            let told = refused(&copy.path(), args);
            assert!(told.contains(why) && told.contains("  try: "), "{args:?}: {told}");
        }
        assert_eq!(tree(&copy.path()), before);
    }
    // A demo is nobody's progress.
    said(&copy.path(), &["run", "1"]);
}

/// The commands that write, of which each would have something to write.
const WRITE: [&[&str]; 6] = [
    &["check", "1", "--bin", "/bin/true"],
    &["reset", "1"],
    &["undo"],
    &["hint", "1"],
    &["solution", "1", "--give-up"],
    &["update"],
];

/// A copy in which there is something to reset, to undo and to update.
fn due() -> Copied {
    let copy = Copied::new();
    copy.write(EXERCISE, "mine");
    said(&copy.path(), &["reset", "1"]);
    copy.write(EXERCISE, "mine again");
    fs::remove_file(copy.at("lessons/03-echo/demo.rs")).unwrap();
    said(&copy.path(), &["list"]);
    copy
}

/// Runs a script where it may mount what it likes; `None` where that cannot be had. What is left is in `out`.
fn in_mounts(script: &str, copy: &Copied, args: &[&str]) -> Option<(Output, PathBuf)> {
    let out = copy.folder.path().join("out");
    let _ = fs::remove_dir_all(&out);
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-eu", "-c", script, "sh", env!("CARGO_BIN_EXE_lab")])
        .args(args)
        .current_dir(copy.folder.path())
        .env_remove("LAB_STATE")
        .env_remove("RUST_BACKTRACE")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    out.join("mounted").exists().then_some((output, out.join("demo")))
}

fn writes_nothing_and_says_so(script: &str, errno: &str) {
    let copy = due();
    let before = tree(&copy.path());
    for args in WRITE {
        let Some((output, after)) = in_mounts(script, &copy, args) else {
            return skipped("nothing can be mounted here");
        };
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}{told}", stdout(&output));
        is_one_clear_error(&told);
        assert!(told.contains(errno) && told.contains("  try: "), "{args:?}: {told}");
        assert_eq!(tree(&after), before, "{args:?}");
    }
    for args in [&[][..], &["list"]] {
        let (output, _) = in_mounts(script, &copy, args).expect("as before");
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn on_a_full_disk_nothing_is_damaged() {
    // A disk of its own with the copy on it, and not a byte to spare.
    let script = "lab=$1; shift; mkdir out; mkdir disk 2>/dev/null || true
        mount -t tmpfs -o size=16m tmpfs disk; cp -a demo disk/demo
        touch out/mounted; cat /dev/zero > disk/fill 2>/dev/null || true
        status=0; (cd disk/demo && exec \"$lab\" \"$@\") || status=$?
        cp -a disk/demo out/demo; exit $status";
    writes_nothing_and_says_so(script, "(ENOSPC)");
}

#[test]
fn in_a_folder_that_is_read_only_nothing_is_damaged() {
    let script = "lab=$1; shift; mkdir out; mkdir disk 2>/dev/null || true
        mount --bind demo disk; mount -o remount,bind,ro disk; touch out/mounted
        status=0; (cd disk && exec \"$lab\" \"$@\") || status=$?
        cp -a demo out/demo; exit $status";
    writes_nothing_and_says_so(script, "(EROFS)");
}
