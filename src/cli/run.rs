//! `lab run LESSON`: play the demo and print its timeline.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;

use crate::cargo;
use crate::catalogue::{Demo, Lesson};
use crate::copy;
use crate::error::{Error, Result};
use crate::pattern::CallPattern;
use crate::play::check::weathers;
use crate::play::{self, Begin, Input, Part, Request, Scene};
use crate::sandbox;
use crate::tracer::{self, launch::Streams};

use super::Outcome;
use super::home::{Home, PackOption};
use super::output::{ColorChoice, Drawing, Tool, say};
use super::record::{Recorder, record, request};

#[derive(Args)]
#[command(after_help = "Examples:\n  lab run 1\n  lab run one-shot --as json -o one-shot.json")]
pub struct Run {
    /// A number, a unique part of a name, or a whole name
    #[arg(value_name = "LESSON")]
    lesson: String,
    /// Play this variant of the demo
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// List the sockets at each moment when everybody waits, as ss or as netstat does
    #[arg(long, value_enum, value_name = "TOOL", num_args = 0..=1, require_equals = true, default_missing_value = "ss")]
    sockets: Option<Tool>,
    #[command(flatten)]
    pack: PackOption,
    #[command(flatten)]
    recorder: Recorder,
    #[command(flatten)]
    drawing: Drawing,
}

impl Run {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        self.drawing.check()?;
        let home = Home::open(self.pack.pack.as_deref())?;
        let lesson = home.find_one(&self.lesson)?;
        let demo = lesson.demo(self.variant.as_deref())?;
        check_starts(&lesson, demo)?;
        let binary = build(home.root(), &lesson, demo.program.as_ref(), color)?;
        let settings = self.recorder.settings(Streams::Own, false);
        let request = demo_run(&lesson, demo, parts(demo, &binary), settings)?;
        let drawing = Drawing { sockets: self.sockets, ..self.drawing.clone() };
        let outcome = record(request, &drawing, color)?;
        if self.drawing.is_read() {
            say(&home.after_run(&lesson)?);
        }
        Ok(outcome)
    }
}

/// Builds one of a lesson's programs, by its file: the learner's, where there is a copy of it.
pub fn build(root: &Path, lesson: &Lesson, file: &str, color: ColorChoice) -> Result<String> {
    build_in(&copy::workspace(root, lesson, file, false)?, lesson, file, color)
}

/// The same as it is shipped, whatever the learner has made of the copy.
pub fn build_shipped(
    root: &Path,
    lesson: &Lesson,
    file: &str,
    color: ColorChoice,
) -> Result<String> {
    build_in(&copy::workspace(root, lesson, file, true)?, lesson, file, color)
}

fn build_in(root: &Path, lesson: &Lesson, file: &str, color: ColorChoice) -> Result<String> {
    // By the names that the manifest has, since a learner may have changed it before the lesson got another name.
    let manifest = root.join("lessons").join(&lesson.name).join("Cargo.toml");
    let names = std::fs::read_to_string(manifest).ok();
    let names = names.and_then(|text| copy::manifest::names(&text, file));
    let (package, bin) = names.unwrap_or_else(|| (lesson.package(), lesson.bin(file)));
    let program = cargo::Program { root, package: &package, bin: &bin };
    Ok(cargo::build(&program, color.into())?.to_string_lossy().into_owned())
}

/// Builds several of a lesson's programs at once. What cannot be built is told by whoever needs it.
pub fn build_ahead<'a>(
    root: &Path,
    lesson: &Lesson,
    files: impl Iterator<Item = &'a str>,
    color: ColorChoice,
) {
    let (package, bins) = (lesson.package(), files.map(|file| lesson.bin(file)));
    let bins: BTreeSet<String> = bins.collect();
    let programs: Vec<cargo::Program> =
        bins.iter().map(|bin| cargo::Program { root, package: &package, bin }).collect();
    let _ = cargo::build_all(&programs, color.into());
}

/// Fails if a role waits for a pattern that cannot be read, or there is no such weather: before anything is built.
fn check_starts(lesson: &Lesson, demo: &Demo) -> Result<()> {
    for after in demo.roles.iter().filter_map(|role| role.after.as_ref()) {
        let read = after.as_ref().parse::<CallPattern>();
        read.map_err(|error| lesson.error_at(after, error.to_string()))?;
    }
    weathers(lesson, demo.weather.as_slice()).map(drop)
}

/// A run of a demo by these programs, with what the world does meanwhile; its texts are always the same.
pub fn demo_run(
    lesson: &Lesson,
    demo: &Demo,
    roles: Vec<Part>,
    settings: tracer::Settings,
) -> Result<Request> {
    let weather = weathers(lesson, demo.weather.as_slice())?.pop();
    let scenario = lesson.demo_plan(demo)?.map(|plan| Scene { plan, seed: 1 });
    let settings = tracer::Settings { weather, ..settings };
    Ok(Request {
        scenario,
        sandbox: sandbox::Settings::of_a_lesson(),
        ..request(Some(lesson.name.clone()), roles, settings)
    })
}

/// The demo's roles, each played by `binary` with the role's name as its argument.
pub fn parts(demo: &Demo, binary: &str) -> Vec<Part> {
    demo.roles
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
    std::env::current_dir().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::Usage {
            why: "the working folder is no more (ENOENT)".into(),
            next: "cd to one that is there".into(),
        },
        _ => Error::file("find", ".".as_ref(), &error),
    })
}
