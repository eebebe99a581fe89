//! It answers once and hangs up, as the servers of lessons 1 and 2 did.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::UNSPECIFIED, 21567);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;

    loop {
        println!("waiting for connection...");
        let (conn, peer) = uninterrupted(|| accept(&listener))?;
        println!("... connected form: {}", py_addr(peer));

        if let Err(error) = converse(&conn) {
            perror(&error);
        }
        close(conn)?;
    }
}

fn converse(conn: &OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    let n = uninterrupted(|| recv(conn, &mut buf))?;
    if n == 0 {
        return Ok(());
    }
    let stamp = format!("[{:?}]: {}", time(), py_repr(&buf[..n]));
    let mut rest = stamp.as_bytes();
    while !rest.is_empty() {
        let taken = uninterrupted(|| send(conn, rest))?;
        rest = &rest[taken..];
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
