//! Exercise 21 with MSG_WAITALL: the kernel waits until so many bytes are there, unless a signal or the end comes first.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7021);
const MOST: usize = 64 * 1024;

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    loop {
        let (conn, _) = uninterrupted(|| accept(&listener))?;
        converse(&conn)?;
        close(conn)?;
    }
}

fn converse(conn: &OwnedFd) -> Result<()> {
    loop {
        let length = match exactly(conn, 4)?.as_slice() {
            [] => return Ok(()),
            &[a, b, c, d] => u32::from_be_bytes([a, b, c, d]) as usize,
            _ => return answer(conn, "cut off"),
        };
        if length > MOST {
            return answer(conn, "too long");
        }
        let message = exactly(conn, length)?;
        if message.len() < length {
            return answer(conn, "cut off");
        }
        match text(&message) {
            Ok(said) => answer(conn, &format!("{} {said}", said.chars().count()))?,
            Err(_) => answer(conn, "not text")?,
        }
    }
}

/// So many bytes; fewer if the stream ends before.
fn exactly(conn: &OwnedFd, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut come = 0;
    while come < length {
        match uninterrupted(|| recv_waitall(conn, &mut bytes[come..]))? {
            0 => break,
            n => come += n,
        }
    }
    bytes.truncate(come);
    Ok(bytes)
}

fn answer(conn: &OwnedFd, said: &str) -> Result<()> {
    let length = u32::try_from(said.len()).expect("no answer is so long");
    let framed = [&length.to_be_bytes(), said.as_bytes()].concat();
    let mut rest = framed.as_slice();
    while !rest.is_empty() {
        rest = &rest[uninterrupted(|| send(conn, rest))?..];
    }
    Ok(())
}

/// Makes the call again for as long as signals interrupt it before it has done anything.
fn uninterrupted<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(error) if error.errno() == Some(Errno::EINTR) => {}
            done => return done,
        }
    }
}
