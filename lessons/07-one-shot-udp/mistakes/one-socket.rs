//! A socket for each client, as accept would have given: the answer comes from a port that nobody asked.

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
    let mut buf = [0; 1024];
    loop {
        let (n, from) = recvfrom(&sock, &mut buf)?;
        println!("{}", text(&buf[..n])?);
        let conn = socket(AF_INET, SOCK_DGRAM)?;
        sendto(&conn, "欢迎".as_bytes(), from)?;
        close(conn)?;
    }
}
