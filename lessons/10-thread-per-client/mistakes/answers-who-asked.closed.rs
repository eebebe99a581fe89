//! After fork(2) the parent closes its copy of the connection. Threads have no copies: this closes the only one.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};
use std::process::ExitCode;
use std::thread;

use kit::*;
use nix::sys::socket::{self, MsgFlags};

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    println!("等待连接...");

    loop {
        match again(|| accept(&listener)) {
            Ok((conn, peer)) => {
                let number = conn.as_raw_fd();
                thread::spawn(move || {
                    if let Err(errno) = link(number, peer) {
                        eprintln!("{errno}");
                    }
                });
                close(conn)?;
            }
            Err(error) => perror(&error),
        }
    }
}

fn link(conn: RawFd, peer: SocketAddr) -> nix::Result<()> {
    let thread = thread::current().id();
    println!("连接服务器: 地址 {} 所在线程 {thread:?}", py_addr(peer));

    let mut buf = [0; 1024];
    let n = socket::recv(conn, &mut buf, MsgFlags::empty())?;
    println!("{}", std::str::from_utf8(&buf[..n]).unwrap());
    socket::send(conn, "欢迎".as_bytes(), MsgFlags::empty())?;
    nix::unistd::close(conn)
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
