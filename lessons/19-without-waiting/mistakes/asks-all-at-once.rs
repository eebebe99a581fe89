//! One port after the other, each with a second of its own.

use std::io::{ErrorKind, Result};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

fn main() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let host: Ipv4Addr = words.next().and_then(|ip| ip.parse().ok()).expect("an address");
    for port in words.map(|port| port.parse::<u16>().expect("a port")) {
        let connected = TcpStream::connect_timeout(&(host, port).into(), Duration::from_secs(1));
        let said = match connected.map_err(|error| error.kind()) {
            Ok(_) => "open",
            Err(ErrorKind::TimedOut) => "filtered",
            Err(_) => "closed",
        };
        println!("{port} {said}");
    }
    Ok(())
}
