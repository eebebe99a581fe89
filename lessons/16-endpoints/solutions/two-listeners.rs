//! Exercise 16 with a listener for each family, and poll(2) for both. Each address is then of the family that its client
//! has, and needs no translation; the price is that IPv4 has to be given the port that IPv6 got.

use std::io::{Read, Result, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, Socket, Type};

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("client") => client(),
        _ => server(),
    }
}

fn server() -> Result<()> {
    let v6 = listening((Ipv6Addr::UNSPECIFIED, 0).into())?;
    let port = v6.local_addr()?.port();
    let v4 = listening((Ipv4Addr::UNSPECIFIED, port).into())?;
    println!("port {port}");
    loop {
        let wait = |it| PollFd::new(it, PollFlags::POLLIN);
        let mut fds = [wait(v6.as_fd()), wait(v4.as_fd())];
        poll(&mut fds, PollTimeout::NONE)?;
        for (listener, fd) in [&v6, &v4].into_iter().zip(fds) {
            if fd.any() == Some(true) {
                let (conn, peer) = listener.accept()?;
                println!("{} <- {peer}", conn.local_addr()?);
            }
        }
    }
}

fn listening(addr: SocketAddr) -> Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    if addr.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&addr.into())?;
    socket.listen(5)?;
    Ok(socket.into())
}

fn client() -> Result<()> {
    let mut failed = None;
    for ip in [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()] {
        let addr = SocketAddr::new(ip, 10000);
        let mut sock = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        match sock.connect(&addr.into()) {
            Ok(()) => return talk(&mut sock),
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(()), Err)
}

fn talk(sock: &mut Socket) -> Result<()> {
    println!("{:?}", sock.protocol()?.unwrap_or(Protocol::UDP));
    println!("{:?}\n{:?}", sock.domain()?, sock.r#type()?);
    sock.write_all(b"Are you there?")?;
    let mut buf = [0; 1024];
    let n = sock.read(&mut buf)?;
    println!("{}", String::from_utf8_lossy(&buf[..n]));
    Ok(())
}
