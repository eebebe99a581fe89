//! Every message that a user can meet, in one place.
//!
//! A message says what was tried and what happened, in lower case, without a full stop, the errno by
//! name, with backticks round what the user typed; [`Error::next`] is the one thing to do about it. `cli` prints
//! both and exits with 2: whatever stands here means that the lab could not do its work.

use std::fmt;
use std::path::PathBuf;

pub type Result<T> = std::result::Result<T, Error>;

#[derive(Debug)]
pub enum Error {
    /// A system call of the lab itself failed: what it was for, and the error.
    System { doing: String, errno: nix::errno::Errno },
    /// The program of a role could not be started.
    CannotStart { program: String, errno: nix::errno::Errno },
    /// Tracing is forbidden on this machine.
    CannotTrace { program: String, errno: nix::errno::Errno },
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
    /// cargo could not build a lesson's program: its diagnostics went to stderr already.
    Build { what: String },
    /// The command line holds something that clap cannot judge.
    Usage { why: String, next: String },
    /// What went wrong in the process that records, as it told.
    Told { message: String, next: Option<String> },
    /// The process that records ended without telling why.
    Worker { why: String },
}

impl Error {
    /// What to do about it, where there is one thing to do.
    pub fn next(&self) -> Option<String> {
        match self {
            Error::CannotTrace { .. } => Some("lab doctor".into()),
            Error::NoLesson { .. } => Some("lab list".into()),
            Error::NoLab { .. } => Some("cd into your copy of the lab first".into()),
            Error::CannotStart { program, errno } => Some(match errno {
                nix::errno::Errno::EACCES => format!("chmod +x {program}"),
                nix::errno::Errno::ENOEXEC => {
                    format!("begin {program} with a line `#!INTERPRETER`, or name the interpreter")
                }
                _ => format!("ls -l {program}"),
            }),
            Error::NewerRecording { .. } => {
                Some("cargo install --path . to bring lab up to date".into())
            }
            Error::Recording { .. } => {
                Some("record it again: lab trace --as json -o FILE -- CMD".into())
            }
            Error::Usage { next, .. } => Some(next.clone()),
            Error::Told { next, .. } => next.clone(),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::System { doing, errno } => {
                write!(f, "cannot {doing}: {} ({errno:?})", errno.desc())
            }
            Error::CannotStart { program, errno } => {
                write!(f, "cannot start `{program}`: {} ({errno:?})", errno.desc())
            }
            Error::CannotTrace { program, errno } => {
                write!(f, "cannot trace `{program}`: ptrace is forbidden here ({errno:?})")
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
            Error::Build { what } => write!(f, "cargo could not build {what}"),
            Error::Usage { why, .. } => f.write_str(why),
            Error::Told { message, .. } => f.write_str(message),
            Error::Worker { why } => write!(f, "the recorder ended early: {why}"),
        }
    }
}

impl std::error::Error for Error {}
