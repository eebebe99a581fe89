//! Where a lesson's program is built: in the learner's workspace if it is there, else in one made for it.
//!
//! A copy has no solutions and no wrong turns, and its demos are the learner's to change. What is the pack's word (a demo
//! that predictions are held against, a variant whose program is a wrong turn) is built from the pack, below
//! the state's folder, with the copy's target folder: what both need is built once.

use std::fs;
use std::path::{Path, PathBuf};

use super::{common, part};
use crate::catalogue::Lesson;
use crate::error::{Error, Result};
use crate::pack::Pack;
use crate::progress::{self, Locked};

/// The root of the workspace in which this file of the lesson is to be built.
///
/// `as_shipped`: what the pack has counts, and not what the learner made of it. Fails with [`Error::Usage`] if there is no
/// such file.
pub fn workspace(root: &Path, lesson: &Lesson, file: &str, as_shipped: bool) -> Result<PathBuf> {
    if lesson.pack == Pack::Folder(root.to_path_buf()) {
        return Ok(root.to_path_buf());
    }
    if let Ok(bytes) = fs::read(lesson.folder.join(file))
        && (!as_shipped || lesson.shipped(file)?.is_some_and(|shipped| shipped == bytes))
    {
        return Ok(root.to_path_buf());
    }
    if file == lesson.exercise_file() || lesson.shipped(file)?.is_none() {
        return Err(missing(root, lesson, file));
    }
    let state = progress::folder(root);
    let made = state.join("shipped");
    let _lock = Locked::new(&state)?;
    write(&made, root, lesson, file)?;
    Ok(made)
}

fn missing(root: &Path, lesson: &Lesson, file: &str) -> Error {
    let why = match lesson.folder.is_dir() {
        true => format!("there is no lessons/{}/{file}", lesson.name),
        false => format!("there is no lesson {} in {} yet", lesson.name, root.display()),
    };
    let next = match lesson.folder.is_dir() && file == lesson.exercise_file() {
        true => format!("lab reset {}", lesson.number),
        false => "lab update".into(),
    };
    Error::Usage { why, next }
}

/// Writes what is not there or not so; what is stays as it is, and so does what was built from it.
fn write(made: &Path, root: &Path, lesson: &Lesson, wanted: &str) -> Result<()> {
    let mut files = common(&lesson.pack)?;
    let folder = format!("lessons/{}", lesson.name);
    let is_there = |file: &str| made.join(&folder).join(file).is_file();
    let besides = |file: &str| file == wanted || (file.ends_with(".rs") && is_there(file));
    for (file, bytes) in part(lesson, besides)? {
        files.insert(format!("{folder}/{file}"), bytes);
    }
    if let Some(manifest) = files.get_mut("Cargo.toml") {
        // Other lessons were needed other times; their manifests may be of other packs.
        let members = format!("members = [\"lessons/kit\", \"{folder}\"]");
        let text = String::from_utf8_lossy(manifest).replace("members = [\"lessons/*\"]", &members);
        *manifest = text.into_bytes();
    }
    let target = toml::Value::from(root.join("target").to_string_lossy().into_owned());
    let config = format!("[build]\ntarget-dir = {target}\n");
    files.insert(".cargo/config.toml".into(), config.into_bytes());
    for (file, bytes) in files {
        let path = made.join(&file);
        // Of the lock cargo leaves what this lesson needs.
        let holds = match file.as_str() {
            "Cargo.lock" => path.is_file(),
            _ => fs::read(&path).is_ok_and(|is| is == bytes),
        };
        if !holds {
            let parent = path.parent().unwrap_or(made);
            fs::create_dir_all(parent).map_err(|error| Error::file("make", parent, &error))?;
            progress::replace(&path, &bytes, None)?;
        }
    }
    Ok(())
}
