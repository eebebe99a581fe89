//! Lesson 23's other names: one that is taken from its owner, one in no folder, datagrams with and without one.
//!
//! `lab run 23 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::path::PathBuf;
use std::process::ExitCode;

use kit::unix::{
    AF_UNIX, abstract_name, accept, any_name, at_path, bind, connect, recvfrom, sendto, unlink,
};
use kit::*;

fn main() -> ExitCode {
    let roles =
        ["first", "second", "client", "abstract", "caller", "answers", "nameless", "named", "full"];
    finish(role_of(roles).and_then(|role| match role {
        "first" => first(),
        "second" => second(),
        "client" => client(),
        "abstract" => abstract_server(),
        "caller" => caller(),
        "answers" => answers(),
        "nameless" => nameless(),
        "named" => named(),
        _ => full(),
    }))
}

fn path() -> PathBuf {
    std::env::temp_dir().join("lab-23")
}

fn first() -> Result<()> {
    serve_one()
}

/// Makes room for itself, and does not ask for whom.
fn second() -> Result<()> {
    unlink(&path())?;
    serve_one()
}

fn serve_one() -> Result<()> {
    let listener = socket(AF_UNIX, SOCK_STREAM)?;
    bind(&listener, &at_path(&path())?)?;
    listen(&listener, 5)?;
    let conn = accept(&listener)?;
    recv(&conn, &mut [0; 1024])?;
    close(conn)?;
    close(listener)
}

fn client() -> Result<()> {
    let sock = socket(AF_UNIX, SOCK_STREAM)?;
    connect(&sock, &at_path(&path())?)?;
    send(&sock, b"hello")?;
    close(sock)
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

/// One connection waits, and there is no room for another. Over TCP its SYN would get no answer.
fn full() -> Result<()> {
    let listener = socket(AF_UNIX, SOCK_STREAM)?;
    let name = abstract_name("lab-23")?;
    bind(&listener, &name)?;
    listen(&listener, 0)?;
    let waits = socket(AF_UNIX, SOCK_STREAM)?;
    connect(&waits, &name)?;

    let late = socket(AF_UNIX, SOCK_STREAM)?;
    set_nonblocking(&late, true)?;
    match connect(&late, &name) {
        Err(error) if error.errno() == Some(Errno::EAGAIN) => {}
        done => done?,
    }
    close(late)?;
    close(waits)?;
    close(listener)
}
