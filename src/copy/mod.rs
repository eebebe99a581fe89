//! A learner's own copy of the lessons: what is in it, and how it is made and kept up to date.
//!
//! A copy is an ordinary cargo workspace: `lessons/NN-NAME/` with the demo, the exercise and a manifest that names the
//! programs that are there, the kit, and a lock so that nothing is resolved anew. Solutions and wrong turns are not in it.
//!
//! `.lab/pack.toml` says of each shipped file with which bytes it was written ([`Ledger`]): so an update tells what the
//! learner changed, and leaves that alone.

pub mod manifest;
mod shipped;
mod update;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::catalogue::{Catalogue, Lesson};
use crate::error::{Error, Result};
use crate::pack::Pack;
use crate::progress;

pub use shipped::workspace;
pub use update::{Change, bring_up_to_date, is_due};

/// The version of the ledger that this lab writes, and the newest that it reads.
const VERSION: u64 = 1;

const README: &str = include_str!("README.md");

const GITIGNORE: &str = "/target\n/.lab\n";

/// What must not be in a copy, or is made for it.
const LEFT_OUT: [&str; 4] = ["solutions/", "mistakes/", "quirks/", "Cargo.toml"];

/// A file's bytes by its name.
pub type Files = BTreeMap<String, Vec<u8>>;

/// All that a copy of a pack holds.
pub struct Contents {
    /// By their names from the root: `Cargo.toml`, `lessons/kit/src/lib.rs`.
    pub common: Files,
    pub lessons: Vec<Part>,
}

/// One lesson of it.
pub struct Part {
    pub id: String,
    /// `12-half-close`.
    pub folder: String,
    /// By their names from that folder.
    pub files: Files,
}

impl Contents {
    /// What a copy of these lessons holds.
    pub fn of(catalogue: &Catalogue) -> Result<Contents> {
        let lessons: Vec<Lesson> = catalogue.read_all().into_iter().collect::<Result<_>>()?;
        let parts = lessons.iter().map(|lesson| {
            let (id, folder) = (lesson.id.clone(), lesson.name.clone());
            Ok(Part { id, folder, files: part(lesson, |_| false)? })
        });
        let lessons: Vec<Part> = parts.collect::<Result<_>>()?;
        let mut common = common(catalogue.pack())?;
        common.insert("README.md".into(), README.into());
        common.insert(".gitignore".into(), GITIGNORE.into());
        Ok(Contents { common, lessons })
    }
}

/// The workspace around the lessons: its manifest, its lock, the kit.
fn common(pack: &Pack) -> Result<Files> {
    let (manifest, lock) = pack.workspace()?;
    let mut files = Files::new();
    files.insert("Cargo.toml".into(), manifest::workspace(&manifest)?.into_bytes());
    files.insert("Cargo.lock".into(), manifest::lock(&lock)?.into_bytes());
    let kit = pack.of_kit();
    for file in kit.files("kit")? {
        let bytes = kit.read(&format!("kit/{file}"))?.unwrap_or_default();
        files.insert(format!("lessons/kit/{file}"), bytes);
    }
    Ok(files)
}

/// One lesson's files: those for a learner, and those that are wanted `besides`.
fn part(lesson: &Lesson, besides: impl Fn(&str) -> bool) -> Result<Files> {
    let mut files = Files::new();
    for file in lesson.pack.files(&lesson.name)? {
        let left_out = LEFT_OUT.iter().any(|start| file.starts_with(start));
        if !left_out || besides(&file) {
            let bytes = lesson.shipped(&file)?.unwrap_or_default();
            files.insert(file, bytes);
        }
    }
    let text = match lesson.shipped("Cargo.toml")? {
        Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        None => manifest::plain(lesson, files.keys().map(String::as_str)),
    };
    let manifest = manifest::lesson(&text, |path| files.contains_key(path))?;
    files.insert("Cargo.toml".into(), manifest.into_bytes());
    Ok(files)
}

/// Whether the lab at this root is a copy, and not the repository or a folder of lessons that is worked on in place.
pub fn is_copy(root: &Path) -> bool {
    root.join(LEDGER).is_file()
        || fs::read_to_string(root.join("Cargo.toml")).is_ok_and(|text| manifest::is_copys(&text))
}

const LEDGER: &str = ".lab/pack.toml";

/// What was shipped into a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    version: u64,
    /// The folder that the lessons come from; none: the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pack: Option<PathBuf>,
    /// The SHA-256 of each file as it was written, by its name from the root.
    #[serde(default)]
    pub common: BTreeMap<String, String>,
    /// By their ids.
    #[serde(default)]
    pub lesson: BTreeMap<String, Written>,
}

/// One lesson, as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Where it is, or will be once an interrupted update has been completed.
    pub folder: String,
    /// Whether the pack has it no more, and that was said.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    #[serde(default)]
    pub files: BTreeMap<String, String>,
}

impl Ledger {
    pub fn new(pack: Option<PathBuf>) -> Ledger {
        Ledger { version: VERSION, pack, common: BTreeMap::new(), lesson: BTreeMap::new() }
    }

    /// The copy's ledger; `None` where it has none, as after `git clone` of a learner's own repository.
    pub fn read(root: &Path) -> Result<Option<Ledger>> {
        let path = root.join(LEDGER);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::file("read", &path, &error)),
        };
        let damaged = |error: toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start);
            let line = 1 + text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count();
            let why = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            Error::Progress { path: path.clone(), line, why }
        };
        let table: toml::Table = toml::from_str(&text).map_err(damaged)?;
        let version = table.get("version").and_then(toml::Value::as_integer).unwrap_or(0);
        if version > VERSION as i64 {
            let (path, version) = (path.clone(), version as u64);
            return Err(Error::NewerProgress { path, version, reads: VERSION });
        }
        toml::from_str(&text).map(Some).map_err(damaged)
    }

    pub fn write(&self, root: &Path) -> Result<()> {
        let path = root.join(LEDGER);
        let failed = |error: &io::Error| Error::file("write", &path, error);
        let text = toml::to_string(self).map_err(|error| failed(&io::Error::other(error)))?;
        let folder = root.join(".lab");
        fs::create_dir_all(&folder).map_err(|error| Error::file("make", &folder, &error))?;
        let header =
            "# What was shipped here, and with which bytes: `lab update` reads and writes it.\n";
        progress::replace(&path, (header.to_owned() + &text).as_bytes(), None)
    }
}

/// Makes a copy of a pack's lessons in a new or empty folder.
///
/// `update` completes one that was interrupted. Fails with [`Error::Usage`] if something is there already.
pub fn init(folder: &Path, pack: &Pack) -> Result<Contents> {
    let failed = |error: io::Error| Error::file("make", folder, &error);
    if folder.join(LEDGER).is_file() {
        return Err(Error::Usage {
            why: format!("{} is a copy of the lab already", folder.display()),
            next: format!("cd {} && lab update", folder.display()),
        });
    }
    match fs::read_dir(folder) {
        Ok(mut inside) => {
            if inside.next().is_some() {
                return Err(Error::Usage {
                    why: format!("{} is not empty", folder.display()),
                    next: "name a folder that is not there yet".into(),
                });
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let contents = Contents::of(&Catalogue::of(folder, pack.clone())?)?;
    // First what makes it known for what it is, so that an update can complete it from here on.
    fs::create_dir_all(folder.join("lessons")).map_err(failed)?;
    let from = match pack {
        Pack::Binary => None,
        Pack::Folder(folder) => Some(folder.clone()),
    };
    let manifest = contents.common.get("Cargo.toml").map_or(&[][..], Vec::as_slice);
    progress::replace(&folder.join("Cargo.toml"), manifest, None)?;
    Ledger::new(from).write(folder)?;
    bring_up_to_date(folder, &contents, pack)?;
    Ok(contents)
}

/// The SHA-256 of these bytes, in hexadecimal.
fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
