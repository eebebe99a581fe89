//! Exercise 10 with std: the closure owns the stream, and its end closes it.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:9999")?;
    println!("等待连接...");
    for conn in listener.incoming() {
        match conn {
            Ok(conn) => drop(thread::spawn(|| link(conn))),
            Err(error) => eprintln!("{error}"),
        }
    }
    Ok(())
}

/// A panic in here ends this thread only, and closes `conn` on its way.
fn link(mut conn: TcpStream) {
    let peer = conn.peer_addr().unwrap();
    let thread = thread::current().id();
    println!("连接服务器: 地址 ('{}', {}) 所在线程 {thread:?}", peer.ip(), peer.port());

    let mut buf = [0; 1024];
    let n = loop {
        match conn.read(&mut buf) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            n => break n.unwrap(),
        }
    };
    println!("{}", std::str::from_utf8(&buf[..n]).unwrap());
    conn.write_all("欢迎".as_bytes()).unwrap();
}
