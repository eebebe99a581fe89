//! Lesson 30 - forking servers
//!
//! A process for each client. fork(2) copies the descriptors, so that parent
//! and child each close what is the other's. A child that has ended stays in
//! the kernel's table until its parent asks how it went. SIGCHLD says when,
//! and gets the parent out of accept.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::children::{SIGCHLD, handle, waitpid_any};
use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7030);

fn main() -> ExitCode {
    let role = role_of(["server", "shy", "client"]);
    finish(role.and_then(|role| match role {
        "server" => server(),
        "shy" => shy(),
        _ => client(),
    }))
}

/// Runs when a child ends, whatever the parent is doing.
extern "C" fn collect(_: i32) {
    let errno = Errno::last_raw();
    // Several may have ended: one signal may stand for many.
    while let Ok(Some(_)) = waitpid_any() {}
    Errno::set_raw(errno);
}

fn server() -> Result<()> {
    // SAFETY: what it calls may be called by a handler, and errno is kept.
    unsafe { handle(SIGCHLD, collect) }?;
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;

    loop {
        let conn = match accept(&listener) {
            Ok((conn, _)) => conn,
            // Nothing is wrong: a child has ended, and was collected.
            Err(error) if error.errno() == Some(Errno::EINTR) => continue,
            Err(error) => return Err(error),
        };
        // SAFETY: there is no other thread that the child would lack.
        let Some(_child) = (unsafe { fork() })? else {
            close(listener)?;
            return serve(conn);
        };
        // The child has a copy. With ours kept the client would find no end.
        close(conn)?;
    }
}

/// What the child does. Its end is that of the process.
fn serve(conn: OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    send(&conn, format!("you said {}", text(&buf[..n])?).as_bytes())?;
    close(conn)
}

/// Connects first and speaks last.
fn shy() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    let line = input("")?.unwrap_or_default();
    ask(sock, &line)
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    ask(sock, "hello")
}

fn ask(sock: OwnedFd, what: &str) -> Result<()> {
    send(&sock, what.as_bytes())?;
    let mut buf = [0; 1024];
    let n = recv(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    recv(&sock, &mut buf)?;
    close(sock)
}
