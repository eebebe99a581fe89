//! Lesson 24 - passing descriptors
//!
//! Two processes with a pair of sockets between them. The parent takes a
//! connection and passes it on; the worker, who never called accept, answers
//! it. A stream ends when nobody has a descriptor of it any more, and fork(2)
//! copies them all. So each process closes what it does not use.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7024);

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let (parents, workers) = socketpair(AF_UNIX, SOCK_STREAM)?;
    // SAFETY: there is no other thread that the child would lack.
    let Some(worker) = (unsafe { fork() })? else {
        // The child has copies of both ends. With the parent's end in its
        // own hands it would never find the end of the stream.
        close(parents)?;
        return work(workers);
    };
    close(workers)?;

    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    let (conn, _) = accept(&listener)?;
    // One byte to go with it: a stream carries no message without any.
    sendmsg(&parents, b"!", &[&conn])?;
    // The message holds the connection now. Our copy would keep it open.
    close(conn)?;
    close(listener)?;

    close(parents)?;
    waitpid(worker)
}

fn work(workers: OwnedFd) -> Result<()> {
    loop {
        let (n, conns) = recvmsg(&workers, &mut [0; 1], 1)?;
        if n == 0 {
            return close(workers);
        }
        for conn in conns {
            let mut buf = [0; 1024];
            let n = recv(&conn, &mut buf)?;
            send(&conn, format!("worker: {}", text(&buf[..n])?).as_bytes())?;
            close(conn)?;
        }
    }
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    send(&sock, b"hello")?;
    let mut buf = [0; 1024];
    let n = recv(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    recv(&sock, &mut buf)?;
    close(sock)
}
