//! Exercise 17 - options and the sixty-second curse
//!
//! Lesson 2's server at port 7017. It closes each connection first: the port is
//! not free when it has ended: who starts it again within a minute is told
//! that the address is in use.
//!
//! `lab check 17` runs it, ends it, and starts it again. To do that yourself,
//! run it with `server` in one shell and the lesson's demo with `client` in
//! another, end it with Ctrl-C, and run it again.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7017);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    // TODO: It can be started again at once. While it runs, a second one must
    // still say that the address is in use, and end with a status other than 0.
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 1)?;

    loop {
        let (conn, peer) = accept(&listener)?;
        println!("连接客户端地址: {}", py_addr(peer));
        if let Err(error) = answer(&conn) {
            perror(&error);
        }
        close(conn)?;
    }
}

fn answer(conn: &OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    let n = recv(conn, &mut buf)?;
    println!("{}", py_repr(&buf[..n]));
    if n > 0 {
        send(conn, "已接受到数据".as_bytes())?;
    }
    Ok(())
}
