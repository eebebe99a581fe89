//! Each connection has a thread that reads the keyboard: whichever is first takes the line.

use std::io::stdout;
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
    shutdown(conn, SHUT_WR)
}

fn link_recv(conn: &OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    loop {
        let n = again(|| recv(conn, &mut buf))?;
        if n == 0 {
            return Ok(());
        }
        let mut shown = 0;
        while shown < n {
            shown += again(|| write(stdout(), &buf[shown..n]))?;
        }
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
