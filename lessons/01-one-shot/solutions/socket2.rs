//! Exercise 1 with socket2: the kernel's calls one by one, with types that std takes over.

use std::io::{Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 9999)).into())?;
    listener.listen(5)?;
    println!("等待连接...");
    let (conn, _) = listener.accept()?;
    let mut conn = TcpStream::from(conn);
    let peer = conn.peer_addr()?;
    println!("连接服务器: 地址 ('{}', {}) ", peer.ip(), peer.port());
    let mut buf = [0; 1024];
    let n = conn.read(&mut buf)?;
    println!("{}", String::from_utf8_lossy(&buf[..n]));
    conn.write_all("欢迎".as_bytes())
}
