//! Exercise 11 - full duplex
//!
//! Two programs that talk to each other: each sends, line by line, what is
//! typed, and shows what comes. They work as long as both stay, nobody sends
//! anything but ASCII, and there is one client. This is what they should do:
//!
//! - What comes is shown as it comes, byte for byte, until the other side has
//!   ended its direction; the other direction goes on.
//! - When no more is typed (Ctrl-D), that ends one's own direction; what the
//!   other side still says is shown all the same.
//! - The client ends when both directions have. The server goes on serving.
//! - The server has one keyboard for all its clients: `@2 hi` sends the line
//!   `hi` to the second client that came, and a line without a number goes to
//!   all of them.
//!
//! `lab check 11` runs both, one at a time, and plays the other side.

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

    // TODO: Each line that is typed goes to the client that it is for.
    loop {
        let (conn, peer) = again(|| accept(&listener))?;
        println!("连接服务器: 地址 {}", py_addr(peer));
        let conn = Arc::new(conn);
        let same = Arc::clone(&conn);
        thread::spawn(move || link_send(&conn).inspect_err(perror));
        thread::spawn(move || link_recv(&same).inspect_err(perror));
    }
}

fn client() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    connect(&conn, ADDRESS)?;
    thread::scope(|threads| {
        let sender = threads.spawn(|| link_send(&conn));
        let receiver = threads.spawn(|| link_recv(&conn));
        sender.join().unwrap().and(receiver.join().unwrap())
    })?;
    close(conn)
}

fn link_send(conn: &OwnedFd) -> Result<()> {
    while let Some(line) = input("")? {
        send_all(conn, format!("{line}\n").as_bytes())?;
    }
    // TODO: The other side learns that no more will be typed.
    Ok(())
}

fn link_recv(conn: &OwnedFd) -> Result<()> {
    // TODO: Every byte that comes is shown, in whatever pieces they come, and
    // after the last one nobody asks for more.
    let mut buf = [0; 1024];
    loop {
        let n = again(|| recv(conn, &mut buf))?;
        print!("{}", std::str::from_utf8(&buf[..n]).unwrap());
    }
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
