//! Brings a copy up to date with a pack, by the lessons' ids.
//!
//! What was shipped and is as it was shipped is replaced; what the learner changed is left alone, and told. A lesson with
//! another name moves with everything in its folder; one that the pack has no more stays.
//!
//! Each step leaves the copy in a state from which the same update goes on: a lesson that moves goes through
//! `.lab/moving/ID`, since its new name may still be another's, and is where it was found last: there, or else where the
//! ledger says. A file is replaced before the ledger says so; the second time it already is as it should be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::{Contents, Files, Ledger, Written, hash};
use crate::error::{Error, Result};
use crate::pack::Pack;
use crate::progress;

/// What an update did, or left to the learner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Renamed {
        from: String,
        to: String,
    },
    Added {
        lesson: String,
    },
    /// A file as it is shipped, by its name from the root.
    Replaced {
        file: String,
    },
    /// The learner changed it, and the pack has another version.
    Kept {
        file: String,
    },
    /// The pack has it no more; it stays.
    Gone {
        lesson: String,
    },
}

/// Whether an update would bring something: a lesson, another name of one, or a file as it is shipped now. Files that are
/// shipped as they were are not even looked at.
pub fn is_due(root: &Path, contents: &Contents) -> Result<bool> {
    let Some(ledger) = Ledger::read(root)? else { return Ok(false) };
    for part in &contents.lessons {
        let folder = root.join("lessons").join(&part.folder);
        let written = ledger.lesson.get(&part.id).filter(|it| it.folder == part.folder);
        let Some(written) = written.filter(|_| folder.is_dir()) else { return Ok(true) };
        if has_stale(&folder, &part.files, &written.files)? {
            return Ok(true);
        }
    }
    has_stale(root, &contents.common, &ledger.common)
}

fn has_stale(folder: &Path, files: &Files, written: &BTreeMap<String, String>) -> Result<bool> {
    for (file, bytes) in files {
        let (wanted, shipped) = (hash(bytes), written.get(file));
        if shipped != Some(&wanted)
            && stands(&folder.join(file), &wanted, shipped)? == Stands::Stale
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How a shipped file stands in the copy.
#[derive(PartialEq, Eq)]
enum Stands {
    AsItShould,
    /// The learner changed it.
    Changed,
    /// It is not there, or is as it was shipped before.
    Stale,
}

fn stands(path: &Path, wanted: &String, shipped: Option<&String>) -> Result<Stands> {
    let is = match fs::read(path) {
        Ok(is) => hash(&is),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Stands::Stale),
        Err(error) => return Err(Error::file("read", path, &error)),
    };
    Ok(match is {
        is if is == *wanted => Stands::AsItShould,
        is if Some(&is) == shipped => Stands::Stale,
        _ => Stands::Changed,
    })
}

/// Brings the copy up to date. The second time there is nothing to do but to name again what is kept.
///
/// Fails with [`Error::Usage`] before anything is done if something of the learner's is where a lesson is to be.
pub fn bring_up_to_date(root: &Path, contents: &Contents, pack: &Pack) -> Result<Vec<Change>> {
    let mut ledger = match Ledger::read(root)? {
        Some(ledger) => ledger,
        None => found(root, contents),
    };
    let before = ledger.clone();
    ledger.pack = match pack {
        Pack::Binary => None,
        Pack::Folder(folder) => Some(folder.clone()),
    };
    let mut changes = Vec::new();
    rename(root, contents, &mut ledger, &mut changes)?;
    for part in &contents.lessons {
        let is_new = !ledger.lesson.contains_key(&part.id);
        let written = ledger.lesson.entry(part.id.clone()).or_default();
        written.folder.clone_from(&part.folder);
        written.gone = false;
        let mut told = Vec::new();
        let folder = format!("lessons/{}", part.folder);
        refresh(root, &folder, &part.files, &mut written.files, &mut told)?;
        if is_new {
            changes.push(Change::Added { lesson: part.folder.clone() });
            // Its files are what was added.
            told.retain(|change| matches!(change, Change::Kept { .. }));
        }
        changes.extend(told);
    }
    refresh(root, "", &contents.common, &mut ledger.common, &mut changes)?;
    let there: BTreeSet<&str> = contents.lessons.iter().map(|part| part.id.as_str()).collect();
    for (id, written) in &mut ledger.lesson {
        if !there.contains(id.as_str()) && !written.gone {
            written.gone = true;
            changes.push(Change::Gone { lesson: written.folder.clone() });
        }
    }
    if ledger != before || !root.join(super::LEDGER).is_file() {
        ledger.write(root)?;
    }
    Ok(changes)
}

/// The ledger of a copy that has none: what lies where the pack has it, and is not known to be as it was shipped.
fn found(root: &Path, contents: &Contents) -> Ledger {
    let mut ledger = Ledger::new(None);
    for part in &contents.lessons {
        if root.join("lessons").join(&part.folder).is_dir() {
            let written = Written { folder: part.folder.clone(), ..Written::default() };
            ledger.lesson.insert(part.id.clone(), written);
        }
    }
    ledger
}

/// Moves every lesson that has another name now.
fn rename(
    root: &Path,
    contents: &Contents,
    ledger: &mut Ledger,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let lessons = root.join("lessons");
    let moving = root.join(".lab/moving");
    let mut moves: Vec<(String, String, String)> = Vec::new();
    for (id, written) in &ledger.lesson {
        // What the pack has no more keeps its name; an interrupted update may yet have left it on its way.
        let part = contents.lessons.iter().find(|part| part.id == *id);
        let to = part.map_or(&written.folder, |part| &part.folder);
        if written.folder != *to || moving.join(id).is_dir() {
            moves.push((id.clone(), to.clone(), written.folder.clone()));
        }
    }
    // Before anything moves: is there a folder in the way that will not move itself?
    for (_, to, from) in &moves {
        let leaves = moves.iter().any(|(_, _, leaves)| leaves == to);
        if to != from && !leaves && lessons.join(to).exists() {
            return Err(Error::Usage {
                why: format!("lessons/{to} is in the way: lesson {from} has that name now"),
                next: format!("mv lessons/{to} lessons/my-{to}, then lab update"),
            });
        }
    }
    if moves.is_empty() {
        return Ok(());
    }
    fs::create_dir_all(&moving).map_err(|error| Error::file("make", &moving, &error))?;
    for (id, to, from) in &moves {
        // Where an update that was interrupted left it, it stays.
        if !moving.join(id).is_dir() && lessons.join(from).is_dir() {
            mv(&lessons.join(from), &moving.join(id))?;
        }
        if let Some(written) = ledger.lesson.get_mut(id) {
            written.folder.clone_from(to);
        }
        ledger.write(root)?;
    }
    for (id, to, from) in moves {
        if moving.join(&id).is_dir() {
            mv(&moving.join(&id), &lessons.join(&to))?;
        }
        // Of one that was interrupted, only the second half is known.
        if from != to {
            changes.push(Change::Renamed { from, to });
        }
    }
    // Whatever is in it is somebody's: only if it is empty.
    let _ = fs::remove_dir(&moving);
    Ok(())
}

fn mv(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|error| Error::file("move", from, &error))
}

/// Brings the files of one folder up to date.
fn refresh(
    root: &Path,
    folder: &str,
    files: &Files,
    written: &mut BTreeMap<String, String>,
    changes: &mut Vec<Change>,
) -> Result<()> {
    let place = |file: &str| -> (PathBuf, String) {
        let shown = if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") };
        (root.join(&shown), shown)
    };
    for (file, bytes) in files {
        let (path, shown) = place(file);
        let wanted = hash(bytes);
        let shipped = written.get(file);
        match stands(&path, &wanted, shipped)? {
            Stands::AsItShould => {}
            Stands::Changed => {
                // cargo writes the lock as well, and so it is no change of the learner's.
                if shipped != Some(&wanted) && shown != "Cargo.lock" {
                    changes.push(Change::Kept { file: shown });
                }
                continue;
            }
            Stands::Stale => {
                let parent = path.parent().unwrap_or(root);
                fs::create_dir_all(parent).map_err(|error| Error::file("make", parent, &error))?;
                progress::replace(&path, bytes, None)?;
                changes.push(Change::Replaced { file: shown });
            }
        }
        written.insert(file.clone(), wanted);
    }
    drop_what_is_gone(files, written, place)
}

/// Removes what was shipped, is as it was shipped, and is shipped no more.
fn drop_what_is_gone(
    files: &Files,
    written: &mut BTreeMap<String, String>,
    place: impl Fn(&str) -> (PathBuf, String),
) -> Result<()> {
    let gone: Vec<String> =
        written.keys().filter(|file| !files.contains_key(*file)).cloned().collect();
    for file in gone {
        let (path, _) = place(&file);
        if fs::read(&path).is_ok_and(|is| written.get(&file) == Some(&hash(&is))) {
            fs::remove_file(&path).map_err(|error| Error::file("remove", &path, &error))?;
        }
        written.remove(&file);
    }
    Ok(())
}
