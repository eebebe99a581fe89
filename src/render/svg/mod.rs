//! A timeline as a picture: time runs down, a lane for each thread, arrows for what goes over the wire.
//!
//! ```text
//! Timeline ─ lanes ──── who has a lane, when it lives and waits
//!          ─ ladders ── which states each TCP socket was in
//!          ─ plan ───── where all of it stands: no two texts at one place
//!          ─ here ───── drawn, a title on everything                            → SVG
//!            canvas ─── escaped
//! ```
//!
//! It can be read in grey and by those who see no colours: shape and text say all that colours say. Text is text, in
//! cells of fixed width whatever the font, so that a picture can be searched, copied and magnified. Light or dark is
//! the reader's choice; a page that embeds it may set `--lab-ink` and the like (`style.css`).

mod canvas;
mod ladders;
pub(super) mod lanes;
mod legend;
mod plan;
#[cfg(test)]
mod tests;

use unicode_width::UnicodeWidthStr;

use self::canvas::{Canvas, clean};
use self::plan::{CELL, Flight, HOOK, LINE, Line, MARGIN, Plan, RUNG, SMALL, pixels};
use crate::event::{Ending, Reason, Value, What};
use crate::render::text::{self, Paint, Span};
use crate::timeline::{Arrow, Holder, Masks, Piece, RowKind, Timeline};

/// Draws a timeline; the same one always to the same bytes.
pub fn svg(timeline: &Timeline) -> String {
    Page::of(timeline).draw()
}

/// Keeps the beginning of a text that is wider than `room` columns, and says so; what is in quotes stays so.
fn shortened(text: &str, room: usize) -> String {
    let text = clean(text);
    if text.width() <= room {
        return text.into_owned();
    }
    let end = if text.starts_with('"') { "…\"" } else { "…" };
    let mut short = String::new();
    let mut used = end.width();
    for unit in text::units(&text) {
        used += unit.width();
        if used > room {
            break;
        }
        short.push_str(unit);
    }
    short + end
}

/// The height of a role's name above the lanes, of the threads' below it, and from one line of words to the next.
const HEAD: i32 = 36;
const THREADS: i32 = 22;
const WORDS: i32 = 22;
/// Above this many rows the heads are drawn once more at the end.
const LONG: usize = 24;
/// How far below the last row.
const AGAIN: i32 = 24;

/// The height of what stands above the lanes.
fn head_height(plan: &Plan<'_>) -> i32 {
    let has_threads =
        plan.lanes.lanes.iter().any(|it| plan::heading(plan.timeline, &plan.lanes, it).is_some());
    if has_threads { HEAD + THREADS } else { HEAD }
}

/// A picture on the way.
struct Page<'a> {
    plan: Plan<'a>,
    canvas: Canvas,
    /// What the rows show in place of ports, and those that only a whole text shows.
    masks: Masks,
    above: Vec<String>,
    below: Vec<String>,
    /// Tells this picture's title from those of others on a page.
    id: String,
    /// The top of the heads, and of the rows.
    heads: i32,
    rows: i32,
}

impl<'a> Page<'a> {
    fn of(timeline: &'a Timeline) -> Page<'a> {
        let plan = Plan::of(timeline);
        let columns = |cell| usize::try_from((plan.width - 2 * MARGIN) / cell).unwrap_or(80);
        let (above, _) = text::around(timeline, columns(CELL + 2));
        let (_, below) = text::around(timeline, columns(CELL));
        let name = [timeline.lesson.as_deref(), timeline.scenario.as_deref()];
        let words: Vec<&str> = name
            .into_iter()
            .flatten()
            .flat_map(|name| name.split(|c: char| !c.is_ascii_alphanumeric()))
            .filter(|word| !word.is_empty())
            .collect();
        let id = if words.is_empty() { "timeline".to_owned() } else { words.join("-") };
        let heads = MARGIN + WORDS * above.len() as i32 + 8;
        Page {
            canvas: Canvas::new(),
            masks: timeline.masks.clone(),
            above,
            below,
            id: format!("lab-{id}"),
            heads,
            rows: heads + head_height(&plan),
            plan,
        }
    }

    fn draw(mut self) -> String {
        let end = self.rows + self.plan.height;
        let again = self.plan.lines.len() > LONG;
        let foot = end + if again { self.rows - self.heads + 32 } else { 20 };
        let legend = self.legend();
        let height = foot + WORDS * (legend.1 + self.below.len() as i32) + 6 + MARGIN;
        self.open(height);
        for (n, line) in std::mem::take(&mut self.above).iter().enumerate() {
            let class = if n == 0 { "big" } else { "words" };
            let cell = if n == 0 { CELL + 2 } else { CELL };
            self.write(class, MARGIN, MARGIN + 14 + WORDS * n as i32, cell, line);
            self.canvas.end_line();
        }
        self.guides(end);
        self.lives(end);
        self.states(end);
        self.waits(end);
        let lines = std::mem::take(&mut self.plan.lines);
        for line in &lines {
            self.call(line);
            line.arrows.iter().for_each(|flight| self.arrow(line, flight));
        }
        self.names(self.heads);
        if again {
            self.names(end + AGAIN);
        }
        self.draw_legend(foot, &legend.0);
        for (n, line) in std::mem::take(&mut self.below).iter().enumerate() {
            self.write("words", MARGIN, foot + WORDS * (legend.1 + n as i32) + 22, CELL, line);
            self.canvas.end_line();
        }
        self.canvas.close("svg");
        self.canvas.end_line();
        self.canvas.finish()
    }

    fn open(&mut self, height: i32) {
        let width = self.plan.width;
        let (title, desc) = (format!("{}-title", self.id), format!("{}-desc", self.id));
        self.canvas.open(
            "svg",
            &[
                ("xmlns", &"http://www.w3.org/2000/svg"),
                ("class", &"socket-lab"),
                ("viewBox", &format!("0 0 {width} {height}")),
                ("width", &width),
                ("height", &height),
                ("role", &"img"),
                ("aria-labelledby", &format!("{title} {desc}")),
            ],
        );
        self.canvas.end_line();
        let name = self.above.first().cloned().unwrap_or_else(|| "timeline".into());
        self.canvas.leaf("title", &[("id", &title)], &name);
        self.canvas.end_line();
        let described = self.described();
        self.canvas.leaf("desc", &[("id", &desc)], &described);
        self.canvas.end_line();
        self.canvas.leaf("style", &[], include_str!("style.css"));
        self.canvas.end_line();
        self.canvas.empty("rect", &[("class", &"paper"), ("width", &width), ("height", &height)]);
        self.canvas.end_line();
    }

    /// The picture in words, for those who do not see it.
    fn described(&self) -> String {
        let timeline = self.plan.timeline;
        let roles: Vec<&str> = timeline.roles.iter().map(|role| role.name.as_str()).collect();
        let packets: u64 =
            timeline.rows.iter().flat_map(|row| &row.arrows).map(|arrow| arrow.count).sum();
        format!(
            "A sequence diagram; time runs down. Lanes: {}. Steps: {}. Packets: {packets}. {}",
            roles.join(", "),
            timeline.rows.len(),
            self.below.join(" "),
        )
    }

    /// A text whose baseline is at `y` and whose characters are `cell` wide.
    fn write(&mut self, class: &str, x: i32, y: i32, cell: i32, text: &str) {
        self.write_spans(class, x, y, cell, &[Span { text: text.to_owned(), paint: Paint::Plain }]);
    }

    fn write_spans(&mut self, class: &str, x: i32, y: i32, cell: i32, spans: &[Span]) {
        let indent: usize =
            spans.first().map_or(0, |it| it.text.len() - it.text.trim_start_matches(' ').len());
        let x = x + indent as i32 * cell;
        let mut spans: Vec<Span> = spans.to_vec();
        if let Some(first) = spans.first_mut() {
            first.text.drain(..indent);
        }
        if let Some(last) = spans.last_mut() {
            last.text.truncate(last.text.trim_end().len());
        }
        let wide: i32 = spans.iter().map(|span| pixels(&span.text, cell)).sum();
        if wide == 0 {
            return;
        }
        let classes = if cell == SMALL { format!("{class} small") } else { class.to_owned() };
        self.canvas
            .open("text", &[("class", &classes), ("x", &x), ("y", &y), ("textLength", &wide)]);
        for span in spans.iter().filter(|span| !span.text.is_empty()) {
            let class = match span.paint {
                Paint::Plain | Paint::Role | Paint::Waiting | Paint::State => {
                    self.canvas.text(&span.text);
                    continue;
                }
                Paint::Data => "data",
                Paint::Failure => "failure",
                Paint::Quiet => "quiet",
            };
            self.canvas.leaf("tspan", &[("class", &class)], &span.text);
        }
        self.canvas.close("text");
    }

    fn line(&mut self, class: &str, (x1, y1): (i32, i32), (x2, y2): (i32, i32)) {
        self.canvas.empty(
            "line",
            &[("class", &class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)],
        );
    }

    /// The middle of a row's first line.
    fn y(&self, row: usize) -> i32 {
        self.rows + self.plan.lines.get(row).map_or(0, |line| line.y)
    }

    /// The number of the step that a row is.
    fn step(&self, row: usize) -> usize {
        self.plan.lines.get(row).map_or(0, |line| line.row.step)
    }

    /// A hair for each lane, so that the eye finds its head.
    fn guides(&mut self, end: i32) {
        for x in self.plan.x.clone() {
            self.line("guide", (x, self.rows), (x, end));
            self.canvas.end_line();
        }
    }

    fn lives(&mut self, end: i32) {
        for life in std::mem::take(&mut self.plan.lives) {
            let x = self.plan.x[life.lane];
            let to = life.to.map_or(end, |row| self.y(row));
            self.line("life", (x, self.y(life.from)), (x, to));
            self.canvas.end_line();
        }
    }

    /// The ladders.
    fn states(&mut self, end: i32) {
        for rung in std::mem::take(&mut self.plan.rungs) {
            let x = self.plan.groups[rung.group].columns[rung.column];
            let top = self.y(rung.from);
            let (holder, owned) = match rung.now.holder {
                Holder::Process => ("process", ""),
                Holder::Queue => ("queue", ", not accepted yet"),
                Holder::Kernel => ("kernel", ", which no process has any more"),
            };
            let step = self.step(rung.from);
            let who = rung.now.role.as_deref().unwrap_or("nobody");
            let until = match rung.to {
                _ if rung.now.is_gone() => String::new(),
                Some(to) => format!(" to {}", self.step(to)),
                None => " to the end".into(),
            };
            let ends = match rung.now.is_gone() {
                true => String::new(),
                false => format!(" {} – {}", rung.now.local, rung.now.remote),
            };
            let (name, state) = (&rung.now.name, &rung.now.state);
            let title = format!("step {step}{until}: {who}: {name}{owned}, {state}{ends}");
            self.canvas.open("g", &[("class", &format!("state {holder}")), ("data-step", &step)]);
            self.canvas.leaf("title", &[], &title);
            if rung.now.is_gone() {
                self.line("turn", (x - 3, top), (x + 7, top));
            } else {
                let bottom = rung.to.map_or(end, |row| self.y(row));
                self.canvas.empty(
                    "rect",
                    &[("x", &x), ("y", &top), ("width", &4), ("height", &(bottom - top))],
                );
                self.line("turn", (x - 3, top), (x + 7, top));
            }
            for (n, says) in rung.says.iter().enumerate() {
                let class = if n + 1 < rung.says.len() { "name" } else { "states" };
                self.write(class, x + RUNG, top + 5 + LINE * n as i32, SMALL, says);
            }
            self.canvas.close("g");
            self.canvas.end_line();
        }
    }

    /// The bars of those that wait.
    fn waits(&mut self, end: i32) {
        let deadlock = self.plan.timeline.end.reason == Reason::Deadlock;
        for wait in std::mem::take(&mut self.plan.waits) {
            let x = self.plan.x[wait.lane];
            let Some(row) = self.plan.lines.get(wait.from).map(|line| line.row) else { continue };
            let for_ever = matches!(row.kind, RowKind::Waits { for_ever: true });
            let (mut top, mut bottom) = (self.y(wait.from), wait.to.map_or(end, |row| self.y(row)));
            if wait.to == Some(wait.from) {
                (top, bottom) = (top - 8, bottom + 8);
            }
            let class = if for_ever && deadlock { "wait for-ever" } else { "wait" };
            let until = match wait.to {
                _ if for_ever && deadlock => "for ever".to_owned(),
                Some(to) => format!("until step {}", self.step(to)),
                None => "to the end".into(),
            };
            let title =
                format!("{} waits in {} {until}, since step {}", row.role, row.call, row.step);
            self.canvas.open("g", &[("class", &class), ("data-from", &row.step)]);
            self.canvas.leaf("title", &[], &title);
            self.canvas.empty(
                "rect",
                &[("x", &(x - 6)), ("y", &top), ("width", &12), ("height", &(bottom - top))],
            );
            if for_ever && deadlock {
                self.write("failure", x - 4, bottom + 16, CELL, "∞");
            }
            self.canvas.close("g");
            self.canvas.end_line();
        }
    }

    fn call(&mut self, line: &Line<'_>) {
        let row = line.row;
        let (x, y) = (self.plan.x[line.lane], self.rows + line.y);
        let room = &self.plan.groups[self.plan.lanes.lanes[line.lane].group];
        let (label_x, flipped) = (room.label_x, room.flipped);
        let kind = match row.kind {
            RowKind::Waits { .. } => "call waits",
            RowKind::Wakes { .. } | RowKind::Waited => "call wakes",
            RowKind::Signal => "call signal",
            RowKind::Exit => "call exit",
            RowKind::Killed => "call killed",
            RowKind::Call => "call",
        };
        self.canvas.open("g", &[("class", &kind), ("data-step", &row.step)]);
        let whole = whole(line, &mut self.masks);
        self.canvas.leaf("title", &[], &whole);
        let step = row.step.to_string();
        let right =
            MARGIN + pixels(&self.plan.timeline.rows.len().to_string(), SMALL).max(2 * SMALL);
        self.write("step", right - pixels(&step, SMALL), y + 5, SMALL, &step);
        let first = line
            .label
            .first()
            .map_or(0, |spans| spans.iter().map(|it| pixels(&it.text, CELL)).sum());
        let (from, to) =
            if flipped { (label_x + first + 6, x - 10) } else { (x + 10, label_x - 4) };
        if to - from > 8 {
            self.line("leader", (from, y), (to, y));
        }
        let shape = match row.kind {
            RowKind::Signal => Shape::Flash,
            RowKind::Exit => Shape::Tick,
            RowKind::Killed => Shape::Cross,
            RowKind::Waits { .. } => Shape::Ring,
            _ if failed(line) => Shape::Diamond,
            _ => Shape::Dot,
        };
        self.shape(shape, x, y);
        for (n, spans) in line.label.iter().enumerate() {
            self.write_spans("says", label_x, y + 5 + LINE * n as i32, CELL, spans);
        }
        self.canvas.close("g");
        self.canvas.end_line();
    }

    fn arrow(&mut self, line: &Line<'_>, flight: &Flight<'_>) {
        let arrow = flight.arrow;
        let y = self.rows + line.y + LINE * flight.line as i32;
        let class = match arrow.what {
            What::Datagram | What::Echo | What::EchoReply => "arrow datagram",
            What::Rst | What::Unreachable => "arrow reset",
            _ => "arrow",
        };
        self.canvas.open("g", &[("class", &class), ("data-step", &line.row.step)]);
        let named = |point: &crate::timeline::Point| match &point.role {
            Some(role) => format!("{role}: {}", point.name),
            None if arrow.what.is_echo() => {
                format!("the kernel: {}", point.name)
            }
            None => format!("nobody: {}", point.name),
        };
        let title = format!(
            "step {}: {} from {} to {}",
            line.row.step,
            said_of(arrow),
            named(&arrow.from),
            named(&arrow.to)
        );
        self.canvas.leaf("title", &[], &title);
        let wide = pixels(&flight.label, SMALL);
        let (from, to) = (flight.from, flight.to);
        match flight.hook {
            Some(side) => {
                let out = from + side * HOOK;
                let shaft =
                    format!("M{} {y}H{out}V{}H{}", from + side * 8, y + LINE, to + side * 10);
                self.canvas.empty("path", &[("class", &"shaft"), ("d", &shaft)]);
                self.tip(to + side * 8, y + LINE, -side);
                self.write("packet", flight.label_x, y + LINE / 2 + 5, SMALL, &flight.label);
            }
            None => {
                let side = if to > from { 1 } else { -1 };
                let (near, far) = if side > 0 {
                    (flight.label_x - 5, flight.label_x + wide + 5)
                } else {
                    (flight.label_x + wide + 5, flight.label_x - 5)
                };
                let shaft = format!("M{} {y}H{near}M{far} {y}H{}", from + side * 8, to - side * 10);
                self.canvas.empty("path", &[("class", &"shaft"), ("d", &shaft)]);
                self.tip(to - side * 8, y, side);
                self.write("packet", flight.label_x, y + 5, SMALL, &flight.label);
            }
        }
        self.canvas.close("g");
        self.canvas.end_line();
    }

    /// The head of an arrow that points to a side.
    fn tip(&mut self, x: i32, y: i32, side: i32) {
        let path = format!("M{x} {y}l{} -5v10z", -10 * side);
        self.canvas.empty("path", &[("class", &"tip"), ("d", &path)]);
    }

    /// The names of the roles, and of their threads where there are several.
    fn names(&mut self, top: i32) {
        for n in 0..self.plan.groups.len() {
            let room = &self.plan.groups[n];
            let (name, x) = (room.name.clone(), room.name_x);
            let group = &self.plan.lanes.groups[n];
            let lanes = group.first..group.first + group.count;
            let wide = pixels(&name, CELL);
            let title = match group.is_nobody {
                true => "no program of this run".to_owned(),
                false => self.role_title(&name, n),
            };
            self.canvas.open("g", &[("class", &"role")]);
            self.canvas.leaf("title", &[], &title);
            self.canvas.empty(
                "rect",
                &[
                    ("class", &"head"),
                    ("x", &(x - 10)),
                    ("y", &top),
                    ("width", &(wide + 20)),
                    ("height", &28),
                    ("rx", &4),
                ],
            );
            self.write("name", x, top + 19, CELL, &name);
            for lane in lanes {
                let Some(head) = plan::heading(
                    self.plan.timeline,
                    &self.plan.lanes,
                    &self.plan.lanes.lanes[lane],
                ) else {
                    continue;
                };
                let x = self.plan.x[lane] - pixels(&head, SMALL) / 2;
                self.write("thread", x, top + 47, SMALL, &head);
            }
            self.canvas.close("g");
            self.canvas.end_line();
        }
    }

    /// A role and how it ended.
    fn role_title(&self, name: &str, group: usize) -> String {
        let ends = &self.plan.timeline.end.roles;
        let role = self.plan.timeline.roles.get(group).map_or(name, |role| role.name.as_str());
        let how = ends.iter().find(|(of, _)| of == role).map(|(_, how)| match how {
            Ending::Exited { status } => format!("ended with status {status}"),
            Ending::Signalled { signal } => format!("was ended by {signal}"),
            Ending::Killed { why } => format!("was ended by the lab: {why}"),
            Ending::NeverStarted => "never started".into(),
        });
        how.map_or_else(|| role.to_owned(), |how| format!("{role}: {how}"))
    }
}

/// All of a row: what its label may have shortened, and where it stands in the run.
fn whole(line: &Line<'_>, masks: &mut Masks) -> String {
    let row = line.row;
    let mut whole = format!("step {}, {}: {}", row.step, row.role, row.notation());
    let is_cut =
        |piece: &Piece| matches!(piece.value, Value::Bytes(_)) && piece.text.contains("\"…");
    if let Some(data) = row.data.as_ref().filter(|_| row.args.iter().any(is_cut)) {
        let text = String::from_utf8_lossy(&data.data);
        let text = masks.text(&text);
        let more = if data.is_cut() { " …" } else { "" };
        whole += &format!("\n{} bytes: {}{more}", data.len, text.escape_debug());
    }
    whole
}

/// What an arrow is in the words of its protocol.
fn said_of(arrow: &Arrow) -> String {
    match arrow.what {
        What::Datagram => format!("datagram of {}", arrow.label()),
        What::Unreachable => format!("{}: nobody has that port", arrow.label()),
        _ => arrow.label(),
    }
}

fn failed(line: &Line<'_>) -> bool {
    line.row.answer.as_ref().is_some_and(|answer| answer.failure.is_some())
}

impl Page<'_> {
    fn shape(&mut self, shape: Shape, x: i32, y: i32) {
        let (class, path) = match shape {
            Shape::Dot | Shape::Ring => {
                let class = if shape == Shape::Ring { "mark open" } else { "mark" };
                self.canvas
                    .empty("circle", &[("class", &class), ("cx", &x), ("cy", &y), ("r", &4)]);
                return;
            }
            Shape::Diamond => ("mark open alarm", format!("M{x} {}l7 7l-7 7l-7 -7z", y - 7)),
            Shape::Tick => ("stroke", format!("M{} {y}h20", x - 10)),
            Shape::Cross => ("stroke alarm", format!("M{} {}l14 14m0 -14l-14 14", x - 7, y - 7)),
            Shape::Flash => ("stroke alarm", format!("M{} {}l-8 10h8l-8 10", x + 4, y - 10)),
        };
        self.canvas.empty("path", &[("class", &class), ("d", &path)]);
    }
}

/// What stands on a lane.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Dot,
    Ring,
    Diamond,
    Tick,
    Cross,
    Flash,
}
