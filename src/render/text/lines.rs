//! Setting atoms into lines of a width, in Unicode or in ASCII.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::{Atom, CHANGED, Paint, Span, Style, span};

pub(super) fn width(atom: &Atom, style: &Style) -> usize {
    atom.iter()
        .map(|span| if style.ascii { in_ascii(&span.text).width() } else { span.text.width() })
        .sum()
}

/// Sets atoms into lines of at most `room` columns; all but the first are set in by `indent`.
pub(super) fn wrapped(atoms: Vec<Atom>, room: usize, indent: usize) -> Vec<Vec<Span>> {
    let mut lines = Lines { done: Vec::new(), line: Vec::new(), used: 0, indent, fresh: true };
    for atom in atoms {
        let whole: usize = atom.iter().map(|span| span.text.width()).sum();
        let blank = atom.last().map_or(0, |s| s.text.len() - s.text.trim_end().len());
        let needed = whole - blank.min(whole);
        if lines.used + needed > room && !lines.fresh {
            // Too long even for a line of its own: then it may as well begin here.
            let hopeless = needed + indent > room && lines.used + 12 <= room;
            if !hopeless {
                lines.next();
            }
        }
        if lines.used + needed <= room {
            lines.used += whole;
            lines.line.extend(atom);
            lines.fresh = false;
            continue;
        }
        // Between words if it can be, within one if it must.
        for part in &atom {
            for word in part.text.split_inclusive(' ') {
                if word.trim_end().width() + indent <= room {
                    lines.put(word, part.paint, room);
                } else {
                    for unit in units(word) {
                        lines.put(unit, part.paint, room);
                    }
                }
            }
        }
    }
    lines.done.push(lines.line);
    lines.done
}

struct Lines {
    done: Vec<Vec<Span>>,
    line: Vec<Span>,
    used: usize,
    indent: usize,
    /// Nothing but the indent stands in the line.
    fresh: bool,
}

impl Lines {
    /// Appends what stays whole, on a line of its own if it does not fit into this one.
    fn put(&mut self, text: &str, paint: Paint, room: usize) {
        if self.used + text.trim_end().width() > room && !self.fresh {
            self.next();
        }
        self.used += text.width();
        self.fresh = false;
        match self.line.last_mut() {
            Some(last) if last.paint == paint => last.text.push_str(text),
            _ => self.line.push(span(text, paint)),
        }
    }

    fn next(&mut self) {
        // A blank before the break takes no room: it would push the next column aside.
        if let Some(last) = self.line.last_mut() {
            last.text.truncate(last.text.trim_end().len());
        }
        let begun = vec![span(" ".repeat(self.indent), Paint::Plain)];
        self.done.push(std::mem::replace(&mut self.line, begun));
        (self.used, self.fresh) = (self.indent, true);
    }
}

/// The parts of a text that stay whole: characters, and escapes such as `\xe4`.
pub(in crate::render) fn units(text: &str) -> Vec<&str> {
    let mut units = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let mut len = first.len_utf8();
        if first == '\\' {
            len = match rest.as_bytes().get(1) {
                Some(b'x') => 4,
                Some(b'u') => 6,
                Some(b'U') => 10,
                Some(_) => 2,
                None => 1,
            };
            len = len.min(rest.len());
            while !rest.is_char_boundary(len) {
                len += 1;
            }
        } else {
            // A combining mark stays with its letter.
            let tail = rest[len..]
                .chars()
                .take_while(|c| unicode_width::UnicodeWidthChar::width(*c) == Some(0));
            len += tail.map(char::len_utf8).sum::<usize>();
        }
        let (unit, after) = rest.split_at(len);
        units.push(unit);
        rest = after;
    }
    units
}

/// A text in ASCII: the lab's own marks by their likes, a program's characters as escapes.
pub(super) fn in_ascii(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut ascii = String::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            '"' if !escaped => quoted = !quoted,
            '…' if !quoted => {
                ascii.push_str("...");
                continue;
            }
            '×' if !quoted => {
                ascii.push('x');
                continue;
            }
            CHANGED if !quoted => {
                ascii.push('>');
                continue;
            }
            _ => {}
        }
        escaped = quoted && c == '\\' && !escaped;
        match u32::from(c) {
            0..=0x7f => ascii.push(c),
            code @ 0x80..=0xffff => {
                let _ = write!(ascii, "\\u{code:04x}");
            }
            code => {
                let _ = write!(ascii, "\\U{code:08x}");
            }
        }
    }
    ascii
}
