//! Lesson 7 - one shot over UDP
//!
//! The conversation of lesson 1 without a connection: 你好 (hello) goes out
//! in one datagram, 欢迎 (welcome) comes back in another, and that is all that
//! crosses the wire. The server has one socket for everybody, so each
//! datagram brings its sender's address along, and the answer names it.
//!
//! Run `server` in one shell and `client` in another, or let the lab play
//! both.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    // Its address is all that it takes to be reached: there is nothing to
    // listen for and nobody to accept.
    bind(&sock, ADDRESS)?;

    // One call takes one datagram, whole. What does not fit into `buf` is
    // thrown away, not kept for the next call.
    let mut buf = [0; 1024];
    let (n, from) = recvfrom(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);

    // The socket remembers nobody. Without `from` we could not answer.
    sendto(&sock, "欢迎".as_bytes(), from)?;

    // No packet tells the client that we leave.
    close(sock)
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    // The socket has no address yet; the kernel picks its port now. That this
    // succeeds says only that the datagram has left, not that anybody is there.
    sendto(&sock, "你好".as_bytes(), ADDRESS)?;

    // recv is recvfrom for those who do not ask who it was.
    let mut buf = [0; 1024];
    let n = recv(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);

    close(sock)
}
