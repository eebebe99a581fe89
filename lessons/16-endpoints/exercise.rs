//! Exercise 16 - who am I talking to?
//!
//! A server that any address of its machine reaches, by IPv6 and by IPv4. It
//! takes whichever port the kernel gives it and says which: `port 41000`. For
//! each client it prints both ends of the connection, its own first, and hangs
//! up: `127.0.0.2:41000 <- 127.0.0.1:41001`, `[::1]:41000 <- [::1]:41002`.
//!
//! And a client whose server may be at ::1 or at 127.0.0.1, port 10000. It
//! prints protocol, family and type of the socket that it got, as the kernel
//! names them, each on a line, asks `Are you there?` and prints the answer.
//!
//! `lab check 16` plays the other end of each. To do that yourself, run this
//! with `client` in one shell and the lesson's demo with `server` in another.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 10000);

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    // TODO: Whoever dials ::1, 127.0.0.1 or 127.0.0.2 reaches this server, and
    // nobody has chosen its port. Each line names the ends of its connection,
    // and IPv4 addresses as what they are.
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    println!("port {}", ADDRESS.1);
    loop {
        let (conn, peer) = accept(&listener)?;
        println!("{} <- {peer}", getsockname(&listener)?);
        close(conn)?;
    }
}

fn client() -> Result<()> {
    // TODO: It finds the server at either address, and prints what it has got,
    // not what it had in mind.
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    println!("IPPROTO_IP\nAF_INET\nSOCK_STREAM");

    send(&sock, b"Are you there?")?;
    let mut buf = [0; 1024];
    let n = recv(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    close(sock)
}
