//! Where the learner stands: the lab's root, its lessons, what was done of them, and what comes next.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::catalogue::{self, Catalogue, Lesson};
use crate::copy::{self, Ledger};
use crate::error::{Error, Result};
use crate::grade::{Graded, Judgement, Report};
use crate::pack::Pack;
use crate::progress::{self, Found, Last, Locked, Progress, State};

use super::run::working_folder;

/// Whose lessons they are.
#[derive(Args, Clone)]
pub struct PackOption {
    /// Take the lessons from DIR/lessons, and grade by what they say
    #[arg(long = "pack", value_name = "DIR")]
    pub pack: Option<PathBuf>,
}

/// A lab, as its commands see it.
pub struct Home {
    pub catalogue: Catalogue,
    /// Where progress and backups are kept.
    pub state: PathBuf,
    /// Whether there is a learner whose progress it would be: not where only a pack is named, in no lab at all.
    has_learner: bool,
}

impl Home {
    /// The lab that the working folder is in, with the lessons of a pack or else its own.
    pub fn open(pack: Option<&Path>) -> Result<Home> {
        let pack = pack.map(Pack::in_folder).transpose()?;
        let (root, has_learner) = match (catalogue::root(&working_folder()?), &pack) {
            (Ok(root), _) => (root, true),
            (Err(_), Some(Pack::Folder(folder))) => (folder.clone(), false),
            (Err(error), _) => return Err(error),
        };
        let pack = pack.map_or_else(|| own_pack(&root), Ok)?;
        let state = progress::folder(&root);
        Ok(Home { catalogue: Catalogue::of(&root, pack)?, state, has_learner })
    }

    /// The folder that everything of the learner's is below.
    pub fn root(&self) -> &Path {
        self.catalogue.root()
    }

    /// Whether the lessons are worked on where they are written: in a clone of the repository.
    pub fn is_in_place(&self) -> bool {
        *self.catalogue.pack() == Pack::Folder(self.root().to_path_buf())
    }

    pub fn find_one(&self, wanted: &str) -> Result<Lesson> {
        self.catalogue.read(self.catalogue.find_one(wanted)?)
    }

    /// The lesson that is meant, or else the one that is worked on; once all are done, the last one.
    pub fn one_or_current(&self, wanted: Option<&str>) -> Result<Lesson> {
        if let Some(wanted) = wanted {
            return self.find_one(wanted);
        }
        let exercises = self.exercises();
        let current = self.current(&exercises, &self.progress()?);
        current.or_else(|| exercises.last().cloned()).ok_or_else(|| Error::Usage {
            why: "no lesson here has an exercise".into(),
            next: "lab list".into(),
        })
    }

    pub fn progress(&self) -> Result<Progress> {
        progress::read(&self.state)
    }

    /// Fails if nothing could be recorded: before anything is done that would be.
    pub fn can_record(&self) -> Result<()> {
        if !self.has_learner {
            return Ok(());
        }
        Locked::new(&self.state)?.change(|_| ())
    }

    /// Records what a check found; see [`Progress::judged`]. `alone`: it was of this lesson and no other, which so becomes
    /// the one that is worked on.
    pub fn record(&self, lesson: &Lesson, graded: &Graded, whole: bool, alone: bool) -> Result<()> {
        let last = Last::of(graded);
        self.change(|progress| {
            if alone {
                progress.go_to(&lesson.id);
            }
            progress.judged(&lesson.id, last, whole);
        })
    }

    /// Records what the learner did, where there is one.
    pub fn change(&self, change: impl FnOnce(&mut Progress)) -> Result<()> {
        match self.has_learner {
            true => progress::change(&self.state, change),
            false => Ok(()),
        }
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

    /// What comes after a look at a demo. Who looked at the demo of the lesson that comes next has begun it.
    pub fn after_run(&self, lesson: &Lesson) -> Result<String> {
        if !lesson.is_graded() || !self.has_learner {
            return Ok(String::new());
        }
        let progress = self.progress()?;
        if progress.lesson(&lesson.id).state.is_done() {
            return Ok("next: lab\n".into());
        }
        let current = self.current(&self.exercises(), &progress);
        if current.is_some_and(|current| current.id == lesson.id) {
            progress::change(&self.state, |progress| progress.go_to(&lesson.id))?;
        }
        Ok(format!("{}\nnext: lab check {}\n", yours(lesson), lesson.number))
    }

    /// What comes after a check; `again` is the command that makes it once more.
    pub fn after_check(&self, lessons: &[Lesson], report: &Report, again: &str) -> Result<String> {
        let ([lesson], [graded]) = (lessons, report.lessons.as_slice()) else {
            return Ok(String::new());
        };
        if !self.has_learner {
            return Ok(String::new());
        }
        let number = lesson.number;
        match graded.result() {
            Judgement::Undetermined { .. } => Ok("\nnext: lab doctor\n".into()),
            Judgement::Fail => {
                Ok(format!("next: {again}    # once it is mended; lab hint {number} helps\n"))
            }
            Judgement::Pass => {
                let progress = self.progress()?;
                if progress.lesson(&lesson.id).state != State::Passed {
                    let all = format!("lab check {number}");
                    return Ok(format!("\nnext: {all}    # in every scenario and weather\n"));
                }
                let solved = format!(
                    "\nlesson {number} is solved; lab solution {number} shows how others do it\n"
                );
                let next = match self.current(&self.exercises(), &progress) {
                    Some(next) => format!("next: lab run {}    # {}\n", next.number, next.title),
                    None => "all lessons are done\nnext: lab list\n".into(),
                };
                Ok(solved + &next)
            }
        }
    }

    /// Where one is, what failed last, and the exact next command.
    pub fn place(&self) -> Result<String> {
        let lessons = self.exercises();
        let progress = self.progress()?;
        if lessons.is_empty() {
            return Ok("no lesson here has an exercise yet\nnext: lab list\n".into());
        }
        let passed = |lesson: &&Lesson| progress.lesson(&lesson.id).state == State::Passed;
        let passed = lessons.iter().filter(passed).count();
        let mut out = format!("{passed} of {} passed\n", lessons.len());
        // A lesson whose file cannot be read is named by `lab list`.
        if copy::is_copy(self.root())
            && let Ok(shipped) = copy::Contents::of(&self.catalogue)
            && copy::is_due(self.root(), &shipped)?
        {
            out.push_str("there are newer lessons than yours\nnext: lab update\n");
            return Ok(out);
        }
        let Some(lesson) = self.current(&lessons, &progress) else {
            return Ok(out + "all lessons are done\nnext: lab list\n");
        };
        let Lesson { number, name, title, minutes, .. } = &lesson;
        out.push_str(&format!("you are at {name}: {title}, {minutes} min\n"));
        let entry = progress.lesson(&lesson.id);
        let next = match (&entry.last, entry.state) {
            (None, State::New) => format!("lab run {number}"),
            (Some(last), _) if last.result == Found::Fail => {
                out.push_str(&failed(last));
                format!("lab check {number}    # once it is mended; lab hint {number} helps")
            }
            _ => {
                out.push_str(&yours(&lesson));
                out.push('\n');
                format!("lab check {number}")
            }
        };
        Ok(out + &format!("next: {next}\n"))
    }
}

/// The pack of the lab at this root: a copy's is the one that it was made from; any other is its own.
fn own_pack(root: &Path) -> Result<Pack> {
    if !copy::is_copy(root) {
        return Ok(Pack::Folder(root.to_path_buf()));
    }
    match Ledger::read(root)?.and_then(|ledger| ledger.pack) {
        None => Ok(Pack::Binary),
        Some(folder) => Pack::in_folder(&folder).map_err(|_| Error::Usage {
            why: format!("the lessons of this copy are from {}, which is gone", folder.display()),
            next: "lab update --pack DIR, with the folder that has them now".into(),
        }),
    }
}

fn yours(lesson: &Lesson) -> String {
    let file = lesson.exercise_file();
    format!("your part is lessons/{}/{file}: what should hold stands in it", lesson.name)
}

/// What the last check found first.
fn failed(last: &Last) -> String {
    let mut out = String::new();
    let rule = last.rule.as_deref().unwrap_or("a rule");
    let says = last.says.as_deref().map(|says| format!(": {says}")).unwrap_or_default();
    out.push_str(&format!("its last check broke {rule}{says}\n"));
    if let Some(scenario) = &last.scenario {
        let weather = last.weather.as_deref().filter(|weather| *weather != "none");
        let weather = weather.map(|weather| format!(", in {weather} weather")).unwrap_or_default();
        out.push_str(&format!("  in \"{scenario}\"{weather}\n"));
    }
    if let Some(place) = &last.place {
        out.push_str(&format!("  at {place}\n"));
    }
    out
}
