//! Lesson 17 - options and the sixty-second curse
//!
//! Lesson 2's server. It closes first, so its end of each connection stays in
//! TIME-WAIT for a minute, also when the server itself has been ended, and the
//! port is still in use by then. Yet it is started again at once: `again` is
//! the same program, and both of them have set SO_REUSEADDR.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7017);

fn main() -> ExitCode {
    let role = role_of(["server", "client", "again"]);
    finish(role.and_then(|role| match role {
        "client" => client(),
        _ => server(),
    }))
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    // Before bind, for it is bind that looks at it. What accept gives later
    // has the option from its listener, and so has what TIME-WAIT leaves of it.
    setsockopt(&listener, sockopt::ReuseAddr, &true)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 1)?;

    loop {
        let (conn, peer) = accept(&listener)?;
        println!("连接客户端地址: {}", py_addr(peer));
        // Nobody has set it on this socket.
        let reuse = getsockopt(&conn, sockopt::ReuseAddr)?;
        println!("SO_REUSEADDR {}", i32::from(reuse));

        if recv(&conn, &mut [0; 1024])? > 0 {
            send(&conn, "已接受到数据".as_bytes())?;
        }
        close(conn)?;
    }
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    send(&sock, b"Are you there?")?;

    let mut buf = [0; 1024];
    let n = recv(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);

    // The server has closed already: its end is the one that has to wait.
    close(sock)
}
