//! Lesson 2 - the server that stays
//!
//! A server outlives its clients. It takes one, reads what that one wants,
//! answers, closes, and waits for the next. Two come here: `client` asks and
//! is answered, `silent` connects, says nothing and goes. Neither may keep
//! the server from the next one, and neither may leave a descriptor behind.
//!
//! The server never ends: stop it with Ctrl-C where the lab does not.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

// `localhost` by its address: looking the name up would be calls of its own.
const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 10000);

fn main() -> ExitCode {
    let role = role_of(["server", "client", "silent"]);
    finish(role.and_then(|role| match role {
        "server" => server(),
        "client" => client(),
        _ => silent(),
    }))
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 1)?;

    loop {
        // The listener stays as it is; each client is one more socket.
        let (conn, peer) = accept(&listener)?;
        println!("连接客户端地址: {}", py_addr(peer));

        // What goes wrong with one client is told and ends with that client.
        // A `?` here would end the service for all the others.
        if let Err(error) = answer(&conn) {
            perror(&error);
        }

        // All ways out of `answer` come by here.
        close(conn)?;
    }
}

fn answer(conn: &OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    let n = recv(conn, &mut buf)?;
    println!("{}", py_repr(&buf[..n]));

    // Zero bytes is not *nothing yet*, for which recv would wait. It says
    // that the client has ended its side and will never send anything.
    if n == 0 {
        println!("客户端没有发送数据,不需要传送数据");
        return Ok(());
    }
    send(conn, "已接受到数据".as_bytes())?;
    Ok(())
}

fn client() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    connect(&conn, ADDRESS)?;
    send(&conn, b"Are you there?")?;

    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    println!("{}", text(&buf[..n])?);

    close(conn)
}

fn silent() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    connect(&conn, ADDRESS)?;
    // All that the server will see of this client is its end.
    close(conn)
}
