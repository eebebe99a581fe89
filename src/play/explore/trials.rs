//! What is tried, and in which order: a pure function of the numbers of decisions and a seed.
//!
//! Three kinds of schedules take turns, and the scenarios too: single delays, far apart first, which find what one thread too
//! late brings about; two or three delays, mostly near to each other; and a delay at many decisions, as a random walk
//! has, for what takes more.

use std::collections::HashSet;

use crate::tracer::Random;

/// A schedule of one scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The scenario's place among the plans.
    pub plan: usize,
    /// The decisions at which one more thread is passed over, in order.
    pub delays: Vec<u64>,
}

impl Trial {
    /// The same with so many delays less, from this place on, and all after them moved by so many decisions.
    pub fn without(&self, begin: usize, size: usize, shift: i64) -> Trial {
        let end = (begin + size).min(self.delays.len());
        let moved = |delay: &u64| delay.saturating_add_signed(shift).max(1);
        let left = self.delays[..begin].iter().copied();
        let mut delays: Vec<u64> = left.chain(self.delays[end..].iter().map(moved)).collect();
        delays.sort_unstable();
        Trial { plan: self.plan, delays }
    }
}

/// At most `count` trials, no two the same; `decisions` has how many each plan's run in lockstep had.
pub fn trials(decisions: &[u64], count: usize, seed: u64) -> Vec<Trial> {
    let of_plan = |(plan, &decisions): (usize, &u64)| Kinds {
        plan,
        decisions,
        singles: spread(decisions).into_iter(),
        random: Random::new(seed ^ (plan as u64) << 32),
        turn: 0,
        known: HashSet::new(),
    };
    let mut plans: Vec<Kinds> =
        decisions.iter().enumerate().filter(|(_, it)| **it > 0).map(of_plan).collect();
    let mut trials = Vec::new();
    while trials.len() < count && !plans.is_empty() {
        plans.retain_mut(|plan| {
            let next = plan.next();
            let is_over = next.is_none();
            trials.extend(next);
            !is_over
        });
    }
    trials.truncate(count);
    trials
}

/// The numbers from 1 to `most`, each far from those before it: in the order of their bits reversed (van der Corput).
fn spread(most: u64) -> Vec<u64> {
    let bits = most.next_power_of_two().trailing_zeros();
    let reversed = |number: u64| number.reverse_bits().checked_shr(64 - bits).unwrap_or(0);
    (0..most.next_power_of_two()).map(reversed).filter(|at| *at < most).map(|at| at + 1).collect()
}

/// The trials of one plan.
struct Kinds {
    plan: usize,
    decisions: u64,
    singles: std::vec::IntoIter<u64>,
    random: Random,
    turn: u64,
    known: HashSet<Vec<u64>>,
}

impl Iterator for Kinds {
    type Item = Trial;

    fn next(&mut self) -> Option<Trial> {
        /// Draws in vain after which what is left is not worth looking for.
        const PATIENCE: usize = 100;
        for _ in 0..PATIENCE {
            self.turn += 1;
            let delays = match self.turn % 4 {
                0 => self.walk(),
                1 => self.few(),
                _ => self.singles.next().map_or_else(|| self.few(), |single| vec![single]),
            };
            if !delays.is_empty() && self.known.insert(delays.clone()) {
                return Some(Trial { plan: self.plan, delays });
            }
        }
        None
    }
}

impl Kinds {
    fn few(&mut self) -> Vec<u64> {
        let mut delays = vec![1 + self.random.below(self.decisions)];
        for _ in 0..=self.random.below(2) {
            let farthest = 1 << self.random.below(1 + u64::from(self.decisions.ilog2()));
            let next = delays[delays.len() - 1] + self.random.below(farthest);
            delays.push(next.min(self.decisions));
        }
        delays
    }

    /// A delay at every second decision, every fourth …, and at some of them more than one.
    fn walk(&mut self) -> Vec<u64> {
        let rare = 2 << self.random.below(4);
        let mut delays = Vec::new();
        for decision in 1..=self.decisions {
            let mut odds = rare;
            while self.random.below(odds) == 0 && delays.len() < LONGEST {
                delays.push(decision);
                odds = 2;
            }
        }
        delays
    }
}

/// Delays of one schedule.
const LONGEST: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_delays_come_once_each_and_far_apart_first() {
        assert_eq!(spread(8), [1, 5, 3, 7, 2, 6, 4, 8]);
        for most in [1, 2, 3, 7, 100] {
            let mut all = spread(most);
            all.sort_unstable();
            assert_eq!(all, (1..=most).collect::<Vec<u64>>());
        }
    }

    #[test]
    fn no_trial_comes_twice_and_all_plans_take_turns() {
        let trials = trials(&[40, 0, 60], 300, 7);
        assert_eq!(trials.len(), 300);
        for (at, trial) in trials.iter().enumerate() {
            assert!(!trials[..at].contains(trial), "{trial:?}");
            assert_eq!(trial.plan, if at % 2 == 0 { 0 } else { 2 });
            assert!(trial.delays.is_sorted());
        }
    }

    #[test]
    fn a_shorter_schedule_has_what_is_left_in_order() {
        let whole = Trial { plan: 3, delays: vec![2, 5, 5, 9] };
        assert_eq!(whole.without(1, 2, 0).delays, [2, 9]);
        assert_eq!(whole.without(3, 2, 0).delays, [2, 5, 5]);
        assert_eq!(whole.without(0, 1, -3), Trial { plan: 3, delays: vec![2, 2, 6] });
        assert_eq!(Trial { plan: 0, delays: vec![1, 2] }.without(0, 1, -3).delays, [1]);
    }

    #[test]
    fn where_little_can_be_varied_little_is_tried() {
        assert_eq!(trials(&[0, 0], 10, 1), []);
        let few = trials(&[1], 500, 1);
        assert!(few.contains(&Trial { plan: 0, delays: vec![1] }), "{few:?}");
        assert!(few.len() < 50, "{few:?}");
    }

    #[test]
    fn the_same_seed_gives_the_same_trials() {
        assert_eq!(trials(&[30], 100, 1), trials(&[30], 100, 1));
        assert_ne!(trials(&[30], 100, 1), trials(&[30], 100, 2));
    }
}
