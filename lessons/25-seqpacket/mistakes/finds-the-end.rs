//! POLLHUP alone: it comes when both directions have ended. A client that has only ended its own is answered for ever.

use std::os::fd::AsFd;
use std::process::ExitCode;

use kit::unix::{AF_UNIX, SOCK_SEQPACKET, abstract_name, accept, bind, recv_message};
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
    let mut buf = [0; 4096];
    loop {
        let n = recv_message(conn, &mut buf)?;
        if n == 0 && has_left(conn)? {
            return Ok(());
        }
        if n > buf.len() {
            send(conn, b"too long")?;
        } else {
            send(conn, &[b"got ", &buf[..n]].concat())?;
        }
    }
}

fn has_left(conn: &OwnedFd) -> Result<bool> {
    let mut fds = [PollFd::new(conn.as_fd(), PollFlags::empty())];
    Ok(poll(&mut fds, PollTimeout::ZERO)? > 0)
}
