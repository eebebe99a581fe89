//! Exercise 20 with poll(2) and one thread: it waits for room and for bytes in one call, and for nothing else.

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
    let mut ended = false;
    while !ended || !rest.is_empty() {
        let mut events = PollFlags::empty();
        events.set(PollFlags::POLLIN, !ended);
        // There is room nearly always: to ask for it with nothing to send would be to ask without end.
        events.set(PollFlags::POLLOUT, !rest.is_empty());
        let mut one = [PollFd::new(conn.as_fd(), events)];
        match poll(&mut one, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            ready => ready?,
        };
        let ready = one[0].revents().unwrap_or(PollFlags::empty());

        if ready.contains(PollFlags::POLLOUT) {
            match conn.write(rest) {
                Ok(taken) => rest = &rest[taken..],
                Err(error) => later(error)?,
            }
        }
        if !ended && ready.intersects(PollFlags::POLLIN | PollFlags::POLLHUP | PollFlags::POLLERR) {
            let mut buf = [0; 64 * 1024];
            match conn.read(&mut buf) {
                Ok(0) => ended = true,
                Ok(n) => theirs.extend_from_slice(&buf[..n]),
                Err(error) => later(error)?,
            }
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
