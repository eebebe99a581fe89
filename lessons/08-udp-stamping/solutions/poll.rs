//! Exercise 8 with poll(2) and a deadline, so that no stranger can prolong the wait by writing again and again.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kit::*;

const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 21567);

fn main() -> ExitCode {
    finish(role_of(["client"]).and_then(|_| client()))
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    while let Some(line) = input("> ")?.filter(|line| !line.is_empty()) {
        sendto(&sock, line.as_bytes(), SERVER)?;
        match answer(&sock, Instant::now() + Duration::from_secs(1))? {
            Some(answer) => println!("{}", py_repr(&answer)),
            None => println!("no answer"),
        }
    }
    close(sock)
}

fn answer(sock: &OwnedFd, deadline: Instant) -> Result<Option<Vec<u8>>> {
    let mut buf = [0; 1024];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = u16::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
        let mut readable = [PollFd::new(sock.as_fd(), PollFlags::POLLIN)];
        if poll(&mut readable, PollTimeout::from(left))? == 0 {
            return Ok(None);
        }
        let (n, from) = recvfrom(sock, &mut buf)?;
        if from == SocketAddr::from(SERVER) {
            return Ok(Some(buf[..n].to_vec()));
        }
    }
}
