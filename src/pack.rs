//! The lessons as they are shipped: in this program, or in a folder.
//!
//! What grades a learner is never the learner's copy of it: lesson.toml, the demos that predictions are about and the
//! solutions are read from the *pack*. That is the one inside this program; the repository itself, for who works in a clone
//! of it; or what `--pack DIR` names, such as a teacher's own lessons.
//!
//! A debug build reads the repository that it was made from instead of carrying it, so that who writes lessons sees them
//! at once.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;

use crate::error::{Error, Result};

/// The golden files are the repository's: nobody needs them to learn.
#[derive(RustEmbed)]
#[folder = "lessons/"]
#[exclude = "*.snap"]
#[exclude = "*.snap.new"]
#[exclude = "*/picture*.svg"]
#[exclude = "*/recording*.json"]
#[exclude = "*.lab-new"]
#[exclude = "rows.tsv"]
struct Carried;

const CARGO_TOML: &str = include_str!("../Cargo.toml");
const CARGO_LOCK: &str = include_str!("../Cargo.lock");

/// Where shipped lessons come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pack {
    /// This program.
    Binary,
    /// A folder with `lessons/`.
    Folder(PathBuf),
}

impl Pack {
    /// A folder as a pack. Fails with [`Error::Usage`] if it has no lessons.
    pub fn in_folder(folder: &Path) -> Result<Pack> {
        if !folder.join("lessons").is_dir() {
            return Err(Error::Usage {
                why: format!("there is no lessons/ folder in {}", folder.display()),
                next: "--pack DIR, where DIR/lessons/NN-NAME/lesson.toml is".into(),
            });
        }
        let whole = fs::canonicalize(folder);
        Ok(Pack::Folder(whole.map_err(|error| Error::file("find", folder, &error))?))
    }

    /// The folders below `lessons/` that have a lesson.toml.
    pub fn folders(&self) -> Result<Vec<String>> {
        let mut folders: Vec<String> = match self {
            Pack::Binary => {
                let lesson = |path: &str| path.strip_suffix("/lesson.toml").map(str::to_owned);
                Carried::iter().filter_map(|path| lesson(&path)).collect()
            }
            Pack::Folder(root) => {
                let lessons = root.join("lessons");
                let inside = entries(&lessons)?.into_iter();
                let inside = inside.filter(|path| path.join("lesson.toml").is_file());
                inside.map(|path| name(&path)).collect()
            }
        };
        folders.retain(|folder| !folder.contains('/'));
        folders.sort();
        Ok(folders)
    }

    /// A file below `lessons/`: `01-one-shot/demo.rs`. `None`: the pack has none of this name.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self {
            Pack::Binary => Ok(Carried::get(path).map(|file| file.data.into_owned())),
            Pack::Folder(root) => read_in(&root.join("lessons").join(path)),
        }
    }

    /// Whether the pack has this file below `lessons/`.
    pub fn has(&self, path: &str) -> bool {
        match self {
            Pack::Binary => Carried::get(path).is_some(),
            Pack::Folder(root) => root.join("lessons").join(path).is_file(),
        }
    }

    /// The files of a folder below `lessons/`, and of those in it, by their names from there, in order: `src/lib.rs`.
    pub fn files(&self, folder: &str) -> Result<Vec<String>> {
        let mut files = Vec::new();
        match self {
            Pack::Binary => {
                let start = format!("{folder}/");
                let inside = |path: Cow<'static, str>| path.strip_prefix(&start).map(str::to_owned);
                files.extend(Carried::iter().filter_map(inside));
            }
            Pack::Folder(root) => walk(&root.join("lessons").join(folder), "", &mut files)?,
        }
        files.sort();
        Ok(files)
    }

    /// The pack that the kit is in: a folder of lessons need not have one.
    pub fn of_kit(&self) -> &Pack {
        if self.has("kit/Cargo.toml") { self } else { &Pack::Binary }
    }

    /// The workspace's manifest and lock; those of this program, where a folder has none.
    pub fn workspace(&self) -> Result<(String, String)> {
        let own = |name: &str| -> Result<Option<String>> {
            let Pack::Folder(root) = self else { return Ok(None) };
            let path = root.join(name);
            let text = read_in(&path)?.map(String::from_utf8).transpose();
            text.map_err(|error| Error::file("read", &path, &io::Error::other(error.utf8_error())))
        };
        Ok((
            own("Cargo.toml")?.unwrap_or_else(|| CARGO_TOML.into()),
            own("Cargo.lock")?.unwrap_or_else(|| CARGO_LOCK.into()),
        ))
    }
}

fn read_in(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(error) => Err(Error::file("read", path, &error)),
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: io::Error| Error::file("read", folder, &error);
    let inside = fs::read_dir(folder).map_err(failed)?;
    inside.map(|entry| Ok(entry.map_err(failed)?.path())).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// What is hidden or built is no part of a lesson; neither are golden files.
fn walk(folder: &Path, before: &str, files: &mut Vec<String>) -> Result<()> {
    for path in entries(folder)? {
        let name = name(&path);
        let is_golden = name.ends_with(".snap")
            || name.starts_with("picture") && name.ends_with(".svg")
            || name.starts_with("recording") && name.ends_with(".json");
        if name.starts_with('.') || name == "target" || is_golden {
            continue;
        }
        match path.is_dir() {
            true => walk(&path, &format!("{before}{name}/"), files)?,
            false => files.push(format!("{before}{name}")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_carries_what_the_repository_has() {
        let repository = Pack::Folder(env!("CARGO_MANIFEST_DIR").into());
        let folders = Pack::Binary.folders().unwrap();
        assert_eq!(folders, repository.folders().unwrap());
        assert!(folders.contains(&"01-one-shot".to_owned()));
        for folder in folders.iter().map(String::as_str).chain(["kit"]) {
            let files = Pack::Binary.files(folder).unwrap();
            assert_eq!(files, repository.files(folder).unwrap(), "{folder}");
            for file in files {
                let path = format!("{folder}/{file}");
                assert_eq!(Pack::Binary.read(&path).unwrap(), repository.read(&path).unwrap());
            }
        }
        assert!(Pack::Binary.files("kit").unwrap().contains(&"src/lib.rs".to_owned()));
    }

    #[test]
    fn a_folder_of_lessons_needs_neither_kit_nor_workspace() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Pack::in_folder(folder.path()).is_err());
        fs::create_dir_all(folder.path().join("lessons/01-mine/solutions")).unwrap();
        fs::write(folder.path().join("lessons/01-mine/lesson.toml"), "").unwrap();
        fs::write(folder.path().join("lessons/01-mine/solutions/std.rs"), "").unwrap();
        let pack = Pack::in_folder(folder.path()).unwrap();
        assert_eq!(pack.folders().unwrap(), ["01-mine"]);
        assert_eq!(pack.files("01-mine").unwrap(), ["lesson.toml", "solutions/std.rs"]);
        assert_eq!(pack.of_kit(), &Pack::Binary);
        assert!(pack.workspace().unwrap().0.contains("[workspace]"));
        assert_eq!(pack.read("01-mine/demo.rs").unwrap(), None);
    }
}
