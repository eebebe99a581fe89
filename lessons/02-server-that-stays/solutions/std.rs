//! Exercise 2 with the standard library: a connection is closed where it goes out of scope, on every way out.
//!
//! std makes accept and `write_all` again after a signal, `read` not.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};

use kit::py_repr;

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:10000")?;
    for conn in listener.incoming() {
        if let Err(error) = conn.and_then(answer) {
            eprintln!("{error}");
        }
    }
    Ok(())
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
