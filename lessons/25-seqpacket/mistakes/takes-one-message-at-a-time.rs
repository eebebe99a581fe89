//! Reads until nothing is left, as one does on a stream, and takes what came together for one message.

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
    let mut buf = [0; 8192];
    loop {
        let mut length = recv(conn, &mut buf[..4097])?;
        if length == 0 && has_left(conn)? {
            return Ok(());
        }
        while length > 0 && is_more(conn)? && length <= 4096 {
            length += recv(conn, &mut buf[length..])?;
        }
        let reply = match length > 4096 {
            true => b"too long".to_vec(),
            false => [b"got ", &buf[..length]].concat(),
        };
        send(conn, &reply)?;
    }
}

fn is_more(conn: &OwnedFd) -> Result<bool> {
    let mut fds = [PollFd::new(conn.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut fds, PollTimeout::ZERO)? > 0 && !has_left(conn)?)
}

fn has_left(conn: &OwnedFd) -> Result<bool> {
    let mut fds = [PollFd::new(conn.as_fd(), POLLRDHUP)];
    Ok(poll(&mut fds, PollTimeout::ZERO)? > 0)
}
