//! It connects to its first client, and from then on the kernel gives it that client's datagrams only.

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
    let (mut n, from) = recvfrom(&sock, &mut buf)?;
    connect(&sock, from)?;
    loop {
        println!("{}", text(&buf[..n])?);
        send(&sock, "欢迎".as_bytes())?;
        n = recv(&sock, &mut buf)?;
    }
}
