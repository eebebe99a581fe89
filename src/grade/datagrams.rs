//! The checks on datagrams: whom they came from, whom they go to, and what is believed of them.
//!
//! A datagram socket has no other end. Who sent a datagram is told by the call that takes it, if that is asked; whom
//! one goes to by the call that sends it, or by the last connect(2), which notes an address and sends nothing.

use std::collections::HashMap;

use super::checks::Found;
use super::run::Run;
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
                let did = format!("step {} was `{}`: {why}", line.step, line.notation());
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
                    line.notation(),
                    asked.step,
                    asked.notation()
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
    event.args.iter().flat_map(|arg| arg.value.addresses()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Check, Expect, Finding, Rule, Rules, grade};
    use super::*;
    use crate::event::{Recording, Role};
    use crate::timeline::sample::{Sample, addr, arg, bytes, fd, int, named};
    use crate::timeline::timeline;

    const SERVER: (&str, u32, u32) = ("server", 1, 1);
    /// The ports of three others.
    const A: u16 = 41000;
    const B: u16 = 41001;
    const C: u16 = 9998;

    /// A program with one datagram socket, and the peers A and B with theirs.
    struct Udp(Sample);

    impl Udp {
        fn new() -> Udp {
            let mut s = Sample::new(None, &["server", "A", "B"]);
            for role in &mut s.0.roles[1..] {
                *role = Role { name: role.name.clone(), command: Vec::new(), ends: None };
            }
            s.0.end.roles.truncate(1);
            for who in [SERVER, ("A", 1, 1), ("B", 1, 1)] {
                s.socket(who, "SOCK_DGRAM", 3);
            }
            s.object("server", Kind::Stdout, None);
            let args = vec![arg("sockfd", fd(3, 2)), arg("addr", addr(A))];
            s.event(("A", 1, 1), "bind", args, Some(0), "");
            Udp(s)
        }

        fn sends(mut self, who: (&str, u32, u32), id: u32, text: &[u8], to: Option<u16>) -> Udp {
            let mut args = vec![arg("sockfd", fd(3, id)), arg("buf", bytes(text))];
            args.extend(to.map(|port| arg("dest_addr", addr(port))));
            self.0.event(who, "sendto", args, Some(text.len() as i64), "");
            self
        }

        fn to(self, port: u16) -> Udp {
            self.sends(SERVER, 1, b"hello", Some(port))
        }

        /// A datagram is taken: from there, if that was asked.
        fn from(self, port: Option<u16>) -> Udp {
            self.takes(b"hi", port, "")
        }

        fn takes(mut self, text: &[u8], port: Option<u16>, flags: &'static str) -> Udp {
            let mut args = vec![arg("sockfd", fd(3, 1)), arg("buf", bytes(text))];
            args.push(arg("len", int(1024)));
            args.push(arg("flags", named(0, flags)));
            args.extend(port.map(|port| arg("src_addr", addr(port))));
            self.0.event(SERVER, "recvfrom", args, Some(text.len() as i64), "");
            self
        }

        fn connects(mut self, to: Value) -> Udp {
            let args = vec![arg("sockfd", fd(3, 1)), arg("addr", to)];
            self.0.event(SERVER, "connect", args, Some(0), "");
            self
        }

        fn prints(mut self, text: &str) -> Udp {
            self.0.moves(SERVER, "write", (1, 4), text.as_bytes(), text.len() as i64);
            self
        }

        fn finds(self, check: Check) -> Option<Finding> {
            let recording: Recording = self.0.0;
            let rule = Rule {
                id: "it".into(),
                says: "so it is".into(),
                hint: None,
                scenarios: Vec::new(),
                expect: Expect::Check(check),
            };
            let rules =
                Rules { rules: vec![rule], baseline: Vec::new(), closes_before_exit: false };
            let timeline = timeline(&recording);
            grade(&rules, &Run::new("server", &recording, &timeline)).findings.into_iter().next()
        }

        fn did(self, check: Check) -> String {
            self.finds(check).expect("a finding").did
        }
    }

    #[test]
    fn an_answer_goes_to_whom_the_question_came_from() {
        let sender = Check::AnswersTheSender;
        let right = Udp::new().from(Some(A)).to(A).from(Some(B)).from(Some(A)).to(A).to(B);
        assert_eq!(right.finds(sender), None);
        let told = Udp::new().from(Some(A)).to(C).did(sender);
        assert!(told.ends_with(": nothing had come from that address"), "{told}");
        let told = Udp::new().from(None).to(C).did(sender);
        assert!(told.ends_with(": step 5 had not asked who sent what it took"), "{told}");
        let told = Udp::new().from(Some(A)).to(A).from(Some(B)).to(A).did(sender);
        assert!(told.ends_with("has had an answer to each of its datagrams"), "{told}");
        assert!(Udp::new().from(Some(A)).did(sender).ends_with(", and answered nothing"));
    }

    #[test]
    fn who_is_connected_or_has_looked_knows_the_sender_as_well() {
        let to_a = || Udp::new().from(Some(A)).connects(addr(A)).sends(SERVER, 1, b"hello", None);
        let forgets = to_a().connects(Value::Addr(SockAddr::Unspec));
        assert_eq!(forgets.from(Some(B)).to(B).finds(Check::AnswersTheSender), None);
        // Still connected: what comes is A's.
        let stays = to_a().from(None).sends(SERVER, 1, b"hello", None);
        assert_eq!(stays.finds(Check::AnswersTheSender), None);
        let looks = Udp::new().takes(b"hi", Some(A), "MSG_PEEK").from(None).to(A);
        assert_eq!(looks.finds(Check::AnswersTheSender), None);
        let twice = Udp::new().takes(b"hi", Some(A), "MSG_PEEK").from(None).to(A).to(A);
        assert!(twice.finds(Check::AnswersTheSender).is_some());
    }

    #[test]
    fn a_client_that_is_led_elsewhere_is_found() {
        let asks = Check::AsksOneServer;
        assert_eq!(Udp::new().to(A).from(Some(B)).to(A).finds(asks), None);
        let told = Udp::new().to(A).from(Some(B)).to(B).did(asks);
        assert!(told.contains(", to another address than step 5 ("), "{told}");
        let connected = Udp::new().connects(addr(A)).sends(SERVER, 1, b"hello", None);
        assert!(connected.to(B).finds(asks).is_some());
        assert!(Udp::new().from(Some(A)).did(asks).ends_with(", and sent no datagram"));
    }

    #[test]
    fn what_a_stranger_sent_may_come_but_not_be_printed() {
        let check = Check::PrintsNoStranger;
        let told = || {
            let asked = Udp::new().to(A).sends(("B", 1, 1), 3, b"forged", Some(C));
            asked.sends(("A", 1, 1), 2, b"genuine", Some(C)).takes(b"forged", Some(B), "")
        };
        let right = told().takes(b"genuine", Some(A), "").prints("b'genuine'\n");
        assert_eq!(right.finds(check), None);
        let told = told().prints("b'forged'\n").did(check);
        assert_eq!(
            told,
            "it printed `forged` (step 8), which `B` had sent and not the server that was asked"
        );
        assert!(Udp::new().did(check).ends_with(", and sent no datagram"));
    }

    #[test]
    fn a_datagram_that_was_cut_is_not_printed_whole() {
        let came = || Udp::new().sends(("A", 1, 1), 2, b"hello, world", Some(C));
        let whole = came().takes(b"hello, world", Some(A), "").prints("hello, world\n");
        assert_eq!(whole.finds(Check::PrintsWhatItReceives), None);
        let cut = came().takes(b"hello", Some(A), "").prints("hello\n");
        let told = cut.did(Check::PrintsWhatItReceives);
        let whole = "A sent a datagram of 12 bytes, and nothing that it printed holds them all";
        assert!(told.starts_with(whole), "{told}");
    }

    #[test]
    fn an_empty_datagram_and_a_refused_one_are_no_end_of_the_socket() {
        let mut it = Udp::new().takes(b"", Some(A), "");
        let args = vec![arg("sockfd", fd(3, 1)), arg("len", int(1024))];
        it.0.event(SERVER, "recv", args, Some(-111), "ECONNREFUSED");
        let left = it.finds(Check::DescriptorsBalanced);
        assert!(left.is_none_or(|finding| !finding.did.contains("at its end")));
    }
}
