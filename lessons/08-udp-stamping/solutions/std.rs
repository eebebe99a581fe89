//! Exercise 8 with the standard library and a connected socket.
//!
//! connect(2) on a datagram socket sends nothing. From then on the kernel gives it the server's datagrams only,
//! and tells it when one is refused: `ConnectionRefused`, which is no answer either.

use std::io::{ErrorKind, Result};
use std::net::UdpSocket;
use std::time::Duration;

use kit::{input, py_repr};

fn main() -> Result<()> {
    let sock = UdpSocket::bind("0.0.0.0:0")?;
    sock.connect("127.0.0.1:21567")?;
    sock.set_read_timeout(Some(Duration::from_secs(1)))?;

    let mut buf = [0; 1024];
    while let Ok(Some(line)) = input("> ") {
        if line.is_empty() {
            break;
        }
        let answer = sock.send(line.as_bytes()).and_then(|_| sock.recv(&mut buf));
        match answer {
            Ok(n) => println!("{}", py_repr(&buf[..n])),
            Err(error) if is_silence(error.kind()) => println!("no answer"),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_silence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::ConnectionRefused)
}
