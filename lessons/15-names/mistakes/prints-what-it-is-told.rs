//! It connects, says so, and leaves.

use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).is_err() {
        return ExitCode::from(3);
    }
    let (host, service) = line.trim_end().split_once(' ').unwrap_or_default();
    let hints = dns_lookup::AddrInfoHints { socktype: 1, ..Default::default() };
    let candidates: Vec<SocketAddr> =
        match dns_lookup::getaddrinfo(Some(host), Some(service), Some(hints)) {
            Ok(found) => found.flatten().map(|candidate| candidate.sockaddr).collect(),
            Err(error) => {
                eprintln!("{host} {service}: {error:?}");
                return ExitCode::from(3);
            }
        };
    match TcpStream::connect(&candidates[..]) {
        // Who has answered first is the first, at any rate.
        Ok(sock) if sock.peer_addr().is_ok_and(|addr| addr.is_ipv6()) => {
            println!("{}", std::io::read_to_string(sock).unwrap_or_default());
            ExitCode::SUCCESS
        }
        Ok(_) => {
            println!("connected to {host}");
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::from(2),
    }
}
