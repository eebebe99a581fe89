//! Exercise 8 - a stamping service over UDP
//!
//! The client of the demo, which trusts everybody. Make it one that can live
//! with a server that is silent or gone, with strangers that write to it, and
//! with an empty answer.
//!
//! `lab check 8` runs it, types its lines, and plays the server and the
//! stranger. To do that yourself, run the demo with `server` in one shell and
//! this with `client` in another.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use kit::*;

const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 21567);

fn main() -> ExitCode {
    finish(role_of(["client"]).and_then(|_| client()))
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    let mut server = SocketAddr::from(SERVER);

    // TODO: Every line that is typed goes to the server, until an empty one
    // or the end of the input. Only what the server sent is an answer, and an
    // empty answer is one. If none comes within a second, the client prints
    // `no answer` and goes on with the next line.
    let mut buf = [0; 1024];
    while let Some(line) = input("> ")?.filter(|line| !line.is_empty()) {
        sendto(&sock, line.as_bytes(), server)?;
        let (n, from) = recvfrom(&sock, &mut buf)?;
        server = from;
        if n == 0 {
            break;
        }
        println!("{}", py_repr(&buf[..n]));
    }

    close(sock)
}
