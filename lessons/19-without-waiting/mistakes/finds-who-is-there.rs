//! connect has failed, so nobody is there.

use std::io::Result;
use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let host: Ipv4Addr = words.next().and_then(|ip| ip.parse().ok()).expect("an address");
    for port in words.map(|port| port.parse().expect("a port")) {
        let sock = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        sock.set_nonblocking(true)?;
        let connected = sock.connect(&SocketAddr::from((host, port)).into());
        println!("{port} {}", if connected.is_ok() { "open" } else { "closed" });
    }
    Ok(())
}
