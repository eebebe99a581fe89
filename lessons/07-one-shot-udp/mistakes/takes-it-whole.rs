//! A small buffer: the next call will bring the rest. It will not.

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
    let mut buf = [0; 512];
    loop {
        let (n, from) = recvfrom(&sock, &mut buf)?;
        println!("{}", String::from_utf8_lossy(&buf[..n]));
        sendto(&sock, "欢迎".as_bytes(), from)?;
    }
}
