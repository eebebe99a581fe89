//! A descriptor's identity is foretold for random programs.
//!
//! A random program of descriptor operations (`tests/fixtures/fdprog.c` runs it) is also run by a model of
//! the kernel's tables. After every operation the program asks SO_TYPE of every descriptor that it has; the model
//! says which description each of these calls is on. The recorder must agree, up to the numbers it gives.
//! The model itself is held against the kernel: strace prints the inode of each socket.
//!
//! A failure prints the smallest program and the seed; `LAB_SEED=…` makes the same programs again.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write as _;
use std::process::Command;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use socket_lab::event::{Event, Kind, Recording, SocketId};

use crate::support::{c, fd, lab, need, skipped, text};

/// An operation before its operands are chosen: `a` and `b` select among what the moment offers.
#[derive(Clone, Debug)]
enum Op {
    Simple { kind: u8, a: u8, b: u8 },
    Fork(Vec<Op>),
    ForkSharing(Vec<Op>),
    Thread(Vec<Op>),
    Exec(Vec<Op>),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let simple =
        (0..20u8, any::<u8>(), any::<u8>()).prop_map(|(kind, a, b)| Op::Simple { kind, a, b });
    let op = simple.prop_recursive(4, 48, 8, |inner| {
        let list = || vec(inner.clone(), 1..8);
        prop_oneof![
            6 => inner.clone(),
            2 => list().prop_map(Op::Fork),
            2 => list().prop_map(Op::ForkSharing),
            3 => list().prop_map(Op::Thread),
            1 => list().prop_map(Op::Exec),
        ]
    });
    vec(op, 4..28)
}

/// The descriptors' numbers, with what they refer to and whether exec closes them.
type Table = BTreeMap<i32, (usize, bool)>;

/// An open file description: the other end of its pair, and the descriptions on their way to it.
#[derive(Default)]
struct Description {
    peer: Option<usize>,
    arriving: VecDeque<usize>,
}

/// A call that the program will make, and the description that it is on (`None`: there is no such descriptor).
#[derive(Debug, PartialEq)]
struct Expected {
    call: &'static str,
    fd: i32,
    on: Option<usize>,
}

/// The kernel as far as descriptors go, and the program written so far.
#[derive(Default)]
struct Model {
    tables: Vec<Table>,
    descriptions: Vec<Description>,
    /// Each living thread's process and table.
    tasks: BTreeMap<u32, (u32, usize)>,
    born: u32,
    program: String,
    expected: Vec<Expected>,
}

/// Whether the thread still runs what comes next, or an exec has ended it.
#[derive(Clone, Copy, PartialEq)]
enum Then {
    GoesOn,
    Replaced,
}

const FEW: usize = 14;

impl Model {
    fn of(ops: &[Op]) -> Model {
        let mut model = Model { tables: vec![Table::new()], ..Model::default() };
        let main = model.task(0, 0);
        model.list(main, ops);
        model
    }

    fn task(&mut self, process: u32, table: usize) -> u32 {
        self.born += 1;
        self.tasks.insert(self.born, (process, table));
        self.born
    }

    fn table(&self, task: u32) -> &Table {
        &self.tables[self.tasks[&task].1]
    }

    fn table_mut(&mut self, task: u32) -> &mut Table {
        &mut self.tables[self.tasks[&task].1]
    }

    fn list(&mut self, task: u32, ops: &[Op]) -> Then {
        for op in ops {
            if self.op(task, op) == Then::Replaced {
                return Then::Replaced;
            }
            self.probe(task);
        }
        Then::GoesOn
    }

    /// Asks every descriptor, and one that is not there.
    fn probe(&mut self, task: u32) {
        let mut fds: Vec<i32> = self.table(task).keys().copied().collect();
        fds.push(self.free_from(task, 3));
        for fd in fds {
            let on = self.table(task).get(&fd).map(|entry| entry.0);
            self.emit(&format!("? {fd}"));
            self.expected.push(Expected { call: "getsockopt", fd, on });
        }
    }

    fn emit(&mut self, text: &str) {
        let _ = write!(self.program, "{text} ");
    }

    fn free_from(&self, task: u32, least: i32) -> i32 {
        let table = self.table(task);
        (least..).find(|fd| !table.contains_key(fd)).unwrap_or(least)
    }

    /// Gives the lowest free number, from `least` on, to a description.
    fn install(&mut self, task: u32, least: i32, on: usize, cloexec: bool) {
        let fd = self.free_from(task, least);
        self.table_mut(task).insert(fd, (on, cloexec));
    }

    fn describe(&mut self) -> usize {
        self.descriptions.push(Description::default());
        self.descriptions.len() - 1
    }

    fn copy_table(&mut self, task: u32) -> usize {
        self.tables.push(self.table(task).clone());
        self.tables.len() - 1
    }

    /// unshare(CLONE_FILES): a table of its own, if others use it too.
    fn unshare(&mut self, task: u32) {
        let (process, table) = self.tasks[&task];
        if self.tasks.values().filter(|other| other.1 == table).count() > 1 {
            let own = self.copy_table(task);
            self.tasks.insert(task, (process, own));
        }
    }

    fn op(&mut self, task: u32, op: &Op) -> Then {
        let process = self.tasks[&task].0;
        match op {
            Op::Simple { kind, a, b } => self.simple(task, *kind, *a, *b),
            Op::Fork(ops) | Op::ForkSharing(ops) => {
                let shares = matches!(op, Op::ForkSharing(_));
                let table = if shares { self.tasks[&task].1 } else { self.copy_table(task) };
                let child = self.born + 1;
                let child = self.task(child, table);
                self.emit(if shares { "{" } else { "(" });
                self.list(child, ops);
                self.emit(if shares { "}" } else { ")" });
                // An exec in one of its threads may have left another task in its place.
                self.tasks.retain(|_, (of, _)| *of != child);
            }
            Op::Thread(ops) => {
                let table = self.tasks[&task].1;
                let thread = self.task(process, table);
                self.emit("[");
                let then = self.list(thread, ops);
                self.emit("]");
                if then == Then::Replaced {
                    return Then::Replaced;
                }
                self.tasks.remove(&thread);
            }
            Op::Exec(ops) => {
                let table = self.copy_table(task);
                self.tables[table].retain(|_, (_, cloexec)| !*cloexec);
                // Every thread of the process ends, but for what is now the only one.
                self.tasks.retain(|_, (of, _)| *of != process);
                let only = self.task(process, table);
                self.emit("X <");
                self.probe(only);
                self.list(only, ops);
                self.emit(">");
                return Then::Replaced;
            }
        }
        Then::GoesOn
    }

    fn simple(&mut self, task: u32, kind: u8, a: u8, b: u8) {
        let fds: Vec<i32> = self.table(task).keys().copied().collect();
        let choose = |from: &[i32]| from.get(usize::from(a) % from.len().max(1)).copied();
        let chosen = choose(&fds);
        let on = |model: &Model, fd: i32| model.table(task)[&fd].0;
        // A number from 3 up, in use or not.
        let any = 3 + i32::from(b % 20);
        match (kind, chosen) {
            (0 | 1, _) | (_, None) if fds.len() < FEW => {
                let cloexec = kind == 1;
                let (one, other) = (self.describe(), self.describe());
                self.descriptions[one].peer = Some(other);
                self.descriptions[other].peer = Some(one);
                self.emit(if cloexec { "p" } else { "P" });
                self.install(task, 3, one, cloexec);
                self.install(task, 3, other, cloexec);
            }
            (2 | 3, _) if fds.len() < FEW => {
                let cloexec = kind == 3;
                let one = self.describe();
                self.emit(if cloexec { "u" } else { "U" });
                self.install(task, 3, one, cloexec);
            }
            (4, Some(fd)) if fds.len() < FEW => {
                self.emit(&format!("D {fd}"));
                self.install(task, 3, on(self, fd), false);
            }
            (5 | 6, Some(fd)) if fds.len() < FEW => {
                let letter = if kind == 6 { 'f' } else { 'F' };
                self.emit(&format!("{letter} {fd} {any}"));
                self.install(task, any, on(self, fd), kind == 6);
            }
            (7, Some(fd)) => {
                self.emit(&format!("2 {fd} {any}"));
                if fd != any {
                    let on = on(self, fd);
                    self.table_mut(task).insert(any, (on, false));
                }
            }
            (8, Some(fd)) => {
                let over = if any == fd { any + 1 } else { any };
                self.emit(&format!("3 {fd} {over}"));
                let on = on(self, fd);
                self.table_mut(task).insert(over, (on, true));
            }
            (9..=11, Some(fd)) => {
                self.emit(&format!("C {fd}"));
                self.expected.push(Expected { call: "close", fd, on: Some(on(self, fd)) });
                self.table_mut(task).remove(&fd);
            }
            (12, Some(fd)) => {
                let last = fd + i32::from(b % 3);
                self.emit(&format!("R {fd} {last}"));
                self.table_mut(task).retain(|fd_, _| *fd_ < fd || *fd_ > last);
            }
            (13, Some(fd)) => {
                let last = fd + i32::from(b % 6);
                self.emit(&format!("r {fd} {last}"));
                self.table_mut(task).range_mut(fd..=last).for_each(|(_, entry)| entry.1 = true);
            }
            (14, Some(fd)) => {
                let last = fd + i32::from(b % 3);
                self.emit(&format!("W {fd} {last}"));
                self.unshare(task);
                self.table_mut(task).retain(|fd_, _| *fd_ < fd || *fd_ > last);
            }
            (15, _) => {
                self.emit("N");
                self.unshare(task);
            }
            (16 | 17, Some(_)) => {
                // Only where the other end is in somebody's table: whether one that is merely on its
                // way is still alive is the garbage collector's secret.
                let open = |model: &Model, wanted: usize| {
                    let mut tables = model.tasks.values().map(|(_, table)| &model.tables[*table]);
                    tables.any(|table| table.values().any(|entry| entry.0 == wanted))
                };
                let fits = |fd: &&i32| {
                    let peer = self.descriptions[on(self, **fd)].peer;
                    peer.is_some_and(|peer| {
                        open(self, peer) && self.descriptions[peer].arriving.len() < 4
                    })
                };
                let over: Vec<i32> = fds.iter().filter(fits).copied().collect();
                let Some(over) = choose(&over) else { return };
                let passed = fds[usize::from(b) % fds.len()];
                self.emit(&format!("S {over} {passed}"));
                self.expected.push(Expected {
                    call: "sendmsg",
                    fd: over,
                    on: Some(on(self, over)),
                });
                let description = on(self, passed);
                if let Some(peer) = self.descriptions[on(self, over)].peer {
                    self.descriptions[peer].arriving.push_back(description);
                }
            }
            (18 | 19, Some(_)) => {
                let arriving = |fd: &&i32| !self.descriptions[on(self, **fd)].arriving.is_empty();
                let from: Vec<i32> = fds.iter().filter(arriving).copied().collect();
                let Some(from) = choose(&from) else { return };
                let cloexec = kind == 19;
                self.emit(&format!("{} {from}", if cloexec { 'v' } else { 'V' }));
                let receiver = on(self, from);
                self.expected.push(Expected { call: "recvmsg", fd: from, on: Some(receiver) });
                if let Some(description) = self.descriptions[receiver].arriving.pop_front() {
                    self.install(task, 3, description, cloexec);
                }
            }
            _ => {}
        }
    }
}

const CHECKED: [&str; 4] = ["getsockopt", "close", "sendmsg", "recvmsg"];

/// Pairs what the model says of each call with what was seen, and asks that one name always means one thing.
/// Gives what each description of the model is called.
fn agree<Name>(
    expected: &[Expected],
    seen: &[(String, i32, Option<Name>)],
) -> Result<HashMap<usize, Name>, String>
where
    Name: Copy + std::fmt::Debug + Eq + std::hash::Hash,
{
    let mut names: HashMap<usize, Name> = HashMap::new();
    let mut meanings: HashMap<Name, usize> = HashMap::new();
    for (i, (wanted, (call, fd, name))) in expected.iter().zip(seen).enumerate() {
        let here = format!("call {i}, {wanted:?}: seen {call}({fd}) on {name:?}");
        if wanted.call != call || wanted.fd != *fd || wanted.on.is_some() != name.is_some() {
            return Err(here);
        }
        if let (Some(on), Some(name)) = (wanted.on, *name) {
            let known = *names.entry(on).or_insert(name);
            let meaning = *meanings.entry(name).or_insert(on);
            if known != name || meaning != on {
                return Err(format!("{here}; {on} was {known:?} and {name:?} was {meaning}"));
            }
        }
    }
    if expected.len() != seen.len() {
        return Err(format!("{} calls were expected, {} seen", expected.len(), seen.len()));
    }
    Ok(names)
}

fn seen(recording: &Recording) -> Vec<(String, i32, Option<u32>)> {
    let is_socket = |event: &&Event| {
        let kind = event.socket.and_then(|id| recording.socket(id)).map(|socket| &socket.kind);
        // The loader closes its files: they are no concern of ours, whether recorded or not.
        event.call != "close" || matches!(kind, Some(Kind::Socket { .. }))
    };
    let checked = recording.events.iter().filter(|event| CHECKED.contains(&event.call.as_ref()));
    checked
        .filter(is_socket)
        .map(|event| {
            let number = fd(event).map_or(-1, |(number, _)| number);
            (event.call.clone().into_owned(), number, event.socket.map(|id| id.0))
        })
        .collect()
}

fn try_programs(cases: u32, check: impl Fn(&Model, bool) -> Result<(), String>) {
    let chosen = std::env::var("LAB_SEED").ok().and_then(|text| text.parse().ok());
    let seed: u64 = chosen.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.map_or(1, |since| since.as_nanos() as u64)
    });
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let from_env = std::env::var_os("PROPTEST_CASES").map(|_| Config::default().cases);
    let config = Config {
        cases: from_env.unwrap_or(cases),
        failure_persistence: None,
        max_shrink_iters: 400,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let result = runner.run(&(ops(), any::<bool>()), |(ops, free)| {
        check(&Model::of(&ops), free).map_err(TestCaseError::fail)
    });
    if let Err(TestError::Fail(why, (ops, free))) = result {
        let program = Model::of(&ops).program;
        panic!("{why}\nfree: {free}\nprogram: {program}\nagain with: LAB_SEED={seed}");
    } else if let Err(why) = result {
        panic!("{why}");
    }
}

#[test]
fn every_call_of_a_random_program_is_on_the_description_that_the_model_foretells() {
    let program = need!(c("fdprog"));
    need!(lab());
    try_programs(64, |model, free| {
        let Some(lab) = lab() else { return Ok(()) };
        let lab = match free {
            true => lab.schedule("free").option("--all-calls"),
            false => lab.schedule("lockstep"),
        };
        let run = lab.program(&[text(&program), &model.program]).run();
        let recording = run.finished_with(0);
        let names = agree(&model.expected, &seen(&recording))?;
        for (&one, &name) in &names {
            let recorded = recording.socket(SocketId(name)).and_then(|socket| socket.peer);
            let peer = model.descriptions[one].peer.and_then(|peer| names.get(&peer));
            if peer.is_some() && recorded != peer.map(|&peer| SocketId(peer)) {
                return Err(format!("{name}'s peer is {recorded:?} and should be {peer:?}"));
            }
        }
        let unlike = recording.events.iter().find(|event| {
            let argument = fd(event).and_then(|(_, socket)| socket);
            CHECKED.contains(&event.call.as_ref()) && argument != event.socket
        });
        unlike.map_or(Ok(()), |event| Err(format!("event and argument differ: {event:?}")))
    });
}

#[test]
fn the_model_of_descriptors_agrees_with_the_kernel() {
    let program = need!(c("fdprog"));
    if Command::new("strace").arg("-V").output().is_err() {
        return skipped("no strace");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let output = folder.path().join("strace");
    try_programs(24, |model, _| {
        let traced = format!("trace={}", CHECKED.join(","));
        let status = Command::new("strace")
            .args(["-f", "-y", "-qq", "-e", "signal=none", "-e", &traced, "-o", text(&output)])
            .args([text(&program), &model.program])
            .status()
            .map_err(|why| why.to_string())?;
        if !status.success() {
            return Err(format!("fdprog ended with {status}"));
        }
        let lines = std::fs::read_to_string(&output).map_err(|why| why.to_string())?;
        let seen: Vec<_> = lines.lines().filter_map(probe_of_strace).collect();
        agree(&model.expected, &seen).map(|_| ())
    });
}

/// The call, the descriptor and the socket's inode of a line such as
/// `12 getsockopt(3<socket:[4711]>, SOL_SOCKET, …`.
fn probe_of_strace(line: &str) -> Option<(String, i32, Option<u64>)> {
    let (call, rest) = line.split_once(' ')?.1.trim_start().split_once('(')?;
    let end = rest.find(|c: char| !c.is_ascii_digit())?;
    let inode = rest[end..].strip_prefix("<socket:[").and_then(|rest| rest.split(']').next());
    let inode = inode.and_then(|inode| inode.parse().ok());
    if call == "close" && inode.is_none() {
        return None;
    }
    Some((call.to_owned(), rest[..end].parse().ok()?, inode))
}
