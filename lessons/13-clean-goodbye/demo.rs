//! Lesson 13 - a clean goodbye
//!
//! Lesson 12's writer slept in read until somebody typed a line. This thread
//! waits in poll(2) for both, the user and the client. So it can end with the
//! client, and in good order: it ends its own direction, reads what is still
//! on its way, and only then closes. `variants.rs` has other goodbyes.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

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
    listen(&listener, 5)?;
    println!("等待连接...");
    loop {
        let (conn, peer) = accept(&listener)?;
        thread::spawn(move || finish(converse(conn, peer)));
    }
}

fn converse(conn: OwnedFd, peer: SocketAddr) -> Result<()> {
    let (addr, thread) = (py_addr(peer), thread::current().id());
    println!("连接服务器: 地址 {addr} 所在线程 {thread:?}");

    let (stdin, mut typing, mut buf) = (std::io::stdin(), true, [0; 1024]);
    loop {
        let wait = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut both = [wait(conn.as_fd()), wait(stdin.as_fd())];
        // The end of the input is ready for ever: it must not be asked for.
        poll(&mut both[..1 + usize::from(typing)], PollTimeout::NONE)?;
        let [came, typed] = both.map(|fd| fd.any() == Some(true));
        if came {
            let n = recv(&conn, &mut buf)?;
            println!("{}", text(&buf[..n])?);
            if n == 0 || &buf[..n] == b"exit" {
                break;
            }
        }
        if typed {
            // If another client's thread takes the line, this one waits here.
            match input("")? {
                Some(line) => drop(send(&conn, line.as_bytes())?),
                None => typing = false,
            }
        }
    }

    shutdown(&conn, SHUT_WR)?;
    // A close with bytes unread, or before the last of them has come, would
    // be a reset. Who does not end within a second is not waited for.
    set_recv_timeout(&conn, Duration::from_secs(1))?;
    while recv(&conn, &mut buf)? > 0 {}
    close(conn)
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    thread::scope(|both| {
        both.spawn(|| finish(client_sends(&sock)));
        both.spawn(|| finish(client_receives(&sock)));
    });
    close(sock)
}

fn client_sends(sock: &OwnedFd) -> Result<()> {
    while let Some(line) = input("")? {
        send(sock, line.as_bytes())?;
        if line == "exit" {
            break;
        }
    }
    shutdown(sock, SHUT_WR)
}

fn client_receives(sock: &OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    while let n @ 1.. = recv(sock, &mut buf)? {
        println!("{}", text(&buf[..n])?);
    }
    Ok(())
}
