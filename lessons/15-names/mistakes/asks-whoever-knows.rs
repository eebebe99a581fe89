//! It reads the file of hosts itself. A name that is not there is no name, it thinks.

use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).is_err() {
        return ExitCode::from(3);
    }
    let (host, service) = line.trim_end().split_once(' ').unwrap_or_default();
    let hints = dns_lookup::AddrInfoHints { socktype: 1, ..Default::default() };
    let Ok(found) = dns_lookup::getaddrinfo(None, Some(service), Some(hints)) else {
        return ExitCode::from(3);
    };
    let port = found.flatten().next().map_or(0, |candidate| candidate.sockaddr.port());
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let candidates: Vec<SocketAddr> = hosts
        .lines()
        .filter(|line| line.split_whitespace().skip(1).any(|name| name == host))
        .filter_map(|line| line.split_whitespace().next()?.parse::<IpAddr>().ok())
        .map(|ip| SocketAddr::new(ip, port))
        .collect();
    if candidates.is_empty() {
        return ExitCode::from(3);
    }
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
