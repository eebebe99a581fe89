//! Lesson 15 - names and services
//!
//! Programs talk to addresses and people remember names. getaddrinfo(3)
//! leads from one to the other: it is given the name of a host and that of a
//! service, and gives candidates, as many as there are, in the order in which
//! they are to be tried. This client tries them, for the first may lead
//! nowhere: the name has an IPv6 address, and the server knows IPv4 only.
//!
//! Which files and which name server are asked is the machine's business. In
//! the lab it is the lesson's: lesson.toml says what every name leads to.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7015);

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;

    let (conn, _) = accept(&listener)?;
    send(&conn, "it is noon".as_bytes())?;
    close(conn)?;
    close(listener)
}

fn client() -> Result<()> {
    // Two questions in one: where is the host, and which port is the service?
    let candidates = getaddrinfo("lab.test", "lab-clock", SOCK_STREAM)?;
    for addr in &candidates {
        println!("candidate {addr}");
    }

    let sock = first_that_answers(&candidates)?;
    let mut buf = [0; 1024];
    let n = recv(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    close(sock)
}

/// The first candidate that answers, connected; if none does, the last error.
fn first_that_answers(candidates: &[SocketAddr]) -> Result<OwnedFd> {
    let mut failed = None;
    for addr in candidates {
        // Each has a family of its own, and a socket is of one family.
        let family = if addr.is_ipv4() { AF_INET } else { AF_INET6 };
        let sock = socket(family, SOCK_STREAM)?;
        match connect(&sock, *addr) {
            Ok(()) => {
                println!("connected to {addr}");
                return Ok(sock);
            }
            Err(error) => failed = Some(error),
        }
        // A socket that could not connect is good for nothing, and open.
        close(sock)?;
    }
    // Where there is no candidate, getaddrinfo has failed.
    Err(failed.expect("a candidate"))
}
