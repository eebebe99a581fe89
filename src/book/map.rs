//! The map from Python's socket API to what Linux does and what Rust has for it: `book/src/reference/map.csv`.

use serde::Deserialize;

use super::{Language, wrong};
use crate::error::{Result, did_you_mean};

const MAP: &str = include_str!("../../book/src/reference/map.csv");

/// The map, line by line.
pub struct Map {
    lines: Vec<Line>,
}

/// What one of Python's names is.
#[derive(Deserialize)]
pub struct Line {
    /// `bind()`, `create_connection()`.
    pub python: String,
    /// The system calls in order, in backticks; `none`: not one.
    pub linux: String,
    /// The same in Rust: std, nix, socket2.
    pub rust: String,
    /// The heading under which it stands.
    pub group: String,
}

impl Line {
    /// What it is asked for by: its name without parentheses.
    pub fn key(&self) -> &str {
        self.python.split('(').next().unwrap_or(&self.python).trim()
    }
}

impl Map {
    /// The map that the book shows.
    pub fn of_the_book() -> Map {
        // It is part of the program, and read by a test: all of its lines are lines.
        let mut lines = csv::Reader::from_reader(MAP.as_bytes());
        Map { lines: lines.deserialize().filter_map(std::result::Result::ok).collect() }
    }

    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// A table of the lines that have these keys, in the order of the keys; all that have the same.
    pub fn rows(&self, keys: &[String], language: &Language) -> Result<String> {
        let mut rows = Vec::new();
        for key in keys {
            let found: Vec<&Line> = self.lines.iter().filter(|line| line.key() == key).collect();
            if found.is_empty() {
                let near = did_you_mean(key, self.lines.iter().map(Line::key));
                return Err(wrong(format!("the map has no `{key}`{near}")));
            }
            rows.extend(found);
        }
        if rows.is_empty() {
            return Err(wrong("`{{#rows}}` names what it shows: {{#rows bind listen}}"));
        }
        Ok(table(&rows, language))
    }

    /// All of it, a table below each heading.
    pub fn whole(&self, language: &Language) -> String {
        let mut groups: Vec<&str> = Vec::new();
        for line in &self.lines {
            if !groups.contains(&line.group.as_str()) {
                groups.push(&line.group);
            }
        }
        let of = |group: &str| {
            let lines: Vec<&Line> = self.lines.iter().filter(|line| line.group == group).collect();
            format!("## {}\n\n{}\n", language.say(group), table(&lines, language))
        };
        groups.into_iter().map(of).collect()
    }
}

fn table(lines: &[&Line], language: &Language) -> String {
    // Within a table a bar ends a cell, in code as well.
    let cell = |text: &str| text.replace('|', "\\|");
    let said = |text: &str| cell(&language.say(text));
    let row = |line: &&Line| {
        format!("| `{}` | {} | {} |\n", cell(&line.python), said(&line.linux), said(&line.rust))
    };
    let rows: String = lines.iter().map(row).collect();
    // A table of Markdown ends, and one within HTML begins, at an empty line.
    format!("<div class=\"lab-map\">\n\n| Python | Linux | Rust |\n|---|---|---|\n{rows}\n</div>\n")
}
