//! Exercise 26 - one to many
//!
//! A client that looks for servers, and a server that can be found. Servers
//! are at port 7026, and nobody knows how many there are. To `WHO?` each
//! answers `HERE` and its name: `HERE ada`.
//!
//! `lab check 26` plays the other end of each. To do that yourself, run this
//! with `client` in one shell and the lesson's demo with `server` in another.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const EVERYBODY: (Ipv4Addr, u16) = (Ipv4Addr::new(127, 255, 255, 255), 7026);
const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7026);

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn client() -> Result<()> {
    // TODO: `WHO?` goes to everybody. The client prints the name of each
    // server that answers within half a second, once, on a line of its own,
    // when it comes, and at last how many there were: `2 found`.
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    sendto(&sock, b"WHO?", EVERYBODY)?;
    let mut buf = [0; 1024];
    let (n, _) = recvfrom(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    println!("1 found");
    close(sock)
}

fn server() -> Result<()> {
    let name = input("")?.unwrap_or_default();
    // TODO: The server hears what is said to everybody, and at 127.0.0.1's
    // interface to the group 239.255.0.26, beside whichever other servers this
    // machine has at the same port. It answers `WHO?` and nothing else, and
    // tells nobody but whoever has asked.
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    bind(&sock, SERVER)?;
    set_broadcast(&sock, true)?;
    let mut buf = [0; 1024];
    loop {
        recvfrom(&sock, &mut buf)?;
        sendto(&sock, format!("HERE {name}").as_bytes(), EVERYBODY)?;
    }
}
