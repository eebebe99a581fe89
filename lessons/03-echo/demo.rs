//! Lesson 3 - echo until the end
//!
//! The server sends back whatever it reads, for as long as there is anything
//! to read. How much that will be nobody says beforehand: the client ends its
//! own direction when it is done, and the server reads up to that end. Between
//! the two, bytes may come and go in any pieces.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 65432);

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 128)?;
    let (conn, peer) = accept(&listener)?;
    println!("Connected by {}", py_addr(peer));

    let mut buf = [0; 1024];
    loop {
        let n = recv(&conn, &mut buf)?;
        // Only zero says that no more will come. Any other number, however
        // small, is what happens to have arrived so far.
        if n == 0 {
            break;
        }
        // send, too, may do less than it is asked for: the rest is for us to
        // send again, and `buf` past n is left over from an earlier read.
        let mut sent = 0;
        while sent < n {
            sent += send(&conn, &buf[sent..n])?;
        }
    }

    close(conn)?;
    close(listener)
}

fn client() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    connect(&conn, ADDRESS)?;
    send(&conn, b"Hello, world")?;

    // Our direction ends; the other one stays open for the echo. Without
    // this the server would wait for more of us, and we for its end.
    shutdown(&conn, SHUT_WR)?;

    let mut echo = Vec::new();
    let mut buf = [0; 1024];
    loop {
        let n = recv(&conn, &mut buf)?;
        if n == 0 {
            break;
        }
        echo.extend_from_slice(&buf[..n]);
    }
    println!("{}", text(&echo)?);

    close(conn)
}
