//! One lesson's program in all scenarios and weathers: Lesson → verdicts.
//!
//! The program under test is the only program of such a run, unless the scenario sets another one of the lesson's beside it;
//! the rest of the world are the scenario's peers. Each run
//! has a worker of its own, so several can go on at once; what came of them stands in the order in which they were asked
//! for, whoever was done first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::{Begin, Input, Part, Request, Scene, Wanted, environment, play};
use crate::catalogue::Lesson;
use crate::error::{Error, Result};
use crate::event::{Reason, Recording};
use crate::grade::{self, Cell, Judgement, Rules, Run, Unmet, Verdict};
use crate::scenario::{Plan, checkpoints};
use crate::timeline::timeline;
use crate::tracer::limits::Limits;
use crate::tracer::weather::Weather;
use crate::{sandbox, tracer};

/// Real time after which a run is ended, whatever it does: virtual time passes at once, so only a program that
/// computes gets there, or a machine that stands still.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A program and all that is asked of it.
#[derive(Clone, Debug)]
pub struct Check {
    /// The lesson's whole name.
    lesson: String,
    /// The roles that the program plays in one scenario or another, the one of `grades` first.
    casts: Vec<Cast>,
    /// The binaries of the programs that play with it, by their files.
    others: BTreeMap<String, String>,
    rules: Rules,
    pub plans: Vec<Plan>,
    pub weathers: Vec<Weather>,
    /// The folder of the program's source, and what it is called from the lab's root; `None` for a program that is not
    /// the lab's.
    pub source: Option<(PathBuf, PathBuf)>,
    pub seed: u64,
    /// How many runs go on at once.
    pub jobs: usize,
    /// The command that checks this program; scenario, weather and seed go behind it.
    pub replay: String,
}

/// A role that the program under test plays.
#[derive(Clone, Debug)]
struct Cast {
    role: String,
    /// Whether it must end by itself.
    ends: bool,
    stdin: Vec<String>,
    /// Program first; empty until [`Check::play_by`].
    command: Vec<String>,
}

/// The weathers that a lesson names, in an exercise or a variant.
///
/// Fails with [`Error::Lesson`] if there is none of a name.
pub fn weathers(lesson: &Lesson, names: &[toml::Spanned<String>]) -> Result<Vec<Weather>> {
    let read = |name: &toml::Spanned<String>| {
        let read = name.as_ref().parse();
        read.map_err(|error: Error| lesson.error_at(name, error.to_string()))
    };
    names.iter().map(read).collect()
}

impl Check {
    /// All of a lesson: its scenarios, its rules, and the weathers of its exercise.
    ///
    /// Fails with [`Error::Lesson`] if a rule, a scenario or a weather cannot be read, and if the lesson grades nothing.
    pub fn new(lesson: &Lesson, replay: String) -> Result<Check> {
        let Some(graded) = &lesson.grades else {
            let why = format!("lesson {} has no exercise to check", lesson.name);
            return Err(Error::Usage { why, next: format!("lab run {}", lesson.number) });
        };
        let plans: Vec<Plan> =
            lesson.scenarios.iter().map(|it| lesson.plan(it)).collect::<Result<_>>()?;
        let mut casts: Vec<Cast> = Vec::new();
        for name in std::iter::once(graded).chain(plans.iter().filter_map(|it| it.role.as_ref())) {
            if let Some(role) = lesson.role(name)
                && casts.iter().all(|cast| cast.role != *name)
            {
                let (ends, stdin) = (role.ends, role.stdin.clone());
                casts.push(Cast { role: name.clone(), ends, stdin, command: Vec::new() });
            }
        }
        Ok(Check {
            lesson: lesson.name.clone(),
            casts,
            others: BTreeMap::new(),
            rules: lesson.grading()?,
            plans,
            weathers: weathers(lesson, &lesson.exercise.weather)?,
            source: None,
            seed: 1,
            jobs: 1,
            replay,
        })
    }

    /// Whether none of the lesson's scenarios has been left out.
    pub fn is_whole(&self, lesson: &Lesson) -> bool {
        self.plans.len() == lesson.scenarios.len()
    }

    /// The roles that the program plays, the one of `grades` first.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.casts.iter().map(|cast| cast.role.as_str())
    }

    /// Says by which command each role is played, program first.
    pub fn play_by(&mut self, command: impl Fn(&str) -> Vec<String>) {
        for cast in &mut self.casts {
            cast.command = command(&cast.role);
        }
    }

    /// Has the other programs of its scenarios played by what `binary` gives for each file.
    pub fn play_others_by(&mut self, mut binary: impl FnMut(&str) -> Result<String>) -> Result<()> {
        let files = self.plans.iter().filter_map(|plan| Some(plan.with.as_ref()?.program.clone()));
        for file in files.collect::<BTreeSet<_>>() {
            let built = binary(&file)?;
            self.others.insert(file, built);
        }
        Ok(())
    }

    /// Whether the program plays this role in this scenario.
    pub fn plays(&self, role: &str, plan: &Plan) -> bool {
        self.cast(plan).role == role
    }

    fn cast(&self, plan: &Plan) -> &Cast {
        let named = plan.role.as_ref().and_then(|it| self.casts.iter().find(|c| c.role == *it));
        named.unwrap_or(&self.casts[0])
    }

    /// The verdicts of fair weather, in the order of the scenarios; `done` hears of each as soon as it is there.
    pub fn fair(&self, done: &(dyn Fn(&Cell) + Sync)) -> Vec<Cell> {
        let asked: Vec<(usize, Option<Weather>)> =
            (0..self.plans.len()).map(|plan| (plan, None)).collect();
        self.all(&asked, done)
    }

    /// The verdicts of every other weather, of each in the order of the scenarios. What failed in fair weather already
    /// is not told again.
    pub fn foul(&self, fair: &[Cell], done: &(dyn Fn(&Cell) + Sync)) -> Vec<Cell> {
        let plans = 0..self.plans.len();
        let asked: Vec<(usize, Option<Weather>)> = self
            .weathers
            .iter()
            .flat_map(|weather| plans.clone().map(|plan| (plan, Some(*weather))))
            .collect();
        let mut cells = self.all(&asked, done);
        for cell in &mut cells {
            if let Some(fair) = fair.iter().find(|it| it.scenario == cell.scenario) {
                cell.verdict = grade::in_weather(cell.verdict.clone(), &fair.verdict);
            }
        }
        cells
    }

    /// One run, as it was recorded.
    pub fn record(&self, plan: &Plan, weather: Option<Weather>) -> Result<Recording> {
        play(&self.request(plan, weather), &mut |_| {})
    }

    /// One run, to be made.
    pub(super) fn request(&self, plan: &Plan, weather: Option<Weather>) -> Request {
        let Cast { role, ends, stdin, command } = self.cast(plan);
        let part = |name: &str, begin| Part {
            name: name.into(),
            command: command.clone(),
            env: environment(role),
            begin,
            ends: Some(*ends),
            input: match stdin.is_empty() {
                true => Input::Idle,
                false => Input::Lines(stdin.clone()),
            },
        };
        // Its place is before the program under test, which comes when it listens or waits for something else.
        let other = plan.with.as_ref().and_then(|with| {
            let command = vec![self.others.get(&with.program)?.clone(), with.role.clone()];
            let (name, env) = (with.role.clone(), environment(&with.role));
            Some(Part { name, command, env, begin: Begin::AtOnce, ends: None, input: Input::Idle })
        });
        let begin = if other.is_some() { Begin::InTurn } else { Begin::AtOnce };
        let once_more = plan.starts().map(|(_, name)| part(name, Begin::InStep));
        Request {
            lesson: Some(self.lesson.clone()),
            roles: other.into_iter().chain([part(role, begin)]).chain(once_more).collect(),
            tracer: tracer::Settings {
                watch: false,
                seed: self.seed,
                timeout: Some(TIMEOUT),
                weather,
                limits: Some(Limits::default()),
                locate: true,
                source: self.source.as_ref().map(|(folder, _)| folder.clone()),
                ..tracer::Settings::default()
            },
            sandbox: sandbox::Settings::of_a_lesson(),
            wanted: Wanted::Recording,
            scenario: Some(Scene { plan: plan.clone(), seed: self.seed }),
        }
    }

    fn all(&self, asked: &[(usize, Option<Weather>)], done: &(dyn Fn(&Cell) + Sync)) -> Vec<Cell> {
        let cells: Mutex<Vec<Option<Cell>>> = Mutex::new(vec![None; asked.len()]);
        let next = AtomicUsize::new(0);
        let interrupted = AtomicBool::new(false);
        let work = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((plan, weather)) = asked.get(at) else { break };
                let Some(plan) = self.plans.get(*plan) else { break };
                let judged = match interrupted.load(Ordering::Relaxed) {
                    true => (unknown("the check was interrupted".into()), Vec::new()),
                    false => self.judge(plan, *weather, &interrupted),
                };
                let cell = self.cell(plan, *weather, judged);
                done(&cell);
                if let Ok(mut cells) = cells.lock() {
                    cells[at] = Some(cell);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.jobs.min(asked.len()) {
                scope.spawn(work);
            }
            work();
        });
        cells.into_inner().unwrap_or_default().into_iter().flatten().collect()
    }

    /// The verdict of one run, and what of the sandbox it had to do without.
    fn judge(
        &self,
        plan: &Plan,
        weather: Option<Weather>,
        interrupted: &AtomicBool,
    ) -> (Verdict, Vec<String>) {
        let recording = match self.record(plan, weather) {
            Ok(recording) => recording,
            Err(error) => return (unknown(error.to_string()), Vec::new()),
        };
        if recording.end.reason == Reason::Interrupted {
            interrupted.store(true, Ordering::Relaxed);
        }
        (self.verdict(plan, &recording), recording.isolation.lacking)
    }

    /// What the rules say of a run of this plan.
    pub(super) fn verdict(&self, plan: &Plan, recording: &Recording) -> Verdict {
        let timeline = timeline(recording);
        let mut run = Run::new(&self.cast(plan).role, recording, &timeline);
        run.unmet = checkpoints(plan, recording, &timeline)
            .into_iter()
            .map(|missed| Unmet {
                step: missed.step,
                why: format!("wanted `{}`; {}", missed.wanted, missed.found),
            })
            .collect();
        let mut verdict = grade::grade(&self.rules, &run);
        if let Some((_, folder)) = &self.source {
            for source in verdict.findings.iter_mut().filter_map(|it| it.source.as_mut()) {
                *source = folder.join(&*source).to_string_lossy().into_owned();
            }
        }
        verdict
    }

    pub(super) fn cell(
        &self,
        plan: &Plan,
        weather: Option<Weather>,
        (verdict, lacking): (Verdict, Vec<String>),
    ) -> Cell {
        let weather = weather.map(|weather| weather.to_string());
        let next = format!(
            "{} --scenario {} --weather {} --seed {}",
            self.replay,
            shell_words::quote(&plan.name),
            weather.as_deref().unwrap_or("none"),
            self.seed
        );
        Cell { scenario: plan.name.clone(), weather, seed: self.seed, verdict, lacking, next }
    }
}

pub(super) fn unknown(why: String) -> Verdict {
    Verdict { result: Judgement::Undetermined { why }, findings: Vec::new() }
}
