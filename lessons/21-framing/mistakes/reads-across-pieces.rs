//! The four bytes come in one read, and the message in another: so it was, whenever one looked.

use std::io::{Read, Result, Write};
use std::net::{TcpListener, TcpStream};

const MOST: usize = 64 * 1024;

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7021")?;
    loop {
        let (conn, _) = listener.accept()?;
        converse(conn)?;
    }
}

fn converse(mut conn: TcpStream) -> Result<()> {
    loop {
        let mut length = [0; 4];
        if conn.read(&mut length)? == 0 {
            return Ok(());
        }
        let length = u32::from_be_bytes(length) as usize;
        if length > MOST {
            return answer(&mut conn, "too long");
        }
        let mut message = vec![0; length];
        if length > 0 && conn.read(&mut message)? == 0 {
            return answer(&mut conn, "cut off");
        }
        match str::from_utf8(&message) {
            Ok(said) => answer(&mut conn, &format!("{} {said}", said.chars().count()))?,
            Err(_) => answer(&mut conn, "not text")?,
        }
    }
}

fn answer(conn: &mut TcpStream, said: &str) -> Result<()> {
    let length = u32::try_from(said.len()).expect("no answer is so long");
    conn.write_all(&[&length.to_be_bytes(), said.as_bytes()].concat())
}
