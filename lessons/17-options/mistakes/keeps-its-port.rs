//! There are other ports: it takes the next one that is free.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7017);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    let mut port = ADDRESS.1;
    while bind(&listener, (ADDRESS.0, port)).is_err() {
        port += 1;
    }
    println!("port {port}");
    listen(&listener, 1)?;

    loop {
        let (conn, peer) = accept(&listener)?;
        println!("连接客户端地址: {}", py_addr(peer));
        if let Err(error) = answer(&conn) {
            perror(&error);
        }
        close(conn)?;
    }
}

fn answer(conn: &OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    let n = recv(conn, &mut buf)?;
    println!("{}", py_repr(&buf[..n]));
    if n > 0 {
        send(conn, "已接受到数据".as_bytes())?;
    }
    Ok(())
}
