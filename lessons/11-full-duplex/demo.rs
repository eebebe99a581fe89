//! Lesson 11 - full duplex
//!
//! A connection has two directions, and neither waits for the other. So each
//! side has two threads: one sends what is typed, one shows what comes. Who
//! speaks when is nobody's business but the speaker's.
//!
//! Both threads run the same loop: read until zero, hand on what was read,
//! the line without its end, for so the original's lines cross the wire.
//! Zero from recv is the end of what comes and of nothing else; the end of
//! what is typed (Ctrl-D) becomes the end of our direction.

use std::io::stdin;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

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
        let conn = Arc::new(conn);
        let same = Arc::clone(&conn);
        // Two threads for each client, but only one keyboard for all of them:
        // with a second client the lines go now to the one, now to the other.
        // `lab run 11 --variant stolen` shows it.
        thread::spawn(move || {
            let thread = thread::current().id();
            println!("连接服务器: 地址 {} 所在线程 {thread:?}", py_addr(peer));
            link_send(conn).inspect_err(perror)
        });
        thread::spawn(move || link_recv(same).inspect_err(perror));
    }
}

fn client() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    connect(&conn, ADDRESS)?;

    let conn = Arc::new(conn);
    let same = Arc::clone(&conn);
    let sender = thread::spawn(move || link_send(conn));
    let receiver = thread::spawn(move || link_recv(same));
    // Either may be the first to end; the program ends when both have.
    sender.join().expect("no panic")?;
    receiver.join().expect("no panic")
}

fn link_send(conn: Arc<OwnedFd>) -> Result<()> {
    let mut buf = [0; 1024];
    loop {
        let n = read(stdin(), &mut buf)?;
        if n == 0 {
            break;
        }
        let line = buf[..n].strip_suffix(b"\n").unwrap_or(&buf[..n]);
        let mut sent = 0;
        while sent < line.len() {
            sent += send(&conn, &line[sent..])?;
        }
    }
    // Not close: that would end the other direction as well, and the thread
    // that waits there would not even be woken by it.
    shutdown(&conn, SHUT_WR)?;
    Arc::into_inner(conn).map_or(Ok(()), close)
}

fn link_recv(conn: Arc<OwnedFd>) -> Result<()> {
    let mut buf = [0; 1024];
    loop {
        let n = recv(&conn, &mut buf)?;
        // The end stays the end: whoever asks again gets zero again, at once
        // and for ever.
        if n == 0 {
            break;
        }
        // As in the original, half a character is no text and ends this
        // thread: `--variant split`. The exercise knows better.
        println!("{}", text(&buf[..n])?);
    }
    // Whoever of the two threads is the last to let go closes.
    Arc::into_inner(conn).map_or(Ok(()), close)
}
