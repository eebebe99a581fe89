//! Exercise 18, solved: a socket that does not wait, and a poll for what is left of the second before each call.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kit::*;

const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7018);

fn main() -> ExitCode {
    let done = role_of(["client"]).and_then(|_| client());
    done.unwrap_or_else(|error| finish(Err(error)))
}

fn client() -> Result<ExitCode> {
    let Some(line) = input("")? else { return Ok(ExitCode::SUCCESS) };
    let deadline = Instant::now() + Duration::from_secs(1);
    let sock = socket(AF_INET, SOCK_STREAM)?;
    let answer = fetch(&sock, &line, deadline)?;
    close(sock)?;
    let Some(answer) = answer else {
        eprintln!("timeout");
        return Ok(ExitCode::from(4));
    };
    print!("{}", text(&answer)?);
    Ok(ExitCode::SUCCESS)
}

/// The whole answer; `None` if the deadline comes before its end.
fn fetch(sock: &OwnedFd, line: &str, deadline: Instant) -> Result<Option<Vec<u8>>> {
    set_nonblocking(sock, true)?;
    match connect(sock, SERVER) {
        Err(error) if error.errno() == Some(Errno::EINPROGRESS) => {
            if !ready(sock, PollFlags::POLLOUT, deadline)? {
                return Ok(None);
            }
            if let Some(errno) = get_error(sock)? {
                return Err(Error::Call { name: "connect", errno });
            }
        }
        done => done?,
    }
    send(sock, format!("{line}\n").as_bytes())?;

    let (mut answer, mut buf) = (Vec::new(), [0; 1024]);
    while ready(sock, PollFlags::POLLIN, deadline)? {
        match recv(sock, &mut buf)? {
            0 => return Ok(Some(answer)),
            n => answer.extend_from_slice(&buf[..n]),
        }
    }
    Ok(None)
}

/// Whether it is ready before the deadline, however often a signal comes.
fn ready(sock: &OwnedFd, what: PollFlags, deadline: Instant) -> Result<bool> {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = left.as_micros().div_ceil(1000);
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(sock.as_fd(), what)], left) {
            Err(error) if error.errno() == Some(Errno::EINTR) => continue,
            ready => return Ok(ready? > 0),
        }
    }
}
