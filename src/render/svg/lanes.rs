//! Who has a lane, and from where to where it lives and waits.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::event::SocketId;
use crate::timeline::{Arrow, Point, Row, RowKind, Timeline};

/// A role, or those that are nobody: some lanes, with room beside them.
pub struct Group {
    pub name: String,
    /// Its lanes, by their place.
    pub first: usize,
    pub count: usize,
    /// Whether it stands for whatever is no part of the run.
    pub is_nobody: bool,
}

/// The line of one thread.
pub struct Lane {
    pub group: usize,
    pub process: u32,
    pub thread: u32,
}

/// All lanes, from left to right.
pub struct Lanes {
    pub groups: Vec<Group>,
    pub lanes: Vec<Lane>,
    roles: HashMap<String, usize>,
    threads: HashMap<(usize, u32, u32), usize>,
}

impl Lanes {
    pub fn of(timeline: &Timeline) -> Lanes {
        let mut roles = HashMap::new();
        let mut threads: Vec<BTreeMap<(u32, u32), usize>> = Vec::new();
        for (n, role) in timeline.roles.iter().enumerate() {
            roles.entry(role.name.clone()).or_insert(n);
            threads.push(BTreeMap::new());
        }
        for row in &timeline.rows {
            if let Some(of_role) = roles.get(&row.role).and_then(|n| threads.get_mut(*n)) {
                of_role.insert((row.process, row.thread), 0);
            }
        }
        let mut all =
            Lanes { groups: Vec::new(), lanes: Vec::new(), roles, threads: HashMap::new() };
        for (role, threads) in timeline.roles.iter().zip(threads) {
            let mut threads: Vec<(u32, u32)> = threads.into_keys().collect();
            if threads.is_empty() {
                threads.push((1, 1));
            }
            all.add(role.name.clone(), &threads, false);
        }
        if all.meets_strangers(timeline) || all.groups.is_empty() {
            let name = if answered_by_kernel(timeline) { "kernel" } else { "nobody" };
            all.add(name.into(), &[(0, 0)], true);
        }
        all
    }

    fn add(&mut self, name: String, threads: &[(u32, u32)], is_nobody: bool) {
        let (group, first) = (self.groups.len(), self.lanes.len());
        for (process, thread) in threads {
            self.threads.insert((group, *process, *thread), self.lanes.len());
            self.lanes.push(Lane { group, process: *process, thread: *thread });
        }
        self.groups.push(Group { name, first, count: threads.len(), is_nobody });
    }

    /// Whether a packet or a socket belongs to none of the roles.
    fn meets_strangers(&self, timeline: &Timeline) -> bool {
        let is_strange =
            |role: &Option<String>| !role.as_ref().is_some_and(|it| self.roles.contains_key(it));
        timeline.rows.iter().any(|row| {
            let arrows = row.arrows.iter();
            arrows.clone().any(|it| is_strange(&it.from.role) || is_strange(&it.to.role))
                || row.changes.iter().any(|it| is_strange(&it.now.role))
        })
    }

    /// The group of a role; whoever is no role is nobody, who stands last.
    pub fn group(&self, role: Option<&str>) -> usize {
        let known = role.and_then(|role| self.roles.get(role));
        known.copied().unwrap_or(self.groups.len().saturating_sub(1))
    }

    /// The lanes of a process, which stand side by side.
    fn of_process(&self, group: usize, process: u32) -> std::ops::Range<usize> {
        let Group { first, count, .. } = self.groups[group];
        let lanes = &self.lanes[first..first + count];
        let from = lanes.partition_point(|lane| lane.process < process);
        first + from..first + lanes.partition_point(|lane| lane.process <= process)
    }

    /// The lane of the thread that a row tells of.
    pub fn of_row(&self, row: &Row) -> usize {
        let group = self.group(Some(&row.role));
        let lane = self.threads.get(&(group, row.process, row.thread));
        lane.copied().unwrap_or(self.groups[group].first)
    }
}

/// Whether all that leaves for no role, or comes from none, are echos and the kernel's replies to them.
fn answered_by_kernel(timeline: &Timeline) -> bool {
    let arrows = || timeline.rows.iter().flat_map(|row| &row.arrows);
    let has_roles = |it: &Arrow| it.from.role.is_some() && it.to.role.is_some();
    arrows().any(|it| it.what.is_echo()) && arrows().all(|it| it.what.is_echo() || has_roles(it))
}

/// Remembers which thread waits for a socket, and which had to do with it last: what is sent to it goes to that lane.
#[derive(Default)]
pub struct Users {
    waiting: HashMap<SocketId, BTreeSet<usize>>,
    last: HashMap<SocketId, usize>,
}

impl Users {
    /// Takes in a row, before its arrows are drawn.
    pub fn see(&mut self, row: &Row, lane: usize) {
        for object in objects(row) {
            self.last.insert(object, lane);
            let waiting = self.waiting.entry(object).or_default();
            match row.kind {
                RowKind::Waits { .. } => waiting.insert(lane),
                _ => waiting.remove(&lane),
            };
        }
    }

    /// The lane of one end of an arrow that a row of the lane `own` brought about.
    ///
    /// The end that the row speaks of is its own thread's, even where another of its role waits at the other.
    pub fn lane(&self, lanes: &Lanes, point: &Point, row: &Row, own: usize) -> usize {
        let group = lanes.group(point.role.as_deref());
        let is_own = lanes.lanes[own].group == group;
        if is_own && objects(row).any(|object| Some(object) == point.object) {
            return own;
        }
        let waits = |id| self.waiting.get(&id).and_then(|lanes| lanes.first());
        let user = |id| waits(id).or_else(|| self.last.get(&id)).copied();
        let lane = point.object.and_then(user).filter(|lane| lanes.lanes[*lane].group == group);
        lane.unwrap_or(if is_own { own } else { lanes.groups[group].first })
    }
}

/// What a row speaks of.
fn objects(row: &Row) -> impl Iterator<Item = SocketId> {
    let made = row.answer.as_ref().and_then(|answer| answer.object);
    let named = row.args.iter().flat_map(|piece| &piece.objects).map(|(object, _)| *object);
    named.chain(row.object).chain(made)
}

/// A time during which a thread lived or waited: from a row to a row, of which there may be none.
#[derive(Clone, Copy, Debug)]
pub struct Stay {
    pub lane: usize,
    pub from: usize,
    /// None: to the end.
    pub to: Option<usize>,
}

/// The lives of all threads, and the times during which they waited in calls; each in order of its beginning.
pub fn stays(timeline: &Timeline, lanes: &Lanes) -> (Vec<Stay>, Vec<Stay>) {
    let mut book = Book {
        alive: vec![None; lanes.lanes.len()],
        waiting: vec![None; lanes.lanes.len()],
        lives: Vec::new(),
        waits: Vec::new(),
    };
    let mut leaders: HashMap<(usize, u32), u32> = HashMap::new();
    for lane in &lanes.lanes {
        let leader = leaders.entry((lane.group, lane.process)).or_insert(lane.thread);
        *leader = lane.thread.min(*leader);
    }
    for (at, row) in timeline.rows.iter().enumerate() {
        let lane = lanes.of_row(row);
        book.begin(lane, at);
        match row.kind {
            RowKind::Waits { .. } => book.wait(lane, at),
            // What happens to a thread that waits does not wake it.
            RowKind::Signal => {}
            RowKind::Waited => {
                book.wait(lane, at);
                book.wake(lane, at);
            }
            RowKind::Call | RowKind::Wakes { .. } => book.wake(lane, at),
            RowKind::Exit | RowKind::Killed => {
                let Lane { group, process, thread } = lanes.lanes[lane];
                let leads = leaders.get(&(group, process)) == Some(&thread);
                let whole = row.call != "pthread_exit" && (leads || row.syscall == "exit_group");
                if whole || row.kind == RowKind::Killed {
                    lanes.of_process(group, process).for_each(|lane| book.end(lane, at));
                }
                book.end(lane, at);
            }
        }
    }
    (book.lives, book.waits)
}

/// What is known of each lane on the way down.
struct Book {
    alive: Vec<Option<usize>>,
    waiting: Vec<Option<usize>>,
    lives: Vec<Stay>,
    waits: Vec<Stay>,
}

impl Book {
    fn begin(&mut self, lane: usize, at: usize) {
        if self.alive[lane].is_none() {
            self.alive[lane] = Some(self.lives.len());
            self.lives.push(Stay { lane, from: at, to: None });
        }
    }

    fn wait(&mut self, lane: usize, at: usize) {
        self.wake(lane, at);
        self.waiting[lane] = Some(self.waits.len());
        self.waits.push(Stay { lane, from: at, to: None });
    }

    fn wake(&mut self, lane: usize, at: usize) {
        if let Some(wait) = self.waiting[lane].take() {
            self.waits[wait].to = Some(at);
        }
    }

    fn end(&mut self, lane: usize, at: usize) {
        self.wake(lane, at);
        if let Some(life) = self.alive[lane].take() {
            self.lives[life].to = Some(at);
        }
    }
}
