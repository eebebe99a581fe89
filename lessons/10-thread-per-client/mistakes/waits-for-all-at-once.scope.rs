//! It joins no thread itself; the end of the scope does, and the scope ends in every round.

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

    loop {
        match again(|| accept(&listener)) {
            Ok((conn, peer)) => thread::scope(|scope| {
                scope.spawn(|| {
                    if let Err(error) = link(conn, peer) {
                        perror(&error);
                    }
                });
            }),
            Err(error) => perror(&error),
        }
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
