//! Lesson 23's other names: one that is alive, one in no folder, and datagrams with and without one.
//!
//! `lab run 23 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::process::ExitCode;

use kit::unix::{AF_UNIX, abstract_name, accept, any_name, bind, connect, recvfrom, sendto};
use kit::*;

fn main() -> ExitCode {
    let roles = ["abstract", "caller", "answers", "nameless", "named"];
    finish(role_of(roles).and_then(|role| match role {
        "abstract" => abstract_server(),
        "caller" => caller(),
        "answers" => answers(),
        "nameless" => nameless(),
        _ => named(),
    }))
}

/// A name that begins with a zero byte is in no folder, and goes when its socket goes.
fn abstract_server() -> Result<()> {
    let listener = socket(AF_UNIX, SOCK_STREAM)?;
    bind(&listener, &abstract_name("lab-23")?)?;
    listen(&listener, 5)?;
    let conn = accept(&listener)?;
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    send(&conn, &buf[..n])?;
    close(conn)?;
    close(listener)?;

    // Nothing is in the way of whoever comes next.
    let next = socket(AF_UNIX, SOCK_STREAM)?;
    bind(&next, &abstract_name("lab-23")?)?;
    close(next)
}

fn caller() -> Result<()> {
    let sock = socket(AF_UNIX, SOCK_STREAM)?;
    connect(&sock, &abstract_name("lab-23")?)?;
    send(&sock, b"hello")?;
    recv(&sock, &mut [0; 1024])?;
    close(sock)
}

/// Answers a datagram, if its sender has a name.
fn answers() -> Result<()> {
    let sock = socket(AF_UNIX, SOCK_DGRAM)?;
    bind(&sock, &abstract_name("lab-23")?)?;
    let mut buf = [0; 1024];
    let (n, from) = recvfrom(&sock, &mut buf)?;
    match from {
        Some(from) => sendto(&sock, &buf[..n], &from).map(drop)?,
        None => println!("nobody to answer"),
    }
    close(sock)
}

/// As a client of UDP, which gets an address at its first sendto. This one gets none.
fn nameless() -> Result<()> {
    let sock = socket(AF_UNIX, SOCK_DGRAM)?;
    sendto(&sock, b"hello", &abstract_name("lab-23")?)?;
    recv(&sock, &mut [0; 1024])?;
    close(sock)
}

fn named() -> Result<()> {
    let sock = socket(AF_UNIX, SOCK_DGRAM)?;
    // The family and nothing else: the kernel chooses.
    bind(&sock, &any_name())?;
    sendto(&sock, b"hello", &abstract_name("lab-23")?)?;
    recv(&sock, &mut [0; 1024])?;
    close(sock)
}
