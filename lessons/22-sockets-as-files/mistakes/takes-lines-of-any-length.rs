//! Its reader has room for 8192 bytes, so it takes that for the longest line.

use std::io::{Read, Result, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7022")?;
    loop {
        let (conn, _) = listener.accept()?;
        number_lines(&conn)?;
    }
}

fn number_lines(mut conn: &TcpStream) -> Result<()> {
    let mut buf = [0; 8192];
    let (mut from, mut to, mut number) = (0, 0, 0);
    loop {
        while let Some(end) = buf[from..to].iter().position(|&byte| byte == b'\n') {
            number += 1;
            conn.write_all(format!("{number}: ").as_bytes())?;
            conn.write_all(&buf[from..=from + end])?;
            from += end + 1;
        }
        buf.copy_within(from..to, 0);
        (from, to) = (0, to - from);
        let n = conn.read(&mut buf[to..])?;
        if n == 0 {
            break;
        }
        to += n;
    }
    if to > 0 {
        conn.write_all(format!("{}: ", number + 1).as_bytes())?;
        conn.write_all(&[&buf[..to], b"\n"].concat())?;
    }
    Ok(())
}
