//! It takes accept for the end of listening and makes a new listener for each client. Its old
//! connection still has the address for a minute, so the second bind fails.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 10000);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    loop {
        let listener = socket(AF_INET, SOCK_STREAM)?;
        bind(&listener, ADDRESS)?;
        listen(&listener, 1)?;
        let (conn, peer) = loop {
            match accept(&listener) {
                Err(error) if error.errno() == Some(Errno::EINTR) => {}
                accepted => break accepted?,
            }
        };
        close(listener)?;
        println!("连接客户端地址: {}", py_addr(peer));
        if let Err(error) = answer(&conn) {
            eprintln!("{error}");
        }
        close(conn)?;
    }
}

fn answer(conn: &OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    let n = loop {
        match recv(conn, &mut buf) {
            Err(error) if error.errno() == Some(Errno::EINTR) => {}
            n => break n?,
        }
    };
    println!("{}", py_repr(&buf[..n]));
    if n == 0 {
        println!("客户端没有发送数据,不需要传送数据");
        return Ok(());
    }
    while let Err(error) = send(conn, "已接受到数据".as_bytes()) {
        if error.errno() != Some(Errno::EINTR) {
            return Err(error);
        }
    }
    Ok(())
}
