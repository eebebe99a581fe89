//! Exercise 22 with a writer that flushes itself at each newline, and a descriptor for either direction.

use std::io::{BufRead, BufReader, LineWriter, Result, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7022")?;
    loop {
        let (conn, _) = listener.accept()?;
        number_lines(conn)?;
    }
}

fn number_lines(conn: TcpStream) -> Result<()> {
    let mut answers = LineWriter::new(conn.try_clone()?);
    for (at, line) in BufReader::new(conn).lines().enumerate() {
        writeln!(answers, "{}: {}", at + 1, line?)?;
    }
    Ok(())
}
