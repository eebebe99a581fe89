//! What must hold at the quiet moment after a step, judged by the recording alone.

use super::{Checkpoint, Plan, WrittenCheckpoint, pattern};
use crate::error::Error;
use crate::event::{Event, Recording, SocketState, Step};
use crate::pattern::{CallPattern, Op, error_in, is_named};
use crate::timeline::{RowKind, Timeline};

/// What a checkpoint asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// Every socket of this name is in one of these states: `server: conn CLOSE-WAIT|LAST-ACK`.
    State { role: String, object: String, states: Vec<String>, queue: Option<(Queue, Op, i64)> },
    /// This call has been made by then.
    Call(CallPattern),
    /// Somebody waits in this call.
    Waits(CallPattern),
}

/// One of the two queues of a socket, in bytes or, for a listener, connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    Receive,
    Send,
}

/// A checkpoint that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Its place among the plan's checkpoints.
    pub checkpoint: usize,
    /// The step's number.
    pub step: usize,
    /// As it is written: `server: conn CLOSED`.
    pub wanted: String,
    /// What was so instead: `conn was CLOSE-WAIT`.
    pub found: String,
    /// The `seq` of the last event before that moment.
    pub after: u64,
}

/// The states by the names of ss(8) and RFC 9293.
pub const STATES: [&str; 11] = [
    "LISTEN",
    "SYN-SENT",
    "SYN-RECEIVED",
    "ESTABLISHED",
    "FIN-WAIT-1",
    "FIN-WAIT-2",
    "CLOSE-WAIT",
    "CLOSING",
    "LAST-ACK",
    "TIME-WAIT",
    "CLOSED",
];

/// The checkpoints of the plan that do not hold in its recording, in the plan's order. `timeline` is that of the recording.
pub fn checkpoints(plan: &Plan, recording: &Recording, timeline: &Timeline) -> Vec<Missed> {
    let mut missed = Vec::new();
    for (at, checkpoint) in plan.checkpoints.iter().enumerate() {
        // A step that several clients did holds once the last of them has.
        let place = recording.steps.iter().rposition(|step| step.number == checkpoint.step);
        let last = recording.events.iter().map(|event| event.seq).max().unwrap_or(0);
        let (after, found) = match place {
            None => (last, Err("the run ended before that".into())),
            Some(place) => {
                let moment = recording.steps.get(place + 1).map_or(last, |next| next.after);
                let found =
                    judge(&checkpoint.wanted, &recording.steps[place], moment, recording, timeline);
                (moment, found)
            }
        };
        if let Err(found) = found {
            let wanted = checkpoint.text.clone();
            missed.push(Missed { checkpoint: at, step: checkpoint.step, wanted, found, after });
        }
    }
    missed
}

fn judge(
    wanted: &Wanted,
    step: &Step,
    moment: u64,
    recording: &Recording,
    timeline: &Timeline,
) -> Result<(), String> {
    match wanted {
        Wanted::Call(pattern) => {
            let made = timeline.rows.iter().any(|row| row.seq <= moment && pattern.matches(row));
            made.then_some(()).ok_or_else(|| "no such call had been made".into())
        }
        Wanted::Waits(pattern) => {
            let is_on = |event: &&Event| {
                let began = event.since.unwrap_or(event.seq.saturating_sub(1)) <= moment;
                began
                    && (event.blocked || event.ret.is_none())
                    && (event.ret.is_none() || event.seq > moment)
            };
            let row_of = |event: &Event| {
                let waits = |row: &&crate::timeline::Row| matches!(row.kind, RowKind::Waits { .. });
                timeline.rows.iter().find(|row| waits(row) && row.came_of(event.seq))
            };
            let rows: Vec<_> = recording.events.iter().filter(is_on).filter_map(row_of).collect();
            if rows.iter().any(|row| pattern.matches_waiting(row)) {
                return Ok(());
            }
            let said: Vec<String> = rows
                .iter()
                .filter(|row| pattern.role.as_ref().is_none_or(|role| *role == row.role))
                .map(|row| {
                    let first = row.args.first().map_or("", |piece| piece.text.as_str());
                    format!("{} waited in {}({first})", row.role, row.call)
                })
                .collect();
            Err(if said.is_empty() { "nobody waited".into() } else { said.join(", ") })
        }
        Wanted::State { role, object, states, queue } => {
            let of_role = |state: &&SocketState| {
                let socket = state.socket.and_then(|id| recording.socket(id));
                let name = state.socket.and_then(|id| timeline.names.of(id));
                socket.is_some_and(|it| it.role == *role)
                    && name.is_some_and(|name| is_named(name, object))
            };
            let found: Vec<&SocketState> = step.states.iter().filter(of_role).collect();
            if found.is_empty() {
                return Err(format!("{role} had no {object}"));
            }
            for state in found {
                let name = state.socket.and_then(|id| timeline.names.of(id)).unwrap_or(object);
                if !states.iter().any(|it| *it == state.state) {
                    return Err(format!("{name} was {}", state.state));
                }
                let length = match queue {
                    Some((Queue::Receive, ..)) => state.receive_queue,
                    _ => state.send_queue,
                };
                if let Some((_, op, most)) = queue
                    && !op.holds(length.into(), *most)
                {
                    return Err(format!("{name} had {length} in that queue"));
                }
            }
            Ok(())
        }
    }
}

/// Reads a checkpoint of a scenario with so many steps.
pub(super) fn read(written: &WrittenCheckpoint, steps: usize) -> Result<Checkpoint, Error> {
    if !(1..=steps).contains(&written.step) {
        let why = format!("is no step: there are 1 to {steps}");
        return Err(error_in(&written.step.to_string(), 0, why));
    }
    let (text, wanted) = match (&written.state, &written.call, &written.waits) {
        (Some(text), None, None) => (text, state(text)?),
        (None, Some(text), None) => (text, Wanted::Call(pattern(text)?)),
        (None, None, Some(text)) => {
            let waits = pattern(text)?;
            if waits.result.is_some() {
                return Err(error_in(text, 0, "has a result, but a call that waits has none yet"));
            }
            (text, Wanted::Waits(waits))
        }
        _ => {
            return Err(error_in(
                &written.step.to_string(),
                0,
                "needs one of `state`, `call` and `waits`",
            ));
        }
    };
    Ok(Checkpoint { step: written.step, text: text.clone(), wanted })
}

/// `server: conn CLOSE-WAIT|LAST-ACK`, `server: listener LISTEN, receive_queue = 2`.
fn state(text: &str) -> Result<Wanted, Error> {
    let at = |part: &str| part.as_ptr() as usize - text.as_ptr() as usize;
    let Some((role, rest)) = text.split_once(':') else {
        return Err(error_in(text, 0, "does not say whose socket it is: `server: conn CLOSED`"));
    };
    let (named, queue) = match rest.split_once(',') {
        Some((named, queue)) => {
            (named, Some(self::queue(text, queue.trim_start(), at(queue.trim_start()))?))
        }
        None => (rest, None),
    };
    let mut words = named.split_whitespace();
    let (Some(object), Some(states), None) = (words.next(), words.next(), words.next()) else {
        return Err(error_in(text, at(rest), "should name a socket and its state: `conn CLOSED`"));
    };
    for state in states.split('|') {
        if !STATES.contains(&state) {
            let likeness = |known: &&&str| strsim::jaro_winkler(known, state);
            let near = STATES.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            let near = near
                .filter(|near| likeness(near) > 0.8)
                .map(|near| format!("; did you mean `{near}`?"));
            let all = || format!("; there are {}", STATES.join(", "));
            let why = format!("names no state of TCP: `{state}`{}", near.unwrap_or_else(all));
            return Err(error_in(text, at(state), why));
        }
    }
    Ok(Wanted::State {
        role: role.trim().into(),
        object: object.into(),
        states: states.split('|').map(str::to_owned).collect(),
        queue,
    })
}

fn queue(text: &str, said: &str, at: usize) -> Result<(Queue, Op, i64), Error> {
    let wrong = || error_in(text, at, "should say how long a queue is: `receive_queue = 2`");
    let mut words = said.split_whitespace();
    let (Some(queue), Some(op), Some(length), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(wrong());
    };
    let queue = match queue {
        "receive_queue" => Queue::Receive,
        "send_queue" => Queue::Send,
        _ => return Err(wrong()),
    };
    let (op, "") = Op::leading(op).ok_or_else(wrong)? else { return Err(wrong()) };
    Ok((queue, op, length.parse().map_err(|_| wrong())?))
}
