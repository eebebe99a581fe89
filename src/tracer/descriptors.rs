//! Which open file description a descriptor refers to: over dup, fork, exec, passing and reuse.
//!
//! The tracer sees every call that gives a number another meaning, so the tables here are exact for
//! what they follow: sockets, pipes, event and timer descriptors, epoll instances and the standard streams.
//! Any other descriptor (a file, a directory) is simply absent. A description gets its public
//! [`SocketId`] when an event first speaks of it, so the ids count in order of appearance.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Kind, SockAddr, Socket, SocketId};

/// An open file description, by its place in [`Descriptors`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Open(usize);

impl Open {
    /// The how manieth it is, counted from 0 in order of creation.
    pub fn place(self) -> usize {
        self.0
    }
}

/// A table of descriptors, which threads share or copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Table(usize);

/// What the tracer keeps about a description.
#[derive(Debug)]
pub struct Description {
    pub kind: Kind,
    /// The role that made it.
    pub role: String,
    id: Option<SocketId>,
    /// The kernel's number for a socket or a pipe: the same for every descriptor of it.
    pub inode: Option<u64>,
    pub peer: Option<Open>,
    pub accepted_from: Option<Open>,
    /// listen(2) has succeeded on it.
    pub listens: bool,
    /// It has a local address, so the kernel will not choose a port any more.
    pub bound: bool,
    /// SO_RCVTIMEO and SO_SNDTIMEO as the program set them, in nanoseconds; 0 for none.
    pub receive_timeout: u64,
    pub send_timeout: u64,
    pub reuse: Reuse,
    /// The local and the remote address, once connected.
    pub endpoints: Option<(SockAddr, SockAddr)>,
    /// For a socket of a peer, which is no program: how that stands.
    pub outside: Option<Outside>,
    /// It was put into an epoll instance with EPOLLET.
    pub edge_triggered: bool,
    /// For an epoll instance: what it was told to watch.
    pub watched: Vec<Open>,
    /// For a timerfd: the clock it was made for.
    pub timer_clock: i32,
    /// For a timerfd: when it expires next and how often then, in nanoseconds of virtual time.
    pub timer: Option<Timer>,
    /// Times that it fired with nothing else happening.
    pub timer_fires: u32,
}

/// Who has set SO_REUSEADDR on a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    Unset,
    /// The program.
    Own,
    /// The lab, of which the program knows nothing.
    Lent,
}

/// How a socket stands that belongs to the outside world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outside {
    Open,
    /// It is open, but drops all that comes in.
    Vanished,
    Closed,
}

/// A timer of a timerfd or of setitimer(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timer {
    /// Virtual time since the start of the run.
    pub deadline: u64,
    /// 0: only once.
    pub interval: u64,
}

#[derive(Default)]
struct Entries {
    open: BTreeMap<i32, Open>,
    /// Numbers that meant something until they were closed: using one again is worth an event.
    closed: BTreeSet<i32>,
    users: usize,
}

#[derive(Default)]
pub struct Descriptors {
    all: Vec<Description>,
    named: u32,
    tables: Vec<Entries>,
}

impl Descriptors {
    /// A description that has just come into being.
    pub fn open(&mut self, kind: Kind, role: &str) -> Open {
        self.all.push(Description {
            kind,
            role: role.to_string(),
            id: None,
            inode: None,
            peer: None,
            accepted_from: None,
            listens: false,
            bound: false,
            receive_timeout: 0,
            send_timeout: 0,
            reuse: Reuse::Unset,
            endpoints: None,
            outside: None,
            edge_triggered: false,
            watched: Vec::new(),
            timer_clock: libc::CLOCK_MONOTONIC,
            timer: None,
            timer_fires: 0,
        });
        Open(self.all.len() - 1)
    }

    pub fn get(&self, open: Open) -> &Description {
        &self.all[open.0]
    }

    pub fn get_mut(&mut self, open: Open) -> &mut Description {
        &mut self.all[open.0]
    }

    /// All descriptions ever made, with their places.
    pub fn iter(&self) -> impl Iterator<Item = (Open, &Description)> {
        self.all.iter().enumerate().map(|(at, description)| (Open(at), description))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Description> {
        self.all.iter_mut()
    }

    /// The public id, given on first mention.
    pub fn id(&mut self, open: Open) -> SocketId {
        if let Some(id) = self.all[open.0].id {
            return id;
        }
        self.named += 1;
        let id = SocketId(self.named);
        self.all[open.0].id = Some(id);
        id
    }

    /// The public id, if any event has spoken of it.
    pub fn known_id(&self, open: Open) -> Option<SocketId> {
        self.all[open.0].id
    }

    /// What events have spoken of, in order of first mention.
    pub fn mentioned(&self) -> Vec<Socket> {
        let mut sockets: Vec<Socket> = self.all.iter().filter_map(|it| self.public(it)).collect();
        sockets.sort_by_key(|socket| socket.id);
        sockets
    }

    fn public(&self, description: &Description) -> Option<Socket> {
        let id_of = |open: Option<Open>| open.and_then(|open| self.all[open.0].id);
        Some(Socket {
            id: description.id?,
            kind: description.kind.clone(),
            role: description.role.clone(),
            peer: id_of(description.peer),
            accepted_from: id_of(description.accepted_from),
        })
    }

    /// An empty table with one user.
    pub fn new_table(&mut self) -> Table {
        self.tables.push(Entries { users: 1, ..Entries::default() });
        Table(self.tables.len() - 1)
    }

    /// A thread that shares the table (CLONE_FILES).
    pub fn share(&mut self, table: Table) -> Table {
        self.tables[table.0].users += 1;
        table
    }

    /// A table with the same descriptors as this one (fork).
    pub fn copy(&mut self, table: Table) -> Table {
        let open = self.tables[table.0].open.clone();
        let closed = self.tables[table.0].closed.clone();
        self.tables.push(Entries { open, closed, users: 1 });
        Table(self.tables.len() - 1)
    }

    /// A thread has ended, or left the table: with its last user the table closes all it holds.
    pub fn leave(&mut self, table: Table) {
        let entries = &mut self.tables[table.0];
        entries.users = entries.users.saturating_sub(1);
        if entries.users == 0 {
            entries.open.clear();
            entries.closed.clear();
        }
    }

    /// What a descriptor refers to, if it is something that is followed.
    pub fn lookup(&self, table: Table, fd: i32) -> Option<Open> {
        self.tables[table.0].open.get(&fd).copied()
    }

    /// Whether this number referred to something followed until it was closed.
    pub fn was_closed(&self, table: Table, fd: i32) -> bool {
        self.tables[table.0].closed.contains(&fd)
    }

    /// `fd` refers to `open` from now on.
    pub fn set(&mut self, table: Table, fd: i32, open: Open) {
        let entries = &mut self.tables[table.0];
        entries.closed.remove(&fd);
        entries.open.insert(fd, open);
    }

    /// `fd` refers to what `from` refers to, which may be nothing that is followed.
    pub fn duplicate(&mut self, table: Table, from: i32, fd: i32) {
        match self.lookup(table, from) {
            Some(open) => self.set(table, fd, open),
            None => self.forget(table, fd),
        }
    }

    /// `fd` refers to nothing that is followed, and never did.
    pub fn forget(&mut self, table: Table, fd: i32) {
        self.tables[table.0].open.remove(&fd);
        self.tables[table.0].closed.remove(&fd);
    }

    /// `fd` is closed.
    pub fn close(&mut self, table: Table, fd: i32) {
        let entries = &mut self.tables[table.0];
        if entries.open.remove(&fd).is_some() {
            entries.closed.insert(fd);
        }
    }

    /// The descriptors of a table that are followed, ascending.
    pub fn numbers(&self, table: Table) -> Vec<i32> {
        self.tables[table.0].open.keys().copied().collect()
    }

    /// Whether any descriptor of `table` refers to `open`.
    pub fn holds(&self, table: Table, open: Open) -> bool {
        self.tables[table.0].open.values().any(|&held| held == open)
    }

    /// The socket or the end of a pipe with this inode, if it is followed.
    pub fn by_inode(&self, inode: u64, kind_fits: impl Fn(&Kind) -> bool) -> Option<Open> {
        let fits = |it: &Description| it.inode == Some(inode) && kind_fits(&it.kind);
        self.all.iter().position(fits).map(Open)
    }
}
