//! Exercise 25 - SOCK_SEQPACKET
//!
//! A service that answers `hello` with `got hello`. It was written for a
//! stream, with four bytes before each message that say how long it is. Now
//! its clients come over SOCK_SEQPACKET, and send their messages as they are.
//!
//! `lab check 25` runs it and plays the clients. To do that yourself, run this
//! with `server` in one shell and the lesson's demo with `client` in another.

use std::process::ExitCode;

use kit::unix::{AF_UNIX, SOCK_SEQPACKET, abstract_name, accept, bind};
use kit::*;

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_UNIX, SOCK_SEQPACKET)?;
    bind(&listener, &abstract_name("lab-25")?)?;
    listen(&listener, 5)?;
    loop {
        let conn = accept(&listener)?;
        if let Err(error) = answer(&conn) {
            perror(&error);
        }
        close(conn)?;
    }
}

fn answer(conn: &OwnedFd) -> Result<()> {
    // TODO: A message is what one send has sent, and has no length before it.
    // One of up to 4096 bytes is answered whole; one that is longer is told
    // `too long`, and the next one is taken as ever. An empty one is answered
    // with `got `: only the end is the end.
    loop {
        let mut head = [0; 4];
        if !filled(conn, &mut head)? {
            return Ok(());
        }
        let length = u32::from_be_bytes(head) as usize;
        if length > 4096 {
            send(conn, b"too long")?;
            continue;
        }
        let mut message = vec![0; length];
        filled(conn, &mut message)?;
        send(conn, &[b"got ", &message[..]].concat())?;
    }
}

/// Reads until there is no room left; false if the stream has ended.
fn filled(conn: &OwnedFd, mut room: &mut [u8]) -> Result<bool> {
    while !room.is_empty() {
        let n = recv(conn, room)?;
        if n == 0 {
            return Ok(false);
        }
        room = &mut room[n..];
    }
    Ok(true)
}
