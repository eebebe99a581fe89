//! `lab check`: grade a learner's program by what it did.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::catalogue::{Catalogue, Lesson};
use crate::error::{Error, Result};
use crate::grade::{Cell, Finding, Grade, Graded, Judgement, Report, Verdict};
use crate::play::check::Check as Checked;
use crate::render::{reports, verdict};
use crate::tracer::weather::Weather;

use super::Outcome;
use super::home::Home;
use super::output::{self, ColorChoice, Linked, Progress, to_stdout};
use super::predictor::Predictor;
use super::target::{Target, jobs, play_others};

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
    #[command(flatten)]
    target: Target,
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
        let home = Home::open(self.target.pack.pack.as_deref())?;
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
            let again = lessons
                .first()
                .map(|lesson| self.target.replay("check", lesson))
                .unwrap_or_default();
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
            self.target.predicts(lesson)?;
            let predictor = Predictor::new(catalogue, lesson, color)?;
            graded.cells.push(predictor.judge("predict.toml")?);
            say(verdict::head(&graded, paint) + &verdict::fair(&graded, paint));
            return Ok((graded, true));
        }
        let (mut check, foreign) = self.target.check("check", lesson)?;
        match self.weather.as_str() {
            "all" => {}
            "none" => check.weathers.clear(),
            name => check.weathers = vec![name.parse::<Weather>()?],
        }
        let whole = check.is_whole(lesson) && self.weather == "all";
        play_others(&mut check, (catalogue, lesson), color)?;
        match self.target.play_by(
            &mut check,
            &foreign,
            self.seed,
            (catalogue, lesson, "exercise.rs"),
            color,
        ) {
            Ok(()) => check.jobs = jobs(self.jobs),
            Err(error @ Error::Build { .. }) => {
                graded.cells.push(not_built(&check, &error));
                say(verdict::head(&graded, paint) + &verdict::fair(&graded, paint));
                return Ok((graded, true));
            }
            Err(error) => return Err(error),
        }
        graded.cells = shown(&check, check.plans.len(), color, |check, done| check.fair(done));
        say(verdict::head(&graded, paint) + &verdict::fair(&graded, paint));
        let all = check.plans.len() * check.weathers.len();
        let foul = shown(&check, all, color, |check, done| check.foul(&graded.cells, done));
        graded.cells.extend(foul);
        say(verdict::foul(&graded, paint));
        Ok((graded, whole))
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
