//! Exercise 10 with eight threads that are there from the start and take the connections from a queue, on socket2.
//!
//! A client costs no thread of its own, and no more than eight are served at a time: a ninth waits.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 9999)).into())?;
    listener.listen(5)?;
    println!("等待连接...");

    let (queue, taken) = mpsc::channel::<TcpStream>();
    let taken = Arc::new(Mutex::new(taken));
    for _ in 0..8 {
        let taken = Arc::clone(&taken);
        thread::spawn(move || {
            loop {
                // One statement: the lock is free again before the client is served.
                let conn = taken.lock().unwrap().recv();
                let Ok(conn) = conn else { break };
                if let Err(error) = link(conn) {
                    eprintln!("{error}");
                }
            }
        });
    }
    loop {
        match listener.accept() {
            Ok((conn, _)) => queue.send(conn.into()).expect("the threads live"),
            Err(error) => eprintln!("{error}"),
        }
    }
}

fn link(mut conn: TcpStream) -> Result<()> {
    let peer = conn.peer_addr()?;
    let thread = thread::current().id();
    println!("连接服务器: 地址 ('{}', {}) 所在线程 {thread:?}", peer.ip(), peer.port());

    let mut buf = [0; 1024];
    let n = loop {
        match conn.read(&mut buf) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            n => break n?,
        }
    };
    println!("{}", String::from_utf8_lossy(&buf[..n]));
    conn.write_all("欢迎".as_bytes())
}
