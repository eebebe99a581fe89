//! Lesson @NUMBER@ - @TITLE@
//!
//! The client sends a word. The server answers with the same word, and both
//! leave.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, @PORT@);

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;

    let (conn, _) = accept(&listener)?;
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    send(&conn, &buf[..n])?;

    close(conn)?;
    close(listener)
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    send(&sock, b"hello")?;

    let mut buf = [0; 1024];
    let n = recv(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);

    close(sock)
}
