//! It listens before it has an address, so the kernel makes one up: a port that no client knows.
//! The bind that comes after it fails, and its error is thrown away.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    listen(&listener, 5)?;
    let _ = bind(&listener, ADDRESS);
    println!("等待连接...");
    let (conn, peer) = accept(&listener)?;
    println!("连接服务器: 地址 {} ", py_addr(peer));
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    send(&conn, "欢迎".as_bytes())?;
    close(conn)?;
    close(listener)
}
