//! It reads to the end and then answers. That passes for an echo only with a client that ends its side
//! before it wants to hear anything; one that waits for its echo first waits for ever.

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
    let (conn, peer) = uninterrupted(|| accept(&listener))?;
    println!("Connected by {}", py_addr(peer));

    let mut buf = [0; 1024];
    let mut all = Vec::new();
    loop {
        let n = uninterrupted(|| recv(&conn, &mut buf))?;
        if n == 0 {
            break;
        }
        all.extend_from_slice(&buf[..n]);
    }
    let mut sent = 0;
    while sent < all.len() {
        sent += uninterrupted(|| send(&conn, &all[sent..]))?;
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
