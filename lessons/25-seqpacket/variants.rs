//! Lesson 25's small questions, each put to a pair of sockets by one program.
//!
//! `lab run 25 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::process::ExitCode;

use kit::unix::{AF_UNIX, SOCK_SEQPACKET, abstract_name, accept, bind, connect};
use kit::*;

fn main() -> ExitCode {
    finish(role_of(["cut", "inet"]).and_then(|role| match role {
        "cut" => cut(),
        _ => inet(),
    }))
}

fn pair() -> Result<(OwnedFd, OwnedFd)> {
    let listener = socket(AF_UNIX, SOCK_SEQPACKET)?;
    let name = abstract_name("lab-25")?;
    bind(&listener, &name)?;
    listen(&listener, 1)?;
    let sock = socket(AF_UNIX, SOCK_SEQPACKET)?;
    connect(&sock, &name)?;
    let conn = accept(&listener)?;
    close(listener)?;
    Ok((sock, conn))
}

fn cut() -> Result<()> {
    let (sock, conn) = pair()?;
    send(&sock, b"one")?;
    send(&sock, b"two")?;
    // Over a stream the next recv would bring the rest.
    recv(&conn, &mut [0; 2])?;
    recv(&conn, &mut [0; 2])?;
    close(sock)?;
    recv(&conn, &mut [0; 2])?;
    close(conn)
}

fn inet() -> Result<()> {
    match socket(AF_INET, SOCK_SEQPACKET) {
        Err(error) if error.errno() == Some(Errno::ESOCKTNOSUPPORT) => Ok(()),
        made => close(made?),
    }
}
