//! Lesson 19's error numbers: what calls say that would have to wait, and what they say where nothing is to be had.
//!
//! `lab run 19 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;

use kit::*;

const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;
const OPEN: u16 = 7019;
const FULL: u16 = 7119;
const CLOSED: u16 = 7219;

fn main() -> ExitCode {
    let roles = ["connects-again", "would-wait", "never-connected", "writable"];
    finish(role_of(roles).and_then(|role| match role {
        "connects-again" => connects_again(),
        "would-wait" => would_wait(),
        "never-connected" => never_connected(),
        _ => writable(),
    }))
}

/// The same connect again and again, at a port that is full, one that is closed and one that is open.
fn connects_again() -> Result<()> {
    input("")?;
    for (port, times) in [(FULL, 2), (CLOSED, 2), (OPEN, 3)] {
        let sock = socket(AF_INET, SOCK_STREAM)?;
        set_nonblocking(&sock, true)?;
        for _ in 0..times {
            println!("{port}: {}", number(connect(&sock, (HOST, port))));
        }
        close(sock)?;
    }
    Ok(())
}

/// Calls that find nothing, on sockets that do not wait.
fn would_wait() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, (HOST, OPEN))?;
    listen(&listener, 5)?;
    set_nonblocking(&listener, true)?;
    println!("accept: {}", number(accept(&listener)));
    input("")?;
    let (conn, _) = accept(&listener)?;
    // A new socket does not inherit it: not on Linux.
    set_nonblocking(&conn, true)?;
    println!("recv: {}", number(recv(&conn, &mut [0; 1024])));
    close(conn)?;
    close(listener)
}

/// A TCP socket that nobody has connected.
fn never_connected() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    println!("recv: {}", number(recv(&sock, &mut [0; 1024])));
    println!("getpeername: {}", number(getpeername(&sock)));
    println!("send: {}", number(send(&sock, b"?")));
    close(sock)
}

/// What poll says of a connect that was refused.
fn writable() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    set_nonblocking(&sock, true)?;
    println!("connect: {}", number(connect(&sock, (HOST, CLOSED))));
    poll(&mut [PollFd::new(sock.as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE)?;
    println!("SO_ERROR: {}", get_error(&sock)?.map_or(0, |errno| errno as i32));
    println!("SO_ERROR: {}", get_error(&sock)?.map_or(0, |errno| errno as i32));
    close(sock)
}

/// As Python's connect_ex has it: 0, or the number of the error.
fn number<T>(result: Result<T>) -> i32 {
    result.err().and_then(|error| error.errno()).map_or(0, |errno| errno as i32)
}
