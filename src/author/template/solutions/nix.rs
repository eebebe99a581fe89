//! Exercise @NUMBER@, solved: what is sent is what was read.

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
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    send(&conn, &buf[..n])?;

    close(conn)?;
    close(listener)
}
