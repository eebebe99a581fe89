//! No TIME-WAIT, no trouble: each connection is broken off instead of closed.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7017);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 1)?;

    loop {
        let (conn, peer) = accept(&listener)?;
        set_linger(&conn, Some(Duration::ZERO))?;
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
