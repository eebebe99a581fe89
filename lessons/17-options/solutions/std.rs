//! Exercise 17 with the standard library: on Unix, `TcpListener::bind` sets SO_REUSEADDR by itself.

use std::io::{Read, Result, Write};
use std::net::{TcpListener, TcpStream};

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:7017")?;
    for conn in listener.incoming() {
        if let Err(error) = conn.and_then(answer) {
            eprintln!("error: {error}");
        }
    }
    Ok(())
}

fn answer(mut conn: TcpStream) -> Result<()> {
    println!("连接客户端地址: {}", conn.peer_addr()?);
    match conn.read(&mut [0; 1024])? {
        0 => Ok(()),
        _ => conn.write_all("已接受到数据".as_bytes()),
    }
}
