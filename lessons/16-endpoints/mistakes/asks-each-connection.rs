//! The listener's name for every client: it is true of none.

use std::io::{Read, Result, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use socket2::{Protocol, SockRef};

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
        let (_conn, peer) = listener.accept()?;
        println!("{} <- {}", plain(listener.local_addr()?), plain(peer));
    }
}

/// IPv4 by its own name.
fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

fn client() -> Result<()> {
    let ips = [IpAddr::from(Ipv6Addr::LOCALHOST), Ipv4Addr::LOCALHOST.into()];
    let mut sock = TcpStream::connect(&ips.map(|ip| SocketAddr::new(ip, 10000))[..])?;
    let about = SockRef::from(&sock);
    println!("{:?}", about.protocol()?.unwrap_or(Protocol::UDP));
    println!("{:?}\n{:?}", about.domain()?, about.r#type()?);

    sock.write_all(b"Are you there?")?;
    let mut buf = [0; 1024];
    let n = sock.read(&mut buf)?;
    println!("{}", String::from_utf8_lossy(&buf[..n]));
    Ok(())
}
