//! Whoever came first gets all the answers.

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
    let mut client = None;
    let mut buf = [0; 1024];
    loop {
        let (n, from) = recvfrom(&sock, &mut buf)?;
        println!("{}", text(&buf[..n])?);
        let client = *client.get_or_insert(from);
        sendto(&sock, "欢迎".as_bytes(), client)?;
    }
}
