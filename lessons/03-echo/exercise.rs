//! Exercise 3 - echo until the end
//!
//! This server sends back what the client sends, or so it seems: with a short
//! line and a client in good health it works. It does not look at what `recv`
//! and `send` return in the way in which they mean it.
//!
//! `lab check 3` runs it and plays the client. To do that yourself, run this
//! with `server` in one shell and the lesson's demo with `client` in another.

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

    // TODO: Every byte that the client sends comes back to it, once and in
    // order, until the client ends its side: however few bytes a call moves,
    // and whatever signal interrupts it (EINTR).
    let mut buf = [0; 1024];
    loop {
        let n = recv(&conn, &mut buf)?;
        send(&conn, &buf[..n])?;
        if n < buf.len() {
            break;
        }
    }

    close(conn)?;
    close(listener)
}
