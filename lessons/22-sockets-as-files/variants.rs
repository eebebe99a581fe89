//! Lesson 22's other ends: one forgets to flush, one sends no newline, one has a reader for each line.
//!
//! `lab run 22 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7022);

fn main() -> ExitCode {
    let roles = ["answers", "reader-for-each", "unflushed", "no-newline"];
    finish(role_of(roles).and_then(|role| match role {
        "answers" => answers(),
        "reader-for-each" => reader_for_each(),
        "unflushed" => unflushed(),
        _ => no_newline(),
    }))
}

fn answers() -> Result<()> {
    let conn = served()?;
    let mut requests = BufReader::new(&conn);
    let mut line = String::new();
    while requests.read_line(&mut line).map_err(of_std("recv"))? > 0 {
        (&conn).write_all(format!("got {line}").as_bytes()).map_err(of_std("send"))?;
        line.clear();
    }
    close(conn.into())
}

/// What the reader of one line has read ahead goes with it.
fn reader_for_each() -> Result<()> {
    let conn = served()?;
    loop {
        let mut line = String::new();
        if BufReader::new(&conn).read_line(&mut line).map_err(of_std("recv"))? == 0 {
            return close(conn.into());
        }
        (&conn).write_all(format!("got {line}").as_bytes()).map_err(of_std("send"))?;
    }
}

fn unflushed() -> Result<()> {
    let sock = connected()?;
    let mut requests = BufWriter::new(&sock);
    writeln!(requests, "hello").map_err(of_std("send"))?;
    let mut line = String::new();
    BufReader::new(&sock).read_line(&mut line).map_err(of_std("recv"))?;
    requests.flush().map_err(of_std("send"))
}

/// The source's other client: what its user typed, and no more.
fn no_newline() -> Result<()> {
    let sock = connected()?.into();
    send(&sock, b"hello")?;
    recv(&sock, &mut [0; 1024])?;
    close(sock)
}

fn served() -> Result<TcpStream> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    let (conn, _) = accept(&listener)?;
    close(listener)?;
    Ok(conn.into())
}

fn connected() -> Result<TcpStream> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    Ok(sock.into())
}
