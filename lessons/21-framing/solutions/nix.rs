//! Exercise 21, solved: what has come is kept until a message is whole, and decoded then.

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
    let mut come = Vec::new();
    let mut buf = [0; 4096];
    loop {
        while let Some((length, rest)) = come.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            if length > MOST {
                return answer(conn, "too long");
            }
            let Some(message) = rest.get(..length) else { break };
            match text(message) {
                Ok(said) => answer(conn, &format!("{} {said}", said.chars().count()))?,
                Err(_) => answer(conn, "not text")?,
            }
            come.drain(..4 + length);
        }
        match uninterrupted(|| recv(conn, &mut buf))? {
            0 if come.is_empty() => return Ok(()),
            0 => return answer(conn, "cut off"),
            n => come.extend_from_slice(&buf[..n]),
        }
    }
}

fn answer(conn: &OwnedFd, said: &str) -> Result<()> {
    let length = u32::try_from(said.len()).expect("no answer is so long");
    send_all(conn, &[&length.to_be_bytes(), said.as_bytes()].concat())
}

fn send_all(conn: &OwnedFd, mut rest: &[u8]) -> Result<()> {
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
