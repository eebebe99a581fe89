//! Lesson 24's other ways: copies that are kept, inherited, or made on purpose.
//!
//! `lab run 24 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::net::Ipv4Addr;
use std::process::{Command, ExitCode};

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7024);

fn main() -> ExitCode {
    let roles = ["both-ends", "keeps-it", "two-numbers", "leaks", "leaks-not", "idle"];
    finish(role_of(roles).and_then(|role| match role {
        "both-ends" => both_ends(),
        "keeps-it" => keeps_it(),
        "two-numbers" => two_numbers(),
        "leaks" => start_another(listening()?),
        "leaks-not" => {
            let listener = listening()?;
            set_cloexec(&listener, true)?;
            start_another(listener)
        }
        // Another program: it knows nothing of sockets.
        _ => read(std::io::stdin(), &mut [0; 1]).map(drop),
    }))
}

/// The child waits for an end that it holds itself.
fn both_ends() -> Result<()> {
    let (parents, workers) = socketpair(AF_UNIX, SOCK_STREAM)?;
    // SAFETY: there is no other thread that the child would lack.
    let Some(worker) = (unsafe { fork() })? else {
        recvmsg(&workers, &mut [0; 1], 1)?;
        return close(workers);
    };
    close(workers)?;
    close(parents)?;
    waitpid(worker)
}

/// The worker closes the connection, and the client does not learn of it.
fn keeps_it() -> Result<()> {
    let (parents, workers) = socketpair(AF_UNIX, SOCK_STREAM)?;
    // SAFETY: there is no other thread that the child would lack.
    let Some(worker) = (unsafe { fork() })? else {
        close(parents)?;
        let (_, conns) = recvmsg(&workers, &mut [0; 1], 1)?;
        for conn in conns {
            send(&conn, b"goodbye")?;
            close(conn)?;
        }
        return close(workers);
    };
    close(workers)?;
    let listener = listening()?;
    let (conn, _) = accept(&listener)?;
    sendmsg(&parents, b"!", &[&conn])?;
    waitpid(worker)?;
    read(std::io::stdin(), &mut [0; 1024])?;
    close(conn)
}

/// What belongs to the socket is the same through both numbers.
fn two_numbers() -> Result<()> {
    let listener = listening()?;
    let (conn, _) = accept(&listener)?;
    let copy = dup(&conn)?;
    set_nonblocking(&conn, true)?;
    if recv(&copy, &mut [0; 1]).is_err_and(|error| error.errno() != Some(Errno::EAGAIN)) {
        println!("the copy has flags of its own");
    }
    close(conn)?;
    send(&copy, b"still here")?;
    close(copy)
}

fn start_another(listener: OwnedFd) -> Result<()> {
    let mut another =
        Command::new("/proc/self/exe").arg("idle").spawn().map_err(of_std("execve"))?;
    close(listener)?;
    another.wait().map(drop).map_err(of_std("waitpid"))
}

fn listening() -> Result<OwnedFd> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    Ok(listener)
}
