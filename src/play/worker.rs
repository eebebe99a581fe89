//! The worker's side of a run: enters the sandbox, traces, and tells what it sees.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};

use nix::errno::Errno;

use crate::error::{Error, Result};
use crate::event::{self, End, Ending, Event, Reason, RoleEnd, Schedule, Socket};
use crate::pattern::CallPattern;
use crate::scenario::Icmp;
use crate::timeline::{self, Names};
use crate::tracer::{self, Candidate, Looked, Step, Tracer};
use crate::wire::name_server::NameServer;
use crate::{sandbox, wire};

use super::stage::Stage;
use super::{Asked, Begin, Choice, Deed, Input, Part, Request, Told, Wanted, What};

/// Makes the run that is asked for on `request` and tells about it on `told`. For a process with a single thread that
/// was started for it.
pub fn work(request: RawFd, told: RawFd) -> Result<()> {
    if request == told || !is_pipe(request) || !is_pipe(told) {
        return Err(Error::Usage {
            why: "`worker` is what other commands start to record a run".into(),
            next: "lab run LESSON".into(),
        });
    }
    // SAFETY: both are open pipes; the lab that started this process left exactly these two to it, and nothing
    // else in it holds them.
    let (request, told) = unsafe { (OwnedFd::from_raw_fd(request), OwnedFd::from_raw_fd(told)) };
    for fd in [&request, &told] {
        let flag = nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC);
        nix::fcntl::fcntl(fd, flag)
            .map_err(|errno| Error::System { doing: "keep the pipes to itself".into(), errno })?;
    }
    let mut choices = BufReader::new(std::fs::File::from(request));
    let mut text = Vec::new();
    let read = choices.read_until(b'\n', &mut text);
    let request: Request = match read.map(|_| serde_json::from_slice(&text)) {
        Ok(Ok(request)) => request,
        _ => return Err(Error::Worker { why: "it was asked for nothing it understands".into() }),
    };
    let told = std::fs::File::from(told);
    // Only a wish: without it the pipe is fuller sooner.
    let _ = nix::fcntl::fcntl(&told, nix::fcntl::FcntlArg::F_SETPIPE_SZ(TOLD_AT_A_TIME as i32));
    let mut teller = Teller(BufWriter::with_capacity(TOLD_AT_A_TIME, told));
    if let Err(error) = record(&request, choices, &mut teller) {
        let (message, next, lacks) = (error.to_string(), error.next(), error.is_lack());
        teller.tell(&Told::Failure { message, next, lacks });
    }
    Ok(())
}

/// Bytes that are told at once where nobody waits for them: each telling costs the programs a pause.
pub(super) const TOLD_AT_A_TIME: usize = 256 << 10;

fn is_pipe(fd: RawFd) -> bool {
    // SAFETY: fstat fills a struct of ours, whatever the number means.
    unsafe {
        let mut about: libc::stat = std::mem::zeroed();
        fd > 2 && libc::fstat(fd, &mut about) == 0 && about.st_mode & libc::S_IFMT == libc::S_IFIFO
    }
}

/// The worker's end of the pipe to the lab.
struct Teller(BufWriter<std::fs::File>);

impl Teller {
    fn tell(&mut self, told: &Told) {
        // If the lab has gone, so will this process: there is nobody to tell.
        let _ = serde_json::to_writer(&mut self.0, told);
        let _ = self.0.write_all(b"\n");
    }

    fn flush(&mut self) {
        let _ = self.0.flush();
    }
}

fn record(request: &Request, choices: Choices, teller: &mut Teller) -> Result<()> {
    let mut entered = sandbox::enter(&request.sandbox)?;
    // Without a network of its own the run shares the machine's ports: one after the other.
    let _turn = if entered.has_network() { None } else { Some(sandbox::lock_machine()?) };
    sandbox::fork_init(&entered)?;
    sandbox::furnish(&mut entered);
    // Where names lead elsewhere, nothing can be said of a program that looks them up.
    let names = name_server(request, &entered)
        .map_err(|errno| Error::Lacks { what: "names", why: format!("{errno:?}") })?;
    network_of_its_own(request, &entered)
        .map_err(|errno| Error::Lacks { what: "a network", why: format!("{errno:?}") })?;
    let mut confinement = request.sandbox.confine.then(|| sandbox::confine(&mut entered));
    tracer::catch_signals();
    let settings = tracer::Settings {
        shared_ports: !entered.has_network(),
        lacks: request.scenario.as_ref().map_or_else(Vec::new, |scene| scene.plan.lacks()),
        ..request.tracer.clone()
    };
    let mut sockets = wire::Sockets::here();
    if settings.watch
        && settings.schedule != Schedule::Free
        && entered.has_network()
        && let Err(errno) = sockets.capture()
    {
        entered.isolation.lacking.push(format!("packets: {errno:?}"));
    }
    teller.tell(&Told::Isolation(entered.isolation.clone()));
    let mut tracer = Tracer::new(settings, Box::new(sockets))?;
    if let Some(ruleset) = confinement.as_mut().and_then(|it| it.ruleset.take()) {
        tracer.confine(ruleset);
    }
    let folder = confinement.as_ref().map(|it| it.folder.to_string_lossy().into_owned());
    let mut run = Run::new(request, tracer, choices, folder, names)?;
    let (sockets, steps, end) = run.go(teller)?;
    teller.tell(&Told::End { sockets, steps, end, decisions: run.tracer.decisions() });
    teller.flush();
    Ok(())
}

/// Gives the run its names, if it is to have its own, and who answers for them.
fn name_server(
    request: &Request,
    entered: &sandbox::Entered,
) -> std::result::Result<Option<NameServer>, Errno> {
    let names = request.scenario.as_ref().and_then(|scene| scene.plan.names(scene.seed));
    let Some(names) = names else { return Ok(None) };
    sandbox::own_etc(entered, &names.files())?;
    NameServer::open(names.zone).map(Some)
}

/// Makes the run's network what the scenario asks for: interfaces beside loopback, ICMP for its programs.
fn network_of_its_own(request: &Request, entered: &sandbox::Entered) -> nix::Result<()> {
    let Some(scene) = &request.scenario else { return Ok(()) };
    if let Some(icmp) = scene.plan.icmp() {
        sandbox::allow_icmp(entered, icmp == Icmp::AnsweredByTheKernel)?;
    }
    scene.plan.links(scene.seed).map_or(Ok(()), |links| sandbox::own_links(entered, &links))
}

/// What the lab still says after its request: whose turn it is, where that is chosen.
type Choices = BufReader<std::fs::File>;

/// A run under way.
struct Run<'a> {
    request: &'a Request,
    tracer: Tracer,
    /// Roles that have not started, by their place in the request.
    to_come: Vec<usize>,
    /// The place in the request of each role of the tracer.
    started: Vec<usize>,
    after: Vec<Option<CallPattern>>,
    names: Names,
    /// The only place where the programs may write, if they are confined.
    folder: Option<String>,
    /// The lines that each role still finds on its stdin.
    lines: Vec<std::vec::IntoIter<String>>,
    /// What has come so far of the next line on the lab's own stdin.
    line: Vec<u8>,
    /// The outside world, until the run is over.
    stage: Option<Stage>,
    choices: Choices,
    /// Whether somebody chooses who goes on.
    is_chosen: bool,
    /// The processes, by role, that have used a socket: what they do from then on nobody's runtime does for them.
    on_sockets: BTreeSet<(String, u32)>,
    /// How many of the scenario's steps have been told.
    steps_told: usize,
}

impl<'a> Run<'a> {
    fn new(
        request: &'a Request,
        tracer: Tracer,
        choices: Choices,
        folder: Option<String>,
        names: Option<NameServer>,
    ) -> Result<Run<'a>> {
        let after = request
            .roles
            .iter()
            .map(|part| match &part.begin {
                Begin::After(pattern) => pattern.parse().map(Some),
                _ => Ok(None),
            })
            .collect::<Result<_>>()?;
        let lines = request.roles.iter().map(|part| match &part.input {
            Input::Lines(lines) => lines.clone().into_iter(),
            _ => Vec::new().into_iter(),
        });
        Ok(Run {
            request,
            tracer,
            to_come: (0..request.roles.len()).collect(),
            started: Vec::new(),
            after,
            names: Names::new(),
            lines: lines.collect(),
            line: Vec::new(),
            stage: request.scenario.as_ref().map(|scene| {
                // As the programs will find it.
                let folder = |name: &str| folder.clone().filter(|_| name == "TMPDIR");
                let own = |name: &str| {
                    let mut set = request.roles.iter().flat_map(|part| &part.env);
                    set.find(|(known, _)| known == name).map(|(_, value)| value.clone())
                };
                let variable = |name: &str| {
                    folder(name).or_else(|| own(name)).or_else(|| std::env::var(name).ok())
                };
                Stage::new(&scene.plan, scene.seed, &variable, names)
            }),
            folder,
            choices,
            is_chosen: request.tracer.schedule == Schedule::Chosen,
            on_sockets: BTreeSet::new(),
            steps_told: 0,
        })
    }

    fn go(&mut self, teller: &mut Teller) -> Result<(Vec<Socket>, Vec<event::Step>, End)> {
        if let Some(stage) = &mut self.stage {
            stage.set_up(&mut self.tracer)?;
            // It is there before anybody can be chosen.
            self.steps_told = stage.done().len();
        }
        self.start_those(|part| matches!(part.begin, Begin::AtOnce))?;
        if self.started.is_empty() {
            self.start_next_in_turn()?;
        }
        let mut has_looked = false;
        let reason = loop {
            self.tracer.offer_world(self.stage.as_ref().is_some_and(Stage::may_hurry));
            match self.tracer.next_step()? {
                Step::Event(event) => {
                    has_looked = false;
                    self.start_after(&event)?;
                    self.follow(&event);
                    teller.tell(&Told::Event(event));
                    if self.request.wanted == Wanted::EventsAtOnce {
                        teller.flush();
                    }
                }
                Step::Looked(looked) => self.tell_look(teller, looked),
                Step::Choose => {
                    if let Some(reason) = self.ask(teller)? {
                        break reason;
                    }
                }
                Step::World => {
                    if let Some(stage) = &mut self.stage {
                        stage.hurry(&mut self.tracer)?;
                    }
                }
                Step::Quiet if !std::mem::replace(&mut has_looked, true) => {
                    self.tracer.look_in_quiet();
                }
                Step::Quiet => {
                    has_looked = false;
                    teller.flush();
                    let before = self.tracer.now();
                    let moves = self.start_next_in_turn()?
                        || self.play_on()?
                        || self.type_line(teller)
                        || self.advance()?;
                    self.tell_world(before, teller);
                    if moves {
                        continue;
                    }
                    break self.judge();
                }
                // What was sent to a peer is there though the program is not.
                Step::Over if self.start_next_in_turn()? || self.play_on()? => {}
                Step::Over => break Reason::Finished,
                Step::Stop(reason) => break reason,
            }
        };
        self.tracer.look_in_quiet();
        while let Some(looked) = self.tracer.looked() {
            self.tell_look(teller, Box::new(looked));
        }
        let mut stage = self.stage.take();
        let steps = stage.as_mut().map(|stage| stage.steps(&mut self.tracer)).unwrap_or_default();
        let (events, mut end) = self.tracer.finish(reason);
        if let Some(stage) = stage {
            stage.leave();
        }
        for event in events {
            teller.tell(&Told::Event(Box::new(event)));
        }
        self.complete(&mut end);
        Ok((self.tracer.sockets(), steps, end))
    }

    fn tell_look(&self, teller: &mut Teller, looked: Box<Looked>) {
        if self.request.wanted == Wanted::Recording {
            teller.tell(&Told::Looked(looked));
        }
    }

    fn start(&mut self, place: usize) -> Result<()> {
        let Part { name, command, env, .. } = &self.request.roles[place];
        let mut env = env.clone();
        // The clock is the lab's, so its zone must not be this machine's.
        if self.request.tracer.schedule != Schedule::Free && env.iter().all(|(key, _)| key != "TZ")
        {
            env.push(("TZ".into(), "UTC0".into()));
        }
        env.extend(self.folder.iter().map(|folder| ("TMPDIR".to_string(), folder.clone())));
        let program = tracer::launch::Program { command: command.clone(), env, dir: None };
        self.tracer.start(name, &program)?;
        self.to_come.retain(|&other| other != place);
        self.started.push(place);
        Ok(())
    }

    fn start_those(&mut self, begins: impl Fn(&Part) -> bool) -> Result<()> {
        for place in self.to_come.clone() {
            if begins(&self.request.roles[place]) {
                self.start(place)?;
            }
        }
        Ok(())
    }

    /// Starts the next of the roles that take turns; false if there is none.
    fn start_next_in_turn(&mut self) -> Result<bool> {
        let in_turn = |&&place: &&usize| matches!(self.request.roles[place].begin, Begin::InTurn);
        let Some(&next) = self.to_come.iter().find(in_turn) else { return Ok(false) };
        self.start(next)?;
        Ok(true)
    }

    /// Starts the roles that waited for this event.
    fn start_after(&mut self, event: &Event) -> Result<()> {
        if self.to_come.is_empty() {
            return Ok(());
        }
        self.names.learn(event, &self.tracer.sockets());
        for place in self.to_come.clone() {
            let matches =
                self.after[place].as_ref().is_some_and(|it| it.matches_event(event, &self.names));
            if matches {
                self.start(place)?;
            }
        }
        let last = self.started.last().map(|&place| self.request.roles[place].name.as_str());
        if event.call == "listen" && event.ret == Some(0) && last == Some(event.role.as_str()) {
            self.start_next_in_turn()?;
        }
        Ok(())
    }

    /// Brings the scenario on; false if there is none, or it is over.
    fn play_on(&mut self) -> Result<bool> {
        let is_wanted = |&&place: &&usize| {
            let wanted = self.stage.as_ref().and_then(Stage::starts);
            wanted == Some(self.request.roles[place].name.as_str())
        };
        if let Some(&place) = self.to_come.iter().find(is_wanted) {
            self.start(place)?;
        }
        match &mut self.stage {
            Some(stage) => stage.go_on(&mut self.tracer),
            None => Ok(false),
        }
    }

    /// Gives the first role that waits for a line its next one, or end of file. False if nobody waits, or
    /// if whoever does is to wait for ever.
    fn type_line(&mut self, teller: &mut Teller) -> bool {
        let Some(role) = self.tracer.waits_for_input() else { return false };
        if self.tracer.type_rest(role) {
            return true;
        }
        let place = self.started[role];
        let name = &self.request.roles[place].name;
        if self.stage.as_ref().is_some_and(|stage| stage.types_for(name)) {
            return false;
        }
        match &self.request.roles[place].input {
            Input::Idle => false,
            Input::Lines(_) => {
                let (name, line) = (name.clone(), self.lines[place].next());
                self.tell_deed(teller, self.tracer.seq(), || match line.clone() {
                    Some(text) => What::Line { role: name, text },
                    None => What::EndOfInput { role: name },
                });
                match line {
                    Some(line) => self.tracer.type_in(role, format!("{line}\n").as_bytes()),
                    None => self.end_input(role),
                }
            }
            Input::FromLab => {
                let Some(ended) = read_line(&mut self.line) else { return true };
                let line = std::mem::take(&mut self.line);
                if ended && line.is_empty() {
                    return self.end_input(role);
                }
                self.tracer.type_in(role, &line)
            }
        }
    }

    fn end_input(&mut self, role: usize) -> bool {
        self.tracer.end_input(role);
        true
    }

    /// Lets time pass, where it is virtual.
    fn advance(&mut self) -> Result<bool> {
        match self.request.tracer.schedule {
            Schedule::Free if self.goes_on_by_itself() => Ok(true),
            Schedule::Free => Ok(false),
            _ => self.tracer.advance(),
        }
    }

    /// A single program that runs free may be a server that people use: the user ends it.
    fn goes_on_by_itself(&self) -> bool {
        self.request.roles.len() == 1
    }

    /// Asks whose turn it is; what nobody wrote goes on unasked. Gives why the run ends, if it is to.
    fn ask(&mut self, teller: &mut Teller) -> Result<Option<Reason>> {
        let candidates = self.tracer.candidates();
        let is_noise = |it: &&Candidate| {
            let process = (it.event.role.clone(), it.event.process);
            timeline::will_be_noise(&it.event, &self.names, self.on_sockets.contains(&process))
        };
        if let Some(noise) = candidates.iter().find(is_noise) {
            self.tracer.pass_by(noise);
            return Ok(None);
        }
        let asked = Asked {
            last: candidates.iter().position(|it| it.went_last),
            candidates: candidates.iter().map(|it| it.event.clone()).collect(),
            waiting: self.tracer.waiting(),
            sockets: self.tracer.sockets(),
        };
        teller.tell(&Told::Ask(Box::new(asked)));
        teller.flush();
        match self.read_choice()? {
            Some(Choice::Pick(place)) => {
                if let Some(picked) = candidates.get(place) {
                    self.tracer.pick(picked);
                }
                Ok(None)
            }
            Some(Choice::Alone) => {
                self.tracer.choose_alone();
                self.is_chosen = false;
                Ok(None)
            }
            Some(Choice::End) | None => Ok(Some(Reason::Interrupted)),
        }
    }

    /// `None`: the lab has gone, or the user ended the run.
    fn read_choice(&mut self) -> Result<Option<Choice>> {
        let mut line = Vec::new();
        if !tracer::await_input(self.choices.get_ref().as_fd()) {
            return Ok(None);
        }
        let read = self.choices.read_until(b'\n', &mut line);
        Ok(read.ok().and_then(|_| serde_json::from_slice(&line).ok()))
    }

    /// Takes in what tells the next calls from those that nobody wrote.
    fn follow(&mut self, event: &Event) {
        if !self.is_chosen {
            return;
        }
        self.names.learn(event, &self.tracer.sockets());
        if event.socket.is_some_and(|id| self.names.is_socket(id)) {
            self.on_sockets.insert((event.role.clone(), event.process));
        }
    }

    /// Tells what the lab does, where somebody follows it step by step.
    fn tell_deed(&self, teller: &mut Teller, after: u64, what: impl FnOnce() -> What) {
        if self.request.tracer.schedule == Schedule::Chosen {
            teller.tell(&Told::Deed(Deed { after, what: what() }));
        }
    }

    /// Tells of the steps that were done and of the time that has passed since `before`.
    fn tell_world(&mut self, before: u64, teller: &mut Teller) {
        let done = self.stage.as_ref().map(Stage::done).unwrap_or_default();
        for step in done.iter().skip(self.steps_told) {
            let (text, unmet) = (step.text.clone(), step.unmet.clone());
            self.tell_deed(teller, step.after, || What::Step { text, unmet });
        }
        self.steps_told = done.len();
        let nanos = self.tracer.now().saturating_sub(before);
        if nanos > 0 {
            self.tell_deed(teller, self.tracer.seq(), || What::Time { nanos });
        }
    }

    fn judge(&self) -> Reason {
        let ends: Vec<Option<bool>> =
            self.started.iter().map(|&place| self.request.roles[place].ends).collect();
        self.tracer.judge(&ends)
    }

    /// The ends of all roles in the order of the request, with those that never started.
    fn complete(&self, end: &mut End) {
        let found = std::mem::take(&mut end.roles);
        end.roles = self
            .request
            .roles
            .iter()
            .map(|part| {
                let how = found.iter().find(|it| it.role == part.name).map(|it| it.how.clone());
                RoleEnd { role: part.name.clone(), how: how.unwrap_or(Ending::NeverStarted) }
            })
            .collect();
    }
}

/// Goes on reading a line of the lab's stdin, a byte at a time, since what follows it is somebody else's; says whether the
/// input has ended. `None`: it is not complete yet, and it is time to look whether the run is to end.
fn read_line(line: &mut Vec<u8>) -> Option<bool> {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
    let stdin = std::io::stdin();
    const LOOK_UP: u16 = 100;
    loop {
        let mut wanted = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        match poll(&mut wanted, PollTimeout::from(LOOK_UP)) {
            Ok(1..) => {}
            Ok(_) | Err(Errno::EINTR) => return None,
            Err(_) => return Some(true),
        }
        let mut byte = [0];
        match nix::unistd::read(&stdin, &mut byte) {
            Ok(1..) => line.extend(byte),
            Err(Errno::EINTR) => return None,
            _ => return Some(true),
        }
        if byte == *b"\n" {
            return Some(false);
        }
    }
}
