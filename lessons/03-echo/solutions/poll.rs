//! Exercise 3 with poll(2): no call ever waits but poll itself.
//!
//! What was read and could not be sent yet is kept, up to a bound: a client that does not take its echo
//! is not read from any more, and so cannot fill the memory.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

const MOST: usize = 64 * 1024;

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:65432")?;
    let (mut conn, peer) = listener.accept()?;
    println!("Connected by ('{}', {})", peer.ip(), peer.port());
    conn.set_nonblocking(true)?;

    let mut kept = Vec::new();
    let mut ended = false;
    while !ended || !kept.is_empty() {
        let mut events = PollFlags::empty();
        events.set(PollFlags::POLLIN, !ended && kept.len() < MOST);
        events.set(PollFlags::POLLOUT, !kept.is_empty());
        let mut one = [PollFd::new(conn.as_fd(), events)];
        match poll(&mut one, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            ready => ready?,
        };

        if events.contains(PollFlags::POLLIN) {
            let mut buf = [0; 4096];
            match conn.read(&mut buf) {
                Ok(0) => ended = true,
                Ok(n) => kept.extend_from_slice(&buf[..n]),
                Err(error) => later(error)?,
            }
        }
        if !kept.is_empty() {
            match conn.write(&kept) {
                Ok(n) => drop(kept.drain(..n)),
                Err(error) => later(error)?,
            }
        }
    }
    Ok(())
}

/// An error that is none: the next poll says when to try again.
fn later(error: std::io::Error) -> Result<()> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}
