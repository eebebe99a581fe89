//! What an object is called: `listener`, `conn#2`, `pipe.r`.
//!
//! Descriptor numbers are reused and differ between programs that do the same, so a timeline speaks
//! of open file descriptions by what they are for. A name is counted within the role in which the
//! object first appeared and stays with it when another role gets hold of it.
//!
//! Names can be asked for while a run goes on ([`Names::learn`]). What a socket is for may not be known yet:
//! it is `sock` until listen(2) has succeeded on it. At the end of a run both ways agree.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use crate::event::{Event, Kind, Recording, SockAddr, Socket, SocketId, Value};

/// The calls whose result is a new descriptor.
const MAKERS: [&str; 17] = [
    "socket",
    "accept",
    "accept4",
    "dup",
    "dup2",
    "dup3",
    "epoll_create",
    "epoll_create1",
    "eventfd",
    "eventfd2",
    "timerfd_create",
    "signalfd",
    "signalfd4",
    "pidfd_open",
    "pidfd_getfd",
    "open",
    "openat",
];

/// The names known so far, and what was learned to give them.
#[derive(Clone, Debug, Default)]
pub struct Names {
    names: HashMap<SocketId, String>,
    sockets: BTreeMap<SocketId, Socket>,
    /// In the order in which listen(2) succeeded.
    listeners: Vec<SocketId>,
    /// Sockets of the C library's name service, which are not the program's.
    hidden: BTreeSet<SocketId>,
    /// Sockets that may turn out to be such: what has been seen of them.
    suspects: BTreeMap<SocketId, Suspect>,
    /// Of each process the last netlink socket, by which the C library asks for this machine's own addresses.
    netlink: HashMap<(String, u32), SocketId>,
    /// What the call of an event created, by `seq`.
    made: HashMap<u64, SocketId>,
    accepted: BTreeSet<SocketId>,
    /// How many of a role's objects bear a word already.
    counts: HashMap<(String, &'static str), u32>,
    /// Pipes of which one end has come, by role and whether it is the end to read from.
    unpaired: HashMap<(String, bool), VecDeque<String>>,
    /// How many descriptions were known when the last event was learned.
    known: usize,
    /// All have to be named anew: what came later has changed what something is for.
    stale: bool,
}

/// What a socket may be to the C library's name service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suspect {
    /// Asks a name server, if that is where it goes.
    Asks,
    /// Looks for a way to an address, if nothing is ever sent.
    Looks,
}

/// The names of all objects of a recording.
pub fn socket_names(recording: &Recording) -> Names {
    let mut names = Names::default();
    for socket in &recording.sockets {
        names.sockets.insert(socket.id, socket.clone());
    }
    for event in &recording.events {
        names.take_in(event);
    }
    names.name_all();
    names
}

impl Names {
    pub fn new() -> Names {
        Names::default()
    }

    /// Takes in one event, in the order of `seq`; `sockets` are all descriptions that are known by then.
    pub fn learn(&mut self, event: &Event, sockets: &[Socket]) {
        // Most events bring nothing new: then only what they speak of may have changed.
        if sockets.len() != self.known {
            self.known = sockets.len();
            sockets.iter().for_each(|socket| self.meet(socket));
        } else {
            for id in [event.socket, event.made].into_iter().flatten() {
                if let Ok(at) = sockets.binary_search_by_key(&id, |socket| socket.id) {
                    self.meet(&sockets[at]);
                }
            }
        }
        self.take_in(event);
        if self.stale {
            self.name_all();
        }
    }

    /// The name of an object.
    pub fn of(&self, id: SocketId) -> Option<&str> {
        self.names.get(&id).map(String::as_str)
    }

    /// What is known of an object.
    pub fn object(&self, id: SocketId) -> Option<&Socket> {
        self.sockets.get(&id)
    }

    /// Whether this is a socket, and no pipe or terminal.
    pub fn is_socket(&self, id: SocketId) -> bool {
        matches!(self.sockets.get(&id), Some(Socket { kind: Kind::Socket { .. }, .. }))
    }

    /// The description that the call of an event created or duplicated: what its result names.
    pub fn made(&self, event: &Event) -> Option<SocketId> {
        self.made.get(&event.seq).copied()
    }

    /// Whether this socket belongs to the C library's name service.
    pub fn is_hidden(&self, id: SocketId) -> bool {
        self.hidden.contains(&id)
    }

    /// All names, in order of creation of what they name.
    pub fn iter(&self) -> impl Iterator<Item = (SocketId, &str)> {
        self.sockets.keys().filter_map(|id| Some((*id, self.of(*id)?)))
    }

    fn take_in(&mut self, event: &Event) {
        if let Some(made) = self.find_made(event) {
            self.made.insert(event.seq, made);
        }
        if asks_name_service(event)
            && let Some(id) = event.socket.or_else(|| first_object(event))
        {
            self.hidden.insert(id);
            self.stale = true;
        }
        self.suspect(event);
        let listens = event.call == "listen" && event.errno.is_none() && event.ret == Some(0);
        if let (true, Some(id)) = (listens, event.socket.or_else(|| first_object(event)))
            && !self.listeners.contains(&id)
        {
            self.listeners.push(id);
            self.stale = true;
        }
    }

    /// Finds out the sockets by which getaddrinfo(3) asks a name server, and those by which it looks how it would reach each
    /// address that it has found: connected, asked for their name, closed, and never sent on.
    fn suspect(&mut self, event: &Event) {
        let Some(id) = self.made(event).or(event.socket).or_else(|| first_object(event)) else {
            return;
        };
        let process = (event.role.clone(), event.process);
        if event.call == "socket" {
            let says = |text: &str| {
                let names = |arg: &crate::event::Arg| matches!(&arg.value, Value::Named { text: named, .. } if named.contains(text));
                event.args.iter().any(names)
            };
            if says("AF_NETLINK") {
                self.netlink.insert(process, id);
            } else if says("SOCK_DGRAM") && says("SOCK_CLOEXEC") {
                let suspect = match says("SOCK_NONBLOCK") {
                    true => Suspect::Asks,
                    false => Suspect::Looks,
                };
                self.suspects.insert(id, suspect);
            }
            return;
        }
        let Some(suspect) = self.suspects.get(&id).copied() else { return };
        let goes_to = event.args.iter().flat_map(|arg| arg.value.addresses()).next();
        let hides = match (suspect, event.call.as_ref()) {
            (Suspect::Asks, "connect" | "sendto" | "sendmsg") => {
                const DOMAIN: u16 = 53;
                if goes_to.and_then(SockAddr::port) != Some(DOMAIN) {
                    return;
                }
                true
            }
            (Suspect::Asks, _) => return,
            (Suspect::Looks, "connect") => match self.netlink.get(&process) {
                Some(asked) => {
                    self.hidden.insert(*asked);
                    true
                }
                None => false,
            },
            (Suspect::Looks, "getsockname" | "close") => return,
            (Suspect::Looks, _) => false,
        };
        let changes = match hides {
            true => self.hidden.insert(id),
            false => {
                self.suspects.remove(&id);
                self.hidden.remove(&id)
            }
        };
        self.stale |= changes;
    }

    fn find_made(&mut self, event: &Event) -> Option<SocketId> {
        if !makes_descriptor(event) || event.errno.is_some() || event.ret.is_none_or(|ret| ret < 0)
        {
            return None;
        }
        if let Some(made) = event.made {
            self.accepted.insert(made);
            return Some(made);
        }
        let given = first_object(event);
        if !event.call.starts_with("accept") {
            return event.socket.or(given);
        }
        // Whether the event is about the listener or about what came out of it, the answer is the
        // same: connections leave a listener in the order in which they are numbered.
        if let Some(id) = event.socket
            && self.sockets.get(&id).is_some_and(|s| s.accepted_from.is_some())
            && given != Some(id)
        {
            self.accepted.insert(id);
            return Some(id);
        }
        let listener = given.or(event.socket)?;
        let made = self
            .sockets
            .values()
            .find(|s| s.accepted_from == Some(listener) && !self.accepted.contains(&s.id))?
            .id;
        self.accepted.insert(made);
        Some(made)
    }

    /// Takes in what is known of a description.
    fn meet(&mut self, socket: &Socket) {
        match self.sockets.insert(socket.id, socket.clone()) {
            Some(before) => self.stale |= before != *socket,
            // The next in order: the names before it stay as they are.
            None if self.sockets.keys().next_back() == Some(&socket.id) => self.name(socket),
            None => self.stale = true,
        }
    }

    fn name_all(&mut self) {
        self.stale = false;
        self.names.clear();
        self.counts.clear();
        self.unpaired.clear();
        for id in self.listeners.clone() {
            if let Some(role) = self.sockets.get(&id).map(|socket| socket.role.clone()) {
                let name = self.number(&role, "listener");
                self.names.insert(id, name);
            }
        }
        for socket in self.sockets.values().cloned().collect::<Vec<_>>() {
            self.name(&socket);
        }
    }

    /// Names an object that has no name yet.
    fn name(&mut self, socket: &Socket) {
        if self.names.contains_key(&socket.id) || self.hidden.contains(&socket.id) {
            return;
        }
        let word = match &socket.kind {
            Kind::Socket { .. } if socket.accepted_from.is_some() => "conn",
            Kind::Socket { .. } => "sock",
            Kind::PipeRead | Kind::PipeWrite => {
                let name = self.pipe_end(socket);
                self.names.insert(socket.id, name);
                return;
            }
            Kind::EventFd => "eventfd",
            Kind::TimerFd => "timerfd",
            Kind::SignalFd => "signalfd",
            Kind::Epoll => "epoll",
            Kind::Stdin => "stdin",
            Kind::Stdout => "stdout",
            Kind::Stderr => "stderr",
            Kind::Unknown => "file",
        };
        let name = self.number(&socket.role, word);
        self.names.insert(socket.id, name);
    }

    /// The two ends of one pipe share its number: by `peer`, else as they come.
    fn pipe_end(&mut self, socket: &Socket) -> String {
        let reads = socket.kind == Kind::PipeRead;
        let other = socket.peer.and_then(|peer| self.names.get(&peer));
        let mut pipe =
            other.and_then(|name| name.rsplit_once('.')).map(|(pipe, _)| pipe.to_owned());
        if socket.peer.is_none() {
            let waiting = self.unpaired.get_mut(&(socket.role.clone(), !reads));
            pipe = waiting.and_then(VecDeque::pop_front);
        }
        let pipe = pipe.unwrap_or_else(|| {
            let pipe = self.number(&socket.role, "pipe");
            if socket.peer.is_none() {
                let key = (socket.role.clone(), reads);
                self.unpaired.entry(key).or_default().push_back(pipe.clone());
            }
            pipe
        });
        format!("{pipe}.{}", if reads { "r" } else { "w" })
    }

    /// The next name of this word: `conn`, then `conn#2`.
    fn number(&mut self, role: &str, word: &'static str) -> String {
        let count = self.counts.entry((role.to_owned(), word)).or_default();
        *count += 1;
        if *count == 1 { word.to_owned() } else { format!("{word}#{count}") }
    }
}

/// Whether the result of this call, if it succeeds, is a descriptor.
pub(super) fn makes_descriptor(event: &Event) -> bool {
    MAKERS.contains(&event.call.as_ref())
        || event.call == "fcntl"
            && event.args.iter().any(
                |arg| matches!(&arg.value, Value::Named { text, .. } if text.starts_with("F_DUPFD")),
            )
}

/// The first argument that is a descriptor of a known description.
pub(super) fn first_object(event: &Event) -> Option<SocketId> {
    event.args.iter().find_map(|arg| match arg.value {
        Value::Fd { socket, .. } => socket,
        _ => None,
    })
}

fn asks_name_service(event: &Event) -> bool {
    event.call == "connect"
        && event.errno.is_some()
        && event.args.iter().any(|arg| match &arg.value {
            Value::Addr(SockAddr::Unix { path }) => {
                path == "/var/run/nscd/socket" || path == "/run/nscd/socket"
            }
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::sample::{self, Sample};

    #[test]
    fn names_learned_on_the_way_agree_with_those_of_the_whole() {
        for recording in
            [sample::one_shot(), sample::threads(), sample::forks(), sample::troubles()]
        {
            let mut names = Names::new();
            for event in &recording.events {
                names.learn(event, &recording.sockets);
            }
            let whole = socket_names(&recording);
            assert_eq!(names.iter().collect::<Vec<_>>(), whole.iter().collect::<Vec<_>>());
            for event in &recording.events {
                assert_eq!(names.made(event), whole.made(event));
            }
        }
    }

    #[test]
    fn a_socket_is_sock_until_it_listens() {
        let mut s = Sample::new(None, &["server"]);
        let id = SocketId(s.listener(("server", 1, 1), 3, 9999));
        let mut names = Names::new();
        let said: Vec<String> =
            s.0.events
                .iter()
                .map(|event| {
                    names.learn(event, &s.0.sockets);
                    names.of(id).unwrap_or("").to_owned()
                })
                .collect();
        assert_eq!(said, ["sock", "sock", "listener"]);
    }

    #[test]
    fn names_count_within_a_role_and_pipes_in_pairs() {
        let mut s = Sample::new(None, &["server", "client"]);
        let kinds = [Kind::PipeRead, Kind::PipeWrite, Kind::PipeWrite, Kind::PipeRead, Kind::Epoll];
        for kind in kinds {
            s.object("server", kind, None);
        }
        s.socket(("server", 1, 1), "SOCK_DGRAM", 3);
        s.socket(("server", 1, 1), "SOCK_DGRAM", 4);
        s.socket(("client", 1, 1), "SOCK_DGRAM", 3);
        let names = socket_names(&s.0);
        let said: Vec<&str> = names.iter().map(|(_, name)| name).collect();
        assert_eq!(
            said,
            ["pipe.r", "pipe.w", "pipe#2.w", "pipe#2.r", "epoll", "sock", "sock#2", "sock"]
        );
    }

    #[test]
    fn a_socket_that_looks_for_a_way_after_a_lookup_is_hidden_until_something_is_sent_on_it() {
        use crate::timeline::sample::{arg, fd, int, named};
        const CLIENT: (&str, u32, u32) = ("client", 1, 1);
        let mut s = Sample::new(None, &["client"]);
        let make = |s: &mut Sample, domain: &str, type_: &str, number| {
            let id = s.socket(CLIENT, "SOCK_DGRAM", number);
            let args = &mut s.0.events.last_mut().unwrap().args;
            args[0] = arg("domain", named(0, domain));
            args[1] = arg("type", named(0, type_));
            id
        };
        let netlink = make(&mut s, "AF_NETLINK", "SOCK_RAW|SOCK_CLOEXEC", 3);
        let looks = make(&mut s, "AF_INET", "SOCK_DGRAM|SOCK_CLOEXEC", 4);
        s.connect(CLIENT, looks, 7015, "");
        let talks = make(&mut s, "AF_INET", "SOCK_DGRAM|SOCK_CLOEXEC", 5);
        s.connect(CLIENT, talks, 7015, "");
        let args = vec![arg("sockfd", fd(5, talks)), arg("len", int(1))];
        s.event(CLIENT, "send", args, Some(1), "");
        let asks = make(&mut s, "AF_INET", "SOCK_DGRAM|SOCK_CLOEXEC|SOCK_NONBLOCK", 6);
        s.connect(CLIENT, asks, 53, "");
        let names = socket_names(&s.0);
        let hidden = [netlink, looks, talks, asks].map(|id| names.is_hidden(SocketId(id)));
        assert_eq!(hidden, [true, true, false, true]);
        assert_eq!(names.of(SocketId(talks)), Some("sock"));
    }

    #[test]
    fn the_name_service_takes_no_name() {
        let names = socket_names(&sample::troubles());
        let said: Vec<&str> = names.iter().map(|(_, name)| name).collect();
        assert_eq!(said, ["listener", "sock", "conn"]);
    }
}
