//! Exercise 21 with the standard library: two reads of known length for each message, through one buffer.

use std::io::{BufRead, BufReader, ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};

const MOST: usize = 64 * 1024;

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7021")?;
    loop {
        let (conn, _) = listener.accept()?;
        converse(&conn)?;
    }
}

fn converse(conn: &TcpStream) -> Result<()> {
    let mut come = BufReader::new(conn);
    loop {
        match message(&mut come) {
            Ok(None) => return Ok(()),
            Ok(Some(message)) if message.len() > MOST => return answer(conn, "too long"),
            Ok(Some(message)) => match str::from_utf8(&message) {
                Ok(said) => answer(conn, &format!("{} {said}", said.chars().count()))?,
                Err(_) => answer(conn, "not text")?,
            },
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                return answer(conn, "cut off");
            }
            Err(error) => return Err(error),
        }
    }
}

/// The next message; one that is too long is not read, and is one byte too long here.
fn message(come: &mut BufReader<&TcpStream>) -> Result<Option<Vec<u8>>> {
    let ended = loop {
        match come.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            read => break read?.is_empty(),
        }
    };
    if ended {
        return Ok(None);
    }
    let mut length = [0; 4];
    come.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    let mut message = vec![0; length.min(MOST + 1)];
    if length <= MOST {
        come.read_exact(&mut message)?;
    }
    Ok(Some(message))
}

fn answer(mut conn: &TcpStream, said: &str) -> Result<()> {
    let length = u32::try_from(said.len()).expect("no answer is so long");
    conn.write_all(&[&length.to_be_bytes(), said.as_bytes()].concat())
}
