//! connect again and again, every ten milliseconds, until it says something else.

use std::io::{ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let host: Ipv4Addr = words.next().and_then(|ip| ip.parse().ok()).expect("an address");
    let ports: Vec<u16> = words.map(|port| port.parse().expect("a port")).collect();

    let deadline = Instant::now() + Duration::from_secs(1);
    let mut asked = Vec::new();
    for _ in &ports {
        let sock = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        sock.set_nonblocking(true)?;
        asked.push((sock, "filtered"));
    }
    while Instant::now() < deadline && asked.iter().any(|(_, said)| *said == "filtered") {
        for (&port, (sock, said)) in ports.iter().zip(&mut asked) {
            if *said == "filtered" {
                *said = match sock.connect(&SocketAddr::from((host, port)).into()) {
                    Ok(()) => "open",
                    Err(error) if error.raw_os_error() == Some(Errno::EISCONN as i32) => "open",
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => "closed",
                    Err(_) => "filtered",
                };
            }
        }
        thread::sleep(Duration::from_millis(10));
    }
    for (port, (_, said)) in ports.iter().zip(&asked) {
        println!("{port} {said}");
    }
    Ok(())
}
