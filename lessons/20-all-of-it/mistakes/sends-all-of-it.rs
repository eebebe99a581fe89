//! It gives in one thread and takes in another, and believes that send sends what it is given.

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
        let giver = both.spawn(move || giving.write(ours));
        let mut theirs = Vec::new();
        taking.read_to_end(&mut theirs)?;
        giver.join().expect("it returns its errors")?;
        Ok(theirs)
    })
}
