//! Exercise 3 with socket2 and the loop of `Read` and `Write` written out.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 65432)).into())?;
    listener.listen(128)?;
    let (conn, _) = loop {
        match listener.accept() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            accepted => break accepted?,
        }
    };
    let mut conn = TcpStream::from(conn);
    let peer = conn.peer_addr()?;
    println!("Connected by ('{}', {})", peer.ip(), peer.port());

    let mut buf = [0; 8192];
    loop {
        match conn.read(&mut buf) {
            Ok(0) => return Ok(()),
            Ok(n) => conn.write_all(&buf[..n])?,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
