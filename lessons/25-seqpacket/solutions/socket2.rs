//! Exercise 25 with socket2: a buffer with room for one byte more than is allowed, so that nothing need be asked of the kernel.

use std::io::{Read, Result};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, SockAddr, Socket, Type};

const MOST: usize = 4096;

fn main() -> Result<()> {
    let listener = Socket::new(Domain::UNIX, Type::from(nix::libc::SOCK_SEQPACKET), None)?;
    listener.bind(&SockAddr::unix("\0lab-25")?)?;
    listener.listen(5)?;
    loop {
        let (conn, _) = listener.accept()?;
        if let Err(error) = answer(&conn) {
            eprintln!("error: {error}");
        }
    }
}

fn answer(mut conn: &Socket) -> Result<()> {
    let mut buf = [0; MOST + 1];
    loop {
        let n = conn.read(&mut buf)?;
        if n == 0 && has_left(conn)? {
            return Ok(());
        }
        let reply = match n > MOST {
            true => b"too long".to_vec(),
            false => [b"got ", &buf[..n]].concat(),
        };
        conn.send(&reply)?;
    }
}

fn has_left(conn: &Socket) -> Result<bool> {
    let mut fds = [PollFd::new(conn.as_fd(), PollFlags::from_bits_retain(nix::libc::POLLRDHUP))];
    Ok(poll(&mut fds, PollTimeout::ZERO)? > 0)
}
