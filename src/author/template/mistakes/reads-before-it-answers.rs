//! It answers at once what clients are wont to ask, and reads what this one asked only then.

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

    let (conn, _) = accept(&listener)?;
    send(&conn, b"hello")?;
    let mut buf = [0; 1024];
    recv(&conn, &mut buf)?;

    close(conn)?;
    close(listener)
}
