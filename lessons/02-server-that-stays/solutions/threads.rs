//! Exercise 2 with a thread for each client, on socket2: one that fails takes only its own thread along.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;

use kit::py_repr;
use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 10000)).into())?;
    listener.listen(1)?;
    loop {
        match listener.accept() {
            Ok((conn, _)) => drop(thread::spawn(|| answer(conn.into()))),
            Err(error) => eprintln!("{error}"),
        }
    }
}

fn answer(mut conn: TcpStream) -> Result<()> {
    let peer = conn.peer_addr()?;
    println!("连接客户端地址: ('{}', {})", peer.ip(), peer.port());

    let mut buf = [0; 1024];
    let n = loop {
        match conn.read(&mut buf) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            n => break n?,
        }
    };
    println!("{}", py_repr(&buf[..n]));
    if n == 0 {
        println!("客户端没有发送数据,不需要传送数据");
        return Ok(());
    }
    conn.write_all("已接受到数据".as_bytes())
}
