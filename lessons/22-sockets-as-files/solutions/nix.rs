//! Exercise 22 without a library's buffers: one of its own to read ahead, and none to write.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7022);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    loop {
        let (conn, _) = uninterrupted(|| accept(&listener))?;
        number_lines(&conn)?;
        close(conn)?;
    }
}

fn number_lines(conn: &OwnedFd) -> Result<()> {
    let (mut come, mut number) = (Vec::new(), 0);
    let mut buf = [0; 4096];
    loop {
        let n = uninterrupted(|| recv(conn, &mut buf))?;
        come.extend_from_slice(&buf[..n]);
        if n == 0 && !come.is_empty() {
            come.push(b'\n');
        }
        while let Some(end) = come.iter().position(|&byte| byte == b'\n') {
            number += 1;
            let line: Vec<u8> = come.drain(..=end).collect();
            send_all(conn, &[format!("{number}: ").as_bytes(), &line].concat())?;
        }
        if n == 0 {
            return Ok(());
        }
    }
}

fn send_all(conn: &OwnedFd, mut rest: &[u8]) -> Result<()> {
    while !rest.is_empty() {
        rest = &rest[uninterrupted(|| send(conn, rest))?..];
    }
    Ok(())
}

/// Makes the call again for as long as signals interrupt it before it has done anything.
fn uninterrupted<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(error) if error.errno() == Some(Errno::EINTR) => {}
            done => return done,
        }
    }
}
