//! Rules × a run → [`Verdict`]: what a program did that it should not, and what it lacks.
//!
//! ```text
//! Recording ─ closings ── where each description was closed for the last time ─┐
//! Timeline ────────────── rows, names ─────────────────────────────────────────┼─ Run ─ rules  ─┐
//! steps, checkpoints ──── what the peers found ────────────────────────────────┘        checks ─┴─ Verdict
//! ```
//!
//! Two kinds of things are asked of a program. A [`Rule`] stands in lesson.toml, in patterns, or names a [`Check`]; the
//! *baseline* is the checks that hold in every lesson. A rule speaks of objects: a bare name (`conn`) is one and the same
//! object in all patterns of a rule, and the rule must hold for every such object of the run. Where a rule names a
//! listener and a connection, the connection is one that this listener gave. `conn#2` is the second and no other.
//!
//! A pattern without a role is about the program under test; the peers of a scenario are named (`A: ..`).
//!
//! `close` is the *last* close of an open file description: see [`closings`].
//!
//! Nothing passes by absence: an order, a call or a count that speaks of an object fails where the run has none, and a run in
//! which the program under test did not touch a socket fails.

mod asks;
mod checks;
mod closings;
mod datagrams;
pub mod diff;
mod ends;
mod predictions;
mod report;
mod rules;
mod run;
mod stamps;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

pub use self::asks::{Ask, Judged, Truth};
pub use self::checks::Check;
pub use self::closings::{Closing, How, closings};
pub use self::ends::flaw as flaw_in_line;
pub use self::predictions::{About, Answers, PREDICTIONS, Question, answers, predictions};
pub use self::report::{Broken, Cell, Graded, Report};
pub use self::run::{Run, Unmet};
use crate::error::Error;
use crate::pattern::{CallPattern, Op};

/// One sentence about what a right program does, ready to be judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// `reads-before-it-replies`.
    pub id: String,
    /// The rule in words, as a statement about a program that keeps it.
    pub says: String,
    /// A question that leads on.
    pub hint: Option<String>,
    /// The scenarios in which it holds, by name; none: all of them.
    pub scenarios: Vec<String>,
    pub expect: Expect,
}

/// What a rule asks of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// The first matches of these come in this order, and each has one. A pattern that is given again is its next
    /// match after the pattern before it.
    Order(Vec<CallPattern>),
    /// Something matches; with `given`: if something matches that, be it before or after.
    Call {
        what: CallPattern,
        given: Option<CallPattern>,
    },
    /// Nothing matches `what`, tried or done; with `after`: nothing after the first match of that.
    Never {
        what: CallPattern,
        after: Option<CallPattern>,
    },
    /// So many match.
    Count {
        what: CallPattern,
        times: Times,
    },
    Check(Check),
    /// The program prints these lines in this order, others between them or not; `..` in a line stands for any part, and
    /// `{text}` for what it stands for in the steps of the scenario, `{A.local}` for A's own address.
    Prints(Vec<String>),
}

/// How often: `= 1`, `<= 3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    pub op: Op,
    pub number: u64,
}

/// All that a lesson asks of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// In the lesson's order, which is the order of the findings.
    pub rules: Vec<Rule>,
    /// The checks of the baseline that this lesson leaves on.
    pub baseline: Vec<Check>,
    /// Whether a socket that only the end of its process closes is more than a note.
    pub closes_before_exit: bool,
}

/// What came of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    pub result: Judgement,
    /// The lesson's rules in their order, then the baseline. What is only missing may be missing for the reason that
    /// stands before it: it comes after them; notes are last.
    pub findings: Vec<Finding>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    Pass,
    Fail,
    /// The lab could not find out, and why.
    Undetermined {
        why: String,
    },
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// Wrong, whatever the weather.
    #[default]
    Broken,
    /// Right in fair weather only.
    Fragile,
    /// Right, but not good.
    Note,
}

/// One rule that one run does not keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The rule's id or the check's name.
    pub rule: String,
    pub grade: Grade,
    /// The rule in words.
    pub says: String,
    /// What the program did, and then what it lacks.
    pub did: String,
    /// Two to five rows of the timeline, in order.
    pub lines: Vec<Line>,
    /// The events that the marked lines tell of, by `seq`.
    pub events: Vec<u64>,
    /// What the other end saw.
    pub peer: Option<String>,
    /// The last lines that the program had printed, where they may say why.
    pub printed: Option<String>,
    /// Where the call stands in the source of the program: `exercise.rs:42`.
    pub source: Option<String>,
    pub hint: Option<String>,
}

/// A row of the timeline as evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The number of its row.
    pub step: usize,
    pub role: String,
    /// In the notation.
    pub text: String,
    /// Whether this is the offending one.
    pub marked: bool,
}

impl Grade {
    pub fn name(self) -> &'static str {
        match self {
            Grade::Broken => "broken",
            Grade::Fragile => "fragile",
            Grade::Note => "note",
        }
    }
}

impl Judgement {
    pub fn name(&self) -> &'static str {
        match self {
            Judgement::Pass => "pass",
            Judgement::Fail => "fail",
            Judgement::Undetermined { .. } => "undetermined",
        }
    }
}

impl Rule {
    /// Whether this rule says something of this run: one that is about a role which nobody plays here does not. Peers'
    /// names begin with a capital letter.
    fn is_about(&self, run: &Run<'_>) -> bool {
        let patterns: Vec<&CallPattern> = match &self.expect {
            Expect::Order(patterns) => patterns.iter().collect(),
            Expect::Count { what, .. } => vec![what],
            Expect::Call { what, given: other } | Expect::Never { what, after: other } => {
                std::iter::once(what).chain(other).collect()
            }
            Expect::Check(_) | Expect::Prints(_) => Vec::new(),
        };
        let is_peer = |name: &str| name.starts_with(|first: char| first.is_uppercase());
        let named = || patterns.iter().filter_map(|pattern| pattern.role.as_deref());
        let is_here = |name: &str| run.recording.roles.iter().any(|role| role.name == name);
        named().all(|name| is_here(name) || is_peer(name))
    }
}

impl Times {
    /// Whether so many are right.
    pub fn allows(self, count: u64) -> bool {
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.op.holds(signed(count), signed(self.number))
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} times", self.op.sign(), self.number)
    }
}

impl FromStr for Times {
    type Err = Error;

    fn from_str(text: &str) -> Result<Times, Error> {
        let read = Op::leading(text.trim());
        match read.and_then(|(op, number)| Some((op, number.trim().parse().ok()?))) {
            Some((op, number)) => Ok(Times { op, number }),
            None => Err(Error::Pattern {
                text: text.into(),
                column: 1,
                why: "is no count; `= 1` or `<= 3` is".into(),
            }),
        }
    }
}

/// Judges one run.
pub fn grade(rules: &Rules, run: &Run<'_>) -> Verdict {
    if let Some(why) = run.undetermined() {
        return Verdict { result: Judgement::Undetermined { why }, findings: Vec::new() };
    }
    let (mut findings, mut missing) = (Vec::new(), Vec::new());
    let here = run.recording.scenario.as_ref();
    let is_meant = |rule: &&Rule| {
        let in_scenario =
            rule.scenarios.is_empty() || here.is_none_or(|name| rule.scenarios.contains(name));
        in_scenario && rule.is_about(run)
    };
    for rule in rules.rules.iter().filter(is_meant) {
        match rules::judge(rule, run, rules) {
            Some((finding, true)) => missing.push(finding),
            Some((finding, false)) => findings.push(finding),
            None => {}
        }
    }
    for check in &rules.baseline {
        // What a lesson's own rule says of a check in this scenario is said once.
        let is_own = |rule: &Rule| rule.expect == Expect::Check(*check);
        if !rules.rules.iter().filter(is_meant).any(is_own) {
            match checks::judge(*check, run, rules) {
                Some((finding, true)) => missing.push(finding),
                Some((finding, false)) => findings.push(finding),
                None => {}
            }
        }
    }
    findings.extend(missing);
    // A program without a socket has not begun: nothing that is said of it says more.
    let not_begun = |it: &Finding| it.rule == Check::UsesSockets.name() && !run.was_cut_off();
    findings.sort_by_key(|finding| (finding.grade == Grade::Note, !not_begun(finding)));
    let failed = findings.iter().any(|finding| finding.grade != Grade::Note);
    let result = if failed { Judgement::Fail } else { Judgement::Pass };
    Verdict { result, findings }
}

/// What a run in some weather adds to what the same scenario showed in fair weather: what failed there already is
/// said once, and what fails only here is fragile.
pub fn in_weather(mut verdict: Verdict, fair: &Verdict) -> Verdict {
    verdict.findings.retain(|finding| fair.findings.iter().all(|it| it.rule != finding.rule));
    for finding in &mut verdict.findings {
        if finding.grade == Grade::Broken {
            finding.grade = Grade::Fragile;
        }
    }
    verdict
}
