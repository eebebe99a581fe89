//! The checks on datagrams: whom they came from, whom they go to, and what is believed of them.
//!
//! A datagram socket has no other end. Who sent a datagram is told by the call that takes it, if that is asked; whom
//! one goes to by the call that sends it, or by the last connect(2), which notes an address and sends nothing.

use std::collections::HashMap;

use super::checks::Found;
use super::run::{Run, said};
use crate::event::{Event, Kind, SockAddr, SocketId, Value};
use crate::pattern::Class;

/// Each datagram that is sent answers one that came, and goes to its sender.
pub(super) fn answers_the_sender(run: &Run<'_>) -> Option<Found> {
    let mut connected = Connected::default();
    // Senders in the order in which they came: all of them, and those that have no answer yet.
    let (mut heard, mut unanswered) = (Vec::new(), Vec::new());
    let mut peeked: HashMap<SocketId, Vec<SockAddr>> = HashMap::new();
    let mut last_taken = None;
    let mut answers = 0;
    for (id, event) in own_datagram_events(run) {
        connected.learn(id, event);
        if event.ret.is_none_or(|ret| ret < 0) {
            continue;
        }
        if is_of(Class::Recv, event) {
            let mut senders = connected.other_end(id, event);
            let peeks = matches!(event.arg("flags"),
                Some(Value::Named { text, .. }) if text.contains("MSG_PEEK"));
            if peeks {
                peeked.insert(id, senders);
                continue;
            }
            let before = peeked.remove(&id);
            if senders.is_empty() {
                senders = before.unwrap_or_default();
            }
            heard.extend(senders.iter().cloned());
            last_taken = Some((event.seq, senders.is_empty()));
            unanswered.extend(senders);
        } else if is_of(Class::Send, event) {
            for to in connected.other_end(id, event) {
                answers += 1;
                if let Some(at) = unanswered.iter().position(|from| *from == to) {
                    unanswered.remove(at);
                    continue;
                }
                let row = run.row_of(event.seq)?;
                let line = run.timeline.rows.get(row)?;
                let taken = last_taken.and_then(|(seq, _)| run.row_of(seq));
                let why = match last_taken {
                    _ if heard.contains(&to) => {
                        "that address has had an answer to each of its datagrams".to_owned()
                    }
                    Some((seq, true)) => {
                        let step = run.timeline.step_of(seq).unwrap_or_default();
                        format!("step {step} had not asked who sent what it took")
                    }
                    _ => "nothing had come from that address".to_owned(),
                };
                let did = format!("step {} was `{}`: {why}", line.step, said(line));
                return Found::at(did, taken.into_iter().collect(), Some(row));
            }
        }
    }
    if answers > 0 {
        return None;
    }
    nothing(run, "answered nothing")
}

/// All datagrams go to the address that the first one went to.
pub(super) fn asks_one_server(run: &Run<'_>) -> Option<Found> {
    let mut first: Option<(SockAddr, &Event)> = None;
    for (to, event) in sent(run) {
        match &first {
            None => first = Some((to, event)),
            Some((server, _)) if *server == to => {}
            Some((_, begin)) => {
                let (row, before) = (run.row_of(event.seq)?, run.row_of(begin.seq)?);
                let line = run.timeline.rows.get(row)?;
                let asked = run.timeline.rows.get(before)?;
                let did = format!(
                    "step {} was `{}`, to another address than step {} (`{}`)",
                    line.step,
                    said(line),
                    asked.step,
                    said(asked)
                );
                return Found::at(did, vec![before], Some(row));
            }
        }
    }
    match first {
        Some(_) => None,
        None => nothing(run, "sent no datagram"),
    }
}

/// What peers sent from other addresses than the first datagram went to is not printed.
pub(super) fn prints_no_stranger(run: &Run<'_>) -> Option<Found> {
    let Some((server, _)) = sent(run).next() else { return nothing(run, "sent no datagram") };
    let printed = run.output();
    for event in peers_datagrams(run) {
        let own = run.recording.events.iter().find(|it| {
            it.socket == event.socket && it.call == "bind" && addresses_of(it).contains(&&server)
        });
        let text = event.bytes.iter().map(|bytes| String::from_utf8_lossy(&bytes.data)).next();
        let Some(text) = text.filter(|text| own.is_none() && !text.is_empty()) else { continue };
        if !printed.contains(text.as_ref()) {
            continue;
        }
        let took = run.own_events().find(|own| {
            is_of(Class::Recv, own)
                && own.bytes.as_ref().is_some_and(|it| Some(it) == event.bytes.as_ref())
        });
        let took = took.and_then(|event| run.row_of(event.seq));
        let print = run.prints().find(|row| {
            let data = run.timeline.rows.get(*row).and_then(|row| row.data.as_ref());
            data.is_some_and(|it| String::from_utf8_lossy(&it.data).contains(text.as_ref()))
        });
        let step = took.and_then(|row| run.timeline.rows.get(row)).map(|row| row.step);
        let whence = step.map(|step| format!(" (step {step})")).unwrap_or_default();
        let did = format!(
            "it printed `{text}`{whence}, which `{}` had sent and not the server that was asked",
            event.role
        );
        let rows = took.into_iter().chain(print).collect();
        return Found::at(did, rows, took.or(print));
    }
    None
}

/// Each datagram that a peer sent is printed, whole.
pub(super) fn prints_each_datagram(run: &Run<'_>, printed: &[u8]) -> Option<Found> {
    for event in peers_datagrams(run) {
        let Some(text) = event.bytes.as_ref().map(|bytes| bytes.data.as_slice()) else { continue };
        if text.is_empty() || printed.windows(text.len()).any(|part| part == text) {
            continue;
        }
        // Where less of it was taken, what was taken is its beginning.
        let took = own_datagram_events(run).find(|(_, own)| {
            let got = own.bytes.as_ref().map(|bytes| bytes.data.as_slice());
            is_of(Class::Recv, own)
                && got.is_some_and(|got| !got.is_empty() && text.starts_with(got))
        });
        let row = took.and_then(|(_, own)| run.row_of(own.seq));
        let did = format!(
            "{} sent a datagram of {}, and nothing that it printed holds them all as text",
            event.role,
            super::run::bytes(i64::try_from(text.len()).unwrap_or(i64::MAX)),
        );
        let mut found = Found::at(did, run.prints().collect(), row.or_else(|| run.last_row()))?;
        found.printed = run.printed();
        found.absent = row.is_none();
        return Some(found);
    }
    None
}

/// Whether this is a datagram socket of the internet's or a local one.
pub(super) fn is_datagram(run: &Run<'_>, id: SocketId) -> bool {
    let kind = run.recording.socket(id).map(|socket| &socket.kind);
    matches!(kind, Some(Kind::Socket { type_, .. }) if type_.contains("SOCK_DGRAM"))
}

/// Where the datagrams of the program go, in order, whether they left or not.
fn sent<'a>(run: &Run<'a>) -> impl Iterator<Item = (SockAddr, &'a Event)> {
    let mut connected = Connected::default();
    let mut all = Vec::new();
    for (id, event) in own_datagram_events(run) {
        connected.learn(id, event);
        if is_of(Class::Send, event) {
            let to = connected.other_end(id, event);
            all.extend(to.into_iter().map(|to| (to, event)));
        }
    }
    all.into_iter()
}

/// The addresses that connect(2) has noted.
#[derive(Default)]
struct Connected(HashMap<SocketId, SockAddr>);

impl Connected {
    fn learn(&mut self, id: SocketId, event: &Event) {
        if event.call != "connect" || event.ret != Some(0) {
            return;
        }
        match addresses_of(event).first() {
            // To no family at all: it forgets.
            None | Some(SockAddr::Unspec) => self.0.remove(&id),
            Some(addr) => self.0.insert(id, (*addr).clone()),
        };
    }

    /// The addresses that a call names, else the one that was noted.
    fn other_end(&self, id: SocketId, event: &Event) -> Vec<SockAddr> {
        let named: Vec<SockAddr> = addresses_of(event).into_iter().cloned().collect();
        if named.is_empty() { self.0.get(&id).cloned().into_iter().collect() } else { named }
    }
}

fn own_datagram_events<'a>(run: &Run<'a>) -> impl Iterator<Item = (SocketId, &'a Event)> {
    let all: Vec<_> = run
        .own_events()
        .filter_map(|event| Some((event.socket?, event)))
        .filter(|(id, _)| is_datagram(run, *id))
        .collect();
    all.into_iter()
}

/// The datagrams that peers have sent.
fn peers_datagrams<'a>(run: &Run<'a>) -> impl Iterator<Item = &'a Event> {
    let all: Vec<_> = run
        .recording
        .events
        .iter()
        .filter(|event| run.is_peer(&event.role) && is_of(Class::Send, event))
        .filter(|event| event.ret.is_some_and(|ret| ret >= 0))
        .filter(|event| event.socket.is_some_and(|id| is_datagram(run, id)))
        .collect();
    all.into_iter()
}

fn nothing(run: &Run<'_>, what: &str) -> Option<Found> {
    let rows = run.last_row().into_iter().collect();
    let mut found = Found::at(format!("{}, and {what}", run.so_far()), rows, run.last_row())?;
    found.absent = true;
    Some(found)
}

fn is_of(class: Class, event: &Event) -> bool {
    class.members().contains(&event.call.as_ref())
}

fn addresses_of(event: &Event) -> Vec<&SockAddr> {
    event.args.iter().flat_map(|arg| addresses(&arg.value)).collect()
}

fn addresses(value: &Value) -> Vec<&SockAddr> {
    match value {
        Value::Addr(addr) => vec![addr],
        Value::List { items } => items.iter().flat_map(addresses).collect(),
        Value::Struct { fields } => fields.iter().flat_map(|f| addresses(&f.value)).collect(),
        _ => Vec::new(),
    }
}
