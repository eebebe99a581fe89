//! Exercise @NUMBER@ with socket2: the kernel's calls one by one, with types that std takes over.

use std::io::{Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, @PORT@)).into())?;
    listener.listen(5)?;
    let (conn, _) = listener.accept()?;
    let mut conn = TcpStream::from(conn);
    let mut buf = [0; 1024];
    let n = conn.read(&mut buf)?;
    conn.write_all(&buf[..n])
}
