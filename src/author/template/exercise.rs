//! Exercise @NUMBER@ - @TITLE@
//!
//! A server that answers without having read what it is asked.
//!
//! `lab check @NUMBER@` runs it and plays the client. To do that yourself, run this
//! with `server` in one shell and the lesson's demo with `client` in another.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, @PORT@);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;

    // TODO: What the client gets is what it sent, whatever that was.
    let (conn, _) = accept(&listener)?;
    send(&conn, b"hello")?;

    close(conn)?;
    close(listener)
}
