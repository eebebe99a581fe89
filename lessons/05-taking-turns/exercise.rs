//! Exercise 5 - taking turns
//!
//! This is the chat's client. As long as everybody says something in turn and
//! nobody is in a hurry to leave, it works.
//!
//! `lab check 5` runs it, types its lines and plays the server. To do that
//! yourself, run the lesson's demo with `server` in one shell, and in another
//! this with `client`.

use std::net::Ipv4Addr;
use std::process::{self, ExitCode};

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 12345);

fn main() -> ExitCode {
    only_client(client)
}

fn client() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    connect(&conn, ADDRESS)?;

    // TODO: Whoever types nothing is asked again, and nobody waits for an
    // answer to it. `exit` closes the connection; so does the client when it
    // is the server that leaves. A signal (EINTR) changes nothing.
    let mut buf = [0; 1024];
    while let Some(line) = input("input:")? {
        if line == "exit" {
            process::exit(0);
        }
        send(&conn, line.as_bytes())?;
        let n = recv(&conn, &mut buf)?;
        println!("server: {}", text(&buf[..n])?);
    }
    close(conn)
}
