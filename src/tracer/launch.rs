//! Starts a role's program: fork, hand over the standard streams, wait to be seized, filter, exec.
//!
//! Between fork and exec the child calls nothing that allocates: all it needs is prepared before.

use std::ffi::{CString, OsString};
use std::io::Read;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use libc::sock_filter;
use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::error::{Error, Obstacle, Result};

use super::filter::{self, Calls};
use super::limits::Limits;
use super::stop;

/// A program to be run as a role.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program and its arguments, as the user gave them; a name without `/` is looked up in PATH.
    pub command: Vec<String>,
    /// Variables that are set on top of the lab's own environment.
    pub env: Vec<(String, String)>,
    /// The working directory; the lab's own if `None`.
    pub dir: Option<PathBuf>,
}

/// Where a program's standard streams lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Streams {
    /// stdin is a pipe that the lab fills; stdout and stderr are a terminal of its own, whose text is
    /// taken from the write calls.
    Own,
    /// The three that the lab itself was started with.
    Inherited,
}

/// A program that stands still just before it is filtered and executed, already traced.
pub struct Launched {
    pub tid: i32,
    /// The writing end of its stdin and the other side of its terminal, for [`Streams::Own`].
    pub ours: Option<Ours>,
    go: OwnedFd,
    failed: OwnedFd,
}

/// The lab's ends of a program's own streams.
pub struct Ours {
    /// `None` once end of file has been given.
    pub stdin: Option<OwnedFd>,
    pub terminal: OwnedFd,
}

/// What the forked child finds ready.
struct Prepared {
    /// Each path that the program may stand at, in PATH's order.
    paths: Vec<CString>,
    argv: Vec<CString>,
    envp: Vec<CString>,
    dir: Option<CString>,
    /// stdin, stdout, stderr.
    streams: Option<[RawFd; 3]>,
    filter: Vec<sock_filter>,
    /// The limit on open files that the program would have without the lab.
    files: libc::rlimit,
    limits: Option<Limits>,
    ruleset: Option<RawFd>,
    keep_addresses: bool,
}

/// How the child is set up beyond its command.
pub struct Setup<'a> {
    pub streams: Streams,
    /// The calls that stop it.
    pub trapped: Calls,
    /// Whether addresses are to be the same in every run (no randomisation).
    pub keep_addresses: bool,
    pub files: libc::rlimit,
    pub limits: Option<Limits>,
    /// A landlock ruleset that it is held to.
    pub ruleset: Option<&'a OwnedFd>,
}

/// Forks `program` and seizes it. It runs no instruction of the program until [`Launched::go`].
pub fn launch(program: &Program, setup: &Setup) -> Result<Launched> {
    let name = program.command.first().cloned().unwrap_or_default();
    let system = |doing: &str| {
        let doing = format!("{doing} for `{name}`");
        move |errno| Error::System { doing, errno }
    };
    let (ours, theirs) = match setup.streams {
        Streams::Own => {
            let (ours, theirs) = own_streams().map_err(system("open a terminal"))?;
            (Some(ours), Some(theirs))
        }
        Streams::Inherited => (None, None),
    };
    let prepared = prepare(program, setup, theirs.as_ref())?;
    let (wait, go) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(system("open a pipe"))?;
    let (failed, report) = nix::unistd::pipe2(OFlag::O_CLOEXEC).map_err(system("open a pipe"))?;
    let argv = pointers(&prepared.argv);
    let envp = pointers(&prepared.envp);
    // SAFETY: the tracing process has one thread; the child calls only what signal-safety(7) allows and then
    // execs or exits.
    let tid = unsafe { libc::fork() };
    if tid == 0 {
        become_program(&prepared, &argv, &envp, wait.as_raw_fd(), report.as_raw_fd());
    }
    Errno::result(tid).map_err(system("fork"))?;
    stop::seize(tid).map_err(|errno| {
        // SAFETY: the child is ours, waits for a byte that will not come, and is reaped here.
        unsafe {
            libc::kill(tid, libc::SIGKILL);
            libc::waitpid(tid, std::ptr::null_mut(), 0);
        }
        Error::CannotTrace { program: name, needs: "ptrace", errno }
    })?;
    Ok(Launched { tid, ours, go, failed })
}

impl Launched {
    /// Lets it install its filter and exec. From now on it is seen by its stops.
    pub fn go(self) -> (Option<Ours>, Failure) {
        // A failed write means that the child has died: its status says so.
        let _ = nix::unistd::write(&self.go, &[1]);
        (self.ours, Failure(self.failed))
    }
}

/// Tells, once the child has gone without an exec, what stopped it.
pub struct Failure(OwnedFd);

/// Where on its way a program was stopped.
const SETTING_UP: i32 = 0;
const FILTERING: i32 = 1;
const EXECUTING: i32 = 2;

impl Failure {
    /// Why `program` did not start.
    pub fn error(&self, program: &Program) -> Error {
        let name = program.command.first().cloned().unwrap_or_default();
        let mut words = [0; 8];
        let obstacle = match nix::unistd::read(&self.0, &mut words) {
            Ok(8) => {
                let [step, errno] = [0, 4].map(|at| {
                    i32::from_le_bytes([words[at], words[at + 1], words[at + 2], words[at + 3]])
                });
                let errno = Errno::from_raw(errno);
                match step {
                    FILTERING => {
                        return Error::CannotTrace { program: name, needs: "seccomp", errno };
                    }
                    EXECUTING => return cannot_execute(name, errno),
                    _ => Obstacle::Refused(errno),
                }
            }
            _ => Obstacle::Died,
        };
        Error::CannotStart { program: name, obstacle }
    }
}

/// What the kernel meant by this errno of execve(2), which has one word for many things.
fn cannot_execute(name: String, errno: Errno) -> Error {
    let about = |path: &String| std::fs::metadata(path).ok();
    let found = places(&name).into_iter().find_map(|path| Some((about(&path)?, path)));
    let Some((about, program)) = found else {
        let obstacle = match errno {
            Errno::ENOENT if name.contains('/') || name.is_empty() => Obstacle::Absent,
            Errno::ENOENT => Obstacle::NotInPath { here: Path::new(&name).is_file() },
            errno => Obstacle::Refused(errno),
        };
        return Error::CannotStart { program: name, obstacle };
    };
    let obstacle = match errno {
        Errno::EACCES if about.is_dir() => Obstacle::Folder,
        Errno::EACCES if about.permissions().mode() & 0o111 == 0 => Obstacle::NotExecutable,
        // The file is there, so it is another that is not.
        Errno::ENOENT => {
            let start = start_of(&program).unwrap_or_default();
            Obstacle::NoInterpreter(interpreter(&start).unwrap_or("interpreter".into()))
        }
        Errno::ENOEXEC => Obstacle::NoProgram,
        errno => Obstacle::Refused(errno),
    };
    Error::CannotStart { program, obstacle }
}

fn start_of(path: &str) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    std::fs::File::open(path)?.take(4096).read_to_end(&mut start)?;
    Ok(start)
}

/// The program that one which starts like this is to be run by: what follows `#!`, or the loader that an
/// ELF file names.
fn interpreter(start: &[u8]) -> Option<String> {
    if let Some(line) = start.strip_prefix(b"#!") {
        let line = String::from_utf8_lossy(line.split(|&byte| byte == b'\n').next()?);
        let name = line.trim_matches([' ', '\t']).split([' ', '\t']).next()?;
        // The line ending of another system is part of the name: it must be seen.
        return Some(name.replace('\r', "\\r"));
    }
    let mut strings = start.split(|&byte| byte == 0).filter_map(|it| std::str::from_utf8(it).ok());
    strings.find(|text| text.starts_with('/') && text.contains("ld")).map(String::from)
}

/// The child's side. Never returns.
fn become_program(
    prepared: &Prepared,
    argv: &[*const libc::c_char],
    envp: &[*const libc::c_char],
    wait: RawFd,
    report: RawFd,
) -> ! {
    // SAFETY: only calls that signal-safety(7) allows, on descriptors and strings that the parent
    // made before the fork and that live as long as this copy of its memory.
    unsafe {
        let mut byte = 0u8;
        while libc::read(wait, (&raw mut byte).cast(), 1) < 0 && Errno::last_raw() == libc::EINTR {}
        let (mut step, mut errno) = (SETTING_UP, settle_in(prepared));
        if errno == 0 {
            (step, errno) = (FILTERING, filter::install(&prepared.filter));
        }
        if errno == 0 {
            (step, errno) = (EXECUTING, libc::ENOENT);
            for path in &prepared.paths {
                libc::execve(path.as_ptr(), argv.as_ptr(), envp.as_ptr());
                let mut found = Errno::last_raw();
                // A folder of PATH that may not be searched says nothing of the program.
                let searched = prepared.paths.len() > 1;
                if searched && found == libc::EACCES && libc::access(path.as_ptr(), libc::F_OK) != 0
                {
                    found = libc::ENOENT;
                }
                // As execvp(3): a place where it is not, or is not allowed, does not end the search.
                if found != libc::ENOENT && found != libc::ENOTDIR {
                    errno = found;
                }
                if !matches!(found, libc::ENOENT | libc::ENOTDIR | libc::EACCES) {
                    break;
                }
            }
        }
        let words = [step.to_le_bytes(), errno.to_le_bytes()];
        libc::write(report, words.as_ptr().cast(), size_of_val(&words));
        libc::_exit(127);
    }
}

/// Session, streams, directory, limits. Gives 0 or an errno.
fn settle_in(prepared: &Prepared) -> i32 {
    // SAFETY: as in `become_program`: signal-safe calls on prepared values.
    unsafe {
        if let Some(streams) = prepared.streams {
            libc::setsid();
            for (fd, stream) in streams.into_iter().enumerate() {
                if libc::dup2(stream, fd as RawFd) < 0 {
                    return Errno::last_raw();
                }
            }
        }
        if let Some(dir) = &prepared.dir
            && libc::chdir(dir.as_ptr()) != 0
        {
            return Errno::last_raw();
        }
        if prepared.keep_addresses {
            // Refused in some containers; then only programs that print addresses differ.
            libc::personality(libc::ADDR_NO_RANDOMIZE as libc::c_ulong);
        }
        libc::setrlimit(libc::RLIMIT_NOFILE, &prepared.files);
        if let Some(Err(errno)) = prepared.limits.as_ref().map(Limits::bind) {
            return errno as i32;
        }
        if let Some(ruleset) = prepared.ruleset {
            // Landlock wants what the filter wants as well: no gaining of rights by exec.
            if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || libc::syscall(libc::SYS_landlock_restrict_self, ruleset, 0) != 0
            {
                return Errno::last_raw();
            }
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        // Rust ignores SIGPIPE, nohup SIGHUP, a shell's background SIGINT: a program is to meet each signal as it is
        // by default, or what it does would depend on who started the lab.
        for signal in 1..=libc::SIGRTMAX() {
            libc::signal(signal, libc::SIG_DFL);
        }
        0
    }
}

fn prepare(program: &Program, setup: &Setup, theirs: Option<&[OwnedFd; 3]>) -> Result<Prepared> {
    let name = program.command.first().map(String::as_str).unwrap_or_default();
    let no_nul = |_| Error::Usage {
        why: format!("`{name}`: an argument holds a zero byte"),
        next: "leave the zero byte out".into(),
    };
    let text = |text: &str| CString::new(text).map_err(no_nul);
    let mut vars: Vec<(OsString, OsString)> = std::env::vars_os()
        .filter(|(key, _)| !program.env.iter().any(|(name, _)| key == name.as_str()))
        .collect();
    vars.extend(program.env.iter().map(|(key, value)| (key.into(), value.into())));
    let envp = vars
        .into_iter()
        .map(|(key, value)| {
            let mut pair = key.into_vec();
            pair.push(b'=');
            pair.extend(value.into_vec());
            CString::new(pair).map_err(no_nul)
        })
        .collect::<Result<_>>()?;
    Ok(Prepared {
        paths: places(name).iter().map(|path| text(path)).collect::<Result<_>>()?,
        argv: program.command.iter().map(|arg| text(arg)).collect::<Result<_>>()?,
        envp,
        dir: match &program.dir {
            Some(dir) => Some(text(&dir.to_string_lossy())?),
            None => None,
        },
        streams: theirs.map(|fds| [0, 1, 2].map(|at| fds[at].as_raw_fd())),
        filter: setup.trapped.program(),
        files: setup.files,
        limits: setup.limits,
        ruleset: setup.ruleset.map(|ruleset| ruleset.as_raw_fd()),
        keep_addresses: setup.keep_addresses,
    })
}

/// Where a command may stand: itself if it has a `/`, else each folder of PATH.
fn places(name: &str) -> Vec<String> {
    if name.is_empty() || name.contains('/') {
        return vec![name.to_string()];
    }
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".into());
    path.split(':')
        .map(|dir| Path::new(if dir.is_empty() { "." } else { dir }).join(name))
        .map(|path| path.to_string_lossy().into_owned())
        .collect()
}

fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect()
}

/// A pipe for stdin and a raw terminal for stdout and stderr: programs flush as before a person.
fn own_streams() -> std::result::Result<(Ours, [OwnedFd; 3]), Errno> {
    let (stdin, fill) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    // Only the lab's end: the program's is another description.
    nix::fcntl::fcntl(&fill, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let (mut master, mut slave) = (-1, -1);
    let size = libc::winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: cfmakeraw and openpty fill what they are given; both descriptors are then ours.
    let (terminal, stdout) = unsafe {
        let mut raw: libc::termios = std::mem::zeroed();
        libc::cfmakeraw(&mut raw);
        let done = libc::openpty(&mut master, &mut slave, std::ptr::null_mut(), &raw, &size);
        Errno::result(done)?;
        (OwnedFd::from_raw_fd(master), OwnedFd::from_raw_fd(slave))
    };
    for fd in [&terminal, &stdout] {
        nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
    }
    nix::fcntl::fcntl(&terminal, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    let stderr = stdout.try_clone().map_err(|_| Errno::last())?;
    Ok((Ours { stdin: Some(fill), terminal }, [stdin, stdout, stderr]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_names_its_interpreter_without_arguments() {
        assert_eq!(interpreter(b"#! /usr/bin/env python3\nprint()\n").unwrap(), "/usr/bin/env");
        assert_eq!(interpreter(b"#!/bin/sh\r\nexit\r\n").unwrap(), "/bin/sh\\r");
    }

    #[test]
    fn an_elf_file_names_its_loader() {
        let start = b"\x7fELF\x02\0\xff\0/lib64/ld-linux-x86-64.so.2\0/usr/lib\0";
        assert_eq!(interpreter(start).unwrap(), "/lib64/ld-linux-x86-64.so.2");
        assert_eq!(interpreter(b"hello\n"), None);
    }

    #[test]
    fn a_refused_exec_is_told_as_what_the_kernel_said() {
        for errno in [Errno::EPERM, Errno::ETXTBSY] {
            let error = cannot_execute("/bin/sh".into(), errno);
            let Error::CannotStart { obstacle, .. } = error else { panic!("{error}") };
            assert_eq!(obstacle, Obstacle::Refused(errno));
        }
    }

    #[test]
    fn a_program_of_path_is_told_with_the_folder_where_it_was_found() {
        let error = cannot_execute("sh".into(), Errno::EPERM).to_string();
        assert!(error.contains("/sh`: operation not permitted (EPERM)"), "{error}");
    }
}
