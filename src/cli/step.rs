//! `lab step LESSON`: client and server one call at a time, in the order that you choose.
//!
//! Every program starts at once and stands before its first call; but one that follows another's end, as a server that is
//! started again does, comes then. Whoever is named makes that one call; what came of it is shown as a timeline shows it.
//! What the world does in a run (lines on stdin, peers, time) it does here when nobody else can move.

use std::collections::{HashMap, HashSet, VecDeque};
use std::os::fd::BorrowedFd;

use clap::Args;

use crate::error::Result;
use crate::event::{Event, Reason, Recording, Schedule, Waiting};
use crate::pattern::{CallName, CallPattern};
use crate::play::{self, Asked, Audience, Begin, Choice, Deed, Part, What};
use crate::render::rows;
use crate::render::text::Style;
use crate::timeline::{Row, RowKind, Timeline, timeline};
use crate::tracer;

use super::Outcome;
use super::answers::{Answer, Answers};
use super::home::{Home, PackOption};
use super::output::{ColorChoice, Drawing, Format, say, to_stderr};
use super::record::outcome;
use super::run::{build, demo_run, parts};

#[derive(Args)]
#[command(after_help = "\
Examples:
  lab step 1
  printf 'client\\nclient\\n' | lab step 1    # connect before anybody listens

Answer with a role (s is enough for server) or, where it has several threads,
a role and a number (server 2). An empty line: whoever went last. ?: help.
q: end it here. At the end of the input the rest goes on by itself, in the
usual order.")]
pub struct Step {
    /// A number, a unique part of a name, or a whole name
    #[arg(value_name = "LESSON")]
    lesson: String,
    #[command(flatten)]
    pack: PackOption,
    /// Step through this variant of the demo
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    #[command(flatten)]
    drawing: Drawing,
}

impl Step {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        self.drawing.check()?;
        let home = Home::open(self.pack.pack.as_deref())?;
        let lesson = home.find_one(&self.lesson)?;
        let demo = lesson.demo(self.variant.as_deref())?;
        let binary = build(home.root(), &lesson, demo.program.as_ref(), color)?;
        let settings = tracer::Settings::default();
        let usual = demo_run(&lesson, demo, parts(demo, &binary), settings)?;
        let mut chosen = usual.clone();
        chosen.tracer.schedule = Schedule::Chosen;
        for part in chosen.roles.iter_mut().filter(|part| !follows_an_end(part)) {
            part.begin = Begin::AtOnce;
        }

        let mut table = Table::new(self, color)?;
        table.say(&format!("{}: one call at a time, in the order that you choose\n", lesson.name));
        let recording = play::play_before(&chosen, &mut table)?;
        table.close(&recording);
        if recording.end.reason != Reason::Interrupted {
            let demo = play::play(&usual, &mut |_| {})?;
            if let Some(says) = otherwise(&recording, &demo) {
                table.say(&format!("{says}\n"));
            }
        }
        if !self.tells_only() {
            self.drawing.draw(&recording, color)?;
        }
        Ok(outcome(&recording))
    }

    /// Whether the rows told on the way are all that is wanted.
    fn tells_only(&self) -> bool {
        self.drawing.format == Format::Text && self.drawing.output.is_none()
    }
}

/// Whether it starts when another program has ended.
fn follows_an_end(part: &Part) -> bool {
    let Begin::After(pattern) = &part.begin else { return false };
    let pattern = pattern.parse::<CallPattern>();
    pattern.is_ok_and(|it| matches!(&it.call, CallName::Exact(name) if is_end(name)))
}

/// Whether an event of this name is the end of a program.
fn is_end(call: &str) -> bool {
    matches!(call, "exit" | "exit_group" | "killed")
}

/// Where it is told and asked.
struct Table {
    style: Style,
    /// Whether stdout is for the recording alone.
    aside: bool,
    only: Option<CallPattern>,
    answers: Answers,
    /// What the lab has done and is not told yet.
    deeds: Vec<Deed>,
    told: Told,
}

/// What has been told so far.
#[derive(Default)]
struct Told {
    /// The `seq` of the last event whose end is told.
    seq: u64,
    /// How much was told of what each row brought about, by whose row it is.
    effects: HashMap<Whose, usize>,
}

/// A row by what it tells of.
#[derive(PartialEq, Eq, Hash)]
enum Whose {
    Event(u64),
    /// A call that begins to wait: role, thread, the last event before.
    Wait(String, u32, u64),
}

impl Table {
    fn new(step: &Step, color: ColorChoice) -> Result<Table> {
        Ok(Table {
            style: step.drawing.style_of(Format::Text, color),
            aside: !step.tells_only() && step.drawing.output.is_none(),
            only: step.drawing.pattern()?,
            answers: Answers::default(),
            deeds: Vec::new(),
            told: Told::default(),
        })
    }

    fn say(&self, text: &str) {
        if self.aside { to_stderr(text) } else { say(text) }
    }

    /// Tells the rest, and how it ended.
    fn close(&mut self, recording: &Recording) {
        let drawn = timeline(recording);
        self.tell(recording, &drawn, u64::MAX);
        self.say(&rows::footer(&drawn, &self.style));
    }

    /// Tells the rows that have come since the last time, and between them what the lab did; but none from the event `until`
    /// on.
    fn tell(&mut self, recording: &Recording, drawn: &Timeline, until: u64) {
        let mut deeds = std::mem::take(&mut self.deeds).into_iter().peekable();
        let told = self.told.seq;
        for row in drawn.rows.iter().filter(|row| row.seq < until) {
            let waits = matches!(row.kind, RowKind::Waits { .. });
            let at = if waits { since(recording, row.seq) } else { row.last_seq };
            let whose = match waits {
                true => Whose::Wait(row.role.clone(), row.thread, at),
                false => Whose::Event(row.seq),
            };
            let effects = rows::effects(row);
            let known = self.told.effects.insert(whose, effects.len());
            let is_new = if waits { known.is_none() } else { row.last_seq > told };
            if is_new {
                while let Some(deed) = deeds.next_if(|deed| deed.after < at) {
                    self.say(&format!("     {}\n", said(&deed.what)));
                }
            }
            if !waits {
                self.told.seq = self.told.seq.max(row.last_seq);
            }
            let is_wanted = |only: &CallPattern| only.matches(row) || only.matches_begun(row);
            if !self.only.as_ref().is_none_or(is_wanted) {
                continue;
            }
            if is_new {
                let mut row = row.clone();
                if waits && until < u64::MAX {
                    row.kind = RowKind::Waits { for_ever: false };
                }
                self.say(&rows::row(drawn, &row, &self.style));
            } else if let Some(more) = effects.get(known.unwrap_or(0)..).filter(|it| !it.is_empty())
            {
                self.say(&format!("{:>5}  after it: {}\n", row.step, more.join("; ")));
            }
        }
        for deed in deeds {
            self.say(&format!("     {}\n", said(&deed.what)));
        }
    }

    /// Shows who can go on and who waits, and asks until somebody is named.
    fn ask(&mut self, board: &Board<'_>, over: BorrowedFd<'_>) -> Choice {
        self.say(&board.drawn());
        loop {
            self.say(&match board.usual() {
                Some(usual) => format!("next ({})? ", board.name(usual)),
                None => "next? ".to_owned(),
            });
            let line = match self.answers.next(Some(over)) {
                Answer::Line(line) => line,
                Answer::End => {
                    self.say("\nnobody chooses any more: the rest goes on by itself\n");
                    return Choice::Alone;
                }
                Answer::Over => {
                    self.say("\n");
                    return Choice::End;
                }
            };
            if !self.answers.are_typed() {
                self.say(&format!("{}\n", line.replace(char::is_control, "?")));
            }
            match board.meant(&line) {
                Meant::Choice(choice) => return choice,
                Meant::Nobody(why) => self.say(&format!("  {why}\n")),
            }
        }
    }
}

impl Audience for Table {
    fn happened(&mut self, deed: Deed) {
        self.deeds.push(deed);
    }

    /// All is drawn anew at each question: somebody answers each of them, and what has happened by then fits on a screen or two.
    fn choose(&mut self, so_far: &Recording, asked: Asked, over: BorrowedFd<'_>) -> Choice {
        let (recording, first) = with_what_is_under_way(so_far, &asked);
        let drawn = timeline(&recording);
        self.tell(&recording, &drawn, first);
        self.ask(&Board { asked: &asked, drawn: &drawn, first, ended: ended(so_far) }, over)
    }
}

/// The recording so far with the calls that wait and, from the `seq` that is given with it on, those that could be made.
fn with_what_is_under_way(so_far: &Recording, asked: &Asked) -> (Recording, u64) {
    let mut recording = so_far.clone();
    let mut seq = so_far.events.last().map_or(0, |event| event.seq);
    for (event, for_) in &asked.waiting {
        seq += 1;
        recording.end.waiting.push(Waiting {
            role: event.role.clone(),
            process: event.process,
            thread: event.thread,
            event: seq,
            for_: for_.clone(),
        });
        recording.events.push(Event { seq, ..event.clone() });
    }
    let first = seq + 1;
    for event in &asked.candidates {
        seq += 1;
        recording.events.push(Event { seq, ..event.clone() });
    }
    (recording, first)
}

/// The roles whose program has ended.
fn ended(so_far: &Recording) -> HashSet<String> {
    let ends = |event: &&Event| {
        is_end(&event.call) && event.process == 1 && (event.thread == 1 || event.syscall != "exit")
    };
    so_far.events.iter().filter(ends).map(|event| event.role.clone()).collect()
}

/// The last event before the call of this one began to wait.
fn since(recording: &Recording, seq: u64) -> u64 {
    let at = recording.events.binary_search_by_key(&seq, |event| event.seq).ok();
    let event = at.and_then(|at| recording.events.get(at));
    event.and_then(|event| event.since).unwrap_or(seq.saturating_sub(1))
}

/// What the lab did, in words.
fn said(what: &What) -> String {
    let text = match what {
        What::Line { role, text } => {
            format!("nobody else can move: {role} finds \"{text}\" on its stdin")
        }
        What::EndOfInput { role } => format!("nobody else can move: {role}'s stdin ends"),
        What::Step { text, unmet: None } => format!("nobody else can move: {text}"),
        What::Step { text, unmet: Some(found) } => {
            format!("nobody else can move: {text}, but {found}")
        }
        What::Time { nanos } => {
            let seconds = format!("{:.6}", *nanos as f64 / 1e9);
            let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
            format!("nobody else can move: {seconds} s pass")
        }
    };
    text.replace(char::is_control, "?")
}

/// Who can go on, and who waits.
struct Board<'a> {
    asked: &'a Asked,
    /// With what waits and, from the event `first` on, with what could be made.
    drawn: &'a Timeline,
    first: u64,
    ended: HashSet<String>,
}

/// What an answer means.
#[derive(Debug, PartialEq, Eq)]
enum Meant {
    Choice(Choice),
    /// It names nobody who could go on; why, or what was asked for.
    Nobody(String),
}

const HELP: &str = "a role goes on by its name or the beginning of it, one of its threads with the number behind it \
    (server 2); Enter: the one in parentheses; q: end it here; the end of the input: the rest goes on by itself";

impl Board<'_> {
    fn drawn(&self) -> String {
        let mut out = String::from("\n");
        for (place, event) in self.asked.candidates.iter().enumerate() {
            let seq = self.first + place as u64;
            let row = self.drawn.rows.iter().rfind(|row| row.came_of(seq));
            let call =
                row.map_or_else(|| format!("{}()", event.call), |row| rows::call(self.drawn, row));
            out.push_str(&format!("  {}: {call}\n", self.name(place)));
        }
        for wait in &self.drawn.end.waiting {
            out.push_str(&format!("  {}\n", rows::waits(self.drawn, wait)));
        }
        out
    }

    /// A candidate by its role, and its thread where that has several.
    fn name(&self, place: usize) -> String {
        let Some(event) = self.asked.candidates.get(place) else { return String::new() };
        let part = self.drawn.roles.iter().find(|part| part.name == event.role);
        let role = event.role.replace(char::is_control, "?");
        match part.is_some_and(|part| part.threaded || part.forked) {
            true => format!("{role} {}", event.thread),
            false => role,
        }
    }

    /// Whom an empty line means: the one that went last; the only one; at the beginning the first.
    fn usual(&self) -> Option<usize> {
        let is_beginning = self.drawn.rows.iter().all(|row| row.seq >= self.first);
        let only = self.asked.candidates.len() == 1;
        self.asked.last.or((only || is_beginning).then_some(0))
    }

    fn meant(&self, line: &str) -> Meant {
        let nobody = |why: String| Meant::Nobody(why);
        let mut words = line.split_whitespace();
        let (word, number) = match (words.next(), words.next(), words.next()) {
            (None, ..) => {
                return match self.usual() {
                    Some(place) => Meant::Choice(Choice::Pick(place)),
                    None => nobody("who went last cannot go on: name one of those above".into()),
                };
            }
            (Some("?" | "help"), None, _) => return nobody(HELP.into()),
            (Some("q" | "quit"), None, _) => return Meant::Choice(Choice::End),
            (Some(word), number, None) => (word, number),
            _ => return nobody(format!("`{line}`: a role, or a role and a number")),
        };
        let role = match self.role(word) {
            Ok(role) => role,
            Err(why) => return nobody(why),
        };
        let thread = match number.map(str::parse::<u32>) {
            None => None,
            Some(Ok(number)) => Some(number),
            Some(Err(_)) => return nobody(format!("`{line}`: a thread is a number")),
        };
        self.of_role(role, thread)
    }

    /// The role that is named, or begins so.
    fn role(&self, word: &str) -> std::result::Result<&str, String> {
        let names: Vec<&str> = self.drawn.roles.iter().map(|part| part.name.as_str()).collect();
        if let Some(exact) = names.iter().find(|name| **name == word) {
            return Ok(exact);
        }
        let begins: Vec<&str> =
            names.iter().copied().filter(|name| name.starts_with(word)).collect();
        match begins.as_slice() {
            [one] => Ok(one),
            [] => Err(format!("no role is `{word}`: there are {}", names.join(", "))),
            several => Err(format!("`{word}` could be {}", several.join(" or "))),
        }
    }

    fn of_role(&self, role: &str, thread: Option<u32>) -> Meant {
        let is_meant = |event: &Event| {
            event.role == role && thread.is_none_or(|thread| event.thread == thread)
        };
        let all: Vec<usize> = (0..self.asked.candidates.len())
            .filter(|&place| is_meant(&self.asked.candidates[place]))
            .collect();
        match (all.as_slice(), self.asked.last.filter(|last| all.contains(last))) {
            ([one], _) => return Meant::Choice(Choice::Pick(*one)),
            ([_, ..], Some(last)) => return Meant::Choice(Choice::Pick(last)),
            ([_, ..], None) => {
                let names: Vec<String> = all.iter().map(|&place| self.name(place)).collect();
                return Meant::Nobody(format!("which of them: {}?", names.join(", ")));
            }
            ([], _) => {}
        }
        let mut waits = self.drawn.end.waiting.iter();
        let waits = waits
            .find(|wait| wait.role == role && thread.is_none_or(|thread| wait.thread == thread));
        let has_program =
            self.drawn.roles.iter().any(|part| part.name == role && !part.command.is_empty());
        Meant::Nobody(match waits {
            Some(wait) => {
                format!("{}: it cannot go on before that", rows::waits(self.drawn, wait))
            }
            None if !has_program => {
                format!("{role} is played by the lab: it acts when nobody else can move")
            }
            None if self.ended.contains(role) => format!("{role} has ended"),
            None => match thread {
                Some(thread) => format!("{role} has no thread {thread} that could go on"),
                None => format!("{role} cannot go on"),
            },
        })
    }
}

/// One sentence if it ends otherwise here than in the demo's own order: the first call that gives another result.
fn otherwise(chosen: &Recording, demo: &Recording) -> Option<String> {
    let ends = |it: &Recording| {
        let mut roles: Vec<_> =
            it.end.roles.iter().map(|end| (end.role.clone(), end.how.clone())).collect();
        roles.sort_by(|one, other| one.0.cmp(&other.0));
        (it.end.reason.clone(), roles)
    };
    if ends(chosen) == ends(demo) {
        return None;
    }
    let (here, there) = (results(&timeline(chosen)), results(&timeline(demo)));
    let mut theirs: HashMap<&str, VecDeque<&CameOf>> = HashMap::new();
    there.iter().for_each(|it| theirs.entry(&it.role).or_default().push_back(it));
    let differs = here.iter().find_map(|it| {
        let other = theirs.get_mut(it.role.as_str())?.pop_front()?;
        (other.result != it.result).then_some((it, other))
    });
    Some(match differs {
        Some((CameOf { role, call, result }, other)) => format!(
            "this order ends otherwise than the demo's: {role}: {call} {result} here, and {} there",
            other.result
        ),
        None => "this order ends otherwise than the demo's".to_owned(),
    })
}

/// What came of a call.
struct CameOf {
    role: String,
    call: String,
    result: String,
}

/// The calls on sockets, in order.
fn results(drawn: &Timeline) -> Vec<CameOf> {
    let told = |row: &Row| {
        let result = match (&row.answer, row.kind) {
            (Some(answer), _) => format!("gives {}", answer.text),
            (None, RowKind::Waits { for_ever: true }) => "waits to the end".to_owned(),
            _ => return None,
        };
        Some(CameOf { role: row.role.clone(), call: rows::call(drawn, row), result })
    };
    drawn.rows.iter().filter(|row| row.on_socket).filter_map(told).collect()
}
