//! Exercise 1 - one shot
//!
//! These are the lines of a server that greets one client. All of them are
//! here, but out of order, and two lines do not belong in a server at all. It
//! compiles: no type knows the order in which the kernel wants its calls.
//!
//! `lab check 1` runs it and plays the client. To do that yourself, run this
//! with `server` in one shell and the lesson's demo with `client` in another.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    // TODO: The server has the address that clients know before it takes any
    // of them. It answers after it has read the request, and on the socket on
    // which the request came. Both of its sockets are closed at the end.
    let listener = socket(AF_INET, SOCK_STREAM)?;
    listen(&listener, 5)?;
    bind(&listener, ADDRESS)?;
    connect(&listener, ADDRESS)?;
    println!("等待连接...");
    let (conn, peer) = accept(&listener)?;
    send(&listener, "欢迎".as_bytes())?;
    send(&conn, "欢迎".as_bytes())?;
    println!("连接服务器: 地址 {} ", py_addr(peer));
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    close(listener)?;
    close(conn)
}
