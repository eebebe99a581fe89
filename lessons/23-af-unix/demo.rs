//! Lesson 23 - AF_UNIX
//!
//! A server on the same machine can be found by the name of a file. The file
//! holds no data: it is a name, and it outlives the socket. So the name that
//! `crashed` has left is in the server's way, until it has asked whether
//! anybody is there.

use std::path::PathBuf;
use std::process::ExitCode;

use kit::unix::{AF_UNIX, accept, at_path, bind, connect, unlink};
use kit::*;

fn main() -> ExitCode {
    let role = role_of(["crashed", "server", "client"]);
    finish(role.and_then(|role| match role {
        "crashed" => crashed(),
        "server" => server(),
        _ => client(),
    }))
}

fn path() -> PathBuf {
    std::env::temp_dir().join("lab-23")
}

fn crashed() -> Result<()> {
    let listener = socket(AF_UNIX, SOCK_STREAM)?;
    bind(&listener, &at_path(&path())?)?;
    listen(&listener, 5)?;
    // The socket is gone. The name is not: only unlink takes it away.
    close(listener)
}

fn server() -> Result<()> {
    let name = at_path(&path())?;
    let listener = socket(AF_UNIX, SOCK_STREAM)?;
    if let Err(taken) = bind(&listener, &name) {
        // The name says nothing of whether somebody listens. A connect does.
        let probe = socket(AF_UNIX, SOCK_STREAM)?;
        match connect(&probe, &name) {
            Err(error) if error.errno() == Some(Errno::ECONNREFUSED) => {}
            _ => return Err(taken),
        }
        close(probe)?;
        unlink(&path())?;
        bind(&listener, &name)?;
    }
    listen(&listener, 5)?;

    let conn = accept(&listener)?;
    // No client can lie about this: the kernel wrote it down at its connect.
    getsockopt(&conn, sockopt::PeerCredentials)?;
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    send(&conn, &buf[..n])?;

    close(conn)?;
    unlink(&path())?;
    close(listener)
}

fn client() -> Result<()> {
    let sock = socket(AF_UNIX, SOCK_STREAM)?;
    connect(&sock, &at_path(&path())?)?;
    send(&sock, "不经过磁盘".as_bytes())?;

    let mut buf = [0; 1024];
    let n = recv(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    close(sock)
}
