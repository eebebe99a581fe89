//! Lesson 14 - addresses are bytes
//!
//! The kernel reads no text. bind(2) and connect(2) hand it a sockaddr_in:
//! two bytes of family, two of port, four of address, eight of nothing. Port
//! and address stand there as they cross the wire, the most significant byte
//! first. Here they are put in by hand, and taken out again.

use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use kit::*;
use nix::libc::{self, in_addr, sockaddr_in};
use nix::sys::socket::{self as sys, SockaddrIn};

const IP: Ipv4Addr = Ipv4Addr::LOCALHOST;
const PORT: u16 = 21567;

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let addr = filled_in(IP, PORT);
    // Eight bytes of sixteen; the others are zero.
    println!("sockaddr_in: {}", hex(&memory(&addr)[..8]));
    let listener = socket(AF_INET, SOCK_STREAM)?;
    sys::bind(listener.as_raw_fd(), &SockaddrIn::from(addr))
        .map_err(|errno| Error::Call { name: "bind", errno })?;
    listen(&listener, 5)?;

    // What bind was given comes back as it was: 54 3f, and not a number.
    let known: SockaddrIn = sys::getsockname(listener.as_raw_fd())
        .map_err(|errno| Error::Call { name: "getsockname", errno })?;
    let known: &sockaddr_in = known.as_ref();
    let port = u16::from_be(known.sin_port); // ntohs
    println!("port: {port}, and {} if not swapped", known.sin_port);

    let (conn, _) = accept(&listener)?;
    // An address in a message: its bytes in the same order, four and two.
    send(&conn, &memory(&addr)[4..8])?;
    send(&conn, &memory(&addr)[2..4])?;
    close(conn)?;
    close(listener)
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    sys::connect(sock.as_raw_fd(), &SockaddrIn::from(filled_in(IP, PORT)))
        .map_err(|errno| Error::Call { name: "connect", errno })?;

    let mut told = Vec::new();
    let mut buf = [0; 6];
    while let n @ 1.. = recv(&sock, &mut buf)? {
        told.extend(&buf[..n]);
    }
    close(sock)?;
    // Whoever reads these bytes agrees with whoever wrote them on their
    // order. So it does not matter what the two processors would have done.
    if let Ok([a, b, c, d, high, low]) = <[u8; 6]>::try_from(told) {
        let (ip, port) = (Ipv4Addr::new(a, b, c, d), [high, low]);
        println!("{ip}, port {}", u16::from_be_bytes(port));
    }
    Ok(())
}

fn filled_in(ip: Ipv4Addr, port: u16) -> sockaddr_in {
    sockaddr_in {
        // The family is for this kernel alone, and in this machine's order.
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: port.to_be(),                              // htons
        sin_addr: in_addr { s_addr: u32::from(ip).to_be() }, // htonl
        sin_zero: [0; 8],
    }
}

/// The sixteen bytes as they lie in memory.
fn memory(addr: &sockaddr_in) -> Vec<u8> {
    let family = addr.sin_family.to_ne_bytes();
    let port = addr.sin_port.to_ne_bytes();
    let ip = addr.sin_addr.s_addr.to_ne_bytes();
    [&family[..], &port, &ip, &addr.sin_zero].concat()
}

fn hex(bytes: &[u8]) -> String {
    let each: Vec<_> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    each.join(" ")
}
