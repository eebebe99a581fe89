//! Whose program is played, and in which of a lesson's scenarios: what `check` and `explore` share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::Args;

use crate::catalogue::{Catalogue, Lesson};
use crate::error::{Error, Result};
use crate::play::check::Check;
use crate::scenario::Plan;

use super::home::PackOption;
use super::output::ColorChoice;
use super::run::{build, build_shipped};

#[derive(Args)]
pub struct Target {
    /// Grade this program instead of exercise.rs, in whatever language
    #[arg(long, value_name = "CMD")]
    pub bin: Option<String>,
    /// The same, by the name of the graded role; may be given for each
    #[arg(long, value_name = "NAME=CMD", conflicts_with = "bin")]
    pub role: Vec<String>,
    /// Only this scenario: its name or a part of it
    #[arg(long, value_name = "NAME")]
    pub scenario: Option<String>,
    #[command(flatten)]
    pub pack: PackOption,
}

/// The commands that are graded instead of the exercise, by the role that each plays; none: the exercise is.
pub type Foreign = BTreeMap<String, Vec<String>>;

impl Target {
    /// What is asked of the program, in the scenarios that are meant. Nothing is built yet: what is wrong with the lesson or
    /// the command line is told before that.
    pub fn check(&self, command: &str, lesson: &Lesson) -> Result<(Check, Foreign)> {
        let mut check = Check::new(lesson, self.replay(command, lesson))?;
        let foreign = self.foreign(lesson, &check)?;
        self.narrow(&mut check, &foreign)?;
        Ok((check, foreign))
    }

    /// Has it played by the program, which by default chooses the seed: the one that is named, or the lesson's of this file,
    /// which is built.
    pub fn play_by(
        &self,
        check: &mut Check,
        foreign: &Foreign,
        seed: Option<u64>,
        (catalogue, lesson, file): (&Catalogue, &Lesson, &str),
        color: ColorChoice,
    ) -> Result<()> {
        if foreign.is_empty() {
            let binary = build(catalogue.root(), lesson, file, color)?;
            check.source = Some(lesson.places());
            check.play_by(|role| vec![binary.clone(), role.into()]);
            check.seed = seed_of([&binary]);
        } else {
            check.play_by(|role| foreign.get(role).cloned().unwrap_or_default());
            check.seed = seed_of(foreign.values().flatten());
        }
        check.seed = seed.unwrap_or(check.seed);
        Ok(())
    }

    /// Fails if a program is named for a lesson that asks for a prediction.
    pub fn predicts(&self, lesson: &Lesson) -> Result<()> {
        if self.bin.is_none() && self.role.is_empty() && self.scenario.is_none() {
            return Ok(());
        }
        Err(wants_prediction(lesson))
    }

    /// The command of this name about the same program.
    pub fn replay(&self, command: &str, lesson: &Lesson) -> String {
        let bin = self.bin.iter().map(|command| ("--bin", command));
        let pack = self.pack.pack.as_ref().map(|pack| pack.to_string_lossy().into_owned());
        let programs = bin.chain(self.role.iter().map(|command| ("--role", command)));
        let programs = programs.chain(pack.iter().map(|pack| ("--pack", pack)));
        programs.fold(format!("lab {command} {}", lesson.number), |all, (option, value)| {
            format!("{all} {option} {}", shell_words::quote(value))
        })
    }

    /// The commands that are to be graded instead of the exercise, by the role that each plays; none: the exercise is.
    fn foreign(&self, lesson: &Lesson, check: &Check) -> Result<Foreign> {
        if let Some(command) = &self.bin {
            let command = words("--bin", command, command)?;
            return Ok(check.roles().map(|role| (role.to_owned(), command.clone())).collect());
        }
        by_role(&self.role, &format!("lab check {} --bin CMD", lesson.number), |name| {
            if check.roles().any(|graded| graded == name) {
                return Ok(());
            }
            let graded: Vec<String> = check.roles().map(|it| format!("`{it}`")).collect();
            let graded = graded.join(" and ");
            Err(format!("lesson {} grades {graded}, and plays all others itself", lesson.name))
        })
    }

    /// Leaves of all scenarios those that are asked for, and for which there is a program.
    fn narrow(&self, check: &mut Check, foreign: &Foreign) -> Result<()> {
        if !foreign.is_empty() {
            let all = std::mem::take(&mut check.plans);
            let played = |plan: &Plan| foreign.keys().any(|role| check.plays(role, plan));
            check.plans = all.into_iter().filter(played).collect();
        }
        let Some(wanted) = &self.scenario else { return Ok(()) };
        let exactly = check.plans.iter().any(|plan| plan.name == *wanted);
        let fits = |name: &str| match exactly {
            true => name == wanted,
            false => name.to_lowercase().contains(&wanted.to_lowercase()),
        };
        let names: Vec<String> = check.plans.iter().map(|plan| plan.name.clone()).collect();
        check.plans.retain(|plan| fits(&plan.name));
        if check.plans.len() == 1 {
            return Ok(());
        }
        let why = if check.plans.is_empty() {
            let likeness = |name: &&String| strsim::jaro_winkler(name, wanted);
            let near = names.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            let near = near.filter(|near| likeness(near) > 0.6);
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            format!("no scenario `{wanted}`{near}")
        } else {
            let fitting: Vec<String> =
                check.plans.iter().map(|plan| format!("`{}`", plan.name)).collect();
            format!("`{wanted}` fits several scenarios: {}", fitting.join(", "))
        };
        let names: Vec<String> =
            names.iter().map(|name| shell_words::quote(name).into_owned()).collect();
        Err(Error::Usage { why, next: format!("--scenario with one of {}", names.join(", ")) })
    }
}

/// Runs that go on at once if nobody says how many.
pub fn jobs(wanted: Option<std::num::NonZeroUsize>) -> usize {
    wanted.or_else(|| std::thread::available_parallelism().ok()).map_or(1, |n| n.get())
}

/// A lesson without a program has none that could be played.
pub fn wants_prediction(lesson: &Lesson) -> Error {
    Error::Usage {
        why: format!("lesson {} asks for a prediction, not for a program", lesson.name),
        next: format!("lab check {}", lesson.number),
    }
}

/// Builds the lesson's own programs that play with the one under test, as they are shipped.
pub fn play_others(
    check: &mut Check,
    (catalogue, lesson): (&Catalogue, &Lesson),
    color: ColorChoice,
) -> Result<()> {
    check.play_others_by(|file| build_shipped(catalogue.root(), lesson, file, color))
}

/// The commands of each `--role NAME=CMD`, by the name, of which `known` says what is wrong with it.
pub fn by_role(
    options: &[String],
    next: &str,
    known: impl Fn(&str) -> std::result::Result<(), String>,
) -> Result<Foreign> {
    let mut commands = Foreign::new();
    for option in options {
        let wrong = |why: String| Error::Usage {
            why: format!("`--role {option}`: {why}"),
            next: next.to_owned(),
        };
        let (name, command) =
            option.split_once('=').ok_or_else(|| wrong("there is no `=`".into()))?;
        known(name).map_err(wrong)?;
        if commands.insert(name.to_owned(), words("--role", option, command)?).is_some() {
            return Err(wrong(format!("`{name}` is given twice")));
        }
    }
    Ok(commands)
}

/// A command as a shell splits it; no shell runs it.
pub fn words(option: &str, value: &str, command: &str) -> Result<Vec<String>> {
    let wrong = |why: &str| Error::Usage {
        why: format!("`{option} {value}`: {why}"),
        next: "lab check 3 --bin 'python3 echo.py'".into(),
    };
    let words = shell_words::split(command).map_err(|_| wrong("a quote is not closed"))?;
    if words.is_empty() {
        return Err(wrong("there is no command"));
    }
    Ok(words)
}

/// A seed that is the same as long as the program is: another program meets other texts, so that answers cannot be
/// learned by heart.
fn seed_of<'a>(command: impl IntoIterator<Item = &'a String>) -> u64 {
    // FNV-1a, which is the same on every machine.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let files: BTreeSet<&String> =
        command.into_iter().filter(|word| Path::new(word).is_file()).collect();
    for file in files {
        for byte in std::fs::read(file).unwrap_or_default() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    1 + hash % 1000
}
