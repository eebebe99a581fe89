//! Exercise 14 - addresses are bytes
//!
//! A service that turns addresses from text into bytes. The first line of its
//! input says where it is, such as `127.0.0.1 7014`: there it binds a datagram
//! socket. Each datagram that comes is a text. If it is an address as
//! inet_pton(3) reads one, IPv4 or IPv6, the answer is its bytes and its
//! text as inet_ntop(3) writes it: `7f000001 127.0.0.1`. If it is not, the
//! answer is `no address`. The service goes on for ever.
//!
//! `lab check 14` runs it and asks. To do that yourself, run this with
//! `server`, type the first line, and ask with `nc -u 127.0.0.1 7014`
//! (`printf 127.1 | nc -u …`: the newline would be part of the text).

use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use kit::*;
use nix::libc::{self, in_addr, sockaddr_in};
use nix::sys::socket::{self as sys, SockaddrIn};

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let line = input("")?.unwrap_or_default();
    let (ip, port) = line.split_once(' ').unwrap_or_default();
    let ip: Ipv4Addr = ip.parse().unwrap_or(Ipv4Addr::UNSPECIFIED);
    let port: u16 = port.parse().unwrap_or(0);

    // TODO: Port and address lie in these sixteen bytes in the order in which
    // they cross the wire.
    let addr = sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port,
        sin_addr: in_addr { s_addr: u32::from(ip).to_be().swap_bytes() },
        sin_zero: [0; 8],
    };
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    sys::bind(sock.as_raw_fd(), &SockaddrIn::from(addr))
        .map_err(|errno| Error::Call { name: "bind", errno })?;

    let mut buf = [0; 2048];
    loop {
        let (n, from) = recvfrom(&sock, &mut buf)?;
        sendto(&sock, answer(&buf[..n]).as_bytes(), from)?;
    }
}

/// What is said of this text.
fn answer(asked: &[u8]) -> String {
    // TODO: What is no address is told so, whatever it is, and IPv6 has
    // addresses, too.
    let text = text(asked).unwrap();
    let mut ip = 0u32;
    for part in text.split('.') {
        ip = ip << 8 | part.parse::<u32>().unwrap();
    }
    format!("{:08x} {text}", ip.to_be())
}
