//! It does not wait for ever, and does not try again either: one lost datagram is one lost answer.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kit::*;

const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7009);

fn main() -> ExitCode {
    finish(role_of(["client"]).and_then(|_| client()))
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    let mut id = 0;
    while let Some(line) = input("")? {
        id += 1;
        match ask(&sock, id, &line)? {
            Some(answer) => println!("{answer}"),
            None => println!("no answer"),
        }
    }
    close(sock)
}

fn ask(sock: &OwnedFd, id: u32, line: &str) -> Result<Option<String>> {
    let request = format!("{id}|{line}");
    again(|| sendto(sock, request.as_bytes(), SERVER))?;
    let deadline = Instant::now() + Duration::from_millis(200);
    while readable(sock, deadline)? {
        let mut buf = [0; 1024];
        let n = again(|| recv(sock, &mut buf))?;
        if let Some(answer) = text(&buf[..n])?.strip_prefix(&format!("{id}|")) {
            return Ok(Some(answer.to_string()));
        }
    }
    Ok(None)
}

fn readable(sock: &OwnedFd, deadline: Instant) -> Result<bool> {
    let ready = again(|| {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = left.as_micros().div_ceil(1000);
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        poll(&mut [PollFd::new(sock.as_fd(), PollFlags::POLLIN)], left)
    })?;
    Ok(ready > 0)
}

fn again<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(error) if error.errno() == Some(Errno::EINTR) => continue,
            done => return done,
        }
    }
}
