//! It flushes when the conversation is over: a writer does that by itself when it is dropped.

use std::io::{BufRead, BufReader, BufWriter, Result, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7022")?;
    loop {
        let (conn, _) = listener.accept()?;
        number_lines(&conn)?;
    }
}

fn number_lines(conn: &TcpStream) -> Result<()> {
    let mut answers = BufWriter::new(conn);
    for (at, line) in BufReader::new(conn).lines().enumerate() {
        writeln!(answers, "{}: {}", at + 1, line?)?;
    }
    Ok(())
}
