//! Where each open file description was closed for the last time.
//!
//! A program may hold one description by several descriptors (dup, dup2, fcntl(F_DUPFD), a passed one) in several
//! processes (fork), and the other end learns of a close only when the last of them is gone. So the tables of
//! descriptors are kept from the calls of the recording: what socket, accept, socketpair, pipe and dup make, what fork
//! copies, what close, close_range, a dup2 onto it and the end of a process take away. A descriptor that the recording
//! never showed the making of (inherited) counts from its first use. A message that carries one holds it as well, until it
//! is received; one that never is goes with its socket, which no call shows, so what was in it is never told as closed.
//!
//! Source: close(2), dup(2), fork(2), unix(7) (`SCM_RIGHTS`).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use crate::event::{Event, Recording, SocketId, Value};
use crate::timeline::Names;

/// The last close of a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closing {
    pub socket: SocketId,
    /// The event that did it.
    pub seq: u64,
    pub how: How,
}

/// What closed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// close(2), close_range(2), or a dup2(2) onto the descriptor.
    Call,
    /// Its process ended by itself.
    Exit,
    /// Its process was ended: by a signal or by the lab.
    Killed,
}

type Process = (String, u32);

/// Every last close of a recording, in order.
pub fn closings(recording: &Recording, names: &Names) -> Vec<Closing> {
    let mut events: Vec<&Event> = recording.events.iter().collect();
    events.sort_by_key(|event| event.seq);
    let mut parents: HashMap<Process, u32> = HashMap::new();
    for event in &events {
        if let Some(child) = child(event) {
            parents.insert((event.role.clone(), child), event.process);
        }
    }
    let mut held = Held::default();
    for event in events {
        held.see(event, names, &parents);
    }
    held.closings
}

#[derive(Default)]
struct Held {
    tables: BTreeMap<Process, BTreeMap<i32, SocketId>>,
    /// How many descriptors, of all processes, refer to a description.
    counts: HashMap<SocketId, usize>,
    /// How many of these are in messages on their way.
    sent: HashMap<SocketId, usize>,
    closed: HashSet<SocketId>,
    ended: BTreeSet<Process>,
    closings: Vec<Closing>,
}

impl Held {
    fn see(&mut self, event: &Event, names: &Names, parents: &HashMap<Process, u32>) {
        let process = (event.role.clone(), event.process);
        // A child may be seen before the fork(2) that made it has returned.
        self.meet(&process, parents);
        if let Some(child) = child(event) {
            self.meet(&(event.role.clone(), child), parents);
        }
        let ended = |held: &mut Held, how| {
            held.ended.insert(process.clone());
            let numbers: Vec<i32> = held.table(&process).keys().copied().collect();
            let all = numbers.into_iter().filter_map(|fd| held.take(&process, fd));
            for id in all.collect::<BTreeSet<_>>() {
                held.perhaps_closed(id, event.seq, how);
            }
            held.tables.remove(&process);
        };
        match event.call.as_ref() {
            "exit" | "exit_group" => return ended(self, How::Exit),
            "killed" if event.syscall.is_empty() => return ended(self, How::Killed),
            _ => {}
        }
        if event.ret.is_none_or(|ret| ret < 0) || event.errno.is_some() {
            return;
        }
        match event.call.as_ref() {
            "close" => {
                let number = first_fd(event).map(|(number, _)| number);
                let known = number.and_then(|fd| self.take(&process, fd));
                // A peer's descriptors have no numbers; an inherited one was never seen made.
                if let Some(id) = known.or(event.socket) {
                    self.perhaps_closed(id, event.seq, How::Call);
                }
            }
            "close_range" => {
                let bound = |name: &str| match event.arg(name) {
                    Some(Value::Int { value }) => Some(*value),
                    Some(Value::Named { value, .. }) => i64::try_from(*value).ok(),
                    Some(Value::Fd { value, .. }) => Some(i64::from(*value)),
                    _ => None,
                };
                // CLOSE_RANGE_CLOEXEC closes nothing yet.
                let flags = match event.arg("flags") {
                    Some(Value::Named { value, .. }) => *value,
                    _ => 0,
                };
                let first = bound("first").unwrap_or(0);
                let last = bound("last").map_or(i64::MAX, |last| last & i64::from(u32::MAX));
                if flags & 4 == 0 {
                    let table = self.table(&process);
                    let gone: Vec<i32> = table
                        .keys()
                        .filter(|fd| (first..=last).contains(&i64::from(**fd)))
                        .copied()
                        .collect();
                    let ids: Vec<SocketId> =
                        gone.iter().filter_map(|fd| self.take(&process, *fd)).collect();
                    for id in ids {
                        self.perhaps_closed(id, event.seq, How::Call);
                    }
                }
            }
            "sendmsg" => {
                for (_, id) in event.args.iter().skip(1).flat_map(|arg| arg.value.fds()) {
                    *self.counts.entry(id).or_default() += 1;
                    *self.sent.entry(id).or_default() += 1;
                }
            }
            "socketpair" | "pipe" | "pipe2" | "recvmsg" => {
                for (fd, id) in event.args.iter().skip(1).flat_map(|arg| arg.value.fds()) {
                    self.give(&process, fd, id);
                    if let Some(sent) = self.sent.get_mut(&id).filter(|sent| **sent > 0) {
                        *sent -= 1;
                        self.discount(id);
                    }
                }
                if event.call.starts_with("pipe") {
                    for (fd, id) in event.args.iter().flat_map(|arg| arg.value.fds()) {
                        self.give(&process, fd, id);
                    }
                }
            }
            _ => {
                let number = event.ret.and_then(|ret| i32::try_from(ret).ok());
                if let (Some(id), Some(fd)) = (names.made(event), number) {
                    let before = self.give(&process, fd, id);
                    if let Some(before) = before.filter(|before| *before != id) {
                        self.perhaps_closed(before, event.seq, How::Call);
                    }
                } else if let Some((fd, id)) = first_fd(event)
                    && !self.table(&process).contains_key(&fd)
                {
                    self.give(&process, fd, id);
                }
            }
        }
    }

    /// The first sight of a process: it has what its parent has.
    fn meet(&mut self, process: &Process, parents: &HashMap<Process, u32>) {
        if self.tables.contains_key(process) || self.ended.contains(process) {
            return;
        }
        let parent = parents.get(process).map(|parent| (process.0.clone(), *parent));
        let table = parent.and_then(|parent| self.tables.get(&parent)).cloned();
        for (fd, id) in table.unwrap_or_default() {
            self.give(process, fd, id);
        }
        self.table(process);
    }

    /// Has a descriptor of the process refer to a description; gives what it referred to before.
    fn give(&mut self, process: &Process, fd: i32, id: SocketId) -> Option<SocketId> {
        *self.counts.entry(id).or_default() += 1;
        let before = self.table(process).insert(fd, id);
        before.inspect(|before| self.discount(*before))
    }

    /// Takes a descriptor from the process; gives what it referred to.
    fn take(&mut self, process: &Process, fd: i32) -> Option<SocketId> {
        self.table(process).remove(&fd).inspect(|id| self.discount(*id))
    }

    fn discount(&mut self, id: SocketId) {
        if let Some(count) = self.counts.get_mut(&id) {
            *count = count.saturating_sub(1);
        }
    }

    fn table(&mut self, process: &Process) -> &mut BTreeMap<i32, SocketId> {
        self.tables.entry(process.clone()).or_default()
    }

    /// One descriptor of this description is gone; if it was the last, so is the description.
    fn perhaps_closed(&mut self, socket: SocketId, seq: u64, how: How) {
        let is_held = self.counts.get(&socket).is_some_and(|count| *count > 0);
        if !is_held && self.closed.insert(socket) {
            self.closings.push(Closing { socket, seq, how });
        }
    }
}

/// The number of the process that this call made.
fn child(event: &Event) -> Option<u32> {
    let forks = matches!(event.call.as_ref(), "fork" | "vfork" | "clone" | "clone3");
    let made = event.ret.filter(|ret| forks && event.errno.is_none() && *ret > 0)?;
    u32::try_from(made).ok()
}

fn first_fd(event: &Event) -> Option<(i32, SocketId)> {
    event.args.iter().find_map(|arg| match arg.value {
        Value::Fd { value, socket: Some(id) } => Some((value, id)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::sample::{self, Sample, arg, fd, int};
    use crate::timeline::socket_names;

    const SERVER: (&str, u32, u32) = ("server", 1, 1);

    fn of(recording: &Recording) -> Vec<(u32, u64, How)> {
        let found = closings(recording, &socket_names(recording));
        found.iter().map(|closing| (closing.socket.0, closing.seq, closing.how)).collect()
    }

    #[test]
    fn a_forked_copy_keeps_a_connection_open() {
        let forks = sample::forks();
        // Listener 1, client's sock 2, conn 3: the parent closes conn, the child ends with it.
        let at = |call: &str, role: &str| {
            forks.events.iter().find(|e| e.call == call && e.role == role).unwrap().seq
        };
        let child_ends = at("exit", "server");
        let found = of(&forks);
        assert!(found.contains(&(3, child_ends, How::Exit)), "{found:?}");
        assert!(found.iter().any(|(id, _, how)| (*id, *how) == (1, How::Exit)), "{found:?}");
        assert!(found.contains(&(2, at("exit", "client"), How::Exit)), "{found:?}");
        // The parent's close of its copy ended nothing.
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn a_duplicate_must_be_closed_too_and_dup2_closes_what_it_lands_on() {
        let mut s = Sample::new(None, &["server"]);
        let one = s.socket(SERVER, "SOCK_STREAM", 3);
        let two = s.socket(SERVER, "SOCK_STREAM", 4);
        let dup = s.event(SERVER, "dup", vec![arg("oldfd", fd(3, one))], Some(5), "");
        dup.made = Some(SocketId(one));
        s.close(SERVER, 3, one);
        let args = vec![arg("oldfd", fd(4, two)), arg("newfd", fd(5, one))];
        s.event(SERVER, "dup2", args, Some(5), "").made = Some(SocketId(two));
        let over = s.last();
        s.close(SERVER, 4, two);
        s.close(SERVER, 5, two);
        assert_eq!(of(&s.0), [(one, over, How::Call), (two, s.last(), How::Call)]);
    }

    #[test]
    fn a_message_on_its_way_holds_what_it_carries() {
        let child = ("server", 2, 2);
        let mut s = Sample::new(None, &["server"]);
        let [ours, theirs] = [3, 4].map(|number| s.socket(SERVER, "SOCK_STREAM", number));
        s.event(SERVER, "fork", vec![], Some(2), "");
        let conn = s.socket(SERVER, "SOCK_STREAM", 5);
        let message = |number, through, carried| {
            let rights = Value::List { items: vec![fd(carried, conn)] };
            vec![arg("sockfd", fd(number, through)), arg("msg", rights)]
        };
        s.event(SERVER, "sendmsg", message(3, ours, 5), Some(1), "");
        s.close(SERVER, 5, conn);
        s.event(child, "recvmsg", message(4, theirs, 6), Some(1), "");
        s.close(child, 6, conn);
        assert_eq!(of(&s.0), [(conn, s.last(), How::Call)]);
    }

    #[test]
    fn a_range_is_closed_at_once_and_the_rest_by_the_end() {
        let mut s = Sample::new(None, &["server"]);
        let one = s.socket(SERVER, "SOCK_STREAM", 3);
        let two = s.socket(SERVER, "SOCK_STREAM", 4);
        let three = s.socket(SERVER, "SOCK_STREAM", 5);
        let args = vec![arg("first", int(4)), arg("last", int(-1)), arg("flags", int(0))];
        s.event(SERVER, "close_range", args, Some(0), "");
        let range = s.last();
        s.exit(SERVER, 0);
        let end = s.last();
        assert_eq!(
            of(&s.0),
            [(two, range, How::Call), (three, range, How::Call), (one, end, How::Exit)]
        );
    }
}
