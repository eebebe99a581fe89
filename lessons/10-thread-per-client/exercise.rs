//! Exercise 10 - a thread per client
//!
//! This server makes a thread for every client, and still its clients wait
//! for each other; and when something goes wrong with one of them, all are
//! sent home. The threads are there. What is done with them is not right yet.
//!
//! `lab check 10` runs it and plays the clients. To do that yourself, run
//! this with `server` in one shell and the lesson's demo with `shy` and with
//! `client` in two others.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::thread;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    println!("等待连接...");

    // TODO: A client that says nothing yet keeps nobody else waiting, and
    // what goes wrong with one client ends nothing but its own connection: a
    // reset, bytes that are no text, one that had left before it was accepted
    // (ECONNABORTED).
    loop {
        let (conn, peer) = again(|| accept(&listener))?;
        let served = thread::spawn(move || link(conn, peer));
        served.join().unwrap()?;
    }
}

/// The conversation with one client; `conn` is closed on every way out.
fn link(conn: OwnedFd, peer: SocketAddr) -> Result<()> {
    let thread = thread::current().id();
    println!("连接服务器: 地址 {} 所在线程 {thread:?}", py_addr(peer));

    let mut buf = [0; 1024];
    let n = again(|| recv(&conn, &mut buf))?;
    println!("{}", std::str::from_utf8(&buf[..n]).unwrap());
    again(|| send(&conn, "欢迎".as_bytes()))?;
    close(conn)
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
