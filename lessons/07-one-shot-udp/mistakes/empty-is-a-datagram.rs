//! Zero bytes end the loop, as they would end a stream: anybody can end this server with an empty datagram.

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
        if n == 0 {
            break;
        }
        println!("{}", text(&buf[..n])?);
        sendto(&sock, "欢迎".as_bytes(), from)?;
    }
    close(sock)
}
