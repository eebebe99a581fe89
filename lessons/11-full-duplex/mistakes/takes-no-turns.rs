//! One thread does both, in turn: it speaks when it has been spoken to.

use std::io::stdout;
use std::net::Ipv4Addr;
use std::process::ExitCode;
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
        let (conn, peer) = again(|| accept(&listener))?;
        println!("连接服务器: 地址 {}", py_addr(peer));
        thread::spawn(move || {
            while hear(&conn)? && speak(&conn)? {}
            close(conn)
        });
    }
}

fn client() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    connect(&conn, ADDRESS)?;
    while speak(&conn)? && hear(&conn)? {}
    close(conn)
}

/// Sends one line; false if no more is typed.
fn speak(conn: &OwnedFd) -> Result<bool> {
    match input("")? {
        Some(line) => send_all(conn, format!("{line}\n").as_bytes()).map(|()| true),
        None => shutdown(conn, SHUT_WR).map(|()| false),
    }
}

/// Shows what has come; false if no more will.
fn hear(conn: &OwnedFd) -> Result<bool> {
    let mut buf = [0; 1024];
    let n = again(|| recv(conn, &mut buf))?;
    let mut shown = 0;
    while shown < n {
        shown += again(|| write(stdout(), &buf[shown..n]))?;
    }
    Ok(n > 0)
}

/// Sends all of it, however little one call takes.
fn send_all(conn: &OwnedFd, bytes: &[u8]) -> Result<()> {
    let mut sent = 0;
    while sent < bytes.len() {
        sent += again(|| send(conn, &bytes[sent..]))?;
    }
    Ok(())
}

/// Makes a call until no signal interrupts it.
fn again<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(error) if error.errno() == Some(Errno::EINTR) => {}
            done => return done,
        }
    }
}
