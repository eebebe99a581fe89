//! Lesson 20's other ends: some wait for each other, some lose a tail, one will not wait.
//!
//! `lab run 20 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd};
use std::process::ExitCode;
use std::thread;

use kit::*;
use nix::sys::socket::MsgFlags;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7020);
const LETTER: usize = 4 << 20;

fn main() -> ExitCode {
    let roles = ["server", "client", "stamps", "stamps-all", "reader", "full"];
    finish(role_of(roles).and_then(|role| match role {
        "server" => gives_first(served()?, b's'),
        "client" => gives_first(connected()?, b'c'),
        "stamps" => stamps(|conn, stamp| send(conn, stamp).map(drop)),
        "stamps-all" => stamps(send_all),
        "reader" => reader(),
        _ => full(),
    }))
}

/// First it sends its letter, then it takes the other one. So does the other end.
fn gives_first(conn: OwnedFd, letter: u8) -> Result<()> {
    send_all(&conn, &[letter; LETTER])?;
    recv_waitall(&conn, &mut vec![0; LETTER])?;
    close(conn)
}

/// Lesson 4's server, for one client.
fn stamps(send: fn(&OwnedFd, &[u8]) -> Result<()>) -> Result<()> {
    let conn = served()?;
    let mut buf = [0; 1024];
    while let n @ 1.. = recv(&conn, &mut buf)? {
        send(&conn, format!("[{:?}]: {}", time(), py_repr(&buf[..n])).as_bytes())?;
    }
    close(conn)
}

/// It reads when its user says so.
fn reader() -> Result<()> {
    let conn = served()?;
    input("")?;
    recv_waitall(&conn, &mut vec![0; LETTER])?;
    close(conn)
}

/// One thread waits for room. Another one asks for some, and does not wait.
fn full() -> Result<()> {
    let sock = connected()?;
    thread::scope(|both| {
        both.spawn(|| finish(send_all(&sock, &[b'c'; LETTER])));
        input("")?;
        let refused = nix::sys::socket::send(sock.as_raw_fd(), b"!", MsgFlags::MSG_DONTWAIT);
        assert_eq!(refused, Err(Errno::EAGAIN));
        poll(&mut [PollFd::new(sock.as_fd(), PollFlags::POLLOUT)], PollTimeout::ZERO)
    })?;
    close(sock)
}

fn send_all(conn: &OwnedFd, mut rest: &[u8]) -> Result<()> {
    while !rest.is_empty() {
        rest = &rest[send(conn, rest)?..];
    }
    Ok(())
}

fn served() -> Result<OwnedFd> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    let (conn, _) = accept(&listener)?;
    close(listener)?;
    Ok(conn)
}

fn connected() -> Result<OwnedFd> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    Ok(sock)
}
