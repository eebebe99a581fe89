//! Whatever address it is told, it takes all of them.

use std::io::{Result, stdin};
use std::net::{IpAddr, UdpSocket};

fn main() -> Result<()> {
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    let (_, port) = line.trim_end().split_once(' ').unwrap_or_default();
    let sock = UdpSocket::bind(format!("0.0.0.0:{port}"))?;
    let mut buf = [0; 2048];
    loop {
        let (n, from) = sock.recv_from(&mut buf)?;
        sock.send_to(answer(&buf[..n]).as_bytes(), from)?;
    }
}

fn answer(asked: &[u8]) -> String {
    match std::str::from_utf8(asked).unwrap_or("").parse() {
        Ok(IpAddr::V4(ip)) => format!("{:08x} {ip}", u32::from(ip)),
        Ok(IpAddr::V6(ip)) => format!("{:032x} {ip}", u128::from(ip)),
        Err(_) => "no address".into(),
    }
}
