//! Strangers are told from the server, but for the server it waits as long as it takes.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use kit::*;

const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 21567);

fn main() -> ExitCode {
    finish(role_of(["client"]).and_then(|_| client()))
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    let mut buf = [0; 1024];
    while let Some(line) = input("> ")?.filter(|line| !line.is_empty()) {
        sendto(&sock, line.as_bytes(), SERVER)?;
        let n = loop {
            let (n, from) = recvfrom(&sock, &mut buf)?;
            if from == SocketAddr::from(SERVER) {
                break n;
            }
        };
        println!("{}", py_repr(&buf[..n]));
    }
    close(sock)
}
