//! A scenario on its way: which step is next, how the one under way stands, what came of those before.

use nix::errno::Errno;
use nix::sys::signal::Signal;

use crate::error::Result;
use crate::event::{self, SockAddr};
use crate::scenario::{Action, Plan, Script, Step, Who};
use crate::tracer::Tracer;
use crate::wire::name_server::NameServer;
use crate::wire::peers::{Peers, Progress, UnderWay};

/// The outside world of a run.
pub struct Stage {
    script: Script,
    peers: Peers,
    /// Who answers for the names of the run, if it has any to itself.
    names: Option<NameServer>,
    /// The index of the step that is next or under way.
    at: usize,
    under_way: Option<Begun>,
    /// What came of the steps so far.
    done: Vec<event::Step>,
    /// The states after the last of them have not been looked at.
    owes_states: bool,
    /// Which of the script's steps need not wait for a quiet moment.
    may_come_early: Vec<bool>,
    /// Steps since the last quiet moment.
    hurried: usize,
}

/// Steps that the world does before the programs have come to rest: fewer than connections wait in the listener of any
/// server, since one that finds no room there tries again only after a second of real time.
const MOST_HURRIED: usize = 2;

struct Begun {
    peers: UnderWay,
    /// The `seq` of the last event before it.
    after: u64,
    /// The moment of virtual time until which it may wait for timers.
    patience: u64,
}

/// How long a peer waits in vain, in nanoseconds of virtual time: a program that sleeps a little before it answers is
/// no worse than one that does not.
const PATIENCE: u64 = 1_000_000_000;

impl Stage {
    /// `variable`: what `$NAME` at the start of a path stands for.
    pub fn new(
        plan: &Plan,
        seed: u64,
        variable: &dyn Fn(&str) -> Option<String>,
        names: Option<NameServer>,
    ) -> Stage {
        let mut script = plan.fill(seed);
        for step in &mut script.steps {
            if let Some(SockAddr::Unix { path }) = address_in(&mut step.does)
                && let Some((name, rest)) =
                    path.strip_prefix('$').and_then(|path| path.split_once('/'))
                && let Some(value) = variable(name)
            {
                *path = format!("{value}/{rest}");
            }
        }
        Stage {
            peers: Peers::of(&script),
            names,
            may_come_early: plan.may_come_early(&script),
            script,
            at: 0,
            under_way: None,
            done: Vec::new(),
            owes_states: false,
            hurried: 0,
        }
    }

    /// The role that the next step starts.
    pub fn starts(&self) -> Option<&str> {
        let next = self.script.steps.get(self.at)?;
        match (&next.who, &next.does) {
            (Who::Role(role), Action::Start) => Some(role),
            _ => None,
        }
    }

    /// Whether the scenario says what this role finds on its stdin.
    pub fn types_for(&self, role: &str) -> bool {
        self.script.types_for(role)
    }

    /// Before any program starts: what a peer sets up first is there when the first client comes.
    pub fn set_up(&mut self, tracer: &mut Tracer) -> Result<()> {
        let sets_up = |step: &Step<Vec<u8>>| {
            use Action::{Bind, Join, Listen, Slow, Socket};
            matches!(step.does, Socket { .. } | Bind(_) | Join(_) | Listen(_) | Slow)
        };
        while self.script.steps.get(self.at).is_some_and(sets_up) {
            self.go_on(tracer)?;
        }
        Ok(())
    }

    /// Nobody can move: brings the scenario on. False if it is over.
    pub fn go_on(&mut self, tracer: &mut Tracer) -> Result<bool> {
        self.hurried = 0;
        if self.names.as_ref().is_some_and(NameServer::answer) {
            tracer.world_moved();
            return Ok(true);
        }
        self.bring_on(tracer, true)
    }

    /// Whether the next step could be done now, though somebody can move.
    pub fn may_hurry(&self) -> bool {
        let may_come = self.may_come_early.get(self.at).is_some_and(|may| *may);
        may_come && self.under_way.is_none() && self.hurried < MOST_HURRIED
    }

    /// Does it.
    pub fn hurry(&mut self, tracer: &mut Tracer) -> Result<()> {
        self.hurried += 1;
        // There is no quiet moment after the step before.
        self.owes_states = false;
        self.bring_on(tracer, false).map(drop)
    }

    fn bring_on(&mut self, tracer: &mut Tracer, is_quiet: bool) -> Result<bool> {
        if self.under_way.is_none() {
            self.look_at_states(tracer);
            let Some(step) = self.script.steps.get(self.at) else { return Ok(false) };
            let patience = match step.does {
                Action::Pass(time) => {
                    time.map_or(u64::MAX, |time| tracer.now().saturating_add(time))
                }
                _ => tracer.now().saturating_add(PATIENCE),
            };
            let peers = Peers::begin(&self.script, self.at, tracer);
            self.under_way = Some(Begun { peers, after: tracer.seq(), patience });
        }
        let (Some(begun), Some(step)) = (&mut self.under_way, self.script.steps.get(self.at))
        else {
            return Ok(false);
        };
        let unmet = match &step.who {
            Who::Peer(name) => match self.peers.go_on(name, step, &mut begun.peers, tracer) {
                Progress::Done(unmet) => unmet,
                Progress::Moved | Progress::Stuck if !is_quiet => {
                    tracer.world_moved();
                    return Ok(true);
                }
                Progress::Moved => {
                    tracer.world_moved();
                    return Ok(true);
                }
                Progress::Stuck if tracer.advance_until(begun.patience)? => return Ok(true),
                Progress::Stuck => self.peers.give_up(name, step, &begun.peers, tracer),
            },
            Who::Role(role) => act_on(role, step, tracer),
            Who::Time => match step.does {
                Action::Pass(None) => {
                    (!tracer.advance_until(u64::MAX)?).then(|| "nobody waits for a timer".into())
                }
                _ if tracer.advance_until(begun.patience)? => return Ok(true),
                _ => {
                    tracer.jump(begun.patience);
                    None
                }
            },
            // Filled in: these are peers by now.
            Who::Each | Who::All => None,
        };
        let step = event::Step {
            number: step.number,
            text: step.text.clone(),
            after: begun.after,
            unmet,
            states: Vec::new(),
        };
        self.done.push(step);
        (self.under_way, self.owes_states) = (None, true);
        self.at += 1;
        tracer.world_moved();
        Ok(true)
    }

    /// What came of the steps so far.
    pub fn done(&self) -> &[event::Step] {
        &self.done
    }

    /// What came of the steps. No more will be done.
    pub fn steps(&mut self, tracer: &mut Tracer) -> Vec<event::Step> {
        self.look_at_states(tracer);
        std::mem::take(&mut self.done)
    }

    /// The peers close what they still have open, always in the same order.
    pub fn leave(mut self) {
        self.peers.leave();
    }

    fn look_at_states(&mut self, tracer: &mut Tracer) {
        if std::mem::take(&mut self.owes_states)
            && let Some(step) = self.done.last_mut()
        {
            tracer.rest();
            step.states = tracer.states();
        }
    }
}

fn address_in<T>(does: &mut Action<T>) -> Option<&mut SockAddr> {
    match does {
        Action::Bind(addr)
        | Action::Connect { to: addr, .. }
        | Action::SendTo { to: Some(addr), .. } => Some(addr),
        _ => None,
    }
}

/// A line on a program's stdin, or a signal to it.
fn act_on(role: &str, step: &Step<Vec<u8>>, tracer: &mut Tracer) -> Option<String> {
    let Some(place) = tracer.role_named(role) else {
        return Some(format!("{role} has not started"));
    };
    let ended = || format!("{role} had ended");
    match &step.does {
        Action::Stdin(None) => {
            tracer.end_input(place);
            None
        }
        Action::Stdin(Some(line)) => {
            let mut line = line.clone();
            line.push(b'\n');
            (tracer.has_ended(place) || !tracer.type_in(place, &line)).then(ended)
        }
        Action::Kill(name) => {
            let signal: std::result::Result<Signal, Errno> = name.parse();
            match signal {
                Ok(signal) => (!tracer.signal(place, signal as i32)).then(ended),
                Err(_) => Some(format!("there is no {name}")),
            }
        }
        _ => None,
    }
}
