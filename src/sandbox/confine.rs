//! Where a program under test may write: in one folder of its own, and nowhere else.
//!
//! Landlock refuses the rest, landlock(7): it needs no privilege and holds for whatever the program starts. The folder is
//! a small file system in memory that only this run sees and that ends with it; it stands at the same path in
//! every run, since programs print paths and bind sockets to them.

use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, Scope,
};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::CloneFlags;

use super::Entered;

/// What a program is confined to.
#[derive(Debug)]
pub struct Confinement {
    /// Its TMPDIR.
    pub folder: PathBuf,
    /// What landlock_restrict_self(2) takes. `None` where the kernel has no landlock.
    pub ruleset: Option<OwnedFd>,
    /// The folder lies on the machine's own file system and is to be removed.
    on_disk: bool,
}

/// Where the folder is; empty outside of a run.
pub(super) const FOLDER: &str = "/tmp/socket-lab";
const ROOM: &str = "mode=0700,size=64m,nr_inodes=4096";

/// Devices that everybody writes to.
const DEVICES: [&str; 6] =
    ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/ptmx", "/dev/pts"];

/// Makes the folder and the rules. For the process in which [`super::furnish`] was called; what is refused is added to
/// `lacking`.
///
/// The programs may send signals only to each other (since Linux 6.12); reading and executing are free.
pub fn confine(entered: &mut Entered) -> Confinement {
    let (folder, on_disk) = match own_file_system(entered) {
        Ok(()) => (PathBuf::from(FOLDER), false),
        Err(errno) => {
            entered.lack("a file system for TMPDIR", errno);
            (folder_on_disk(), true)
        }
    };
    let ruleset = match rules(&folder) {
        Ok(created) => Option::<OwnedFd>::from(created),
        Err(_) => None,
    };
    if ruleset.is_none() {
        entered.lack("landlock", errno_of_landlock());
    }
    Confinement { folder, ruleset, on_disk }
}

impl Drop for Confinement {
    fn drop(&mut self) {
        if self.on_disk {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Mounts it where nobody outside sees it.
pub(super) fn own_file_system(entered: &Entered) -> nix::Result<()> {
    if !entered.had.contains(CloneFlags::CLONE_NEWNS) {
        return Err(Errno::EPERM);
    }
    // For everybody: the next who runs the lab may be somebody else, and mounts over it likewise.
    match std::fs::DirBuilder::new().mode(0o755).create(FOLDER) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(super::net::errno_of(&error));
        }
        _ => {}
    }
    let is_folder = std::fs::symlink_metadata(FOLDER).is_ok_and(|about| about.is_dir());
    if !is_folder {
        return Err(Errno::ENOTDIR);
    }
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("lab"), FOLDER, Some("tmpfs"), flags, Some(ROOM))
}

fn folder_on_disk() -> PathBuf {
    let template = std::env::temp_dir().join("lab-XXXXXX");
    nix::unistd::mkdtemp(&template).unwrap_or(template)
}

fn rules(folder: &Path) -> Result<RulesetCreated, RulesetError> {
    // What a kernel does not know is left out: the crate's best effort, its default.
    const KNOWN: ABI = ABI::V6;
    let look = AccessFs::from_read(KNOWN);
    let all = AccessFs::from_all(KNOWN);
    let use_device = AccessFs::from_file(KNOWN) & !AccessFs::Execute;
    let mut rules = Ruleset::default().handle_access(all)?.scope(Scope::Signal)?.create()?;
    let mut allowed = vec![(Path::new("/"), look), (folder, all)];
    allowed.extend(DEVICES.iter().map(|device| (Path::new(*device), use_device)));
    for (path, access) in allowed {
        if let Ok(path) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(path, access))?;
        }
    }
    Ok(rules)
}

/// Why there is no landlock: asks for its version.
fn errno_of_landlock() -> Errno {
    const VERSION: libc::c_ulong = 1;
    // SAFETY: with this flag the kernel reads nothing through the null pointer.
    let found = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, VERSION)
    };
    if found < 0 { Errno::last() } else { Errno::EPERM }
}
