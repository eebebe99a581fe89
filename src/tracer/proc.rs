//! What /proc says of a thread: whether it sleeps in a call, and what its descriptors are.

use std::cell::OnceCell;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::stop;

/// The two files that tell whether a thread sleeps, kept open once they are asked for: where one thread runs at a time
/// they are read before every decision, under the free schedule hardly ever.
pub struct Sleep {
    tid: i32,
    stat: OnceCell<Option<File>>,
    syscall: OnceCell<Option<File>>,
}

/// What a thread that was told to run is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// It runs, or is about to, or has a stop that has not been fetched.
    Running,
    /// It sleeps in the kernel until somebody wakes it.
    Asleep,
    /// It has ended, but its status is still held back (a leader with live threads).
    Zombie,
}

impl Sleep {
    pub fn of(tid: i32) -> Sleep {
        Sleep { tid, stat: OnceCell::new(), syscall: OnceCell::new() }
    }

    fn stat<'a>(&self, buf: &'a mut [u8]) -> &'a [u8] {
        // Below task/ the kernel tells of the thread alone; above it adds up the times of all threads of the process on
        // every look.
        let path = || format!("/proc/{0}/task/{0}/stat", self.tid);
        read_at_start(self.stat.get_or_init(|| File::open(path()).ok()), buf)
    }

    fn syscall<'a>(&self, buf: &'a mut [u8]) -> &'a [u8] {
        let path = || format!("/proc/{}/syscall", self.tid);
        read_at_start(self.syscall.get_or_init(|| File::open(path()).ok()), buf)
    }

    /// Whether it still stands at its ptrace stop: SIGKILL ends one without a word.
    pub fn is_stopped(&self) -> bool {
        let mut buf = [0u8; 512];
        state_letter(self.stat(&mut buf)) == Some(b't')
    }

    /// Whether the thread sleeps. Three looks, in this order; two of them are not enough.
    ///
    /// State `S` alone is wrong: poll, futex and wait set it before they test their condition, still on the
    /// processor. `/proc/TID/syscall` alone is wrong: it waits until the thread is off the processor, but a thread on its
    /// way there from our own resuming counts as off. And a stop may have come since.
    /// `uninterruptible`: `D` counts as asleep too (a parent in vfork).
    pub fn doing(&self, uninterruptible: bool) -> Doing {
        let mut buf = [0u8; 512];
        match state_letter(self.stat(&mut buf)) {
            Some(b'S') => {}
            Some(b'D') if uninterruptible => {}
            Some(b'Z') | Some(b'X') | None => return Doing::Zombie,
            _ => return Doing::Running,
        }
        let said = self.syscall(&mut buf);
        if said.starts_with(b"running") || stop::has_pending_stop(self.tid) {
            return Doing::Running;
        }
        Doing::Asleep
    }
}

impl Sleep {
    /// Whether the thread sleeps in a call that has a time limit, among those that are not followed.
    pub fn is_for_a_time(&self) -> bool {
        let mut buf = [0u8; 512];
        let said = String::from_utf8_lossy(self.syscall(&mut buf));
        let mut words = said.split_ascii_whitespace();
        let Some(nr) = words.next().and_then(|nr| nr.parse::<libc::c_long>().ok()) else {
            return false;
        };
        // Whether argument `at` is not a null pointer.
        let mut has = |at: usize| words.nth(at).is_some_and(|word| word != "0x0");
        match nr {
            libc::SYS_futex | libc::SYS_semtimedop => has(3),
            libc::SYS_mq_timedreceive | libc::SYS_mq_timedsend | libc::SYS_io_getevents => has(4),
            libc::SYS_restart_syscall => true,
            _ => false,
        }
    }
}

/// Of a process that has ended and was not waited for, the parent that should.
pub fn parent_of_zombie(pid: i32) -> Option<i32> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let parent = stat.rsplit(|&byte| byte == b')').next()?.split(|&byte| byte == b' ').nth(2)?;
    let parent = std::str::from_utf8(parent).ok()?.parse().ok()?;
    (state_letter(&stat) == Some(b'Z')).then_some(parent)
}

/// The letter after the command's name, which may itself hold any character.
fn state_letter(stat: &[u8]) -> Option<u8> {
    let name_end = stat.iter().rposition(|&byte| byte == b')')?;
    stat.get(name_end + 2).copied()
}

fn read_at_start<'a>(file: &Option<File>, buf: &'a mut [u8]) -> &'a [u8] {
    let got = file.as_ref().and_then(|file| file.read_at(buf, 0).ok()).unwrap_or(0);
    &buf[..got]
}

/// What a descriptor of a process is, as its link in /proc names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    Socket(u64),
    Pipe(u64),
    /// `eventfd`, `timerfd`, `signalfd`, `eventpoll`.
    Anonymous(String),
    Other,
}

/// What the link of `fd` says; `None` if there is no such descriptor.
pub fn target(tid: i32, fd: i32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{tid}/fd/{fd}")).ok()
}

/// Reads the link of `fd`; `None` if there is no such descriptor.
pub fn link(tid: i32, fd: i32) -> Option<Link> {
    let target = target(tid, fd)?;
    let target = target.to_string_lossy();
    let number = |prefix: &str| target.strip_prefix(prefix)?.strip_suffix(']')?.parse().ok();
    if let Some(inode) = number("socket:[") {
        return Some(Link::Socket(inode));
    }
    if let Some(inode) = number("pipe:[") {
        return Some(Link::Pipe(inode));
    }
    match target.strip_prefix("anon_inode:") {
        Some(name) => Some(Link::Anonymous(name.trim_matches(['[', ']']).to_string())),
        None => Some(Link::Other),
    }
}

/// The device behind a descriptor, if that is a character device: a terminal, /dev/null.
pub fn device(tid: i32, fd: i32) -> Option<u64> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let about = std::fs::metadata(format!("/proc/{tid}/fd/{fd}")).ok()?;
    about.file_type().is_char_device().then(|| about.rdev())
}

/// The descriptors that a process has open.
pub fn descriptors(tid: i32) -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir(format!("/proc/{tid}/fd")) else { return Vec::new() };
    let mut numbers: Vec<i32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

/// Whether the end of a pipe was opened for writing.
pub fn is_writing_end(tid: i32, fd: i32) -> bool {
    flags(tid, fd).is_some_and(|flags| flags & libc::O_ACCMODE == libc::O_WRONLY)
}

/// Whether calls on the descriptor do not wait.
pub fn is_nonblocking(tid: i32, fd: i32) -> bool {
    flags(tid, fd).is_some_and(|flags| flags & libc::O_NONBLOCK != 0)
}

/// The O_ flags of an open file description.
fn flags(tid: i32, fd: i32) -> Option<i32> {
    let info = std::fs::read_to_string(format!("/proc/{tid}/fdinfo/{fd}")).unwrap_or_default();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    // O_CLOEXEC and the like make the number longer than an i32 on some architectures.
    flags.and_then(|flags| i64::from_str_radix(flags.trim(), 8).ok()).map(|flags| flags as i32)
}

/// Processor time that a process has used, in nanoseconds.
pub fn cpu_time(pid: i32) -> u64 {
    // clock_getcpuclockid(3) makes the same number of a pid.
    const SCHED: i32 = 2;
    let clock = !pid << 3 | SCHED;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime writes to `time` only, and refuses a process that is gone.
    let done = unsafe { libc::clock_gettime(clock, &mut time) };
    if done != 0 {
        return 0;
    }
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Bytes of memory that a process has in use.
pub fn resident(pid: i32) -> u64 {
    const PAGE: u64 = 4096;
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE
}

/// Packets that wait in the kernel's queues between two loopback sockets, over all processors.
///
/// The twelfth column of /proc/net/softnet_stat holds the length of a processor's queue: delivery can be left to
/// ksoftirqd under load, and a sleeping reader is only blocked once what was sent to it has arrived.
pub struct Backlog {
    file: Option<File>,
    /// Room for what it says, once it is asked.
    room: Vec<u8>,
}

impl Backlog {
    pub fn open() -> Backlog {
        Backlog { file: File::open("/proc/net/softnet_stat").ok(), room: Vec::new() }
    }

    /// Whether a packet is still under way. False where the kernel does not tell (before 5.10).
    pub fn is_busy(&mut self) -> bool {
        const BACKLOG_COLUMN: usize = 11;
        // A line of some 140 bytes for each processor.
        self.room.resize(64 * 1024, 0);
        let text = read_at_start(&self.file, &mut self.room);
        text.split(|&byte| byte == b'\n').any(|line| {
            let column = line.split(|&byte| byte == b' ').nth(BACKLOG_COLUMN);
            column.is_some_and(|digits| digits.iter().any(|&digit| digit != b'0'))
        })
    }
}
