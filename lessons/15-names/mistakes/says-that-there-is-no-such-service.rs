//! A service that it does not know will be the usual one.

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
    let find = |service| dns_lookup::getaddrinfo(Some(host), Some(service), Some(hints));
    let Ok(found) = find(service).or_else(|_| find("80")) else {
        return ExitCode::from(3);
    };
    let candidates: Vec<SocketAddr> = found.flatten().map(|it| it.sockaddr).collect();
    match TcpStream::connect(&candidates[..]).and_then(said) {
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
