//! Whose turn it is: exactly one of the threads that stand still goes on.
//!
//! Lockstep and random choose among all of them. A delayed schedule is lockstep, but for a list of decisions at which
//! whoever comes next in order goes first: every other order of calls is a few delays away from lockstep, and what goes wrong
//! in programs mostly takes one or two. Source: Emmi, Qadeer, Rakamarić, "Delay-Bounded Scheduling", POPL 2011. Where the order is chosen from outside ([`Schedule::Chosen`]), a thread
//! goes on by itself up to its next call that becomes an event, and one that was woken returns from its call; only
//! when all that can move stand before such a call is somebody asked.

use crate::event::{Event, Party, Schedule};

use super::tracees::{Held, InFlight, Key, Shown, Thread};
use super::{Tracer, bounds};

/// What is to happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Of(Key),
    /// Somebody outside is to say.
    Asked,
    /// The outside world goes first.
    World,
    /// Nobody stands still.
    Nobody,
}

impl Turn {
    pub fn key(self) -> Option<Key> {
        match self {
            Turn::Of(key) => Some(key),
            Turn::Asked | Turn::World | Turn::Nobody => None,
        }
    }
}

/// How far the choice is somebody else's.
#[derive(Default)]
pub struct Asking {
    picked: Option<Key>,
    /// Who was picked last.
    last: Option<Key>,
    /// Nobody chooses any more.
    given_up: bool,
}

/// A thread that can go on, and the call that it is about to make: an event without a result, which has not been
/// recorded.
#[derive(Debug)]
pub struct Candidate {
    key: Key,
    pub event: Event,
    /// Whether it was picked last.
    pub went_last: bool,
}

impl Tracer {
    pub(super) fn choose(&mut self) -> Turn {
        match self.settings.schedule {
            Schedule::Random => self.choose_by_seed(),
            Schedule::Delayed => self.choose_with_delays(),
            Schedule::Chosen if !self.asking.given_up => self.choose_or_ask(),
            _ => self.choose_in_order(),
        }
    }

    /// Says whether the outside world has a step that need not wait until nobody can move. In a delayed schedule it is among
    /// those who can go on then, after the last thread.
    pub fn offer_world(&mut self, may_go: bool) {
        self.world_may_go = may_go;
    }

    /// How often another thread, or the world, could have gone on than the one that did, for [`Schedule::Delayed`].
    pub fn decisions(&self) -> u64 {
        self.decisions
    }

    /// The threads that [`super::Step::Choose`] is about, in order of roles and threads.
    pub fn candidates(&mut self) -> Vec<Candidate> {
        let keys: Vec<Key> = self.threads.keys().copied().collect();
        let mut found = Vec::new();
        for key in keys {
            if let Some(call) = self.stands_before_event(key)
                && let Some(event) = self.preview(key, &call)
            {
                found.push(Candidate { key, event, went_last: self.asking.last == Some(key) });
            }
        }
        found
    }

    /// The calls that wait, each as the event that it would be if it never returned, with whom it waits for.
    pub fn waiting(&mut self) -> Vec<(Event, Vec<Party>)> {
        let waits = |thread: &Thread| {
            thread.held.is_none() && thread.call.as_ref().is_some_and(|call| call.blocked)
        };
        let keys: Vec<Key> =
            self.threads.iter().filter(|(_, it)| waits(it)).map(|(&key, _)| key).collect();
        let mut found = Vec::new();
        for key in keys {
            let parties = self.parties(key);
            let Some(mut thread) = self.threads.remove(&key) else { continue };
            let call = thread.call.take();
            let event = call.as_ref().map(|call| self.previewed(&thread, call));
            thread.call = call;
            self.threads.insert(key, thread);
            found.extend(event.map(|event| (event, parties)));
        }
        found
    }

    /// Gives one of the candidates its turn.
    pub fn pick(&mut self, candidate: &Candidate) {
        self.asking.picked = Some(candidate.key);
        self.asking.last = Some(candidate.key);
    }

    /// As [`pick`](Tracer::pick), of a call that nobody was asked about.
    pub fn pass_by(&mut self, candidate: &Candidate) {
        self.asking.picked = Some(candidate.key);
    }

    /// Nobody chooses any more: the run goes on in lockstep, with whoever was picked last.
    pub fn choose_alone(&mut self) {
        self.asking.given_up = true;
        self.current = self.asking.last;
    }

    fn preview(&mut self, key: Key, call: &InFlight) -> Option<Event> {
        let thread = self.threads.remove(&key)?;
        let event = self.previewed(&thread, call);
        self.threads.insert(key, thread);
        Some(event)
    }

    fn choose_by_seed(&mut self) -> Turn {
        if let Some(key) = self.yet_to_tell() {
            return Turn::Of(key);
        }
        let keys = self.standing();
        let at = self.random.below(keys.len().max(1) as u64) as usize;
        keys.get(at).map_or(Turn::Nobody, |&key| Turn::Of(key))
    }

    fn choose_with_delays(&mut self) -> Turn {
        let turn = self.choose_in_order();
        let keys = self.standing();
        let Some(at) = keys.iter().position(|&key| turn == Turn::Of(key)) else { return turn };
        let choices = keys.len() + usize::from(self.world_may_go);
        if choices < 2 || self.yet_to_tell().is_some() {
            return turn;
        }
        self.decisions += 1;
        let passed = self.settings.delays.iter().filter(|&&it| it == self.decisions).count();
        if passed > 0 {
            self.streak = 0;
        }
        keys.get((at + passed) % choices).map_or(Turn::World, |&key| Turn::Of(key))
    }

    /// The one that ran last, if what its call has sent is still to be told: with that call, and not with another one's.
    fn yet_to_tell(&self) -> Option<Key> {
        self.current
            .filter(|key| self.threads.get(key).is_some_and(|thread| has_returned_at_once(thread)))
    }

    fn standing(&self) -> Vec<Key> {
        self.threads.iter().filter(|(_, it)| can_run(it)).map(|(&key, _)| key).collect()
    }

    /// The one that ran last if it can go on, else the first in order of roles and threads.
    fn choose_in_order(&mut self) -> Turn {
        let rotate = std::mem::take(&mut self.rotate) || self.streak > bounds::STREAK;
        if let Some(current) = self.current
            && self.threads.get(&current).is_some_and(|thread| can_run(thread))
            && !rotate
        {
            return Turn::Of(current);
        }
        self.streak = 0;
        let after = self.current.filter(|_| rotate);
        let later = after.and_then(|after| {
            let mut later =
                self.threads.range((std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded));
            later.find(|(_, thread)| can_run(thread))
        });
        let found = later.or_else(|| self.threads.iter().find(|(_, thread)| can_run(thread)));
        found.map_or(Turn::Nobody, |(&key, _)| Turn::Of(key))
    }

    fn choose_or_ask(&mut self) -> Turn {
        if let Some(picked) = self.asking.picked.take()
            && self.threads.get(&picked).is_some_and(|thread| can_run(thread))
        {
            self.streak = 0;
            return Turn::Of(picked);
        }
        let (asked, by_themselves): (Vec<Key>, Vec<Key>) =
            self.standing().into_iter().partition(|&key| self.stands_before_event(key).is_some());
        // Who yields or computes on may wait for what only another one's call can bring.
        let rotate = std::mem::take(&mut self.rotate) || self.streak > bounds::STREAK;
        if rotate && !asked.is_empty() {
            return Turn::Asked;
        }
        let current = self.current.filter(|key| by_themselves.contains(key));
        match current.or(by_themselves.first().copied()) {
            Some(key) => Turn::Of(key),
            None if asked.is_empty() => Turn::Nobody,
            None => Turn::Asked,
        }
    }
}

/// It stands at the return of a call that becomes an event and did not wait. To tell it moves nobody: the thread stands
/// there still.
fn has_returned_at_once(thread: &Thread) -> bool {
    let returned = matches!(thread.held, Some(Held::Return(_)));
    returned && thread.call.as_ref().is_some_and(|call| !call.blocked && call.shown == Shown::Yes)
}

fn can_run(thread: &Thread) -> bool {
    thread.held.is_some()
}
