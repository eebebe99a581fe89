//! It ends its process in the middle: no destructor runs, and nobody has closed the socket.

use std::net::Ipv4Addr;
use std::process::{self, ExitCode};

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 12345);

fn main() -> ExitCode {
    only_client(client)
}

fn client() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    connect(&conn, ADDRESS)?;

    let mut buf = [0; 1024];
    while let Some(line) = input("input:")? {
        if line == "exit" {
            process::exit(0);
        }
        if line.is_empty() {
            continue;
        }
        uninterrupted(|| send(&conn, line.as_bytes()))?;
        let n = uninterrupted(|| recv(&conn, &mut buf))?;
        if n == 0 {
            break;
        }
        println!("server: {}", text(&buf[..n])?);
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
