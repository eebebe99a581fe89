//! Has the learner saved?
//!
//! inotify tells at once, but not always: there are network and shared file systems that it does not hear of, its
//! instances run out, and a folder that is replaced by another takes its watch along. So what it tells is only that it
//! is time to look, and who looks once a second as well is never deaf for longer. What was saved is seen by the
//! files themselves: however an editor writes (over the old file, cut short first, beside it and renamed, deleted and made
//! anew), in the end another file is there.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{PipeReader, PipeWriter, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::error::{Error, Result};

/// How long nothing may change before a save counts as whole: editors make one of several steps.
const QUIET: Duration = Duration::from_millis(20);

/// How often to look without being told.
pub const LOOK: Duration = Duration::from_secs(1);

/// The files of one lesson that a check may depend on.
pub struct Files {
    folder: PathBuf,
    exercise: PathBuf,
    seen: Print,
    /// When a change will have been quiet for long enough.
    due: Option<Instant>,
    /// Which folder is watched, or could not be.
    of: Option<Folder>,
    /// Tells by `bell`; `None` where it cannot.
    watcher: Option<RecommendedWatcher>,
    bell: PipeReader,
    ring: PipeWriter,
}

/// What tells two folders of one name apart: device, inode and, since an inode is used again, when it was made.
type Folder = (u64, u64, Option<SystemTime>);

/// What tells two states of the files apart.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Print(BTreeMap<PathBuf, File>);

#[derive(Clone, PartialEq, Eq)]
struct File {
    text: u64,
    inode: u64,
    saved: (i64, i64),
}

impl Files {
    /// Of the lesson in this folder, whose exercise is this file of it.
    pub fn new(folder: &Path, exercise: &str) -> Result<Files> {
        let (bell, ring) = nonblocking_pipe()
            .map_err(|errno| Error::System { doing: "open a pipe".into(), errno })?;
        let mut files = Files {
            folder: folder.into(),
            exercise: folder.join(exercise),
            seen: Print::default(),
            due: None,
            of: None,
            watcher: None,
            bell,
            ring,
        };
        files.look();
        files.due = None;
        Ok(files)
    }

    /// Readable when it is time to look.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// How long one may sleep before the next look.
    pub fn patience(&self) -> Duration {
        self.due.map_or(LOOK, |due| due.saturating_duration_since(Instant::now()))
    }

    /// Whether only looking tells what was saved here.
    pub fn is_deaf(&self) -> bool {
        self.watcher.is_none()
    }

    pub fn has_exercise(&self) -> bool {
        self.seen.0.contains_key(&self.exercise)
    }

    /// How the files are now, as far as has been looked.
    pub fn print(&self) -> &Print {
        &self.seen
    }

    /// Looks; whether something was saved since the last time that this was so, and the save is whole.
    pub fn saved(&mut self) -> bool {
        self.look();
        let whole = self.due.is_some_and(|due| due <= Instant::now());
        if whole {
            self.due = None;
        }
        whole
    }

    fn look(&mut self) {
        // What is rung from here on is about what comes after this look.
        while self.bell.read(&mut [0; 64]).is_ok_and(|rung| rung > 0) {}
        self.watch();
        let now = Print::of(&self.folder);
        if now != self.seen {
            self.seen = now;
            self.due = Some(Instant::now() + QUIET);
        }
    }

    /// Watches the folder, unless it is the one that is watched.
    fn watch(&mut self) {
        let about = fs::metadata(&self.folder).ok();
        let of = about.map(|it| (it.dev(), it.ino(), it.created().ok()));
        if of == self.of {
            return;
        }
        self.of = of;
        self.watcher = of.and_then(|_| watcher(&self.folder, self.ring.try_clone().ok()?).ok());
    }
}

/// Rings when something happens in the folder that is not mere reading.
fn watcher(folder: &Path, mut ring: PipeWriter) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |told: notify::Result<notify::Event>| {
        if !told.is_ok_and(|event| event.kind.is_access()) {
            // A pipe that is full has been rung often enough.
            let _ = ring.write(&[0]);
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

fn nonblocking_pipe() -> nix::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
    Ok((reader.into(), writer.into()))
}

/// Makes reading here give what there is, and never wait.
pub fn without_waiting(pipe: impl AsFd) -> nix::Result<()> {
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map(drop)
}

impl Print {
    /// Of the sources in a folder. What editors keep beside them (`.exercise.rs.swp`, `exercise.rs~`) is none.
    fn of(folder: &Path) -> Print {
        let is_source = |path: &PathBuf| {
            let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes()[0] == b'.');
            !hidden && path.extension().is_some_and(|end| end == "rs" || end == "toml")
        };
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path()).filter(is_source);
        Print(paths.filter_map(|path| Some((path.clone(), File::of(&path)?))).collect())
    }

    /// Whether the files say the same, whenever they were saved.
    pub fn says_as(&self, other: &Print) -> bool {
        let texts = |print: &Print| -> Vec<(PathBuf, u64)> {
            print.0.iter().map(|(path, file)| (path.clone(), file.text)).collect()
        };
        texts(self) == texts(other)
    }
}

impl File {
    fn of(path: &Path) -> Option<File> {
        let about = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        let mut hasher = DefaultHasher::new();
        fs::read(path).ok()?.hash(&mut hasher);
        let saved = (about.mtime(), about.mtime_nsec());
        Some(File { text: hasher.finish(), inode: about.ino(), saved })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits as a watch does until a save is whole; `false` if none comes for many looks.
    fn comes(files: &mut Files) -> bool {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let begun = Instant::now();
        while begun.elapsed() < 20 * LOOK {
            let patience = files.patience() + Duration::from_millis(1);
            let timeout = PollTimeout::try_from(patience).unwrap();
            poll(&mut [PollFd::new(files.bell(), PollFlags::POLLIN)], timeout).unwrap();
            if files.saved() {
                return true;
            }
        }
        false
    }

    fn exercise() -> (tempfile::TempDir, PathBuf, Files) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exercise.rs");
        fs::write(&path, "one").unwrap();
        let files = Files::new(folder.path(), "exercise.rs").unwrap();
        (folder, path, files)
    }

    #[test]
    fn every_way_to_save_is_seen() {
        let (folder, path, mut files) = exercise();
        assert!(!files.saved(), "nothing was saved");
        let before = files.print().clone();
        let ways: [&dyn Fn(&str); 4] = [
            &|text| fs::write(&path, text).unwrap(),
            &|text| {
                fs::write(folder.path().join(".new"), text).unwrap();
                fs::rename(folder.path().join(".new"), &path).unwrap();
            },
            &|text| {
                fs::remove_file(&path).unwrap();
                fs::write(&path, text).unwrap();
            },
            &|text| {
                fs::rename(&path, folder.path().join("exercise.rs~")).unwrap();
                fs::write(&path, text).unwrap();
            },
        ];
        for (at, way) in ways.into_iter().enumerate() {
            way(&format!("text {at}"));
            assert!(comes(&mut files), "way {at}");
            assert!(files.has_exercise() && !files.print().says_as(&before), "way {at}");
        }
        fs::remove_file(&path).unwrap();
        assert!(comes(&mut files) && !files.has_exercise());
    }

    #[test]
    fn a_save_that_changes_nothing_is_one_and_says_the_same() {
        let (_folder, path, mut files) = exercise();
        let before = files.print().clone();
        fs::write(&path, "one").unwrap();
        assert!(comes(&mut files));
        assert!(files.print().says_as(&before));
    }

    #[test]
    fn what_an_editor_keeps_beside_the_file_is_no_save() {
        let (folder, _, mut files) = exercise();
        for name in [".exercise.rs.swp", "exercise.rs~", "4913", "#exercise.rs#"] {
            fs::write(folder.path().join(name), "kept").unwrap();
        }
        assert!(!files.saved() && files.due.is_none());
    }

    #[test]
    fn who_is_told_nothing_sees_it_all_the_same() {
        let (_folder, path, mut files) = exercise();
        files.watcher = None;
        assert!(files.is_deaf());
        fs::write(&path, "two").unwrap();
        assert!(comes(&mut files));
    }

    #[test]
    fn a_folder_in_place_of_another_is_watched() {
        let (folder, _, _) = exercise();
        let lesson = folder.path().join("lesson");
        fs::create_dir(&lesson).unwrap();
        fs::write(lesson.join("exercise.rs"), "one").unwrap();
        let mut files = Files::new(&lesson, "exercise.rs").unwrap();
        fs::rename(&lesson, folder.path().join("old")).unwrap();
        fs::create_dir(&lesson).unwrap();
        fs::write(lesson.join("exercise.rs"), "two").unwrap();
        assert!(comes(&mut files) && files.has_exercise());
        let watched = fs::metadata(&lesson).unwrap();
        assert_eq!(
            files.of.map(|(dev, inode, _)| (dev, inode)),
            Some((watched.dev(), watched.ino()))
        );
    }
}
