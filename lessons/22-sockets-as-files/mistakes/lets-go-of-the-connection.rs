//! It keeps a handle of each client, for a list that is to come, and closes the other one.

use std::io::{BufRead, BufReader, Result, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7022")?;
    let mut clients = Vec::new();
    loop {
        let (conn, _) = listener.accept()?;
        clients.push(conn.try_clone()?);
        number_lines(&conn)?;
    }
}

fn number_lines(mut conn: &TcpStream) -> Result<()> {
    for (at, line) in BufReader::new(conn).lines().enumerate() {
        conn.write_all(format!("{}: {}\n", at + 1, line?).as_bytes())?;
    }
    Ok(())
}
