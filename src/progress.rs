//! What a learner has done: a plain text file that nothing may damage.
//!
//! `.lab/progress.toml` says of each lesson, by its id, how far it is, which hints were shown and what the last check
//! found. It is the one file of a copy that nobody could write again, so:
//!
//! - A change is read, made and written under a lock: of two labs at once, neither loses what the other wrote.
//! - It is written beside the old one, forced to the disk and renamed over it. Whenever the lab is killed, or the disk is full,
//!   there is a whole file, the old one or the new one.
//! - A file that cannot be read, or that a newer lab wrote, is left as it is, and nothing is done until it is seen to.
//!
//! A solved lesson stays solved, whatever a later check finds.

pub mod backups;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::grade::{Grade, Graded, Judgement};

/// The version of the file that this lab writes, and the newest that it reads.
pub const VERSION: u64 = 1;

const FILE: &str = "progress.toml";

const HEADER: &str = "# What you have done, by lesson. `lab list` tells it; the lab writes it.\n";

/// The folder of a lab's state: `.lab` below its root, or what `LAB_STATE` names, for a root that is not the learner's to
/// write to.
pub fn folder(root: &Path) -> PathBuf {
    match std::env::var_os("LAB_STATE").filter(|folder| !folder.is_empty()) {
        Some(folder) => std::path::absolute(&folder).unwrap_or_else(|_| folder.into()),
        None => root.join(".lab"),
    }
}

/// What was done in one lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    version: u64,
    /// The id of the lesson that was worked on last.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    lesson: BTreeMap<String, Entry>,
}

impl Default for Progress {
    fn default() -> Progress {
        Progress { version: VERSION, at: None, lesson: BTreeMap::new() }
    }
}

/// One lesson.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub state: State,
    /// How many of the lesson's hints were shown.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hints: usize,
    /// The rules whose own hint was shown.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub rules: BTreeSet<String>,
    /// What the last check found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Last>,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// How far a lesson is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    #[default]
    New,
    Started,
    Passed,
    /// The solution was asked for before a pass.
    GivenUp,
}

impl State {
    /// As lists and scripts have it.
    pub fn word(self) -> &'static str {
        match self {
            State::New => "new",
            State::Started => "started",
            State::Passed => "passed",
            State::GivenUp => "given-up",
        }
    }

    /// Whether there is nothing left to do.
    pub fn is_done(self) -> bool {
        matches!(self, State::Passed | State::GivenUp)
    }
}

/// What a check found: its result, and what was broken first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Last {
    pub result: Found,
    /// What could not be found out, or what the broken rule says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weather: Option<String>,
    /// `lessons/03-echo/exercise.rs:31`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The command that makes the run again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A check's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    Pass,
    Fail,
    Undetermined,
}

impl Last {
    /// What is to be remembered of a verdict.
    pub fn of(graded: &Graded) -> Last {
        let (result, says) = match graded.result() {
            Judgement::Pass => (Found::Pass, None),
            Judgement::Fail => (Found::Fail, None),
            Judgement::Undetermined { why } => (Found::Undetermined, Some(why)),
        };
        let none = Last {
            result,
            says,
            rule: None,
            scenario: None,
            weather: None,
            place: None,
            next: None,
        };
        let first = graded.broken().into_iter().find(|it| it.finding.grade != Grade::Note);
        match first.filter(|_| result == Found::Fail) {
            None => none,
            Some(broken) => Last {
                says: Some(broken.finding.says.clone()),
                rule: Some(broken.finding.rule.clone()),
                scenario: Some(broken.cell.scenario.clone()),
                weather: Some(broken.cell.weather().to_owned()),
                place: broken.finding.source.clone(),
                next: Some(broken.cell.next.clone()),
                ..none
            },
        }
    }
}

impl Progress {
    /// What was done of this lesson; nothing, if it is new.
    pub fn lesson(&self, id: &str) -> Entry {
        self.lesson.get(id).cloned().unwrap_or_default()
    }

    /// The ids of all lessons that something was done of.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.lesson.keys().map(String::as_str)
    }

    /// The lesson that is to be worked on, of these in their order: the one that was worked on last; once that is done, the
    /// next that is not. `None`: all are done.
    pub fn current<'a>(&self, order: &[&'a str]) -> Option<&'a str> {
        let open = |id: &&&str| !self.lesson(id).state.is_done();
        let at = self.at.as_deref().and_then(|at| order.iter().position(|id| *id == at));
        let (before, from) = order.split_at(at.unwrap_or(0));
        from.iter().find(open).or_else(|| before.iter().find(open)).copied()
    }

    /// Says that this lesson is being worked on.
    pub fn go_to(&mut self, id: &str) {
        self.at = Some(id.to_owned());
        let entry = self.lesson.entry(id.to_owned()).or_default();
        if entry.state == State::New {
            entry.state = State::Started;
        }
    }

    /// Records what a check of this lesson found. `whole`: it was made in every scenario and weather, so that it can
    /// solve the lesson. What passes in a part of them says nothing about the rest, and is not recorded.
    pub fn judged(&mut self, id: &str, last: Last, whole: bool) {
        let passed = last.result == Found::Pass;
        if passed && !whole {
            return;
        }
        let entry = self.lesson.entry(id.to_owned()).or_default();
        if passed {
            entry.state = State::Passed;
        }
        entry.last = Some(last);
    }

    /// Records that the solution was shown before a pass. A solved lesson stays solved.
    pub fn given_up(&mut self, id: &str) {
        self.go_to(id);
        if let Some(entry) = self.lesson.get_mut(id).filter(|it| it.state != State::Passed) {
            entry.state = State::GivenUp;
        }
    }

    /// Records that this rule's own hint was shown.
    pub fn hinted_rule(&mut self, id: &str, rule: &str) {
        self.go_to(id);
        if let Some(entry) = self.lesson.get_mut(id) {
            entry.rules.insert(rule.to_owned());
        }
    }

    /// Records that the first `hints` of the lesson were shown.
    pub fn hinted(&mut self, id: &str, hints: usize) {
        self.go_to(id);
        if let Some(entry) = self.lesson.get_mut(id) {
            entry.hints = entry.hints.max(hints);
        }
    }
}

/// Reads what was done; nothing, where there is no file yet.
///
/// Fails with [`Error::Progress`] if it is damaged and with [`Error::NewerProgress`] if a newer lab wrote it; either way the
/// file is left as it is.
pub fn read(folder: &Path) -> Result<Progress> {
    let path = folder.join(FILE);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Progress::default()),
        Err(error) => return Err(Error::file("read", &path, &error)),
    };
    parse(&text, &path)
}

fn parse(text: &[u8], path: &Path) -> Result<Progress> {
    let damaged = |line: usize, why: String| {
        let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
        Error::Progress { path: path.to_path_buf(), line, why }
    };
    let line = |at: usize| 1 + text[..at.min(text.len())].iter().filter(|&&it| it == b'\n').count();
    let string = std::str::from_utf8(text)
        .map_err(|error| damaged(line(error.valid_up_to()), "it is no text".into()))?;
    let told = |error: toml::de::Error| {
        damaged(line(error.span().map_or(0, |span| span.start)), error.message().into())
    };
    // What a newer one holds need not be known here, but for its version.
    let table: toml::Table = toml::from_str(string).map_err(told)?;
    match table.get("version").and_then(toml::Value::as_integer) {
        None => return Err(damaged(1, "it has no version".into())),
        Some(version) if version > VERSION as i64 => {
            let (path, version) = (path.to_path_buf(), version as u64);
            return Err(Error::NewerProgress { path, version, reads: VERSION });
        }
        Some(version) if version < 1 => {
            return Err(damaged(1, format!("there is no version {version}")));
        }
        Some(_) => {}
    }
    toml::from_str(string).map_err(told)
}

/// Reads what was done, changes it and writes it, while no other lab does.
pub fn change<T>(folder: &Path, how: impl FnOnce(&mut Progress) -> T) -> Result<T> {
    Locked::new(folder)?.change(how)
}

/// The state's folder while no other lab writes there.
pub struct Locked {
    folder: PathBuf,
    /// Given back with the descriptor, by whatever end the process comes to.
    _lock: Flock<File>,
}

impl Locked {
    /// Makes the folder, if need be, and waits until it is ours: others hold it for moments only.
    pub fn new(folder: &Path) -> Result<Locked> {
        fs::create_dir_all(folder).map_err(|error| Error::file("make", folder, &error))?;
        let path = folder.join("lock");
        let file = OpenOptions::new().append(true).create(true).open(&path);
        let file = file.map_err(|error| Error::file("write", &path, &error))?;
        let locked = Flock::lock(file, FlockArg::LockExclusive);
        let lock = locked.map_err(|(_, errno)| {
            Error::file("lock", &path, &io::Error::from_raw_os_error(errno as i32))
        })?;
        Ok(Locked { folder: folder.to_path_buf(), _lock: lock })
    }

    /// As [`change`].
    pub fn change<T>(&self, how: impl FnOnce(&mut Progress) -> T) -> Result<T> {
        let before = read(&self.folder)?;
        let mut after = before.clone();
        let came = how(&mut after);
        if after != before {
            let path = self.folder.join(FILE);
            let text = toml::to_string(&after)
                .map_err(|error| Error::file("write", &path, &io::Error::other(error)))?;
            replace(&path, (HEADER.to_owned() + &text).as_bytes(), None)?;
        }
        Ok(came)
    }
}

/// Puts a file in place of another, or of none, so that there is a whole one at any moment; in `mode`, or in that of the
/// file that it replaces.
///
/// A link to a file stays one. Fails with [`Error::File`], and then everything is as it was.
pub fn replace(path: &Path, bytes: &[u8], mode: Option<u32>) -> Result<()> {
    let mut new = Replacement::of(path, mode)?;
    let written = new.write_all(bytes);
    new.done(written)
}

/// A file that is written beside the one whose place it takes when it is whole.
pub struct Replacement {
    file: File,
    new: PathBuf,
    path: PathBuf,
}

impl Replacement {
    /// As [`replace`], for what comes piece by piece.
    pub fn of(path: &Path, mode: Option<u32>) -> Result<Replacement> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let failed = |error: &io::Error| Error::file("write", &path, error);
        let known = fs::metadata(&path).ok().map(|about| about.permissions().mode() & 0o7777);
        // One name for all: what a killed lab left is written over, and two never write at once, since both hold the lock.
        let mut name = OsString::from(".");
        name.push(path.file_name().ok_or_else(|| failed(&Errno::EISDIR.into()))?);
        name.push(".lab-new");
        let new = path.with_file_name(name);
        let mut options = OpenOptions::new();
        let opened = options.write(true).create(true).truncate(true).mode(0o666).open(&new);
        let file = opened.map_err(|error| failed(&error))?;
        if let Some(mode) = mode.or(known)
            && let Err(error) = file.set_permissions(fs::Permissions::from_mode(mode))
        {
            let _ = fs::remove_file(&new);
            return Err(failed(&error));
        }
        Ok(Replacement { file, new, path })
    }

    /// Puts it in its place, if all of it could be written; else it is gone, and all is as it was.
    pub fn done(self, written: io::Result<()>) -> Result<()> {
        self.place(written, true)
    }

    /// The same for what can be made again. To wait for the disk takes longer than a short run; so it is waited for only
    /// where a file might otherwise be lost that stood there before.
    pub fn done_for_now(self, written: io::Result<()>) -> Result<()> {
        let replaces = self.path.exists();
        self.place(written, replaces)
    }

    fn place(self, written: io::Result<()>, lasts: bool) -> Result<()> {
        let Replacement { file, new, path } = self;
        let whole = written.and_then(|()| if lasts { file.sync_all() } else { Ok(()) });
        if let Err(error) = whole.and_then(|()| fs::rename(&new, &path)) {
            let _ = fs::remove_file(&new);
            return Err(Error::file("write", &path, &error));
        }
        // The new name, too, is to outlive a power cut; a file system that cannot do that has done what it could.
        if let Some(folder) = path.parent().filter(|_| lasts) {
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }
}

impl Write for Replacement {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(result: Found) -> Last {
        Last {
            result,
            says: Some("the server has its address before it listens".into()),
            rule: Some("binds-before-it-listens".into()),
            scenario: Some("one client asks".into()),
            weather: Some("none".into()),
            place: Some("lessons/01-one-shot/exercise.rs:29".into()),
            next: None,
        }
    }

    fn refused(text: &str) -> String {
        parse(text.as_bytes(), Path::new("progress.toml")).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_reads_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("deep/.lab");
        assert_eq!(read(&state).unwrap(), Progress::default());
        let mut told = Progress::default();
        change(&state, |progress| {
            progress.judged("one-shot", last(Found::Fail), true);
            progress.hinted_rule("one-shot", "binds-before-it-listens");
            progress.hinted("echo", 2);
            told = progress.clone();
        })
        .unwrap();
        assert_eq!(read(&state).unwrap(), told);
        assert_eq!(told.lesson("echo").hints, 2);
        let text = fs::read_to_string(state.join(FILE)).unwrap();
        assert!(text.starts_with("# ") && text.contains("\nversion = 1\n"), "{text}");
    }

    #[test]
    fn what_was_solved_stays_solved() {
        let mut progress = Progress::default();
        progress.judged("echo", last(Found::Pass), true);
        progress.judged("echo", last(Found::Fail), true);
        progress.given_up("echo");
        let entry = progress.lesson("echo");
        assert_eq!((entry.state, entry.last.unwrap().result), (State::Passed, Found::Fail));
    }

    #[test]
    fn a_pass_in_a_part_of_the_scenarios_solves_nothing() {
        let mut progress = Progress::default();
        progress.go_to("echo");
        progress.judged("echo", last(Found::Fail), true);
        progress.judged("echo", last(Found::Pass), false);
        let entry = progress.lesson("echo");
        assert_eq!((entry.state, entry.last.unwrap().result), (State::Started, Found::Fail));
    }

    #[test]
    fn giving_up_can_be_followed_by_a_pass() {
        let mut progress = Progress::default();
        progress.given_up("echo");
        assert_eq!(progress.lesson("echo").state, State::GivenUp);
        progress.judged("echo", last(Found::Undetermined), true);
        assert_eq!(progress.lesson("echo").state, State::GivenUp);
        progress.judged("echo", last(Found::Pass), true);
        assert_eq!(progress.lesson("echo").state, State::Passed);
    }

    #[test]
    fn the_current_lesson_is_the_last_one_until_it_is_done_and_then_the_next() {
        let order = ["one", "two", "three"];
        let mut progress = Progress::default();
        assert_eq!(progress.current(&order), Some("one"));
        progress.go_to("two");
        assert_eq!(progress.current(&order), Some("two"));
        progress.judged("one", last(Found::Fail), true);
        progress.judged("two", last(Found::Pass), true);
        assert_eq!(progress.current(&order), Some("three"));
        progress.given_up("three");
        assert_eq!(progress.current(&order), Some("one"));
        progress.judged("one", last(Found::Pass), true);
        assert_eq!(progress.current(&order), None);
        // A lesson that there is no more.
        progress.go_to("four");
        assert_eq!(progress.current(&order), None);
        assert_eq!(Progress::default().current(&[]), None);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        assert_eq!(refused(""), "progress.toml:1: it has no version");
        assert_eq!(refused("version = 0\n"), "progress.toml:1: there is no version 0");
        assert!(refused("version = 1\nlesson = [\n").starts_with("progress.toml:"));
        let told = refused("version = 1\n[lesson.echo]\nstate = \"solved\"\n");
        assert!(told.starts_with("progress.toml:3: unknown variant `solved`"), "{told}");
        let told = parse(b"version = 1\n\n\xff", Path::new("progress.toml")).unwrap_err();
        assert_eq!(told.to_string(), "progress.toml:3: it is no text");
    }

    #[test]
    fn a_newer_one_is_refused_whatever_it_holds() {
        let told = refused("version = 2\n[lessons]\nx = 1\n");
        assert!(told.contains("version 2") && told.contains("up to version 1"), "{told}");
    }

    #[test]
    fn two_at_once_lose_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for who in 0..4 {
                let folder = folder.path();
                scope.spawn(move || {
                    for time in 0..10 {
                        change(folder, |it| it.hinted(&format!("l{who}-{time}"), 1)).unwrap();
                    }
                });
            }
        });
        assert_eq!(read(folder.path()).unwrap().ids().count(), 40);
    }

    #[test]
    fn what_is_replaced_keeps_its_mode_and_a_link_stays_one() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o750)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        replace(&link, b"new", None).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&file), 0o750);
        replace(&file, b"newer", Some(0o600)).unwrap();
        assert_eq!(mode(&file), 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
    }
}
