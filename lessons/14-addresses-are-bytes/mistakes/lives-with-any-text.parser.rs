//! Its own parser looks for four numbers, and does not look whether they are there.

use std::io::{Result, stdin};
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};

fn main() -> Result<()> {
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    let sock = UdpSocket::bind(line.trim_end().replace(' ', ":"))?;
    let mut buf = [0; 2048];
    loop {
        let (n, from) = sock.recv_from(&mut buf)?;
        sock.send_to(answer(&buf[..n]).as_bytes(), from)?;
    }
}

fn answer(asked: &[u8]) -> String {
    let text = String::from_utf8_lossy(asked);
    if let Ok(ip) = text.parse::<Ipv6Addr>() {
        return format!("{:032x} {ip}", u128::from(ip));
    }
    let parts: Vec<&str> = text.split('.').collect();
    let byte = |at: usize| parts[at].parse::<u8>().unwrap();
    let ip = Ipv4Addr::new(byte(0), byte(1), byte(2), byte(3));
    format!("{:08x} {ip}", u32::from(ip))
}
