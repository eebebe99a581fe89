//! A signal interrupts accept before any client has come, and `?` ends the server.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 65432);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 128)?;
    let (conn, peer) = accept(&listener)?;
    println!("Connected by {}", py_addr(peer));

    let mut buf = [0; 1024];
    loop {
        let n = uninterrupted(|| recv(&conn, &mut buf))?;
        if n == 0 {
            break;
        }
        let mut sent = 0;
        while sent < n {
            sent += uninterrupted(|| send(&conn, &buf[sent..n]))?;
        }
    }

    close(conn)?;
    close(listener)
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
