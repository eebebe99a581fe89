//! Exercise 4 - the stamping conversation
//!
//! This is the server of the demo, with its weaknesses. It stamps all day for
//! clients who wait for each reply and leave politely. Make it serve the rest
//! of the world as well.
//!
//! `lab check 4` runs it and plays the clients. To do that yourself, run this
//! with `server` in one shell and the lesson's demo with `client` in another.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::UNSPECIFIED, 21567);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;

    // TODO: A client that breaks off ends its own conversation and nothing
    // else. What a client sent comes back stamped, all of it and once, however
    // little a call moves and whatever signal interrupts it (EINTR).
    loop {
        println!("waiting for connection...");
        let (conn, peer) = accept(&listener)?;
        println!("... connected form: {}", py_addr(peer));

        let mut buf = [0; 1024];
        loop {
            let n = recv(&conn, &mut buf)?;
            if n == 0 {
                break;
            }
            let stamp = format!("[{:?}]: {}", time(), py_repr(&buf[..n]));
            send(&conn, stamp.as_bytes())?;
        }
        close(conn)?;
    }
}
