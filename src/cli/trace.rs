//! `lab trace`: record any programs.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};

use crate::error::{Error, Result};
use crate::play::{Begin, Input, Part};
use crate::tracer::launch::Streams;
use crate::tracer::{self, Placement};

use super::Outcome;
use super::output::{ColorChoice, Drawing};
use super::record::{Recorder, record, request};

#[derive(Args)]
#[command(after_help = "Examples:
  lab trace -- python3 server.py
  lab trace --role 'server=./server 7000' --role 'client=nc -N 127.0.0.1 7000'
  lab trace --schedule free --as json -o run.json -- ./program

Roles start in order, each once the one before it listens or nobody can
move. A command is split as a shell splits words, but no shell runs it.")]
pub struct Trace {
    /// A role and its command; may be given several times
    #[arg(long = "role", value_name = "NAME=CMD")]
    roles: Vec<String>,
    /// Let io_uring through, although it hides the socket calls
    #[arg(long)]
    allow_io_uring: bool,
    /// With `--schedule free -o FILE`: record what a process does before its first socket, too
    #[arg(long)]
    all_calls: bool,
    /// With `--schedule free`: keep programs to the lab's processor, or let them use all
    #[arg(long, value_enum, default_value_t = Place::Auto, value_name = "WHERE")]
    placement: Place,
    /// Refused: a recording starts with the program
    #[arg(short, value_name = "PID", hide = true)]
    pid: Option<String>,
    #[command(flatten)]
    recorder: Recorder,
    #[command(flatten)]
    drawing: Drawing,
    /// The program and its arguments
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Where programs run under the free schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Place {
    /// On the lab's processor while they talk, on all when they compute
    Auto,
    /// On the lab's processor
    One,
    /// Wherever the kernel puts them
    Spread,
}

impl From<Place> for Placement {
    fn from(place: Place) -> Placement {
        match place {
            Place::Auto => Placement::Auto,
            Place::One => Placement::One,
            Place::Spread => Placement::Spread,
        }
    }
}

impl Trace {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        if self.pid.is_some() {
            return Err(Error::Usage {
                why: "cannot trace a process that runs already: its sockets' past would be missing"
                    .into(),
                next: "lab trace -- CMD".into(),
            });
        }
        let (streams, input) = match &self.drawing.output {
            Some(_) => (Streams::Inherited, Input::Idle),
            None if std::io::stdin().is_terminal() => (Streams::Own, Input::Idle),
            None => (Streams::Own, Input::FromLab),
        };
        let mut parts = Vec::new();
        for role in &self.roles {
            parts.push(part(role, input.clone())?);
        }
        if let Some(program) = self.command.first() {
            let name = std::path::Path::new(program).file_name().map(|name| name.to_string_lossy());
            let name = name.map_or_else(|| program.clone(), |name| name.into_owned());
            parts.push(started_in_turn(name, self.command.clone(), input));
        }
        if parts.is_empty() {
            return Err(Error::Usage {
                why: "there is no program to trace".into(),
                next: "lab trace -- CMD".into(),
            });
        }
        for (place, part) in parts.iter().enumerate() {
            if parts[..place].iter().any(|other| other.name == part.name) {
                return Err(Error::Usage {
                    why: format!("there are two roles named `{}`", part.name),
                    next: "give each --role a name of its own".into(),
                });
            }
        }
        let settings = tracer::Settings {
            all_calls: self.all_calls,
            placement: self.placement.into(),
            ..self.recorder.settings(streams, self.allow_io_uring)
        };
        record(request(None, parts, settings), &self.drawing, color)
    }
}

/// Reads `NAME=CMD`.
fn part(text: &str, input: Input) -> Result<Part> {
    let wrong = |why: &str| Error::Usage {
        why: format!("`--role {text}`: {why}"),
        next: "lab trace --role 'server=./server 7000' --role 'client=./client 7000'".into(),
    };
    let (name, command) = text.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.is_empty() || !name.chars().all(plain) {
        return Err(wrong("a name has letters, digits, `-` and `_`"));
    }
    let command = shell_words::split(command).map_err(|_| wrong("a quote is not closed"))?;
    if command.is_empty() {
        return Err(wrong("there is no command"));
    }
    Ok(started_in_turn(name.to_string(), command, input))
}

fn started_in_turn(name: String, command: Vec<String>, input: Input) -> Part {
    let env = vec![("LAB_ROLE".to_string(), name.clone())];
    Part { name, command, env, begin: Begin::InTurn, ends: None, input }
}
