//! What a recording says of packets and states, against what others saw at the same time: tcpdump's own capture in the
//! same network, and /proc/net/tcp.
//!
//! The lesson's clients read what the lab finds on its stdin, so a run stands still until a line is typed. That is when
//! the witness is called, and looks.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use pcap_file::pcap::PcapReader;
use socket_lab::catalogue::{Catalogue, Lesson};
use socket_lab::event::{Recording, SocketState};
use socket_lab::play::{Begin, Input, Part, Request, Wanted};
use socket_lab::render::json;
use socket_lab::{sandbox, tracer};

mod demos;

/// Lessons whose client says what is typed, and what is typed.
const LESSONS: [(&str, &[&str]); 5] = [
    ("4", &["hello", "how are you", ""]),
    ("5", &["hi", "exit"]),
    ("8", &["hello", ""]),
    ("11", &["hi", "hello"]),
    ("12", &["你好", "exit"]),
];

#[test]
fn tcpdump_has_captured_the_same_frames() {
    for (lesson, lines) in LESSONS {
        let Some(mut run) = Held::start(lesson) else { return };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("witness.pcap");
        let mut tcpdump = match witness(run.inside(), &file) {
            Ok(tcpdump) => tcpdump,
            Err(why) => {
                run.finish();
                return skipped(&why);
            }
        };
        run.type_in("");
        lines.iter().for_each(|line| run.type_in(line));
        let recording = run.finish();
        // SAFETY: kill(2) takes plain numbers; the process is a child of ours that was not reaped.
        unsafe { libc::kill(tcpdump.id() as i32, libc::SIGINT) };
        tcpdump.wait().unwrap();
        let mut seen = PcapReader::new(fs::File::open(&file).unwrap()).unwrap();
        let mut frames = Vec::new();
        while let Some(frame) = seen.next_packet() {
            frames.push(frame.unwrap().data.to_vec());
        }
        let ours: Vec<Vec<u8>> =
            recording.frames.iter().map(|frame| frame.bytes.data.clone()).collect();
        assert!(frames.len() >= 2, "lesson {lesson}: {} frames", frames.len());
        assert_eq!(ours, frames, "lesson {lesson}");
    }
}

#[test]
fn the_states_are_those_of_proc() {
    for (lesson, lines) in LESSONS {
        let Some(mut run) = Held::start(lesson) else { return };
        let mut seen = Vec::new();
        let inside = run.inside();
        run.type_in("");
        for line in lines {
            run.await_input();
            seen.push(in_proc(inside));
            run.type_in(line);
        }
        let recording = run.finish();
        // The moments before each line that was typed, the gate's own aside.
        let read = |event: &&socket_lab::event::Event| {
            event.call == "read" && event.role == "client" && event.blocked
        };
        let told: Vec<BTreeSet<Line>> = recording
            .events
            .iter()
            .filter(read)
            .map(|event| table(&recording, event.seq - 1))
            .take(seen.len())
            .collect();
        assert_eq!(told, seen, "lesson {lesson}");
        assert!(
            lesson == "8" || seen.iter().any(|table| table.len() >= 3),
            "lesson {lesson}: {seen:?}"
        );
    }
}

/// Own port, other port, state, bytes to read.
type Line = (u16, u16, String, u32);

/// What the recording says of all TCP sockets after an event.
fn table(recording: &Recording, seq: u64) -> BTreeSet<Line> {
    let mut sockets: Vec<&SocketState> = Vec::new();
    for look in recording.looks.iter().filter(|look| look.cause.after <= seq) {
        for state in &look.sockets {
            let same = |it: &&SocketState| {
                (&it.protocol, &it.local, it.remote.port().unwrap_or(0))
                    == (&state.protocol, &state.local, state.remote.port().unwrap_or(0))
            };
            sockets.retain(|it| !same(it));
            sockets.push(state);
        }
    }
    let there = sockets.iter().filter(|it| it.protocol == "tcp" && it.state != "CLOSED");
    let port = |addr: &socket_lab::event::SockAddr| addr.port().unwrap_or(0);
    there
        .map(|it| (port(&it.local), port(&it.remote), it.state.to_string(), it.receive_queue))
        .collect()
}

/// The same from /proc, of the network that a process is in.
fn in_proc(pid: i32) -> BTreeSet<Line> {
    let names = [
        "ESTABLISHED",
        "SYN-SENT",
        "SYN-RECEIVED",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "TIME-WAIT",
        "CLOSED",
        "CLOSE-WAIT",
        "LAST-ACK",
        "LISTEN",
        "CLOSING",
    ];
    let text = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap();
    let line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let hex = |text: &str| u32::from_str_radix(text, 16).unwrap();
        let port = |end: &str| hex(end.split_once(':').unwrap().1) as u16;
        let state = names[hex(words[3]) as usize - 1].to_string();
        let queue = words[4].split_once(':').unwrap().1;
        (port(words[1]), port(words[2]), state, hex(queue))
    };
    text.lines().skip(1).map(line).collect()
}

/// A run whose gate and whose client read what this test types.
struct Held {
    lab: Child,
    stdin: ChildStdin,
}

impl Held {
    /// `None`, and why is said, where nothing can be traced or the network cannot be entered.
    fn start(number: &str) -> Option<Held> {
        // SAFETY: geteuid takes nothing and cannot fail.
        if unsafe { libc::geteuid() } != 0 {
            skipped("only root may enter the network of a run");
            return None;
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let catalogue = Catalogue::open(root).unwrap();
        let lesson: Lesson = catalogue.read(catalogue.find_one(number).unwrap()).unwrap();
        let plain = lesson.demo(None).unwrap();
        let program = demos::program(root, &lesson, plain)?;
        let lacking = demos::played(demos::lab(), &lesson, plain, |_| vec![program.clone()]);
        if !lacking.isolation.lacking.is_empty() {
            skipped(&lacking.isolation.lacking.join(", "));
            return None;
        }
        let part = |name: &str, command: Vec<String>, begin: Begin, input: Input| Part {
            name: name.into(),
            command,
            env: Vec::new(),
            begin,
            ends: None,
            input,
        };
        let gate = vec!["/bin/sh".into(), "-c".into(), "read line".into()];
        let after = |pattern: &str| Begin::After(pattern.into());
        let mut roles = vec![part("gate", gate, Begin::AtOnce, Input::FromLab)];
        for role in &plain.roles {
            let name = role.name.as_ref().clone();
            let begin = match &role.after {
                Some(pattern) => after(pattern.as_ref()),
                None => after("gate: read(stdin, ..) > 0"),
            };
            let input = match name.as_str() {
                "client" => Input::FromLab,
                _ => Input::Lines(vec!["and you".into()]),
            };
            roles.push(part(&name, vec![program.clone(), name.clone()], begin, input));
        }
        let request = Request {
            lesson: None,
            roles,
            tracer: tracer::Settings::default(),
            sandbox: sandbox::Settings::default(),
            wanted: Wanted::Recording,
            scenario: None,
        };
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"))
            .arg("play-request")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = lab.stdin.take().unwrap();
        let mut request = serde_json::to_vec(&request).unwrap();
        request.push(b'\n');
        stdin.write_all(&request).unwrap();
        let mut run = Held { lab, stdin };
        run.await_input();
        Some(run)
    }

    /// Waits until the lab waits for a line: nowhere else does it poll one descriptor for a tenth of a second.
    fn await_input(&mut self) {
        let polls = |pid: &i32| {
            let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap_or_default();
            let words: Vec<&str> = call.split(' ').collect();
            words.first() == Some(&libc::SYS_poll.to_string().as_str())
                && words.get(2..4) == Some(&["0x1", "0x64"])
        };
        while !descendants(self.lab.id() as i32).iter().any(polls) {
            assert!(self.lab.try_wait().unwrap().is_none(), "the run is over");
            std::thread::yield_now();
        }
    }

    /// A process in the run's network.
    fn inside(&self) -> i32 {
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        let elsewhere = |pid: &i32| {
            fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|network| network != own)
        };
        let all = descendants(self.lab.id() as i32);
        all.into_iter().find(elsewhere).expect("a process in a network of its own")
    }

    fn type_in(&mut self, line: &str) {
        self.await_input();
        self.stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn finish(self) -> Recording {
        drop(self.stdin);
        let output = self.lab.wait_with_output().unwrap();
        json::parse(&output.stdout, Path::new("recording")).unwrap()
    }
}

/// A process and all below it, parents first.
fn descendants(pid: i32) -> Vec<i32> {
    let mut all = vec![pid];
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    for child in children.unwrap_or_default().split_whitespace() {
        all.extend(descendants(child.parse().unwrap()));
    }
    all
}

/// tcpdump in the network of a process, once it listens.
fn witness(pid: i32, file: &Path) -> Result<Child, String> {
    let Some(tcpdump) = found("tcpdump").filter(|_| found("nsenter").is_some()) else {
        return Err("no tcpdump here; apt-get install tcpdump".into());
    };
    let mut child = Command::new("nsenter")
        .args(["-t", &pid.to_string(), "-n"])
        .arg(tcpdump)
        .args(["-i", "lo", "-s", "4096", "-U", "--immediate-mode", "-Z", "root", "-w"])
        .arg(file)
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while said.read_line(&mut line).unwrap() > 0 {
        if line.contains("listening on lo") {
            // It goes on reading what it is told, lest it be ended by a closed pipe.
            std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
            return Ok(child);
        }
    }
    let _ = child.wait();
    Err(format!("tcpdump: {}", line.trim()))
}

fn found(program: &str) -> Option<PathBuf> {
    let folders = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"].map(Path::new);
    folders.iter().map(|folder| folder.join(program)).find(|path| path.exists())
}

fn skipped(why: &str) {
    let _ = std::io::stderr().write_all(format!("skipped: {why}\n").as_bytes());
}
