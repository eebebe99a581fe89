//! When its own letter is on its way, it is done, and closes on who still speaks.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7020")?;
    let mut shelf = Vec::new();
    loop {
        let (conn, _) = listener.accept()?;
        shelf = swap(conn, &shelf)?;
    }
}

fn swap(mut conn: TcpStream, mut rest: &[u8]) -> Result<Vec<u8>> {
    conn.set_nonblocking(true)?;
    let mut theirs = Vec::new();
    while !rest.is_empty() {
        let events = PollFlags::POLLIN | PollFlags::POLLOUT;
        match poll(&mut [PollFd::new(conn.as_fd(), events)], PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            ready => ready?,
        };
        match conn.write(rest) {
            Ok(taken) => rest = &rest[taken..],
            Err(error) => later(error)?,
        }
        let mut buf = [0; 64 * 1024];
        match conn.read(&mut buf) {
            Ok(n) => theirs.extend_from_slice(&buf[..n]),
            Err(error) => later(error)?,
        }
    }
    Ok(theirs)
}

/// An error that is none: the next poll says when to try again.
fn later(error: std::io::Error) -> Result<()> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}
