//! All are asked at once. Then each of them is waited for in turn, with a second for each.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kit::*;

fn main() -> ExitCode {
    finish(role_of(["client"]).and_then(|_| client()))
}

struct Port {
    number: u16,
    /// Until it is known what became of it.
    sock: Option<OwnedFd>,
    said: &'static str,
}

fn client() -> Result<()> {
    let line = input("")?.unwrap_or_default();
    let mut words = line.split_whitespace();
    let host: Ipv4Addr = words.next().and_then(|ip| ip.parse().ok()).expect("an address");
    let numbers = words.map(|port| port.parse().expect("a port"));

    let mut ports = Vec::new();
    for number in numbers {
        let sock = socket(AF_INET, SOCK_STREAM)?;
        set_nonblocking(&sock, true)?;
        match connect(&sock, (host, number)) {
            Err(error) if error.errno() == Some(Errno::EINPROGRESS) => {}
            done => done?,
        }
        ports.push(Port { number, sock: Some(sock), said: "filtered" });
    }
    for port in &mut ports {
        let Some(sock) = &port.sock else { continue };
        if wait(sock, Instant::now() + Duration::from_secs(1))? {
            port.said = if get_error(sock)?.is_none() { "open" } else { "closed" };
        }
        port.sock = None;
    }
    for port in ports {
        println!("{} {}", port.number, port.said);
    }
    Ok(())
}

/// Waits until there is news of a port; false: the time is over.
fn wait(sock: &OwnedFd, deadline: Instant) -> Result<bool> {
    loop {
        let mut fds = [PollFd::new(sock.as_fd(), PollFlags::POLLOUT)];
        let left = deadline.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left.as_micros().div_ceil(1000));
        match poll(&mut fds, left.unwrap_or(PollTimeout::MAX)) {
            Err(error) if error.errno() == Some(Errno::EINTR) => continue,
            ready => return Ok(ready? > 0),
        }
    }
}
