//! `lab predict LESSON`: what will this call return? The recording answers.

use std::path::Path;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::book::{Asked, Played};
use crate::catalogue::Lesson;
use crate::error::{Error, Result};
use crate::grade::{Ask, Judged, Truth};
use crate::play;
use crate::render::rows;
use crate::render::text::Style;
use crate::timeline::{Row, RowKind};
use crate::tracer;

use super::Outcome;
use super::answers::{self, Answers};
use super::home::{Home, PackOption};
use super::output::{ColorChoice, say, to_stdout, width};
use super::run::{build_shipped, demo_run, parts};

/// How the questions are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One after the other, answered on stdin
    Text,
    /// All of them with their answers
    Json,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  lab predict 1
  printf 'waits\\n0\\n6\\n6\\n' | lab predict 1

Answer with a number, 0, an error (ECONNREFUSED), or `waits` for a call that
does not return at once. A descriptor may be named (conn). `error` and
`a number` count half. An empty line is no answer; q ends it.")]
pub struct Predict {
    /// A number, a unique part of a name, or a whole name
    #[arg(value_name = "LESSON")]
    lesson: String,
    #[command(flatten)]
    pack: PackOption,
    /// How to put the questions
    #[arg(long = "as", value_enum, default_value_t = Form::Text, value_name = "FORMAT")]
    form: Form,
}

impl Predict {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        let home = Home::open(self.pack.pack.as_deref())?;
        let lesson = home.find_one(&self.lesson)?;
        if lesson.asks.is_empty() {
            let why = format!("{} has nothing to predict", lesson.name);
            return Err(Error::Usage { why, next: format!("lab run {}", lesson.number) });
        }
        let (played, unmatched) = played(home.root(), &lesson, color)?;
        if let Some(error) = unmatched.into_iter().next() {
            return Err(error);
        }
        if self.form == Form::Json {
            to_stdout(&as_json(&lesson, &played));
            return Ok(Outcome::Holds);
        }
        let style = Style { width: width(false), color: color.on(false), ascii: false };
        let mut quiz = Quiz { style, answers: Answers::default(), right: 0, half: 0, left: false };
        for played in &played {
            quiz.go_through(&lesson, played);
        }
        let all = played.iter().map(|played| played.asked.len()).sum();
        say(&format!("\n{}\nnext: lab run {}\n", quiz.score(all), lesson.number));
        Ok(if quiz.right == all { Outcome::Holds } else { Outcome::Broken })
    }
}

/// Plays each demo of a lesson that something is asked about, the plain one first, its questions in the order of their
/// rows. Gives besides an error for each question whose call is in no row.
pub fn played(
    root: &Path,
    lesson: &Lesson,
    color: ColorChoice,
) -> Result<(Vec<Played>, Vec<Error>)> {
    let (mut all, mut unmatched) = (Vec::new(), Vec::new());
    for demo in &lesson.demos {
        let variant = demo.variant.as_ref().map(|name| name.as_ref().as_str());
        if lesson.asks_of(variant).next().is_none() {
            continue;
        }
        let binary = build_shipped(root, lesson, demo.program.as_ref(), color)?;
        let settings = tracer::Settings::default();
        let request = demo_run(lesson, demo, parts(demo, &binary), settings)?;
        let recording = play::play(&request, &mut |_| {})?;
        let (mut played, mut missing) = Played::of(lesson, variant, recording)?;
        played.asked.sort_by_key(|(_, step)| *step);
        all.push(played);
        unmatched.append(&mut missing);
    }
    Ok((all, unmatched))
}

/// The call before it is made; of one that has waited, since when.
fn call(played: &Played, row: &Row) -> String {
    let since = match row.kind {
        RowKind::Wakes { since } => format!(" [since {since}]"),
        _ => String::new(),
    };
    played.call(row) + &since
}

/// The questions being put.
struct Quiz {
    style: Style,
    answers: Answers,
    right: usize,
    half: usize,
    /// Nobody answers any more.
    left: bool,
}

impl Quiz {
    fn go_through(&mut self, lesson: &Lesson, played: &Played) {
        let mut told = 0;
        for (place, (ask, step)) in played.asked.iter().enumerate() {
            let Some(row) = played.drawn.row(*step).filter(|_| !self.left) else { return };
            if told == 0 {
                let variant = played.variant.as_ref().map(|name| format!(", {name}"));
                say(&format!("{}{}\n\n", lesson.name, variant.unwrap_or_default()));
            }
            if told > 0 && told < step - 1 {
                say("\n");
            }
            for row in played.drawn.rows.iter().take(step - 1).skip(told) {
                say(&rows::row(&played.drawn, &as_of_then(row), &self.style));
            }
            told = told.max(*step);
            // What comes of it later is told by the rows before the next question, if not now.
            let returned = played.returned(row);
            let later = played.asked.get(place + 1).is_some_and(|(_, next)| *next <= returned.step);
            self.put(played, ask, row, (!later).then_some(returned));
        }
    }

    /// Asks, and says what came of it; `returned`: where it has returned, if that may be told.
    fn put(&mut self, played: &Played, ask: &Ask, row: &Row, returned: Option<&Row>) {
        let asks = ask.asks.as_ref().map(|asks| format!("{asks}\n")).unwrap_or_default();
        let call = call(played, row);
        say(&format!("\n{asks}{call} = ?\n"));
        let truth = Truth::of(&played.drawn, row);
        let Some(line) = self.line() else {
            self.left = true;
            return;
        };
        let verdict = match truth.judge(&line) {
            Some(Judged::Right) => {
                self.right += 1;
                "right".to_owned()
            }
            Some(Judged::Half(why)) => {
                self.half += 1;
                format!("half right: {why}")
            }
            Some(Judged::Wrong) => "wrong".to_owned(),
            None => "no answer".to_owned(),
        };
        say(&format!("{verdict}\n{}", rows::row(&played.drawn, &as_of_then(row), &self.style)));
        if let Some(returned) = returned.filter(|returned| returned.step != row.step)
            && let Some(gave) = &truth.gave
        {
            say(&format!("     in step {} it gives {}\n", returned.step, gave.text));
        }
        say(&rows::paragraph(&ask.why, &self.style));
    }

    /// What was answered; `None` if nobody answers any more.
    fn line(&mut self) -> Option<String> {
        say("a number, 0, an error (ECONNREFUSED …), or `waits`: ");
        let line = match self.answers.next(None) {
            answers::Answer::Line(line) if line != "q" => line,
            _ => {
                say("\n");
                return None;
            }
        };
        if !self.answers.are_typed() {
            say(&format!("{}\n", line.replace(char::is_control, "?")));
        }
        Some(line)
    }

    fn score(&self, all: usize) -> String {
        let half = if self.half % 2 == 1 { "½" } else { "" };
        match (self.right + self.half / 2, half) {
            (0, "½") => format!("½ of {all}"),
            (whole, half) => format!("{whole}{half} of {all}"),
        }
    }
}

/// A row as far as it could be told at its own moment: that a call waits for ever nobody knew then.
fn as_of_then(row: &Row) -> Row {
    let mut row = row.clone();
    if let RowKind::Waits { for_ever } = &mut row.kind {
        *for_ever = false;
    }
    row
}

#[derive(Serialize)]
struct Questions {
    version: u32,
    lesson: String,
    questions: Vec<OneQuestion>,
}

/// A question with its answer.
#[derive(Serialize)]
struct OneQuestion {
    variant: Option<String>,
    /// The row of the timeline in which the call begins.
    step: usize,
    role: String,
    call: String,
    asks: Option<String>,
    /// The shortest answer that is right: `0`, `conn`, `ECONNREFUSED`, `waits`.
    answer: String,
    /// What really came back, in words.
    says: String,
    why: String,
}

fn as_json(lesson: &Lesson, played: &[Played]) -> String {
    let questions = played.iter().flat_map(|played| {
        played.answered().map(|Asked { ask, row, truth }| OneQuestion {
            variant: played.variant.clone(),
            step: row.step,
            role: row.role.clone(),
            call: call(played, row),
            asks: ask.asks.clone(),
            answer: truth.answer(),
            says: truth.says(),
            why: ask.why.clone(),
        })
    });
    let questions = questions.collect();
    let all = Questions { version: 1, lesson: lesson.name.clone(), questions };
    serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
}
