//! A listener for each address that it was told of. Of every other one it knows nothing.

use std::io::{Read, Result, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Protocol, SockRef};

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("client") => client(),
        _ => server(),
    }
}

fn server() -> Result<()> {
    let first = TcpListener::bind("[::1]:0")?;
    let port = first.local_addr()?.port();
    println!("port {port}");
    let mut listeners = vec![first];
    for last in [1, 2, 3] {
        listeners.push(TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), port))?);
    }
    loop {
        let wait = |it| PollFd::new(it, PollFlags::POLLIN);
        let mut fds: Vec<_> = listeners.iter().map(|it| wait(it.as_fd())).collect();
        poll(&mut fds, PollTimeout::NONE)?;
        for (listener, _) in listeners.iter().zip(&fds).filter(|(_, fd)| fd.any() == Some(true)) {
            let (conn, peer) = listener.accept()?;
            println!("{} <- {peer}", conn.local_addr()?);
        }
    }
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
