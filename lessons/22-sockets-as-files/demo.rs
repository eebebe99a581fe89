//! Lesson 22 - sockets as files
//!
//! Lines are read and written as with a file: through buffers of the library.
//! A reader fetches more than was asked for, and keeps the rest. A writer
//! keeps what it is given until it is flushed. The kernel knows of neither.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7022);

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    let conn = TcpStream::from(accept(&listener)?.0);

    // A second descriptor for the same socket. This one reader is for all of
    // the conversation: what it has read ahead is in it, and nowhere else.
    let file = conn.try_clone().map_err(of_std("fcntl"))?;
    let mut requests = BufReader::new(file);
    let mut replies = BufWriter::new(&conn);
    let mut line = String::new();
    while requests.read_line(&mut line).map_err(of_std("recv"))? > 0 {
        write!(replies, "got {line}").map_err(of_std("send"))?;
        // Before we wait for the next line: the client waits for this one.
        replies.flush().map_err(of_std("send"))?;
        line.clear();
    }

    drop(replies);
    // The connection does not end here: the reader has the socket as well.
    close(conn.into())?;
    close(listener)?;
    drop(requests);
    Ok(())
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    let sock = TcpStream::from(sock);
    let mut requests = BufWriter::new(&sock);
    let mut replies = BufReader::new(&sock);

    // Two writes of the program, and no system call.
    writeln!(requests, "first").map_err(of_std("send"))?;
    writeln!(requests, "second").map_err(of_std("send"))?;
    requests.flush().map_err(of_std("send"))?;

    for _ in 0..2 {
        let mut line = String::new();
        replies.read_line(&mut line).map_err(of_std("recv"))?;
        print!("{line}");
    }

    drop((requests, replies));
    let sock = OwnedFd::from(sock);
    shutdown(&sock, SHUT_WR)?;
    recv(&sock, &mut [0; 1])?;
    close(sock)
}
