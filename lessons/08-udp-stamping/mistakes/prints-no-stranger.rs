//! It always asks the server, and takes for its answer what comes first.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use kit::*;

const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 21567);

fn main() -> ExitCode {
    finish(role_of(["client"]).and_then(|_| client()))
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    set_recv_timeout(&sock, Duration::from_secs(1))?;
    let mut buf = [0; 1024];
    while let Some(line) = input("> ")?.filter(|line| !line.is_empty()) {
        sendto(&sock, line.as_bytes(), SERVER)?;
        match recv(&sock, &mut buf) {
            Ok(n) => println!("{}", py_repr(&buf[..n])),
            Err(_) => println!("no answer"),
        }
    }
    close(sock)
}
