//! It prints what it has asked for, address by address, and what it takes for granted.

use std::io::{Read, Result, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("client") => client(),
        _ => server(),
    }
}

fn server() -> Result<()> {
    let listener = TcpListener::bind("[::]:0")?;
    println!("port {}", listener.local_addr()?.port());
    loop {
        let (conn, peer) = listener.accept()?;
        println!("{} <- {}", plain(conn.local_addr()?), plain(peer));
    }
}

/// IPv4 by its own name.
fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

fn client() -> Result<()> {
    let ips = [IpAddr::from(Ipv6Addr::LOCALHOST), Ipv4Addr::LOCALHOST.into()];
    let mut sock = TcpStream::connect(&ips.map(|ip| SocketAddr::new(ip, 10000))[..])?;
    let family = if sock.peer_addr()?.is_ipv4() { "AF_INET" } else { "AF_INET6" };
    println!("IPPROTO_TCP\n{family}\nSOCK_STREAM");

    sock.write_all(b"Are you there?")?;
    let mut buf = [0; 1024];
    let n = sock.read(&mut buf)?;
    println!("{}", String::from_utf8_lossy(&buf[..n]));
    Ok(())
}
