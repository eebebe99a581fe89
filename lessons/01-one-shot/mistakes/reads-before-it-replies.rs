//! It greets at once: the answer is the same whatever the client asks, so it seems to make no odds.
//! But it answers a question that nobody has asked yet, and would also if nobody ever did.

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
    println!("等待连接...");
    let (conn, peer) = accept(&listener)?;
    println!("连接服务器: 地址 {} ", py_addr(peer));
    send(&conn, "欢迎".as_bytes())?;
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    close(conn)?;
    close(listener)
}
