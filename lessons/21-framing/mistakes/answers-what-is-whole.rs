//! It waits for the end of the stream, so that nothing can be cut.

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
    let mut come = Vec::new();
    conn.read_to_end(&mut come)?;
    let mut come = come.as_slice();
    while let Some((length, rest)) = come.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        if length > MOST {
            return answer(&mut conn, "too long");
        }
        let Some(message) = rest.get(..length) else { break };
        match str::from_utf8(message) {
            Ok(said) => answer(&mut conn, &format!("{} {said}", said.chars().count()))?,
            Err(_) => answer(&mut conn, "not text")?,
        }
        come = &rest[length..];
    }
    if come.is_empty() { Ok(()) } else { answer(&mut conn, "cut off") }
}

fn answer(conn: &mut TcpStream, said: &str) -> Result<()> {
    let length = u32::try_from(said.len()).expect("no answer is so long");
    conn.write_all(&[&length.to_be_bytes(), said.as_bytes()].concat())
}
