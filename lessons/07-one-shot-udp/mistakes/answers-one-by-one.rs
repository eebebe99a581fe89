//! It reads until the end, as from a stream, and answers then. No end comes.

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
    let mut request = Vec::new();
    let mut buf = [0; 1024];
    loop {
        let (n, from) = recvfrom(&sock, &mut buf)?;
        request.extend_from_slice(&buf[..n]);
        if n == 0 {
            println!("{}", text(&request)?);
            sendto(&sock, "欢迎".as_bytes(), from)?;
            request.clear();
        }
    }
}
