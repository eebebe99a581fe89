//! What the wire and the kernel's table of sockets say, beside the call that it came of.
//!
//! A recording has packets and looks by themselves, each with its [`Cause`]. Here they find their row, and
//! addresses become the names of the sockets that have them. A connection that nobody has accepted yet bears the
//! name that it will have; one that nobody ever accepts bears the address of whoever asked for it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::{Names, Row, RowKind, Speaker};
use crate::event::{
    Cause, Event, MUCH, NAME_SERVER, Packet, Recording, SockAddr, SocketId, SocketState, TOO_MUCH,
    What, is_many,
};

/// The calls that send what they are given.
const SENDERS: [&str; 6] = ["send", "sendto", "sendmsg", "sendmmsg", "write", "writev"];

/// A packet between two sockets; equal ones in a row are one with a count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrow {
    pub from: Point,
    pub to: Point,
    pub what: What,
    /// Bytes of the programs' data; [`TOO_MUCH`] where how many is a fact of the machine.
    pub len: u64,
    pub count: u64,
    /// The places of the packets in the recording.
    pub packets: Vec<usize>,
}

impl Arrow {
    /// `SYN`, `6 bytes`, `6 bytes, FIN`, `0 bytes` of an empty datagram.
    pub fn label(&self) -> String {
        let bytes = told(self.len);
        let said = match (self.what, self.len) {
            (What::Data | What::Datagram, _) => bytes,
            (what, 0) => what.name().to_owned(),
            (what, _) => format!("{bytes}, {}", what.name()),
        };
        if self.count > 1 { format!("{said} ×{}", self.count) } else { said }
    }
}

/// One end of an arrow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// None where no socket of the run has the address.
    pub role: Option<String>,
    pub object: Option<SocketId>,
    /// `conn`; the address where no socket of the run has it.
    pub name: String,
}

/// Who has a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    Process,
    /// A listener's queue: it waits to be accepted.
    Queue,
    /// Nobody any more: the kernel sees it to its end.
    Kernel,
}

/// A socket as ss(8) and netstat(8) list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketLine {
    pub object: Option<SocketId>,
    /// The role in whose column it belongs.
    pub role: Option<String>,
    /// `conn`; the other end's address if no event ever speaks of it.
    pub name: String,
    pub holder: Holder,
    /// `tcp` or `udp`.
    pub protocol: String,
    /// As RFC 9293 names it; `UNCONN` of UDP.
    pub state: String,
    pub local: String,
    pub remote: String,
    pub receive_queue: u32,
    pub send_queue: u32,
}

impl SocketLine {
    /// `server: conn`; in parentheses if no process owns it any more; none if none ever did.
    pub fn owner(&self) -> Option<String> {
        self.object?;
        let owner = format!("{}: {}", self.role.as_deref()?, self.name);
        Some(if self.holder == Holder::Process { owner } else { format!("({owner})") })
    }

    /// Bytes that wait to be read; `None` where the kernel counts something else.
    pub fn to_read(&self) -> Option<u32> {
        match self.state.as_str() {
            _ if self.protocol != "tcp" => None,
            "LISTEN" => None,
            // The end of the stream counts as a byte as long as nobody has read it.
            "CLOSE-WAIT" | "LAST-ACK" | "CLOSING" => Some(self.receive_queue.saturating_sub(1)),
            _ => Some(self.receive_queue),
        }
    }

    /// Bytes that nobody has acknowledged; `None` where the kernel counts something else.
    pub fn unacknowledged(&self) -> Option<u32> {
        match self.state.as_str() {
            "LISTEN" => None,
            // The SYN counts as a byte.
            "SYN-SENT" => None,
            _ => Some(self.send_queue),
        }
    }

    /// Whether it is gone.
    pub fn is_gone(&self) -> bool {
        self.state == "CLOSED"
    }
}

/// What became of a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub before: Option<SocketLine>,
    pub now: SocketLine,
}

impl Change {
    /// Whether its state is another one, and not only what waits in its queues.
    pub fn is_of_state(&self) -> bool {
        self.before.as_ref().is_none_or(|before| before.state != self.now.state)
    }

    /// What a timeline says of it: `conn CLOSE-WAIT`, `conn 6 bytes to read`; none of what its row says already.
    pub fn says(&self) -> Option<String> {
        let now = &self.now;
        let mut said = Vec::new();
        if self.is_of_state() {
            said.push(now.state.clone());
        }
        let to_read = |line: &SocketLine| TOO_MUCH.min(line.to_read().unwrap_or(0).into());
        let read_before = self.before.as_ref().map_or(0, to_read);
        if to_read(now) > read_before {
            said.push(format!("{} to read", told(to_read(now))));
        }
        if now.protocol == "udp"
            && now.receive_queue > self.before.as_ref().map_or(0, |it| it.receive_queue)
        {
            said.push("has a datagram".into());
        }
        let sent = |line: &SocketLine| TOO_MUCH.min(line.unacknowledged().unwrap_or(0).into());
        if sent(now) > self.before.as_ref().map_or(0, sent) {
            said.push(format!("{} unacknowledged", told(sent(now))));
        }
        // That a listener or a datagram socket is closed its own row says.
        let is_told = |it: &SocketLine| it.state == "LISTEN" || it.protocol == "udp";
        if said.is_empty() || now.is_gone() && self.before.as_ref().is_none_or(is_told) {
            return None;
        }
        let queued = if now.holder == Holder::Queue { " (not accepted)" } else { "" };
        Some(format!("{} {}{queued}", now.name, said.join(", ")))
    }
}

/// So many bytes in a buffer; past [`MUCH`] only that they are more.
fn told(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".into(),
        TOO_MUCH => format!("over {} KiB", MUCH / 1024),
        _ => format!("{bytes} bytes"),
    }
}

/// Gives every packet and every change its row; the steps after which nobody could move.
pub(super) fn attach(
    recording: &Recording,
    rows: &mut [Row],
    speaker: &mut Speaker<'_>,
) -> Vec<usize> {
    if rows.is_empty() {
        return Vec::new();
    }
    let places = Places::of(recording, rows);
    let ends = Ends::of(recording, speaker.names);
    let mut table: BTreeMap<Key, SocketLine> = BTreeMap::new();
    let mut quiet = Vec::new();
    let mut packets = recording.packets.iter().enumerate().peekable();
    for look in &recording.looks {
        while let Some((n, packet)) = packets.next_if(|(_, it)| it.cause.after <= look.cause.after)
        {
            if ends.is_shown(packet) {
                let row = &mut rows[places.row(&packet.cause)];
                add_arrows(row, ends.arrows(n, packet, speaker));
            }
        }
        let at = places.row(&look.cause);
        if look.quiet {
            quiet.push(rows[at].step);
        }
        for state in look.sockets.iter().filter(|state| ends.is_seen(state)) {
            let (key, now) = ends.line(state, speaker);
            let before = table.insert(key.clone(), now.clone());
            if now.is_gone() {
                table.remove(&key);
                if before.is_none() {
                    continue;
                }
            }
            if before.as_ref() == Some(&now) {
                continue;
            }
            let changes = &mut rows[at].changes;
            // Seen twice with nothing in between that is shown.
            match changes.iter_mut().find(|it| it.now.key() == key) {
                Some(change) => change.now = now,
                None => changes.push(Change { before, now }),
            }
        }
    }
    for (n, packet) in packets.filter(|(_, packet)| ends.is_shown(packet)) {
        let row = &mut rows[places.row(&packet.cause)];
        add_arrows(row, ends.arrows(n, packet, speaker));
    }
    quiet
}

/// Adds what one packet became: to the arrows of the packet before it, if that was its like, else beside them.
fn add_arrows(row: &mut Row, arrows: Vec<Arrow>) {
    let before = row.arrows.len().saturating_sub(arrows.len());
    for (n, arrow) in arrows.into_iter().enumerate() {
        if let Some(last) = row.arrows.get_mut(before + n)
            && (&last.from, &last.to, last.what) == (&arrow.from, &arrow.to, arrow.what)
            && last.len / last.count == arrow.len
        {
            last.count += 1;
            last.packets.extend(arrow.packets);
        } else {
            row.arrows.push(arrow);
        }
    }
}

/// What tells two sockets apart: the description, or the two ends of what no event speaks of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    Object(SocketId),
    Ends(String, String, String),
}

impl SocketLine {
    /// What tells it apart from every other.
    pub fn key(&self) -> Key {
        match self.object {
            Some(id) => Key::Object(id),
            None => Key::Ends(self.protocol.clone(), self.local.clone(), self.remote.clone()),
        }
    }
}

/// Where in the rows a moment of the recording is.
struct Places {
    /// The row in which each event ended.
    ended: HashMap<u64, usize>,
    /// The row in which a thread of a role began to wait, by the event before it.
    began: HashMap<(String, u32, u64), usize>,
    /// Of each row the `seq` of the last event that had happened.
    after: Vec<u64>,
    /// The rows of each thread.
    own: HashMap<(String, u32), Vec<usize>>,
}

impl Places {
    fn of(recording: &Recording, rows: &[Row]) -> Places {
        let since = |seq: u64| {
            let at = recording.events.binary_search_by_key(&seq, |event: &Event| event.seq).ok();
            let event = at.and_then(|at| recording.events.get(at));
            event.and_then(|event| event.since).unwrap_or(seq.saturating_sub(1))
        };
        let mut places = Places {
            ended: HashMap::new(),
            began: HashMap::new(),
            after: Vec::new(),
            own: HashMap::new(),
        };
        for (at, row) in rows.iter().enumerate() {
            let place = match row.kind {
                RowKind::Waits { .. } => {
                    let since = since(row.seq);
                    places.began.insert((row.role.clone(), row.thread, since), at);
                    since
                }
                _ => {
                    places.ended.extend(row.events.iter().map(|seq| (*seq, at)));
                    row.last_seq
                }
            };
            // What was folded away may have ended later than the row that follows.
            places.after.push(place.max(places.after.last().copied().unwrap_or(0)));
            places.own.entry((row.role.clone(), row.thread)).or_default().push(at);
        }
        places
    }

    /// The row of what a moment came of.
    fn row(&self, cause: &Cause) -> usize {
        let last = self.after.partition_point(|after| *after <= cause.after).saturating_sub(1);
        let Some(role) = &cause.role else { return last };
        let thread = (role.clone(), cause.thread);
        if cause.waiting
            && let Some(row) = self.began.get(&(role.clone(), cause.thread, cause.after))
        {
            return *row;
        }
        let own = self.own.get(&thread);
        if let Some(row) = self.ended.get(&cause.after)
            && own.is_some_and(|own| own.contains(row))
        {
            return *row;
        }
        // What is not shown (a close that nobody wrote, the end of a process) follows what is.
        let own = own.and_then(|own| own.iter().rfind(|row| **row <= last));
        own.copied().unwrap_or(last)
    }
}

type Plain = (IpAddr, u16);

/// A socket without another end, at a look.
#[derive(Clone, Copy, Debug)]
struct Seen {
    after: u64,
    id: SocketId,
    at: IpAddr,
}

/// Which socket has which addresses.
struct Ends<'a> {
    recording: &'a Recording,
    names: &'a Names,
    /// Connections of both protocols, by their own end and the other.
    pairs: HashMap<(Plain, Plain), SocketId>,
    /// Listeners and unconnected sockets by protocol and port, in the order in which they were seen.
    ports: HashMap<(String, u16), Vec<Seen>>,
    /// The `seq` of the listen, or else the bind, from which on others can reach a socket.
    open_from: HashMap<SocketId, u64>,
    /// The event after which a socket was seen to be gone.
    closed_from: HashMap<SocketId, u64>,
}

impl<'a> Ends<'a> {
    fn of(recording: &'a Recording, names: &'a Names) -> Ends<'a> {
        let mut ends = Ends {
            recording,
            names,
            pairs: HashMap::new(),
            ports: HashMap::new(),
            open_from: HashMap::new(),
            closed_from: HashMap::new(),
        };
        for event in recording.events.iter().filter(|event| event.ret == Some(0)) {
            if let ("bind" | "listen", Some(id)) = (event.call.as_ref(), event.socket) {
                ends.open_from.insert(id, event.seq);
            }
        }
        for look in &recording.looks {
            for state in &look.sockets {
                let (Some(id), Some(local)) = (state.socket, state.local.internet()) else {
                    continue;
                };
                if state.state == "CLOSED" {
                    ends.closed_from.insert(id, look.cause.after);
                    continue;
                }
                match state.remote.internet() {
                    Some(remote) if remote.1 != 0 => {
                        ends.pairs.insert((local, remote), id);
                    }
                    _ => {
                        let key = (state.protocol.to_string(), local.1);
                        let seen = Seen { after: look.cause.after, id, at: local.0 };
                        ends.ports.entry(key).or_default().push(seen);
                    }
                }
            }
        }
        ends.learn_who_asked();
        ends
    }

    /// Whether a socket is neither the name server's nor one by which it was asked.
    fn is_seen(&self, state: &SocketState) -> bool {
        state.socket.map_or_else(
            || {
                state.local.internet()
                    != Some((NAME_SERVER.ip().to_owned().into(), NAME_SERVER.port()))
            },
            |id| !self.names.is_hidden(id),
        )
    }

    /// Whether a packet is none of a name service's.
    fn is_shown(&self, packet: &Packet) -> bool {
        let after = packet.cause.after;
        let ends = [(&packet.source, &packet.target), (&packet.target, &packet.source)];
        !ends.into_iter().any(|(own, other)| {
            let object = self.object(protocol_of(packet.what), after, (own, other), None);
            object.is_some_and(|id| self.names.is_hidden(id))
        })
    }

    /// Who was refused was never in the table, but its connect(2) says where it went.
    fn learn_who_asked(&mut self) {
        let events = &self.recording.events;
        for packet in self.recording.packets.iter().filter(|packet| packet.what == What::Syn) {
            let Cause { after, waiting, .. } = packet.cause;
            let is_its = |event: &&Event| {
                event.call == "connect"
                    && packet.cause.role.as_ref() == Some(&event.role)
                    && packet.cause.thread == event.thread
            };
            let first = events.partition_point(|event| event.seq < after + u64::from(waiting));
            // One that waits has its event later, but makes no other call before it.
            let most = if waiting { events.len() } else { first + 1 };
            let asking = events.get(first..most.min(events.len())).unwrap_or_default();
            if let Some(id) = asking.iter().find(is_its).and_then(|event| event.socket)
                && let (Some(own), Some(other)) =
                    (packet.source.internet(), packet.target.internet())
            {
                self.pairs.entry((own, other)).or_insert(id);
            }
        }
    }

    /// The socket that has this end of a packet; of those that share a port the one of the role `of`.
    fn object(
        &self,
        protocol: &str,
        after: u64,
        (own, other): (&SockAddr, &SockAddr),
        of: Option<&str>,
    ) -> Option<SocketId> {
        let (own, other) = (own.internet()?, other.internet()?);
        let pair = self.pairs.get(&(own, other)).copied();
        pair.or_else(|| self.at_port(protocol, after, own.1, of))
    }

    /// The listener or unconnected socket that had a port at a moment: the latest seen by then, else the first seen after
    /// it that was open by then; one of the role `of`, if that has any.
    fn at_port(&self, protocol: &str, after: u64, port: u16, of: Option<&str>) -> Option<SocketId> {
        let seen = self.ports.get(&(protocol.to_owned(), port))?;
        let latest = |seen: &[Seen]| {
            let by_then = seen.iter().rfind(|it| it.after <= after);
            by_then.or(seen.first().filter(|it| self.is_open(it.id, after))).map(|it| it.id)
        };
        let is_own = |it: &&Seen| of.is_some() && self.role_of(it.id) == of;
        let own: Vec<Seen> = seen.iter().filter(is_own).copied().collect();
        latest(&own).or_else(|| latest(seen))
    }

    /// The sockets that hear a datagram to everybody or to a group: all at its port that are bound to its address or to
    /// none. Linux hands one to a group to those as well that have not joined it, if any other socket of the machine
    /// has: ip(7), `IP_MULTICAST_ALL`.
    fn hearers(&self, packet: &Packet) -> Vec<SocketId> {
        let (after, target) = (packet.cause.after, packet.target.internet());
        let Some((ip, port)) = target.filter(|(ip, _)| is_many(*ip)) else { return Vec::new() };
        let seen = self.ports.get(&("udp".to_owned(), port)).map_or(&[][..], Vec::as_slice);
        let hears = |it: &&Seen| {
            (it.at == ip || it.at.is_unspecified())
                && self.is_open(it.id, after)
                && self.closed_from.get(&it.id).is_none_or(|from| after < *from)
        };
        let hearers: BTreeSet<SocketId> = seen.iter().filter(hears).map(|it| it.id).collect();
        hearers.into_iter().collect()
    }

    /// Who sends an echo or its reply, and to whom. Their sockets have no ports and are in no table of the kernel's, but
    /// somebody has just sent something; and where no peer answers, the kernel does.
    fn ends_of_echo(&self, packet: &Packet) -> (Option<SocketId>, Vec<Option<SocketId>>) {
        let is_peers = |id: SocketId| {
            let role = self.role_of(id);
            self.recording.roles.iter().any(|it| Some(&*it.name) == role && it.command.is_empty())
        };
        let upto = self.recording.events.partition_point(|it| it.seq <= packet.cause.after);
        let sent = self.recording.events[..upto]
            .iter()
            .rev()
            .filter(|event| SENDERS.contains(&event.call.as_ref()) && event.errno.is_none());
        let mut senders = sent.filter_map(|event| {
            event
                .socket
                .filter(|id| self.recording.socket(*id).is_some_and(|it| it.kind.is_for_icmp()))
        });
        let Some(sender) = senders.next() else { return (None, vec![None]) };
        let other = match is_peers(sender) {
            true => senders.find(|id| !is_peers(*id)),
            false => self
                .recording
                .sockets
                .iter()
                .filter(|it| it.kind.is_for_icmp())
                .map(|it| it.id)
                .find(|id| is_peers(*id)),
        };
        match (packet.what, other) {
            (What::EchoReply, None) => (None, vec![Some(sender)]),
            _ => (Some(sender), vec![other]),
        }
    }

    fn is_open(&self, id: SocketId, after: u64) -> bool {
        self.open_from.get(&id).is_none_or(|from| *from <= after)
    }

    fn role_of(&self, id: SocketId) -> Option<&str> {
        self.recording.socket(id).map(|socket| socket.role.as_ref())
    }

    fn point(&self, object: Option<SocketId>, at: &SockAddr, speaker: &mut Speaker<'_>) -> Point {
        let role = object.and_then(|id| self.role_of(id)).map(str::to_owned);
        let name = object.and_then(|id| speaker.names.of(id)).map(str::to_owned);
        let place = || match at.internet() {
            // ICMP knows no ports.
            Some((ip, 0)) => ip.to_string(),
            _ => speaker.masks.endpoint(at),
        };
        Point { role, object, name: name.unwrap_or_else(place) }
    }

    /// A packet from its sender to whoever hears it: one arrow, or of a datagram to many as many as hear it.
    fn arrows(&self, n: usize, packet: &Packet, speaker: &mut Speaker<'_>) -> Vec<Arrow> {
        let Packet { cause, source, target, what, len } = packet;
        let protocol = protocol_of(*what);
        // An answer of the kernel's comes in the other end's call.
        let of = cause.role.as_deref().filter(|_| *what == What::Datagram);
        let hearers = self.hearers(packet);
        let object = |ends, of| self.object(protocol, cause.after, ends, of);
        let (from, targets) = if what.is_echo() {
            self.ends_of_echo(packet)
        } else if hearers.is_empty() {
            (object((source, target), of), vec![object((target, source), None)])
        } else {
            (object((source, target), of), hearers.into_iter().map(Some).collect())
        };
        let len = if self.recording.is_much(packet) { TOO_MUCH } else { *len };
        let arrow = |to: Option<SocketId>| Arrow {
            from: self.point(from, source, speaker),
            to: self.point(to, target, speaker),
            what: *what,
            len,
            count: 1,
            packets: vec![n],
        };
        targets.into_iter().map(arrow).collect()
    }

    fn line(&self, state: &SocketState, speaker: &mut Speaker<'_>) -> (Key, SocketLine) {
        let pair = || Some((state.local.internet()?, state.remote.internet()?));
        let object = state.socket.or_else(|| self.pairs.get(&pair()?).copied());
        // What nobody has accepted belongs to whoever listens at its port.
        let listener = || self.at_port(&state.protocol, u64::MAX, state.local.port()?, None);
        let role =
            object.or_else(listener).and_then(|id| Some(self.recording.socket(id)?.role.clone()));
        let name = object.and_then(|id| speaker.names.of(id)).map(str::to_owned);
        // Whoever closes an established connection ends that state: one that nobody has was never accepted.
        let holder = match state.state.as_ref() {
            _ if !state.orphan => Holder::Process,
            "ESTABLISHED" | "CLOSE-WAIT" | "SYN-RECEIVED" => Holder::Queue,
            _ => Holder::Kernel,
        };
        let line = SocketLine {
            object,
            role,
            name: name.unwrap_or_else(|| speaker.masks.endpoint(&state.remote)),
            holder,
            protocol: state.protocol.to_string(),
            state: state.state.to_string(),
            local: speaker.masks.endpoint(&state.local),
            remote: speaker.masks.endpoint(&state.remote),
            receive_queue: state.receive_queue,
            send_queue: state.send_queue,
        };
        (line.key(), line)
    }
}

fn protocol_of(what: What) -> &'static str {
    match what {
        What::Datagram | What::Unreachable => "udp",
        _ => "tcp",
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{Sample, arg, fd};
    use super::super::timeline;
    use super::*;
    use crate::event::Look;
    use std::net::Ipv4Addr;

    const ANY: Ipv4Addr = Ipv4Addr::UNSPECIFIED;
    const HOME: Ipv4Addr = Ipv4Addr::LOCALHOST;

    /// A call on a datagram socket, bound to `local` after it, that sent this: from, to.
    fn does(
        s: &mut Sample,
        (role, call, id): (&str, &'static str, u32),
        local: (Ipv4Addr, u16),
        sent: Option<((Ipv4Addr, u16), (Ipv4Addr, u16))>,
    ) {
        let at = |(ip, port)| SockAddr::Inet { ip, port };
        s.event((role, 1, 1), call, vec![arg("sockfd", fd(3, id))], Some(0), "");
        let cause = Cause { after: s.last(), role: Some(role.into()), thread: 1, waiting: false };
        let sent = sent.map(|(source, target)| Packet {
            cause: cause.clone(),
            source: at(source),
            target: at(target),
            what: What::Datagram,
            len: 4,
        });
        s.0.packets.extend(sent);
        let state = SocketState {
            socket: Some(SocketId(id)),
            orphan: false,
            protocol: "udp".into(),
            state: "UNCONN".into(),
            local: at(local),
            remote: at((ANY, 0)),
            receive_queue: 0,
            send_queue: 0,
        };
        s.0.looks.push(Look { cause, quiet: false, sockets: vec![state] });
    }

    #[test]
    fn a_datagram_to_many_has_an_arrow_to_each_who_hears_it() {
        let mut s = Sample::new(None, &["server", "second", "deaf", "client"]);
        let [server, second, deaf, client] = ["server", "second", "deaf", "client"]
            .map(|role| s.socket((role, 1, 1), "SOCK_DGRAM", 3));
        does(&mut s, ("server", "bind", server), (ANY, 7026), None);
        does(&mut s, ("second", "bind", second), (ANY, 7026), None);
        does(&mut s, ("deaf", "bind", deaf), (HOME, 7026), None);
        let (asker, everybody) = ((HOME, 41000), (Ipv4Addr::new(127, 255, 255, 255), 7026));
        does(&mut s, ("client", "sendto", client), (ANY, 41000), Some((asker, everybody)));
        for (role, id) in [("server", server), ("second", second)] {
            does(&mut s, (role, "sendto", id), (ANY, 7026), Some(((HOME, 7026), asker)));
        }
        let rows = timeline(&s.0).rows;
        let role = |point: &Point| point.role.clone().unwrap_or_default();
        let arrows = rows.iter().flat_map(|row| &row.arrows);
        let arrows: Vec<_> =
            arrows.map(|it| format!("{} {}", role(&it.from), role(&it.to))).collect();
        let wanted = ["client server", "client second", "server client", "second client"];
        assert_eq!(arrows, wanted);
    }

    #[test]
    fn a_connection_that_is_asked_for_has_sent_no_byte_yet() {
        let now = |state: &str| SocketLine {
            object: None,
            role: Some("client".into()),
            name: "sock".into(),
            holder: Holder::Process,
            protocol: "tcp".into(),
            state: state.into(),
            local: "127.0.0.1:P1".into(),
            remote: "127.0.0.1:7018".into(),
            receive_queue: 0,
            send_queue: 1,
        };
        let says = |state: &str| Change { before: None, now: now(state) }.says();
        assert_eq!(says("SYN-SENT").as_deref(), Some("sock SYN-SENT"));
        let sent = "sock ESTABLISHED, 1 byte unacknowledged";
        assert_eq!(says("ESTABLISHED").as_deref(), Some(sent));
    }
}
