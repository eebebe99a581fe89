//! Exercise 23 - AF_UNIX
//!
//! An echo server at the name `lab-23` in the folder for temporary files. It
//! works once. The second time its own old name is in the way, and whoever
//! removes that by hand may take it from a server that is alive. Beside it a
//! client that asks a clock by datagram, and never hears what it says.
//!
//! `lab check 23` runs both and plays their other ends. To do that yourself,
//! run it with `server`, then `nc -U /tmp/lab-23` in another shell.

use std::path::PathBuf;
use std::process::ExitCode;

use kit::unix::{AF_UNIX, accept, at_path, bind, sendto};
use kit::*;

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn path() -> PathBuf {
    std::env::temp_dir().join("lab-23")
}

fn clock() -> PathBuf {
    std::env::temp_dir().join("lab-23-clock")
}

fn server() -> Result<()> {
    // TODO: The server takes over a name at which nobody listens any more. It
    // leaves a living server its name, and fails. When SIGTERM ends it, its
    // name is gone. And it goes on after a client that has said nothing:
    // somebody may only have asked whether it is there.
    let listener = socket(AF_UNIX, SOCK_STREAM)?;
    bind(&listener, &at_path(&path())?)?;
    listen(&listener, 5)?;
    loop {
        let conn = accept(&listener)?;
        if let Err(error) = echo(&conn) {
            perror(&error);
        }
        close(conn)?;
    }
}

fn echo(conn: &OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    loop {
        let n = recv(conn, &mut buf)?;
        if n == 0 {
            return Ok(());
        }
        send(conn, &buf[..n])?;
    }
}

fn client() -> Result<()> {
    // TODO: The clock's answer arrives, and is printed.
    let sock = socket(AF_UNIX, SOCK_DGRAM)?;
    sendto(&sock, b"time?", &at_path(&clock())?)?;

    let mut buf = [0; 1024];
    let n = recv(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    close(sock)
}
