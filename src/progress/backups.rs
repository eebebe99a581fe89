//! What was replaced, kept so that one command brings it back.
//!
//! A backup is a folder, `.lab/backups/7/`, with the files as they were below the ids of their lessons, and a page that says
//! what they are. It is whole before anything is replaced: it is made beside its place and renamed. Nothing here is ever
//! removed or written over, so an undo can itself be undone.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Locked, replace};
use crate::error::{Error, Result};

const PAGE: &str = "backup.toml";

/// The version of a backup's page that this lab writes, and the newest that it reads.
const VERSION: u64 = 1;

/// Files as they were before a command replaced them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    pub number: u32,
    /// The command: `reset`, `undo`.
    pub before: String,
    /// Whether it was brought back.
    pub undone: bool,
    pub files: Vec<Saved>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// The lesson's id.
    pub lesson: String,
    /// The file's name in the lesson's folder.
    pub name: String,
    pub bytes: Vec<u8>,
    pub mode: u32,
}

impl Saved {
    /// A file of a lesson as it is now; `None` if there is none.
    pub fn now(path: &Path, lesson: &str, name: &str) -> Result<Option<Saved>> {
        let failed = |error: io::Error| Error::file("read", path, &error);
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let mode = fs::metadata(path).map_err(failed)?.permissions().mode() & 0o7777;
        Ok(Some(Saved { lesson: lesson.into(), name: name.into(), bytes, mode }))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    version: u64,
    before: String,
    #[serde(default)]
    undone: bool,
    #[serde(default)]
    file: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    lesson: String,
    name: String,
    /// As in chmod(1): `644`.
    mode: String,
}

impl Locked {
    /// Keeps these files as they are; gives the backup's number. What the newest backup holds already is not kept twice.
    pub fn save(&self, before: &str, files: &[Saved]) -> Result<u32> {
        let numbers = self.numbers()?;
        if let Some(last) = numbers.last() {
            let last = self.read(*last)?;
            if last.files == files && last.before == before && !last.undone {
                return Ok(last.number);
            }
        }
        let number = numbers.last().map_or(1, |last| last + 1);
        let new = self.backups().join("new");
        // What a killed lab left here was of no use to anybody.
        let _ = fs::remove_dir_all(&new);
        let path = self.backups().join(number.to_string());
        let kept = keep(&new, before, files).and_then(|()| {
            fs::rename(&new, &path).map_err(|error| Error::file("write", &path, &error))
        });
        if kept.is_err() {
            let _ = fs::remove_dir_all(&new);
        }
        kept.map(|()| number)
    }

    /// The backup of this number; without one, the newest that an undo would bring back: one of a reset, not undone yet.
    pub fn backup(&self, number: Option<u32>) -> Result<Option<Backup>> {
        let numbers = self.numbers()?;
        if let Some(number) = number {
            return numbers.contains(&number).then(|| self.read(number)).transpose();
        }
        for number in numbers.into_iter().rev() {
            let backup = self.read(number)?;
            if !backup.undone && backup.before == "reset" {
                return Ok(Some(backup));
            }
        }
        Ok(None)
    }

    /// Says that this backup was brought back.
    pub fn mark_undone(&self, backup: &Backup) -> Result<()> {
        let folder = self.backups().join(backup.number.to_string());
        let page = page(&folder)?;
        write(&folder, &Page { undone: true, ..page })
    }

    fn backups(&self) -> PathBuf {
        self.folder.join("backups")
    }

    fn numbers(&self) -> Result<Vec<u32>> {
        let folder = self.backups();
        let failed = |error: io::Error| Error::file("read", &folder, &error);
        let inside = match fs::read_dir(&folder) {
            Ok(inside) => inside,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut numbers = Vec::new();
        for entry in inside {
            let name = entry.map_err(failed)?.file_name();
            numbers.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn read(&self, number: u32) -> Result<Backup> {
        let folder = self.backups().join(number.to_string());
        let page = page(&folder)?;
        let saved = |line: Line| {
            let path = folder.join(&line.lesson).join(&line.name);
            let bytes = fs::read(&path).map_err(|error| Error::file("read", &path, &error))?;
            let mode = u32::from_str_radix(&line.mode, 8).map_err(|_| Error::Progress {
                path: folder.join(PAGE),
                line: 1,
                why: format!("`{}` is no mode", line.mode),
            })?;
            Ok(Saved { lesson: line.lesson, name: line.name, bytes, mode })
        };
        let files = page.file.into_iter().map(saved).collect::<Result<_>>()?;
        Ok(Backup { number, before: page.before, undone: page.undone, files })
    }
}

fn keep(folder: &Path, before: &str, files: &[Saved]) -> Result<()> {
    for saved in files {
        let folder = folder.join(&saved.lesson);
        fs::create_dir_all(&folder).map_err(|error| Error::file("make", &folder, &error))?;
        replace(&folder.join(&saved.name), &saved.bytes, Some(saved.mode | 0o600))?;
    }
    let line = |saved: &Saved| Line {
        lesson: saved.lesson.clone(),
        name: saved.name.clone(),
        mode: format!("{:o}", saved.mode),
    };
    let file = files.iter().map(line).collect();
    write(folder, &Page { version: VERSION, before: before.into(), undone: false, file })
}

fn page(folder: &Path) -> Result<Page> {
    let path = folder.join(PAGE);
    let text = fs::read_to_string(&path).map_err(|error| Error::file("read", &path, &error))?;
    let page: Page = toml::from_str(&text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        let line = 1 + text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count();
        let why = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        Error::Progress { path: path.clone(), line, why }
    })?;
    match page.version > VERSION {
        true => Err(Error::NewerProgress { path, version: page.version, reads: VERSION }),
        false => Ok(page),
    }
}

fn write(folder: &Path, page: &Page) -> Result<()> {
    let path = folder.join(PAGE);
    let text = toml::to_string(page)
        .map_err(|error| Error::file("write", &path, &io::Error::other(error)))?;
    replace(&path, text.as_bytes(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(text: &str) -> Saved {
        let (lesson, name) = ("echo".into(), "exercise.rs".into());
        Saved { lesson, name, bytes: text.into(), mode: 0o640 }
    }

    #[test]
    fn what_was_kept_comes_back_with_its_bytes_and_mode() {
        let folder = tempfile::tempdir().unwrap();
        let locked = Locked::new(folder.path()).unwrap();
        assert_eq!(locked.backup(None).unwrap(), None);
        let files = [saved("\u{0}\r\nno newline")];
        assert_eq!(locked.save("reset", &files).unwrap(), 1);
        assert_eq!(locked.save("reset", &files).unwrap(), 1, "it is kept once");
        assert_eq!(locked.save("undo", &[saved("shipped")]).unwrap(), 2);
        let last = locked.backup(None).unwrap().unwrap();
        assert_eq!((last.number, &last.files[..]), (1, &files[..]));
        locked.mark_undone(&last).unwrap();
        assert_eq!(locked.backup(None).unwrap(), None);
        assert_eq!(locked.backup(Some(2)).unwrap().unwrap().files, [saved("shipped")]);
        assert_eq!(locked.backup(Some(3)).unwrap(), None);
    }

    #[test]
    fn what_a_killed_lab_left_is_no_backup() {
        let folder = tempfile::tempdir().unwrap();
        let half = folder.path().join("backups/new/echo");
        fs::create_dir_all(&half).unwrap();
        fs::write(half.join("exercise.rs"), "half").unwrap();
        let locked = Locked::new(folder.path()).unwrap();
        assert_eq!(locked.backup(None).unwrap(), None);
        assert_eq!(locked.save("reset", &[saved("whole")]).unwrap(), 1);
    }
}
