//! `lab class FILE…`: the reports of many students in one table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::error::{Error, Result};
use crate::render::class::{self, Class, Student, Unreadable};

use super::Outcome;
use super::output::{self, to_stderr, to_stdout};

#[derive(Args)]
#[command(after_help = "Examples:
  lab check 1..3 --weather none --as json -o ada.json
  lab class ada.json bob.json
  lab class *.json --as markdown

The file's name is the student's. A file that is no report of `lab check --as json`, or one of a newer lab,
is named on stderr, counted and left out. 0: there is a table; 2: no file could be read.")]
pub struct ClassOf {
    /// Reports of `lab check --as json`, one of each student
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How to tell it
    #[arg(long = "as", value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table, and the rules that fail most
    #[default]
    Text,
    Json,
    /// A row for each student, a column for each lesson
    Csv,
    /// Tables for a page
    Markdown,
}

impl ClassOf {
    pub fn go(&self) -> Result<Outcome> {
        let (mut students, mut unread) = (Vec::new(), Vec::new());
        for (name, path) in self.names() {
            match read(&name, path) {
                Ok(student) => students.push(student),
                Err(error) => {
                    to_stderr(&format!("left out: {}\n", output::one_line(&error.to_string())));
                    unread.push((path.display().to_string(), error.to_string()));
                }
            }
        }
        if students.is_empty() {
            return Err(Error::Usage {
                why: format!("none of {} files is a report that can be read", self.files.len()),
                next: "lab check --all --as json -o STUDENT.json".into(),
            });
        }
        if !unread.is_empty() {
            to_stderr(&format!("{} of {} files left out\n", unread.len(), self.files.len()));
        }
        let class = Class::of(students);
        to_stdout(&match self.format {
            Format::Text => class.text(output::width(false).min(80)),
            Format::Json => class.json(&unread),
            Format::Csv => class.csv(),
            Format::Markdown => class.markdown(),
        });
        Ok(Outcome::Holds)
    }

    /// The students' names, each once: files of the same name are told apart by their folders.
    fn names(&self) -> Vec<(String, &Path)> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for file in &self.files {
            *counts.entry(stem(file)).or_default() += 1;
        }
        let named = self.files.iter().map(|file| {
            let name = stem(file);
            match counts.get(&name) {
                Some(1) => (name, file.as_path()),
                _ => (file.with_extension("").display().to_string(), file.as_path()),
            }
        });
        named.collect()
    }
}

fn stem(file: &Path) -> String {
    file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

fn read(name: &str, path: &Path) -> Result<Student> {
    let report = std::fs::read(path).map_err(|error| Error::file("read", path, &error))?;
    class::read(name, &report).map_err(|why| match why {
        Unreadable::Newer(version) => Error::NewerReport { path: path.into(), version },
        Unreadable::Broken(why) => Error::Report { path: path.into(), why },
    })
}
