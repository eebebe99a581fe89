//! Exercise 2, solved: one function has all the ways out of a conversation, and one line comes after them.

use std::os::fd::{AsRawFd, RawFd};

use kit::py_repr;
use nix::errno::Errno;
use nix::sys::socket::*;
use nix::unistd::close;

fn main() -> nix::Result<()> {
    let listener = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None)?;
    bind(listener.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 10000))?;
    listen(&listener, Backlog::new(1)?)?;

    loop {
        let conn = match accept(listener.as_raw_fd()) {
            // Interrupted, or the client left before it was taken: neither is the listener's fault.
            Err(Errno::EINTR | Errno::ECONNABORTED) => continue,
            conn => conn?,
        };
        if let Err(errno) = answer(conn) {
            eprintln!("{errno}");
        }
        close(conn)?;
    }
}

fn answer(conn: RawFd) -> nix::Result<()> {
    let peer: SockaddrIn = getpeername(conn)?;
    println!("连接客户端地址: ('{}', {})", peer.ip(), peer.port());

    let mut buf = [0; 1024];
    let n = uninterrupted(|| recv(conn, &mut buf, MsgFlags::empty()))?;
    println!("{}", py_repr(&buf[..n]));
    if n == 0 {
        println!("客户端没有发送数据,不需要传送数据");
        return Ok(());
    }
    uninterrupted(|| send(conn, "已接受到数据".as_bytes(), MsgFlags::empty()))?;
    Ok(())
}

/// Makes the call again for as long as signals interrupt it before it has done anything.
fn uninterrupted(mut call: impl FnMut() -> nix::Result<usize>) -> nix::Result<usize> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            done => return done,
        }
    }
}
