//! `lab watch` as a learner meets it: a terminal, keys, an editor that saves in its own way, and programs that hang.
//!
//! `LAB_TIMES=20 cargo test --release --test watch times -- --nocapture` measures instead of only trying.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::num::NonZero;
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, Termios, tcgetattr};
use nix::unistd::Pid;
use socket_lab::catalogue::Catalogue;
use tempfile::TempDir;

/// How long anything may take before it is taken for something that never comes: cargo may build for the first time, on a
/// machine that is busy with other things.
const NEVER: Duration = Duration::from_secs(60);

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// How many lessons are done, as the lab says it.
fn passed(count: usize) -> String {
    let catalogue = Catalogue::open(repository()).expect("lessons");
    format!("{count} of {} passed", catalogue.names().len())
}

const EXERCISE: &str = "lessons/01-one-shot/exercise.rs";

/// A learner's copy, one at a time: their programs have the same names in the target folder that they share.
struct Copied {
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Copied {
    fn new() -> Copied {
        static ONE: Mutex<()> = Mutex::new(());
        let alone = ONE.lock().unwrap_or_else(|failed| failed.into_inner());
        let folder = TempDir::new().unwrap();
        let made = lab(folder.path()).args(["init", "demo"]).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        Copied { folder, _alone: alone }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join("demo").join(name)
    }

    fn save(&self, text: &str) {
        fs::write(self.at(EXERCISE), text).unwrap();
    }

    fn lab(&self) -> Command {
        lab(&self.at(""))
    }

    /// `lab watch` on a terminal of this size.
    fn watch(&self, rows: u16, columns: u16) -> Terminal {
        let mut lab = self.lab();
        lab.arg("watch").env("TERM", "xterm-256color");
        Terminal::new(lab, rows, columns)
    }
}

fn lab(folder: &Path) -> Command {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.current_dir(folder).stdin(Stdio::null()).env("CARGO_TARGET_DIR", target());
    for other in ["LAB_STATE", "NO_COLOR", "VISUAL", "EDITOR", "RUST_BACKTRACE"] {
        lab.env_remove(other);
    }
    lab
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("watch")
}

fn solution(lesson: &str) -> String {
    fs::read_to_string(repository().join("lessons").join(lesson).join("solutions/std.rs")).unwrap()
}

fn shipped(lesson: &str) -> String {
    fs::read_to_string(repository().join("lessons").join(lesson).join("exercise.rs")).unwrap()
}

/// Computes for ever: nothing that it does lets anybody else move, and a check of it takes as long as its limits allow.
const COMPUTES: &str = "fn main() { let mut n = 0u64; loop { n = std::hint::black_box(n + 1) } }\n";

/// A program on a terminal of its own, and what it shows there.
struct Terminal {
    child: Child,
    ours: fs::File,
    /// Held open, so that the terminal can be looked at when the program has ended.
    theirs: OwnedFd,
    before: Termios,
    screen: vt100::Parser,
    /// Everything that it wrote.
    bytes: Vec<u8>,
}

impl Terminal {
    fn new(mut command: Command, rows: u16, columns: u16) -> Terminal {
        let (mut ours, mut theirs) = (-1, -1);
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: openpty fills two descriptors, which are then ours alone.
        let (ours, theirs) = unsafe {
            let (name, termios) = (std::ptr::null_mut(), std::ptr::null());
            assert_eq!(libc::openpty(&mut ours, &mut theirs, name, termios, &size), 0);
            (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
        };
        for end in [&ours, &theirs] {
            let close = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC);
            nix::fcntl::fcntl(end, close).unwrap();
        }
        let clone = || Stdio::from(theirs.try_clone().unwrap());
        command.stdin(clone()).stdout(clone()).stderr(clone());
        // SAFETY: signal(2), setsid(2) and ioctl(2) are async-signal-safe; stdin is the terminal.
        unsafe {
            command.pre_exec(|| {
                // Under nohup, or in the background of a script, some are ignored, and would stay so.
                for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
                    libc::signal(signal, libc::SIG_DFL);
                }
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            })
        };
        let before = tcgetattr(&theirs).unwrap();
        let child = command.spawn().unwrap();
        let screen = vt100::Parser::new(cells(rows), cells(columns), 0);
        Terminal { child, ours: ours.into(), theirs, before, screen, bytes: Vec::new() }
    }

    fn types(&mut self, keys: &str) {
        self.ours.write_all(keys.as_bytes()).unwrap();
    }

    fn shows(&self) -> String {
        let contents = self.screen.screen().contents();
        contents.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
    }

    /// Reads until the screen is so; how long that took.
    fn until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> Duration {
        let begun = Instant::now();
        while !is_so(&self.shows()) {
            let shown = self.shows();
            let left = NEVER.checked_sub(begun.elapsed());
            let left = left.unwrap_or_else(|| panic!("{what} never came:\n{shown}"));
            assert!(self.read(left), "it ended before {what}:\n{shown}");
        }
        begun.elapsed()
    }

    fn until_shown(&mut self, text: &str) -> Duration {
        // Wherever its lines are broken.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.until(text, |shown| words(shown).contains(&words(text)))
    }

    /// Reads what it writes, once it writes something; `false` at the end.
    fn read(&mut self, patience: Duration) -> bool {
        let mut fds = [PollFd::new(self.ours.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::try_from(patience).unwrap()).unwrap();
        if !fds[0].any().unwrap() {
            return true;
        }
        let mut bytes = [0; 65536];
        match self.ours.read(&mut bytes) {
            Ok(count) if count > 0 => {
                self.screen.process(&bytes[..count]);
                self.bytes.extend_from_slice(&bytes[..count]);
                true
            }
            _ => false,
        }
    }

    fn resize(&mut self, rows: u16, columns: u16) {
        let size = libc::winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: TIOCSWINSZ reads a winsize.
        let set = unsafe {
            libc::ioctl(std::os::fd::AsRawFd::as_raw_fd(&self.ours), libc::TIOCSWINSZ, &size)
        };
        assert_eq!(set, 0);
        self.screen.screen_mut().set_size(cells(rows), cells(columns));
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id() as i32)
    }

    /// Waits for its end and holds it to leaving everything as it was.
    fn ends(mut self) -> ExitStatus {
        let children = children(self.pid());
        let status = self.child.wait().unwrap();
        while self.has_more() {
            self.read(Duration::ZERO);
        }
        assert!(!self.screen.screen().alternate_screen(), "the screen is given back");
        assert!(!self.screen.screen().hide_cursor(), "the cursor is shown");
        let after = tcgetattr(&self.theirs).unwrap();
        assert_eq!(after.local_flags, self.before.local_flags);
        assert!(after.local_flags.contains(LocalFlags::ECHO | LocalFlags::ICANON));
        assert_eq!(after.input_flags, self.before.input_flags);
        for child in children {
            assert!(!is_alive(child), "{child} is left");
        }
        status
    }

    fn has_more(&self) -> bool {
        let mut fds = [PollFd::new(self.ours.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::ZERO).unwrap() > 0
    }

    fn quits(mut self) -> ExitStatus {
        self.types("q");
        self.ends()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

/// Everything that this process has started and that has not ended, and what that has.
fn children(pid: Pid) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let listed = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("children")).ok();
    let own: String = threads.filter_map(listed).collect();
    let own = own.split_whitespace().map(|child| Pid::from_raw(child.parse().unwrap()));
    own.flat_map(|child| [vec![child], children(child)].concat()).collect()
}

fn is_alive(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie has ended; who has not waited for it is not the lab.
    status.rsplit_once(')').is_some_and(|(_, rest)| !rest.starts_with(" Z"))
}

// ---------------------------------------------------------------------------------------------
// The learner's way.

#[test]
fn a_lesson_is_checked_at_once_and_when_it_is_saved_and_n_goes_on() {
    let copy = Copied::new();
    let mut watch = copy.watch(24, 80);
    watch.until_shown("binds-before-it-listens");
    watch.until_shown("e opens it at line 27");
    let shown = watch.shows();
    let first = shown.lines().next().unwrap();
    assert_eq!(first, "01-one-shot  not solved  lessons/01-one-shot/exercise.rs");
    assert!(shown.lines().last().unwrap().starts_with("n next  h hint  l list"), "{shown}");

    watch.types("n");
    watch.until_shown("lesson 1 is not solved yet: n again leaves it");
    copy.save(&solution("01-one-shot"));
    watch.until_shown("lesson 1 is solved; next: n goes on to lesson 2");
    assert!(watch.shows().starts_with("01-one-shot  solved  "), "{}", watch.shows());
    // The lesson changes when the learner says so.
    watch.types("n");
    watch.until_shown("02-server-that-stays  checking");
    watch.until_shown("02-server-that-stays  fail in fair weather");
    watch.types("nn");
    watch.until_shown("03-echo  ");
    assert_eq!(watch.quits().code(), Some(0));

    let place = copy.lab().output().unwrap();
    let place = String::from_utf8(place.stdout).unwrap();
    let begins = format!("{}\nyou are at 03-echo", passed(1));
    assert!(place.starts_with(&begins), "{place}");
}

#[test]
fn hint_list_demo_and_keys_are_a_key_away_and_escape_leads_back() {
    let copy = Copied::new();
    let mut watch = copy.watch(40, 100);
    watch.until_shown("next: mend");
    for (key, shown) in [
        ("h", "A listener without an address gets one from the kernel."),
        ("h", "hint 1 of 3"),
        ("l", &passed(0)),
        ("?", "Esc             back to the verdict"),
        ("r", "server ended with status 0"),
        ("\x1b", "broken  binds-before-it-listens"),
    ] {
        watch.types(key);
        watch.until_shown(shown);
    }
    watch.types("l");
    watch.until_shown(&passed(0));
    // Who saves wants the verdict.
    copy.save(&solution("01-one-shot"));
    watch.until_shown("01-one-shot  pass in fair weather");
    watch.quits();
}

#[test]
fn it_fits_any_terminal_and_scrolls() {
    let copy = Copied::new();
    let mut watch = copy.watch(12, 40);
    watch.until_shown("next: mend");
    let shown = watch.shows();
    assert!(shown.starts_with("01-one-shot  not solved\n"), "{shown}");
    assert!(shown.lines().last().unwrap().starts_with("n next h hint"), "{shown}");
    // Every word of a finding can be reached.
    watch.types(&"\x1b[6~".repeat(40));
    watch.until_shown("prints-the-request");
    watch.types(&"k".repeat(400));
    watch.until_shown("lesson 1: One shot");
    watch.resize(60, 200);
    watch.until("the last line", |shown| shown.lines().count() == 60);
    assert!(watch.shows().contains("hint   A listener"), "{}", watch.shows());
    watch.types("r");
    watch.until_shown("server ended with status 0");
    watch.resize(24, 80);
    watch.until("80 columns", |shown| {
        shown.lines().count() == 24 && shown.lines().all(|line| line.chars().count() <= 80)
    });
    watch.quits();
}

#[test]
fn the_last_lesson_says_that_all_are_done() {
    let copy = Copied::new();
    let given_up: String = fs::read_dir(copy.at("lessons"))
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .into_string()
                .unwrap()
                .split_once('-')
                .map(|(_, id)| id.to_owned())
        })
        .filter(|id| id != "one-shot")
        .map(|id| format!("[lesson.{id}]\nstate = \"given-up\"\n"))
        .collect();
    fs::create_dir_all(copy.at(".lab")).unwrap();
    fs::write(copy.at(".lab/progress.toml"), format!("version = 1\n{given_up}")).unwrap();
    let mut watch = copy.watch(24, 80);
    watch.until_shown("next: mend");
    copy.save(&solution("01-one-shot"));
    watch.until_shown("all lessons are done");
    watch.types("n");
    watch.until_shown("there is no other lesson to be done");
    watch.quits();
}

#[test]
fn a_prediction_is_checked_too() {
    let copy = Copied::new();
    fs::create_dir_all(copy.at(".lab")).unwrap();
    fs::write(copy.at(".lab/progress.toml"), "version = 1\nat = \"seeing-it\"\n").unwrap();
    let mut watch = copy.watch(24, 80);
    watch.until_shown("next: mend lessons/06-seeing-it/predict.toml");
    fs::write(copy.at("lessons/06-seeing-it/predict.toml"), "").unwrap();
    watch.until_shown("06-seeing-it  checking");
    watch.until_shown("06-seeing-it  not");
    watch.quits();
}

// ---------------------------------------------------------------------------------------------
// Saves.

#[test]
fn however_an_editor_saves_it_is_seen() {
    let copy = Copied::new();
    let path = copy.at(EXERCISE);
    let beside = copy.at("lessons/01-one-shot/.exercise.rs.new");
    let (right, wrong) = (solution("01-one-shot"), shipped("01-one-shot"));
    let mut watch = copy.watch(24, 80);
    watch.until_shown("next: mend");
    type Save<'a> = (&'a str, &'a dyn Fn(&str));
    let saves: [Save; 5] = [
        ("written over", &|text| fs::write(&path, text).unwrap()),
        ("renamed", &|text| {
            fs::write(&beside, text).unwrap();
            fs::rename(&beside, &path).unwrap();
        }),
        ("deleted and made anew", &|text| {
            fs::remove_file(&path).unwrap();
            fs::write(&path, text).unwrap();
        }),
        ("backed up and made anew", &|text| {
            fs::rename(&path, path.with_extension("rs~")).unwrap();
            fs::write(&path, text).unwrap();
        }),
        ("of a folder that replaces the old", &|text| {
            let (folder, old) = (path.parent().unwrap(), copy.at("old"));
            let _ = fs::remove_dir_all(&old);
            fs::rename(folder, &old).unwrap();
            assert!(Command::new("cp").arg("-r").arg(&old).arg(folder).status().unwrap().success());
            fs::write(&path, text).unwrap();
        }),
    ];
    for (how, save) in saves {
        save(&right);
        watch.until(how, |shown| shown.contains("pass in fair weather"));
        watch.until_shown("lesson 1 is solved");
        save(&wrong);
        watch.until(how, |shown| shown.contains("fail in fair weather"));
        watch.until_shown("next: mend");
    }
    fs::remove_file(&path).unwrap();
    watch.until_shown("is gone; next: save it, or lab reset 1");
    copy.save("");
    watch.until_shown("builds: the program compiles");
    watch.until_shown("next: mend");
    watch.quits();
}

#[test]
fn a_save_during_a_check_starts_it_afresh() {
    let copy = Copied::new();
    copy.save(COMPUTES);
    let mut watch = copy.watch(24, 80);
    watch.until_shown("01-one-shot  checking");
    let old = computing(&mut watch);
    copy.save(&solution("01-one-shot"));
    watch.until_shown("lesson 1 is solved");
    assert!(old.iter().all(|pid| !is_alive(*pid)), "the old check is gone");
    watch.quits();
}

/// The processes of a check, once its program computes.
fn computing(watch: &mut Terminal) -> Vec<Pid> {
    let begun = Instant::now();
    loop {
        let all = children(watch.pid());
        let is_exercise = |pid: &Pid| {
            let name = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
            name.to_string_lossy().ends_with("01-one-shot-exercise")
        };
        if all.iter().any(is_exercise) {
            return all;
        }
        assert!(begun.elapsed() < NEVER, "the program never started:\n{}", watch.shows());
        watch.read(Duration::from_millis(10));
    }
}

// ---------------------------------------------------------------------------------------------
// Ends.

#[test]
fn keys_are_answered_while_a_program_computes_for_ever() {
    let copy = Copied::new();
    copy.save(COMPUTES);
    let mut watch = copy.watch(24, 80);
    computing(&mut watch);
    watch.types("h");
    let hint = watch.until_shown("hint 1 of 3");
    watch.types("l");
    let list = watch.until_shown(&passed(0));
    assert!(watch.shows().starts_with("01-one-shot  checking"), "{}", watch.shows());
    let begun = Instant::now();
    assert_eq!(watch.quits().code(), Some(0));
    println!("while a program computes: h {hint:?}, l {list:?}, q {:?}", begun.elapsed());
}

#[test]
fn signals_end_it_as_they_do_others_and_leave_nothing() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let copy = Copied::new();
        copy.save(COMPUTES);
        let mut watch = copy.watch(24, 80);
        let started = computing(&mut watch);
        kill(watch.pid(), signal).unwrap();
        assert_eq!(watch.ends().signal(), Some(signal as i32));
        assert!(started.iter().all(|pid| !is_alive(*pid)), "{signal}");
    }
}

#[test]
fn ctrl_c_is_a_key_that_quits() {
    let copy = Copied::new();
    let mut watch = copy.watch(24, 80);
    watch.until_shown("01-one-shot");
    watch.types("\x03");
    assert_eq!(watch.ends().code(), Some(0));
}

#[test]
fn killed_outright_it_takes_its_check_along() {
    let copy = Copied::new();
    copy.save(COMPUTES);
    let mut watch = copy.watch(24, 80);
    let started = computing(&mut watch);
    watch.child.kill().unwrap();
    watch.child.wait().unwrap();
    // Their deaths follow one another.
    let begun = Instant::now();
    while started.iter().any(|pid| is_alive(*pid)) {
        assert!(begun.elapsed() < NEVER, "something is left");
        std::thread::yield_now();
    }
}

// ---------------------------------------------------------------------------------------------
// The editor.

#[test]
fn the_editor_opens_where_it_went_wrong_and_its_save_is_checked() {
    let copy = Copied::new();
    fs::write(copy.at("right.rs"), solution("01-one-shot")).unwrap();
    let editor = copy.at("editor");
    let script = "#!/bin/sh\necho \"editing $1 $2\"\nread answer\ncp right.rs \"$2\"\n";
    fs::write(&editor, script).unwrap();
    fs::set_permissions(&editor, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut lab = copy.lab();
    lab.arg("watch").env("TERM", "xterm-256color").env("EDITOR", &editor);
    let mut watch = Terminal::new(lab, 24, 80);
    watch.until_shown("e opens it at line 27");
    watch.types("e");
    watch.until_shown("editing +27");
    assert!(!watch.screen.screen().alternate_screen(), "the terminal is the editor's");
    watch.types("q is the editor's too\n");
    watch.until_shown("lesson 1 is solved");
    assert!(watch.screen.screen().alternate_screen());
    watch.quits();
}

#[test]
fn without_an_editor_it_says_how_to_name_one() {
    let copy = Copied::new();
    let mut watch = copy.watch(24, 80);
    watch.until_shown("01-one-shot");
    watch.types("e");
    watch.until_shown("no editor: start it as in EDITOR=nano lab watch");
    watch.quits();
    let mut lab = copy.lab();
    lab.arg("watch").env("TERM", "xterm").env("EDITOR", "/nowhere/vi");
    let mut watch = Terminal::new(lab, 24, 80);
    watch.until_shown("01-one-shot");
    watch.types("e");
    watch.until_shown("the editor does not start");
    watch.quits();
}

// ---------------------------------------------------------------------------------------------
// Plain.

#[test]
fn plain_lines_hold_no_escape_and_answer_the_same_keys() {
    let copy = Copied::new();
    let mut lab = copy.lab();
    lab.args(["watch", "--plain"]).env("TERM", "xterm-256color");
    let mut watch = Terminal::new(lab, 200, 100);
    watch.until_shown("next: mend lessons/01-one-shot/exercise.rs and save it");
    watch.types("h\n");
    watch.until_shown("gets one from the kernel");
    watch.types("l\n");
    watch.until_shown(&passed(0));
    copy.save(&solution("01-one-shot"));
    watch.until_shown("lesson 1 is solved; next: n goes on to lesson 2");
    watch.types("q\n");
    let bytes = std::mem::take(&mut watch.bytes);
    assert_eq!(watch.ends().code(), Some(0));
    let text = String::from_utf8(bytes).unwrap();
    assert!(!text.contains('\x1b') && !text.contains('\x08'), "{text:?}");
    assert!(text.lines().all(|line| !line.trim_end_matches('\r').contains('\r')), "{text:?}");
}

#[test]
fn at_the_end_of_the_input_it_makes_its_check_and_leaves() {
    let copy = Copied::new();
    let output = copy.lab().arg("watch").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("01-one-shot  fail in fair weather"), "{said}");
    assert!(said.ends_with("e opens it at line 27\n"), "{said}");
    assert_eq!(output.status.code(), Some(0));
}

// ---------------------------------------------------------------------------------------------
// Figures.

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// From a save to the first verdict, what cargo alone needs for such a save, and from `q` to the end while a program computes.
#[test]
fn times() {
    let times: usize = std::env::var("LAB_TIMES").map_or(2, |times| times.parse().unwrap());
    let load = || fs::read_to_string("/proc/loadavg").unwrap();
    let begun = load();
    let copy = Copied::new();
    let (right, wrong) = (solution("01-one-shot"), shipped("01-one-shot"));
    let texts = [(&right, "pass in fair weather"), (&wrong, "fail in fair weather")];
    let mut watch = copy.watch(24, 80);
    watch.until_shown("next: mend");
    let mut verdicts = Vec::new();
    for time in 0..times {
        let (text, verdict) = texts[time % 2];
        copy.save(&format!("{text}// {time}\n"));
        verdicts.push(watch.until_shown(verdict));
        watch.until("the end", |shown| shown.contains("is solved") || shown.contains("next: mend"));
    }
    watch.quits();
    let mut builds = Vec::new();
    for time in 0..times {
        copy.save(&format!("{}// again {time}\n", texts[time % 2].0));
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--package", "lesson-01-one-shot", "--bin"]);
        cargo
            .arg("01-one-shot-exercise")
            .current_dir(copy.at(""))
            .env("CARGO_TARGET_DIR", target());
        let begun = Instant::now();
        assert!(cargo.output().unwrap().status.success());
        builds.push(begun.elapsed());
    }
    copy.save(COMPUTES);
    // Back to the first lesson.
    fs::remove_file(copy.at(".lab/progress.toml")).unwrap();
    let quits = (0..times).map(|_| {
        let mut watch = copy.watch(24, 80);
        computing(&mut watch);
        let begun = Instant::now();
        watch.quits();
        begun.elapsed()
    });
    let quits = median(quits.collect());
    let (verdict, build) = (median(verdicts), median(builds));
    let _ = writeln!(
        io::stderr(),
        "median of {times}: save to first verdict {verdict:?}, of it cargo {build:?}, beyond it {:?}; \
         q to the end {quits:?}; load {} to {}",
        verdict.saturating_sub(build),
        begun.trim(),
        load().trim()
    );
}
