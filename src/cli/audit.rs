//! `lab audit`: hold lessons to what they promise.
//!
//! Every text is written; the demo plays as its golden files have it; the exercise fails as shipped; every solution passes;
//! every mistake fails by the rule it is named after (`mistakes/reads-until-the-end.once.rs` by `reads-until-the-end`),
//! which is its first finding; and what the lab says of all of them is what stands in verdicts.snap. A rule that no mistake
//! is named after is named: nobody knows whether it can fail.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::author;
use crate::catalogue::{self, Catalogue, Demo, Lesson};
use crate::copy;
use crate::error::{Error, Result};
use crate::event::Recording;
use crate::grade::{Cell, Grade, Graded, Judgement};
use crate::play;
use crate::play::check::Check as Checked;
use crate::progress;
use crate::render::{json, svg, text, verdict};
use crate::timeline::timeline;
use crate::tracer;

use super::Outcome;
use super::output::{self, ColorChoice, Progress, say};
use super::predict::played;
use super::predictor::Predictor;
use super::run::{build, build_ahead, demo_run, parts, working_folder};

#[derive(Args)]
#[command(after_help = "Examples:
  lab audit 3
  lab audit 3 --program solutions --times 2

What --accept writes is what a learner will see: read its difference.")]
pub struct Audit {
    /// Numbers, ranges (1..3), unique parts of names, or whole names; none: all
    #[arg(value_name = "LESSON")]
    lessons: Vec<String>,
    /// Make every run so many times: each must end the same
    #[arg(long, value_name = "N", default_value = "1")]
    times: std::num::NonZeroU32,
    /// Chooses texts, numbers of clients, pieces and faults
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = super::record::whole_number, allow_negative_numbers = true)]
    seed: u64,
    /// How many runs go on at once; by default one for each processor
    #[arg(short, long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,
    /// Only the programs whose file has this in its name (`mistakes/steps-met`), and no golden files
    #[arg(long, value_name = "NAME", conflicts_with = "accept")]
    program: Option<String>,
    /// Write the lesson's golden files anew: timelines, pictures, recordings, verdicts.snap
    #[arg(long)]
    accept: bool,
}

/// What a program of a lesson must come to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Must {
    Pass,
    /// Fail, by this rule first.
    FailBy(String),
    /// Fail, by one of these first.
    FailByOneOf(Vec<String>),
}

/// One of a lesson's programs.
struct Program {
    /// `mistakes/steps-met.rs`.
    file: String,
    must: Must,
}

/// What stands before the verdicts in verdicts.snap, as in every golden file.
const HEADER: &str = "---\nsource: lab audit\n---\n";

/// What stands before a golden timeline, which a test compares as well.
const TIMELINE: &str = "---\nsource: tests/lessons.rs\n---\n";

impl Audit {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        let root = catalogue::root(&working_folder()?)?;
        if copy::is_copy(&root) {
            return Err(Error::Usage {
                why: "an audit is for the repository: a copy has neither solutions nor wrong turns"
                    .into(),
                next: "lab check --all".into(),
            });
        }
        let catalogue = Catalogue::open(&root)?;
        let mut faults = 0;
        for lesson in self.lessons(&catalogue)? {
            let found = match self.lesson(&catalogue, &lesson, color) {
                // This machine cannot play it.
                Err(error) if error.is_lack() => {
                    output::to_stderr(&format!("skipped: {}: {error}\n", lesson.name));
                    continue;
                }
                found => found?,
            };
            for fault in &found {
                say(&format!("{}: {fault}\n", lesson.name));
            }
            if found.is_empty() {
                say(&format!("{}: clean\n", lesson.name));
            }
            faults += found.len();
        }
        Ok(if faults == 0 { Outcome::Holds } else { Outcome::Broken })
    }

    fn lessons(&self, catalogue: &Catalogue) -> Result<Vec<Lesson>> {
        if self.lessons.is_empty() {
            return catalogue.read_all().into_iter().collect();
        }
        let mut names = BTreeSet::new();
        for wanted in &self.lessons {
            names.extend(catalogue.find(wanted)?);
        }
        names.into_iter().map(|name| catalogue.read(name)).collect()
    }

    /// What is wrong with a lesson, in words.
    fn lesson(
        &self,
        catalogue: &Catalogue,
        lesson: &Lesson,
        color: ColorChoice,
    ) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        let mut programs = programs(lesson)?;
        if self.program.is_none() {
            let demos = lesson.demos.iter().map(|demo| demo.program.as_ref().as_str());
            let sources = programs.iter().map(|program| program.file.as_str());
            let all = demos.chain(sources.filter(|file| file.ends_with(".rs")));
            build_ahead(catalogue.root(), lesson, all, color);
            let unwritten = author::unwritten(catalogue.root(), lesson)?;
            faults.extend(unwritten.iter().map(Error::to_string));
            faults.extend(self.demos(catalogue.root(), lesson, color)?);
            faults.extend(asks(catalogue.root(), lesson, color)?);
        }
        if !lesson.is_graded() {
            return Ok(faults);
        }
        if let Some(name) = &self.program {
            programs.retain(|program| program.file.contains(name));
            if programs.is_empty() {
                faults.push(format!("no program has `{name}` in its name"));
            }
        }
        let (mut told, mut lacking) = (String::new(), String::new());
        let progress = Progress::of(programs.len(), color);
        for program in &programs {
            progress.begin(&format!("{}: {}", lesson.name, program.file));
            if let Some(fault) = unlisted(lesson, &program.file)? {
                faults.push(fault);
                continue;
            }
            let grade = match self.grader(catalogue, lesson, program, color) {
                Ok(grade) => grade,
                Err(error @ Error::Build { .. }) => {
                    faults.push(format!("{}: {error}", program.file));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let first = grade()?;
            for time in 2..=self.times.get() {
                if let Some(other) = other_than(&first, &grade()?) {
                    faults.push(format!("{}: time {time} differs in {other}", program.file));
                    break;
                }
            }
            faults.extend(judge(program, &first));
            lacking = first.lacking().join(", ");
            if program.must != Must::Pass {
                told.push_str(&format!("# {}\n\n{}", program.file, verdict::lesson(&first, false)));
            }
            progress.done();
        }
        if self.program.is_none() {
            faults.extend(uncaught(lesson, &programs)?);
            faults.extend(self.compare(lesson, &told, &lacking)?);
        }
        Ok(faults)
    }

    /// What grades one of a lesson's programs, or answers, as often as it is asked.
    fn grader<'a>(
        &self,
        catalogue: &Catalogue,
        lesson: &'a Lesson,
        program: &'a Program,
        color: ColorChoice,
    ) -> Result<Box<dyn Fn() -> Result<Graded> + 'a>> {
        if lesson.prediction.is_some() {
            let predictor = Predictor::new(catalogue, lesson, color)?;
            return Ok(Box::new(move || {
                let cells = vec![predictor.judge(&program.file)?];
                Ok(Graded::new(lesson.number, &lesson.name, cells))
            }));
        }
        let binary = build(catalogue.root(), lesson, &program.file, color)?;
        let mut check = Checked::new(lesson, format!("lab check {}", lesson.number))?;
        check.play_by(|role| vec![binary.clone(), role.into()]);
        check.play_others_by(|file| build(catalogue.root(), lesson, file, color))?;
        check.source = Some(lesson.places());
        check.seed = self.seed;
        let jobs = self.jobs.or_else(|| std::thread::available_parallelism().ok());
        check.jobs = jobs.map_or(1, |jobs| jobs.get());
        Ok(Box::new(move || Ok(graded(lesson, &check))))
    }

    /// The demo and its variants, as their golden timelines have them.
    fn demos(&self, root: &Path, lesson: &Lesson, color: ColorChoice) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        for demo in &lesson.demos {
            let binary = build(root, lesson, demo.program.as_ref(), color)?;
            faults.extend(self.demo(lesson, demo, &binary)?);
        }
        Ok(faults)
    }

    fn demo(&self, lesson: &Lesson, demo: &Demo, binary: &str) -> Result<Vec<String>> {
        let settings = tracer::Settings::default();
        let request = demo_run(lesson, demo, parts(demo, binary), settings)?;
        let mut faults = Vec::new();
        for time in 1..=self.times.get() {
            let recording = play::play(&request, &mut |_| {})?;
            if !recording.isolation.lacking.is_empty() {
                let lacking = recording.isolation.lacking.join(", ");
                let file = demo.golden();
                output::to_stderr(&format!(
                    "skipped: {file}.snap shows packets, and this machine lacks {lacking}\n"
                ));
                return Ok(Vec::new());
            }
            for (file, text) in goldens(demo, &recording) {
                let path = lesson.folder.join(&file);
                if self.accept && time == 1 {
                    progress::replace(&path, text.as_bytes(), None)?;
                }
                let other = match std::fs::read_to_string(&path) {
                    Ok(golden) => difference(&golden, &text, &recording),
                    Err(_) => Some(format!("there is no {file}; {}", accepts(lesson))),
                };
                faults.extend(other.map(|why| match path.is_file() {
                    true => format!("{}, time {time}: {file}: {why}", demo.program.as_ref()),
                    false => why,
                }));
            }
            if !faults.is_empty() {
                break;
            }
        }
        Ok(faults)
    }

    /// What the lab has told of the lesson's programs, with what stands in its golden file, which was made where nothing was
    /// lacking.
    fn compare(&self, lesson: &Lesson, told: &str, lacking: &str) -> Result<Vec<String>> {
        if !lacking.is_empty() {
            output::to_stderr(&format!(
                "skipped: verdicts.snap tells of isolated runs, and this machine lacks {lacking}\n"
            ));
            return Ok(Vec::new());
        }
        let path = lesson.folder.join("verdicts.snap");
        if self.accept {
            let text = format!("{HEADER}{}\n", told.trim_end());
            progress::replace(&path, text.as_bytes(), None)?;
            return Ok(Vec::new());
        }
        match std::fs::read_to_string(&path) {
            Ok(golden) if body(&golden) == told.trim_end() => Ok(Vec::new()),
            Ok(golden) => {
                let at = first_difference(body(&golden), told.trim_end());
                Ok(vec![format!("other than verdicts.snap: {at}")])
            }
            Err(_) => Ok(vec![format!("there is no verdicts.snap; {}", accepts(lesson))]),
        }
    }
}

/// The command that writes what is missing.
fn accepts(lesson: &Lesson) -> String {
    format!("lab audit {} --accept writes it", lesson.number)
}

/// The golden files of a demo, by their names.
fn goldens(demo: &Demo, recording: &Recording) -> [(String, String); 3] {
    let timeline = timeline(recording);
    let drawn = text::text(&timeline, &text::Style::default());
    [
        (format!("{}.snap", demo.golden()), format!("{TIMELINE}{}\n", drawn.trim_end())),
        (demo.picture(), svg::svg(&timeline)),
        (demo.recording(), json::write_short(&recording.to_keep())),
    ]
}

/// In what a golden file is other than what was played, if it is.
fn difference(golden: &str, played: &str, recording: &Recording) -> Option<String> {
    let same = match json::parse(golden.as_bytes(), Path::new("recording.json")) {
        // Where the kernel has other calls, the same program makes others.
        Ok(kept) => kept.arch != recording.arch || kept.same_as(&recording.to_keep()),
        Err(_) => body(golden) == body(played),
    };
    (!same).then(|| first_difference(body(golden), body(played)))
}

/// A program that Cargo.toml does not name, so that cargo does not build it.
fn unlisted(lesson: &Lesson, file: &str) -> Result<Option<String>> {
    let manifest = lesson.shipped("Cargo.toml")?.filter(|_| file.ends_with(".rs"));
    let Some(manifest) = manifest else { return Ok(None) };
    let listed = copy::manifest::names(&String::from_utf8_lossy(&manifest), file);
    let bin = lesson.bin(file);
    Ok(match listed {
        Some(_) => None,
        None => Some(format!("{file}: Cargo.toml has no [[bin]] `{bin}` with this path")),
    })
}

/// The exercise, the solutions and the mistakes of a lesson, in the order of their names.
fn programs(lesson: &Lesson) -> Result<Vec<Program>> {
    let rules = lesson.rules.iter().map(|rule| rule.id.as_ref().clone());
    let ids = rules.chain(lesson.questions()?.into_iter().map(|question| question.id)).collect();
    let must = match &lesson.exercise.breaks {
        Some(rule) => Must::FailBy(rule.as_ref().clone()),
        None => Must::FailByOneOf(ids),
    };
    let (exercise, end) = match lesson.prediction {
        Some(_) => ("predict.toml", "toml"),
        None => ("exercise.rs", "rs"),
    };
    let mut all = vec![Program { file: exercise.into(), must }];
    for folder in ["solutions", "mistakes"] {
        for stem in stems(&lesson.folder.join(folder), end)? {
            let must = match folder {
                "solutions" => Must::Pass,
                _ => Must::FailBy(stem.split('.').next().unwrap_or(&stem).to_owned()),
            };
            all.push(Program { file: format!("{folder}/{stem}.{end}"), must });
        }
    }
    Ok(all)
}

/// The names of the files with this end in a folder, without it; none if there is no such folder.
fn stems(folder: &PathBuf, end: &str) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::file("read", folder, &error)),
    };
    let mut stems = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| Error::file("read", folder, &error))?.path();
        if path.extension().is_some_and(|it| it == end) {
            stems.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    stems.sort();
    Ok(stems)
}

fn graded(lesson: &Lesson, check: &Checked) -> Graded {
    let mut cells = check.fair(&|_| ());
    let foul = check.foul(&cells, &|_| ());
    cells.extend(foul);
    Graded::new(lesson.number, &lesson.name, cells)
}

/// The first cell in which two checks of one program differ.
fn other_than(first: &Graded, other: &Graded) -> Option<String> {
    let mut pairs = first.cells.iter().zip(&other.cells);
    let (one, two) = pairs.find(|(one, two)| one != two)?;
    let told = |cell: &Cell| match (&cell.verdict.result, cell.verdict.findings.first()) {
        (Judgement::Undetermined { why }, _) => format!("undetermined, {why}"),
        (result, None) => result.name().to_owned(),
        (result, Some(finding)) => format!("{}, {}: {}", result.name(), finding.rule, finding.did),
    };
    Some(format!("{}: was {}; is {}", one.name(), told(one), told(two)))
}

/// What is wrong with what came of a program.
fn judge(program: &Program, graded: &Graded) -> Option<String> {
    let file = &program.file;
    if let Some(why) = graded.cells.iter().find_map(|cell| match &cell.verdict.result {
        Judgement::Undetermined { why } => Some(format!("{}: {why}", cell.name())),
        _ => None,
    }) {
        return Some(format!("{file} could not be judged: {why}"));
    }
    let first = graded.findings().find(|(_, finding)| finding.grade != Grade::Note);
    match (&program.must, first) {
        (Must::Pass, None) => None,
        (Must::Pass, Some((cell, finding))) => Some(format!(
            "{file} must pass, and breaks `{}` in \"{}\": {}; {}",
            finding.rule,
            cell.name(),
            finding.did,
            cell.next
        )),
        (Must::FailBy(rule), None) => Some(format!("{file} must fail by `{rule}`, and passes")),
        (Must::FailByOneOf(_), None) => Some(format!("{file} must fail as shipped, and passes")),
        (Must::FailBy(rule), Some((_, finding))) if finding.rule == *rule => None,
        (Must::FailByOneOf(rules), Some((_, finding))) if rules.contains(&finding.rule) => None,
        (Must::FailBy(rule), Some((cell, finding))) => Some(format!(
            "{file} must fail by `{rule}`, and is caught first by `{}` in \"{}\": {}",
            finding.rule,
            cell.name(),
            finding.did
        )),
        (Must::FailByOneOf(_), Some((cell, finding))) => Some(format!(
            "{file} must fail by a rule of the lesson, and is caught first by `{}` in \"{}\": {}",
            finding.rule,
            cell.name(),
            finding.did
        )),
    }
}

/// How many questions `lab predict` has for each lesson, at least.
const ASKS: usize = 3;

/// What is wrong with what is asked about the demo.
fn asks(root: &Path, lesson: &Lesson, color: ColorChoice) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    if lesson.asks.len() < ASKS {
        faults.push(format!("{} `[[ask]]`s, and {ASKS} are wanted", lesson.asks.len()));
    }
    let (_, unmatched) = played(root, lesson, color)?;
    faults.extend(unmatched.iter().map(Error::to_string));
    Ok(faults)
}

/// Rules that no mistake is named after.
fn uncaught(lesson: &Lesson, programs: &[Program]) -> Result<Vec<String>> {
    let named = |id: &str| {
        let is_named = |it: &&Program| {
            it.file.starts_with("mistakes/") && it.must == Must::FailBy(id.to_owned())
        };
        programs.iter().any(|program| is_named(&program))
    };
    let rules = lesson.grading()?.rules.into_iter().map(|rule| rule.id);
    let ids = rules.chain(lesson.questions()?.into_iter().map(|question| question.id));
    let bare = ids.filter(|id| !named(id));
    Ok(bare.map(|id| format!("no mistake is named after the rule `{id}`")).collect())
}

/// A golden file below its header.
fn body(golden: &str) -> &str {
    golden.splitn(3, "---\n").nth(2).unwrap_or(golden).trim_end()
}

/// Where two texts begin to differ.
fn first_difference(golden: &str, found: &str) -> String {
    let (mut left, mut right) = (golden.lines(), found.lines());
    let mut line = 0;
    loop {
        line += 1;
        match (left.next(), right.next()) {
            (None, None) => return "only in its blanks".into(),
            (one, two) if one == two => {}
            (one, two) => {
                let said = |line: Option<&str>| {
                    line.map_or("nothing".to_owned(), |line| format!("`{}`", line.trim()))
                };
                return format!("line {line} was {} and is {}", said(one), said(two));
            }
        }
    }
}
