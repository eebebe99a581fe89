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

use crate::grade::{Broken, Cell, Finding, Grade, Graded, Judgement, PREDICTIONS, Report};

/// How many other cells are named before the rest is counted.
const ALSO: usize = 3;

/// How many findings of one kind of weather are told whole: what is wrong first is often why the rest is.
const WHOLE: usize = 3;

/// One lesson's verdict, whole.
pub fn lesson(graded: &Graded, color: bool) -> String {
    head(graded, color) + &fair(graded, color) + &foul(graded, color)
}

/// The lesson's name and what came of fair weather.
pub fn head(graded: &Graded, color: bool) -> String {
    let fair = of_weather(graded, true);
    let paint = Paint { color };
    let word = word(&fair.result(), &paint);
    let runs = match fair.cells.iter().all(|cell| cell.scenario == PREDICTIONS) {
        true if !fair.cells.is_empty() => String::new(),
        _ => format!(" in fair weather ({})", count(&fair.cells)),
    };
    let mut out = format!("{}  {word}{runs}\n", graded.lesson);
    if let Judgement::Undetermined { why } = fair.result() {
        field(&mut out, "why", &why);
    }
    let lacking = fair.lacking();
    if !lacking.is_empty() {
        let lacking = format!("not isolated: this machine lacks {}", lacking.join(", "));
        out.push_str(&format!("  {}\n", paint.unsure(&harmless(&lacking))));
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
    let word = word(&foul.result(), &paint);
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
        field(&mut out, "why", &why);
    }
    out + &findings(&foul, color)
}

/// A line for each lesson, and one for all.
pub fn summary(report: &Report, color: bool) -> String {
    let paint = Paint { color };
    let mut out = String::from("\n");
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

/// What came of other schedules than lockstep.
pub struct Explored {
    pub result: Judgement,
    /// How it was found out, in words.
    pub how: String,
    /// The run that says so, if it is a single one.
    pub cell: Option<Cell>,
}

impl Explored {
    /// What one run says; without any, nothing is known.
    pub fn of(cell: Option<Cell>, how: String) -> Explored {
        let unknown = || Judgement::Undetermined { why: "nothing was played".into() };
        let result = cell.as_ref().map_or_else(unknown, |cell| cell.verdict.result.clone());
        Explored { result, how, cell }
    }
}

/// What came of other schedules: a line, and the first rule that is broken.
pub fn explored(lesson: &str, explored: &Explored, color: bool) -> String {
    let word = word(&explored.result, &Paint { color });
    let mut out = format!("{lesson}  {word} {}\n", explored.how);
    if let Judgement::Undetermined { why } = &explored.result {
        field(&mut out, "why", why);
    }
    let first = explored.cell.as_ref().and_then(|cell| {
        let mut findings = cell.verdict.findings.iter();
        findings.find(|it| it.grade != Grade::Note).map(|found| finding(cell, found, color))
    });
    if let Some(first) = first {
        out.push_str(&format!("\n{first}\n"));
    }
    out
}

fn word(result: &Judgement, paint: &Paint) -> String {
    match result {
        Judgement::Pass => paint.good("pass"),
        Judgement::Fail => paint.bad("fail"),
        Judgement::Undetermined { .. } => paint.unsure("undetermined"),
    }
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
    let mut broken = graded.broken();
    // What is merely not good comes last.
    broken.sort_by_key(|it| it.finding.grade == Grade::Note);
    for broken in broken.iter().take(WHOLE) {
        out.push('\n');
        out.push_str(&told(broken, color));
    }
    let rest: Vec<&str> = broken.iter().skip(WHOLE).map(|it| it.finding.rule.as_str()).collect();
    if !rest.is_empty() {
        out.push_str(&format!("\nand, perhaps for the same reason: {}\n", rest.join(", ")));
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
    let mut place = format!("\"{}\"", cell.scenario);
    if let Some(weather) = &cell.weather {
        place.push_str(&format!(", {weather} weather"));
    }
    if cell.scenario != PREDICTIONS {
        field(&mut out, "in", &place);
    }
    field(&mut out, "did", &finding.did);
    let widest = finding.lines.iter().map(|line| line.role.len()).max().unwrap_or(0);
    for line in &finding.lines {
        let mark = if line.marked { ">" } else { " " };
        let text =
            format!("  {mark} {:>4}  {:widest$}  {}", line.step, line.role, harmless(&line.text));
        out.push_str(&if line.marked { paint.strong(&text) } else { text });
        out.push('\n');
    }
    for (name, text) in [
        ("peer", &finding.peer),
        ("output", &finding.printed),
        ("at", &finding.source),
        ("hint", &finding.hint),
    ] {
        if let Some(text) = text {
            field(&mut out, name, text);
        }
    }
    if !also.is_empty() {
        let mut names: Vec<String> = also.iter().take(ALSO).map(|cell| cell.name()).collect();
        if also.len() > ALSO {
            names.push(format!("{} more", also.len() - ALSO));
        }
        field(&mut out, "also", &names.join("; "));
    }
    field(&mut out, "next", &cell.next);
    out
}

/// A field of a finding: its name, and its lines below each other.
fn field(out: &mut String, name: &str, text: &str) {
    for (n, line) in text.lines().enumerate() {
        let name = if n == 0 { name } else { "" };
        out.push_str(&format!("  {name:<6} {}\n", harmless(line)));
    }
}

/// What a program printed or was called must not command the terminal.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

pub(super) struct Paint {
    pub color: bool,
}

impl Paint {
    pub fn good(&self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    pub fn bad(&self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default(), text)
    }

    pub fn unsure(&self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default(), text)
    }

    pub fn strong(&self, text: &str) -> String {
        self.with(anstyle::Style::new().effects(Effects::BOLD), text)
    }

    fn with(&self, style: anstyle::Style, text: &str) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::grade::{Line, Verdict};

    /// A report with one of each, and with texts that no format may take for its own.
    pub fn sample() -> Report {
        let line = |step, text: &str, marked| Line {
            step,
            role: "server".into(),
            text: text.into(),
            marked,
        };
        let finding = |rule: &str, grade| Finding {
            rule: rule.into(),
            grade,
            says: "the server reads until there is no more".into(),
            did: "step 9 was `close(conn) = 0`, before <&\"'>]]> 100%, #5: \\ a, b".into(),
            lines: vec![
                line(7, "recv(conn, \"你好\", 512) = 6", false),
                line(9, "close(conn) = 0", true),
            ],
            events: vec![12],
            peer: Some("A sent 6 bytes and got 0 bytes, then ECONNRESET".into()),
            printed: Some("thread 'main' panicked\n\u{1b}[31mred\u{1b}[0m".into()),
            source: Some("lessons/03-echo/exercise.rs:31".into()),
            hint: Some("Which return value, and only which, says \"no more\"?".into()),
        };
        let cell = |scenario: &str, weather: Option<&str>, result, findings| Cell {
            scenario: scenario.into(),
            weather: weather.map(str::to_owned),
            seed: 7,
            verdict: Verdict { result, findings },
            lacking: Vec::new(),
            next: format!("lab check 3 --scenario '{scenario}' --seed 7"),
        };
        let why = || Judgement::Undetermined { why: "ptrace is forbidden here (EPERM)".into() };
        let broken = || vec![finding("reads-until-the-end", Grade::Broken)];
        let fragile = || vec![finding("writes-all", Grade::Fragile)];
        let cells = vec![
            cell("a line", None, Judgement::Pass, vec![finding("tidy", Grade::Note)]),
            cell("a # long text", None, Judgement::Fail, broken()),
            cell("a line", Some("short-read"), Judgement::Fail, fragile()),
            cell("byte by byte", Some("short-read"), Judgement::Fail, fragile()),
        ];
        let passed = vec![cell("one client", None, Judgement::Pass, vec![])];
        let unknown = vec![cell("one client", None, why(), vec![])];
        Report {
            lessons: vec![
                Graded::new(1, "01-one-shot", passed),
                Graded::new(3, "03-echo", cells),
                Graded::new(4, "04-stamps", unknown),
                Graded::new(5, "05-empty", vec![]),
            ],
        }
    }

    #[test]
    fn a_verdict_says_what_was_done_then_what_it_lacks() {
        let report = sample();
        let mut page: String = report.lessons.iter().map(|it| lesson(it, false)).collect();
        page.push_str(&summary(&report, false));
        assert!(!page.contains('\u{1b}'));
        insta::assert_snapshot!(page);
    }

    #[test]
    fn only_colour_makes_escapes_and_takes_nothing_away() {
        let report = sample();
        let graded = &report.lessons[1];
        let painted = lesson(graded, true);
        assert!(painted.contains("\u{1b}["));
        assert_eq!(anstream::adapter::strip_str(&painted).to_string(), lesson(graded, false));
    }

    #[test]
    fn findings_beyond_the_third_are_named_only() {
        let mut report = sample();
        let mut cell = report.lessons[1].cells[1].clone();
        let first = cell.verdict.findings[0].clone();
        for rule in ["b", "c", "d", "e"] {
            cell.verdict.findings.push(Finding { rule: rule.into(), ..first.clone() });
        }
        report.lessons[1].cells = vec![cell];
        let told = fair(&report.lessons[1], false);
        assert_eq!(told.matches("  did ").count(), 3);
        assert!(told.contains("and, perhaps for the same reason: d, e\n"), "{told}");
    }

    #[test]
    fn what_the_sandbox_had_to_do_without_is_told() {
        let mut report = sample();
        report.lessons[0].cells[0].lacking = vec!["net: EPERM".into()];
        let told = head(&report.lessons[0], false);
        assert!(told.ends_with("\n  not isolated: this machine lacks net: EPERM\n"), "{told}");
    }
}
