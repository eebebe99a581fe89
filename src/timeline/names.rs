//! What an object is called: `listener`, `conn#2`, `pipe.r`.
//!
//! Descriptor numbers are reused and differ between programs that do the same, so a timeline speaks
//! of open file descriptions by what they are for. A name is counted within the role in which the
//! object first appeared and stays with it when another role gets hold of it.
//!
//! Names can be asked for while a run goes on ([`Names::learn`]). What a socket is for may not be known yet:
//! it is `sock` until listen(2) has succeeded on it. At the end of a run both ways agree.

use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    /// What the call of an event created, by `seq`.
    made: HashMap<u64, SocketId>,
    accepted: BTreeSet<SocketId>,
    dirty: bool,
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
    names.name();
    names
}

impl Names {
    pub fn new() -> Names {
        Names::default()
    }

    /// Takes in one event, in the order of `seq`; `sockets` are all descriptions that are known by then.
    pub fn learn(&mut self, event: &Event, sockets: &[Socket]) {
        for socket in sockets {
            if self.sockets.get(&socket.id) != Some(socket) {
                self.sockets.insert(socket.id, socket.clone());
                self.dirty = true;
            }
        }
        self.take_in(event);
        if std::mem::take(&mut self.dirty) {
            self.name();
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
            self.dirty = true;
        }
        let listens = event.call == "listen" && event.errno.is_none() && event.ret == Some(0);
        if let (true, Some(id)) = (listens, event.socket.or_else(|| first_object(event)))
            && !self.listeners.contains(&id)
        {
            self.listeners.push(id);
            self.dirty = true;
        }
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

    fn name(&mut self) {
        self.names.clear();
        let mut counts: HashMap<(String, &'static str), u32> = HashMap::new();
        let mut number = |role: &str, word: &'static str| {
            let count = counts.entry((role.to_owned(), word)).or_default();
            *count += 1;
            if *count == 1 { word.to_owned() } else { format!("{word}#{count}") }
        };
        for id in &self.listeners {
            if let Some(socket) = self.sockets.get(id) {
                self.names.insert(*id, number(&socket.role, "listener"));
            }
        }
        let mut unpaired: HashMap<(&str, bool), Vec<String>> = HashMap::new();
        for socket in self.sockets.values() {
            if self.names.contains_key(&socket.id) || self.hidden.contains(&socket.id) {
                continue;
            }
            let role = socket.role.as_str();
            let reads = socket.kind == Kind::PipeRead;
            let name = match &socket.kind {
                Kind::Socket { .. } if socket.accepted_from.is_some() => number(role, "conn"),
                Kind::Socket { .. } => number(role, "sock"),
                // The two ends of one pipe share its number: by `peer`, else as they come.
                Kind::PipeRead | Kind::PipeWrite => {
                    let end = if reads { "r" } else { "w" };
                    let known = socket.peer.and_then(|peer| self.names.get(&peer));
                    let other =
                        known.and_then(|name| name.rsplit_once('.')).map(|(p, _)| p.to_owned());
                    let waiting = unpaired.entry((role, !reads)).or_default();
                    let pipe = match other {
                        Some(pipe) => pipe,
                        None if socket.peer.is_none() && !waiting.is_empty() => waiting.remove(0),
                        None => {
                            let pipe = number(role, "pipe");
                            if socket.peer.is_none() {
                                unpaired.entry((role, reads)).or_default().push(pipe.clone());
                            }
                            pipe
                        }
                    };
                    format!("{pipe}.{end}")
                }
                Kind::EventFd => number(role, "eventfd"),
                Kind::TimerFd => number(role, "timerfd"),
                Kind::SignalFd => number(role, "signalfd"),
                Kind::Epoll => number(role, "epoll"),
                Kind::Stdin => number(role, "stdin"),
                Kind::Stdout => number(role, "stdout"),
                Kind::Stderr => number(role, "stderr"),
                Kind::Unknown => number(role, "file"),
            };
            self.names.insert(socket.id, name);
        }
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
    fn the_name_service_takes_no_name() {
        let names = socket_names(&sample::troubles());
        let said: Vec<&str> = names.iter().map(|(_, name)| name).collect();
        assert_eq!(said, ["listener", "sock", "conn"]);
    }
}
