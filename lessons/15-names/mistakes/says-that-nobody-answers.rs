//! Whatever goes wrong is an error, and errors end a program with status 1.

use std::io::{Error, Read, Result};
use std::net::{SocketAddr, TcpStream};

fn main() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let (host, service) = line.trim_end().split_once(' ').unwrap_or_default();
    let hints = dns_lookup::AddrInfoHints { socktype: 1, ..Default::default() };
    let found = dns_lookup::getaddrinfo(Some(host), Some(service), Some(hints));
    let found = found.map_err(Error::from)?.flatten();
    let candidates: Vec<SocketAddr> = found.map(|candidate| candidate.sockaddr).collect();
    let mut sock = TcpStream::connect(&candidates[..])?;
    let mut text = String::new();
    sock.read_to_string(&mut text)?;
    println!("{text}");
    Ok(())
}
