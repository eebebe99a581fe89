//! Lesson 5 - taking turns
//!
//! Two people chat, each in a shell: the client says something, then it is
//! the server's turn, and so on. Nothing on the wire says whose turn it is.
//! Both ends keep to it by the order of their calls alone, and when one of
//! them gets out of step, both wait for ever: `--variant empty-line`.
//!
//! `exit` leaves. The word itself is never sent, and the client does not even
//! close: both are kept from the original, for what the server sees of them.
//!
//! Run `server` in one shell and `client` in another.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 12345);

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 10)?;
    println!("waiting for client connect!");
    let (conn, peer) = accept(&listener)?;
    println!("the client:  {} is connecting", py_addr(peer));

    let mut buf = [0; 1024];
    loop {
        let n = recv(&conn, &mut buf)?;
        // Leaving is the one thing that a client can say without a byte.
        if n == 0 {
            println!("disconnect!");
            break;
        }
        println!("client: {}", text(&buf[..n])?);

        let Some(line) = input("server: ")? else { break };
        send(&conn, line.as_bytes())?;
    }
    close(conn)?;
    close(listener)
}

fn client() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    connect(&conn, ADDRESS)?;

    let mut buf = [0; 1024];
    while let Some(line) = input("input:")? {
        if line == "exit" {
            break;
        }
        // An empty line is sent like any other: 0 bytes, and the kernel says
        // that it took all 0 of them. A stream has no empty messages. Nothing
        // goes out, the server waits on, and so do we.
        send(&conn, line.as_bytes())?;
        let n = recv(&conn, &mut buf)?;
        println!("server: {}", text(&buf[..n])?);
    }

    // The original's close stands in the `else` of its loop, and who leaves a
    // Python loop by `break` leaves its `else` out. So here is none either:
    // `forget` keeps Rust from closing. The kernel does it when it clears up
    // after the process, and the server cannot tell the difference: the end
    // of a program that crashed would look the same to it.
    std::mem::forget(conn);
    Ok(())
}
