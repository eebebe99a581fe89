//! Exercise 9 with the standard library: a connected socket, and for each read what is left of the time.
//!
//! A connected socket is told of refusals. They are no answer yet: the server may be back for the next try.

use std::io::{ErrorKind, Result};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use kit::input;

fn main() -> Result<()> {
    let sock = UdpSocket::bind("0.0.0.0:0")?;
    sock.connect("127.0.0.1:7009")?;
    let mut id = 0;
    while let Ok(Some(line)) = input("") {
        id += 1;
        println!("{}", ask(&sock, id, &line)?.unwrap_or("no answer".into()));
    }
    Ok(())
}

fn ask(sock: &UdpSocket, id: u32, line: &str) -> Result<Option<String>> {
    for patience in [200, 400, 800] {
        while let Err(error) = sock.send(format!("{id}|{line}").as_bytes()) {
            match error.kind() {
                ErrorKind::Interrupted | ErrorKind::ConnectionRefused => {}
                _ => return Err(error),
            }
        }
        let deadline = Instant::now() + Duration::from_millis(patience);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            sock.set_read_timeout(Some(left))?;
            let mut buf = [0; 1024];
            match sock.recv(&mut buf) {
                Ok(n) => {
                    let answer = String::from_utf8_lossy(&buf[..n]);
                    if let Some(answer) = answer.strip_prefix(&format!("{id}|")) {
                        return Ok(Some(answer.into()));
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted | ErrorKind::ConnectionRefused => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => break,
                    _ => return Err(error),
                },
            }
        }
    }
    Ok(None)
}
