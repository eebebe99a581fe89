//! Where results go and how they look: formats, files, colour, width.

use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use clap::{Args, ValueEnum};

use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::event::{Recording, Schedule};
use crate::pattern::CallPattern;
use crate::progress;
use crate::render::links::Links;
use crate::render::{html, json, mermaid, pcapng, sockets, strace, svg, text};
use crate::timeline::timeline;

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    Auto,
    Always,
    Never,
}

impl ColorChoice {
    /// Whether what goes to stdout, or to a file, is to have colour.
    pub fn on(self, to_file: bool) -> bool {
        match self {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => !refused() && !to_file && std::io::stdout().is_terminal(),
        }
    }
}

/// Whether the user, or the terminal, wants no colour anywhere. Source: no-color.org.
fn refused() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb")
}

impl From<ColorChoice> for crate::cargo::Color {
    fn from(choice: ColorChoice) -> crate::cargo::Color {
        match choice {
            ColorChoice::Auto if refused() => crate::cargo::Color::Never,
            ColorChoice::Auto => crate::cargo::Color::Auto,
            ColorChoice::Always => crate::cargo::Color::Always,
            ColorChoice::Never => crate::cargo::Color::Never,
        }
    }
}

/// How a recording is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// The timeline, a column for each role
    #[default]
    Text,
    /// The timeline in ASCII and 80 columns
    Ascii,
    /// The recording itself, to be kept and shown again
    Json,
    /// An event a line, as it happens
    Jsonl,
    /// A picture: calls, packets and states of both ends
    Svg,
    /// The same as text for mermaid
    Mermaid,
    /// One page that plays it step by step in a browser
    Html,
    /// The packets, for Wireshark, with the calls as comments
    Pcapng,
    /// In strace's notation
    Strace,
}

/// Whose list of sockets is imitated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Tool {
    Ss,
    Netstat,
}

/// Options of every command that draws.
#[derive(Args, Clone)]
pub struct Drawing {
    /// How to draw it
    #[arg(long = "as", value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub format: Format,
    /// Write it to FILE instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Show only calls that match, as in `_: recv(..) = 0`
    #[arg(long, value_name = "PATTERN")]
    pub only: Option<String>,
    /// How to list the sockets below a timeline, if at all.
    #[arg(skip)]
    pub sockets: Option<Tool>,
}

impl Drawing {
    /// Fails early if the pattern is wrong or FILE cannot be written: before anything is recorded.
    pub fn check(&self) -> Result<()> {
        let option = match (self.pattern()?, self.sockets) {
            (Some(_), _) => Some("--only"),
            (None, Some(_)) => Some("--sockets"),
            (None, None) => None,
        };
        if let Some(option) = option
            && !matches!(self.format, Format::Text | Format::Ascii)
        {
            return Err(Error::Usage {
                why: format!(
                    "`{option}` goes with a timeline, which is `--as text` or `--as ascii`"
                ),
                next: "leave one of the two out".into(),
            });
        }
        if self.format == Format::Pcapng && self.output.is_none() && std::io::stdout().is_terminal()
        {
            return Err(Error::Usage {
                why: "a capture is no text, and stdout is a terminal".into(),
                next: "add `-o run.pcapng`, and open that in Wireshark".into(),
            });
        }
        self.output.as_deref().map_or(Ok(()), can_write)
    }

    pub fn pattern(&self) -> Result<Option<CallPattern>> {
        self.only.as_deref().map(str::parse).transpose()
    }

    /// Draws a recording to where it is to go.
    pub fn draw(&self, recording: &Recording, color: ColorChoice) -> Result<()> {
        let pattern = self.pattern()?;
        let drawn = match self.format {
            Format::Pcapng => {
                check_capture(recording)?;
                return self.put(&pcapng::pcapng(recording, &timeline(recording)));
            }
            Format::Json => json::write(recording),
            Format::Jsonl => {
                recording.events.iter().map(|event| json::jsonl(event) + "\n").collect()
            }
            Format::Html => html::html(&timeline(recording)),
            Format::Strace => strace::recording(recording),
            Format::Svg => svg::svg(&timeline(recording)),
            Format::Mermaid => mermaid::mermaid(&timeline(recording)),
            Format::Text | Format::Ascii => {
                let mut timeline = timeline(recording);
                if let Some(pattern) = pattern {
                    timeline.rows.retain(|row| pattern.matches(row) || pattern.matches_begun(row));
                }
                let sockets = self.sockets.map(|tool| match tool {
                    Tool::Ss => sockets::sockets(&timeline, sockets::Tool::Ss),
                    Tool::Netstat => sockets::sockets(&timeline, sockets::Tool::Netstat),
                });
                text::text(&timeline, &self.style(color)) + &sockets.unwrap_or_default()
            }
        };
        self.put(drawn.as_bytes())
    }

    /// How to draw on the terminal what is told on the way.
    pub fn style_of(&self, format: Format, color: ColorChoice) -> text::Style {
        Drawing { format, output: None, ..self.clone() }.style(color)
    }

    fn style(&self, color: ColorChoice) -> text::Style {
        let color = color.on(self.output.is_some());
        match self.format {
            Format::Ascii => text::Style { width: 80, color, ascii: true },
            _ => text::Style { width: width(self.output.is_some()), color, ascii: false },
        }
    }

    /// Whether it is drawn for somebody who reads it now.
    pub fn is_read(&self) -> bool {
        self.format == Format::Text && self.output.is_none() && std::io::stdout().is_terminal()
    }

    /// Whether an event is written when it happens, a line each.
    pub fn is_streamed(&self) -> bool {
        matches!(self.format, Format::Jsonl | Format::Strace)
    }

    /// Where it is to go, for what comes line by line.
    pub fn out(&self) -> Result<Out> {
        let Some(path) = &self.output else { return Ok(Out::Stdout) };
        // Nothing takes the place of a pipe or a device.
        let is_plain = std::fs::metadata(path).map_or(true, |about| about.is_file());
        match is_plain.then(|| progress::Replacement::of(path, None)) {
            Some(Ok(new)) => Ok(Out::New(BufWriter::with_capacity(OUT, new))),
            // The file may be ours to write, and its folder not.
            Some(Err(Error::File { why, .. })) if why.ends_with("(EACCES)") => Out::over(path),
            Some(Err(error)) => Err(error),
            None => Out::over(path),
        }
    }

    fn put(&self, drawn: &[u8]) -> Result<()> {
        match &self.output {
            None => {
                bytes_to_stdout(drawn);
                Ok(())
            }
            Some(path) => to_file(path, drawn),
        }
    }
}

/// Where lines go that are written as they come.
pub enum Out {
    Stdout,
    /// Takes the place of a file once all is written.
    New(BufWriter<progress::Replacement>),
    Over(BufWriter<std::fs::File>, PathBuf),
}

/// Bytes that are written at a time.
const OUT: usize = 64 << 10;

impl Out {
    fn over(path: &Path) -> Result<Out> {
        let file = std::fs::File::create(path).map_err(|it| Error::file("write", path, &it))?;
        Ok(Out::Over(BufWriter::with_capacity(OUT, file), path.to_owned()))
    }

    pub fn line(&mut self, line: &[u8]) -> std::io::Result<()> {
        let out: &mut dyn Write = match self {
            Out::Stdout => {
                bytes_to_stdout(&[line, b"\n"].concat());
                return Ok(());
            }
            Out::New(out) => out,
            Out::Over(out, _) => out,
        };
        out.write_all(line)?;
        out.write_all(b"\n")
    }

    /// Nothing more comes; `written` is what became of the lines.
    pub fn done(self, written: std::io::Result<()>) -> Result<()> {
        match self {
            Out::Stdout => Ok(()),
            Out::New(mut out) => {
                let written = written.and_then(|()| out.flush());
                out.into_parts().0.done_for_now(written)
            }
            Out::Over(mut out, path) => {
                let written = written.and_then(|()| out.flush());
                written.map_err(|error| Error::file("write", &path, &error))
            }
        }
    }
}

/// Fails if the wire was not read: a file without packets would say that there were none.
fn check_capture(recording: &Recording) -> Result<()> {
    let lacking = &recording.isolation.lacking;
    let (why, next) = match recording.schedule {
        _ if !recording.frames.is_empty() => return Ok(()),
        Schedule::Free => (
            "no packet was captured: where all run at once, nobody could say which call sent it"
                .into(),
            "leave out `--schedule free`",
        ),
        _ if !lacking.is_empty() => (
            format!("no packet was captured: this machine lacks {}", lacking.join(", ")),
            "lab doctor",
        ),
        _ => return Ok(()),
    };
    Err(Error::Usage { why, next: next.into() })
}

/// The terminal's width; 100 columns where there is none.
pub fn width(to_file: bool) -> usize {
    const ELSEWHERE: usize = 100;
    let terminal = (!to_file).then(|| terminal_size::terminal_size_of(std::io::stdout())).flatten();
    terminal.map_or(ELSEWHERE, |(width, _)| usize::from(width.0))
}

/// Fails if a file here could not be written. Leaves nothing behind: the run may still come to nothing.
pub fn can_write(path: &Path) -> Result<()> {
    match std::fs::metadata(path) {
        // Opening a pipe may wait for its reader, and closing it again would be the end for them.
        Ok(about) if !about.is_file() && !about.is_dir() => return Ok(()),
        _ => {}
    }
    let new = !path.exists();
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|error| Error::file("write", path, &error))?;
    if new {
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// Writes a result to a file: all of it, or what was there before stays.
pub fn to_file(path: &Path, bytes: &[u8]) -> Result<()> {
    // Nothing takes the place of a pipe or a device.
    if std::fs::metadata(path).is_ok_and(|about| !about.is_file()) {
        return over(path, bytes);
    }
    let replaced = progress::Replacement::of(path, None).and_then(|mut new| {
        let written = new.write_all(bytes);
        new.done_for_now(written)
    });
    match replaced {
        // The file may be ours to write, and its folder not.
        Err(Error::File { why, .. }) if why.ends_with("(EACCES)") => over(path, bytes),
        replaced => replaced,
    }
}

fn over(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|error| Error::file("write", path, &error))
}

/// What became of the first result that stdout did not take.
static LOST: OnceLock<std::io::Error> = OnceLock::new();

/// Fails if anything that was printed is lost: to a full disk, for one.
pub fn all_printed() -> Result<()> {
    LOST.get().map_or(Ok(()), |error| Err(Error::file("write", Path::new("stdout"), error)))
}

/// Prints a result. A reader that has gone away (`| head`) has seen enough.
pub fn to_stdout(text: &str) {
    bytes_to_stdout(text.as_bytes());
}

fn bytes_to_stdout(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    if let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush())
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        let _ = LOST.set(error);
    }
}

/// Prints what is said about a result.
pub fn to_stderr(text: &str) {
    let terminal = terminal_size::terminal_size_of(std::io::stderr());
    let text = terminal.map_or_else(|| text.into(), |(width, _)| fitted(text, width.0.into()));
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Prints a result in words: within the terminal's width, if it goes to one.
pub fn say(text: &str) {
    let terminal = terminal_size::terminal_size_of(std::io::stdout());
    match terminal {
        Some((width, _)) => to_stdout(&fitted(text, width.0.into())),
        None => to_stdout(text),
    }
}

/// Breaks lines that are too wide, between words; what goes on below is set in as far as the last column of the line,
/// or a little where that would leave no room.
fn fitted(text: &str, width: usize) -> String {
    wrapped(text, width, false)
}

/// The same for a screen, which does not break lines itself: a word that is too wide is broken as well.
pub fn within(text: &str, width: usize) -> String {
    wrapped(text, width, true)
}

fn wrapped(text: &str, width: usize, break_words: bool) -> String {
    let fit = |line: &str| -> String {
        let (bare, end) = match line.strip_suffix('\n') {
            Some(bare) => (bare, "\n"),
            None => (line, ""),
        };
        if textwrap::core::display_width(bare) <= width {
            return line.to_owned();
        }
        let indent = " ".repeat(column(bare).filter(|at| *at <= width / 3).unwrap_or(4));
        let options = textwrap::Options::new(width)
            .subsequent_indent(&indent)
            .break_words(break_words)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        let lines = textwrap::wrap(bare, options);
        lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n") + end
    };
    text.split_inclusive('\n').map(fit).collect()
}

/// Where the last column of a line begins: behind the last run of blanks.
fn column(line: &str) -> Option<usize> {
    let (before, _) = line.trim_end().rsplit_once("  ")?;
    Some(textwrap::core::display_width(before) + 2)
}

/// Prints results in words, with links where the terminal knows them.
pub struct Linked {
    root: PathBuf,
    host: String,
    chapters: Vec<String>,
    on: bool,
}

impl Linked {
    pub fn new(catalogue: &Catalogue, color: ColorChoice) -> Linked {
        let root = catalogue.root().to_path_buf();
        let has_chapter =
            |name: &String| root.join("book/src/lessons").join(format!("{name}.md")).is_file();
        let names = catalogue.names().iter().map(|name| name.whole.clone());
        let machine = nix::sys::utsname::uname().ok();
        let host =
            machine.map(|it| it.nodename().to_string_lossy().into_owned()).unwrap_or_default();
        Linked { chapters: names.filter(has_chapter).collect(), host, on: links(color), root }
    }

    pub fn say(&self, text: &str) {
        let links = Links { root: &self.root, host: &self.host, chapters: &self.chapters };
        match self.on {
            true => say(&links.of(text)),
            false => say(text),
        }
    }
}

/// Whether links may go to stdout: to a terminal that is known to show them, and not to a user who wants no escapes.
pub fn links(color: ColorChoice) -> bool {
    let wanted = color != ColorChoice::Never && !refused();
    wanted
        && std::io::stdout().is_terminal()
        && supports_hyperlinks::on(supports_hyperlinks::Stream::Stdout)
}

/// What a file or a command line held must not move the cursor or colour the screen.
pub fn harmless(text: &str) -> String {
    let is_harmless = |c: char| !c.is_control() || c == '\n';
    text.chars().fold(String::new(), |mut safe, c| {
        match is_harmless(c) {
            true => safe.push(c),
            false => safe.extend(c.escape_default()),
        }
        safe
    })
}

/// The same, on one line.
pub fn one_line(text: &str) -> String {
    harmless(text).replace('\n', " ")
}

/// How far something is that takes long: a line on stderr, if that is a terminal, gone when done.
pub struct Progress {
    bar: indicatif::ProgressBar,
    wanted: bool,
}

impl Progress {
    /// Of so many parts.
    pub fn of(parts: usize, color: ColorChoice) -> Progress {
        // A bar is drawn and erased by escape sequences.
        let wanted = std::io::stderr().is_terminal() && color != ColorChoice::Never && !refused();
        let hidden = indicatif::ProgressDrawTarget::hidden();
        let bar = indicatif::ProgressBar::with_draw_target(Some(parts as u64), hidden);
        if let Ok(style) = indicatif::ProgressStyle::with_template("{pos}/{len} {wide_msg}") {
            bar.set_style(style);
        }
        Progress { bar, wanted }
    }

    /// Begins a part. What is over within a second never shows.
    pub fn begin(&self, what: &str) {
        if self.wanted && self.bar.elapsed() > std::time::Duration::from_secs(1) {
            self.wanted_now();
        }
        self.bar.set_message(what.to_owned());
    }

    fn wanted_now(&self) {
        if self.bar.is_hidden() {
            self.bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        }
    }

    /// A part is done.
    pub fn done(&self) {
        self.bar.inc(1);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
