//! Lesson 25 - SOCK_SEQPACKET
//!
//! A connection as over TCP, with an accept and an end. And yet each send is
//! one message, which one recv takes whole, as over UDP. Nothing is framed.
//! Two things are left to look at: a message that is longer than the buffer,
//! and one that is empty.

use std::os::fd::AsFd;
use std::process::ExitCode;

use kit::unix::{AF_UNIX, POLLRDHUP, SOCK_SEQPACKET, UnixAddr};
use kit::unix::{abstract_name, accept, bind, connect, recv_message};
use kit::*;

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn name() -> Result<UnixAddr> {
    abstract_name("lab-25")
}

fn server() -> Result<()> {
    let listener = socket(AF_UNIX, SOCK_SEQPACKET)?;
    bind(&listener, &name()?)?;
    listen(&listener, 5)?;
    let conn = accept(&listener)?;

    let mut buf = [0; 16];
    loop {
        // The length of the message, and not of what fitted.
        let n = recv_message(&conn, &mut buf)?;
        // An empty message is 0 bytes, and so is the end. poll knows which.
        if n == 0 && has_left(&conn)? {
            break;
        }
        let reply = match n <= buf.len() {
            true => format!("{n} bytes"),
            false => format!("{n} bytes are too many"),
        };
        send(&conn, reply.as_bytes())?;
    }

    close(conn)?;
    close(listener)
}

fn has_left(conn: &OwnedFd) -> Result<bool> {
    let mut fds = [PollFd::new(conn.as_fd(), POLLRDHUP)];
    Ok(poll(&mut fds, PollTimeout::ZERO)? > 0)
}

fn client() -> Result<()> {
    let sock = socket(AF_UNIX, SOCK_SEQPACKET)?;
    connect(&sock, &name()?)?;
    for message in ["one", "two", "", "a message that is longer"] {
        send(&sock, message.as_bytes())?;
    }

    let mut buf = [0; 1024];
    for _ in 0..4 {
        let n = recv(&sock, &mut buf)?;
        println!("{}", text(&buf[..n])?);
    }
    close(sock)
}
