//! Exercise 18 with a second thread: when the time is over it ends the connection, and that wakes the first.
//!
//! shutdown wakes who sleeps in connect or recv, where close would not. The socket stays the first thread's to close.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError::Timeout, channel};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

fn main() -> Result<ExitCode> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let sock = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let (done, over) = channel::<()>();
    let (answer, was_over) = thread::scope(|both| {
        let shared = &sock;
        let watchdog = both.spawn(move || {
            let was_over = over.recv_timeout(Duration::from_secs(1)) == Err(Timeout);
            if was_over {
                let _ = shared.shutdown(Shutdown::Both);
            }
            was_over
        });
        let answer = fetch(&sock, &line);
        drop(done);
        (answer, watchdog.join().unwrap_or(true))
    });
    drop(sock);
    // What recv says after a shutdown of one's own is zero, too: it is no end of the answer.
    if was_over {
        eprintln!("timeout");
        return Ok(ExitCode::from(4));
    }
    std::io::stdout().write_all(&answer?)?;
    Ok(ExitCode::SUCCESS)
}

fn fetch(mut sock: &Socket, line: &str) -> Result<Vec<u8>> {
    sock.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, 7018)).into())?;
    sock.write_all(line.as_bytes())?;
    let (mut answer, mut buf) = (Vec::new(), [0; 1024]);
    loop {
        match sock.read(&mut buf) {
            Ok(0) => return Ok(answer),
            Ok(n) => answer.extend_from_slice(&buf[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
