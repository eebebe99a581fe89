//! A server for TCP with another type of socket: it listens, and waits for a connection.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    bind(&sock, ADDRESS)?;
    listen(&sock, 5)?;
    loop {
        let (conn, _) = accept(&sock)?;
        let mut buf = [0; 1024];
        let n = recv(&conn, &mut buf)?;
        println!("{}", text(&buf[..n])?);
        send(&conn, "欢迎".as_bytes())?;
        close(conn)?;
    }
}
