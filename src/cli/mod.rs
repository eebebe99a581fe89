//! The command line: the only place that prints and that picks exit codes.
//!
//! 0: it holds · 1: the program under the lab breaks a rule or hangs · 2: the lab could not do its
//! work. Results go to stdout, what is said about them to stderr.

mod answers;
mod audit;
mod check;
mod class;
mod diff;
mod doctor;
mod explain;
mod explore;
mod hint;
mod home;
mod init;
mod list;
mod mdbook;
mod new_lesson;
mod output;
mod pages;
mod predict;
mod predictor;
mod record;
mod request;
mod reset;
mod run;
mod show;
mod solution;
mod step;
mod target;
mod trace;
mod usage;
mod watch;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::error::{Error, Result};
use output::ColorChoice;

/// Learn the socket API from what programs really do.
#[derive(Parser)]
#[command(name = "lab", version, disable_help_subcommand = true, color = clap::ColorChoice::Never)]
struct Lab {
    #[command(subcommand)]
    command: Option<Command>,
    /// When to use colour; NO_COLOR counts as `never`
    #[arg(long, global = true, value_enum, default_value_t = ColorChoice::Auto, value_name = "WHEN")]
    color: ColorChoice,
}

#[derive(Subcommand)]
enum Command {
    /// Play a lesson's demo and print its timeline
    Run(run::Run),
    /// Play a demo one call at a time, in the order that you choose
    Step(step::Step),
    /// Ask what a demo's calls will return, and show what they did
    Predict(predict::Predict),
    /// Record any programs and print what they did
    Trace(trace::Trace),
    /// Grade a program by what it did
    Check(check::Check),
    /// Look for an order of calls in which a program breaks a rule
    Explore(explore::Explore),
    /// Check the current lesson whenever you save it
    Watch(watch::Watch),
    /// Hold your run against the demo's: where do they part first?
    Diff(diff::Diff),
    /// Give the next hint for a lesson
    Hint(hint::Hint),
    /// Show a solution, and how it differs from yours
    Solution(solution::Solution),
    /// Put shipped exercises back, with a backup of yours
    Reset(reset::Reset),
    /// Bring back what the last reset replaced
    Undo(reset::Undo),
    /// Make a copy of the lessons that is yours
    Init(init::Init),
    /// Bring your copy up to date, without touching what you changed
    Update(init::Update),
    /// Say what a rule or a weather is, and which lessons use it
    Explain(explain::Explain),
    /// Write a lesson to begin with: for authors
    NewLesson(new_lesson::NewLesson),
    /// Hold lessons to their own rules: for authors
    Audit(audit::Audit),
    /// Draw a saved recording again
    Show(show::Show),
    /// List the lessons
    List(list::List),
    /// Collect the reports of many students into one table: for teachers
    Class(class::ClassOf),
    /// Make what stands in the book for lessons: for mdBook
    Mdbook(mdbook::Mdbook),
    /// Say what this machine allows, and what mends the rest
    Doctor(doctor::Doctor),
    /// Print what makes a shell complete this command line
    Completions(pages::Completions),
    /// Print the manual page
    #[command(after_help = "Examples:\n  lab man | man -l -\n  lab man > lab.1")]
    Man,
    /// Record one run for the lab that started it
    #[command(hide = true)]
    Worker { request: i32, told: i32 },
    /// Play what is asked for in JSON on stdin, and write the recording to stdout
    #[command(hide = true)]
    PlayRequest,
}

/// What a command that did its work has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Holds,
    Broken,
    /// It did its work and yet could not find out; what it printed says why.
    Unknown,
}

/// Runs the command of this process's arguments.
pub fn main() -> ExitCode {
    let lab = match worker().map_or_else(Lab::try_parse, Ok) {
        Ok(lab) => lab,
        Err(asked) if !asked.use_stderr() => {
            output::say(&asked.to_string());
            return ended(output::all_printed().map(|()| Outcome::Holds));
        }
        Err(error) => {
            tell(&usage::wrong(&error, command_meant().as_deref()));
            return ExitCode::from(2);
        }
    };
    ended(dispatch(lab).and_then(|found| output::all_printed().map(|()| found)))
}

/// The lab as it was started by another one. Those arguments need no parser: to make ready for every command there is
/// would take a good part of a short run.
fn worker() -> Option<Lab> {
    let words: Vec<_> = std::env::args_os().skip(1).map(|it| it.into_string().ok()).collect();
    let [Some(name), Some(request), Some(told)] = &words[..] else { return None };
    let descriptors = (request.parse().ok()?, told.parse().ok()?);
    let command = Command::Worker { request: descriptors.0, told: descriptors.1 };
    (name == "worker").then_some(Lab { command: Some(command), color: ColorChoice::Auto })
}

fn ended(outcome: Result<Outcome>) -> ExitCode {
    match outcome {
        Ok(Outcome::Holds) => ExitCode::SUCCESS,
        Ok(Outcome::Broken) => ExitCode::from(1),
        Ok(Outcome::Unknown) => ExitCode::from(2),
        Err(error) => {
            tell(&error);
            ExitCode::from(2)
        }
    }
}

fn dispatch(lab: Lab) -> Result<Outcome> {
    match lab.command {
        None => list::next(),
        Some(Command::Run(run)) => run.go(lab.color),
        Some(Command::Step(step)) => step.go(lab.color),
        Some(Command::Predict(predict)) => predict.go(lab.color),
        Some(Command::Trace(trace)) => trace.go(lab.color),
        Some(Command::Check(check)) => check.go(lab.color),
        Some(Command::Explore(explore)) => explore.go(lab.color),
        Some(Command::Watch(watch)) => watch.go(lab.color),
        Some(Command::Diff(diff)) => diff.go(lab.color),
        Some(Command::Hint(hint)) => hint.go(),
        Some(Command::Solution(solution)) => solution.go(lab.color),
        Some(Command::Reset(reset)) => reset.go(),
        Some(Command::Undo(undo)) => undo.go(),
        Some(Command::Init(init)) => init.go(),
        Some(Command::Update(update)) => update.go(lab.color),
        Some(Command::Explain(explain)) => explain.go(lab.color),
        Some(Command::NewLesson(new)) => new.go(),
        Some(Command::Audit(audit)) => audit.go(lab.color),
        Some(Command::Show(show)) => show.go(lab.color),
        Some(Command::List(list)) => list.go(lab.color),
        Some(Command::Class(class)) => class.go(),
        Some(Command::Mdbook(mdbook)) => mdbook.go(),
        Some(Command::Doctor(doctor)) => doctor.go(lab.color),
        Some(Command::Completions(completions)) => completions.go(Lab::command()),
        Some(Command::Man) => pages::man(&Lab::command()),
        Some(Command::Worker { request, told }) => {
            crate::play::work(request, told).map(|()| Outcome::Holds)
        }
        Some(Command::PlayRequest) => request::go(),
    }
}

/// The first of this process's arguments that is a command.
fn command_meant() -> Option<String> {
    let lab = Lab::command();
    let mut arguments =
        std::env::args_os().skip(1).filter_map(|argument| argument.into_string().ok());
    arguments.find(|argument| lab.find_subcommand(argument).is_some())
}

/// Says what went wrong and the one thing to do about it.
fn tell(error: &Error) {
    let mut text = format!("error: {error}\n");
    if let Some(next) = error.next() {
        text.push_str(&format!("  try: {next}\n"));
    }
    output::to_stderr(&output::harmless(&text));
}
