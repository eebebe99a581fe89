//! Exercise 18 with two socket options: SO_SNDTIMEO for connect and send, SO_RCVTIMEO anew before each recv.

use std::net::Ipv4Addr;
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
    let fetched = fetch(&sock, &line, deadline);
    close(sock)?;
    match fetched {
        Ok(answer) => {
            print!("{}", text(&answer)?);
            Ok(ExitCode::SUCCESS)
        }
        // The same thing under two names: of a read and of connect.
        Err(error) if matches!(error.errno(), Some(Errno::EAGAIN | Errno::EINPROGRESS)) => {
            eprintln!("timeout");
            Ok(ExitCode::from(4))
        }
        Err(error) => Err(error),
    }
}

fn fetch(sock: &OwnedFd, line: &str, deadline: Instant) -> Result<Vec<u8>> {
    set_send_timeout(sock, left("connect", deadline)?)?;
    connect(sock, SERVER)?;
    set_send_timeout(sock, left("send", deadline)?)?;
    let line = format!("{line}\n");
    while let Err(error) = send(sock, line.as_bytes()) {
        if error.errno() != Some(Errno::EINTR) {
            return Err(error);
        }
    }
    let (mut answer, mut buf) = (Vec::new(), [0; 1024]);
    loop {
        set_recv_timeout(sock, left("recv", deadline)?)?;
        match recv(sock, &mut buf) {
            Ok(0) => return Ok(answer),
            Ok(n) => answer.extend_from_slice(&buf[..n]),
            Err(error) if error.errno() == Some(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// What is left of the time for this call. None at all would be for ever.
fn left(name: &'static str, deadline: Instant) -> Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(Error::Call { name, errno: Errno::EAGAIN }) } else { Ok(left) }
}
