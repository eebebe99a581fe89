//! Lesson 12 - half-close
//!
//! On both sides one thread sends what is typed, another prints what comes.
//! Such a conversation has two ends. After `exit` the client ends its own
//! direction, and no more, with shutdown(2). The server may go on talking;
//! only when it closes, too, is it all over.
//! The server finds `exit` only where recv gives it alone, and knows no other
//! end; its writer learns of it with the next line. See this demo's variants.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

/// A connection. Its two threads own it together, and the last one closes it.
struct Link {
    conn: OwnedFd,
    open: AtomicBool,
}

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
        let link = Arc::new(Link { conn, open: AtomicBool::new(true) });
        let same = Arc::clone(&link);
        thread::spawn(move || finish(server_sends(link, peer)));
        thread::spawn(move || finish(server_receives(same)));
    }
}

fn server_sends(link: Arc<Link>, peer: SocketAddr) -> Result<()> {
    let (addr, thread) = (py_addr(peer), thread::current().id());
    println!("连接服务器: 地址 {addr} 所在线程 {thread:?}");
    while link.open.load(Relaxed) {
        let Some(line) = input("")? else { break };
        // The other thread may have read `exit` while this one slept in
        // `input`. Then the line has woken it, and that was all.
        if link.open.load(Relaxed) {
            send(&link.conn, line.as_bytes())?;
        }
    }
    Ok(())
}

fn server_receives(link: Arc<Link>) -> Result<()> {
    let mut buf = [0; 1024];
    while link.open.load(Relaxed) {
        let n = recv(&link.conn, &mut buf)?;
        let message = text(&buf[..n])?;
        println!("{message}");
        link.open.store(message != "exit", Relaxed);
    }
    // Nothing is sent: the client cannot know that nobody reads any more.
    shutdown(&link.conn, SHUT_RD)
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
    // After close nobody could read what the server still has to say.
    shutdown(sock, SHUT_WR)
}

fn client_receives(sock: &OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    while let n @ 1.. = recv(sock, &mut buf)? {
        println!("{}", text(&buf[..n])?);
    }
    Ok(())
}
