//! What `run` and `trace` share: how to record, and what a recording's end means.

use clap::{Args, ValueEnum};

use crate::error::Result;
use crate::event::{Event, Reason, Recording, Schedule};
use crate::play::{self, Audience, Part, Request, Wanted};
use crate::render::strace;
use crate::tracer::launch::Streams;
use crate::{sandbox, tracer};

use super::Outcome;
use super::output::{self, ColorChoice, Drawing, Format, Out};

/// Who runs next when several threads could.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Order {
    /// One at a time until it blocks: the same recording every time
    Lockstep,
    /// All at once, in real time, as fast as possible
    Free,
    /// One at a time until it blocks, then any, by seed
    Random,
}

#[derive(Args)]
pub struct Recorder {
    /// Who runs next when several could
    #[arg(long, value_enum, default_value_t = Order::Lockstep, value_name = "ORDER")]
    schedule: Order,
    /// The seed of a random schedule
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = whole_number, allow_negative_numbers = true)]
    seed: u64,
    /// End the run after this much real time
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true)]
    timeout: Option<std::time::Duration>,
}

pub fn whole_number(text: &str) -> std::result::Result<u64, String> {
    text.parse().map_err(|_| "not a whole number".to_string())
}

pub fn seconds(text: &str) -> std::result::Result<std::time::Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_string())?;
    match std::time::Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err("must be more than 0".into()),
    }
}

impl Recorder {
    /// What is asked of the tracer.
    pub fn settings(&self, streams: Streams, allow_io_uring: bool) -> tracer::Settings {
        tracer::Settings {
            schedule: match self.schedule {
                Order::Lockstep => Schedule::Lockstep,
                Order::Free => Schedule::Free,
                Order::Random => Schedule::Random,
            },
            seed: self.seed,
            streams,
            allow_io_uring,
            shared_ports: false,
            timeout: self.timeout,
            ..tracer::Settings::default()
        }
    }
}

/// A run of these programs and nobody else.
pub fn request(lesson: Option<String>, roles: Vec<Part>, tracer: tracer::Settings) -> Request {
    let sandbox = sandbox::Settings::default();
    Request { lesson, roles, tracer, sandbox, wanted: Wanted::Recording, scenario: None }
}

/// Plays a run and draws its recording.
pub fn record(request: Request, drawing: &Drawing, color: ColorChoice) -> Result<Outcome> {
    drawing.check()?;
    if !drawing.is_streamed() {
        let recording = play::play(&request, &mut |_| ())?;
        drawing.draw(&recording, color)?;
        return Ok(outcome(&recording));
    }
    let mut stream = Stream { out: drawing.out()?, format: drawing.format, written: Ok(()) };
    let wanted = match drawing.output {
        Some(_) => Wanted::Events,
        None => Wanted::EventsAtOnce,
    };
    let request = Request { wanted, ..request };
    let recording = play::play_before(&request, &mut stream)?;
    let Stream { out, written, .. } = stream;
    out.done(written)?;
    Ok(outcome(&recording))
}

/// Writes each event as it comes and keeps none: a recording may be longer than the memory is large.
struct Stream {
    out: Out,
    format: Format,
    /// What became of the writing; after a failure nothing more is written.
    written: std::io::Result<()>,
}

impl Stream {
    fn write(&mut self, line: &[u8]) {
        if self.written.is_ok() {
            self.written = self.out.line(line);
        }
    }
}

impl Audience for Stream {
    fn take(&mut self, line: &[u8]) -> bool {
        let is_all = self.format == Format::Jsonl;
        if is_all {
            self.write(line);
        }
        is_all
    }

    fn see(&mut self, event: &Event) {
        self.write(strace::of_thread(event).as_bytes());
    }
}

/// A run that hangs is the program's fault; one that the user ended is nobody's.
pub fn outcome(recording: &Recording) -> Outcome {
    match &recording.end.reason {
        Reason::Finished | Reason::Serving | Reason::Interrupted => Outcome::Holds,
        Reason::Deadlock => Outcome::Broken,
        Reason::Limit { what } => {
            output::to_stderr(&format!("ended by the lab: {what}\n"));
            match what.starts_with(Reason::NO_TIMERFD) {
                true => Outcome::Unknown,
                false => Outcome::Broken,
            }
        }
    }
}
