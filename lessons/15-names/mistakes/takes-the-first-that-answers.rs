//! It tries all of them, and what the last of them gave is what it has.

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
    let mut tried = None;
    for addr in &candidates {
        tried = Some(TcpStream::connect(addr));
    }
    match tried.expect("a candidate").and_then(said) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn said(mut sock: TcpStream) -> std::io::Result<String> {
    let mut text = String::new();
    sock.read_to_string(&mut text)?;
    Ok(text)
}
