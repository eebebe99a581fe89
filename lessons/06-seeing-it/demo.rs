//! Lesson 6 - seeing it
//!
//! What is a socket, seen from outside? To its program a number, the next
//! free one after 0, 1 and 2, which are stdin, stdout and stderr. To the
//! network a pair of addresses. This client and this server say one line to
//! each other, and tell which numbers and which addresses they have meanwhile.
//! Neither getsockname(2) nor getpeername(2) sends anything: they only look.
//!
//! `lab run 6 --sockets` lists the same sockets as ss(8) would,
//! `lab run 6 --sockets=netstat` as netstat(8), `--as strace` as strace(1).

use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7006);

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 10)?;
    let here = py_addr(getsockname(&listener)?);
    println!("descriptor {} listens at {here}", listener.as_raw_fd());

    // accept gives a number of its own: the listener keeps the old one. The
    // address that comes with it is the client's, so no getpeername is needed.
    let (conn, peer) = accept(&listener)?;
    let here = py_addr(getsockname(&conn)?);
    let there = py_addr(peer);
    println!("descriptor {} talks from {here} to {there}", conn.as_raw_fd());

    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    send(&conn, &buf[..n])?;

    // The client has to leave first: while we wait for its end, everybody
    // waits, and the table of sockets shows the connection whole.
    recv(&conn, &mut buf)?;
    close(conn)?;
    close(listener)
}

fn client() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    connect(&conn, ADDRESS)?;
    // Nobody has called bind here: connect chose our address and a free port.
    let here = py_addr(getsockname(&conn)?);
    let there = py_addr(getpeername(&conn)?);
    println!("descriptor {} talks from {here} to {there}", conn.as_raw_fd());

    send(&conn, "你好".as_bytes())?;
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    println!("{}", text(&buf[..n])?);

    // Look at the sockets now; a line on stdin ends it.
    input("look, then press enter: ")?;
    close(conn)
}
