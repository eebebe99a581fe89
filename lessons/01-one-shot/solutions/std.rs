//! Exercise 1 with the standard library: one call of it is several of the kernel's.
//!
//! `TcpListener::bind` is socket, setsockopt(SO_REUSEADDR), bind and listen with a backlog of 128.
//! Both sockets are closed where they go out of scope, the connection first.

use std::io::{Read, Result, Write};
use std::net::TcpListener;

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:9999")?;
    println!("等待连接...");
    let (mut conn, peer) = listener.accept()?;
    println!("连接服务器: 地址 ('{}', {}) ", peer.ip(), peer.port());
    let mut buf = [0; 1024];
    let n = conn.read(&mut buf)?;
    println!("{}", String::from_utf8_lossy(&buf[..n]));
    conn.write_all("欢迎".as_bytes())
}
