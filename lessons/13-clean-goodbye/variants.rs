//! Lesson 13's other goodbyes: programs of a few calls, each of which leaves in its own way.
//!
//! `lab run 13 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

fn main() -> ExitCode {
    let roles = ["closes", "shuts-down", "one-shot", "wordy", "impatient", "sends-on"];
    finish(role_of(roles).and_then(|role| match role {
        "closes" => wakes(|sock| {
            // The number, behind the owner's back: kit's close would not let us.
            nix::unistd::close(sock.as_raw_fd())
                .map_err(|errno| Error::Call { name: "close", errno })
        }),
        "shuts-down" => wakes(|sock| shutdown(sock, SHUT_RDWR)),
        "one-shot" => one_shot(),
        "wordy" => wordy(),
        "impatient" => impatient(),
        _ => sends_on(),
    }))
}

/// A thread sleeps in recv; after a line of its user's, another one ends that socket.
fn wakes(end: impl Fn(&OwnedFd) -> Result<()>) -> Result<()> {
    let sock = connected()?;
    thread::scope(|both| {
        both.spawn(|| finish(reads(&sock)));
        input("")?;
        end(&sock)
    })?;
    // Closed already, or not: either way the number is not ours to close any more.
    std::mem::forget(sock);
    Ok(())
}

fn reads(sock: &OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    while let n @ 1.. = recv(sock, &mut buf)? {
        println!("{}", text(&buf[..n])?);
    }
    Ok(())
}

/// Lesson 1's server: it reads once, whatever the client still has to say.
fn one_shot() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    let (conn, _) = accept(&listener)?;
    recv(&conn, &mut [0; 1024])?;
    send(&conn, "欢迎".as_bytes())?;
    // 3976 bytes are still unread.
    close(conn)?;
    close(listener)
}

/// Asks for 5000 bytes' worth, and reads what it is told until the end.
fn wordy() -> Result<()> {
    let sock = connected()?;
    send(&sock, &[b'?'; 5000])?;
    reads(&sock)
}

/// Says its word and cuts the line.
fn impatient() -> Result<()> {
    let sock = connected()?;
    send(&sock, "你好".as_bytes())?;
    input("")?;
    set_linger(&sock, Some(Duration::ZERO))?;
    close(sock)
}

/// Sends what is typed, and asks nobody whether there is still somebody to read it.
fn sends_on() -> Result<()> {
    let sock = connected()?;
    while let Some(line) = input("")? {
        send(&sock, line.as_bytes())?;
    }
    close(sock)
}

fn connected() -> Result<OwnedFd> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    Ok(sock)
}
