//! Whoever speaks to everybody is told who is there.

use std::io::{ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

const EVERYBODY: (Ipv4Addr, u16) = (Ipv4Addr::new(127, 255, 255, 255), 7026);
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 0, 26);

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("client") => client(),
        _ => server(),
    }
}

fn client() -> Result<()> {
    let sock = UdpSocket::bind("0.0.0.0:0")?;
    sock.set_broadcast(true)?;
    sock.send_to(b"WHO?", EVERYBODY)?;
    let deadline = Instant::now() + Duration::from_millis(500);
    let mut names = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        sock.set_read_timeout(Some(left))?;
        let mut buf = [0; 1024];
        let n = match sock.recv(&mut buf) {
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        };
        let said = String::from_utf8_lossy(&buf[..n]);
        let Some(name) = said.strip_prefix("HERE ") else { continue };
        if !names.iter().any(|known| known == name) {
            println!("{name}");
            names.push(name.to_string());
        }
    }
    println!("{} found", names.len());
    Ok(())
}

fn server() -> Result<()> {
    let mut name = String::new();
    std::io::stdin().read_line(&mut name)?;
    let sock = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    sock.set_reuse_address(true)?;
    sock.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 7026)).into())?;
    let sock = UdpSocket::from(sock);
    sock.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST)?;
    let mut buf = [0; 1024];
    loop {
        let (_, from) = sock.recv_from(&mut buf)?;
        sock.send_to(format!("HERE {}", name.trim_end()).as_bytes(), from)?;
    }
}
