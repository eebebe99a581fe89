//! Exercise 17 with socket2: the kernel's calls one by one, with types that std takes over.

use std::io::{Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 7017)).into())?;
    socket.listen(16)?;
    let listener = TcpListener::from(socket);
    loop {
        let (mut conn, peer) = listener.accept()?;
        println!("连接客户端地址: {peer}");
        let asked = conn.read(&mut [0; 1024]).unwrap_or(0) > 0;
        if asked && let Err(error) = conn.write_all("已接受到数据".as_bytes()) {
            eprintln!("error: {error}");
        }
    }
}
