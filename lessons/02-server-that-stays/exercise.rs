//! Exercise 2 - the server that stays
//!
//! This server takes one client after another, and all goes well as long as
//! every client asks, waits for the answer and leaves. Not every client does:
//! one says nothing, one breaks off, and the next one still wants its answer.
//!
//! It is written with nix alone, whose accept gives the bare number of a
//! descriptor: nobody closes it for you.
//!
//! `lab check 2` runs it and plays the clients. To do that yourself, run this
//! in one shell and the lesson's demo with `client` or `silent` in another.

use std::os::fd::{AsRawFd, RawFd};

use kit::py_repr;
use nix::sys::socket::*;
use nix::unistd::close;

fn main() -> nix::Result<()> {
    let listener = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None)?;
    bind(listener.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 10000))?;
    listen(&listener, Backlog::new(1)?)?;

    // TODO: However a client ends, its connection is closed before the next
    // client is served, and there is a next client: neither one that breaks
    // off nor a signal that interrupts a call (EINTR) ends the server.
    loop {
        let conn: RawFd = accept(listener.as_raw_fd())?;
        let peer: SockaddrIn = getpeername(conn)?;
        println!("连接客户端地址: ('{}', {})", peer.ip(), peer.port());

        let mut buf = [0; 1024];
        let n = recv(conn, &mut buf, MsgFlags::empty())?;
        println!("{}", py_repr(&buf[..n]));
        if n == 0 {
            println!("客户端没有发送数据,不需要传送数据");
            continue;
        }
        send(conn, "已接受到数据".as_bytes(), MsgFlags::empty())?;
        close(conn)?;
    }
}
