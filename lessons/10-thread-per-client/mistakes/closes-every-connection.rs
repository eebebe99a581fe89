//! The connection is a bare number that nobody owns: a thread that ends before its last line leaves it open.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::thread;

use kit::py_addr;
use nix::errno::Errno;
use nix::sys::socket::*;
use nix::unistd::close;

fn main() -> nix::Result<()> {
    let listener = socket(AddressFamily::Inet, SockType::Stream, SockFlag::empty(), None)?;
    bind(listener.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 9999))?;
    listen(&listener, Backlog::new(5)?)?;
    println!("等待连接...");

    loop {
        match again(|| accept(listener.as_raw_fd())) {
            Ok(conn) => drop(thread::spawn(move || {
                if let Err(errno) = link(conn) {
                    eprintln!("{errno}");
                }
            })),
            Err(errno) => eprintln!("{errno}"),
        }
    }
}

fn link(conn: RawFd) -> nix::Result<()> {
    let peer: SockaddrIn = getpeername(conn)?;
    let peer = SocketAddr::from((peer.ip(), peer.port()));
    let thread = thread::current().id();
    println!("连接服务器: 地址 {} 所在线程 {thread:?}", py_addr(peer));

    let mut buf = [0; 1024];
    let n = again(|| recv(conn, &mut buf, MsgFlags::empty()))?;
    println!("{}", std::str::from_utf8(&buf[..n]).unwrap());
    again(|| send(conn, "欢迎".as_bytes(), MsgFlags::empty()))?;
    close(conn)
}

fn again<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            done => return done,
        }
    }
}
