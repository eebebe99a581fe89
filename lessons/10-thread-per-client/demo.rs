//! Lesson 10 - a thread per client
//!
//! Lesson 1's server served one client; this one serves each in a thread of
//! its own, and the clients notice nothing. `shy` connects first and says
//! nothing until a line is typed. `client` and `second` come after it and are
//! served before it: whoever is silent keeps only its own thread waiting.
//!
//! The server never ends: stop it with Ctrl-C where the lab does not.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::thread;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

fn main() -> ExitCode {
    let role = role_of(["server", "shy", "client", "second"]);
    finish(role.and_then(|role| match role {
        "server" => server(),
        "shy" => shy(),
        _ => client(),
    }))
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    println!("等待连接...");

    loop {
        let (conn, peer) = accept(&listener)?;
        // `move`: from here on the connection is the thread's alone, and
        // closing it is too. Nobody joins the thread: that would be to wait
        // for the client. This loop is in accept again before the thread has
        // made its first call.
        thread::spawn(move || {
            // What goes wrong with one client ends its thread, nothing else.
            if let Err(error) = link(conn, peer) {
                perror(&error);
            }
        });
    }
}

fn link(conn: OwnedFd, peer: SocketAddr) -> Result<()> {
    let thread = thread::current().id();
    println!("连接服务器: 地址 {} 所在线程 {thread:?}", py_addr(peer));

    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    send(&conn, "欢迎".as_bytes())?;

    // Its number is free again, but not for the accept that waits: Linux
    // reserved another for that one before it went to sleep.
    close(conn)
}

/// Lesson 1's client, as it was.
fn client() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    connect(&conn, ADDRESS)?;
    send(&conn, "你好".as_bytes())?;

    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    println!("{}", text(&buf[..n])?);

    close(conn)
}

/// The same client, but what it says is typed, and until then it is silent.
fn shy() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    connect(&conn, ADDRESS)?;
    if let Some(line) = input("> ")? {
        send(&conn, line.as_bytes())?;
    }

    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    println!("{}", text(&buf[..n])?);

    close(conn)
}
