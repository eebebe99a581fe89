//! `lab reset` and `lab undo`: shipped exercises back, and the learner's back again.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;

use crate::catalogue::Lesson;
use crate::copy::Ledger;
use crate::error::{Error, Result};
use crate::pack::Pack;
use crate::progress::backups::Saved;
use crate::progress::{self, Locked};

use super::Outcome;
use super::home::{Home, PackOption};
use super::output::say;

#[derive(Args)]
#[command(after_help = "Examples:
  lab reset 3
  lab undo

A solved lesson stays solved.")]
pub struct Reset {
    /// Numbers, ranges (1..3), unique parts of names, or whole names
    #[arg(value_name = "LESSON", required_unless_present = "all")]
    lessons: Vec<String>,
    /// Every lesson that has an exercise
    #[arg(long, conflicts_with = "lessons")]
    all: bool,
    #[command(flatten)]
    pack: PackOption,
}

#[derive(Args)]
#[command(after_help = "Examples:
  lab undo
  lab undo 4    # what backup 4 holds: an undo names the one that undoes it")]
pub struct Undo {
    /// The number of a backup; none: that of the last reset which is not undone
    #[arg(value_name = "N")]
    number: Option<u32>,
}

/// A file that is to be as something else.
struct Due {
    path: PathBuf,
    /// What it is called from the root.
    shown: String,
    /// As it is; `None`: there is none.
    is: Option<Saved>,
    bytes: Vec<u8>,
    /// `None`: the one that it has.
    mode: Option<u32>,
}

impl Reset {
    pub fn go(&self) -> Result<Outcome> {
        let home = Home::open(self.pack.pack.as_deref())?;
        let locked = Locked::new(&home.state)?;
        let mut due = Vec::new();
        for lesson in self.lessons(&home)? {
            let name = lesson.exercise_file();
            let path = lesson.folder.join(name);
            let shown = format!("lessons/{}/{name}", lesson.name);
            let is = Saved::now(&path, &lesson.id, name)?;
            let bytes = shipped(&home, &lesson)?;
            if is.as_ref().is_some_and(|is| is.bytes == bytes) {
                say(&format!("{shown} is as it is shipped\n"));
            } else {
                due.push(Due { path, shown, is, bytes, mode: None });
            }
        }
        if due.is_empty() {
            return Ok(Outcome::Holds);
        }
        let kept = put(&locked, "reset", &due)?;
        for due in &due {
            say(&format!("{} is as it is shipped again\n", due.shown));
        }
        if kept.is_some() {
            say(
                "what you had is kept\nnext: lab check    # or lab undo, which brings yours back\n",
            );
        }
        Ok(Outcome::Holds)
    }

    fn lessons(&self, home: &Home) -> Result<Vec<Lesson>> {
        if self.all {
            return Ok(home.exercises());
        }
        let mut lessons: Vec<Lesson> = Vec::new();
        for wanted in &self.lessons {
            for name in home.catalogue.find(wanted)? {
                let lesson = home.catalogue.read(name)?;
                if lesson.is_graded() && lessons.iter().all(|it| it.id != lesson.id) {
                    lessons.push(lesson);
                }
            }
        }
        Ok(lessons)
    }
}

impl Undo {
    pub fn go(&self) -> Result<Outcome> {
        let home = Home::open(None)?;
        let locked = Locked::new(&home.state)?;
        let Some(backup) = locked.backup(self.number)? else {
            let why = match self.number {
                Some(number) => format!("there is no backup {number}"),
                None => "there is nothing to undo".into(),
            };
            let backups = home.state.join("backups");
            let backups = backups.strip_prefix(home.root()).unwrap_or(&backups);
            return Err(Error::Usage { why, next: format!("ls {}", backups.display()) });
        };
        let lessons = home.exercises();
        let mut due = Vec::new();
        for saved in &backup.files {
            let path = folder(&home, &lessons, &saved.lesson)?.join(&saved.name);
            let shown = path.strip_prefix(home.root()).unwrap_or(&path).display().to_string();
            let is = Saved::now(&path, &saved.lesson, &saved.name)?;
            if is.as_ref() == Some(saved) {
                say(&format!("{shown} is yours already\n"));
                continue;
            }
            let (bytes, mode) = (saved.bytes.clone(), Some(saved.mode));
            due.push(Due { path, shown, is, bytes, mode });
        }
        let kept = put(&locked, "undo", &due)?;
        locked.mark_undone(&backup)?;
        for due in &due {
            say(&format!("{} is yours again\n", due.shown));
        }
        let next = kept.map(|kept| format!("    # or lab undo {kept}, which undoes this"));
        say(&format!("next: lab check{}\n", next.unwrap_or_default()));
        Ok(Outcome::Holds)
    }
}

/// Puts files in place once what they replace is kept; gives the number of that backup, if anything was there.
fn put(locked: &Locked, before: &str, due: &[Due]) -> Result<Option<u32>> {
    let kept: Vec<Saved> = due.iter().filter_map(|due| due.is.clone()).collect();
    let number = match kept.is_empty() {
        true => None,
        false => Some(locked.save(before, &kept)?),
    };
    for due in due {
        progress::replace(&due.path, &due.bytes, due.mode)?;
    }
    Ok(number)
}

/// Where the lesson of this id is, which may have another name by now.
fn folder(home: &Home, lessons: &[Lesson], id: &str) -> Result<PathBuf> {
    if let Some(lesson) = lessons.iter().find(|lesson| lesson.id == id) {
        return Ok(lesson.folder.clone());
    }
    // One that the pack has no more, and the copy still does.
    let ledger = Ledger::read(home.root())?;
    let written = ledger.as_ref().and_then(|ledger| ledger.lesson.get(id));
    written.map(|it| home.root().join("lessons").join(&it.folder)).ok_or_else(|| Error::Usage {
        why: format!("there is no lesson `{id}` any more"),
        next: format!("cp {}/backups/*/{id}/* .", home.state.display()),
    })
}

/// The exercise as it is shipped. A lab that is worked on in place has only git to know it by, since a debug build reads
/// the very file that was changed.
fn shipped(home: &Home, lesson: &Lesson) -> Result<Vec<u8>> {
    let file = lesson.exercise_file();
    let path = format!("lessons/{}/{file}", lesson.name);
    let known = match home.is_in_place() {
        false => lesson.shipped(file)?,
        true => match committed(home.root(), &path) {
            Some(bytes) => Some(bytes),
            None if cfg!(debug_assertions) => None,
            None => Pack::Binary.read(&format!("{}/{file}", lesson.name))?,
        },
    };
    known.ok_or_else(|| Error::Usage {
        why: format!("nobody knows {path} as it is shipped: git does not have it"),
        next: "lab init DIR makes a copy whose exercises can be reset".into(),
    })
}

fn committed(root: &Path, path: &str) -> Option<Vec<u8>> {
    let mut git = Command::new("git");
    git.arg("-C").arg(root).args(["show", &format!("HEAD:./{path}")]);
    let output = git.output().ok()?;
    output.status.success().then_some(output.stdout)
}
