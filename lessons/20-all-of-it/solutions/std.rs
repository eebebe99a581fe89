//! Exercise 20 with the standard library: write_all sends what is left, read_to_end reads to the end, and both
//! call again after EINTR. Who gives and who takes at the same time is still ours to say.

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
        let (mut giving, mut taking) = (conn, conn);
        let giver = both.spawn(move || giving.write_all(ours));
        let mut theirs = Vec::new();
        taking.read_to_end(&mut theirs)?;
        giver.join().expect("it returns its errors")?;
        Ok(theirs)
    })
}
