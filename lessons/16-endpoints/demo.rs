//! Lesson 16 - who am I talking to?
//!
//! A server that is reached at every address of its machine, by IPv6 and by
//! IPv4, through one listening socket. It prints for each connection both of
//! its ends. The client connects the way Python's create_connection does: one
//! address after the other, until somebody answers. Then it prints what kind
//! of socket has come of it, and they talk as in lesson 2.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use kit::*;

const PORT: u16 = 10000;

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let listener = socket(AF_INET6, SOCK_STREAM)?;
    // `::` is then every address of both families. Without this line the
    // machine's settings decide whether IPv4 is among them.
    set_v6only(&listener, false)?;
    set_reuse_address(&listener, true)?;
    bind(&listener, (Ipv6Addr::UNSPECIFIED, PORT))?;
    listen(&listener, 1)?;

    loop {
        let (conn, peer) = accept(&listener)?;
        println!("连接客户端地址: {}", py_addr(peer));
        // The listener's own name is `[::]:10000`, whoever comes. That of a
        // connection is the address which its client has dialled.
        println!("本机地址: {}", py_addr(getsockname(&conn)?));

        let n = recv(&conn, &mut [0; 1024])?;
        if n > 0 {
            send(&conn, "已接受到数据".as_bytes())?;
        }
        close(conn)?;
    }
}

fn client() -> Result<()> {
    let sock = create_connection(&[(Ipv4Addr::LOCALHOST, PORT).into()])?;
    let protocol = match get_protocol(&sock)? {
        IPPROTO_TCP => "IPPROTO_TCP",
        _ => "another protocol",
    };
    let family = match get_domain(&sock)? {
        AF_INET => "AF_INET",
        AF_INET6 => "AF_INET6",
        _ => "another family",
    };
    let type_ = match get_type(&sock)? {
        SOCK_STREAM => "SOCK_STREAM",
        _ => "another type",
    };
    println!("{protocol}\n{family}\n{type_}");

    send(&sock, b"Are you there?")?;
    let mut buf = [0; 1024];
    let n = recv(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    close(sock)
}

/// The first of these addresses that answers; if none does, the last error.
fn create_connection(candidates: &[SocketAddr]) -> Result<OwnedFd> {
    let mut failed = Error::Call { name: "connect", errno: Errno::EINVAL };
    for addr in candidates {
        let family = if addr.is_ipv4() { AF_INET } else { AF_INET6 };
        let sock = socket_of(family, SOCK_STREAM, IPPROTO_TCP)?;
        match connect(&sock, *addr) {
            Ok(()) => return Ok(sock),
            Err(error) => failed = error,
        }
        // A socket that failed to connect is of no more use.
        close(sock)?;
    }
    Err(failed)
}
