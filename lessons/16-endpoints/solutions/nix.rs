//! Exercise 16, solved: one socket for all addresses, and each connection asked for its own.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use kit::*;

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let listener = socket(AF_INET6, SOCK_STREAM)?;
    set_v6only(&listener, false)?;
    bind(&listener, (Ipv6Addr::UNSPECIFIED, 0))?;
    listen(&listener, 5)?;
    println!("port {}", getsockname(&listener)?.port());
    loop {
        let (conn, peer) = accept(&listener)?;
        println!("{} <- {}", plain(getsockname(&conn)?), plain(peer));
        close(conn)?;
    }
}

/// `127.0.0.1` for what an IPv6 socket calls `::ffff:127.0.0.1`.
fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

fn client() -> Result<()> {
    let sock = create_connection(&[
        (Ipv6Addr::LOCALHOST, 10000).into(),
        (Ipv4Addr::LOCALHOST, 10000).into(),
    ])?;
    let protocol = if get_protocol(&sock)? == IPPROTO_TCP { "IPPROTO_TCP" } else { "?" };
    let family = if get_domain(&sock)? == AF_INET6 { "AF_INET6" } else { "AF_INET" };
    let type_ = if get_type(&sock)? == SOCK_STREAM { "SOCK_STREAM" } else { "?" };
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
        close(sock)?;
    }
    Err(failed)
}
