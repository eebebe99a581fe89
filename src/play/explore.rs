//! Other interleavings of the program that a [`Check`] is about: the shortest schedule found that breaks a rule.
//!
//! A schedule is lockstep but for a list of delays (`src/tracer/turn.rs`), so a list of numbers is all that it takes to play
//! it again. What is tried stands fixed before anything is played ([`trials`]), and of several failures the first in that
//! order counts: so what is found does not depend on how many runs go on at once. A schedule with many delays is then cut
//! down to those that it takes, by delta debugging. Source: Zeller, Hildebrandt, "Simplifying and Isolating
//! Failure-Inducing Input", IEEE TSE 28(2), 2002.

mod trials;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::check::{Check, unknown};
use super::{Audience, play_before};
use crate::event::{Reason, Schedule};
use crate::grade::{Cell, Judgement, Verdict};

use trials::{Trial, trials};

/// How long to look.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub schedules: usize,
    pub time: Option<Duration>,
}

/// What was looked at, and what came of it.
pub struct Explored {
    /// Schedules that were tried before the first that breaks a rule, and that one.
    pub tried: usize,
    /// At how many moments of the runs in lockstep somebody else could have gone on.
    pub decisions: u64,
    pub found: Found,
}

pub enum Found {
    /// A rule is broken in lockstep already, or nothing could be found out there: nothing else was tried.
    Before(Vec<Cell>),
    Broken {
        cell: Box<Cell>,
        delays: Vec<u64>,
    },
    /// No rule was broken, as far as could be found out.
    Nothing {
        undetermined: Option<String>,
    },
}

/// One run: what the rules say of it, and how many decisions it had.
pub struct Played {
    pub cell: Cell,
    pub decisions: u64,
}

/// Looks for a schedule that breaks a rule; `done` hears the name of each scenario that was played.
pub fn explore(check: &Check, bounds: Bounds, done: &(dyn Fn(&str) + Sync)) -> Explored {
    let explorer = Explorer {
        check,
        done,
        end: bounds.time.map(|time| Instant::now() + time),
        is_over: AtomicBool::new(false),
        unknown: Mutex::new(None),
    };
    let lockstep = explorer.lockstep();
    let decisions: Vec<u64> = lockstep.iter().map(|played| played.decisions).collect();
    let all = decisions.iter().sum();
    let cells: Vec<Cell> = lockstep.into_iter().map(|played| played.cell).collect();
    if cells.iter().any(|cell| cell.verdict.result != Judgement::Pass) {
        return Explored { tried: 0, decisions: all, found: Found::Before(cells) };
    }
    if cells.len() < check.plans.len() {
        let why = "the time was over before all scenarios had been played in lockstep";
        let found = Found::Nothing { undetermined: Some(why.into()) };
        return Explored { tried: 0, decisions: all, found };
    }
    let trials = trials(&decisions, bounds.schedules, check.seed);
    let (tried, found) = match explorer.first_broken(&trials) {
        Ok(at) => {
            let shortest = explorer.shortest(trials[at].clone(), &trials[at + 1..]);
            let cell = Box::new(play(check, &shortest, true).cell);
            (at + 1, Found::Broken { cell, delays: shortest.delays })
        }
        Err(tried) => {
            let undetermined = explorer.unknown.into_inner().unwrap_or_default();
            (tried, Found::Nothing { undetermined })
        }
    };
    Explored { tried, decisions: all, found }
}

/// The run of the only plan with these delays.
pub fn replay(check: &Check, delays: &[u64]) -> Played {
    play(check, &Trial { plan: 0, delays: delays.to_vec() }, true)
}

/// `locate`: whether findings say where in the source it is; to read the debug information takes longer than many a run.
fn play(check: &Check, trial: &Trial, locate: bool) -> Played {
    let plan = &check.plans[trial.plan];
    let mut request = check.request(plan, None);
    request.tracer.schedule = Schedule::Delayed;
    request.tracer.delays.clone_from(&trial.delays);
    request.tracer.locate = locate;
    let mut counter = Counter(0);
    let (verdict, lacking) = match play_before(&request, &mut counter) {
        Ok(recording) if recording.end.reason == Reason::Interrupted => {
            (unknown(INTERRUPTED.into()), Vec::new())
        }
        Ok(recording) => (check.verdict(plan, &recording), recording.isolation.lacking),
        Err(error) => (unknown(error.to_string()), Vec::new()),
    };
    let cell = Cell { next: next(check, trial), ..check.cell(plan, None, (verdict, lacking)) };
    Played { cell, decisions: counter.0 }
}

const INTERRUPTED: &str = "the search was interrupted";

/// The command that plays this trial again.
fn next(check: &Check, trial: &Trial) -> String {
    let delays: Vec<String> = trial.delays.iter().map(u64::to_string).collect();
    let name = shell_words::quote(&check.plans[trial.plan].name);
    let (replay, seed) = (&check.replay, check.seed);
    format!("{replay} --scenario {name} --seed {seed} --delays {}", delays.join(","))
}

/// Hears how many decisions a run had.
struct Counter(u64);

impl Audience for Counter {
    fn decided(&mut self, decisions: u64) {
        self.0 = decisions;
    }
}

struct Explorer<'a> {
    check: &'a Check,
    done: &'a (dyn Fn(&str) + Sync),
    end: Option<Instant>,
    /// The user, or the clock, has ended the search.
    is_over: AtomicBool,
    /// Why the first run of which nothing could be found out could not be judged.
    unknown: Mutex<Option<String>>,
}

impl Explorer<'_> {
    fn lockstep(&self) -> Vec<Played> {
        let lockstep = |plan| Trial { plan, delays: Vec::new() };
        let trials: Vec<Trial> = (0..self.check.plans.len()).map(lockstep).collect();
        let played: Mutex<Vec<(usize, Played)>> = Mutex::default();
        self.each(&trials, &|at, it| {
            played.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((at, it));
        });
        let mut played = played.into_inner().unwrap_or_default();
        played.sort_by_key(|(at, _)| *at);
        played.into_iter().map(|(_, played)| played).collect()
    }

    /// The place of the first trial that breaks a rule, or else how many were tried.
    fn first_broken(&self, trials: &[Trial]) -> Result<usize, usize> {
        let first = AtomicUsize::new(trials.len());
        let tried = AtomicUsize::new(0);
        // Those before the first that is known have begun already, and are waited for.
        self.each_until(trials, &first, &|at, played| {
            tried.fetch_add(1, Ordering::Relaxed);
            if self.is_broken(&played.cell.verdict) {
                first.fetch_min(at, Ordering::Relaxed);
            }
        });
        match first.into_inner() {
            none if none == trials.len() => Err(tried.into_inner()),
            at => Ok(at),
        }
    }

    fn is_broken(&self, verdict: &Verdict) -> bool {
        if let Judgement::Undetermined { why } = &verdict.result
            && let Ok(mut unknown) = self.unknown.lock()
        {
            unknown.get_or_insert_with(|| why.clone());
        }
        verdict.result == Judgement::Fail
    }

    fn each(&self, trials: &[Trial], see: &(dyn Fn(usize, Played) + Sync)) {
        self.each_until(trials, &AtomicUsize::new(trials.len()), see);
    }

    /// Plays the trials in order, several at once, up to the one of this place.
    fn each_until(
        &self,
        trials: &[Trial],
        end: &AtomicUsize,
        see: &(dyn Fn(usize, Played) + Sync),
    ) {
        let next = AtomicUsize::new(0);
        let work = || {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                if at >= end.load(Ordering::Relaxed) || self.is_over() {
                    break;
                }
                let played = play(self.check, &trials[at], false);
                (self.done)(&played.cell.scenario);
                let interrupted = Judgement::Undetermined { why: INTERRUPTED.into() };
                if played.cell.verdict.result == interrupted {
                    self.is_over.store(true, Ordering::Relaxed);
                }
                see(at, played);
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.check.jobs.min(trials.len()) {
                scope.spawn(work);
            }
            work();
        });
    }

    fn is_over(&self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end) || self.is_over.load(Ordering::Relaxed)
    }

    /// The shortest schedule that breaks a rule: this one without what it can do without, or one of those to come.
    fn shortest(&self, broken: Trial, to_come: &[Trial]) -> Trial {
        let cut = self.cut_down(broken);
        let shorter: Vec<Trial> =
            to_come.iter().filter(|it| it.delays.len() < cut.delays.len()).cloned().collect();
        self.first_broken(&shorter).map_or(cut, |at| shorter[at].clone())
    }

    /// Leaves out parts of a schedule, large ones first, for as long as a rule is broken still.
    fn cut_down(&self, mut broken: Trial) -> Trial {
        let mut parts = 2;
        while broken.delays.len() > 1 {
            let all = broken.delays.len();
            let size = all.div_ceil(parts);
            let mut shorter: Vec<Trial> =
                (0..all).step_by(size).map(|begin| broken.without(begin, size, 0)).collect();
            if size == 1 {
                // Without a delay, what comes after it may have another number.
                let shifts = [-1, 1, -2, 2, -3, 3];
                let shifted = shifts.map(|by| (0..all - 1).map(move |begin| (begin, by)));
                let shifted = shifted.into_iter().flatten();
                shorter.extend(shifted.map(|(begin, by)| broken.without(begin, 1, by)));
            }
            match self.first_broken(&shorter) {
                Ok(at) => {
                    broken = shorter[at].clone();
                    parts = (parts - 1).max(2);
                }
                Err(_) if size == 1 => break,
                Err(_) => parts = (parts * 2).min(all),
            }
        }
        broken
    }
}
