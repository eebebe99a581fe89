//! An alarm in a second. Nobody handles its signal, so the kernel ends the process.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, TcpStream};

fn main() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    nix::unistd::alarm::set(1);
    let mut conn = TcpStream::connect((Ipv4Addr::LOCALHOST, 7018))?;
    conn.write_all(line.as_bytes())?;
    let (mut answer, mut buf) = (Vec::new(), [0; 1024]);
    loop {
        match conn.read(&mut buf) {
            Ok(0) => break,
            Ok(n) => answer.extend_from_slice(&buf[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    std::io::stdout().write_all(&answer)
}
