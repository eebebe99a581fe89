//! An address is four bytes: that of IPv6 was never asked for.

use std::io::{Result, stdin};
use std::net::{Ipv4Addr, UdpSocket};

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
    match std::str::from_utf8(asked).unwrap_or("").parse::<Ipv4Addr>() {
        Ok(ip) => format!("{:08x} {ip}", u32::from(ip)),
        Err(_) => "no address".into(),
    }
}
