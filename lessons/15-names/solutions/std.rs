//! Exercise 15 with the standard library: `TcpStream::connect` tries every candidate that it is given, and closes those that
//! fail. It knows hosts, but no services; these dns-lookup has.

use std::io::Read;
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
    match TcpStream::connect(&candidates[..]).and_then(said) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{candidates:?}: {error}");
            ExitCode::from(2)
        }
    }
}

fn said(mut sock: TcpStream) -> std::io::Result<String> {
    let mut text = String::new();
    sock.read_to_string(&mut text)?;
    Ok(text)
}
