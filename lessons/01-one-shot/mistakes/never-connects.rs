//! It believes that both ends have to connect.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    connect(&listener, ADDRESS)?;
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
