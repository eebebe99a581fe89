//! `lab watch`: the current lesson is checked whenever it is saved.
//!
//! ```text
//! keys ──────────┐
//! signals ───────┤            ┌─→ face    a screen, or plain lines
//! files (inotify)┼─ one poll ─┼─→ child   `lab check`, started afresh on a save; `lab run`
//! children's text┤            └─→ the editor
//! the clock ─────┘
//! ```
//!
//! One thread waits for all of it at once and does nothing that takes long, so a key is answered whatever a program under
//! test does. What was found is recorded by `lab check`, as ever; nothing is ever written to a learner's file.

mod child;
mod face;
mod files;

use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

use clap::Args;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::catalogue::Lesson;
use crate::error::{Error, Result};
use crate::progress;
use crate::render::{json, text};
use crate::timeline::{Timeline, timeline};

use super::home::Home;
use super::output::{self, ColorChoice};
use super::{Outcome, hint, list};
use child::Child;
use face::{Key, Screen, View};
use files::{Files, Print};

#[derive(Args)]
#[command(after_help = "\
Examples:
  lab watch
  EDITOR=nano lab watch
  lab watch --plain

The current lesson is checked at once and whenever it is saved. Keys: n goes on to
the next lesson, h gives a hint, l lists the lessons, r plays the demo, e opens
$VISUAL or $EDITOR where the program went wrong, ? says more, q quits.

--plain is for screen readers and terminals that cannot draw: it only ever adds
lines, and a key is followed by Enter. It is what you get without a terminal, too;
at the end of the input it makes its check and leaves.")]
pub struct Watch {
    /// Print lines, and never move the cursor
    #[arg(long)]
    plain: bool,
}

impl Watch {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        let home = Home::open(None)?;
        home.can_record()?;
        let lesson = home.one_or_current(None)?;
        let signals = Signals::new()?;
        let screen = match self.plain || !can_draw() {
            true => None,
            false => Some(Screen::new()?),
        };
        let color = screen.is_some() && color.on(false);
        let ending = Session::new(home, lesson, screen, color)?.run(&signals)?;
        // By now the terminal is as it was, and nothing that was started is left.
        if let Some(signal) = ending {
            signals.die_of(signal);
        }
        Ok(Outcome::Holds)
    }
}

/// Whether there is a terminal to draw on and to read keys from.
fn can_draw() -> bool {
    let dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
    !dumb && std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Signals, to be waited for along with everything else.
struct Signals(SignalFd);

/// A child has ended, the terminal has another size.
const NEWS: [Signal; 2] = [Signal::SIGCHLD, Signal::SIGWINCH];
const ENDINGS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

impl Signals {
    fn new() -> Result<Signals> {
        let failed = |errno| Error::System { doing: "wait for signals".into(), errno };
        let all: SigSet = NEWS.into_iter().chain(ENDINGS).collect();
        // Before any thread is made, so that it holds for all of them.
        all.thread_block().map_err(failed)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        SignalFd::with_flags(&all, flags).map(Signals).map_err(failed)
    }

    /// The first of those that came and that ask for the end.
    fn ending(&self) -> Option<Signal> {
        let mut came = std::iter::from_fn(|| self.0.read_signal().ok().flatten());
        let signal =
            |info: nix::sys::signalfd::siginfo| Signal::try_from(info.ssi_signo as i32).ok();
        came.find_map(|info| signal(info).filter(|signal| ENDINGS.contains(signal)))
    }

    /// Ends this process as the signal would have done.
    fn die_of(&self, signal: Signal) {
        let _ = child::unblock_signals();
        let _ = raise(signal);
    }
}

/// How far the check of the current lesson is.
enum Check {
    /// There is no file to check.
    Gone,
    /// Of the files as they were then.
    Running(Child, Print),
    /// Its exit status; `None`, if a signal ended it.
    Over(Option<i32>),
}

/// What the middle of the screen shows.
enum Page {
    Verdict,
    Said(String),
    Demo(Box<Timeline>),
}

/// Everything between the start and the end of a watch.
struct Session {
    home: Home,
    lesson: Lesson,
    files: Files,
    check: Check,
    /// What is to be done, as the check stands.
    next: String,
    /// What the running check, or else the last one, has said.
    verdict: String,
    page: Page,
    /// The demo while it plays, and what it has said so far: the recording and what is said about it.
    demo: Option<(Child, String, String)>,
    editor: Option<std::process::Child>,
    /// What there is to print once the editor has ended.
    untold: String,
    /// What the last key came to, if there is something to say of it.
    notice: Option<String>,
    /// Whether the last key was `n` in a lesson that is not done.
    leaving: bool,
    /// `None`: plain lines.
    screen: Option<Screen>,
    color: bool,
    /// Lines typed so far, without a screen; `None` once there is no more input.
    typed: Option<Vec<u8>>,
    left: bool,
}

impl Session {
    fn new(home: Home, lesson: Lesson, screen: Option<Screen>, color: bool) -> Result<Session> {
        let files = Files::new(&lesson.places().0, lesson.exercise_file())?;
        let mut session = Session {
            home,
            lesson,
            files,
            check: Check::Gone,
            next: String::new(),
            verdict: String::new(),
            page: Page::Verdict,
            demo: None,
            editor: None,
            untold: String::new(),
            notice: None,
            leaving: false,
            screen,
            color,
            typed: Some(Vec::new()),
            left: false,
        };
        session.tell(&format!("keys, each followed by Enter: {}\n", face::KEYS[0]));
        session.begin()?;
        Ok(session)
    }

    /// Until it is left; the signal that asked for that, if one did.
    fn run(mut self, signals: &Signals) -> Result<Option<Signal>> {
        while !self.left {
            self.draw()?;
            let typed = self.wait(signals)?;
            if let Some(signal) = signals.ending() {
                // In the editor, Ctrl-C is the editor's.
                if self.editor.is_none() || signal != Signal::SIGINT {
                    return Ok(Some(signal));
                }
            }
            if typed {
                self.read_keys()?;
            }
            self.follow_editor()?;
            self.follow_check()?;
            self.follow_demo();
            self.follow_files()?;
            let busy = matches!(self.check, Check::Running(..)) || self.demo.is_some();
            self.left |= self.typed.is_none() && !busy && self.editor.is_none();
        }
        Ok(None)
    }

    /// Sleeps until something happens; whether something was typed.
    fn wait(&self, signals: &Signals) -> Result<bool> {
        let stdin = std::io::stdin();
        let listens = self.typed.is_some() && self.editor.is_none();
        let keys = listens.then(|| stdin.as_fd());
        let check = match &self.check {
            Check::Running(child, _) => Some(child),
            _ => None,
        };
        let children = check.into_iter().chain(self.demo.iter().map(|(child, ..)| child));
        let others = [self.files.bell(), signals.0.as_fd()].into_iter();
        let all = keys.into_iter().chain(others).chain(children.flat_map(Child::says));
        let mut all: Vec<PollFd> = all.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        // A little late rather than a little early, which would be again and again.
        let patience = self.files.patience() + std::time::Duration::from_millis(1);
        match poll(&mut all, PollTimeout::try_from(patience).unwrap_or(PollTimeout::MAX)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(Error::System { doing: "wait for a key".into(), errno }),
        }
        Ok(listens && all[0].any().unwrap_or(false))
    }

    fn read_keys(&mut self) -> Result<()> {
        let Some(typed) = &mut self.typed else { return Ok(()) };
        let mut bytes = [0; 1024];
        // As it is typed: what Stdin reads ahead, poll(2) would not know of.
        let count = match nix::unistd::read(std::io::stdin(), &mut bytes) {
            Err(Errno::EINTR | Errno::EAGAIN) => return Ok(()),
            Ok(count) if count > 0 => count,
            // The end of the input; or a terminal that has gone.
            _ => {
                self.typed = None;
                self.left = self.screen.is_some();
                return Ok(());
            }
        };
        let keys: Vec<Key> = if self.screen.is_some() {
            Key::of(&bytes[..count])
        } else {
            typed.extend_from_slice(&bytes[..count]);
            let whole = typed.iter().rposition(|&it| it == b'\n').map_or(0, |at| at + 1);
            let lines =
                String::from_utf8_lossy(&typed.drain(..whole).collect::<Vec<_>>()).into_owned();
            lines.lines().filter_map(Key::typed).collect()
        };
        keys.into_iter().try_for_each(|key| self.press(key))
    }

    fn press(&mut self, key: Key) -> Result<()> {
        if self.left {
            return Ok(());
        }
        self.notice = None;
        let leaving = std::mem::take(&mut self.leaving);
        match key {
            Key::Quit => self.left = true,
            Key::Next => self.go_on(leaving)?,
            Key::Hint => {
                let hint = hint::one_more(&self.home, &self.lesson)?;
                self.turn_to(Page::Said(without_next(&hint)));
            }
            Key::List => self.turn_to(Page::Said(list::within(&self.home, self.width())?)),
            Key::Run => {
                let number = self.lesson.number.to_string();
                let child =
                    Child::start_apart(&["run", &number, "--as", "json", "--color", "never"])?;
                self.turn_to(Page::Said(format!("playing the demo of lesson {number}\n")));
                self.demo = Some((child, String::new(), String::new()));
            }
            Key::Edit => self.edit()?,
            Key::Help => self.turn_to(Page::Said(self.help())),
            Key::Back => self.turn_to(Page::Verdict),
            Key::Lines(lines) => self.scroll(lines, 0),
            Key::Screens(screens) => self.scroll(0, screens),
            Key::Suspend => self.suspend()?,
        }
        Ok(())
    }

    /// Shows another page, from its top. A demo that is asked for no more is ended.
    fn turn_to(&mut self, page: Page) {
        self.demo = None;
        self.page = page;
        match &mut self.screen {
            Some(screen) => screen.go_to_top(),
            None if matches!(self.page, Page::Verdict) => {}
            None => {
                let body = self.body();
                self.tell(&body);
            }
        }
    }

    fn scroll(&mut self, lines: isize, screens: isize) {
        if let Some(screen) = &mut self.screen {
            screen.scroll(lines, screens);
        }
    }

    // -----------------------------------------------------------------------------------------
    // The lesson.

    /// Turns to the next lesson that is to be done. Where this one is not, only when asked again.
    fn go_on(&mut self, sure: bool) -> Result<()> {
        let next = match self.next_lesson()? {
            Some(next) if next.id != self.lesson.id => Some(next),
            Some(_) if !sure => {
                self.leaving = true;
                let number = self.lesson.number;
                self.notify(format!(
                    "lesson {number} is not solved yet: n again leaves it for later"
                ));
                return Ok(());
            }
            Some(_) => self.another_lesson()?,
            None => None,
        };
        let Some(next) = next else {
            self.notify("there is no other lesson to be done: l lists them".into());
            return Ok(());
        };
        progress::change(&self.home.state, |progress| progress.go_to(&next.id))?;
        self.files = Files::new(&next.places().0, next.exercise_file())?;
        self.lesson = next;
        self.turn_to(Page::Verdict);
        self.begin()
    }

    /// The lesson to be done: this one, or once it is, the next; `None` where all are.
    fn next_lesson(&self) -> Result<Option<Lesson>> {
        let mut progress = self.home.progress()?;
        progress.go_to(&self.lesson.id);
        Ok(self.home.current(&self.home.exercises(), &progress))
    }

    /// The next lesson after this one that is to be done.
    fn another_lesson(&self) -> Result<Option<Lesson>> {
        let progress = self.home.progress()?;
        let all = self.home.exercises();
        let (after, before): (Vec<Lesson>, Vec<Lesson>) =
            all.into_iter().partition(|lesson| lesson.number > self.lesson.number);
        let open =
            |it: &Lesson| it.id != self.lesson.id && !progress.lesson(&it.id).state.is_done();
        Ok(after.into_iter().chain(before).find(open))
    }

    /// Says which lesson it is, and checks it.
    fn begin(&mut self) -> Result<()> {
        let Lesson { number, title, minutes, .. } = &self.lesson;
        let intro = format!(
            "lesson {number}: {title}, {minutes} min; your part is {}\nr plays its demo\n\n",
            self.file()
        );
        self.tell(&intro);
        self.check()?;
        self.verdict = intro;
        Ok(())
    }

    /// The learner's file, from the lab's root.
    fn file(&self) -> String {
        self.path().1.display().to_string()
    }

    fn path(&self) -> (PathBuf, PathBuf) {
        let (folder, named) = self.lesson.places();
        let file = self.lesson.exercise_file();
        (folder.join(file), named.join(file))
    }

    // -----------------------------------------------------------------------------------------
    // The check.

    /// Checks the files as they are; a check that is still running is ended first.
    fn check(&mut self) -> Result<()> {
        self.verdict.clear();
        // The old one ends here, before the new one begins.
        self.check = Check::Gone;
        if self.files.has_exercise() {
            let (number, color) = (self.lesson.number.to_string(), self.color_word());
            let child = Child::start(&["check", &number, "--color", color])?;
            self.check = Check::Running(child, self.files.print().clone());
        }
        self.next = self.next()?;
        self.tell(&format!("{}\n", self.next));
        Ok(())
    }

    fn follow_files(&mut self) -> Result<()> {
        if !self.files.saved() {
            return Ok(());
        }
        if let Check::Running(_, checked) = &self.check
            && checked.says_as(self.files.print())
        {
            return Ok(());
        }
        self.notice = None;
        self.turn_to(Page::Verdict);
        self.tell("\nsaved\n");
        self.check()
    }

    fn follow_check(&mut self) -> Result<()> {
        let Check::Running(child, _) = &mut self.check else { return Ok(()) };
        let ended = child.ended();
        let said = without_next(&child.said().1);
        self.verdict.push_str(&said);
        self.tell(&said);
        if let Some(status) = ended {
            self.check = Check::Over(status);
            self.next = self.next()?;
            self.tell(&format!("{}\n", self.next));
        }
        Ok(())
    }

    /// What is to be done next.
    fn next(&self) -> Result<String> {
        let (file, number) = (self.file(), self.lesson.number);
        Ok(match &self.check {
            Check::Running(..) => "checking; save again at any time, and it starts afresh".into(),
            Check::Gone => {
                format!("{file} is gone; next: save it, or lab reset {number} for the shipped one")
            }
            Check::Over(Some(0)) => match self.next_lesson()? {
                None => "all lessons are done; l lists them, q quits".into(),
                Some(next) if next.id == self.lesson.id => format!("next: lab check {number}"),
                Some(next) => format!(
                    "lesson {number} is solved; next: n goes on to lesson {}, {}",
                    next.number, next.title
                ),
            },
            Check::Over(Some(1)) => {
                let line = wrong_at(&self.verdict, &file);
                let line = line.map(|line| format!(" at line {line}")).unwrap_or_default();
                format!("next: mend {file} and save it; h gives a hint, e opens it{line}")
            }
            Check::Over(_) => "it could not be found out; next: q, then lab doctor".into(),
        })
    }

    // -----------------------------------------------------------------------------------------
    // The demo and the editor.

    fn follow_demo(&mut self) {
        let Some((child, recording, about)) = &mut self.demo else { return };
        let ended = child.ended().is_some();
        let (err, out) = child.said();
        recording.push_str(&out);
        about.push_str(&err);
        if !ended {
            return;
        }
        let page = match json::parse(recording.as_bytes(), "the demo's recording".as_ref()) {
            Ok(recording) => Page::Demo(Box::new(timeline(&recording))),
            Err(_) => Page::Said(std::mem::take(about)),
        };
        self.turn_to(page);
    }

    /// Opens the editor where the program went wrong. Until it ends, the terminal is the editor's; saves are checked.
    fn edit(&mut self) -> Result<()> {
        let named = ["VISUAL", "EDITOR"].map(|name| std::env::var(name).unwrap_or_default());
        let words =
            named.iter().find_map(|it| shell_words::split(it).ok().filter(|it| !it.is_empty()));
        let Some(words) = words else {
            self.notify("no editor: start it as in EDITOR=nano lab watch".into());
            return Ok(());
        };
        let line = wrong_at(&self.verdict, &self.file()).unwrap_or(1);
        let mut editor = Command::new(&words[0]);
        editor.args(&words[1..]).args(place(&words[0], &self.path().0.to_string_lossy(), line));
        // SAFETY: sigprocmask(2) is async-signal-safe.
        unsafe { editor.pre_exec(|| Ok(child::unblock_signals()?)) };
        if let Some(screen) = &mut self.screen {
            screen.leave();
        }
        match editor.spawn() {
            Ok(editor) => self.editor = Some(editor),
            Err(error) => self.after_edit(&Err(error))?,
        }
        Ok(())
    }

    fn follow_editor(&mut self) -> Result<()> {
        let Some(editor) = &mut self.editor else { return Ok(()) };
        let Some(ended) = editor.try_wait().transpose() else { return Ok(()) };
        self.editor = None;
        self.after_edit(&ended)
    }

    fn after_edit(&mut self, ended: &std::io::Result<ExitStatus>) -> Result<()> {
        if let Some(screen) = &mut self.screen {
            screen.come_back()?;
        }
        self.tell("");
        match ended {
            Ok(status) if status.success() => {}
            Ok(status) => self.notify(format!("the editor ended with {status}")),
            Err(error) => {
                self.notify(format!("the editor does not start: {error}; see $VISUAL and $EDITOR"))
            }
        }
        Ok(())
    }

    /// Ctrl-Z: back to the shell until `fg`.
    fn suspend(&mut self) -> Result<()> {
        if let Some(screen) = &mut self.screen {
            screen.leave();
            let _ = raise(Signal::SIGTSTP);
            screen.come_back()?;
        }
        Ok(())
    }

    // -----------------------------------------------------------------------------------------
    // What is seen.

    fn draw(&mut self) -> Result<()> {
        if self.screen.is_none() || self.editor.is_some() {
            return Ok(());
        }
        let body = self.body();
        let state = match &self.check {
            Check::Gone => "no file",
            Check::Running(..) => "checking",
            Check::Over(Some(0)) => "solved",
            Check::Over(Some(1)) => "not solved",
            Check::Over(_) => "not checked",
        };
        let head = format!("{}  {state}  {}", self.lesson.name, self.file());
        match &mut self.screen {
            Some(screen) => {
                let next = self.notice.as_ref().unwrap_or(&self.next);
                screen.draw(&View { head: &head, body: &body, next })
            }
            None => Ok(()),
        }
    }

    fn body(&self) -> String {
        match &self.page {
            Page::Verdict => self.verdict.clone(),
            Page::Said(said) => said.clone(),
            Page::Demo(timeline) => {
                let style = text::Style { width: self.width(), color: self.color, ascii: false };
                text::text(timeline, &style)
            }
        }
    }

    fn width(&self) -> usize {
        self.screen.as_ref().map_or_else(|| output::width(false), Screen::width)
    }

    fn color_word(&self) -> &'static str {
        if self.color { "always" } else { "never" }
    }

    fn notify(&mut self, notice: String) {
        self.tell(&format!("{notice}\n"));
        self.notice = Some(notice);
    }

    /// Prints it, unless there is a screen, which shows things otherwise; while the editor has the terminal, later.
    fn tell(&mut self, text: &str) {
        if self.screen.is_some() {
            return;
        }
        self.untold.push_str(text);
        if self.editor.is_none() {
            output::say(&output::harmless(&std::mem::take(&mut self.untold)));
        }
    }

    fn help(&self) -> String {
        let mut help = String::from(
            "n    on to the next lesson\nh    one hint more\nl    the lessons, and what is done\n\
             r    play the demo\ne    edit: $VISUAL or $EDITOR, where the program went wrong\n\
             ?    these keys\nq    quit\n",
        );
        if self.screen.is_some() {
            help.push_str(
                "\nEsc             back to the verdict\nup, down, k, j  a line\nPgUp, PgDn      a screen\n",
            );
        }
        if self.files.is_deaf() {
            help.push_str(
                "\nNobody tells what is saved here (inotify): it is seen within a second.\n",
            );
        }
        help
    }
}

/// What a command says, without the next command to type: here that is a key.
fn without_next(said: &str) -> String {
    said.split_inclusive('\n').filter(|line| !line.starts_with("next: ")).collect()
}

/// The line of this file where the program went wrong, by what the check said: the first finding's, or else where the
/// compiler's first error is.
fn wrong_at(verdict: &str, file: &str) -> Option<u32> {
    let verdict = anstream::adapter::strip_str(verdict).to_string();
    let line = |text: &str| -> Option<u32> {
        let (_, rest) = text.split_once(&format!("{file}:"))?;
        rest.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
    };
    let finding =
        verdict.lines().filter(|text| text.trim_start().starts_with("at ")).find_map(line);
    let error = || verdict.lines().skip_while(|text| !text.starts_with("error")).find_map(line);
    finding.or_else(error)
}

/// How this editor is told file and line.
fn place(editor: &str, file: &str, line: u32) -> Vec<String> {
    let name = editor.rsplit('/').next().unwrap_or(editor);
    match name {
        "code" | "codium" => vec!["--wait".into(), "-g".into(), format!("{file}:{line}")],
        "hx" | "helix" | "subl" | "zed" => vec![format!("{file}:{line}")],
        _ => vec![format!("+{line}"), file.into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_editor_opens_at_the_first_finding_or_at_the_first_error() {
        let file = "lessons/03-echo/exercise.rs";
        let finding = "warning: unused\n  --> lessons/03-echo/exercise.rs:3:4\n03-echo  fail\n\
                       \x1b[1m  at \x1b[0m    lessons/03-echo/exercise.rs:31\n  at     lessons/03-echo/exercise.rs:40\n";
        assert_eq!(wrong_at(finding, file), Some(31));
        let error = "\x1b[33mwarning\x1b[0m: unused\n  --> lessons/03-echo/exercise.rs:3:4\n\
                     \x1b[1;31merror[E0425]\x1b[0m: no `x`\n  \x1b[34m-->\x1b[0m lessons/03-echo/exercise.rs:12:9\n";
        assert_eq!(wrong_at(error, file), Some(12));
        assert_eq!(wrong_at("03-echo  pass\n", file), None);
    }

    #[test]
    fn editors_are_told_the_line_each_in_its_way() {
        assert_eq!(place("/usr/bin/vim", "a.rs", 7), ["+7", "a.rs"]);
        assert_eq!(place("hx", "a.rs", 7), ["a.rs:7"]);
        assert_eq!(place("code", "a.rs", 7), ["--wait", "-g", "a.rs:7"]);
    }

    #[test]
    fn what_to_type_next_is_left_out_where_a_key_does_it() {
        let said = "hint 1 of 3\n  Look.\nnext: lab check 3\n";
        assert_eq!(without_next(said), "hint 1 of 3\n  Look.\n");
        assert_eq!(
            without_next("  next   lab check 3 --seed 7\n"),
            "  next   lab check 3 --seed 7\n"
        );
    }
}
