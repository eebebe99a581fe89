//! Exercise 22 with the standard library: one reader for the connection, and a flush before each wait.

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
    let mut lines = BufReader::new(conn);
    let mut answers = BufWriter::new(conn);
    let mut line = String::new();
    let mut number = 0;
    while lines.read_line(&mut line)? > 0 {
        number += 1;
        writeln!(answers, "{number}: {}", line.trim_end_matches('\n'))?;
        answers.flush()?;
        line.clear();
    }
    Ok(())
}
