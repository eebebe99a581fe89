//! Where two runs part, in words that a learner understands.

use super::align::Pair;
use super::units::{Outcome, Unit};
use super::{Both, Kind};

/// How the two runs are spoken of.
pub struct Speaker<'a> {
    /// `the demo`, `the solution`.
    pub demo_is: &'a str,
    pub role: &'a str,
    /// Whether the same program plays this role in both.
    pub follows: bool,
    /// Whether yours plays no other role.
    pub alone: bool,
}

impl Speaker<'_> {
    pub fn demo(&self) -> String {
        match (self.follows, self.alone) {
            (true, _) => format!("with {} {}", self.demo_is, self.who()),
            (false, true) => self.demo_is.to_owned(),
            (false, false) => format!("{}'s {}", self.demo_is, self.role),
        }
    }

    pub fn yours(&self) -> String {
        match (self.follows, self.alone) {
            (true, _) => format!("with yours {}", self.who()),
            (false, true) => "yours".to_owned(),
            (false, false) => format!("your {}", self.role),
        }
    }

    /// A peer has a name, a program its role.
    fn who(&self) -> String {
        match self.role.starts_with(|first: char| first.is_uppercase()) {
            true => self.role.to_owned(),
            false => format!("the {}", self.role),
        }
    }
}

/// The place of a difference in yours and in the demo: what is smaller can be no consequence of what is larger.
pub type Rank = (usize, usize);

/// What never happens comes after all that does.
const NEVER: usize = usize::MAX;

/// Every place in which a lane parts: its entry, its kind, its rank, and what is to be said.
pub fn differences(
    pairs: &[Pair],
    both: &Both,
    speaker: &Speaker<'_>,
) -> Vec<(usize, Kind, Rank, String)> {
    let lane = Lane { pairs, both, speaker };
    let mut told = Vec::new();
    for (at, pair) in pairs.iter().enumerate().filter(|(_, pair)| !pair.same) {
        let twin = lane.twin(at);
        let (kind, says) = match (&pair.demo, &pair.yours) {
            (demo, yours)
                if demo.as_ref().or(yours.as_ref()).is_some_and(|it| it.call == "prints") =>
            {
                (Kind::Printed, lane.printed(demo.as_ref(), yours.as_ref()))
            }
            // Told once, where it comes first.
            _ if twin.is_some_and(|twin| twin < at) => continue,
            (Some(demo), None) => match twin {
                Some(twin) => (Kind::Moved, lane.moved(at, twin)),
                None => (Kind::Missing, lane.missing(at, demo)),
            },
            (None, Some(yours)) => match twin {
                Some(twin) => (Kind::Moved, lane.moved(twin, at)),
                None => (Kind::Extra, lane.extra(at, yours)),
            },
            (Some(demo), Some(yours)) => (Kind::Changed, lane.changed(demo, yours)),
            (None, None) => continue,
        };
        told.push((at, kind, lane.rank(at), says));
    }
    told
}

struct Lane<'a> {
    pairs: &'a [Pair],
    both: &'a Both,
    speaker: &'a Speaker<'a>,
}

impl Lane<'_> {
    /// The entry that has what this one lacks: the same step, elsewhere in the lane, however it went there.
    fn twin(&self, at: usize) -> Option<usize> {
        let lone = |pair: &'_ Pair| -> Option<(Unit, bool)> {
            match (&pair.demo, &pair.yours) {
                (Some(demo), None) => Some((demo.clone(), true)),
                (None, Some(yours)) => Some((yours.clone(), false)),
                _ => None,
            }
        };
        let (unit, lacks) = lone(&self.pairs[at])?;
        let alike = |other: &Unit| match unit.data.is_some() || other.data.is_some() {
            true => unit.key() == other.key(),
            false => unit.is_call_of(other) && unit.facts == other.facts,
        };
        let places = |wanted: bool| {
            let all = self.pairs.iter().enumerate();
            let fits = move |pair: &Pair| {
                lone(pair).is_some_and(|(it, lacks)| lacks == wanted && alike(&it))
            };
            all.filter(move |(_, pair)| fits(pair)).map(|(at, _)| at).collect::<Vec<_>>()
        };
        // The first of a kind goes with the first of the other side.
        let order = places(lacks).iter().position(|place| *place == at)?;
        places(!lacks).get(order).copied()
    }

    fn rank(&self, at: usize) -> Rank {
        let place = |of: fn(&Pair) -> Option<&Unit>| -> usize {
            let place = |unit: &Unit, place: usize| match unit.outcome {
                Outcome::Waits => NEVER,
                _ => place,
            };
            if let Some(unit) = of(&self.pairs[at]) {
                return place(unit, 2 * unit.step);
            }
            if let Some(next) = self.pairs[at..].iter().find_map(of) {
                // A role that never started ends before the first step.
                return (2 * next.step).saturating_sub(1);
            }
            match self.pairs[..at].iter().rev().find_map(of) {
                Some(last) => place(last, 2 * last.step + 1),
                None => NEVER,
            }
        };
        (place(|pair| pair.yours.as_ref()), place(|pair| pair.demo.as_ref()))
    }

    fn next_of_yours(&self, at: usize) -> Option<&Unit> {
        self.pairs[at + 1..].iter().find_map(|pair| pair.yours.as_ref())
    }

    fn next_of_demo(&self, at: usize) -> Option<&Unit> {
        self.pairs[at + 1..].iter().find_map(|pair| pair.demo.as_ref())
    }

    fn missing(&self, at: usize, lacking: &Unit) -> String {
        let (demo, yours) = (self.speaker.demo(), self.speaker.yours());
        let (does, step) = (does(lacking), lacking.step);
        let here = format!("{demo} {does} here (its step {step})");
        // What stands in its place, if anything does.
        let gap = self.pairs[at..]
            .iter()
            .take_while(|pair| !(pair.demo.is_some() && pair.yours.is_some()));
        let instead = gap.filter(|pair| pair.demo.is_none()).find_map(|pair| pair.yours.as_ref());
        let never =
            !self.both.has(true, lacking) && !matches!(lacking.call.as_str(), "end" | "waits");
        match (instead, self.next_of_yours(at)) {
            (Some(it), _) if it.outcome == Outcome::Waits => {
                format!("{yours} waits here for ever: {} (your step {}); {here}", it.said, it.step)
            }
            (Some(it), _) => format!("{here}; {yours} {} (your step {})", self::does(it), it.step),
            (None, _) if never => format!("{yours} never {does} ({demo}: its step {step})"),
            (None, Some(next)) => {
                format!(
                    "{here}; {yours} goes on and {} (your step {})",
                    self::does(next),
                    next.step
                )
            }
            (None, None) => {
                match self.pairs[..at].iter().rev().find_map(|pair| pair.yours.as_ref()) {
                    Some(last) if last.outcome == Outcome::Waits => format!(
                        "{demo} goes on and {does} (its step {step}); {yours} waits for ever: {} (your step {})",
                        last.said, last.step
                    ),
                    Some(last) => {
                        format!("{here}; {yours} does nothing more after your step {}", last.step)
                    }
                    None => format!("{here}; {yours} does nothing of the kind"),
                }
            }
        }
    }

    fn extra(&self, at: usize, added: &Unit) -> String {
        let (demo, yours) = (self.speaker.demo(), self.speaker.yours());
        let goes_on = match self.next_of_demo(at) {
            Some(next) => format!("{demo} {} here (its step {})", does(next), next.step),
            None => format!("{demo} does nothing more here"),
        };
        if added.outcome == Outcome::Waits {
            return format!(
                "{yours} waits here for ever: {} (your step {}); {goes_on}",
                added.said, added.step
            );
        }
        let said = format!("{yours} {} (your step {})", does(added), added.step);
        let never = !self.both.has(false, added) && !matches!(added.call.as_str(), "end" | "waits");
        match never {
            true => format!("{said}, which {demo} never does"),
            false => format!("{said}; {goes_on}"),
        }
    }

    /// The same at another place: `lacking` is where the demo has it, `added` where yours has it.
    fn moved(&self, lacking: usize, added: usize) -> String {
        let (demo, yours) = (self.speaker.demo(), self.speaker.yours());
        let (Some(one), Some(other)) = (&self.pairs[lacking].demo, &self.pairs[added].yours) else {
            return String::new();
        };
        let early = added < lacking;
        let between = if early { &self.pairs[added..lacking] } else { &self.pairs[lacking..added] };
        let mut anchors =
            between.iter().filter_map(|pair| Some((pair.demo.as_ref()?, pair.yours.as_ref()?)));
        let anchor = if early { anchors.next() } else { anchors.next_back() };
        let Some((of_demo, of_yours)) = anchor else {
            return format!(
                "{demo} {} here (its step {}); {yours} in another place (your step {})",
                does(one),
                one.step,
                other.step
            );
        };
        let (first, then) = if early { ("before", "after") } else { ("after", "before") };
        format!(
            "{yours} {} (your step {}) {first} {} (your step {}); {demo} {then} it (its steps {} and {})",
            does(other),
            other.step,
            of_yours.said,
            of_yours.step,
            one.step,
            of_demo.step
        )
    }

    fn changed(&self, of_demo: &Unit, of_yours: &Unit) -> String {
        let (demo, yours) = (self.speaker.demo(), self.speaker.yours());
        let (its, your) = (of_demo.step, of_yours.step);
        match (&of_demo.outcome, &of_yours.outcome) {
            (Outcome::Waits, Outcome::Waits) => {}
            (_, Outcome::Waits) => {
                let gets = match (&of_demo.data, of_demo.is_end()) {
                    (_, true) => "gets the end".to_owned(),
                    (Some(data), _) => format!("moves {}", bytes(data.len)),
                    (None, _) => "returns".to_owned(),
                };
                return format!(
                    "{yours} waits here for ever: {} (your step {your}); that of {} {gets} (its step {its})",
                    of_yours.said, self.speaker.demo_is
                );
            }
            (Outcome::Waits, _) => {
                return format!(
                    "{demo} waits here to the end: {} (its step {its}); {yours} {} (your step {your})",
                    of_demo.said,
                    does(of_yours)
                );
            }
            (one, Outcome::Failed(_)) if one != &of_yours.outcome => {
                return format!(
                    "{yours} fails here: {} (your step {your}); {}",
                    of_yours.text,
                    match one {
                        Outcome::Failed(errno) => format!("{demo} with {errno} (its step {its})"),
                        _ => format!("{demo} does not (its step {its})"),
                    }
                );
            }
            (Outcome::Failed(errno), Outcome::Done) => {
                return format!(
                    "{demo} fails here with {errno}: {} (its step {its}); {yours} does not (your step {your})",
                    of_demo.said
                );
            }
            _ => {}
        }
        if of_demo.call == "end" {
            return format!(
                "{yours} {} (your step {your}), {demo} {}",
                of_yours.said, of_demo.said
            );
        }
        match (&of_demo.data, &of_yours.data) {
            (Some(one), Some(other)) if one != other => self.moves(of_demo, of_yours),
            _ => format!(
                "{demo} {} here (its step {its}); {yours} {} (your step {your})",
                does(of_demo),
                does(of_yours)
            ),
        }
    }

    /// Other bytes, or more or less of them.
    fn moves(&self, of_demo: &Unit, of_yours: &Unit) -> String {
        let (demo, yours) = (self.speaker.demo(), self.speaker.yours());
        let (its, your) = (of_demo.step, of_yours.step);
        let verb = match of_demo.call.as_str() {
            "send" => "sends",
            "read" => "reads",
            _ => "receives",
        };
        let what = |unit: &Unit| match (unit.is_end(), &unit.data) {
            (true, _) => "the end (0 bytes)".to_owned(),
            (_, Some(data)) => bytes(data.len),
            (_, None) => "nothing".to_owned(),
        };
        let (one, other) = (what(of_demo), what(of_yours));
        let object = of_yours.object.as_deref().unwrap_or("it");
        if one != other {
            return format!(
                "{yours} {verb} {other} on {object} (your step {your}) where {demo} {verb} {one} (its step {its})"
            );
        }
        let text =
            |unit: &Unit| unit.data.as_ref().map(|data| quoted(&data.text)).unwrap_or_default();
        format!(
            "{yours} {verb} other bytes on {object}: {} (your step {your}) where {demo} {verb} {} (its step {its})",
            text(of_yours),
            text(of_demo)
        )
    }

    fn printed(&self, of_demo: Option<&Unit>, of_yours: Option<&Unit>) -> String {
        let (demo, yours) = (self.speaker.demo(), self.speaker.yours());
        match (of_demo, of_yours) {
            (Some(one), Some(other)) => format!(
                "{demo} prints {} (its step {}); {yours} prints {} (your step {})",
                one.said, one.step, other.said, other.step
            ),
            (Some(one), None) => {
                format!("{yours} never prints {} ({demo}: its step {})", one.said, one.step)
            }
            (None, Some(other)) => {
                format!("{yours} prints {} (your step {}), {demo} does not", other.said, other.step)
            }
            (None, None) => String::new(),
        }
    }
}

/// What a unit does, as the verb of a sentence.
fn does(unit: &Unit) -> String {
    match (unit.call.as_str(), &unit.outcome) {
        (_, Outcome::Waits) => format!("waits to the end in {}", unit.said),
        ("end", _) => unit.said.clone(),
        ("signal", _) => format!("is met by {}", unit.said),
        _ if unit.is_end() => format!("calls {} and gets the end", unit.said),
        (_, Outcome::Failed(errno)) => format!("calls {} and fails with {errno}", unit.said),
        _ => format!("calls {}", unit.said),
    }
}

/// Bytes as text, as far as a sentence bears.
fn quoted(bytes: &[u8]) -> String {
    const MOST: usize = 40;
    let text = String::from_utf8_lossy(bytes);
    let short: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    let more = if text.chars().count() > MOST { "…" } else { "" };
    format!("\"{short}\"{more}")
}

fn bytes(count: u64) -> String {
    if count == 1 { "1 byte".into() } else { format!("{count} bytes") }
}
