//! `lab explore`: play a program in other orders of its calls than lockstep, and tell the shortest that breaks a rule.

use std::time::Duration;

use clap::Args;

use crate::error::{Error, Result};
use crate::grade::{Cell, Judgement};
use crate::play::check::Check;
use crate::play::explore::{self, Bounds, Explored, Found};
use crate::render::verdict;

use super::Outcome;
use super::home::Home;
use super::output::{ColorChoice, Linked, Progress};
use super::target::{Target, jobs, play_others, wants_prediction};

#[derive(Args)]
#[command(after_help = "Examples:
  lab explore 10
  lab explore 10 --bin 'python3 server.py' --schedules 5000
  lab explore 10 --scenario 'twenty clients at once' --delays 12,45

A schedule is one thread at a time, each until it waits, but for some delays:
at the 12th moment at which somebody else could go on, somebody else does.
That nothing is found is no proof.

0: no rule was broken; 1: one is broken; 2: the lab could not find out.")]
pub struct Explore {
    /// A number, a unique part of a name, or a whole name; none: the current lesson
    lesson: Option<String>,
    #[command(flatten)]
    target: Target,
    /// Play this program of the lesson instead of exercise.rs: `solutions/std.rs`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bin", "role"])]
    program: Option<String>,
    /// How many schedules to try
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = some, allow_negative_numbers = true)]
    schedules: usize,
    /// Begin no more after so many seconds
    #[arg(long, value_name = "N", value_parser = super::record::seconds, allow_negative_numbers = true)]
    seconds: Option<Duration>,
    /// Play this one schedule, as a report names it
    #[arg(long, value_name = "N,N…", value_delimiter = ',', num_args = 1, value_parser = super::record::whole_number, conflicts_with_all = ["schedules", "seconds"])]
    delays: Option<Vec<u64>>,
    /// Chooses texts, numbers of clients, and the schedules; by default the program itself does
    #[arg(long, value_name = "N", value_parser = super::record::whole_number, allow_negative_numbers = true)]
    seed: Option<u64>,
    /// How many runs go on at once; by default one for each processor
    #[arg(short, long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,
}

fn some(text: &str) -> std::result::Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be more than 0".into()),
        number => number.map_err(|_| "not a whole number".into()),
    }
}

impl Explore {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        let home = Home::open(self.target.pack.pack.as_deref())?;
        let lesson = home.one_or_current(self.lesson.as_deref())?;
        if lesson.prediction.is_some() {
            return Err(wants_prediction(&lesson));
        }
        let (mut check, foreign) = self.target.check("explore", &lesson)?;
        if self.delays.is_some() && check.plans.len() != 1 {
            return Err(Error::Usage {
                why: "`--delays` are of one scenario, and this lesson has several".into(),
                next: format!(
                    "add `--scenario {}`, or another one",
                    shell_words::quote(&check.plans[0].name)
                ),
            });
        }
        let file = self.program.as_deref().unwrap_or("exercise.rs");
        if !lesson.folder.join(file).is_file() {
            return Err(Error::Usage {
                why: format!("{} has no program `{file}`", lesson.name),
                next: format!("ls lessons/{}", lesson.name),
            });
        }
        if self.program.is_some() {
            check.replay.push_str(&format!(" --program {}", shell_words::quote(file)));
        }
        let of = (&home.catalogue, &lesson, file);
        play_others(&mut check, (&home.catalogue, &lesson), color)?;
        self.target.play_by(&mut check, &foreign, self.seed, of, color)?;
        check.jobs = jobs(self.jobs);
        let linked = Linked::new(&home.catalogue, color);
        let found = match &self.delays {
            Some(delays) => replayed(&check, delays)?,
            None => {
                let bounds = Bounds { schedules: self.schedules, time: self.seconds };
                let progress = Progress::of(check.plans.len() + self.schedules, color);
                let explored = explore::explore(&check, bounds, &|scenario| {
                    progress.done();
                    progress.begin(scenario);
                });
                let check = match &self.program {
                    Some(file) => format!("lab audit {} --program {file}", lesson.number),
                    None => self.target.replay("check", &lesson),
                };
                told(&explored, &check)
            }
        };
        linked.say(&verdict::explored(&lesson.name, &found, color.on(false)));
        Ok(match found.result {
            Judgement::Pass => Outcome::Holds,
            Judgement::Fail => Outcome::Broken,
            Judgement::Undetermined { .. } => Outcome::Unknown,
        })
    }
}

/// What was found, in words; `check` is the command that checks the same program.
fn told(explored: &Explored, check: &str) -> verdict::Explored {
    let Explored { tried, decisions, .. } = explored;
    let schedules = counted(*tried as u64, "schedule");
    match &explored.found {
        Found::Before(cells) => {
            let cell = cells.iter().find(|cell| cell.verdict.result != Judgement::Pass);
            let cell = cell.map(|cell| Cell { next: check.to_owned(), ..cell.clone() });
            let how = "in lockstep already: no other schedule was tried".into();
            verdict::Explored::of(cell, how)
        }
        Found::Broken { cell, delays } => {
            let how = format!("after {schedules}; the shortest found: {}", listed(delays));
            verdict::Explored::of(Some((**cell).clone()), how)
        }
        Found::Nothing { undetermined } => verdict::Explored {
            result: match undetermined {
                Some(why) => Judgement::Undetermined { why: why.clone() },
                None => Judgement::Pass,
            },
            how: match decisions {
                0 => "in lockstep, and nobody else could ever have gone on: there is no other schedule"
                    .into(),
                _ => {
                    let decisions = counted(*decisions, "decision");
                    format!("in {schedules}, of {decisions} in lockstep; that is no proof")
                }
            },
            cell: None,
        },
    }
}

fn listed(delays: &[u64]) -> String {
    let numbers: Vec<String> = delays.iter().map(u64::to_string).collect();
    match delays.len() {
        1 => format!("a delay at decision {}", numbers[0]),
        _ => format!("delays at decisions {}", numbers.join(", ")),
    }
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// One schedule again. Fails if it asks for a decision that the run does not come to.
fn replayed(check: &Check, delays: &[u64]) -> Result<verdict::Explored> {
    let played = explore::replay(check, delays);
    let is_beyond = |delay: &&u64| **delay == 0 || **delay > played.decisions;
    match delays.iter().find(is_beyond) {
        // One that stops short of it may break a rule all the same.
        Some(beyond) if played.cell.verdict.result == Judgement::Pass => Err(Error::Usage {
            why: format!(
                "`--delays {beyond}`: this run has the decisions 1 to {}",
                played.decisions
            ),
            next: check.replay.clone(),
        }),
        _ => Ok(verdict::Explored::of(Some(played.cell), format!("with {}", listed(delays)))),
    }
}
