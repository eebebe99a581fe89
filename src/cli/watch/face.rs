//! What the learner sees and types: a screen and keys, or plain lines.
//!
//! Keys are read here rather than through crossterm's events: its reader waits within a sequence that a terminal has begun
//! and not ended (Alt-[ will do), and while the editor has the terminal nobody else may read. What is needed are a dozen
//! keys; bytes that are none of them do nothing.

use std::io::stdout;

use ansi_to_tui::IntoText as _;
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, enable_raw_mode};
use ratatui::layout::{Constraint, Layout, Position};
use ratatui::style::Style;
use ratatui::text::Text;
use ratatui::{DefaultTerminal, Frame};

use crate::error::{Error, Result};

use super::super::output;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Next,
    Hint,
    List,
    Run,
    Edit,
    Help,
    Quit,
    /// To the verdict.
    Back,
    /// So many lines down, or up.
    Lines(isize),
    /// So many screens.
    Screens(isize),
    Suspend,
}

impl Key {
    /// The keys in what a terminal in raw mode sends.
    pub fn of(mut bytes: &[u8]) -> Vec<Key> {
        let mut keys = Vec::new();
        while let Some((key, rest)) = Key::first(bytes) {
            keys.extend(key);
            bytes = rest;
        }
        keys
    }

    fn first(bytes: &[u8]) -> Option<(Option<Key>, &[u8])> {
        Some(match bytes {
            [] => return None,
            [0x1b, b'[' | b'O', b'A', rest @ ..] => (Some(Key::Lines(-1)), rest),
            [0x1b, b'[' | b'O', b'B', rest @ ..] => (Some(Key::Lines(1)), rest),
            [0x1b, b'[', b'5', b'~', rest @ ..] => (Some(Key::Screens(-1)), rest),
            [0x1b, b'[', b'6', b'~', rest @ ..] => (Some(Key::Screens(1)), rest),
            // Any other sequence, to its last byte, which is the first beyond `?`. ECMA-48, 5.4.
            [0x1b, b'[' | b'O', rest @ ..] => {
                let end = rest.iter().position(|it| (0x40..0x7f).contains(it));
                (None, &rest[end.map_or(rest.len(), |end| end + 1)..])
            }
            [0x1b | 0x7f | 0x08, rest @ ..] => (Some(Key::Back), rest),
            [0x03 | 0x04, rest @ ..] => (Some(Key::Quit), rest),
            [0x1a, rest @ ..] => (Some(Key::Suspend), rest),
            [b'j', rest @ ..] => (Some(Key::Lines(1)), rest),
            [b'k', rest @ ..] => (Some(Key::Lines(-1)), rest),
            [b' ', rest @ ..] => (Some(Key::Screens(1)), rest),
            [byte, rest @ ..] => (Key::letter(*byte), rest),
        })
    }

    /// The key at the beginning of a line.
    pub fn typed(line: &str) -> Option<Key> {
        line.trim_start().bytes().next().and_then(Key::letter)
    }

    fn letter(byte: u8) -> Option<Key> {
        Some(match byte.to_ascii_lowercase() {
            b'n' => Key::Next,
            b'h' => Key::Hint,
            b'l' => Key::List,
            b'r' => Key::Run,
            b'e' => Key::Edit,
            b'?' => Key::Help,
            b'q' => Key::Quit,
            _ => return None,
        })
    }
}

/// The last line, as long as there is room for.
pub const KEYS: [&str; 3] = [
    "n next  h hint  l list  r run demo  e edit  ? keys  q quit",
    "n next h hint l list r run e edit ? q",
    "n h l r e ? q",
];

/// What stands on the screen.
pub struct View<'a> {
    pub head: &'a str,
    pub body: &'a str,
    pub next: &'a str,
}

/// The terminal while it is ours: given back when dropped, and before a panic is told.
pub struct Screen {
    terminal: DefaultTerminal,
    /// How many lines of the body are above the screen.
    above: usize,
    /// How many lines of the body are on it.
    shown: usize,
}

impl Screen {
    pub fn new() -> Result<Screen> {
        let terminal = ratatui::try_init().map_err(|error| refused(&error))?;
        Ok(Screen { terminal, above: 0, shown: 0 })
    }

    /// In columns.
    pub fn width(&self) -> usize {
        self.terminal.size().map_or(80, |size| usize::from(size.width))
    }

    pub fn draw(&mut self, view: &View) -> Result<()> {
        let (above, shown) = (&mut self.above, &mut self.shown);
        let drawn = self.terminal.draw(|frame| (*above, *shown) = draw(frame, view, *above));
        drawn.map(drop).map_err(|error| refused(&error))
    }

    /// Moves the body; it stays on the screen.
    pub fn scroll(&mut self, lines: isize, screens: isize) {
        let screen = isize::try_from(self.shown.saturating_sub(1)).unwrap_or(1).max(1);
        self.above = self.above.saturating_add_signed(lines + screens * screen);
    }

    pub fn go_to_top(&mut self) {
        self.above = 0;
    }

    /// Gives the terminal to somebody else for a while.
    pub fn leave(&mut self) {
        ratatui::restore();
        let _ = self.terminal.show_cursor();
    }

    /// Takes it again.
    pub fn come_back(&mut self) -> Result<()> {
        let taken = enable_raw_mode().and_then(|()| execute!(stdout(), EnterAlternateScreen));
        // Draws all of it anew. `Terminal::clear` would ask the terminal where its cursor is, and wait for the answer.
        let whole = taken.and_then(|()| self.terminal.size());
        let drawn = whole.and_then(|size| self.terminal.resize((Position::ORIGIN, size).into()));
        drawn.map_err(|error| refused(&error))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

fn refused(error: &std::io::Error) -> Error {
    Error::Usage {
        why: format!("the terminal cannot be drawn on: {error}"),
        next: "lab watch --plain".into(),
    }
}

/// Draws it all; how much of the body is above the screen and how much on it.
fn draw(frame: &mut Frame, view: &View, above: usize) -> (usize, usize) {
    let area = frame.area();
    let width = usize::from(area.width);
    let [head, body, next] = [view.head, view.body, view.next].map(|text| wrapped(text, width));
    let height = |text: &Text| text.lines.len().min(usize::from(area.height) / 4).max(1) as u16;
    let rows = Layout::vertical([
        Constraint::Length(height(&head)),
        Constraint::Min(0),
        Constraint::Length(height(&next)),
        Constraint::Length(1),
    ]);
    let [top, middle, below, bottom] = rows.areas(area);
    let shown = usize::from(middle.height);
    let above = above.min(body.lines.len().saturating_sub(shown));
    let mut keys = KEYS.iter().find(|keys| keys.len() <= width).unwrap_or(&"").to_string();
    if body.lines.len() > shown {
        let place = format!("{}-{}/{}", above + 1, above + shown, body.lines.len());
        if keys.len() + place.len() + 2 <= width {
            keys = format!("{keys}{place:>0$}", width - keys.len());
        }
    }
    let lines: Vec<_> = body.lines.into_iter().skip(above).take(shown).collect();
    frame.render_widget(head.style(Style::new().bold()), top);
    frame.render_widget(Text::from(lines), middle);
    frame.render_widget(next.style(Style::new().bold()), below);
    frame.render_widget(Text::from(keys).style(Style::new().reversed()), bottom);
    (above, shown)
}

/// The lines of a text that may hold colours, none wider than this.
fn wrapped(text: &str, width: usize) -> Text<'static> {
    output::within(text, width.max(1)).into_text().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    #[test]
    fn keys_are_letters_and_the_sequences_of_arrows() {
        assert_eq!(Key::of(b"hL"), [Key::Hint, Key::List]);
        assert_eq!(Key::of(b"\x1b[A\x1bOBk"), [Key::Lines(-1), Key::Lines(1), Key::Lines(-1)]);
        assert_eq!(Key::of(b"\x1b[6~ \x1b[5~"), [1, 1, -1].map(Key::Screens));
        assert_eq!(Key::of(b"\x03"), [Key::Quit]);
        assert_eq!(Key::of(b"\x1b"), [Key::Back]);
    }

    #[test]
    fn what_is_no_key_does_nothing() {
        // Shift-F5, a mouse, an accent, half a sequence.
        assert_eq!(Key::of(b"\x1b[15;2~\x1b[<0;3;4M\xc3\xa9\x1b[1;5Hq"), [Key::Quit]);
        assert_eq!(Key::of(b"\x1b["), []);
        assert_eq!(Key::typed("  hint\n"), Some(Key::Hint));
        assert_eq!(Key::typed("\n"), None);
    }

    fn drawn(width: u16, height: u16, view: &View, above: usize) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| _ = draw(frame, view, above)).unwrap();
        let buffer = terminal.backend().buffer();
        let cells = buffer.content.chunks(usize::from(width));
        cells.map(|row| row.iter().map(|cell| cell.symbol()).collect()).collect()
    }

    #[test]
    fn the_first_line_is_the_lesson_and_the_last_the_keys_at_any_size() {
        let body: String =
            (1..100).map(|it| format!("line {it} \x1b[31mof many\x1b[0m\n")).collect();
        let head = "02-server-that-stays  checking  lessons/02-server-that-stays/exercise.rs";
        let view = View { head, body: &body, next: "next: mend it and save it; h gives a hint" };
        for (width, height) in [(40, 12), (80, 24), (200, 60), (20, 5), (1, 1)] {
            let rows = drawn(width, height, &view, 0);
            if width >= 40 {
                assert!(rows[0].starts_with("02-server-that-stays  checking"), "{rows:?}");
                assert!(rows[rows.len() - 1].starts_with("n next"), "{rows:?}");
                assert!(rows.iter().any(|row| row.starts_with("next: mend it")), "{rows:?}");
                assert!(rows.iter().any(|row| row.trim_end() == "line 1 of many"), "{rows:?}");
            }
        }
        // Far below its end is its end.
        let rows = drawn(80, 24, &view, 1000);
        assert!(rows.iter().any(|row| row.starts_with("line 99 ")), "{rows:?}");
        assert!(rows[23].trim_end().ends_with("79-99/99"), "{rows:?}");
    }

    /// Panics while it has the screen: for the test below, which runs it on a terminal.
    #[test]
    #[ignore = "it is the next test that runs it"]
    fn panics() {
        let mut screen = Screen::new().unwrap();
        screen.draw(&View { head: "head", body: "body", next: "next" }).unwrap();
        panic!("on purpose");
    }

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_told() {
        use nix::sys::termios::tcgetattr;
        let ends = nix::pty::openpty(None, None).unwrap();
        let before = tcgetattr(&ends.slave).unwrap();
        let mut tests = std::process::Command::new(std::env::current_exe().unwrap());
        tests.args(["cli::watch::face::tests::panics", "--exact", "--ignored", "--nocapture"]);
        let end = || ends.slave.try_clone().unwrap();
        let status = tests.stdin(end()).stdout(end()).stderr(end()).status().unwrap();
        drop(tests);
        assert_eq!(status.code(), Some(101), "a test has failed");
        assert_eq!(tcgetattr(&ends.slave).unwrap(), before);
        drop(ends.slave);
        let mut bytes = Vec::new();
        // A terminal without its other end says EIO rather than end of file. pty(7).
        let _ = std::io::Read::read_to_end(&mut std::fs::File::from(ends.master), &mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}: {text}"));
        assert!(at("\x1b[?1049h") < at("\x1b[?1049l"), "{text:?}");
        assert!(at("\x1b[?1049l") < at("on purpose"), "{text:?}");
        assert!(text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l"), "{text:?}");
    }

    #[test]
    fn a_long_line_goes_on_below_and_a_long_word_too() {
        let body = format!("  at     lessons/{}.rs:31\n", "x".repeat(60));
        let view = View { head: "a", body: &body, next: "b" };
        let rows = drawn(40, 12, &view, 0).join("");
        assert!(rows.contains(".rs:31"), "{rows}");
    }
}
