//! Nothing of it ever waits: it tries to give, tries to take, and tries again.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};

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
        if !rest.is_empty() {
            match conn.write(rest) {
                Ok(taken) => rest = &rest[taken..],
                Err(error) => later(error)?,
            }
        }
        let mut buf = [0; 64 * 1024];
        match conn.read(&mut buf) {
            Ok(0) => ended = true,
            Ok(n) => theirs.extend_from_slice(&buf[..n]),
            Err(error) => later(error)?,
        }
    }
    Ok(theirs)
}

/// An error that is none.
fn later(error: std::io::Error) -> Result<()> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(()),
        _ => Err(error),
    }
}
