//! Exercise 15 with sockets that do not wait: all candidates are dialled at once, in their order, and the first that answers
//! is taken. So do browsers, which give IPv6 a head start.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::process::ExitCode;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Socket, Type};

fn main() -> ExitCode {
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line).is_err() {
        return ExitCode::from(3);
    }
    let (host, service) = line.trim_end().split_once(' ').unwrap_or_default();
    let hints = dns_lookup::AddrInfoHints { socktype: 1, ..Default::default() };
    let Ok(found) = dns_lookup::getaddrinfo(Some(host), Some(service), Some(hints)) else {
        eprintln!("{line}: no such host or service");
        return ExitCode::from(3);
    };
    let mut under_way: Vec<Socket> =
        found.flatten().filter_map(|candidate| dial(candidate.sockaddr).ok()).collect();
    while let Some(sock) = next_ready(&mut under_way) {
        if sock.take_error().is_ok_and(|error| error.is_none()) {
            drop(under_way);
            let mut sock = TcpStream::from(sock);
            let mut text = String::new();
            let done = sock.set_nonblocking(false).and_then(|()| sock.read_to_string(&mut text));
            println!("{text}");
            return if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(2) };
        }
    }
    eprintln!("{line}: nobody answers");
    ExitCode::from(2)
}

fn dial(addr: SocketAddr) -> std::io::Result<Socket> {
    let sock = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    sock.set_nonblocking(true)?;
    match sock.connect(&addr.into()) {
        Err(error) if error.raw_os_error() != Some(nix::libc::EINPROGRESS) => Err(error),
        _ => Ok(sock),
    }
}

/// The first of them with which it has gone one way or the other.
fn next_ready(under_way: &mut Vec<Socket>) -> Option<Socket> {
    let mut fds: Vec<PollFd<'_>> =
        under_way.iter().map(|sock| PollFd::new(sock.as_fd(), PollFlags::POLLOUT)).collect();
    if fds.is_empty() {
        return None;
    }
    poll(&mut fds, PollTimeout::NONE).ok()?;
    let ready = fds.iter().position(|fd| fd.any().unwrap_or(false))?;
    Some(under_way.remove(ready))
}
