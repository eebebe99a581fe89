//! The named checks: what no pattern can say. Those of the baseline hold in every lesson.

use std::collections::HashMap;

use super::closings::How;
use super::datagrams;
use super::run::{Run, beginning, bytes};
use super::stamps::{Stop, stamps};
use super::{Finding, Grade, Rules};
use crate::event::{Bytes, Ending, Event, Party, Reason, SocketId, Step, Value};
use crate::pattern::Class;
use crate::scenario::texts::told;
use crate::timeline::{Row, RowKind};

/// A check by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    UsesSockets,
    EndsOrServes,
    StepsMet,
    Checkpoints,
    NoBadDescriptor,
    NoSpin,
    DescriptorsBalanced,
    NoExec,
    NoIoUring,
    BytesEchoed,
    BytesStamped,
    EverythingWritten,
    ClosesEveryConnection,
    PrintsWhatItReceives,
    AnswersTheSender,
    AsksOneServer,
    PrintsNoStranger,
    NothingInClear,
    ThreadsEnd,
    NoZombies,
}

/// What a check is called and what it says.
struct About {
    name: &'static str,
    says: &'static str,
    why: &'static str,
    hint: Option<&'static str>,
}

/// Calls about sockets whose failure with one of [`BAD`] is a slip of the program.
const SOCKET_CALLS: [&str; 24] = [
    "accept",
    "accept4",
    "bind",
    "close",
    "connect",
    "epoll_ctl",
    "getpeername",
    "getsockname",
    "getsockopt",
    "listen",
    "read",
    "readv",
    "recv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "send",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "setsockopt",
    "shutdown",
    "write",
    "writev",
];

/// Errors that say that the program, and not the network, is wrong.
const BAD: [&str; 4] = ["EBADF", "ENOTSOCK", "EINVAL", "EFAULT"];

/// So many calls in a row that bring nothing on one object are a spin.
const SPIN: u64 = 20;

impl Check {
    /// Every check, the baseline first.
    pub const ALL: [Check; 20] = [
        Check::UsesSockets,
        Check::EndsOrServes,
        Check::StepsMet,
        Check::Checkpoints,
        Check::NoBadDescriptor,
        Check::NoSpin,
        Check::DescriptorsBalanced,
        Check::NoExec,
        Check::NoIoUring,
        Check::BytesEchoed,
        Check::BytesStamped,
        Check::EverythingWritten,
        Check::ClosesEveryConnection,
        Check::PrintsWhatItReceives,
        Check::AnswersTheSender,
        Check::AsksOneServer,
        Check::PrintsNoStranger,
        Check::NothingInClear,
        Check::ThreadsEnd,
        Check::NoZombies,
    ];

    /// The checks that hold in every lesson unless it says otherwise.
    pub const BASELINE: [Check; 9] = [
        Check::NoIoUring,
        Check::NoExec,
        Check::UsesSockets,
        Check::NoBadDescriptor,
        Check::NoSpin,
        Check::EndsOrServes,
        Check::StepsMet,
        Check::Checkpoints,
        Check::DescriptorsBalanced,
    ];

    /// The check of this name.
    pub fn named(name: &str) -> Option<Check> {
        Check::ALL.into_iter().find(|check| check.name() == name)
    }

    pub fn name(self) -> &'static str {
        self.about().name
    }

    /// What a right program does.
    pub fn says(self) -> &'static str {
        self.about().says
    }

    /// Why that matters.
    pub fn why(self) -> &'static str {
        self.about().why
    }

    fn about(self) -> About {
        match self {
            Check::UsesSockets => About {
                name: "uses-sockets",
                says: "the program does its work with socket calls of its own",
                why: "A program that prints the right words and never opens a socket has not talked to anybody.",
                hint: Some("Which call gives you a socket?"),
            },
            Check::EndsOrServes => About {
                name: "ends-or-serves",
                says: "the program ends with status 0 when it is done, or goes on serving, and waits for nobody who waits for it",
                why: "A panic, a signal or a status other than 0 tells the caller of failure. Two ends that wait for each other wait for ever: no timeout is needed to know it.",
                hint: Some(
                    "Look at the last call that it made: what did it return, and what was done about it?",
                ),
            },
            Check::StepsMet => About {
                name: "steps-met",
                says: "every peer gets what it must get",
                why: "What counts in the end is what arrives at the other end: the bytes, all of them and no others, and then end of file or not.",
                hint: Some("Compare what the peer got with what it should have got."),
            },
            Check::Checkpoints => About {
                name: "checkpoints",
                says: "at the named moments each socket is in the state that it should be in",
                why: "TCP's states (LISTEN, ESTABLISHED, CLOSE-WAIT …) show who has closed and who has not, also where no call tells.",
                hint: None,
            },
            Check::NoBadDescriptor => About {
                name: "no-bad-descriptor",
                says: "no socket call fails with EBADF, ENOTSOCK, EINVAL or EFAULT",
                why: "These errors speak of the program and not of the network: a descriptor that is closed already or is no socket, a call that the socket's state does not allow.",
                hint: Some(
                    "What is that descriptor at that moment: open, a socket, and in the right state?",
                ),
            },
            Check::NoSpin => About {
                name: "no-spin",
                says: "the program waits in the kernel, and does not ask again and again",
                why: "recv(2) = 0 is end of file and stays so; EAGAIN stays so until something arrives. Who goes on asking burns a processor and learns nothing.",
                hint: Some(
                    "What does the result of this call say, and what is there still to come after it?",
                ),
            },
            Check::DescriptorsBalanced => About {
                name: "descriptors-balanced",
                says: "a socket that is done with is closed",
                why: "Descriptors are few (ulimit -n), and the peer of a socket that is never closed never sees end of file.",
                hint: Some(
                    "List every way out of the code that has this socket: does each close it?",
                ),
            },
            Check::NoExec => About {
                name: "no-exec",
                says: "the program does the work itself and starts no other",
                why: "What nc or a shell would do, the program must do. Name the program itself and not a wrapper of it.",
                hint: None,
            },
            Check::NoIoUring => About {
                name: "no-io-uring",
                says: "the program makes its calls through system calls and not through io_uring",
                why: "What goes through the ring is no system call: the recorder sees only that the ring was entered.",
                hint: None,
            },
            Check::BytesEchoed => About {
                name: "bytes-echoed",
                says: "on each connection the bytes that were received are sent back, in their order, all of them and no others",
                why: "A stream has no messages: any piece of it may arrive alone, and each must go back as it came.",
                hint: Some(
                    "How many bytes did this recv give, and which bytes of the buffer are they?",
                ),
            },
            Check::BytesStamped => About {
                name: "bytes-stamped",
                says: "on each connection the bytes that were received are sent back as in `[1893456000.5]: b'hello'`, in their order, all of them and no others",
                why: "A stamp holds what one receive gave, be it a line or a part of one. Put together, the parts are what the client sent: nothing is lost, and nothing comes twice.",
                hint: Some(
                    "How many bytes did this recv give, and which bytes of the buffer are they?",
                ),
            },
            Check::EverythingWritten => About {
                name: "everything-written",
                says: "what a short write left over is written next",
                why: "send(2) returns how many bytes the kernel took. It may be fewer than were given, when the peer reads slowly or a signal comes.",
                hint: Some("What does write return when the peer reads slowly?"),
            },
            Check::ClosesEveryConnection => About {
                name: "closes-every-connection",
                says: "every connection is closed by the program, before its process ends",
                why: "Only a close tells the peer that no more will come, and only it gives the descriptor back.",
                hint: Some(
                    "List every way out of the code that has this connection: does each close it?",
                ),
            },
            Check::PrintsWhatItReceives => About {
                name: "prints-what-it-receives",
                says: "what a peer sent is printed as the text that it is",
                why: "Bytes cross the wire; a person reads text. `b'…'` and numbers are neither.",
                hint: Some("In what encoding are the bytes, and which call turns them into text?"),
            },
            Check::AnswersTheSender => About {
                name: "answers-the-sender",
                says: "each datagram that is sent answers one that came, and goes to its sender",
                why: "A datagram socket has no other end: it takes datagrams from everybody. Who sent one is told with it (recvfrom, recvmsg), and nowhere else.",
                hint: Some("Where does a datagram say who sent it, and which call tells you?"),
            },
            Check::AsksOneServer => About {
                name: "asks-one-server",
                says: "all datagrams go to the address that the first one went to",
                why: "Anybody can send a datagram to any port. Who takes the sender of the last one for the server can be led anywhere.",
                hint: Some("Who decides which address the next question goes to?"),
            },
            Check::PrintsNoStranger => About {
                name: "prints-no-stranger",
                says: "what comes from an address that was not asked is not printed",
                why: "An unconnected datagram socket takes datagrams from everybody. Whether one is the answer says its sender's address, and not that it came next.",
                hint: Some("Who sent what you print?"),
            },
            Check::NothingInClear => About {
                name: "nothing-in-clear",
                says: "what was typed does not cross the wire as it is",
                why: "Whoever is on the way can read what a socket carries. What nobody else shall know is encrypted before it is given to send(2).",
                hint: Some(
                    "Through whose hands do the bytes go on their way, and who may read them there?",
                ),
            },
            Check::ThreadsEnd => About {
                name: "threads-end",
                says: "a thread or process that was made for a client ends when the client has been served",
                why: "A thread keeps a stack and a place in the kernel's table for as long as it lives, and a process keeps more. A server that leaves one behind for every client runs out of them. Those that wait for the next client are no such: there are not more of them the more clients come.",
                hint: Some("What does it do after its last call about the connection?"),
            },
            Check::NoZombies => About {
                name: "no-zombies",
                says: "no process that has ended is left in the kernel's table when nobody moves any more",
                why: "What is left of a process that has ended waits there for its parent to ask how it went (waitpid, waitid). The table is finite. A parent that ignores SIGCHLD, or that ends itself, leaves nobody behind either.",
                hint: Some(
                    "How does the parent learn that a child has ended, and what does it call then?",
                ),
            },
        }
    }
}

/// What a check finds, and whether it is only that there is nothing it could be about.
pub(super) fn judge(check: Check, run: &Run<'_>, rules: &Rules) -> Option<(Finding, bool)> {
    let mut found = match check {
        Check::UsesSockets => uses_sockets(run),
        Check::EndsOrServes => ends_or_serves(run),
        Check::StepsMet => steps_met(run),
        Check::Checkpoints => checkpoints(run),
        Check::NoBadDescriptor => no_bad_descriptor(run),
        Check::NoSpin => no_spin(run),
        Check::DescriptorsBalanced => descriptors_balanced(run, rules),
        Check::NoExec => no_exec(run),
        Check::NoIoUring => no_io_uring(run),
        Check::BytesEchoed => bytes_echoed(run),
        Check::BytesStamped => bytes_stamped(run),
        Check::EverythingWritten => everything_written(run),
        Check::ClosesEveryConnection => closes_every_connection(run),
        Check::PrintsWhatItReceives => prints_what_it_receives(run),
        Check::AnswersTheSender => datagrams::answers_the_sender(run),
        Check::AsksOneServer => datagrams::asks_one_server(run),
        Check::PrintsNoStranger => datagrams::prints_no_stranger(run),
        Check::NothingInClear => nothing_in_clear(run),
        Check::ThreadsEnd => threads_end(run),
        Check::NoZombies => no_zombies(run),
    }?;
    found.marked.truncate(2);
    let about = check.about();
    let label = (about.name, about.says, about.hint);
    let mut finding = run.finding(label, found.grade, found.did, &found.rows, &found.marked);
    finding.printed = found.printed;
    finding.peer = found.peer.or(finding.peer);
    finding.hint = found.hint.or(finding.hint);
    Some((finding, found.absent))
}

/// How a check is broken.
#[derive(Default)]
pub(super) struct Found {
    grade: Grade,
    did: String,
    rows: Vec<usize>,
    marked: Vec<usize>,
    pub(super) printed: Option<String>,
    peer: Option<String>,
    /// Says more than the check's own.
    hint: Option<String>,
    /// There is nothing that it could be about.
    pub(super) absent: bool,
}

impl Found {
    pub(super) fn at(did: String, rows: Vec<usize>, marked: Option<usize>) -> Option<Found> {
        Some(Found { did, rows, marked: marked.into_iter().collect(), ..Found::default() })
    }
}

fn uses_sockets(run: &Run<'_>) -> Option<Found> {
    if run.own_rows().any(|row| row.on_socket) {
        return None;
    }
    let rows: Vec<usize> = indices(run, |_| true);
    let did = format!("`{}` made {}, and {}", run.role, made_without(run), run.ended());
    let mut found = Found::at(did, rows, run.last_row())?;
    found.printed = run.printed();
    // It may not have come to it.
    found.absent = run.was_cut_off();
    Some(found)
}

fn made_without(run: &Run<'_>) -> String {
    match run.calls() {
        0 => "no calls".into(),
        1 => "1 call, which was not about a socket".into(),
        calls => format!("{calls} calls, none of them about a socket"),
    }
}

fn ends_or_serves(run: &Run<'_>) -> Option<Found> {
    let part = run.recording.roles.iter().find(|role| role.name == run.role)?;
    let last = last_rows(run);
    let signal = sent_signal(run);
    let found = |did: String| {
        let mut found = Found::at(did, last.clone(), run.last_row())?;
        found.printed = run.printed();
        Some(found)
    };
    match (run.ending()?, &run.recording.end.reason) {
        (_, Reason::Deadlock) if is_stuck(run) => found(chain(run)),
        (Ending::Killed { .. }, Reason::Limit { what }) => {
            found(format!("`{}` was ended by the lab: {what}", run.role))
        }
        (Ending::Exited { status }, Reason::Limit { what }) => found(format!(
            "`{}` ended with status {status} and left processes behind that did not: {what}",
            run.role
        )),
        (Ending::Exited { status: 0 }, _) if part.ends != Some(false) => None,
        // Who is asked to end may.
        (Ending::Exited { status: 0 }, _) if signal.is_some() => None,
        (Ending::Exited { status: 0 }, _) => {
            found(format!("`{}` ended with status 0, although it should go on serving", run.role))
        }
        (Ending::Exited { status }, _) if signal.is_some_and(|name| by_signal(*status, name)) => {
            None
        }
        (Ending::Exited { status: 101 }, _) if has_panicked(run) => {
            found(format!("`{}` panicked (status 101)", run.role))
        }
        (Ending::Exited { status }, _) => {
            let did = format!("`{}` ended with status {status}", run.role);
            let Some(row) = gave_up_at(run) else { return found(did) };
            let line = run.timeline.rows.get(row)?;
            let (step, call) = (line.step, line.notation());
            let mut rows = vec![row];
            rows.extend(run.last_row());
            let mut found =
                Found::at(format!("step {step} was `{call}`, and {did}"), rows, Some(row))?;
            found.printed = run.printed();
            Some(found)
        }
        (Ending::Signalled { signal: name }, _) if signal == Some(name.as_str()) => None,
        (Ending::Signalled { signal }, _) => found(format!("`{}` was ended by {signal}", run.role)),
        (Ending::Killed { .. }, Reason::Deadlock) => found(stopped(run)?),
        (Ending::Killed { .. }, Reason::Serving) if part.ends == Some(true) => found(chain(run)),
        (Ending::Killed { .. } | Ending::NeverStarted, _) => None,
    }
}

/// The failed call after which the program gave up: from then on it closed its sockets and no more.
fn gave_up_at(run: &Run<'_>) -> Option<usize> {
    let on_socket =
        |event: &&Event| event.socket.is_some_and(|id| run.timeline.names.is_socket(id));
    let all: Vec<&Event> = run.own_events().filter(on_socket).collect();
    // A traceback of Python asks for the names of the sockets in it.
    let closes = |event: &&&Event| {
        matches!(
            event.call.as_ref(),
            "close" | "shutdown" | "fcntl" | "getpeername" | "getsockname"
        )
    };
    let last = all.iter().rev().find(|event| !closes(event))?;
    last.errno.as_ref()?;
    run.row_of(last.seq)
}

/// The signal that the scenario sent to the program: of the step `server: kill(SIGTERM)`.
fn sent_signal<'a>(run: &Run<'a>) -> Option<&'a str> {
    run.recording.steps.iter().rev().find_map(|step| {
        let call = step.text.strip_prefix(run.role)?.trim_start().strip_prefix(':')?;
        let (name, _) = call.trim_start().strip_prefix("kill(")?.split_once(')')?;
        Some(name)
    })
}

/// Shells and runtimes end with 128 and the signal's number on its behalf.
fn by_signal(status: i32, name: &str) -> bool {
    let number = match name {
        "SIGHUP" => 1,
        "SIGINT" => 2,
        "SIGTERM" => 15,
        _ => return false,
    };
    status == 128 + number
}

/// Whether the role under test is part of what will never move.
fn is_stuck(run: &Run<'_>) -> bool {
    run.recording.end.waiting.iter().any(|wait| wait.role == run.role)
}

/// Who was stopped last of all waits in no call, and for a signal that nobody is there to send. signal(7).
fn stopped(run: &Run<'_>) -> Option<String> {
    let row = run.timeline.rows.get(run.last_row()?)?;
    let signal = row.args.first().filter(|_| row.call == "signal")?.text.as_str();
    matches!(signal, "SIGSTOP" | "SIGTSTP" | "SIGTTIN" | "SIGTTOU").then(|| {
        let step = row.step;
        format!(
            "{signal} stopped `{}` (step {step}), and nobody lets it go on with SIGCONT",
            run.role
        )
    })
}

fn has_panicked(run: &Run<'_>) -> bool {
    run.printed().is_some_and(|text| text.contains("panicked") || text.contains("RUST_BACKTRACE"))
}

/// Who waits for whom, in which call.
fn chain(run: &Run<'_>) -> String {
    let mut links: Vec<String> = Vec::new();
    // A process by its number says more than its first thread by that thread's.
    let named = |role: &str, thread: u32| match (thread, run.timeline.process_of(role, thread)) {
        (1, _) => format!("`{role}`"),
        (_, 1) => format!("thread {thread} of `{role}`"),
        (_, process) => format!("process {process} of `{role}`"),
    };
    for wait in &run.timeline.end.waiting {
        let whom: Vec<String> = wait
            .for_
            .iter()
            .map(|party| match party {
                Party::Thread { role, thread } if (role, thread) == (&wait.role, &wait.thread) => {
                    "itself".into()
                }
                Party::Thread { role, thread } => named(role, *thread),
                Party::Outside { what } => what.clone(),
                Party::Nobody => "nobody: the other end is gone".into(),
            })
            .collect();
        let whom = if whom.is_empty() { "nobody".into() } else { whom.join(" or ") };
        let since = wait.step.map(|step| format!(" (step {step})")).unwrap_or_default();
        let thread = named(&wait.role, wait.thread);
        links.push(format!("{thread} waits in `{}`{since} for {whom}", wait.call));
    }
    if links.is_empty() { run.so_far() } else { format!("nobody can move: {}", links.join("; ")) }
}

fn steps_met(run: &Run<'_>) -> Option<Found> {
    let mut unmet = run.recording.steps.iter().filter(|step| step.unmet.is_some());
    let first = unmet.next()?;
    let found = first.unmet.as_deref().unwrap_or_default();
    let others = unmet.count();
    let more = match others {
        0 => String::new(),
        1 => "; one later step was not met either".into(),
        _ => format!("; {others} later steps were not met either"),
    };
    let row =
        run.timeline.rows.iter().rposition(|row| row.role == run.role && row.seq <= first.after);
    let mutual = each_waits_for_the_other(run, first).unwrap_or_default();
    let did =
        format!("the scenario's step {} was `{}`: {found}{mutual}{more}", first.number, first.text);
    let mut rows = last_rows_up_to(run, row);
    rows.extend(
        run.timeline.rows.iter().rposition(|row| run.is_peer(&row.role) && row.seq <= first.after),
    );
    let mut told = Found::at(did, rows, row.or_else(|| run.last_row()))?;
    let peer = first.text.split_once(':').map_or("the peer", |(peer, _)| peer);
    told.peer = (peer != run.role).then(|| format!("{peer}: {found}"));
    Some(told)
}

/// Where a peer got nothing, or could not go on sending, since the program waited for that peer: who waits in which call,
/// and which one is missing.
fn each_waits_for_the_other(run: &Run<'_>, step: &Step) -> Option<String> {
    let (peer, call) = step.text.split_once(':')?;
    let call = call.trim();
    // For data, or for the end of it: every other answer is no business of a call of the program's.
    let (for_end, for_data) = (call == "recv() = 0", call.ends_with(')'));
    let sends = call.starts_with("send(") && call.ends_with(", first)");
    if !sends && (!call.starts_with("recv(") || !(for_end || for_data)) {
        return None;
    }
    let waits = |row: &&Row| {
        let own = row.role == run.role && matches!(row.kind, RowKind::Waits { .. });
        let event = run.event(row.seq).filter(|_| own);
        event.is_some_and(|it| {
            it.since.unwrap_or(it.seq.saturating_sub(1)) <= step.after && it.seq > step.after
        })
    };
    let row = run.timeline.rows.iter().find(waits)?;
    let other = run.recording.socket(run.peer_of(row.object?)?)?;
    let name = run.timeline.names.of(row.object?)?;
    let awaited = if sends { Class::Send } else { Class::Recv };
    let wanted = match (sends, for_end) {
        (true, _) => format!("`recv({name}, ..)` meanwhile"),
        (_, true) => format!("`close({name})` or `shutdown({name}, SHUT_WR)`"),
        (_, false) => format!("`send({name}, ..)`"),
    };
    (other.role == peer && awaited.members().contains(&row.call.as_ref())).then(|| {
        format!(
            ": `{}` waited in `{}({name})` (step {}) for {peer}, and {peer} for `{}`; wanted {wanted}",
            run.role, row.call, row.step, run.role
        )
    })
}

fn checkpoints(run: &Run<'_>) -> Option<Found> {
    let first = run.unmet.first()?;
    let after = run.recording.steps.iter().find(|step| step.number == first.step);
    let row = after.and_then(|step| {
        // What the program did in answer to the step, up to the next one.
        let next = run.recording.steps.iter().find(|it| it.number == first.step + 1);
        let until = next.map_or(u64::MAX, |next| next.after);
        run.timeline
            .rows
            .iter()
            .rposition(|row| row.role == run.role && row.seq <= until.max(step.after))
    });
    let did = format!("after the scenario's step {}: {}", first.step, first.why);
    Found::at(did, last_rows_up_to(run, row), row)
}

fn no_bad_descriptor(run: &Run<'_>) -> Option<Found> {
    let bad = |event: &&Event| {
        let socket = event.socket.is_none_or(|id| run.timeline.names.is_socket(id));
        SOCKET_CALLS.contains(&event.call.as_ref())
            && event.note.is_none()
            && socket
            && event.errno.as_deref().is_some_and(|errno| BAD.contains(&errno))
    };
    // What nobody wrote is not held against the program.
    let row = run.own_events().filter(bad).find_map(|event| run.row_of(event.seq))?;
    let line = run.timeline.rows.get(row)?;
    let did = format!("step {} was `{}`", line.step, line.notation());
    Found::at(did, earlier_on(run, row), Some(row))
}

fn no_spin(run: &Run<'_>) -> Option<Found> {
    let mut idle: HashMap<SocketId, u64> = HashMap::new();
    let mut waits: HashMap<u32, u64> = HashMap::new();
    for event in run.own_events() {
        // What the lab made fail is no fault of the program's.
        if event.note.is_some() && event.errno.is_some() {
            continue;
        }
        let call = event.call.as_ref();
        let again = event.errno.as_deref().is_some_and(|e| e == "EAGAIN" || e == "EWOULDBLOCK");
        if Class::Wait.members().contains(&call) {
            // Asked and answered at once: it only counts if nothing comes of it.
            let count = waits.entry(event.thread).or_default();
            *count = if event.blocked { 0 } else { *count + 1 };
            if *count > SPIN {
                return spins(run, event, *count);
            }
            continue;
        }
        let Some(id) = event.socket.filter(|id| run.timeline.names.is_socket(*id)) else {
            continue;
        };
        let nothing =
            Class::Recv.members().contains(&call) && event.ret == Some(0) && asked(event) > 0;
        if nothing || again {
            let count = idle.entry(id).or_default();
            *count += 1;
            if *count > SPIN {
                return spins(run, event, *count);
            }
        } else if event.ret.is_some_and(|ret| ret >= 0) && moves(call) {
            idle.remove(&id);
            waits.remove(&event.thread);
        }
    }
    match &run.recording.end.reason {
        Reason::Limit { what } if what.contains("spins") => {
            Found::at(format!("`{}`: {what}", run.role), last_rows(run), run.last_row())
        }
        _ => None,
    }
}

fn spins(run: &Run<'_>, event: &Event, count: u64) -> Option<Found> {
    let row = run.row_of(event.seq)?;
    let line = run.timeline.rows.get(row)?;
    let all = line.count.max(count);
    let (step, call) = (line.step, line.notation());
    let did = format!("it asked {all} times in a row and got nothing: step {step} is `{call}`");
    Found::at(did, earlier_on(run, row), Some(row))
}

/// Calls after whose success something is different.
fn moves(call: &str) -> bool {
    let classes = [Class::Recv, Class::Send, Class::Accept];
    classes.iter().any(|class| class.members().contains(&call))
        || matches!(call, "connect" | "close" | "shutdown" | "listen" | "bind")
}

fn descriptors_balanced(run: &Run<'_>, rules: &Rules) -> Option<Found> {
    let mut left = Vec::new();
    for (id, name) in run.own_sockets() {
        let closing = run.closing(id);
        let how = match closing {
            Some(closing) if closing.how == How::Call => continue,
            // A process of its own for a connection may end with it.
            Some(closing) if run.event(closing.seq).is_some_and(|event| event.process != 1) => {
                continue;
            }
            Some(closing) => closing.how,
            None => How::Killed,
        };
        let over = end_seen(run, id);
        match how {
            // Who is still served at the end may have a connection open, who has left may not.
            How::Killed if over.is_none() => {}
            How::Killed => left.push((id, name.to_owned(), How::Killed, over)),
            How::Exit => left.push((id, name.to_owned(), How::Exit, over)),
            How::Call => {}
        }
    }
    let worst = left.iter().find(|(.., how, _)| *how == How::Killed).or(left.first())?.clone();
    let (id, name, how, over) = worst;
    let all = left.iter().filter(|(.., it, _)| *it == how).count();
    let more = if all > 1 { format!(" (and {} more)", all - 1) } else { String::new() };
    let mut rows = indices(run, |row| row.object == Some(id));
    rows.extend(run.last_row());
    let marked = over.and_then(|seq| run.row_of(seq)).or_else(|| run.last_row());
    let did = match how {
        How::Exit => format!("only the end of the process closed `{name}`{more}"),
        _ => {
            let step = over.and_then(|seq| run.timeline.step_of(seq));
            let since = step.map(|step| format!(" since step {step}")).unwrap_or_default();
            format!("`{name}`{more} was at its end{since} and was never closed")
        }
    };
    let mut found = Found::at(did, rows, marked)?;
    if how == How::Exit && !rules.closes_before_exit {
        found.grade = Grade::Note;
    }
    Some(found)
}

/// The event in which the program learned that an object is at its end: end of file, or an error that is one.
fn end_seen(run: &Run<'_>, id: SocketId) -> Option<u64> {
    // Zero bytes are a datagram too, and that one was refused says nothing of the next.
    if datagrams::is_datagram(run, id) {
        return None;
    }
    let over = |event: &&Event| {
        let call = event.call.as_ref();
        let ended =
            Class::Recv.members().contains(&call) && event.ret == Some(0) && asked(event) > 0;
        let dead = matches!(
            event.errno.as_deref(),
            Some("ECONNRESET" | "EPIPE" | "ETIMEDOUT" | "ECONNREFUSED" | "ECONNABORTED")
        );
        event.socket == Some(id)
            && (ended || dead && event.note.is_none())
            && !call.starts_with("accept")
    };
    run.about(id).find(over).map(|event| event.seq)
}

fn no_exec(run: &Run<'_>) -> Option<Found> {
    let mut execs = run.own_events().filter(|event| event.call.starts_with("execve")).peekable();
    let first = *execs.peek()?;
    // A name is tried in one folder after another: the one in which it was found counts.
    let event = execs.find(|event| event.ret == Some(0)).unwrap_or(first);
    let program = executed(event).map_or("another program".into(), |path| format!("`{path}`"));
    let did = format!("process {} of `{}` started {program}", event.process, run.role);
    let row = run.row_of(event.seq).or_else(|| run.last_row());
    let mut found = Found::at(did, last_rows(run), row)?;
    found.hint = behind_the_wrapper(run);
    Some(found)
}

fn executed(event: &Event) -> Option<&str> {
    match event.arg("pathname")? {
        Value::Text { value } => Some(value),
        _ => None,
    }
}

/// What to check instead of a script that only becomes the program that is meant, as the `python3` of a version manager.
fn behind_the_wrapper(run: &Run<'_>) -> Option<String> {
    let is_socket =
        |event: &&Event| event.socket.is_some_and(|id| run.timeline.names.is_socket(id));
    let begun = run.own_events().find(is_socket)?.seq;
    let becomes = |event: &&Event| {
        event.call == "execve" && event.ret == Some(0) && event.process == 1 && event.seq < begun
    };
    let last = run.own_events().filter(becomes).last()?;
    let program = executed(last)?;
    let part = run.recording.roles.iter().find(|role| role.name == run.role)?;
    let (wrapper, rest) = part.command.split_first()?;
    // With as many arguments as the wrapper was given, they are the same.
    let all = match last.arg("argv") {
        Some(Value::List { items }) if items.len() == part.command.len() => rest,
        _ => &[],
    };
    let itself = shell_words::join([program].into_iter().chain(all.iter().map(String::as_str)));
    Some(format!(
        "`{wrapper}` is a script that starts another program; name that one: --bin {}",
        shell_words::quote(&itself)
    ))
}

fn no_io_uring(run: &Run<'_>) -> Option<Found> {
    let event = run.own_events().find(|event| event.call.starts_with("io_uring"))?;
    let refused = event.errno.as_deref().map(|errno| format!(" = -1 {errno}"));
    let did = format!("it called `{}`{}", event.call, refused.unwrap_or_default());
    Found::at(did, last_rows(run), run.row_of(event.seq).or_else(|| run.last_row()))
}

/// One byte after another of a stream, as far as the recording kept them: `None` for one that was not kept.
type Stream = Vec<Option<u8>>;

/// A stream is not followed beyond this.
const STREAM: usize = 64 << 20;

fn append(stream: &mut Stream, bytes: &Bytes) {
    let room = STREAM.saturating_sub(stream.len());
    let len = usize::try_from(bytes.len).unwrap_or(usize::MAX).min(room);
    let kept = bytes.data.iter().take(len).map(|byte| Some(*byte));
    stream.extend(kept);
    let missing = len.saturating_sub(bytes.data.len());
    stream.extend(std::iter::repeat_n(None, missing));
}

fn bytes_echoed(run: &Run<'_>) -> Option<Found> {
    let connections = run.connections();
    if connections.is_empty() {
        return no_connection(run);
    }
    for (id, name) in connections {
        let (mut got, mut sent): (Stream, Stream) = Default::default();
        let (mut last, mut dead) = (None, false);
        for event in run.about(id) {
            let call = event.call.as_ref();
            dead |= matches!(event.errno.as_deref(), Some("ECONNRESET" | "EPIPE"));
            let Some(bytes) = &event.bytes else { continue };
            if Class::Recv.members().contains(&call) && !peeks(event) {
                append(&mut got, bytes);
                last = Some(event.seq);
            } else if Class::Send.members().contains(&call) {
                let from = sent.len();
                append(&mut sent, bytes);
                last = Some(event.seq);
                let wrong = (from..sent.len()).find(|&at| match (got.get(at), sent[at]) {
                    (None, _) => true,
                    (Some(Some(got)), Some(sent)) => *got != sent,
                    _ => false,
                });
                if let Some(at) = wrong {
                    let row = run.row_of(event.seq);
                    let step = row.and_then(|row| run.timeline.rows.get(row)).map_or(0, |r| r.step);
                    let did = if at >= got.len() {
                        format!(
                            "step {step} sent more on `{name}` than had come: {} were received, {} sent",
                            bytes_of(got.len()),
                            bytes_of(sent.len())
                        )
                    } else {
                        format!(
                            "byte {} that step {step} sent on `{name}` is another than came",
                            at + 1
                        )
                    };
                    return Found::at(did, earlier_on(run, row.unwrap_or(0)), row);
                }
            }
        }
        if sent.len() < got.len() && !dead {
            let row = last.and_then(|seq| run.row_of(seq));
            let did = format!(
                "of {} received on `{name}`, {} went back",
                bytes_of(got.len()),
                sent.len()
            );
            return Found::at(did, indices(run, |row| row.object == Some(id)), row);
        }
    }
    None
}

fn bytes_stamped(run: &Run<'_>) -> Option<Found> {
    let connections = run.connections();
    if connections.is_empty() {
        return no_connection(run);
    }
    for (id, name) in connections {
        let (mut got, mut sent): (Stream, Stream) = Default::default();
        // Which event sent the bytes up to where.
        let mut pieces: Vec<(usize, u64)> = Vec::new();
        let (mut last, mut dead) = (None, false);
        for event in run.about(id) {
            let call = event.call.as_ref();
            dead |= matches!(event.errno.as_deref(), Some("ECONNRESET" | "EPIPE"));
            let Some(bytes) = &event.bytes else { continue };
            if Class::Recv.members().contains(&call) && !peeks(event) {
                append(&mut got, bytes);
                last = Some(event.seq);
            } else if Class::Send.members().contains(&call) {
                append(&mut sent, bytes);
                pieces.push((sent.len(), event.seq));
                last = Some(event.seq);
            }
        }
        let whole = sent.len();
        // What was not kept cannot be judged, nor what follows it.
        let known: Vec<u8> = sent.into_iter().map_while(|byte| byte).collect();
        let is_cut = known.len() < whole;
        let row_at = |at: usize| {
            let piece = pieces.iter().find(|(end, _)| at < *end).or(pieces.last());
            piece.and_then(|(_, seq)| run.row_of(*seq))
        };
        let step_at = |at: usize| {
            row_at(at).and_then(|row| run.timeline.rows.get(row)).map_or(0, |row| row.step)
        };
        let wrong = |at: usize, did: String| {
            let row = row_at(at);
            Found::at(did, earlier_on(run, row.unwrap_or(0)), row)
        };
        let found = stamps(&known);
        // What was stamped first: a wrong byte stands before whatever follows it.
        for (at, byte) in found.bytes.iter().enumerate() {
            let place = found.places.get(at).copied().unwrap_or(0);
            match got.get(at) {
                None => {
                    let count = bytes_of(got.len());
                    let step = step_at(place);
                    let did =
                        format!("step {step} stamped more on `{name}` than the {count} that came");
                    return wrong(place, did);
                }
                Some(Some(came)) if came != byte => {
                    let (step, at) = (step_at(place), at + 1);
                    let did = format!(
                        "byte {at} that was stamped on `{name}`, in step {step}, is another than came"
                    );
                    return wrong(place, did);
                }
                Some(_) => {}
            }
        }
        match found.stop {
            Some(Stop::NoStamp { begins, at }) => {
                let (step, rest) = (step_at(at), told(&known[at..]));
                let did = match at == begins {
                    true => format!(
                        "step {step} sent {rest} on `{name}` where a stamp should begin, such as {STAMP}"
                    ),
                    false => format!(
                        "the stamp of step {step} on `{name}` goes wrong from {rest} on; wanted one such as {STAMP}"
                    ),
                };
                return wrong(at, did);
            }
            Some(Stop::Backwards { begins }) => {
                let step = step_at(begins);
                return wrong(
                    begins,
                    format!(
                        "the time that step {step} stamped is before the one that it stamped last"
                    ),
                );
            }
            Some(Stop::Unfinished { begins }) if !dead && !is_cut => {
                let step = step_at(begins);
                return wrong(
                    begins,
                    format!("the stamp that step {step} began on `{name}` was never finished"),
                );
            }
            _ => {}
        }
        if found.bytes.len() < got.len() && !dead && !is_cut {
            let row = last.and_then(|seq| run.row_of(seq));
            let did = format!(
                "of {} received on `{name}`, {} were stamped and sent back",
                bytes_of(got.len()),
                found.bytes.len()
            );
            return Found::at(did, indices(run, |row| row.object == Some(id)), row);
        }
    }
    None
}

/// What a stamp looks like.
const STAMP: &str = "`[1893456000.5]: b'hello'`";

/// Whether a receive leaves what it gives where it is.
fn peeks(event: &Event) -> bool {
    matches!(event.arg("flags"), Some(Value::Named { text, .. }) if text.contains("MSG_PEEK"))
}

/// There is no connection that a check could be about.
fn no_connection(run: &Run<'_>) -> Option<Found> {
    let did = format!("{}, and had no connection", run.so_far());
    let found = Found::at(did, last_rows(run), run.last_row())?;
    Some(Found { absent: true, ..found })
}

fn bytes_of(count: usize) -> String {
    bytes(i64::try_from(count).unwrap_or(i64::MAX))
}

fn everything_written(run: &Run<'_>) -> Option<Found> {
    let mut left: HashMap<SocketId, Left<'_>> = HashMap::new();
    for event in run.own_events() {
        let Some(id) = event.socket.filter(|id| is_stream(run, *id)) else { continue };
        if !Class::Send.members().contains(&event.call.as_ref()) || event.ret.is_none() {
            // The end of the stream with something left over.
            let ends = matches!(event.call.as_ref(), "shutdown");
            if let (true, Some(rest)) = (ends, left.get(&id)) {
                return loses(run, rest);
            }
            continue;
        }
        let given = given(event);
        let whole = asked(event);
        match event.errno.as_deref() {
            None => {}
            Some("EINTR" | "EAGAIN" | "EWOULDBLOCK") => {
                left.entry(id).or_insert(Left { event, rest: given, len: whole });
                continue;
            }
            // The connection is gone, and what was left with it.
            Some(_) => {
                left.remove(&id);
                continue;
            }
        }
        let taken = event.ret.and_then(|ret| u64::try_from(ret).ok()).unwrap_or(0);
        if let Some(before) = left.get(&id) {
            let follows = before.rest.iter().zip(&given).all(|(a, b)| a == b);
            if !follows {
                return loses(run, before);
            }
            // Less than the rest may be given again, and more.
            let still = before.len.saturating_sub(taken);
            if taken < before.len {
                let rest = before.rest.get(as_index(taken)..).unwrap_or_default().to_vec();
                let event = before.event;
                left.insert(id, Left { event, rest, len: still });
                continue;
            }
            left.remove(&id);
        }
        if taken < whole {
            let rest = given.get(as_index(taken)..).unwrap_or_default().to_vec();
            left.insert(id, Left { event, rest, len: whole - taken });
        }
    }
    let lost = left.iter().min_by_key(|(_, rest)| rest.event.seq);
    // Whoever is still at it when the run is ended has lost nothing yet.
    let (id, rest) = lost?;
    let at_it = run.recording.end.waiting.iter().any(|wait| {
        run.event(wait.event).is_some_and(|event| {
            event.socket == Some(*id) && Class::Send.members().contains(&event.call.as_ref())
        })
    });
    if at_it { None } else { loses(run, rest) }
}

/// What a send did not take.
struct Left<'a> {
    event: &'a Event,
    rest: Vec<u8>,
    len: u64,
}

fn loses(run: &Run<'_>, left: &Left<'_>) -> Option<Found> {
    let row = run.row_of(left.event.seq)?;
    let line = run.timeline.rows.get(row)?;
    let asked = bytes(i64::try_from(asked(left.event)).unwrap_or(i64::MAX));
    let took = match (left.event.ret, left.event.errno.as_deref()) {
        (_, Some(errno)) => format!("failed with {errno}"),
        (ret, None) => format!("took {}", ret.unwrap_or(0)),
    };
    let did = format!("step {} gave {asked} and {took}; the rest was never sent", line.step);
    let after = indices(run, |other| other.object == line.object && other.step > line.step);
    Found::at(did, after.into_iter().take(2).collect(), Some(row))
}

fn is_stream(run: &Run<'_>, id: SocketId) -> bool {
    use crate::event::Kind;
    let kind = run.recording.socket(id).map(|socket| &socket.kind);
    matches!(kind, Some(Kind::Socket { type_, .. }) if type_.contains("SOCK_STREAM"))
}

fn as_index(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// The bytes that a call was given, as far as they were kept.
fn given(event: &Event) -> Vec<u8> {
    let mut all = Vec::new();
    for arg in &event.args {
        each_buffer(&arg.value, &mut |bytes| all.extend_from_slice(&bytes.data));
    }
    all
}

/// How many bytes a call was given or had room for.
fn asked(event: &Event) -> u64 {
    if Class::Recv.members().contains(&event.call.as_ref()) {
        // A receive that has room for nothing gets nothing.
        return match event.arg("len").or_else(|| event.arg("count")) {
            Some(Value::Int { value }) => u64::try_from(*value).unwrap_or(u64::MAX),
            _ => 1,
        };
    }
    let mut len = 0;
    for arg in &event.args {
        each_buffer(&arg.value, &mut |bytes| len += bytes.len);
    }
    len
}

fn each_buffer(value: &Value, f: &mut impl FnMut(&Bytes)) {
    match value {
        Value::Bytes(bytes) => f(bytes),
        Value::List { items } => items.iter().for_each(|item| each_buffer(item, f)),
        // Of a message only its vectors are data; control messages are not.
        Value::Struct { fields } => {
            let data = fields.iter().filter(|field| !field.name.contains("control"));
            data.for_each(|field| each_buffer(&field.value, f));
        }
        _ => {}
    }
}

fn closes_every_connection(run: &Run<'_>) -> Option<Found> {
    let connections = run.connections();
    if connections.is_empty() {
        return no_connection(run);
    }
    for (id, name) in connections {
        let closing = run.closing(id);
        let closed = closing.is_some_and(|closing| {
            let child = run.event(closing.seq).is_some_and(|event| event.process != 1);
            closing.how == How::Call || closing.how == How::Exit && child
        });
        if !closed {
            let rows = indices(run, |row| row.object == Some(id));
            let last = rows.last().copied();
            let did = match closing.map(|closing| closing.how) {
                Some(How::Exit) => format!("only the end of the process closed `{name}`"),
                _ => format!("`{name}` was never closed"),
            };
            return Found::at(did, rows, last);
        }
    }
    None
}

/// Fewer bytes than that can come about by chance.
const TOO_SHORT: usize = 4;

fn nothing_in_clear(run: &Run<'_>) -> Option<Found> {
    let typed = run.input();
    let lines: Vec<&str> = typed.lines().filter(|line| line.len() >= TOO_SHORT).collect();
    if lines.is_empty() {
        let mut found = Found::at(
            format!("`{}` read nothing from its stdin", run.role),
            last_rows(run),
            run.last_row(),
        )?;
        found.absent = true;
        return Some(found);
    }
    let longest = lines.iter().map(|line| line.len()).max().unwrap_or(0);
    for (id, name) in run.own_sockets() {
        let mut sent = Vec::new();
        for event in run.about(id).filter(|it| Class::Send.members().contains(&it.call.as_ref())) {
            // A line may end in this call that others began.
            sent.drain(..sent.len().saturating_sub(longest));
            sent.extend(event.bytes.iter().flat_map(|bytes| &bytes.data).copied());
            let holds = |line: &&&str| sent.windows(line.len()).any(|part| part == line.as_bytes());
            if let Some(line) = lines.iter().find(holds) {
                let line = run.masked(&beginning(line));
                let did = format!(
                    "what was typed, `{line}`, went through `{name}` for everybody to read"
                );
                let row = run.row_of(event.seq);
                return Found::at(did, last_rows_up_to(run, row), row);
            }
        }
    }
    None
}

fn prints_what_it_receives(run: &Run<'_>) -> Option<Found> {
    use crate::event::Kind;
    let mut printed = Vec::new();
    for event in run.own_events() {
        let kind = event.socket.and_then(|id| run.recording.socket(id)).map(|it| &it.kind);
        if matches!(kind, Some(Kind::Stdout)) {
            printed.extend(event.bytes.iter().flat_map(|bytes| &bytes.data).copied());
        }
    }
    let connections = run.connections();
    if connections.is_empty() {
        return no_connection(run);
    }
    if connections.iter().any(|(id, _)| datagrams::is_datagram(run, *id)) {
        return datagrams::prints_each_datagram(run, &printed);
    }
    for (id, name) in connections {
        let mut text: Vec<u8> = Vec::new();
        let mut last = None;
        for event in run.about(id) {
            if Class::Recv.members().contains(&event.call.as_ref())
                && let Some(bytes) = &event.bytes
            {
                text.extend(&bytes.data);
                last = Some(event.seq);
            }
        }
        // What was sent is what is to be printed, also where less of it was received.
        if let Some(peer) = run.peer_of(id) {
            let sent = run.recording.events.iter().filter(|event| {
                event.socket == Some(peer) && Class::Send.members().contains(&event.call.as_ref())
            });
            text = sent.flat_map(|event| &event.bytes).flat_map(|it| it.data.clone()).collect();
        }
        let shown =
            text.is_empty() || printed.windows(text.len()).any(|part| part == text.as_slice());
        if !shown {
            let row = last.and_then(|seq| run.row_of(seq));
            let did = format!(
                "{} were sent on `{name}`, and nothing that it printed holds them as text",
                bytes_of(text.len())
            );
            let mut found = Found::at(did, last_rows(run), row)?;
            found.printed = run.printed();
            return Some(found);
        }
    }
    None
}

/// Who was made by a call that makes somebody, by number within the role.
#[derive(Clone, Copy)]
enum Made {
    Thread(u32),
    Process(u32),
}

fn made(event: &Event) -> Option<Made> {
    let number = u32::try_from(event.ret?).ok()?;
    match Class::of(&event.call)? {
        Class::Spawn => Some(Made::Thread(number)),
        Class::Fork => Some(Made::Process(number)),
        _ => None,
    }
}

/// A pool of threads may wait for the next client, and an executor may add to it as clients come: only where there are
/// as many as there were connections has each been left by one.
fn threads_end(run: &Run<'_>) -> Option<Found> {
    const FEW: usize = 4;
    let served = run.connections().len();
    if served == 0 {
        return no_connection(run);
    }
    let accepts = |event: &&Event| Class::Accept.members().contains(&event.call.as_ref());
    let first = run.own_events().find(|event| accepts(event) && event.ret >= Some(0))?.seq;
    let ended = |made: Made| {
        run.own_events().any(|event| match (made, event.call.as_ref()) {
            (Made::Thread(it), "pthread_exit" | "exit") => event.thread == it,
            (Made::Process(it), "exit" | "killed") => event.process == it,
            _ => false,
        })
    };
    let left: Vec<(u64, Made)> = run
        .own_events()
        .filter(|event| event.seq > first)
        .filter_map(|event| Some((event.seq, made(event)?)))
        .filter(|(_, made)| !ended(*made))
        .collect();
    let (seq, made) = *left.first()?;
    if served < FEW || left.len() < served {
        return None;
    }
    let row = run.row_of(seq);
    let step =
        run.timeline.step_of(seq).map(|step| format!(", of step {step},")).unwrap_or_default();
    let (what, all, number, its): (_, _, _, fn(&Row) -> u32) = match made {
        Made::Thread(number) => ("thread", "threads", number, |row| row.thread),
        Made::Process(number) => ("process", "processes", number, |row| row.process),
    };
    let did = format!(
        "{served} connections were accepted, and at the end {} {all} made for them were still there: {what} {number}{step} is one",
        left.len()
    );
    let mut rows = indices(run, |row| its(row) == number);
    rows = rows.split_off(rows.len().saturating_sub(2));
    Found::at(did, rows, row)
}

fn no_zombies(run: &Run<'_>) -> Option<Found> {
    let mut left = run.recording.end.zombies.iter().filter(|zombie| zombie.role == run.role);
    let process = left.next()?.process;
    let more = match left.count() {
        0 => String::new(),
        more => format!(" (and {more} more)"),
    };
    let rows = indices(run, |row| row.process == process);
    let row = rows.last().and_then(|row| run.timeline.rows.get(*row));
    let step = row.map(|row| format!(" in step {}", row.step)).unwrap_or_default();
    let did = format!(
        "process {process}{more} of `{}` ended{step}, and until the end nobody waited for it",
        run.role
    );
    let marked = rows.last().copied();
    Found::at(did, rows.into_iter().rev().take(2).rev().collect(), marked)
}

/// The indices of the rows of the role under test that fit.
fn indices(run: &Run<'_>, fits: impl Fn(&Row) -> bool) -> Vec<usize> {
    let rows = run.timeline.rows.iter().enumerate();
    rows.filter(|(_, row)| row.role == run.role && fits(row)).map(|(index, _)| index).collect()
}

/// The last rows of the role under test.
fn last_rows(run: &Run<'_>) -> Vec<usize> {
    last_rows_up_to(run, run.last_row())
}

fn last_rows_up_to(run: &Run<'_>, last: Option<usize>) -> Vec<usize> {
    let Some(last) = last else { return Vec::new() };
    let mut rows: Vec<usize> = indices(run, |_| true);
    rows.retain(|row| *row <= last);
    rows.split_off(rows.len().saturating_sub(3))
}

/// What was done to the same object before this row.
fn earlier_on(run: &Run<'_>, row: usize) -> Vec<usize> {
    let object = run.timeline.rows.get(row).and_then(|row| row.object);
    let mut rows = indices(run, |other| object.is_some() && other.object == object);
    rows.retain(|other| *other <= row);
    rows.split_off(rows.len().saturating_sub(3))
}
