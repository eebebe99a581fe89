//! Exercise 1 with poll(2): wait first, then make the calls that cannot block any more.
//!
//! Both sockets are in one list. A server of one client does not need it; one of many does.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;

use kit::*;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    println!("等待连接...");
    readable(&listener)?;
    let (conn, peer) = accept(&listener)?;
    println!("连接服务器: 地址 {} ", py_addr(peer));
    readable(&conn)?;
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    send(&conn, "欢迎".as_bytes())?;
    close(conn)?;
    close(listener)
}

/// Returns once a call that takes something from the socket would not wait.
fn readable(socket: &OwnedFd) -> Result<()> {
    let mut one = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    match poll(&mut one, PollTimeout::NONE) {
        Ok(_) => Ok(()),
        Err(errno) => Err(Error::Call { name: "poll", errno }),
    }
}
