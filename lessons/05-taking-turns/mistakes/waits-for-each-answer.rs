//! It reads the answer to a line only when it has the next line: each answer comes a turn late, and the last one
//! never.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 12345);

fn main() -> ExitCode {
    only_client(client)
}

fn client() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    connect(&conn, ADDRESS)?;

    let mut is_our_turn = true;
    let mut buf = [0; 1024];
    while let Some(line) = input("input:")? {
        if line == "exit" {
            break;
        }
        if line.is_empty() {
            continue;
        }
        if is_our_turn {
            uninterrupted(|| send(&conn, line.as_bytes()))?;
            is_our_turn = false;
            continue;
        }
        let n = uninterrupted(|| recv(&conn, &mut buf))?;
        if n == 0 {
            break;
        }
        println!("server: {}", text(&buf[..n])?);
        uninterrupted(|| send(&conn, line.as_bytes()))?;
    }
    close(conn)
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
