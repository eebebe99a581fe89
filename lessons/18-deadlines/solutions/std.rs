//! Exercise 18 with the standard library: a time for connect, and before each read what is left of it.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

fn main() -> Result<ExitCode> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    match fetch(&line, Instant::now() + Duration::from_secs(1)) {
        Ok(answer) => std::io::stdout().write_all(&answer)?,
        // A read whose time is over says WouldBlock, a connect says TimedOut.
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            eprintln!("timeout");
            return Ok(ExitCode::from(4));
        }
        Err(error) => return Err(error),
    }
    Ok(ExitCode::SUCCESS)
}

fn fetch(line: &str, deadline: Instant) -> Result<Vec<u8>> {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 7018));
    let mut conn = TcpStream::connect_timeout(&server, left(deadline)?)?;
    conn.set_write_timeout(Some(left(deadline)?))?;
    conn.write_all(line.as_bytes())?;
    let (mut answer, mut buf) = (Vec::new(), [0; 1024]);
    loop {
        conn.set_read_timeout(Some(left(deadline)?))?;
        match conn.read(&mut buf) {
            Ok(0) => return Ok(answer),
            Ok(n) => answer.extend_from_slice(&buf[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What is left of the time; no time at all is an error here, and would be for ever in a socket option.
fn left(deadline: Instant) -> Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(ErrorKind::TimedOut.into()) } else { Ok(left) }
}
