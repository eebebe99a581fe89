//! It takes first and gives afterwards: now it waits for those who do the same.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7020);
const MOST: usize = 4 << 20;

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;

    let mut shelf = Vec::new();
    loop {
        let (conn, _) = accept(&listener)?;
        let letter = recv_letter(&conn)?;
        send_all(&conn, &shelf)?;
        shelf = letter;
        close(conn)?;
    }
}

fn send_all(conn: &OwnedFd, mut rest: &[u8]) -> Result<()> {
    while !rest.is_empty() {
        rest = &rest[send(conn, rest)?..];
    }
    Ok(())
}

fn recv_letter(conn: &OwnedFd) -> Result<Vec<u8>> {
    let mut letter = vec![0; MOST];
    let n = recv_waitall(conn, &mut letter)?;
    letter.truncate(n);
    Ok(letter)
}
