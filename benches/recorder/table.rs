//! A table that is read on a terminal and by mdBook alike.

use std::fmt;
use std::time::Duration;

pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(head: &[&str]) -> Table {
        Table { rows: vec![head.iter().map(|it| it.to_string()).collect()] }
    }

    /// As many cells as the head has; the first one names the row.
    pub fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.rows[0].len(), "{cells:?}");
        self.rows.push(cells);
    }

    pub fn is_empty(&self) -> bool {
        self.rows.len() == 1
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width =
            |at: usize| self.rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.rows[0].len()).map(width).collect();
        for (number, row) in self.rows.iter().enumerate() {
            for (at, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                match at {
                    0 => write!(f, "| {cell:<width$} |")?,
                    _ => write!(f, " {cell:>width$} |")?,
                }
            }
            writeln!(f)?;
            if number == 0 {
                let rule = |(at, width): (usize, &usize)| match at {
                    0 => format!("|{}|", "-".repeat(width + 2)),
                    _ => format!("{}:|", "-".repeat(width + 1)),
                };
                writeln!(f, "{}", widths.iter().enumerate().map(rule).collect::<String>())?;
            }
        }
        Ok(())
    }
}

/// What there is no figure for.
pub fn absent() -> String {
    "–".into()
}

pub fn or_absent<T>(value: Option<T>, told: impl Fn(T) -> String) -> String {
    value.map_or_else(absent, told)
}

/// In seconds or milliseconds, three digits.
pub fn time(time: Duration) -> String {
    let (value, unit) = match time.as_secs_f64() {
        seconds if seconds >= 1.0 => (seconds, "s"),
        seconds => (seconds * 1e3, "ms"),
    };
    let digits = if value >= 100.0 { 0 } else { 1 + usize::from(value < 10.0) };
    format!("{value:.digits$} {unit}")
}

pub fn mebibytes(kibibytes: i64) -> String {
    format!("{:.1} MiB", kibibytes as f64 / 1024.0)
}
