//! Every message that a user can meet, in one place.
//!
//! A message says what was tried and what happened, in lower case, without a full stop, the errno by
//! name, with backticks round what the user typed; [`Error::next`] is the one thing to do about it. `cli` prints
//! both and exits with 2: whatever stands here means that the lab could not do its work.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use nix::errno::Errno;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug)]
pub enum Error {
    /// A system call of the lab itself failed: what it was for, and the error.
    System { doing: String, errno: Errno },
    /// The program of a role could not be started.
    CannotStart { program: String, obstacle: Obstacle },
    /// What tracing needs of the kernel (ptrace, seccomp) is forbidden on this machine.
    CannotTrace { program: String, needs: &'static str, errno: Errno },
    /// cargo, which builds the lessons, could not be started.
    NoCargo { cargo: String, errno: Errno },
    /// No lesson fits this; the nearest name, if any.
    NoLesson { wanted: String, nearest: Option<String> },
    /// No root above the working directory holds `lessons/`.
    NoLab { from: PathBuf },
    /// A file that the lab needs could not be read or written.
    File { doing: &'static str, path: PathBuf, why: String },
    /// lesson.toml is not as it should be.
    Lesson { path: PathBuf, line: usize, why: String },
    /// A pattern that does not parse, with the caret line under it.
    Pattern { text: String, column: usize, why: String },
    /// A recording that cannot be read.
    Recording { path: PathBuf, why: String },
    /// A recording of a newer program.
    NewerRecording { path: PathBuf, version: u64 },
    /// A file that is no report of `lab check --as json`.
    Report { path: PathBuf, why: String },
    /// A report of a newer program.
    NewerReport { path: PathBuf, version: u64 },
    /// The learner's progress cannot be read.
    Progress { path: PathBuf, line: usize, why: String },
    /// The progress was written by a newer lab.
    NewerProgress { path: PathBuf, version: u64, reads: u64 },
    /// A lesson's program does not compile: the compiler's diagnostics went to stderr already.
    Build { what: String },
    /// cargo could not build a lesson's program, for a reason that is not in the program.
    Cargo { what: String, why: String },
    /// The command line holds something that clap cannot judge.
    Usage { why: String, next: String },
    /// A run is to have something of its own that this machine does not give.
    Lacks { what: &'static str, why: String },
    /// What went wrong in the process that records, as it told.
    Told { message: String, next: Option<String>, lacks: bool },
    /// The process that records ended without telling why.
    Worker { why: String },
}

/// What kept a program from starting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A name without `/` that no folder of PATH holds; whether the working directory does.
    NotInPath {
        here: bool,
    },
    /// No such file.
    Absent,
    Folder,
    /// It has no `x` bit.
    NotExecutable,
    /// A program that it names to be run by is not there: in its first line, or in its ELF header.
    NoInterpreter(String),
    /// Neither a program of this machine nor a script that names its interpreter.
    NoProgram,
    /// A signal ended it while the kernel loaded it.
    Died,
    /// Anything else, as the kernel said it.
    Refused(Errno),
}

impl Error {
    /// A file that could not be read or written, from what the standard library says of it.
    pub fn file(doing: &'static str, path: &Path, error: &io::Error) -> Error {
        let errno = error.raw_os_error().map(Errno::from_raw);
        let why = errno.map_or_else(|| error.to_string(), reason);
        Error::File { doing, path: path.to_path_buf(), why }
    }

    /// Whether another machine could do it: tests and audits skip what this one lacks, and say so.
    pub fn is_lack(&self) -> bool {
        matches!(self, Error::Lacks { .. } | Error::Told { lacks: true, .. })
    }

    /// What to do about it, where there is one thing to do.
    pub fn next(&self) -> Option<String> {
        Some(match self {
            Error::CannotTrace { .. }
            | Error::Lacks { .. }
            | Error::System { .. }
            | Error::Worker { .. }
            | Error::Cargo { .. } => "lab doctor".into(),
            Error::NoLesson { nearest: None, .. } => "lab list".into(),
            Error::NoLab { .. } => {
                "lab init DIR makes a copy of the lessons; or cd into yours".into()
            }
            Error::CannotStart { program, obstacle } => return obstacle.next(program),
            Error::NoCargo { errno: Errno::ENOENT, .. } => {
                "install Rust as https://rustup.rs says".into()
            }
            Error::File { doing: "write", path, why } if why.ends_with("(ENOENT)") => {
                format!("mkdir -p {}", path.parent()?.display())
            }
            Error::File { doing: "write" | "make", path, why } if why.ends_with("(ENOSPC)") => {
                format!("make room: df -h {}", folder(path))
            }
            Error::File { doing: "write" | "make", why, .. }
                if ["(EROFS)", "(EACCES)", "(EPERM)"].iter().any(|it| why.ends_with(it)) =>
            {
                "choose a folder that you may write to".into()
            }
            Error::File { doing: "read", path, why } if why.ends_with("(ENOENT)") => {
                format!("ls {}", folder(path)).trim_end_matches(" .").into()
            }
            Error::Progress { path, .. } => {
                format!("mend it, or put it away: mv {0} {0}.old", path.display())
            }
            Error::Report { .. } => "lab check --all --as json -o STUDENT.json".into(),
            Error::NewerRecording { .. }
            | Error::NewerReport { .. }
            | Error::NewerProgress { .. } => {
                "cargo install --path . to bring lab up to date".into()
            }
            Error::Recording { .. } => "record it again: lab trace --as json -o FILE -- CMD".into(),
            Error::Usage { next, .. } => next.clone(),
            Error::Told { next, .. } => return next.clone(),
            _ => return None,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::System { doing, errno } => write!(f, "cannot {doing}: {}", reason(*errno)),
            Error::CannotStart { program, obstacle } => {
                write!(f, "cannot start `{program}`: {obstacle}")
            }
            Error::CannotTrace { program, needs, errno } => {
                write!(f, "cannot trace `{program}`: {needs} is forbidden here ({errno:?})")
            }
            Error::NoCargo { cargo, errno: Errno::ENOENT } => {
                write!(f, "cannot build lessons: there is no `{cargo}` (ENOENT)")
            }
            Error::NoCargo { cargo, errno } => {
                write!(f, "cannot build lessons: `{cargo}` does not start: {}", reason(*errno))
            }
            Error::NoLesson { wanted, nearest: Some(nearest) } => {
                write!(f, "no lesson `{wanted}`; did you mean {nearest}?")
            }
            Error::NoLesson { wanted, nearest: None } => write!(f, "no lesson `{wanted}`"),
            Error::NoLab { from } => {
                write!(f, "no lessons/ folder in {} or any folder above it", from.display())
            }
            Error::File { doing, path, why } => {
                write!(f, "cannot {doing} {}: {why}", path.display())
            }
            Error::Lesson { path, line, why } => write!(f, "{}:{line}: {why}", path.display()),
            Error::Pattern { text, why, .. } if text.is_empty() => {
                write!(f, "the pattern `` {why}")
            }
            Error::Pattern { text, column, why } => {
                write!(f, "the pattern `{text}` {why}\n  {text}\n  {:>column$}", "^")
            }
            Error::Recording { path, why } => {
                write!(f, "{} is not a whole recording: {why}", path.display())
            }
            Error::NewerRecording { path, version } => write!(
                f,
                "{} is a recording of version {version}; this lab reads up to version {}",
                path.display(),
                crate::event::VERSION
            ),
            Error::Progress { path, line, why } => write!(f, "{}:{line}: {why}", path.display()),
            Error::NewerProgress { path, version, reads } => write!(
                f,
                "{} is of version {version}; this lab reads up to version {reads}",
                path.display()
            ),
            Error::Report { path, why } => {
                write!(f, "{} is no report of lab check: {why}", path.display())
            }
            Error::NewerReport { path, version } => write!(
                f,
                "{} is a report of version {version}; this lab reads up to version 1",
                path.display()
            ),
            Error::Build { what } => write!(f, "cargo could not build {what}"),
            Error::Cargo { what, why } => write!(f, "cargo could not build {what}: {why}"),
            Error::Usage { why, .. } => f.write_str(why),
            Error::Lacks { what, why } => {
                write!(f, "this machine cannot give the run {what} of its own: {why}")
            }
            Error::Told { message, .. } => f.write_str(message),
            Error::Worker { why } => write!(f, "the recorder ended early: {why}"),
        }
    }
}

impl Obstacle {
    fn next(&self, program: &str) -> Option<String> {
        Some(match self {
            Obstacle::NotInPath { here: true } => format!("./{program}"),
            Obstacle::NotInPath { here: false } => "install it, or give its path".into(),
            Obstacle::Absent => match Path::new(program).parent() {
                Some(folder) if folder != Path::new(".") => format!("ls {}", folder.display()),
                _ => "ls".into(),
            },
            Obstacle::Folder => format!("ls {program}, and name a program in it"),
            Obstacle::NotExecutable => format!("chmod +x {program}"),
            Obstacle::NoInterpreter(_) => "install it, or name another".into(),
            Obstacle::NoProgram => {
                format!("begin {program} with a line `#!INTERPRETER`, or name the interpreter")
            }
            Obstacle::Died => format!("file {program}"),
            // A mount with noexec or nosuid is what is overlooked most.
            Obstacle::Refused(Errno::EPERM | Errno::EACCES) => format!("findmnt -T {program}"),
            Obstacle::Refused(_) => return None,
        })
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Obstacle::NotInPath { here: false } => f.write_str("no folder in PATH has it (ENOENT)"),
            Obstacle::NotInPath { here: true } => {
                f.write_str("no folder in PATH has it, and this one is not in PATH (ENOENT)")
            }
            Obstacle::Absent => f.write_str("there is no such file (ENOENT)"),
            Obstacle::Folder => f.write_str("it is a folder (EACCES)"),
            Obstacle::NotExecutable => f.write_str("it is not executable (EACCES)"),
            Obstacle::NoInterpreter(named) => {
                write!(f, "there is no `{named}` to run it with (ENOENT)")
            }
            Obstacle::NoProgram => {
                f.write_str("it is no program for this machine and names no interpreter (ENOEXEC)")
            }
            Obstacle::Died => f.write_str("the kernel ended it while loading it"),
            Obstacle::Refused(errno) => f.write_str(&reason(*errno)),
        }
    }
}

/// `; did you mean half-close?` where one of the known names is like what was typed; else nothing.
pub fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    const ALIKE: f64 = 0.75;
    let rated = known.into_iter().map(|name| (strsim::jaro_winkler(typed, name), name));
    let best = rated.max_by(|(a, one), (b, other)| a.total_cmp(b).then(other.cmp(one)));
    best.filter(|(likeness, _)| *likeness > ALIKE)
        .map(|(_, name)| format!("; did you mean {name}?"))
        .unwrap_or_default()
}

/// The folder that a file is in, as one types it.
fn folder(path: &Path) -> String {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new(".")).display().to_string()
}

/// An errno in words and by name: `permission denied (EACCES)`.
fn reason(errno: Errno) -> String {
    let words = errno.desc();
    let (first, rest) = words.split_at_checked(1).unwrap_or((words, ""));
    // `I/O error` and the like stay as they are.
    match rest.starts_with(|c: char| c.is_lowercase()) {
        true => format!("{}{rest} ({errno:?})", first.to_lowercase()),
        false => format!("{words} ({errno:?})"),
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each, as users meet them. A new variant does not compile until it is here.
    fn one_of_each() -> Vec<Error> {
        let all = vec![
            Error::System { doing: "fork for `./server`".into(), errno: Errno::EAGAIN },
            Error::CannotTrace { program: "./server".into(), needs: "ptrace", errno: Errno::EPERM },
            Error::NoCargo { cargo: "cargo".into(), errno: Errno::ENOENT },
            Error::NoCargo { cargo: "/opt/cargo".into(), errno: Errno::EACCES },
            Error::NoLesson { wanted: "half-cloze".into(), nearest: Some("12-half-close".into()) },
            Error::NoLesson { wanted: "99".into(), nearest: None },
            Error::NoLab { from: "/tmp".into() },
            Error::file("read", Path::new("run.json"), &io::Error::from_raw_os_error(libc::ENOENT)),
            Error::file(
                "write",
                Path::new("out/run.svg"),
                &io::Error::from_raw_os_error(libc::ENOENT),
            ),
            Error::file("write", Path::new("/run.svg"), &io::Error::from_raw_os_error(libc::EIO)),
            Error::file("write", Path::new("/run.svg"), &io::Error::from_raw_os_error(libc::EROFS)),
            Error::file(
                "read",
                Path::new("lessons/12-half-close/lesson.toml"),
                &io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8"),
            ),
            Error::Lesson {
                path: "lessons/12-half-close/lesson.toml".into(),
                line: 14,
                why: "unknown field `minuets`".into(),
            },
            Error::Pattern {
                text: "server: recv(conn".into(),
                column: 18,
                why: "lacks a closing parenthesis".into(),
            },
            Error::Recording { path: "run.json".into(), why: "it breaks off in line 12".into() },
            Error::NewerRecording { path: "run.json".into(), version: 7 },
            Error::Report { path: "ada.json".into(), why: "missing field `version`".into() },
            Error::NewerReport { path: "ada.json".into(), version: 7 },
            Error::file(
                "write",
                Path::new(".lab/progress.toml"),
                &io::Error::from_raw_os_error(libc::ENOSPC),
            ),
            Error::Progress {
                path: ".lab/progress.toml".into(),
                line: 3,
                why: "unknown field `stat`".into(),
            },
            Error::NewerProgress { path: ".lab/progress.toml".into(), version: 2, reads: 1 },
            Error::Build { what: "12-half-close".into() },
            Error::Cargo { what: "12-half-close".into(), why: "linker `cc` not found".into() },
            Error::Usage {
                why: "there is no program to trace".into(),
                next: "lab trace -- CMD".into(),
            },
            Error::Lacks { what: "a network", why: "user: ENOSPC, net: EPERM".into() },
            Error::Told {
                message: "cannot open a pipe".into(),
                next: Some("lab doctor".into()),
                lacks: false,
            },
            Error::Worker { why: "signal: 9 (SIGKILL)".into() },
        ];
        let obstacles = [
            Obstacle::NotInPath { here: false },
            Obstacle::NotInPath { here: true },
            Obstacle::Absent,
            Obstacle::Folder,
            Obstacle::NotExecutable,
            Obstacle::NoInterpreter("/usr/bin/pyton".into()),
            Obstacle::NoProgram,
            Obstacle::Died,
            Obstacle::Refused(Errno::EPERM),
            Obstacle::Refused(Errno::ETXTBSY),
        ];
        let stopped = obstacles.map(|obstacle| {
            let by_name = matches!(obstacle, Obstacle::NotInPath { .. });
            let program = if by_name { "server" } else { "./server" };
            Error::CannotStart { program: program.into(), obstacle }
        });
        for error in all.iter().chain(&stopped) {
            match error {
                Error::System { .. }
                | Error::CannotStart { .. }
                | Error::CannotTrace { .. }
                | Error::NoCargo { .. }
                | Error::NoLesson { .. }
                | Error::NoLab { .. }
                | Error::File { .. }
                | Error::Lesson { .. }
                | Error::Pattern { .. }
                | Error::Recording { .. }
                | Error::NewerRecording { .. }
                | Error::Report { .. }
                | Error::NewerReport { .. }
                | Error::Progress { .. }
                | Error::NewerProgress { .. }
                | Error::Build { .. }
                | Error::Cargo { .. }
                | Error::Usage { .. }
                | Error::Lacks { .. }
                | Error::Told { .. }
                | Error::Worker { .. } => {}
            }
        }
        all.into_iter().chain(stopped).collect()
    }

    #[test]
    fn every_message_says_what_happened_and_what_to_do() {
        let mut page = String::new();
        for error in one_of_each() {
            page.push_str(&format!("error: {error}\n"));
            if let Some(next) = error.next() {
                page.push_str(&format!("  try: {next}\n"));
            }
        }
        insta::assert_snapshot!(page);
    }

    #[test]
    fn a_message_is_one_lower_case_line_without_a_full_stop() {
        for error in one_of_each() {
            let text = error.to_string();
            let lines = if matches!(error, Error::Pattern { .. }) { 3 } else { 1 };
            assert_eq!(text.lines().count(), lines, "{text}");
            assert!(!text.starts_with(|c: char| c.is_uppercase()), "{text}");
            assert!(!text.ends_with('.'), "{text}");
            let next = error.next().unwrap_or_default();
            assert!(!next.contains('\n') && !next.ends_with('.'), "{next}");
        }
    }

    #[test]
    fn the_nearest_name_is_offered_and_none_that_is_unlike() {
        let known = ["talks-on", "glued", "split"];
        assert_eq!(did_you_mean("talk-on", known), "; did you mean talks-on?");
        assert_eq!(did_you_mean("zzz", known), "");
    }

    #[test]
    fn the_caret_stands_under_the_column() {
        let text = "recv(_".to_string();
        let error = Error::Pattern { text, column: 7, why: "lacks a closing parenthesis".into() };
        assert_eq!(error.to_string().lines().last(), Some("        ^"));
    }

    #[test]
    fn an_errno_begins_in_lower_case_unless_it_begins_with_a_shorthand() {
        assert_eq!(reason(Errno::EACCES), "permission denied (EACCES)");
        assert_eq!(reason(Errno::EIO), "I/O error (EIO)");
    }
}
