//! A buffer for the longest message that is allowed. What is longer looks as long as that.

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
    let mut buf = [0; 4096];
    loop {
        let n = recv(conn, &mut buf)?;
        if n == 0 && has_left(conn)? {
            return Ok(());
        }
        let reply = match n > 4096 {
            true => b"too long".to_vec(),
            false => [b"got ", &buf[..n]].concat(),
        };
        send(conn, &reply)?;
    }
}

fn has_left(conn: &OwnedFd) -> Result<bool> {
    let mut fds = [PollFd::new(conn.as_fd(), POLLRDHUP)];
    Ok(poll(&mut fds, PollTimeout::ZERO)? > 0)
}
