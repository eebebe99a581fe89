//! Exercise 7 - one shot over UDP
//!
//! Somebody took a server for TCP, wrote SOCK_DGRAM where SOCK_STREAM stood,
//! and hoped. It is to answer every datagram with 欢迎, whoever sent it, and
//! to go on doing so: several clients ask, in any order, each from a port of
//! its own. It prints the text of each datagram first.
//!
//! `lab check 7` runs it and plays the clients. To do that yourself, run this
//! with `server` in one shell and the lesson's demo with `client` in another.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);
const CLIENT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9998);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    bind(&sock, ADDRESS)?;

    // TODO: Each datagram, also an empty one, is printed and answered, and the
    // answer goes to the one who sent it. The server never ends.
    listen(&sock, 5)?;
    let (conn, _) = accept(&sock)?;
    let mut buf = [0; 1024];
    loop {
        let n = recv(&conn, &mut buf)?;
        if n == 0 {
            break;
        }
        println!("{}", text(&buf[..n])?);
        sendto(&conn, "欢迎".as_bytes(), CLIENT)?;
    }

    close(conn)?;
    close(sock)
}
