//! It has a new reader for each line.

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
    for number in 1.. {
        let mut line = String::new();
        if BufReader::new(conn).read_line(&mut line)? == 0 {
            break;
        }
        conn.write_all(format!("{number}: {}\n", line.trim_end_matches('\n')).as_bytes())?;
    }
    Ok(())
}
