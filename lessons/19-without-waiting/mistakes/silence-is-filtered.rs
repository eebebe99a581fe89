//! A port that cannot be reached is closed, for whatever reason.

use std::io::{Error, Result};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

fn main() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let host: Ipv4Addr = words.next().and_then(|ip| ip.parse().ok()).expect("an address");
    let ports: Vec<u16> = words.map(|port| port.parse().expect("a port")).collect();

    let ask = |port| thread::spawn(move || ask((host, port).into()));
    // All threads have begun before the first is waited for.
    let asked: Vec<_> = ports.iter().copied().map(ask).collect();
    for (port, said) in ports.iter().zip(asked) {
        let said = said.join().map_err(|_| Error::other("a thread has panicked"))??;
        println!("{port} {said}");
    }
    Ok(())
}

fn ask(address: SocketAddr) -> Result<&'static str> {
    match TcpStream::connect_timeout(&address, Duration::from_secs(1)) {
        Ok(_) => Ok("open"),
        Err(_) => Ok("closed"),
    }
}
