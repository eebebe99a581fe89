//! Exercise 20 - all of it
//!
//! A shelf with room for one letter. Who comes leaves a letter and takes the
//! one that was left before: four mebibytes at most, and the shelf is empty at
//! first. This server gives first and takes afterwards. With short letters
//! that works.
//!
//! `lab check 20` runs it and plays the visitors. To do that yourself, run it
//! with `server`, then `nc 127.0.0.1 7020 < FILE` twice in another shell.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7020);
const MOST: usize = 4 << 20;

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;

    let mut shelf = Vec::new();
    loop {
        let (conn, _) = accept(&listener)?;
        // TODO: Every visitor gets the letter on the shelf, and theirs is there
        // for the next one: all of it, up to the end of what they send. That
        // holds for those who first send everything and then read, for those
        // who first read and then send, however few bytes a call moves, and
        // whatever signal interrupts it (EINTR).
        send(&conn, &shelf)?;
        let mut letter = vec![0; MOST];
        let n = recv_waitall(&conn, &mut letter)?;
        letter.truncate(n);
        shelf = letter;
        close(conn)?;
    }
}
