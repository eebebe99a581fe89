//! `lab run LESSON`: play the demo and print its timeline.

use clap::Args;

use crate::cargo;
use crate::catalogue::{self, Catalogue, Lesson};
use crate::error::{Error, Result};
use crate::pattern::CallPattern;
use crate::play::{self, Begin, Input, Part};
use crate::tracer::launch::Streams;

use super::Outcome;
use super::output::{ColorChoice, Drawing};
use super::record::{Recorder, record};

#[derive(Args)]
#[command(after_help = "Examples:\n  lab run 1\n  lab run one-shot --as json -o one-shot.json")]
pub struct Run {
    /// A number, a unique part of a name, or a whole name
    #[arg(value_name = "LESSON")]
    lesson: String,
    #[command(flatten)]
    recorder: Recorder,
    #[command(flatten)]
    drawing: Drawing,
}

impl Run {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        self.drawing.check()?;
        let root = catalogue::root(&working_folder()?)?;
        let catalogue = Catalogue::open(&root)?;
        let lesson = catalogue.read(catalogue.find_one(&self.lesson)?)?;
        check_starts(&lesson)?;
        let (package, bin) = (lesson.package(), lesson.demo());
        let program = cargo::Program { root: &root, package: &package, bin };
        let binary = cargo::build(&program, color.into())?.to_string_lossy().into_owned();
        let settings = self.recorder.settings(Streams::Own, false);
        record(Some(lesson.name.clone()), parts(&lesson, &binary), settings, &self.drawing, color)
    }
}

/// Fails if a role waits for a pattern that cannot be read: before anything is built.
fn check_starts(lesson: &Lesson) -> Result<()> {
    for after in lesson.roles.iter().filter_map(|role| role.after.as_ref()) {
        let read = after.as_ref().parse::<CallPattern>();
        read.map_err(|error| lesson.error_at(after, error.to_string()))?;
    }
    Ok(())
}

/// The lesson's roles, each played by `binary` with the role's name as its argument.
pub fn parts(lesson: &Lesson, binary: &str) -> Vec<Part> {
    lesson
        .roles
        .iter()
        .map(|role| {
            let name = role.name.as_ref().clone();
            Part {
                command: vec![binary.to_string(), name.clone()],
                env: play::environment(&name),
                name,
                begin: match &role.after {
                    Some(after) => Begin::After(after.as_ref().clone()),
                    None => Begin::AtOnce,
                },
                ends: Some(role.ends),
                input: if role.stdin.is_empty() {
                    Input::Idle
                } else {
                    Input::Lines(role.stdin.clone())
                },
            }
        })
        .collect()
}

/// Where the user stands.
pub fn working_folder() -> Result<std::path::PathBuf> {
    std::env::current_dir().map_err(|error| Error::file("find", ".".as_ref(), &error))
}
