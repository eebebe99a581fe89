//! Lesson 10, a quirk - Ctrl-C ends the loop and not the program
//!
//! Python turns SIGINT into an exception in its main thread, and lets no
//! program end before its threads have. So Ctrl-C takes the loop out of
//! accept, and then the program waits for its most silent client. It looks as
//! if it still served, and whoever connects now waits for nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::thread;

use kit::*;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

extern "C" fn nothing(_: i32) {}

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    // A handler, even one that does nothing, and no SA_RESTART: the call that
    // it interrupts fails with EINTR. Without it SIGINT would end the process.
    let handler = SigHandler::Handler(nothing);
    let action = SigAction::new(handler, SaFlags::empty(), SigSet::empty());
    // SAFETY: what does nothing may be done at any moment.
    let before = unsafe { sigaction(Signal::SIGINT, &action) };
    before.map_err(|errno| Error::Call { name: "sigaction", errno })?;

    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    println!("等待连接...");

    // The end of the scope waits for all threads, as Python's end does.
    thread::scope(|threads| {
        loop {
            let (conn, peer) = accept(&listener)?;
            threads.spawn(move || link(conn, peer));
        }
    })
}

fn link(conn: OwnedFd, peer: SocketAddr) -> Result<()> {
    let thread = thread::current().id();
    println!("连接服务器: 地址 {} 所在线程 {thread:?}", py_addr(peer));

    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    send(&conn, "欢迎".as_bytes())?;
    close(conn)
}
