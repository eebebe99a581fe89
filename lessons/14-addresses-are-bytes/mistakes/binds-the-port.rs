//! No htons: the port's two bytes lie in memory as this processor likes them.

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
        sin_port: port,
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

fn answer(asked: &[u8]) -> String {
    match std::str::from_utf8(asked).unwrap_or("").parse() {
        Ok(IpAddr::V4(ip)) => format!("{:08x} {ip}", u32::from(ip)),
        Ok(IpAddr::V6(ip)) => format!("{:032x} {ip}", u128::from(ip)),
        Err(_) => "no address".into(),
    }
}
