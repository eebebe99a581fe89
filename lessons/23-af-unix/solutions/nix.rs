//! Exercise 23, solved: a connect asks whether anybody is there, and SIGTERM comes as something to read.

use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;

use kit::unix::{
    AF_UNIX, SIGTERM, UnixAddr, accept, any_name, at_path, bind, connect, sendto, signalfd, unlink,
};
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
    // Before there is a name that could be left behind.
    let ended = signalfd(&[SIGTERM])?;
    let listener = bound(&at_path(&path())?)?;
    listen(&listener, 5)?;
    loop {
        let mut fds =
            [listener.as_fd(), ended.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        poll(&mut fds, PollTimeout::NONE)?;
        if fds[1].any() == Some(true) {
            // While it still listens: nobody else can have taken the name over.
            unlink(&path())?;
            return close(listener);
        }
        let conn = accept(&listener)?;
        if let Err(error) = echo(&conn) {
            perror(&error);
        }
        close(conn)?;
    }
}

fn bound(name: &UnixAddr) -> Result<OwnedFd> {
    let listener = socket(AF_UNIX, SOCK_STREAM)?;
    match bind(&listener, name) {
        Err(error) if error.errno() == Some(Errno::EADDRINUSE) && is_stale(name)? => {
            unlink(&path())?;
            bind(&listener, name)?;
        }
        done => done?,
    }
    Ok(listener)
}

fn is_stale(name: &UnixAddr) -> Result<bool> {
    let probe = socket(AF_UNIX, SOCK_STREAM)?;
    let answer = connect(&probe, name);
    close(probe)?;
    Ok(answer.is_err_and(|error| error.errno() == Some(Errno::ECONNREFUSED)))
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
    let sock = socket(AF_UNIX, SOCK_DGRAM)?;
    bind(&sock, &any_name())?;
    sendto(&sock, b"time?", &at_path(&clock())?)?;

    let mut buf = [0; 1024];
    let n = recv(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    close(sock)
}
