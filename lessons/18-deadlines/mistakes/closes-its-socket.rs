//! A thread fetches, and the first one waits a second for it. If that was in vain, it leaves the other asleep in its
//! read, and the socket to the end of the process.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

fn main() -> Result<ExitCode> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let (sender, answers) = channel();
    thread::spawn(move || sender.send(fetch(&line)));
    let Ok(answer) = answers.recv_timeout(Duration::from_secs(1)) else {
        eprintln!("timeout");
        return Ok(ExitCode::from(4));
    };
    std::io::stdout().write_all(&answer?)?;
    Ok(ExitCode::SUCCESS)
}

fn fetch(line: &str) -> Result<Vec<u8>> {
    let mut conn = TcpStream::connect((Ipv4Addr::LOCALHOST, 7018))?;
    conn.write_all(line.as_bytes())?;
    let (mut answer, mut buf) = (Vec::new(), [0; 1024]);
    loop {
        match conn.read(&mut buf) {
            Ok(0) => return Ok(answer),
            Ok(n) => answer.extend_from_slice(&buf[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
