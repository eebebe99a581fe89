//! Resource limits: what one process may use. setrlimit(2).

use nix::errno::Errno;

#[cfg(target_env = "gnu")]
pub type Resource = libc::__rlimit_resource_t;
#[cfg(not(target_env = "gnu"))]
pub type Resource = libc::c_int;

/// What a program under test may use. Both the soft and the hard limit are set: it cannot raise them.
///
/// These are the same on every machine, so that a program that asks (`ulimit -n`, a pool sized by
/// getrlimit) does the same everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Seconds of CPU time per process; SIGKILL follows.
    pub cpu: u64,
    /// The number above every descriptor: with 1024, the last is 1023.
    pub files: u64,
    /// Bytes of the longest file that it may write; SIGXFSZ beyond.
    pub file_size: u64,
    /// Bytes of the first thread's stack, and the default of the others.
    pub stack: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { cpu: 60, files: 1024, file_size: 256 << 20, stack: 8 << 20 }
    }
}

impl Limits {
    /// Binds the calling process, and what it executes, to these limits; no core is ever dumped.
    ///
    /// Async-signal-safe: meant for the child between fork and exec. A limit that is already
    /// lower stays as it is. Fails with what setrlimit(2) gives.
    pub fn bind(&self) -> Result<(), Errno> {
        limit(libc::RLIMIT_CORE, 0)?;
        limit(libc::RLIMIT_CPU, self.cpu)?;
        limit(libc::RLIMIT_NOFILE, self.files)?;
        limit(libc::RLIMIT_FSIZE, self.file_size)?;
        limit(libc::RLIMIT_STACK, self.stack)
    }
}

/// Sets both limits of one resource of the calling process to `most`, or to the hard limit in
/// force if that is lower. Async-signal-safe.
pub fn limit(resource: Resource, most: u64) -> Result<(), Errno> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `now` is a live rlimit of ours.
    Errno::result(unsafe { libc::getrlimit(resource, &mut now) })?;
    let most = (most as libc::rlim_t).min(now.rlim_max);
    let new = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: `new` is a live rlimit of ours, which the kernel only reads.
    Errno::result(unsafe { libc::setrlimit(resource, &new) }).map(drop)
}
