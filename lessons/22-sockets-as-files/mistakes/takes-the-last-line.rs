//! What has no newline is no line to it.

use std::io::{BufRead, BufReader, Result, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7022")?;
    loop {
        let (conn, _) = listener.accept()?;
        number_lines(&conn)?;
    }
}

fn number_lines(mut conn: &TcpStream) -> Result<()> {
    let mut lines = BufReader::new(conn);
    let mut line = String::new();
    let mut number = 0;
    while lines.read_line(&mut line)? > 0 && line.ends_with('\n') {
        number += 1;
        conn.write_all(format!("{number}: {line}").as_bytes())?;
        line.clear();
    }
    Ok(())
}
