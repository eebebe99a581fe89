//! `lab check`: grade a learner's program by what it did.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::catalogue::{Catalogue, Lesson};
use crate::error::{Error, Result};
use crate::grade::{Cell, Finding, Grade, Graded, Judgement, Report, Verdict};
use crate::play::check::Check as Checked;
use crate::render::{reports, verdict};
use crate::scenario::Plan;
use crate::tracer::weather::Weather;

use super::Outcome;
use super::home::{Home, PackOption};
use super::output::{self, ColorChoice, Linked, Progress, to_stdout};
use super::predictor::Predictor;
use super::run::build;

#[derive(Args)]
#[command(after_help = "Examples:
  lab check 3
  lab check 3 --bin 'python3 echo.py'
  lab check 3 --scenario 'a mebibyte' --weather short-read --seed 7
  lab check 1..3 --as junit -o report.xml

A pass in every scenario and weather solves the lesson, in whatever language.

0: every rule holds; 1: one is broken; 2: the lab could not find out.")]
pub struct Check {
    /// Numbers, ranges (1..3), unique parts of names, or whole names; none: the current lesson
    #[arg(value_name = "LESSON")]
    lessons: Vec<String>,
    /// Every lesson that has an exercise
    #[arg(long, conflicts_with = "lessons")]
    all: bool,
    /// Grade this program instead of exercise.rs, in whatever language
    #[arg(long, value_name = "CMD")]
    bin: Option<String>,
    /// The same, by the name of the graded role; may be given for each
    #[arg(long, value_name = "NAME=CMD", conflicts_with = "bin")]
    role: Vec<String>,
    /// Only this scenario: its name or a part of it
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    #[command(flatten)]
    pack: PackOption,
    /// Which faults it meets after fair weather: `none`, one by name, or all that the lesson asks for
    #[arg(long, value_name = "NAME|none|all", default_value = "all")]
    weather: String,
    /// Chooses texts, numbers of clients, pieces and faults; by default the program itself does
    #[arg(long, value_name = "N", value_parser = super::record::whole_number, allow_negative_numbers = true)]
    seed: Option<u64>,
    /// How many runs go on at once; by default one for each processor
    #[arg(short, long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,
    /// How to tell it
    #[arg(long = "as", value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
    /// Write it to FILE instead of stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// How a report is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person: what the program did, and what it lacks
    #[default]
    Text,
    Json,
    /// JUnit's XML
    Junit,
    /// The Test Anything Protocol, version 14
    Tap,
    /// results.json of a Gradescope autograder
    Gradescope,
    /// Annotations of GitHub Actions
    Github,
}

impl Check {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        if let Some(path) = &self.output {
            output::can_write(path)?;
        }
        let home = Home::open(self.pack.pack.as_deref())?;
        home.can_record()?;
        let lessons = self.lessons(&home)?;
        let live = self.format == Format::Text && self.output.is_none();
        let paint = self.format == Format::Text && color.on(self.output.is_some());
        let mut report = Report::default();
        let mut text = String::new();
        let linked = Linked::new(&home.catalogue, color);
        let mut say = |part: String| {
            if live {
                linked.say(&part);
            }
            text.push_str(&part);
        };
        for lesson in &lessons {
            let (graded, whole) = self.lesson(&home.catalogue, lesson, color, paint, &mut say)?;
            home.record(lesson, &graded, whole, lessons.len() == 1)?;
            report.lessons.push(graded);
        }
        if report.lessons.len() > 1 {
            say(verdict::summary(&report, paint));
        }
        if live {
            let again = lessons.first().map(|lesson| self.replay(lesson)).unwrap_or_default();
            linked.say(&home.after_check(&lessons, &report, &again)?);
        }
        let told = match self.format {
            Format::Text => text,
            Format::Json => reports::json(&report),
            Format::Junit => reports::junit(&report),
            Format::Tap => reports::tap(&report),
            Format::Gradescope => reports::gradescope(&report),
            Format::Github => reports::github(&report),
        };
        match &self.output {
            Some(path) => output::to_file(path, told.as_bytes())?,
            None if !live => to_stdout(&told),
            None => {}
        }
        Ok(outcome(&report))
    }

    fn lessons(&self, home: &Home) -> Result<Vec<Lesson>> {
        let catalogue = &home.catalogue;
        if self.all {
            let all = catalogue.read_all().into_iter().collect::<Result<Vec<_>>>()?;
            return Ok(all.into_iter().filter(|lesson| lesson.is_graded()).collect());
        }
        if self.lessons.is_empty() {
            return Ok(vec![home.one_or_current(None)?]);
        }
        let mut lessons: Vec<Lesson> = Vec::new();
        for wanted in &self.lessons {
            for name in catalogue.find(wanted)? {
                if lessons.iter().all(|lesson| lesson.name != name.whole) {
                    lessons.push(catalogue.read(name)?);
                }
            }
        }
        // A range may reach over lessons that have nothing to check; who names one hears of it.
        if lessons.len() > 1 {
            lessons.retain(Lesson::is_graded);
        }
        Ok(lessons)
    }

    /// The verdict of one lesson, and whether it is of all its scenarios and weathers.
    fn lesson(
        &self,
        catalogue: &Catalogue,
        lesson: &Lesson,
        color: ColorChoice,
        paint: bool,
        say: &mut impl FnMut(String),
    ) -> Result<(Graded, bool)> {
        let mut graded = Graded::new(lesson.number, &lesson.name, Vec::new());
        if lesson.prediction.is_some() {
            self.predicts(lesson)?;
            let predictor = Predictor::new(catalogue, lesson, color)?;
            graded.cells.push(predictor.judge("predict.toml")?);
            say(verdict::head(&graded, paint) + &verdict::fair(&graded, paint));
            return Ok((graded, true));
        }
        // What is wrong with the lesson or the command line is told before anything is built.
        let mut check = Checked::new(lesson, self.replay(lesson))?;
        let foreign = self.foreign(lesson, &check)?;
        let all = check.plans.len();
        self.narrow(&mut check, &foreign)?;
        let whole = check.plans.len() == all && self.weather == "all";
        if foreign.is_empty() {
            match build(catalogue.root(), lesson, "exercise.rs", color) {
                Ok(binary) => {
                    check.source = Some(lesson.places());
                    check.play_by(|role| vec![binary.clone(), role.into()]);
                    check.seed = seed_of([&binary]);
                }
                Err(error @ Error::Build { .. }) => {
                    graded.cells.push(not_built(&check, &error));
                    say(verdict::head(&graded, paint) + &verdict::fair(&graded, paint));
                    return Ok((graded, true));
                }
                Err(error) => return Err(error),
            }
        } else {
            check.play_by(|role| foreign.get(role).cloned().unwrap_or_default());
            check.seed = seed_of(foreign.values().flatten());
        }
        check.seed = self.seed.unwrap_or(check.seed);
        check.jobs =
            self.jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, |n| n.get());
        graded.cells = shown(&check, check.plans.len(), color, |check, done| check.fair(done));
        say(verdict::head(&graded, paint) + &verdict::fair(&graded, paint));
        let all = check.plans.len() * check.weathers.len();
        let foul = shown(&check, all, color, |check, done| check.foul(&graded.cells, done));
        graded.cells.extend(foul);
        say(verdict::foul(&graded, paint));
        Ok((graded, whole))
    }

    /// Fails if what is asked for does not go with a prediction.
    fn predicts(&self, lesson: &Lesson) -> Result<()> {
        if self.bin.is_none() && self.role.is_empty() && self.scenario.is_none() {
            return Ok(());
        }
        Err(Error::Usage {
            why: format!("lesson {} asks for a prediction, not for a program", lesson.name),
            next: format!("lab check {}", lesson.number),
        })
    }

    /// The command that makes this check again.
    fn replay(&self, lesson: &Lesson) -> String {
        let bin = self.bin.iter().map(|command| ("--bin", command));
        let pack = self.pack.pack.as_ref().map(|pack| pack.to_string_lossy().into_owned());
        let programs = bin.chain(self.role.iter().map(|command| ("--role", command)));
        let programs = programs.chain(pack.iter().map(|pack| ("--pack", pack)));
        programs.fold(format!("lab check {}", lesson.number), |all, (option, command)| {
            format!("{all} {option} {}", shell_words::quote(command))
        })
    }

    /// The commands that are to be graded instead of the exercise, by the role that each plays; none: the exercise is.
    fn foreign(&self, lesson: &Lesson, check: &Checked) -> Result<BTreeMap<String, Vec<String>>> {
        if let Some(command) = &self.bin {
            let command = words("--bin", command, command)?;
            return Ok(check.roles().map(|role| (role.to_owned(), command.clone())).collect());
        }
        let mut commands = BTreeMap::new();
        for role in &self.role {
            let wrong = |why: String| Error::Usage {
                why: format!("`--role {role}`: {why}"),
                next: format!("lab check {} --bin CMD", lesson.number),
            };
            let (name, command) =
                role.split_once('=').ok_or_else(|| wrong("there is no `=`".into()))?;
            if !check.roles().any(|graded| graded == name) {
                let graded: Vec<String> = check.roles().map(|it| format!("`{it}`")).collect();
                return Err(wrong(format!(
                    "lesson {} grades {}, and plays all others itself",
                    lesson.name,
                    graded.join(" and ")
                )));
            }
            let command = words("--role", role, command)?;
            if commands.insert(name.to_owned(), command).is_some() {
                return Err(wrong(format!("`{name}` is given twice")));
            }
        }
        Ok(commands)
    }

    /// Leaves of all scenarios and weathers those that are asked for, and for which there is a program.
    fn narrow(&self, check: &mut Checked, foreign: &BTreeMap<String, Vec<String>>) -> Result<()> {
        if !foreign.is_empty() {
            let all = std::mem::take(&mut check.plans);
            let played = |plan: &Plan| foreign.keys().any(|role| check.plays(role, plan));
            check.plans = all.into_iter().filter(played).collect();
        }
        match self.weather.as_str() {
            "all" => {}
            "none" => check.weathers.clear(),
            name => check.weathers = vec![name.parse::<Weather>()?],
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

/// The verdicts of so many runs, which a bar counts while they go on.
fn shown(
    check: &Checked,
    runs: usize,
    color: ColorChoice,
    judge: impl FnOnce(&Checked, &(dyn Fn(&Cell) + Sync)) -> Vec<Cell>,
) -> Vec<Cell> {
    let progress = Progress::of(runs, color);
    judge(check, &|cell| {
        progress.done();
        progress.begin(&cell.name());
    })
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

/// The program does not compile: the compiler has said why.
fn not_built(check: &Checked, error: &Error) -> Cell {
    let finding = Finding {
        rule: "builds".into(),
        grade: Grade::Broken,
        says: "the program compiles".into(),
        did: format!("{error}; the compiler has said why"),
        lines: Vec::new(),
        events: Vec::new(),
        peer: None,
        printed: None,
        source: None,
        hint: None,
    };
    Cell {
        scenario: "build".into(),
        weather: None,
        seed: check.seed,
        verdict: Verdict { result: Judgement::Fail, findings: vec![finding] },
        lacking: Vec::new(),
        next: check.replay.clone(),
    }
}

/// What could not be found out is never passed and never merely failed.
fn outcome(report: &Report) -> Outcome {
    let results = || report.lessons.iter().map(Graded::result);
    if report.lessons.is_empty() || report.lessons.iter().any(Graded::is_undetermined) {
        Outcome::Unknown
    } else if results().all(|result| result == Judgement::Pass) {
        Outcome::Holds
    } else {
        Outcome::Broken
    }
}
