//! It believes the four bytes: whatever they ask for will come.

use std::io::{Read, Result, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7021")?;
    loop {
        let (conn, _) = listener.accept()?;
        converse(conn)?;
    }
}

fn converse(mut conn: TcpStream) -> Result<()> {
    let mut come = Vec::new();
    let mut buf = [0; 4096];
    loop {
        match conn.read(&mut buf)? {
            0 if come.is_empty() => return Ok(()),
            0 => return answer(&mut conn, "cut off"),
            n => come.extend_from_slice(&buf[..n]),
        }
        while let Some((length, rest)) = come.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            let Some(message) = rest.get(..length) else { break };
            match str::from_utf8(message) {
                Ok(said) => answer(&mut conn, &format!("{} {said}", said.chars().count()))?,
                Err(_) => answer(&mut conn, "not text")?,
            }
            come.drain(..4 + length);
        }
    }
}

fn answer(conn: &mut TcpStream, said: &str) -> Result<()> {
    let length = u32::try_from(said.len()).expect("no answer is so long");
    conn.write_all(&[&length.to_be_bytes(), said.as_bytes()].concat())
}
