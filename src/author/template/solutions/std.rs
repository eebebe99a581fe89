//! Exercise @NUMBER@ with the standard library: one call of it is several of the kernel's.

use std::io::{Read, Result, Write};
use std::net::TcpListener;

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:@PORT@")?;
    let (mut conn, _) = listener.accept()?;
    let mut buf = [0; 1024];
    let n = conn.read(&mut buf)?;
    conn.write_all(&buf[..n])
}
