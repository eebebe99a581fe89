//! Exercise 26 by way of the group: no permission is needed, but a way out. And a server with two sockets, one bound to
//! the address of everybody and one to that of the group, so that each hears what is meant for it and nothing else.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Socket, Type};

const PORT: u16 = 7026;
const EVERYBODY: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 0, 26);

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("client") => client(),
        _ => server(),
    }
}

fn client() -> Result<()> {
    let sock = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    sock.set_multicast_if_v4(&Ipv4Addr::LOCALHOST)?;
    sock.set_nonblocking(true)?;
    let sock = UdpSocket::from(sock);
    sock.send_to(b"WHO?", (GROUP, PORT))?;
    let deadline = Instant::now() + Duration::from_millis(500);
    let mut names = BTreeSet::new();
    loop {
        let mut buf = [0; 1024];
        match sock.recv_from(&mut buf) {
            Ok((n, _)) => {
                let said = String::from_utf8_lossy(&buf[..n]).into_owned();
                if let Some(name) = said.strip_prefix("HERE ")
                    && names.insert(name.to_owned())
                {
                    println!("{name}");
                }
            }
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
            Err(_) if Instant::now() >= deadline => break,
            // Nothing there yet: it looks again a little later.
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
    println!("{} found", names.len());
    Ok(())
}

fn server() -> Result<()> {
    let mut name = String::new();
    std::io::stdin().read_line(&mut name)?;
    let answer = format!("HERE {}", name.trim_end());
    let socks = [bound_to(EVERYBODY)?, bound_to(GROUP)?];
    socks[1].join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST)?;
    loop {
        let mut fds = socks.each_ref().map(|sock| PollFd::new(sock.as_fd(), PollFlags::POLLIN));
        poll(&mut fds, PollTimeout::NONE)?;
        for (fd, sock) in fds.iter().zip(&socks) {
            if fd.any() != Some(true) {
                continue;
            }
            let mut buf = [0; 1024];
            let (n, from) = sock.recv_from(&mut buf)?;
            if &buf[..n] == b"WHO?" {
                sock.send_to(answer.as_bytes(), from)?;
            }
        }
    }
}

fn bound_to(address: Ipv4Addr) -> Result<UdpSocket> {
    let sock = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    sock.set_reuse_address(true)?;
    sock.bind(&SocketAddr::from((address, PORT)).into())?;
    Ok(sock.into())
}
