//! Exercise 3 with the standard library: `io::copy` is the whole loop.
//!
//! It reads until zero, writes all of what it has read, and makes interrupted calls again.

use std::io::{Result, copy};
use std::net::TcpListener;

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:65432")?;
    let (conn, peer) = listener.accept()?;
    println!("Connected by ('{}', {})", peer.ip(), peer.port());
    copy(&mut &conn, &mut &conn)?;
    Ok(())
}
