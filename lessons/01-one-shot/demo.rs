//! Lesson 1 - one shot
//!
//! The smallest conversation over TCP. The client says 你好 (hello), the
//! server answers 欢迎 (welcome), and both leave. It takes seven different
//! calls on the server's side and five on the client's. Each is a line here,
//! and each can fail: `?` ends the program with the call's name and error.
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
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    // From here on the kernel shakes hands with clients by itself. 5 is how
    // many finished connections may wait for us, not how many there can be.
    listen(&listener, 5)?;
    println!("等待连接...");

    // A second socket. The listener only ever hands out connections; bytes
    // travel on `conn`, which keeps the server's port and adds the client's.
    let (conn, peer) = accept(&listener)?;
    println!("连接服务器: 地址 {} ", py_addr(peer));

    // 1024 is the room we offer, not the amount we wait for: recv returns as
    // soon as anything has arrived. These two characters are six bytes.
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    println!("{}", text(&buf[..n])?);

    send(&conn, "欢迎".as_bytes())?;

    // Whoever closes first keeps the connection's pair of addresses for a
    // minute (TIME-WAIT). If that was the server, the next bind within the
    // minute says EADDRINUSE.
    close(conn)?;
    close(listener)
}

fn client() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    // No bind: the kernel picks a free port. And no waiting for accept: this
    // returns once the server's kernel has answered, whatever its program is
    // doing.
    connect(&conn, ADDRESS)?;

    // The kernel took six bytes. Whether anybody reads them is another matter.
    send(&conn, "你好".as_bytes())?;

    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    println!("{}", text(&buf[..n])?);

    close(conn)
}
