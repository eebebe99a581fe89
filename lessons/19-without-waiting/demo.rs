//! Lesson 19 - without waiting
//!
//! A scanner: is a port open, closed, or does nobody say? It asks all ports
//! before it waits for any of them, with sockets that do not wait. The server
//! listens at two ports. At one of them there is no room for anybody, and at
//! a third there is nobody.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kit::*;

const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;
const OPEN: u16 = 7019;
const FULL: u16 = 7119;
const CLOSED: u16 = 7219;

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let open = listener(OPEN, 5)?;
    // A backlog of 0 is room for one, and this socket takes it.
    let _full = listener(FULL, 0)?;
    let filler = socket(AF_INET, SOCK_STREAM)?;
    connect(&filler, (HOST, FULL))?;
    loop {
        let (conn, _) = accept(&open)?;
        close(conn)?;
    }
}

fn listener(port: u16, backlog: i32) -> Result<OwnedFd> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, (HOST, port))?;
    listen(&listener, backlog)?;
    Ok(listener)
}

fn client() -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(1);
    let mut asked = Vec::new();
    for port in [OPEN, FULL, CLOSED] {
        let sock = socket(AF_INET, SOCK_STREAM)?;
        set_nonblocking(&sock, true)?;
        match connect(&sock, (HOST, port)) {
            // Neither yes nor no: the kernel goes on by itself.
            Err(error) if error.errno() == Some(Errno::EINPROGRESS) => {}
            done => done?,
        }
        asked.push((port, sock));
    }

    while !asked.is_empty() {
        let mut fds = Vec::new();
        for (_, sock) in &asked {
            fds.push(PollFd::new(sock.as_fd(), PollFlags::POLLOUT));
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left.as_micros().div_ceil(1000));
        if poll(&mut fds, left.unwrap_or(PollTimeout::MAX))? == 0 {
            break;
        }
        let ready = fds.iter().map(|fd| fd.any() == Some(true));
        let ready: Vec<_> = ready.collect();
        let mut unknown = Vec::new();
        for ((port, sock), ready) in asked.into_iter().zip(ready) {
            if !ready {
                unknown.push((port, sock));
                continue;
            }
            // Writable is not connected: it says that the question is decided.
            let said = match get_error(&sock)? {
                None => "open",
                Some(Errno::ECONNREFUSED) => "closed",
                Some(errno) => errno.desc(),
            };
            println!("{port} {said}");
            close(sock)?;
        }
        asked = unknown;
    }
    for (port, sock) in asked {
        println!("{port} filtered");
        close(sock)?;
    }
    Ok(())
}
