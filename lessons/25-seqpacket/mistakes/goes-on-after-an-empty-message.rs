//! 0 is the end, as on every stream.

use std::process::ExitCode;

use kit::unix::{AF_UNIX, SOCK_SEQPACKET, abstract_name, accept, bind};
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
        let n = recv(conn, &mut buf)?;
        if n == 0 {
            return Ok(());
        }
        let reply = match n > 4096 {
            true => b"too long".to_vec(),
            false => [b"got ", &buf[..n]].concat(),
        };
        send(conn, &reply)?;
    }
}
