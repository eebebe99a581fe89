//! Exercise 5 with the standard library: `write_all` and `lines` make interrupted calls again, and the end of
//! `main` closes the stream.

use std::io::{ErrorKind, Read, Result, Write, stdin, stdout};
use std::net::TcpStream;

fn main() -> Result<()> {
    let mut conn = TcpStream::connect("127.0.0.1:12345")?;
    let mut buf = [0; 1024];
    let mut lines = stdin().lines();
    loop {
        print!("input:");
        stdout().flush()?;
        let line = match lines.next() {
            Some(line) => line?,
            None => return Ok(()),
        };
        match line.as_str() {
            "exit" => return Ok(()),
            "" => continue,
            said => conn.write_all(said.as_bytes())?,
        }
        let n = loop {
            match conn.read(&mut buf) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                n => break n?,
            }
        };
        if n == 0 {
            return Ok(());
        }
        println!("server: {}", String::from_utf8_lossy(&buf[..n]));
    }
}
