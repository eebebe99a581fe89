//! Running `lab trace` and `lab play-request` within bounds, and what the tests ask of what it wrote.

mod busy;
mod fixtures;
mod processes;

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use socket_lab::event::{Ending, Event, Kind, Reason, Recording, SocketId, Value};
use socket_lab::play::{self, Request};

pub use busy::Busy;
pub use fixtures::{c, python, rust, source};
pub use processes::{Marked, Process, is_root, signal};

/// Longer than any recording of these programs takes, on a busy machine.
pub const BOUND: Duration = Duration::from_secs(120);

/// Goes on with what is there; else the test is over (whoever gave `None` has said why).
macro_rules! need {
    ($what:expr) => {
        match $what {
            Some(there) => there,
            None => return,
        }
    };
}
pub(crate) use need;

/// Says that a test was not made, where a passing test's output is seen as well.
pub fn skipped(why: &str) {
    // The macros write into the test's captured output, which nobody sees when it passes.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

/// One run of `lab trace`, still to be made.
pub struct Lab {
    program: PathBuf,
    folder: tempfile::TempDir,
    options: Vec<String>,
    command: Vec<String>,
    schedule: String,
    format: &'static str,
    uid: Option<u32>,
    request: Option<Request>,
    wrapper: Option<PathBuf>,
    bound: Duration,
    mark: Marked,
}

/// A run of `lab trace`, or `None` (and a word on stderr) where it cannot be made at all.
pub fn lab() -> Option<Lab> {
    static CAN_RECORD: OnceLock<bool> = OnceLock::new();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_lab"));
    let can_record = *CAN_RECORD.get_or_init(|| {
        let doctor = Command::new(&program).arg("doctor").output().expect("lab doctor starts");
        match doctor.status.code() {
            Some(0) => true,
            Some(1) => false,
            other => panic!("lab doctor ended with {other:?}"),
        }
    });
    if !can_record {
        skipped("tracing is forbidden here; lab doctor says why");
        return None;
    }
    Some(Lab {
        program,
        folder: tempfile::Builder::new().prefix("lab-").tempdir().expect("a temporary folder"),
        options: Vec::new(),
        command: Vec::new(),
        schedule: "lockstep".into(),
        format: "json",
        uid: None,
        request: None,
        wrapper: None,
        bound: BOUND,
        mark: Marked::new(),
    })
}

impl Lab {
    pub fn schedule(mut self, schedule: &str) -> Lab {
        self.schedule = schedule.into();
        self
    }

    pub fn format(mut self, format: &'static str) -> Lab {
        self.format = format;
        self
    }

    pub fn option(mut self, option: &str) -> Lab {
        self.options.push(option.into());
        self
    }

    /// How long it may take, where that is not [`BOUND`].
    pub fn bound(mut self, bound: Duration) -> Lab {
        self.bound = bound;
        self
    }

    /// `--role name=command`, the command's words quoted as a shell needs them.
    pub fn role(mut self, name: &str, command: &[&str]) -> Lab {
        let words = shell_words::join(command);
        self.options.extend(["--role".to_owned(), format!("{name}={words}")]);
        self
    }

    /// `-- command`.
    pub fn program(mut self, command: &[&str]) -> Lab {
        self.command = command.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Runs as somebody without rights. Whatever is to be run must be readable for him: see [`world_readable`].
    pub fn uid(mut self, uid: u32, program: PathBuf) -> Lab {
        self.uid = Some(uid);
        self.program = program;
        std::os::unix::fs::chown(self.folder.path(), Some(uid), Some(uid)).expect("chown");
        self
    }

    /// Makes the run with what no option of `lab trace` offers: `lab play-request`. For programs given by [`Lab::program`].
    pub fn request(mut self, change: impl FnOnce(&mut Request)) -> Lab {
        let command = std::mem::take(&mut self.command);
        let request = self.request.get_or_insert_with(|| Request {
            lesson: None,
            roles: Vec::new(),
            tracer: socket_lab::tracer::Settings::default(),
            sandbox: socket_lab::sandbox::Settings::default(),
            wanted: play::Wanted::Recording,
            scenario: None,
        });
        if !command.is_empty() {
            let (name, ends, input) = ("program".to_owned(), None, play::Input::Lines(Vec::new()));
            let (env, begin) = (Vec::new(), play::Begin::InTurn);
            request.roles.push(play::Part { name, command, env, begin, ends, input });
        }
        change(request);
        self
    }

    /// Has a request's lab started by this program.
    pub fn under(mut self, wrapper: PathBuf) -> Lab {
        self.wrapper = Some(wrapper);
        self
    }

    /// Starts it and leaves it running.
    pub fn start(self) -> Running {
        let [output, stdout, stderr] =
            ["recording", "stdout", "stderr"].map(|name| self.folder.path().join(name));
        if let Some(request) = self.request.clone() {
            return self.start_request(request, [output, stdout, stderr]);
        }
        let mut command = Command::new(&self.program);
        command.args(["trace", "--as", self.format, "--schedule", &self.schedule, "-o"]);
        command.arg(&output).args(&self.options);
        if !self.command.is_empty() {
            command.arg("--").args(&self.command);
        }
        // Into files: a process left behind would keep a pipe open and us waiting.
        command.stdin(Stdio::null());
        command.stdout(File::create(&stdout).expect("a file for stdout"));
        command.stderr(File::create(&stderr).expect("a file for stderr"));
        self.spawn(command, [output, stdout, stderr])
    }

    fn start_request(self, request: Request, files: [PathBuf; 3]) -> Running {
        let asked = self.folder.path().join("request");
        fs::write(&asked, serde_json::to_vec(&request).expect("a request")).expect("write");
        let mut words = self.wrapper.iter().chain([&self.program]);
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).arg("play-request").stdin(File::open(&asked).expect("open"));
        command.stdout(File::create(&files[0]).expect("a file for the recording"));
        command.stderr(File::create(&files[2]).expect("a file for stderr"));
        self.spawn(command, files)
    }

    fn spawn(self, mut command: Command, [output, stdout, stderr]: [PathBuf; 3]) -> Running {
        command.current_dir(self.folder.path());
        command.env("LAB_TEST_ID", self.mark.id()).env("PYTHONDONTWRITEBYTECODE", "1");
        if let Some(uid) = self.uid {
            command.uid(uid).gid(uid);
        }
        // As a shell does: Ctrl-C then goes to the lab and all that it has started, and not to us.
        command.process_group(0);
        // A background job of a shell ignores SIGINT, and so would what it starts.
        // SAFETY: signal(2) is async-signal-safe.
        unsafe {
            command.pre_exec(|| {
                for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
                    libc::signal(signal, libc::SIG_DFL);
                }
                Ok(())
            });
        }
        let child = command.spawn().expect("lab starts");
        Running { child, output, stdout, stderr, lab: self, began: Instant::now() }
    }

    /// Runs it to its end, and asserts that it ended in time and left nothing running.
    pub fn run(self) -> Run {
        let bound = self.bound;
        self.start().wait(bound)
    }
}

/// A run under way.
pub struct Running {
    pub child: Child,
    pub output: PathBuf,
    pub stdout: PathBuf,
    pub stderr: PathBuf,
    began: Instant,
    lab: Lab,
}

impl Running {
    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Waits until the recorded programs have printed this.
    pub fn wait_for_output(&mut self, text: &str) {
        let deadline = Instant::now() + self.lab.bound;
        while !fs::read_to_string(&self.stdout).unwrap_or_default().contains(text) {
            let ended = self.child.try_wait().expect("wait");
            if ended.is_some() || Instant::now() > deadline {
                let stderr = fs::read_to_string(&self.stderr).unwrap_or_default();
                self.lab.mark.kill();
                panic!("`{text}` never came (lab: {ended:?})\n{stderr}");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end, at most `bound`.
    pub fn wait(mut self, bound: Duration) -> Run {
        let deadline = Instant::now() + bound;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("wait") {
                break status;
            }
            if Instant::now() > deadline {
                let left = self.lab.mark.all();
                self.lab.mark.kill();
                let _ = self.child.wait();
                let stderr = fs::read_to_string(&self.stderr).unwrap_or_default();
                panic!(
                    "lab had not ended after {bound:?}: {:?}\nrunning: {left:#?}\nstderr: {stderr}",
                    self.lab.command
                );
            }
            std::thread::sleep(Duration::from_millis(3));
        };
        let took = self.began.elapsed();
        let left = self.lab.mark.left_after(Duration::from_secs(1));
        self.lab.mark.kill();
        assert!(left.is_empty(), "left running: {left:#?}");
        Run {
            status,
            text: fs::read_to_string(&self.output).ok(),
            stdout: fs::read_to_string(&self.stdout).unwrap_or_default(),
            stderr: fs::read_to_string(&self.stderr).unwrap_or_default(),
            took,
        }
    }
}

/// A run that is over.
pub struct Run {
    pub status: ExitStatus,
    /// What `-o FILE` holds, if it was written.
    pub text: Option<String>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Run {
    /// lab's exit status.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| {
            panic!("lab ended by signal {:?}\n{}", self.status.signal(), self.stderr)
        })
    }

    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_else(|| {
            panic!("no recording was written (exit {:?})\n{}", self.status.code(), self.stderr)
        })
    }

    pub fn recording(&self) -> Recording {
        serde_json::from_str(self.text()).unwrap_or_else(|why| panic!("{why}\n{}", self.text()))
    }

    pub fn json(&self) -> Json {
        serde_json::from_str(self.text()).unwrap_or_else(|why| panic!("{why}\n{}", self.text()))
    }

    /// The recording of a run that went well: exit 0, every program ended by itself, the first one with `status`.
    pub fn finished_with(&self, status: i32) -> Recording {
        let recording = self.recording();
        assert_eq!(recording.end.reason, Reason::Finished, "{:#?}\n{}", recording.end, self.stderr);
        assert_eq!(
            first_ending(&recording),
            Ending::Exited { status },
            "{}{}",
            self.stdout,
            self.stderr
        );
        assert_eq!(self.code(), 0, "{}", self.stderr);
        recording
    }
}

/// How the first role ended.
pub fn first_ending(recording: &Recording) -> Ending {
    recording.end.roles.first().unwrap_or_else(|| panic!("no role has an end")).how.clone()
}

/// The events of this call.
pub fn calls<'a>(recording: &'a Recording, call: &str) -> Vec<&'a Event> {
    recording.events.iter().filter(|event| event.call == call).collect()
}

/// What the programs wrote to their standard output and error, where these are the lab's own.
pub fn printed(recording: &Recording) -> String {
    let to_terminal = |event: &&Event| {
        matches!(event.call.as_ref(), "write" | "writev")
            && event.socket.is_some_and(|id| {
                let kind = recording.socket(id).map(|socket| &socket.kind);
                matches!(kind, Some(Kind::Stdout | Kind::Stderr))
            })
    };
    let bytes =
        recording.events.iter().filter(to_terminal).filter_map(|event| event.bytes.as_ref());
    bytes.map(|bytes| String::from_utf8_lossy(&bytes.data).into_owned()).collect()
}

/// The names of all calls, in order, for a message.
pub fn outline(recording: &Recording) -> String {
    let mut lines = String::new();
    for event in &recording.events {
        lines += &format!(
            "{:>4} {}/{}.{} {} {:?} {:?} {:?} = {:?} {:?}\n",
            event.seq,
            event.role,
            event.process,
            event.thread,
            event.call,
            event.socket.map(|id| id.0),
            event.note,
            event.blocked,
            event.ret,
            event.errno
        );
    }
    lines
}

/// The descriptor that a call was made on: its first argument.
pub fn fd(event: &Event) -> Option<(i32, Option<SocketId>)> {
    match event.args.first().map(|arg| &arg.value) {
        Some(&Value::Fd { value, socket }) => Some((value, socket)),
        _ => None,
    }
}

/// Whether there is a signal event of this name.
pub fn has_signal(recording: &Recording, name: &str) -> bool {
    calls(recording, "signal")
        .iter()
        .any(|event| serde_json::to_string(&event.args).is_ok_and(|args| args.contains(name)))
}

/// The recording without what may differ between two runs that did the same, as the surface defines it:
/// `at`, `pid`, `tid`, the captured frames, the header's kernel and isolation. Done on the JSON, independent of the library.
pub fn blank(recording: &Json) -> Json {
    let mut bare = recording.clone();
    for key in ["kernel", "isolation"] {
        bare[key] = Json::Null;
    }
    bare["end"]["at"] = Json::Null;
    bare.as_object_mut().map(|keys| keys.remove("frames"));
    if let Some(events) = bare["events"].as_array_mut() {
        for event in events {
            for key in ["at", "pid", "tid"] {
                event[key] = Json::Null;
            }
        }
    }
    bare
}

/// Where two recordings first differ: the event's number, role and call, the field, and both values.
pub fn first_difference(one: &Json, other: &Json) -> Option<String> {
    let empty = Vec::new();
    let [events, others] =
        [one, other].map(|recording| recording["events"].as_array().unwrap_or(&empty));
    for (event, other) in events.iter().zip(others) {
        if let Some((field, left, right)) = difference(event, other, "") {
            return Some(format!(
                "event {} of {}, {}: {field} is {left} in one and {right} in the other",
                event["seq"], event["role"], event["call"]
            ));
        }
    }
    if events.len() != others.len() {
        let longer = if events.len() > others.len() { events } else { others };
        let extra = &longer[events.len().min(others.len())];
        return Some(format!(
            "one has {} events, the other {}; the first more is {} of {}",
            events.len(),
            others.len(),
            extra["call"],
            extra["role"]
        ));
    }
    let (field, left, right) = difference(one, other, "")?;
    Some(format!("{field} is {left} in one and {right} in the other"))
}

fn difference(one: &Json, other: &Json, path: &str) -> Option<(String, String, String)> {
    match (one, other) {
        (Json::Object(left), Json::Object(right)) => {
            let mut keys: Vec<_> = left.keys().chain(right.keys()).collect();
            keys.dedup();
            keys.into_iter()
                .find_map(|key| difference(&one[key], &other[key], &format!("{path}.{key}")))
        }
        (Json::Array(left), Json::Array(right)) if left.len() == right.len() => left
            .iter()
            .zip(right)
            .enumerate()
            .find_map(|(i, (left, right))| difference(left, right, &format!("{path}[{i}]"))),
        _ if one == other => None,
        _ => Some((path.trim_start_matches('.').to_owned(), one.to_string(), other.to_string())),
    }
}

/// A folder that everybody may read, with copies of these files, by their names.
pub fn world_readable(files: &[&Path]) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::Builder::new().prefix("lab-shared-").tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("chmod");
    for file in files {
        let copy = folder.path().join(file.file_name().expect("a file's name"));
        fixtures::copy(file, &copy);
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).expect("chmod");
    }
    folder
}

/// A number that no other test of this process has.
pub fn unique() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("paths of the tests are UTF-8")
}
