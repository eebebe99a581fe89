//! Where the learner stands: the lab's root, its lessons, and what was done of them.

use std::path::PathBuf;

use crate::catalogue::{self, Catalogue, Lesson};
use crate::error::Result;
use crate::grade::Graded;
use crate::progress::{self, Last, Locked, Progress};

use super::run::working_folder;

/// A lab, as its commands see it.
pub struct Home {
    pub catalogue: Catalogue,
    /// Where progress and backups are kept.
    pub state: PathBuf,
}

impl Home {
    /// The lab that the working folder is in.
    pub fn open() -> Result<Home> {
        let root = catalogue::root(&working_folder()?)?;
        let state = progress::folder(&root);
        Ok(Home { catalogue: Catalogue::open(&root)?, state })
    }

    pub fn progress(&self) -> Result<Progress> {
        progress::read(&self.state)
    }

    /// Fails if nothing could be recorded: before anything is done that would be.
    pub fn can_record(&self) -> Result<()> {
        Locked::new(&self.state)?;
        self.progress().map(drop)
    }

    /// Records what a check found; see [`Progress::judged`]. `alone`: it was of this lesson and no other, which so becomes
    /// the one that is worked on.
    pub fn record(&self, lesson: &Lesson, graded: &Graded, whole: bool, alone: bool) -> Result<()> {
        let last = Last::of(graded);
        progress::change(&self.state, |progress| {
            if alone {
                progress.go_to(&lesson.id);
            }
            progress.judged(&lesson.id, last, whole);
        })
    }

    /// The lessons that have an exercise, in order. One whose file cannot be read stands in nobody's way here: `lab list`
    /// names it.
    pub fn exercises(&self) -> Vec<Lesson> {
        let lessons = self.catalogue.read_all().into_iter().flatten();
        lessons.filter(Lesson::is_graded).collect()
    }

    /// The one of these lessons that is to be worked on; `None` where all are done.
    pub fn current(&self, exercises: &[Lesson], progress: &Progress) -> Option<Lesson> {
        let order: Vec<&str> = exercises.iter().map(|lesson| lesson.id.as_str()).collect();
        let current = progress.current(&order)?;
        exercises.iter().find(|lesson| lesson.id == current).cloned()
    }
}
