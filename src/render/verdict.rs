//! A verdict for the terminal: what the program did, then what it lacks.
//!
//! ```text
//! 03-echo  fail
//!
//! broken  reads-until-the-end: the server reads until there is no more
//!   in     "a long text"
//!   did    step 9 was `close(conn) = 0`, before step 12 …
//!       7  server  recv(conn, "…", 1024) = 512
//!   >   9  server  close(conn) = 0
//!   peer   A sent 2000 bytes and got 512 bytes, then ECONNRESET
//!   at     lessons/03-echo/exercise.rs:31
//!   hint   Which return value, and only which, says "no more"?
//!   next   lab check 3 --scenario "a long text" --weather none --seed 7
//! ```
//!
//! Fair weather is told first. A rule is told once, where it is broken first; where else it is broken is one line.

use anstyle::{AnsiColor, Effects};

use crate::grade::{Broken, Cell, Finding, Grade, Graded, Judgement, Report};

/// How many other cells are named before the rest is counted.
const ALSO: usize = 3;

/// One lesson's verdict, whole.
pub fn lesson(graded: &Graded, color: bool) -> String {
    head(graded, color) + &fair(graded, color) + &foul(graded, color)
}

/// The lesson's name and what came of fair weather.
pub fn head(graded: &Graded, color: bool) -> String {
    let fair = of_weather(graded, true);
    let paint = Paint { color };
    let word = match fair.result() {
        Judgement::Pass => paint.good("pass"),
        Judgement::Fail => paint.bad("fail"),
        Judgement::Undetermined { .. } => paint.unsure("undetermined"),
    };
    let mut out = format!("{}  {word} in fair weather ({})\n", graded.lesson, count(&fair.cells));
    if let Judgement::Undetermined { why } = fair.result() {
        out.push_str(&format!("  why    {}\n", harmless(&why)));
    }
    out
}

/// The findings of fair weather.
pub fn fair(graded: &Graded, color: bool) -> String {
    findings(&of_weather(graded, true), color)
}

/// What the other weathers add.
pub fn foul(graded: &Graded, color: bool) -> String {
    let foul = of_weather(graded, false);
    if foul.cells.is_empty() {
        return String::new();
    }
    let paint = Paint { color };
    let failed: Vec<&Cell> = {
        let fails = |cell: &&Cell| cell.verdict.result == Judgement::Fail;
        foul.cells.iter().filter(fails).collect()
    };
    let word = match foul.result() {
        Judgement::Pass => paint.good("pass"),
        Judgement::Fail => paint.bad("fail"),
        Judgement::Undetermined { .. } => paint.unsure("undetermined"),
    };
    let weathers: Vec<&str> =
        foul.cells.iter().map(Cell::weather).fold(Vec::new(), |mut all, it| {
            if !all.contains(&it) {
                all.push(it);
            }
            all
        });
    let mut out =
        format!("{}  {word} in {} ({})\n", graded.lesson, weathers.join(", "), count(&foul.cells));
    if let (Judgement::Undetermined { why }, true) = (foul.result(), failed.is_empty()) {
        out.push_str(&format!("  why    {}\n", harmless(&why)));
    }
    out + &findings(&foul, color)
}

/// A line for each lesson, and one for all.
pub fn summary(report: &Report, color: bool) -> String {
    let paint = Paint { color };
    let mut out = String::new();
    let width = report.lessons.iter().map(|it| it.lesson.len()).max().unwrap_or(0);
    let mut counts = [0, 0, 0];
    for graded in &report.lessons {
        let first = graded.broken().into_iter().find(|it| it.finding.grade != Grade::Note);
        let (place, word, why) = match graded.result() {
            Judgement::Pass => (0, paint.good("pass"), String::new()),
            Judgement::Fail => {
                (1, paint.bad("fail"), first.map_or(String::new(), |it| it.finding.rule.clone()))
            }
            Judgement::Undetermined { why } => (2, paint.unsure("undetermined"), harmless(&why)),
        };
        counts[place] += 1;
        let line = format!("{:width$}  {word}  {why}", graded.lesson);
        out.push_str(line.trim_end());
        out.push('\n');
    }
    let [passed, failed, unknown] = counts;
    let mut parts = vec![format!("{passed} passed"), format!("{failed} failed")];
    if unknown > 0 {
        parts.push(format!("{unknown} undetermined"));
    }
    out.push_str(&format!("{}\n", parts.join(", ")));
    out
}

/// One finding alone, without where else it was met.
pub fn finding(cell: &Cell, finding: &Finding, color: bool) -> String {
    told(&Broken { cell, finding, also: Vec::new() }, color)
}

fn of_weather(graded: &Graded, fair: bool) -> Graded {
    let cells = graded.cells.iter().filter(|cell| cell.weather.is_none() == fair);
    let undetermined = graded.undetermined.clone().filter(|_| fair);
    Graded { cells: cells.cloned().collect(), undetermined, ..graded.clone() }
}

fn count(cells: &[Cell]) -> String {
    let failed = cells.iter().filter(|cell| cell.verdict.result == Judgement::Fail).count();
    let all = if cells.len() == 1 { "1 run".into() } else { format!("{} runs", cells.len()) };
    match failed {
        0 => all,
        _ => format!("{failed} of {all}"),
    }
}

fn findings(graded: &Graded, color: bool) -> String {
    let mut out = String::new();
    for broken in graded.broken() {
        out.push('\n');
        out.push_str(&told(&broken, color));
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

fn told(broken: &Broken<'_>, color: bool) -> String {
    let Broken { cell, finding, also } = broken;
    let paint = Paint { color };
    let grade = match finding.grade {
        Grade::Note => paint.unsure(finding.grade.name()),
        _ => paint.bad(finding.grade.name()),
    };
    let rule = paint.strong(&finding.rule);
    let mut out = format!("{grade}  {rule}: {}\n", harmless(&finding.says));
    let mut field = |name: &str, text: &str| {
        for (n, line) in text.lines().enumerate() {
            let name = if n == 0 { name } else { "" };
            out.push_str(&format!("  {name:<6} {}\n", harmless(line)));
        }
    };
    let mut place = format!("\"{}\"", cell.scenario);
    if let Some(weather) = &cell.weather {
        place.push_str(&format!(", {weather} weather"));
    }
    field("in", &place);
    field("did", &finding.did);
    let widest = finding.lines.iter().map(|line| line.role.len()).max().unwrap_or(0);
    for line in &finding.lines {
        let mark = if line.marked { ">" } else { " " };
        let text =
            format!("  {mark} {:>4}  {:widest$}  {}", line.step, line.role, harmless(&line.text));
        out.push_str(&if line.marked { paint.strong(&text) } else { text });
        out.push('\n');
    }
    let mut field = |name: &str, text: &str| {
        for (n, line) in text.lines().enumerate() {
            let name = if n == 0 { name } else { "" };
            out.push_str(&format!("  {name:<6} {}\n", harmless(line)));
        }
    };
    for (name, text) in [
        ("peer", &finding.peer),
        ("output", &finding.printed),
        ("at", &finding.source),
        ("hint", &finding.hint),
    ] {
        if let Some(text) = text {
            field(name, text);
        }
    }
    if !also.is_empty() {
        let mut names: Vec<String> = also.iter().take(ALSO).map(|cell| cell.name()).collect();
        if also.len() > ALSO {
            names.push(format!("{} more", also.len() - ALSO));
        }
        field("also", &names.join("; "));
    }
    field("next", &cell.next);
    out
}

/// What a program printed or was called must not command the terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

struct Paint {
    color: bool,
}

impl Paint {
    fn good(&self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    fn bad(&self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default(), text)
    }

    fn unsure(&self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default(), text)
    }

    fn strong(&self, text: &str) -> String {
        self.with(anstyle::Style::new().effects(Effects::BOLD), text)
    }

    fn with(&self, style: anstyle::Style, text: &str) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}
