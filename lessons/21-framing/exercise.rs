//! Exercise 21 - framing
//!
//! Before each message stand four bytes, the most significant one first: how
//! many bytes of UTF-8 follow. This server answers each message with how many
//! characters it has, a space, and the message again, framed in the same way.
//! With one message at a time it works.
//!
//! `lab check 21` runs it and plays the clients. To do that yourself, run this
//! with `server` in one shell and the lesson's demo with `client` in another.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7021);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    loop {
        let (conn, _) = accept(&listener)?;
        converse(&conn)?;
        close(conn)?;
    }
}

fn converse(conn: &OwnedFd) -> Result<()> {
    // TODO: The answers are the same in whatever pieces the messages come:
    // glued, cut inside a character or inside the four bytes. Each is given as
    // soon as its message is whole. `not text` is the answer to what is no
    // UTF-8. `too long` to a message of more than 65536 bytes, as soon as the
    // four bytes say so, and `cut off` to one that the end of the stream cuts;
    // after these two the server closes. A signal may interrupt any call.
    let mut buf = [0; 1024];
    loop {
        let n = recv(conn, &mut buf)?;
        if n == 0 {
            return Ok(());
        }
        let length = u32::from_be_bytes([buf[0], buf[1], buf[2], buf[3]]) as usize;
        let message = buf.get(4..4 + length).unwrap_or_default();
        let message = String::from_utf8_lossy(message);
        answer(conn, &format!("{} {message}", message.chars().count()))?;
    }
}

fn answer(conn: &OwnedFd, said: &str) -> Result<()> {
    let length = u32::try_from(said.len()).expect("no answer is so long");
    send_all(conn, &[&length.to_be_bytes(), said.as_bytes()].concat())
}

fn send_all(conn: &OwnedFd, mut rest: &[u8]) -> Result<()> {
    while !rest.is_empty() {
        rest = &rest[send(conn, rest)?..];
    }
    Ok(())
}
