//! Lesson 21's other receivers: for them one recv is one message.
//!
//! `lab run 21 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7021);

fn main() -> ExitCode {
    finish(role_of(["one-recv", "decodes", "echoes", "asks"]).and_then(|role| match role {
        "one-recv" => each_recv(|_, message| {
            println!("{:?}", text(&message[4..])?);
            Ok(())
        }),
        "decodes" => each_recv(|_, message| {
            println!("{}", String::from_utf8_lossy(message));
            Ok(())
        }),
        "echoes" => each_recv(|conn, message| send(conn, message).map(drop)),
        _ => asks(),
    }))
}

fn each_recv(got: fn(&OwnedFd, &[u8]) -> Result<()>) -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    let (conn, _) = accept(&listener)?;
    close(listener)?;
    let mut buf = [0; 1024];
    while let n @ 1.. = recv(&conn, &mut buf)? {
        got(&conn, &buf[..n])?;
    }
    close(conn)
}

/// Lesson 4's client: a line, one recv, a reply.
fn asks() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    for line in ["a".repeat(3000), "b".into(), "c".into()] {
        send(&sock, line.as_bytes())?;
        let mut buf = [0; 1024];
        let n = recv(&sock, &mut buf)?;
        println!("asked {}, was told {}", &line[..1], text(&buf[..n.min(1)])?);
    }
    shutdown(&sock, SHUT_WR)?;
    let mut buf = [0; 1024];
    while let n @ 1.. = recv(&sock, &mut buf)? {
        println!("left over: {}", text(&buf[..n])?);
    }
    close(sock)
}
