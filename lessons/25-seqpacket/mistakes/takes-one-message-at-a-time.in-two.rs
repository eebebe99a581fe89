//! The first byte, to see of what kind it is, and then the rest. The rest is gone with the first byte.

use std::os::fd::AsFd;
use std::process::ExitCode;

use kit::unix::{AF_UNIX, POLLRDHUP, SOCK_SEQPACKET, abstract_name, accept, bind};
use kit::*;

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_UNIX, SOCK_SEQPACKET)?;
    bind(&listener, &abstract_name("lab-25")?)?;
    listen(&listener, 5)?;
    loop {
        let conn = accept(&listener)?;
        if let Err(error) = answer(&conn) {
            perror(&error);
        }
        close(conn)?;
    }
}

fn answer(conn: &OwnedFd) -> Result<()> {
    let mut buf = [0; 4097];
    loop {
        let first = recv(conn, &mut buf[..1])?;
        if first == 0 && has_left(conn)? {
            return Ok(());
        }
        let rest = if first > 0 { recv(conn, &mut buf[1..])? } else { 0 };
        let length = first + rest;
        let reply = match length > 4096 {
            true => b"too long".to_vec(),
            false => [b"got ", &buf[..length]].concat(),
        };
        send(conn, &reply)?;
    }
}

fn has_left(conn: &OwnedFd) -> Result<bool> {
    let mut fds = [PollFd::new(conn.as_fd(), POLLRDHUP)];
    Ok(poll(&mut fds, PollTimeout::ZERO)? > 0)
}
