//! Files of /etc that only this run sees: those that a lookup of names reads.
//!
//! They are laid over the machine's /etc, overlayfs(5), of which everything else shows through. So it makes no difference
//! whether the machine has such a file itself, or a symbolic link to somewhere in its place.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::CloneFlags;

use super::Entered;
use super::confine::{FOLDER, own_file_system};
use super::net::errno_of;

/// Where a daemon answers for the name service without looking into any file.
const NSCD: &str = "/run/nscd";

/// Lays these over /etc, by name. For the process in which [`super::furnish`] was called, before [`super::confine`].
///
/// Fails with `EPERM` where there are no mounts or no network of the run's own: names would lead out of it.
pub fn own_etc(entered: &Entered, files: &[(&str, String)]) -> nix::Result<()> {
    if !entered.had.contains(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET) {
        return Err(Errno::EPERM);
    }
    own_file_system(entered)?;
    let over = Path::new(FOLDER).join("etc");
    write(&over, files).map_err(|error| errno_of(&error))?;
    let layers = format!("lowerdir={}:/etc", over.display());
    mount(Some("lab"), "/etc", Some("overlay"), MsFlags::MS_RDONLY, Some(layers.as_str()))?;
    // The layers stay; their folder is the programs'.
    umount2(FOLDER, MntFlags::MNT_DETACH)?;
    if Path::new(NSCD).is_dir() {
        mount(Some("lab"), NSCD, Some("tmpfs"), MsFlags::MS_RDONLY, None::<&str>)?;
    }
    Ok(())
}

/// For everybody to read: the programs may be somebody else's.
fn write(folder: &Path, files: &[(&str, String)]) -> std::io::Result<()> {
    fs::DirBuilder::new().mode(0o755).create(folder)?;
    for (name, text) in files {
        let mut file = fs::OpenOptions::new();
        let mut file = file.write(true).create_new(true).mode(0o644).open(folder.join(name))?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
    }
    Ok(())
}
