//! Exercise 14, solved: each number is swapped once, and the strict parser reads the rest.

use std::net::{IpAddr, Ipv4Addr};
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

    let addr = sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),
        sin_addr: in_addr { s_addr: u32::from(ip).to_be() },
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
    // `octets` are in network order: there is nothing left to swap.
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match text(asked).ok().and_then(|text| text.parse().ok()) {
        Some(IpAddr::V4(ip)) => format!("{} {ip}", hex(&ip.octets())),
        Some(IpAddr::V6(ip)) => format!("{} {ip}", hex(&ip.octets())),
        None => "no address".into(),
    }
}
