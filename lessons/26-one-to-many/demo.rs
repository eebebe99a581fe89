//! Lesson 26 - one to many
//!
//! A client looks for servers of which it knows neither how many there are
//! nor where. So it asks everybody at once, `WHO?`, and takes what comes
//! within half a second. Two servers share a port, hear the one datagram, and
//! each answers the client alone.
//!
//! Run `server`, `second` and `client` in three shells, or let the lab play
//! them. `group` asks a group instead of everybody, `refused` has said for
//! neither what the kernel wants to hear. `outsider` is a server that has
//! joined no group.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kit::*;

const PORT: u16 = 7026;
// The highest address of a network is for everybody in it; here 127.0.0.0/8.
const EVERYBODY: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
// 239.x.y.z is nobody's address: groups that stay within one organization.
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 0, 26);

fn main() -> ExitCode {
    let roles = ["server", "second", "client", "group", "refused", "outsider"];
    finish(role_of(roles).and_then(|role| match role {
        "client" => {
            let sock = socket(AF_INET, SOCK_DGRAM)?;
            set_broadcast(&sock, true)?;
            ask(sock, EVERYBODY)
        }
        "group" => {
            let sock = socket(AF_INET, SOCK_DGRAM)?;
            // No route leads to a group. So we say which way.
            set_multicast_interface(&sock, Ipv4Addr::LOCALHOST)?;
            ask(sock, GROUP)
        }
        "refused" => {
            let sock = socket(AF_INET, SOCK_DGRAM)?;
            for whom in [EVERYBODY, GROUP] {
                if let Err(error) = sendto(&sock, b"WHO?", (whom, PORT)) {
                    perror(&error);
                }
            }
            close(sock)
        }
        name => server(name),
    }))
}

fn server(name: &str) -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    // All who set it may have the port, and all get what is for everybody.
    set_reuse_address(&sock, true)?;
    // Bound to 127.0.0.1 it would hear what is sent to 127.0.0.1 only.
    bind(&sock, (Ipv4Addr::UNSPECIFIED, PORT))?;
    if name != "outsider" {
        join_group(&sock, GROUP, Ipv4Addr::LOCALHOST)?;
    }

    let mut buf = [0; 1024];
    loop {
        let (n, from) = recvfrom(&sock, &mut buf)?;
        // Anybody may say anything to everybody. Only a question is answered.
        if &buf[..n] == b"WHO?" {
            sendto(&sock, format!("HERE {name}").as_bytes(), from)?;
        }
    }
}

fn ask(sock: OwnedFd, whom: Ipv4Addr) -> Result<()> {
    sendto(&sock, b"WHO?", (whom, PORT))?;
    // How many will answer nobody knows. Only the time says that it is over.
    let deadline = Instant::now() + Duration::from_millis(500);
    let mut names: Vec<String> = Vec::new();
    while readable(&sock, deadline)? {
        let mut buf = [0; 1024];
        let (n, _) = recvfrom(&sock, &mut buf)?;
        let Some(name) = text(&buf[..n])?.strip_prefix("HERE ") else {
            continue;
        };
        if !names.iter().any(|known| known == name) {
            println!("{name}");
            names.push(name.to_string());
        }
    }
    println!("{} found", names.len());
    close(sock)
}

fn readable(sock: &OwnedFd, deadline: Instant) -> Result<bool> {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = left.as_micros().div_ceil(1000);
    let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    let mut fds = [PollFd::new(sock.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut fds, left)? > 0)
}
