//! It does not listen any more, but it still wants a connection before it reads.

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
    loop {
        let (conn, from) = accept(&sock)?;
        let mut buf = [0; 1024];
        let n = recv(&conn, &mut buf)?;
        println!("{}", text(&buf[..n])?);
        sendto(&conn, "欢迎".as_bytes(), from)?;
        close(conn)?;
    }
}
