//! Which steps need not wait until the programs have come to rest: the outside world of a real program never does.
//!
//! Only those after which every right program still does what the rules ask for: what a peer sends in a row belongs to one
//! stream, whenever it is read; a connection may be made while others are served; and what is done by `each` client is
//! asked for as if it came from all at once. A line that is typed, or a peer that breaks off, would mean something else.

use super::{Action, Pieces, Plan, Script, Step, Want, Who};

impl Plan {
    /// For each step of this plan's script, whether it may come at once after the one before it.
    pub fn may_come_early(&self, script: &Script) -> Vec<bool> {
        let steps = &script.steps;
        let may = |at: usize| {
            let Some(before) = at.checked_sub(1).map(|before| &steps[before]) else { return false };
            // What holds at the quiet moment after a step is asked for at that moment.
            let is_looked_at = self.checkpoints.iter().any(|it| it.step == before.number);
            !is_looked_at && self.is_harmless(before, &steps[at], &steps[..at])
        };
        (0..steps.len()).map(may).collect()
    }

    fn is_harmless(
        &self,
        before: &Step<Vec<u8>>,
        step: &Step<Vec<u8>>,
        all_before: &[Step<Vec<u8>>],
    ) -> bool {
        let is_of_each = self.steps.get(step.number - 1).is_some_and(|it| it.who == Who::Each);
        match &step.does {
            // Somebody listens there by then, if nobody was ended or started since.
            Action::Connect { to, want: Want::Success } => all_before
                .iter()
                .rev()
                .take_while(|it| !matches!(it.does, Action::Kill(_) | Action::Start))
                .any(|it| matches!(&it.does, Action::Connect { to: known, .. } if known == to)),
            Action::Send { how: Pieces::One, .. } | Action::Shutdown(_) => {
                before.who == step.who || is_of_each
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Written;
    use super::*;

    fn early(clients: Option<&str>, steps: &[&str], looked_at: &[usize]) -> Vec<bool> {
        let at = looked_at.iter().map(|&step| super::super::WrittenCheckpoint {
            step,
            state: Some("server: conn CLOSED".into()),
            ..Default::default()
        });
        let plan = Plan::read(Written {
            name: "x".into(),
            clients: clients.map(str::to_owned),
            steps: steps.iter().map(|step| (*step).into()).collect(),
            at: at.collect(),
            ..Written::default()
        });
        let plan = plan.unwrap_or_else(|(place, error)| panic!("{place:?}: {error}"));
        plan.may_come_early(&plan.fill(1))
    }

    #[test]
    fn a_second_client_need_not_wait_and_the_first_one_must() {
        let steps = ["A: connect(:1)", "B: connect(:1)", "C: connect(:2)"];
        assert_eq!(early(None, &steps, &[]), [false, true, false]);
    }

    #[test]
    fn a_client_waits_for_a_server_that_was_ended_or_started_since() {
        let steps = ["A: connect(:1)", "server: kill(SIGTERM)", "again: start()", "B: connect(:1)"];
        assert_eq!(early(None, &steps, &[]), [false; 4]);
    }

    #[test]
    fn a_peer_waits_for_nobody_within_its_own_stream_alone() {
        let steps = [
            "A: connect(:1)",
            "A: send(\"x\")",
            "A: shutdown(SHUT_WR)",
            "A: recv(\"y\")",
            "server: stdin(\"z\")",
            "A: reset()",
        ];
        assert_eq!(early(None, &steps, &[]), [false, true, true, false, false, false]);
        let two = ["A: connect(:1)", "B: connect(:1)", "A: send(\"x\")", "A: send(\"y\", split)"];
        assert_eq!(early(None, &two, &[]), [false, true, false, false]);
    }

    #[test]
    fn what_each_client_does_comes_from_all_at_once() {
        let steps = ["each: connect(:1)", "each: send(\"x\")", "all: recv(\"y\")"];
        assert_eq!(early(Some("2"), &steps, &[]), [false, true, true, true, false, false]);
    }

    #[test]
    fn a_moment_that_is_looked_at_is_waited_for() {
        let steps = ["A: connect(:1)", "A: send(\"x\")", "A: send(\"y\")"];
        assert_eq!(early(None, &steps, &[2]), [false, true, false]);
    }
}
