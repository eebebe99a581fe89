//! Exercise 15 - names and services
//!
//! A client that reads a line, `HOST SERVICE`, connects to that service and
//! prints what it says until it ends. How it went its exit status tells:
//!
//! - 0: somebody has answered.
//! - 2: the name was found, and no address of it answered.
//! - 3: host or service could not be found.
//!
//! `lab check 15` says the lines and plays the server. To do that yourself,
//! type `localhost 7015` at this, with the lesson's demo as `server`.

use std::process::ExitCode;

use kit::*;

fn main() -> ExitCode {
    only_client(client)
}

fn client() -> Result<()> {
    let line = input("")?.unwrap_or_default();
    let (host, service) = line.split_once(' ').unwrap_or_default();

    // TODO: Whichever of its addresses the host answers at, the client finds
    // it, and whoever runs the client can tell the failures apart.
    let addr = getaddrinfo(host, service, SOCK_STREAM)?[0];
    let family = if addr.is_ipv4() { AF_INET } else { AF_INET6 };
    let sock = socket(family, SOCK_STREAM)?;
    connect(&sock, addr)?;

    let mut buf = [0; 1024];
    let n = recv(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    close(sock)
}
