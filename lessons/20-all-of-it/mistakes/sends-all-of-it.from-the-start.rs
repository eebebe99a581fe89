//! When a send has not taken everything, it sends everything again.

use std::io::{Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7020")?;
    let mut shelf = Vec::new();
    loop {
        let (conn, _) = listener.accept()?;
        shelf = swap(&conn, &shelf)?;
    }
}

fn swap(conn: &TcpStream, ours: &[u8]) -> Result<Vec<u8>> {
    thread::scope(|both| {
        let (giving, mut taking) = (conn, conn);
        let giver = both.spawn(move || send_all(giving, ours));
        let mut theirs = Vec::new();
        taking.read_to_end(&mut theirs)?;
        giver.join().expect("it returns its errors")?;
        Ok(theirs)
    })
}

fn send_all(mut conn: &TcpStream, letter: &[u8]) -> Result<()> {
    while conn.write(letter)? < letter.len() {}
    Ok(())
}
