//! Lesson 16's other addresses: programs of a few calls, each about who is meant by one.
//!
//! `lab run 16 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 10000);

fn main() -> ExitCode {
    let roles =
        ["loopback-only", "any-port", "tries-both", "asks", "one-port", "wildcards", "plain"];
    finish(role_of(roles).and_then(|role| match role {
        "loopback-only" => loopback_only(),
        "any-port" => any_port(),
        "tries-both" => tries_both(),
        "asks" => asks(),
        "one-port" => one_port(),
        "wildcards" => wildcards(),
        _ => plain(),
    }))
}

/// Lesson 2's server, as far as its address: who dials another one does not reach it.
fn loopback_only() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 1)?;
    loop {
        let (conn, _) = accept(&listener)?;
        println!("{} <- {}", getsockname(&conn)?, getpeername(&conn)?);
        close(conn)?;
    }
}

/// Port 0 is no port: it asks for one. Whoever is to find the server must be told which.
fn any_port() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, (Ipv4Addr::UNSPECIFIED, 0))?;
    listen(&listener, 1)?;
    println!("port {}", getsockname(&listener)?.port());
    let (conn, _) = accept(&listener)?;
    close(conn)?;
    close(listener)
}

/// `localhost` may stand for two addresses, and the server have only the second.
fn tries_both() -> Result<()> {
    let candidates: [SocketAddr; 2] = [(Ipv6Addr::LOCALHOST, 10000).into(), ADDRESS.into()];
    for addr in candidates {
        let family = if addr.is_ipv4() { AF_INET } else { AF_INET6 };
        let sock = socket_of(family, SOCK_STREAM, IPPROTO_TCP)?;
        let connected = connect(&sock, addr);
        close(sock)?;
        if connected.is_ok() {
            break;
        }
    }
    Ok(())
}

/// Dials an address that no machine has, and asks where it has arrived.
fn asks() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, (Ipv4Addr::UNSPECIFIED, 10000))?;
    println!("{} -> {}", getsockname(&sock)?, getpeername(&sock)?);
    close(sock)
}

/// Two connections from one and the same port. What tells them apart is the other end; a third one has no difference left.
fn one_port() -> Result<()> {
    let from = (Ipv4Addr::LOCALHOST, 7016);
    let first = bound(from)?;
    connect(&first, ADDRESS)?;
    let second = bound(from)?;
    connect(&second, (Ipv4Addr::new(127, 0, 0, 2), 10000))?;
    let third = bound(from)?;
    if let Err(error) = connect(&third, ADDRESS) {
        perror(&error);
    }
    // A number of UDP's is another one than the same number of TCP's.
    let datagrams = socket(AF_INET, SOCK_DGRAM)?;
    bind(&datagrams, from)?;
    for sock in [first, second, third, datagrams] {
        close(sock)?;
    }
    Ok(())
}

fn bound(from: (Ipv4Addr, u16)) -> Result<OwnedFd> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    set_reuse_address(&sock, true)?;
    bind(&sock, from)?;
    Ok(sock)
}

/// `::` without IPV6_V6ONLY takes IPv4's port as well; with it, each family has its own.
fn wildcards() -> Result<()> {
    for v6only in [false, true] {
        let both = socket(AF_INET6, SOCK_STREAM)?;
        set_v6only(&both, v6only)?;
        bind(&both, (Ipv6Addr::UNSPECIFIED, 10000))?;
        let ipv4 = socket(AF_INET, SOCK_STREAM)?;
        if let Err(error) = bind(&ipv4, (Ipv4Addr::UNSPECIFIED, 10000)) {
            perror(&error);
        }
        close(ipv4)?;
        close(both)?;
    }
    Ok(())
}

/// Who leaves the protocol to the kernel asks for 0, and gets what create_connection asks for by its number.
fn plain() -> Result<()> {
    let chosen = socket(AF_INET, SOCK_STREAM)?;
    let named = socket_of(AF_INET, SOCK_STREAM, IPPROTO_TCP)?;
    println!("{}", get_protocol(&chosen)? == get_protocol(&named)?);
    close(named)?;
    close(chosen)
}
