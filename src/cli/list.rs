//! `lab list`, and `lab` alone: where you are and what comes next.

use clap::Args;
use serde::Serialize;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::catalogue::Lesson;
use crate::error::Result;
use crate::progress::{Progress, State};

use super::home::{Home, PackOption};
use super::output::{ColorChoice, Linked, say, to_stdout, width};
use super::{Outcome, tell};

#[derive(Args)]
#[command(after_help = "Examples:\n  lab list\n  lab list --json")]
pub struct List {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pack: PackOption,
}

#[derive(Serialize)]
struct Line {
    number: u32,
    name: String,
    id: String,
    title: String,
    minutes: u32,
    state: &'static str,
    /// How many hints were shown.
    hints: usize,
    /// Whether it is the one that is worked on.
    current: bool,
}

impl List {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        let home = Home::open(self.pack.pack.as_deref())?;
        let progress = home.progress()?;
        let (mut lessons, mut broken) = (Vec::new(), Vec::new());
        for read in home.catalogue.read_all() {
            match read {
                Ok(lesson) => lessons.push(lesson),
                Err(error) => broken.push(error),
            }
        }
        let lines = lines(&home, &lessons, &progress);
        if self.json {
            let lessons = serde_json::json!({ "lessons": lines });
            to_stdout(&format!("{lessons}\n"));
        } else {
            let linked = Linked::new(&home.catalogue, color);
            linked.say(&format!("{}\n{}\n", table(&lines, width(false)), sum(&lessons, &progress)));
        }
        // The others can still be played, but the list is not whole.
        let last = broken.pop();
        broken.iter().for_each(tell);
        last.map_or(Ok(Outcome::Holds), Err)
    }
}

/// The list within so many columns, of the lessons that can be read. The sum comes first: where the list is longer than
/// the screen it is still seen.
pub fn within(home: &Home, room: usize) -> Result<String> {
    let progress = home.progress()?;
    let lessons: Vec<Lesson> = home.catalogue.read_all().into_iter().flatten().collect();
    let table = table(&lines(home, &lessons, &progress), room);
    Ok(format!("{}\n\n{table}", sum(&lessons, &progress)))
}

/// `lab` alone.
pub fn next() -> Result<Outcome> {
    say(&Home::open(None)?.place()?);
    Ok(Outcome::Holds)
}

fn lines(home: &Home, lessons: &[Lesson], progress: &Progress) -> Vec<Line> {
    let graded: Vec<Lesson> = lessons.iter().filter(|it| it.is_graded()).cloned().collect();
    let current = home.current(&graded, progress).map(|lesson| lesson.id);
    let line = |lesson: &Lesson| {
        let entry = progress.lesson(&lesson.id);
        Line {
            number: lesson.number,
            name: lesson.name.clone(),
            id: lesson.id.clone(),
            title: lesson.title.clone(),
            minutes: lesson.minutes,
            state: entry.state.word(),
            hints: entry.hints + entry.rules.len(),
            current: current.as_deref() == Some(&lesson.id),
        }
    };
    lessons.iter().map(line).collect()
}

/// One lesson a line; where there is little room, titles are cut short or left out.
fn table(lines: &[Line], room: usize) -> String {
    const SHORTEST: usize = 8;
    let names = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let states = lines.iter().map(|line| line.state.len()).max().unwrap_or(0);
    let mut out = String::new();
    for line in lines {
        let Line { name, state, minutes, title, .. } = line;
        let mark = if line.current { '>' } else { ' ' };
        let start = format!("{mark} {name:names$}  {state:states$}  {minutes:2} min");
        let left = room.saturating_sub(start.width() + 2);
        let title = if left < SHORTEST { String::new() } else { cut(title, left) };
        out.push_str(format!("{start}  {title}").trim_end());
        out.push('\n');
    }
    out
}

/// What is left of a text in so many columns.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= columns
    };
    text.chars().take_while(fits).collect::<String>() + "…"
}

/// `4 of 13 passed, 1 given up, 95 min to go`.
fn sum(lessons: &[Lesson], progress: &Progress) -> String {
    let graded: Vec<&Lesson> = lessons.iter().filter(|lesson| lesson.is_graded()).collect();
    let state = |lesson: &Lesson| progress.lesson(&lesson.id).state;
    let count = |wanted| graded.iter().filter(|lesson| state(lesson) == wanted).count();
    let mut parts = vec![format!("{} of {} passed", count(State::Passed), graded.len())];
    if count(State::GivenUp) > 0 {
        parts.push(format!("{} given up", count(State::GivenUp)));
    }
    let open = graded.iter().filter(|lesson| !state(lesson).is_done());
    let minutes: u32 = open.map(|lesson| lesson.minutes).sum();
    if minutes > 0 {
        parts.push(format!("{minutes} min to go"));
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, state: &'static str, title: &str) -> Line {
        Line {
            number: 1,
            name: name.into(),
            id: name.into(),
            title: title.into(),
            minutes: 20,
            state,
            hints: 0,
            current: state == "started",
        }
    }

    #[test]
    fn a_table_never_is_wider_than_the_terminal() {
        let lines = [
            line("02-server-that-stays", "given-up", "The server that stays"),
            line("10-thread-per-client", "started", "每个客户端一个线程 and a long title besides"),
        ];
        for room in 40..120 {
            for line in table(&lines, room).lines() {
                assert!(line.width() <= room, "{room}: {line}");
            }
        }
        let narrow =
            "  02-server-that-stays  given-up  20 min\n> 10-thread-per-client  started   20 min\n";
        assert_eq!(table(&lines, 40), narrow);
        assert!(table(&lines, 120).contains("  每个客户端一个线程 and a long title besides\n"));
        assert!(table(&lines, 60).contains("  每个客户端一个线…\n"), "{}", table(&lines, 60));
    }
}
