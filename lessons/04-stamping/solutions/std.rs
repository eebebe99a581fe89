//! Exercise 4 with the standard library: `write_all` sends what is left, and what goes wrong in a conversation
//! stays there.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> Result<()> {
    let listener = TcpListener::bind("0.0.0.0:21567")?;
    loop {
        println!("waiting for connection...");
        let (conn, peer) = listener.accept()?;
        println!("... connected form: ('{}', {})", peer.ip(), peer.port());
        if let Err(error) = converse(conn) {
            eprintln!("{error}");
        }
    }
}

fn converse(mut conn: TcpStream) -> Result<()> {
    let mut buf = [0; 1024];
    loop {
        match conn.read(&mut buf) {
            Ok(0) => return Ok(()),
            Ok(n) => write!(conn, "[{:?}]: {}", kit::time(), kit::py_repr(&buf[..n]))?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
