//! Exercise 14 byte by byte: no struct and no swap. The parser of IPv4 is our own, and wants what inet_pton wants.

use std::io::{Error, Result, stdin};
use std::net::{Ipv6Addr, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::libc;

fn main() -> Result<()> {
    let mut line = String::new();
    stdin().read_line(&mut line)?;
    let (ip, port) = line.trim_end().split_once(' ').unwrap_or_default();
    let [a, b, c, d] = four(ip).ok_or(Error::other("the first line has no address"))?;
    let [high, low] = port.parse::<u16>().map_err(Error::other)?.to_be_bytes();
    let [family, of_two] = (libc::AF_INET as libc::sa_family_t).to_ne_bytes();
    let addr = [family, of_two, high, low, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0];

    // SAFETY: socket(2) takes no pointer.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if fd < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: nobody else has this number.
    let sock = UdpSocket::from(unsafe { OwnedFd::from_raw_fd(fd) });
    // SAFETY: `addr` is valid for the call, and bind(2) reads its sixteen bytes as bytes.
    if unsafe { libc::bind(sock.as_raw_fd(), addr.as_ptr().cast(), 16) } != 0 {
        return Err(Error::last_os_error());
    }
    let mut buf = [0; 2048];
    loop {
        let (n, from) = sock.recv_from(&mut buf)?;
        sock.send_to(answer(&buf[..n]).as_bytes(), from)?;
    }
}

fn answer(asked: &[u8]) -> String {
    let text = std::str::from_utf8(asked).unwrap_or("");
    if let Some([a, b, c, d]) = four(text) {
        return format!("{a:02x}{b:02x}{c:02x}{d:02x} {a}.{b}.{c}.{d}");
    }
    let Ok(ip) = text.parse::<Ipv6Addr>() else { return "no address".into() };
    let hex: String = ip.octets().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex} {ip}")
}

/// Four numbers up to 255 with dots between them, and no zero before another digit.
fn four(text: &str) -> Option<[u8; 4]> {
    let byte = |part: &str| {
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        let leads = part.len() > 1 && part.starts_with('0');
        part.parse().ok().filter(|_| digits && !leads)
    };
    let bytes: Option<Vec<u8>> = text.split('.').map(byte).collect();
    bytes?.try_into().ok()
}
