//! Lesson 8 - a stamping service over UDP
//!
//! The server puts the time before whatever comes and sends it back, one
//! datagram at a time: whose it was is forgotten with the answer. The client
//! asks line by line, and an empty line ends it. It is too trusting on
//! purpose: it waits for ever, and it believes whoever writes.
//!
//! Run `server` in one shell and `client` in another, or let the lab play
//! both, or play tricks on the client: `lab run 8 --variant hijacked`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use kit::*;

// The empty host name of the source: every address of this machine.
const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::UNSPECIFIED, 21567);
// `localhost` by its address: looking the name up would be calls of its own.
const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 21567);

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    bind(&sock, ADDRESS)?;

    let mut buf = [0; 1024];
    loop {
        println!("waiting for message...");
        // Clients need not wait for each other: there is no conversation
        // that one of them could hold up.
        let (n, from) = recvfrom(&sock, &mut buf)?;
        let stamped = format!("[{}]: {}", ctime(), py_repr(&buf[..n]));
        sendto(&sock, stamped.as_bytes(), from)?;
        println!("...received from and returned to: {}", py_addr(from));
    }
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    let mut server = SocketAddr::from(SERVER);

    let mut buf = [0; 1024];
    while let Some(line) = input("> ")?.filter(|line| !line.is_empty()) {
        // This succeeds whether or not anybody is there: what comes back if
        // not (an ICMP message) is not told to a socket that is unconnected.
        sendto(&sock, line.as_bytes(), server)?;

        // Three times too trusting. If no answer comes, this waits for ever.
        // Whoever answers gets our next line. And zero bytes, which are a
        // datagram like any other, are taken for the end.
        let (n, from) = recvfrom(&sock, &mut buf)?;
        server = from;
        if n == 0 {
            break;
        }
        println!("{}", py_repr(&buf[..n]));
    }

    close(sock)
}
