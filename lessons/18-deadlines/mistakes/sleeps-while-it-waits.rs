//! A socket that does not wait, and a look every ten milliseconds whether something has come.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

fn main() -> Result<ExitCode> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    match fetch(&line, Instant::now() + Duration::from_secs(1)) {
        Ok(answer) => std::io::stdout().write_all(&answer)?,
        Err(error) if error.kind() == ErrorKind::TimedOut => {
            eprintln!("timeout");
            return Ok(ExitCode::from(4));
        }
        Err(error) => return Err(error),
    }
    Ok(ExitCode::SUCCESS)
}

fn fetch(line: &str, deadline: Instant) -> Result<Vec<u8>> {
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 7018));
    let mut conn = TcpStream::connect_timeout(&server, Duration::from_secs(1))?;
    conn.set_nonblocking(true)?;
    conn.write_all(line.as_bytes())?;
    let (mut answer, mut buf) = (Vec::new(), [0; 1024]);
    loop {
        match conn.read(&mut buf) {
            Ok(0) => return Ok(answer),
            Ok(n) => answer.extend_from_slice(&buf[..n]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if Instant::now() >= deadline {
                    return Err(ErrorKind::TimedOut.into());
                }
                thread::sleep(Duration::from_millis(10));
            }
            Err(error) => return Err(error),
        }
    }
}
