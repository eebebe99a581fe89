//! Two runs of one scene beside each other: what the demo does, what yours does, and where they part first.
//!
//! ```text
//! two Timelines ─ units ── what was done, without the style: accept4 is accept, read is recv, two sends may be one
//!               ─ align ── thread with thread, call with call
//!               ─ words ── where they part, in a sentence                                          → Diff
//! ```
//!
//! What two threads do at the same time has no order, so no order is compared: each thread is held against its
//! counterpart, in its own order. Where a program hands its work to threads in another way, each socket is
//! held against its counterpart instead. The first difference is the one that can have no other for its cause: the order
//! of a recording keeps each cause before its effect, a call that never returned comes after all that did, and what a
//! role does that is played by the same program in both runs is a consequence, always.

mod align;
#[cfg(test)]
mod tests;
mod units;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use crate::event::Recording;
use crate::timeline::Timeline;
use align::{Pair, align, likeness};
use units::{Objects, Printed, Unit, never_ending, printed, units};
use words::Speaker;

/// One of the two runs.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub recording: &'a Recording,
    pub timeline: &'a Timeline,
}

/// What came of the comparison.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diff {
    /// In the order of the roles. Only those in which something differs have entries that are not the same.
    pub lanes: Vec<Lane>,
    /// The first first: what can be a cause, in the order of yours; then prints; then what follows from it.
    pub differences: Vec<Difference>,
    /// What is different and means nothing.
    pub notes: Vec<String>,
}

impl Diff {
    /// Whether both did the same, whatever their style.
    pub fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }
}

/// What is compared in order: a thread of a role, what was done to one object, or what a role printed.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    pub role: String,
    /// `thread 2`, `conn`, `prints`; empty for a role that has only this one.
    pub name: String,
    /// Whether the same program played this role in both runs.
    pub follows: bool,
    pub entries: Vec<Entry>,
}

/// A step of both, or of one that the other lacks.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub demo: Option<Said>,
    pub yours: Option<Said>,
    /// Whether they are the same but for style.
    pub same: bool,
}

/// A step of one of the runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The number of its row.
    pub step: usize,
    /// In the notation.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The demo does it, yours does not.
    Missing,
    /// Yours does it, the demo does not.
    Extra,
    /// Both do it, otherwise.
    Changed,
    /// Both do it, at another place.
    Moved,
    /// What is printed.
    Printed,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Kind::Missing => "missing",
            Kind::Extra => "extra",
            Kind::Changed => "changed",
            Kind::Moved => "moved",
            Kind::Printed => "printed",
        }
    }
}

/// One place where they part.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub kind: Kind,
    pub role: String,
    /// The place in [`Diff::lanes`], and the entry in it.
    pub lane: usize,
    pub entry: usize,
    /// Whether it can only be a consequence: the same program played this role in both runs.
    pub follows: bool,
    /// In a sentence.
    pub says: String,
    pub demo: Option<Said>,
    pub yours: Option<Said>,
    /// Where yours stands in its source: `exercise.rs:42`.
    pub source: Option<String>,
}

/// Holds `yours` against `demo`. `own` are the roles that another program plays in yours; `demo_is` how the other is
/// called: `the demo`, `the solution`.
pub fn diff(demo: Side<'_>, yours: Side<'_>, own: &BTreeSet<String>, demo_is: &str) -> Diff {
    let objects = Objects::of(demo, yours);
    let mut found = Diff::default();
    let mut ranked = Vec::new();
    for role in roles(demo, yours) {
        let both = Both::of(demo, yours, &role, &objects);
        let follows = !own.contains(&role);
        let speaker = Speaker { demo_is, role: &role, follows, alone: own.len() == 1 };
        let (lanes, note) = both.lanes(&speaker);
        found.notes.extend(note);
        found.notes.extend(both.style(&speaker));
        for (name, pairs) in lanes {
            let told = words::differences(&pairs, &both, &speaker);
            let lane = found.lanes.len();
            for (entry, kind, rank, says) in told {
                let pair = &pairs[entry];
                let source = pair.yours.as_ref().or_else(|| after(&pairs, entry));
                let source = source.and_then(|unit| source_of(yours.recording, unit.seq));
                let (demo, yours) = (pair.demo.as_ref().map(said), pair.yours.as_ref().map(said));
                let role = role.clone();
                ranked.push((
                    (follows, kind == Kind::Printed, rank),
                    Difference { kind, role, lane, entry, follows, says, demo, yours, source },
                ));
            }
            let entries = pairs.iter().map(entry).collect();
            found.lanes.push(Lane { role: role.clone(), name, follows, entries });
        }
    }
    ranked.sort_by_key(|(rank, difference)| (*rank, difference.lane, difference.entry));
    found.differences = ranked.into_iter().map(|(_, difference)| difference).collect();
    found.notes.dedup();
    found
}

/// What yours does next in a lane.
fn after(pairs: &[Pair], at: usize) -> Option<&Unit> {
    pairs[at..].iter().find_map(|pair| pair.yours.as_ref())
}

fn source_of(recording: &Recording, seq: u64) -> Option<String> {
    recording.events.iter().find(|event| event.seq == seq)?.source.clone()
}

fn entry(pair: &Pair) -> Entry {
    Entry {
        demo: pair.demo.as_ref().map(said),
        yours: pair.yours.as_ref().map(said),
        same: pair.same,
    }
}

fn said(unit: &Unit) -> Said {
    Said { step: unit.step, text: unit.text.clone() }
}

/// The roles of both, in the demo's order.
fn roles(demo: Side<'_>, yours: Side<'_>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for role in demo.timeline.roles.iter().chain(&yours.timeline.roles) {
        if !all.contains(&role.name) {
            all.push(role.name.clone());
        }
    }
    all
}

/// A thread of a role.
type Threads = BTreeMap<u32, Vec<Unit>>;

/// What a role does in both runs.
struct Both {
    demo: Threads,
    yours: Threads,
    prints: (Vec<Printed>, Vec<Printed>),
    /// The names of calls that are nobody's business, of each.
    style: (BTreeSet<String>, BTreeSet<String>),
}

impl Both {
    fn of(demo: Side<'_>, yours: Side<'_>, role: &str, objects: &Objects) -> Both {
        // A poll that waits for ever stands for the wait of the other side, if that is among what it polls.
        let waits =
            [never_ending(demo, role, objects, true), never_ending(yours, role, objects, false)];
        let (of_demo, demo_style) = units(demo, role, &|id| objects.demo(id), &waits[1]);
        let (of_yours, your_style) = units(yours, role, &|id| objects.yours(id), &waits[0]);
        Both {
            demo: of_demo,
            yours: of_yours,
            prints: (printed(demo, role), printed(yours, role)),
            style: (demo_style, your_style),
        }
    }

    /// What is to be compared, aligned, and what is to be said of how.
    fn lanes(&self, speaker: &Speaker<'_>) -> (Vec<(String, Vec<Pair>)>, Option<String>) {
        let threads = self.by_thread();
        let counts = (self.demo.len(), self.yours.len());
        let mut chosen = (threads, None);
        if counts != (1, 1) && !self.yours.is_empty() && !self.demo.is_empty() {
            let objects = self.by_object();
            let differ = |lanes: &[(String, Vec<Pair>)]| -> usize {
                lanes.iter().flat_map(|(_, pairs)| pairs).filter(|pair| !pair.same).count()
            };
            if differ(&objects) < differ(&chosen.0) {
                let of = |count: usize| match count {
                    1 => "1 thread".to_owned(),
                    _ => format!("{count} threads"),
                };
                let note = (counts.0 != counts.1).then(|| {
                    format!(
                        "{} has {}, {} {}: compared socket by socket",
                        speaker.demo(),
                        of(counts.0),
                        speaker.yours(),
                        of(counts.1)
                    )
                });
                chosen = (objects, note);
            }
        }
        let prints = align::prints(&self.prints.0, &self.prints.1);
        if prints.iter().any(|pair| !pair.same) {
            chosen.0.push(("prints".into(), prints));
        }
        chosen
    }

    /// Each thread with the one that does most of what it does; the first with the first.
    fn by_thread(&self) -> Vec<(String, Vec<Pair>)> {
        let mut ratings = Vec::new();
        for (one, demo) in &self.demo {
            for (other, yours) in &self.yours {
                if (*one == 1) == (*other == 1) {
                    let alike = likeness(demo, yours);
                    ratings.push((std::cmp::Reverse(alike), one.abs_diff(*other), *one, *other));
                }
            }
        }
        ratings.sort();
        let mut partner: BTreeMap<u32, u32> = BTreeMap::new();
        for (_, _, one, other) in ratings {
            if !partner.contains_key(&one) && !partner.values().any(|taken| *taken == other) {
                partner.insert(one, other);
            }
        }
        let none = Vec::new();
        let mut lanes = Vec::new();
        let several = self.demo.len() > 1 || self.yours.len() > 1;
        let name = |thread: u32| if several { format!("thread {thread}") } else { String::new() };
        for (thread, demo) in &self.demo {
            let yours = partner.get(thread).and_then(|other| self.yours.get(other));
            lanes.push((name(*thread), align(demo, yours.unwrap_or(&none))));
        }
        for (thread, yours) in &self.yours {
            if !partner.values().any(|taken| taken == thread) {
                lanes.push((format!("your thread {thread}"), align(&none, yours)));
            }
        }
        lanes
    }

    /// What was done to each object, whichever thread did it.
    fn by_object(&self) -> Vec<(String, Vec<Pair>)> {
        let (demo, yours) = (of_objects(&self.demo), of_objects(&self.yours));
        let names: BTreeSet<&String> = demo.keys().chain(yours.keys()).collect();
        let none = Vec::new();
        let lane = |name: &String| {
            let of = |all: &'_ BTreeMap<String, Vec<Unit>>| all.get(name).unwrap_or(&none).clone();
            (name.clone(), align(&of(&demo), &of(&yours)))
        };
        names.into_iter().map(lane).collect()
    }

    /// The calls of one that the other has not, and that mean nothing.
    fn style(&self, speaker: &Speaker<'_>) -> Option<String> {
        let only = |these: &BTreeSet<String>, others: &BTreeSet<String>| -> Vec<String> {
            these.difference(others).cloned().collect()
        };
        let demo = only(&self.style.0, &self.style.1);
        let yours = only(&self.style.1, &self.style.0);
        let mut parts = Vec::new();
        if !demo.is_empty() {
            parts.push(format!("{} also calls {}", speaker.demo(), demo.join(", ")));
        }
        if !yours.is_empty() {
            parts.push(format!("{} also calls {}", speaker.yours(), yours.join(", ")));
        }
        (!parts.is_empty() && !speaker.follows).then(|| format!("style: {}", parts.join("; ")))
    }

    /// Whether a role makes such a call on such an object, in any of its threads.
    fn has(&self, in_yours: bool, unit: &Unit) -> bool {
        let threads = if in_yours { &self.yours } else { &self.demo };
        threads.values().flatten().any(|other| other.is_call_of(unit))
    }
}

fn of_objects(threads: &Threads) -> BTreeMap<String, Vec<Unit>> {
    let mut all: Vec<&Unit> = threads.values().flatten().collect();
    all.sort_by_key(|unit| unit.step);
    let mut lanes: BTreeMap<String, Vec<Unit>> = BTreeMap::new();
    for unit in all.into_iter().filter(|unit| unit.call != "spawn") {
        lanes.entry(unit.object.clone().unwrap_or_default()).or_default().push(unit.clone());
    }
    lanes
}
