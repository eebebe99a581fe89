//! A timeline as one page that plays it step by step, for a lecture and for the book.
//!
//! The page is whole without its script: every call with its packets and what became of the sockets, in order, then
//! how it ended. `html/page.js` makes it a player: it lights one step and draws, from the [`Data`] at the end of the
//! page, the table of sockets and the diagram of states as they stood after it. Nothing is fetched: the page forbids
//! it itself, and names the hashes of the one style and the one script that may be applied, so that nothing in a
//! recording can become either. It is also well-formed XML, by which the tests read it.

mod diagram;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::sockets;
use super::text::{self, Life, Paint, Span};
use crate::event::What;
use crate::timeline::{Arrow, Change, Key, Point, Row, RowKind, SocketLine, Timeline};

const PAGE: &str = include_str!("html/page.html");
const STYLE: &str = include_str!("html/page.css");
const SCRIPT: &str = include_str!("html/page.js");

/// How many colours and marks `page.css` and `page.js` have for roles.
const COLOURS: usize = 6;

/// So many rows make a list of their own: of several lists a browser lays out those in sight.
const LONG: usize = 500;

/// With more roles than this their lives are not drawn beside the calls: there is no room.
const MOST_LANES: usize = 8;

/// Draws a timeline as a page.
pub fn html(timeline: &Timeline) -> String {
    let columns = Columns::of(timeline);
    let data = serde_json::to_string(&Data::of(timeline, &columns)).unwrap_or_default();
    let mut heading = text::heading(timeline).into_iter();
    let title = match &timeline.lesson {
        Some(_) => heading.next().map(|(words, _)| words).unwrap_or_default(),
        None => "A recording".into(),
    };
    let changes = || timeline.rows.iter().flat_map(|row| &row.changes);
    let none = match changes().next() {
        Some(_) => "No TCP or UDP socket is in use.",
        None => "This recording does not tell of TCP or UDP sockets.",
    };
    let tcp = changes().any(|change| change.now.protocol == "tcp");
    filled(PAGE, |name| match name {
        "title" => escaped(&title),
        "layout" if timeline.rows.len() > LONG => format!("{} long", columns.layout()),
        "layout" => columns.layout().into(),
        "style" => STYLE.into(),
        "script" => SCRIPT.into(),
        "style-hash" => hash(STYLE),
        "script-hash" => hash(SCRIPT),
        "heading" => lines(heading.by_ref(), "p"),
        "steps" => timeline.rows.len().max(1).to_string(),
        "columns" => sockets::SS.map(|head| tag("th", "role=\"columnheader\"", head)).concat(),
        "none" => none.into(),
        "diagram" if tcp => diagram::FIGURE.into(),
        "lanes" => columns.heads(),
        "rows" => rows(timeline, &columns),
        "end" => lines(text::ending(timeline).into_iter(), "li"),
        "data" => in_script(&data),
        _ => String::new(),
    })
}

/// Fills the places `{{name}}` of a template. What is filled in is not looked at again.
fn filled(template: &str, mut value: impl FnMut(&str) -> String) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(&value(name));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// As a Content-Security-Policy names a script: the digest of all between its tags.
fn hash(text: &str) -> String {
    BASE64.encode(Sha256::digest(text.as_bytes()))
}

/// A text for anywhere outside a script.
fn escaped(text: &str) -> String {
    quick_xml::escape::escape(clean(text)).into_owned()
}

/// A text with `?` for what XML forbids, and for what a reader cannot see but by what it does to its neighbours.
fn clean(text: &str) -> Cow<'_, str> {
    let unfit = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
    };
    if text.contains(unfit) { text.replace(unfit, "?").into() } else { text.into() }
}

/// JSON for within a script: nothing in it ends the script or a line, and it is the same read as HTML and as XML.
fn in_script(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

fn tag(name: &str, attributes: &str, text: &str) -> String {
    format!("<{name} {attributes}>{}</{name}>", escaped(text))
}

fn lines(words: impl Iterator<Item = (String, Paint)>, name: &str) -> String {
    words
        .map(|(words, paint)| tag(name, &format!("class=\"{}\"", class(paint)), &words) + "\n")
        .collect()
}

fn class(paint: Paint) -> &'static str {
    match paint {
        Paint::Plain => "plain",
        Paint::Role => "plain",
        Paint::Data => "data",
        Paint::State => "state",
        Paint::Failure => "bad",
        Paint::Waiting => "wait",
        Paint::Quiet => "quiet",
    }
}

/// Which column a role has.
struct Columns<'a> {
    names: Vec<&'a str>,
    places: HashMap<&'a str, usize>,
}

impl<'a> Columns<'a> {
    fn of(timeline: &'a Timeline) -> Columns<'a> {
        let names: Vec<&str> = timeline.roles.iter().map(|role| role.name.as_str()).collect();
        let mut places = HashMap::new();
        for (n, name) in names.iter().enumerate() {
            places.entry(*name).or_insert(n);
        }
        Columns { names, places }
    }

    fn two(&self) -> bool {
        self.names.len() == 2
    }

    /// Two roles stand side by side where there is room; one or several below each other.
    fn layout(&self) -> &'static str {
        if self.two() { "two" } else { "many" }
    }

    fn place(&self, role: Option<&str>) -> Option<usize> {
        self.places.get(role?).copied()
    }

    /// After all the others for what is in no column.
    fn index(&self, role: Option<&str>) -> usize {
        self.place(role).unwrap_or(self.names.len())
    }

    fn heads(&self) -> String {
        let [a, b] = self.names.as_slice() else { return String::new() };
        let head = |name: &str, n: usize| {
            tag("span", &format!("class=\"c{n} at-{}\"", if n == 0 { 'a' } else { 'b' }), name)
        };
        format!(
            "<div class=\"lanes-head\" aria-hidden=\"true\">{}<i class=\"between\">wire</i>{}</div>\n",
            head(a, 0),
            head(b, 1)
        )
    }
}

fn rows(timeline: &Timeline, columns: &Columns<'_>) -> String {
    let mut out = String::new();
    let mut lives = vec![Life::default(); columns.names.len()];
    for row in &timeline.rows {
        let own = columns.place(Some(&row.role));
        if let Some(life) = own.and_then(|own| lives.get_mut(own)) {
            life.before(row);
        }
        if row.step > LONG && row.step % LONG == 1 {
            out.push_str("</ol>\n<ol class=\"calls\" role=\"list\">\n");
        }
        item(&mut out, timeline, columns, &lives, row);
        if let Some(life) = own.and_then(|own| lives.get_mut(own)) {
            life.after(row);
        }
    }
    out
}

/// One row: its number, the lives of all roles, who does what, what goes over the wire, what became of sockets.
fn item(out: &mut String, timeline: &Timeline, columns: &Columns<'_>, lives: &[Life], row: &Row) {
    let step = row.step;
    let own = columns.index(Some(&row.role));
    let bars = if columns.two() { side_bars(lives) } else { String::new() };
    let side = if own == 0 { "a" } else { "b" };
    let _ = write!(
        out,
        "<li id=\"step={step}\" class=\"row {side} c{}{bars}\"><a class=\"n\" href=\"#step={step}\" \
         tabindex=\"-1\">{step}</a>",
        own % COLOURS
    );
    if lives.len() <= MOST_LANES {
        let bar = |(n, life): (usize, &Life)| if n == own { "●" } else { life.bar(false).0 };
        let bars: String = lives.iter().enumerate().map(bar).collect();
        let _ = write!(out, "<span class=\"lanes\" aria-hidden=\"true\">{bars}</span>");
    }
    out.push_str("<span class=\"said\">");
    said(out, timeline, row);
    out.push_str("</span>");
    if !row.arrows.is_empty() {
        out.push_str("<span class=\"wire\">");
        row.arrows.iter().for_each(|arrow| wire(out, columns, arrow));
        out.push_str("</span>");
    }
    for change in &row.changes {
        became(out, columns, change);
    }
    out.push_str("</li>\n");
}

/// Of two roles that stand side by side, whether each runs, waits or is not there.
fn side_bars(lives: &[Life]) -> String {
    let bar = |(life, side): (&Life, &str)| match life.bar(false).0 {
        "│" => format!(" runs-{side}"),
        "┊" => format!(" waits-{side}"),
        _ => String::new(),
    };
    lives.iter().zip(["a", "b"]).map(bar).collect()
}

fn said(out: &mut String, timeline: &Timeline, row: &Row) {
    let _ = write!(out, "<span class=\"who\"><span class=\"role\">{}</span>", escaped(&row.role));
    let mark = text::mark(timeline, &row.role, row.process, row.thread);
    if let Some(mark) = &mark {
        let _ = write!(out, " <span class=\"mark\">{}</span>", escaped(mark));
    }
    out.push_str("</span> <code class=\"call\">");
    // The mark is told already: it is the first of the spans.
    let skipped = usize::from(mark.is_some());
    let spans = text::atoms(timeline, row).into_iter().flatten().skip(skipped);
    spans.for_each(|span| painted(out, &span, row.kind));
    out.push_str("</code>");
}

fn painted(out: &mut String, span: &Span, kind: RowKind) {
    let text = escaped(&span.text);
    let _ = match (span.paint, kind) {
        // A short answer goes to the next line as a whole.
        (Paint::Plain, _) if text.starts_with("= ") && text.len() < 24 => {
            write!(out, "<span class=\"whole\">{text}</span>")
        }
        (Paint::Plain, _) => write!(out, "{text}"),
        // Where it began to wait can be gone to.
        (Paint::Waiting, RowKind::Wakes { since }) if span.text.starts_with('[') => {
            write!(out, "<a class=\"wait\" href=\"#step={since}\">{text}</a>")
        }
        (paint, _) => write!(out, "<span class=\"{}\">{text}</span>", class(paint)),
    };
}

fn wire(out: &mut String, columns: &Columns<'_>, arrow: &Arrow) {
    let ends = [&arrow.from, &arrow.to].map(|point| columns.place(point.role.as_deref()));
    let way = match ends {
        [Some(from), Some(to)] if from < to => "right",
        [Some(from), Some(to)] if from > to => "left",
        // Nobody in the recording has the other end: it is beyond the wire.
        [Some(0), None] => "right",
        [Some(_), None] => "left",
        [None, Some(0)] => "left",
        [None, Some(_)] => "right",
        _ => "own",
    };
    let apart = columns.two() && ends[0].is_some() && ends[1].is_some() && ends[0] != ends[1];
    let name = |point: &Point| match &point.role {
        Some(role) if apart => role.clone(),
        Some(role) => format!("{role}: {}", point.name),
        None => point.name.clone(),
    };
    let _ = write!(
        out,
        "<span class=\"arrow {way}\"><span class=\"what\">{}</span> <span class=\"way\">\
         {} from {} to {}</span></span>",
        escaped(&arrow.label()),
        if arrow.len > 1 || arrow.count > 1 { "go" } else { "goes" },
        escaped(&name(&arrow.from)),
        escaped(&name(&arrow.to))
    );
}

fn became(out: &mut String, columns: &Columns<'_>, change: &Change) {
    let Some(says) = change.says() else { return };
    let role = change.now.role.as_deref();
    let at = if columns.index(role) == 0 { "a" } else { "b" };
    let _ = write!(out, "<span class=\"became at-{at}\">");
    if let Some(role) = role {
        let _ = write!(out, "<span class=\"of\">{}: </span>", escaped(role));
    }
    let _ = write!(out, "<b>{}</b></span>", escaped(&says));
}

/// What the script reads: the rows hold all the rest.
#[derive(Serialize)]
struct Data {
    /// Every line that the table of sockets ever has, once.
    lines: Vec<Line>,
    /// Step, socket, its line from then on, and the edges of the diagram that it took; in order of the steps. The
    /// sockets' numbers are in the order of the table.
    changes: Vec<(usize, usize, usize, Vec<String>)>,
    /// Where somebody begins to wait, the step that ends it (0: nothing does), and in which call; in order.
    waits: Vec<(usize, usize, String)>,
}

/// A line of the table, and where its socket is in the diagram.
#[derive(Serialize)]
struct Line {
    cells: [String; 7],
    state: String,
    tcp: bool,
    gone: bool,
    /// The number of its role's column.
    role: usize,
    label: String,
}

impl Line {
    fn of(line: &SocketLine, columns: &Columns<'_>) -> Line {
        let label = line.owner().unwrap_or_else(|| match &line.role {
            Some(role) => format!("{role}: {}", line.name),
            None => line.name.clone(),
        });
        Line {
            cells: sockets::ss(line).map(|cell| clean(&cell).into_owned()),
            state: clean(&line.state).into_owned(),
            tcp: line.protocol == "tcp",
            gone: line.is_gone(),
            role: columns.index(line.role.as_deref()),
            label: clean(&label).into_owned(),
        }
    }
}

impl Data {
    fn of(timeline: &Timeline, columns: &Columns<'_>) -> Data {
        let changes = || timeline.rows.iter().flat_map(|row| &row.changes);
        let mut numbers: BTreeMap<Key, usize> =
            changes().map(|change| (change.now.key(), 0)).collect();
        numbers.values_mut().enumerate().for_each(|(n, number)| *number = n);

        let mut data = Data { lines: Vec::new(), changes: Vec::new(), waits: waits(timeline) };
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut ways = Ways::default();
        for row in &timeline.rows {
            let reset: HashSet<_> = row
                .arrows
                .iter()
                .filter(|arrow| arrow.what == What::Rst)
                .flat_map(|arrow| [arrow.from.object, arrow.to.object])
                .collect();
            for change in &row.changes {
                let line = Line::of(&change.now, columns);
                let written = serde_json::to_string(&line).unwrap_or_default();
                let number = *known.entry(written).or_insert_with(|| {
                    data.lines.push(line);
                    data.lines.len() - 1
                });
                let way = ways.taken(change, reset.contains(&change.now.object));
                let socket = numbers.get(&change.now.key()).copied().unwrap_or(0);
                data.changes.push((row.step, socket, number, way));
            }
        }
        data
    }
}

/// Which edges of the diagram sockets take.
#[derive(Default)]
struct Ways {
    /// How many listen at each address's port.
    listening: HashMap<String, usize>,
}

impl Ways {
    /// The edges by which a socket came into its state; none if that is not known, or was a reset, which has no edge.
    fn taken(&mut self, change: &Change, reset: bool) -> Vec<String> {
        let now = &change.now;
        let port =
            |line: &SocketLine| line.local.rsplit_once(':').map_or("", |(_, port)| port).to_owned();
        let listens = |line: &SocketLine| line.protocol == "tcp" && line.state == "LISTEN";
        if let Some(before) = change.before.as_ref().filter(|line| listens(line)) {
            let count = self.listening.entry(port(before)).or_default();
            *count = count.saturating_sub(1);
        }
        // A connection at a listener's port came out of it.
        let accepted = self.listening.get(&port(now)).is_some_and(|count| *count > 0);
        if listens(now) {
            *self.listening.entry(port(now)).or_default() += 1;
        }
        let from = match &change.before {
            Some(before) => before.state.as_str(),
            None if accepted && !listens(now) => "LISTEN",
            None => "CLOSED",
        };
        if now.protocol != "tcp" || reset { Vec::new() } else { diagram::way(from, &now.state) }
    }
}

fn waits(timeline: &Timeline) -> Vec<(usize, usize, String)> {
    let mut ends: HashMap<usize, usize> = HashMap::new();
    let mut open: BTreeMap<(&str, u32, u32), usize> = BTreeMap::new();
    for row in &timeline.rows {
        let who = (row.role.as_str(), row.process, row.thread);
        match row.kind {
            RowKind::Waits { .. } => {
                open.insert(who, row.step);
            }
            RowKind::Wakes { since } => {
                open.remove(&who);
                ends.insert(since, row.step);
            }
            // With a process all its threads are gone, whatever they waited for.
            RowKind::Killed | RowKind::Exit if row.call != "pthread_exit" => {
                let process = (who.0, who.1, 0)..=(who.0, who.1, u32::MAX);
                let gone: Vec<_> = open.range(process).map(|(who, step)| (*who, *step)).collect();
                for (who, step) in gone {
                    open.remove(&who);
                    ends.insert(step, row.step);
                }
            }
            _ => {}
        }
    }
    let begins = timeline.rows.iter().filter(|row| matches!(row.kind, RowKind::Waits { .. }));
    begins
        .map(|row| {
            let args: Vec<&str> = row.args.iter().map(|piece| piece.text.as_str()).collect();
            let call = format!("{}({})", row.call, args.join(", "));
            (row.step, ends.get(&row.step).copied().unwrap_or(0), clean(&call).into_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests;
