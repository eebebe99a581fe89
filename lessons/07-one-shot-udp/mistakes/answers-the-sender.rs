//! The client's port stands in the program: right for one client, on one day.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);
const CLIENT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9998);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    bind(&sock, ADDRESS)?;
    let mut buf = [0; 1024];
    loop {
        let n = recv(&sock, &mut buf)?;
        println!("{}", text(&buf[..n])?);
        sendto(&sock, "欢迎".as_bytes(), CLIENT)?;
    }
}
