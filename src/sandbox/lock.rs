//! One run at a time, where the machine's own ports have to do.
//!
//! Without a network namespace two runs would meet at the same fixed ports. They take turns by
//! flock(2) on a file that every user of the machine opens; the lock goes with the last copy of the descriptor,
//! however its owner ends.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;

use crate::error::{Error, Result};

/// In this order; all users of a machine find the same first one that works.
const PLACES: [&str; 3] =
    ["/tmp/.socket-lab.lock", "/dev/shm/.socket-lab.lock", "/var/tmp/.socket-lab.lock"];

/// Waits until no other run has the machine, and takes it until the file is dropped.
pub fn lock_machine() -> Result<File> {
    let file = lock_file()?;
    loop {
        match flock(&file, libc::LOCK_EX) {
            Ok(()) => return Ok(file),
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(failed(errno)),
        }
    }
}

/// Takes the machine if no other run has it: else `None`, so that the caller can say that it waits.
pub fn try_lock_machine() -> Result<Option<File>> {
    let file = lock_file()?;
    match flock(&file, libc::LOCK_EX | libc::LOCK_NB) {
        Ok(()) => Ok(Some(file)),
        Err(Errno::EWOULDBLOCK) => Ok(None),
        Err(errno) => Err(failed(errno)),
    }
}

fn lock_file() -> Result<File> {
    let mut last = Errno::ENOENT;
    for place in PLACES {
        match open_shared(Path::new(place)) {
            Ok(file) => return Ok(file),
            Err(error) => last = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EPERM)),
        }
    }
    Err(failed(last))
}

/// Opens a file that anybody may have made, without believing in it.
///
/// The folder is writable for all: whoever came first chose what lies there. A link would lead us to a file
/// of somebody else's choice (O_NOFOLLOW), a pipe would hold us (O_NONBLOCK), and O_CREAT on another user's
/// file is refused by fs.protected_regular: so what is there is opened for reading alone, which flock does
/// not mind, and what is not is made with O_EXCL.
fn open_shared(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC | libc::O_NOCTTY;
    for _ in 0..8 {
        let existing = File::options().read(true).custom_flags(flags).open(path);
        let file = match existing {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut fresh = File::options();
                fresh.write(true).create_new(true).mode(0o644).custom_flags(flags);
                match fresh.open(path) {
                    // Somebody was quicker: theirs will do.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                    made => {
                        let made = made?;
                        // A strict umask must not lock the other users out.
                        // SAFETY: a plain system call on a descriptor of ours.
                        unsafe { libc::fchmod(made.as_raw_fd(), 0o644) };
                        made
                    }
                }
            }
            other => other?,
        };
        if !file.metadata()?.file_type().is_file() || file.metadata()?.nlink() > 1 {
            return Err(io::Error::from_raw_os_error(libc::EINVAL));
        }
        return Ok(file);
    }
    Err(io::Error::from_raw_os_error(libc::EAGAIN))
}

fn flock(file: &File, operation: i32) -> std::result::Result<(), Errno> {
    // SAFETY: a plain system call on a descriptor that `file` keeps open.
    Errno::result(unsafe { libc::flock(file.as_raw_fd(), operation) }).map(drop)
}

fn failed(errno: Errno) -> Error {
    Error::System { doing: "take turns with other runs".into(), errno }
}
