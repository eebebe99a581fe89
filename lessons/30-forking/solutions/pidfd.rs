//! Exercise 30 with a descriptor for each child, as Linux has them since 5.3: it can be read from, in the sense of poll,
//! when the child has ended. No signal, no handler.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{ForkResult, Pid, fork};

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7030")?;
    let mut children: Vec<OwnedFd> = Vec::new();
    loop {
        let watched = children.iter().map(AsFd::as_fd).chain([listener.as_fd()]);
        let mut fds: Vec<_> = watched.map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        poll(&mut fds, PollTimeout::NONE)?;
        let mut ready: Vec<_> = fds.iter().map(|fd| fd.any() == Some(true)).collect();
        if ready.pop() == Some(true) {
            let (conn, _) = listener.accept()?;
            // SAFETY: there is no other thread that the child would lack.
            match unsafe { fork() }? {
                ForkResult::Child => return serve(conn),
                ForkResult::Parent { child } => children.push(pidfd(child)?),
            }
        }
        for at in (0..ready.len()).rev().filter(|at| ready[*at]) {
            let ended = children.swap_remove(at);
            waitid(Id::PIDFd(ended.as_fd()), WaitPidFlag::WEXITED)?;
        }
    }
}

fn pidfd(child: Pid) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two plain numbers.
    match unsafe { libc::syscall(libc::SYS_pidfd_open, child.as_raw(), 0) } {
        -1 => Err(io::Error::last_os_error()),
        // SAFETY: the kernel has just made this descriptor, and nobody else knows of it.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) }),
    }
}

fn serve(mut conn: TcpStream) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(&conn).read_line(&mut line)?;
    let numbers: Vec<i64> = line.split_whitespace().filter_map(|it| it.parse().ok()).collect();
    // Division by zero panics, and ends the process.
    writeln!(conn, "{}", numbers[0] / numbers[1])
}
