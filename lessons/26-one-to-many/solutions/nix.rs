//! Exercise 26, solved: permission to ask, half a second for all answers, and a socket that hears them all.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kit::*;

const EVERYBODY: (Ipv4Addr, u16) = (Ipv4Addr::new(127, 255, 255, 255), 7026);
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 0, 26);

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    set_broadcast(&sock, true)?;
    sendto(&sock, b"WHO?", EVERYBODY)?;
    let deadline = Instant::now() + Duration::from_millis(500);
    let mut names = Vec::new();
    while readable(&sock, deadline)? {
        let mut buf = [0; 1024];
        let n = recv(&sock, &mut buf)?;
        let Some(name) = buf[..n].strip_prefix(b"HERE ") else { continue };
        let name = text(name)?.to_string();
        if !names.contains(&name) {
            println!("{name}");
            names.push(name);
        }
    }
    println!("{} found", names.len());
    close(sock)
}

fn readable(sock: &OwnedFd, deadline: Instant) -> Result<bool> {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = PollTimeout::try_from(left.as_micros().div_ceil(1000)).unwrap_or(PollTimeout::MAX);
    let mut fds = [PollFd::new(sock.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut fds, left)? > 0)
}

fn server() -> Result<()> {
    let name = input("")?.unwrap_or_default();
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    set_reuse_address(&sock, true)?;
    bind(&sock, (Ipv4Addr::UNSPECIFIED, 7026))?;
    join_group(&sock, GROUP, Ipv4Addr::LOCALHOST)?;
    let mut buf = [0; 1024];
    loop {
        let (n, from) = recvfrom(&sock, &mut buf)?;
        if &buf[..n] == b"WHO?" {
            sendto(&sock, format!("HERE {name}").as_bytes(), from)?;
        }
    }
}
