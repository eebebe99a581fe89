//! Exercise 20, solved: one thread gives while another one takes.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::thread;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7020);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;

    let mut shelf = Vec::new();
    loop {
        let (conn, _) = uninterrupted(|| accept(&listener))?;
        shelf = swap(&conn, &shelf)?;
        close(conn)?;
    }
}

fn swap(conn: &OwnedFd, ours: &[u8]) -> Result<Vec<u8>> {
    thread::scope(|both| {
        let giver = both.spawn(|| send_all(conn, ours));
        let theirs = recv_to_the_end(conn)?;
        giver.join().expect("it returns its errors")?;
        Ok(theirs)
    })
}

fn send_all(conn: &OwnedFd, mut rest: &[u8]) -> Result<()> {
    while !rest.is_empty() {
        rest = &rest[uninterrupted(|| send(conn, rest))?..];
    }
    Ok(())
}

fn recv_to_the_end(conn: &OwnedFd) -> Result<Vec<u8>> {
    let mut letter = Vec::new();
    let mut buf = [0; 64 * 1024];
    while let n @ 1.. = uninterrupted(|| recv(conn, &mut buf))? {
        letter.extend_from_slice(&buf[..n]);
    }
    Ok(letter)
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
