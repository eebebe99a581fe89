//! Lesson 17's other options: who has set SO_REUSEADDR and who has not, and what else a socket may be asked.
//!
//! `lab run 17 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7017);

fn main() -> ExitCode {
    let roles = [
        "old",
        "old-reuse",
        "new",
        "new-reuse",
        "client",
        "first",
        "second",
        "late",
        "options",
        "heir",
    ];
    finish(role_of(roles).and_then(|role| match role {
        "client" => client(),
        "first" | "second" => shares(),
        "late" => late(),
        "options" => options(),
        "heir" => heir(),
        old_or_new => server(old_or_new.ends_with("reuse")),
    }))
}

/// The demo's server, with the option or without it.
fn server(reuse: bool) -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    if reuse {
        setsockopt(&listener, sockopt::ReuseAddr, &true)?;
    }
    serve(listener)
}

fn serve(listener: OwnedFd) -> Result<()> {
    bind(&listener, ADDRESS)?;
    listen(&listener, 1)?;
    let (conn, _) = accept(&listener)?;
    recv(&conn, &mut [0; 1024])?;
    send(&conn, "已接受到数据".as_bytes())?;
    close(conn)?;
    close(listener)
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    send(&sock, b"Are you there?")?;
    recv(&sock, &mut [0; 1024])?;
    close(sock)
}

/// With SO_REUSEPORT a second server does not learn that there is a first.
fn shares() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    setsockopt(&listener, sockopt::ReusePort, &true)?;
    serve(listener)
}

/// What bind did not see does not count. Only the next bind sees it.
fn late() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    if let Err(error) = bind(&listener, ADDRESS) {
        perror(&error);
    }
    setsockopt(&listener, sockopt::ReuseAddr, &true)?;
    serve(listener)
}

/// Options of three levels, on a fresh socket. Some are what was set, and some are what the kernel made of it.
fn options() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    println!("SO_TYPE {:?}", getsockopt(&sock, sockopt::SockType)?);
    println!("SO_ERROR {}", getsockopt(&sock, sockopt::SocketError)?);
    println!("SO_REUSEADDR {}", getsockopt(&sock, sockopt::ReuseAddr)?);
    println!("SO_LINGER {}", getsockopt(&sock, sockopt::Linger)?.l_onoff);

    setsockopt(&sock, sockopt::KeepAlive, &true)?;
    println!("SO_KEEPALIVE {}", getsockopt(&sock, sockopt::KeepAlive)?);
    // Half of what it says is for the kernel's own records. socket(7)
    setsockopt(&sock, sockopt::RcvBuf, &4096)?;
    println!("SO_RCVBUF {}", getsockopt(&sock, sockopt::RcvBuf)?);
    setsockopt(&sock, sockopt::SndBuf, &4096)?;
    println!("SO_SNDBUF {}", getsockopt(&sock, sockopt::SndBuf)?);

    setsockopt(&sock, sockopt::TcpNoDelay, &true)?;
    println!("TCP_NODELAY {}", getsockopt(&sock, sockopt::TcpNoDelay)?);
    println!("TCP_MAXSEG {}", getsockopt(&sock, sockopt::TcpMaxSeg)?);
    // A name, not a number. What a socket begins with is the machine's choice.
    setsockopt(&sock, sockopt::TcpCongestion, &OsString::from("reno"))?;
    println!("TCP_CONGESTION {}", getsockopt(&sock, sockopt::TcpCongestion)?.to_string_lossy());

    println!("SO_ACCEPTCONN {}", getsockopt(&sock, sockopt::AcceptConn)?);
    listen(&sock, 1)?;
    println!("SO_ACCEPTCONN {}", getsockopt(&sock, sockopt::AcceptConn)?);
    close(sock)
}

/// A listener that never waits and never delays: which of the two has the connection from it?
fn heir() -> Result<()> {
    use nix::sys::socket as sys;
    let listener = sys::socket(AF_INET, SOCK_STREAM, sys::SockFlag::SOCK_NONBLOCK, None)
        .map_err(|errno| Error::Call { name: "socket", errno })?;
    setsockopt(&listener, sockopt::TcpNoDelay, &true)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 1)?;

    if let Err(error) = accept(&listener) {
        perror(&error);
    }
    poll(&mut [PollFd::new(listener.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
    let (conn, _) = accept(&listener)?;
    println!("TCP_NODELAY {}", getsockopt(&conn, sockopt::TcpNoDelay)?);
    // It waits. O_NONBLOCK is no option of the socket but a flag of open(2).
    recv(&conn, &mut [0; 1024])?;
    close(conn)?;
    close(listener)
}
