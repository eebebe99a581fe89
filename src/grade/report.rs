//! What came of a check: a verdict for each scenario in each weather, of each lesson.

use std::collections::BTreeSet;

use super::{Finding, Judgement, Verdict};

/// What `lab check` found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    pub lessons: Vec<Graded>,
}

/// One lesson's program in all scenarios and weathers.
#[derive(Clone, Debug, PartialEq)]
pub struct Graded {
    pub number: u32,
    /// The whole name: `12-half-close`.
    pub lesson: String,
    /// Fair weather first, each in the order of the scenarios.
    pub cells: Vec<Cell>,
    /// Why there are none, or not all.
    pub undetermined: Option<String>,
}

/// One scenario in one weather.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub scenario: String,
    /// `None`: fair.
    pub weather: Option<String>,
    pub seed: u64,
    pub verdict: Verdict,
    /// What of the sandbox this machine refused.
    pub lacking: Vec<String>,
    /// The command that makes exactly this run again.
    pub next: String,
}

impl Cell {
    /// `none` for fair weather.
    pub fn weather(&self) -> &str {
        self.weather.as_deref().unwrap_or("none")
    }

    /// The scenario and its weather, as a name.
    pub fn name(&self) -> String {
        match &self.weather {
            None => self.scenario.clone(),
            Some(weather) => format!("{}, in {weather} weather", self.scenario),
        }
    }
}

impl Graded {
    /// A lesson's program in these cells.
    pub fn new(number: u32, lesson: &str, cells: Vec<Cell>) -> Graded {
        Graded { number, lesson: lesson.to_owned(), cells, undetermined: None }
    }

    /// What of the sandbox this machine refused, in any of the runs.
    pub fn lacking(&self) -> Vec<&str> {
        let all: BTreeSet<&str> =
            self.cells.iter().flat_map(|cell| &cell.lacking).map(String::as_str).collect();
        all.into_iter().collect()
    }

    /// Fails if anything does; undetermined if nothing fails and something could not be found out.
    pub fn result(&self) -> Judgement {
        let of = |cell: &Cell| cell.verdict.result.clone();
        if self.cells.iter().any(|cell| of(cell) == Judgement::Fail) {
            return Judgement::Fail;
        }
        if let Some(why) = &self.undetermined {
            return Judgement::Undetermined { why: why.clone() };
        }
        let unknown = |cell: &Cell| match of(cell) {
            Judgement::Undetermined { why } => Some(why),
            _ => None,
        };
        match self.cells.iter().find_map(unknown) {
            Some(why) => Judgement::Undetermined { why },
            None if self.cells.is_empty() => {
                Judgement::Undetermined { why: "there is no scenario to check it in".into() }
            }
            None => Judgement::Pass,
        }
    }

    /// Whether part of it could not be found out, whatever came of the rest.
    pub fn is_undetermined(&self) -> bool {
        let unknown = |cell: &Cell| matches!(cell.verdict.result, Judgement::Undetermined { .. });
        self.undetermined.is_some() || self.cells.is_empty() || self.cells.iter().any(unknown)
    }

    /// Every finding with its cell, in order.
    pub fn findings(&self) -> impl Iterator<Item = (&Cell, &Finding)> {
        self.cells.iter().flat_map(|cell| cell.verdict.findings.iter().map(move |it| (cell, it)))
    }

    /// Each rule that is broken, once: its first finding, and the other cells that break it too.
    pub fn broken(&self) -> Vec<Broken<'_>> {
        let mut broken: Vec<Broken<'_>> = Vec::new();
        for (cell, finding) in self.findings() {
            let known = broken
                .iter_mut()
                .find(|it| it.finding.rule == finding.rule && it.finding.grade == finding.grade);
            match known {
                Some(known) => known.also.push(cell),
                None => broken.push(Broken { cell, finding, also: Vec::new() }),
            }
        }
        broken
    }
}

/// A rule that is broken.
pub struct Broken<'a> {
    pub cell: &'a Cell,
    pub finding: &'a Finding,
    pub also: Vec<&'a Cell>,
}
