//! Lesson 30's other ways: each leaves one thing undone, or has it done otherwise.
//!
//! `lab run 30 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::children::{On, SIGCHLD, sigaction};
use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7030);

fn main() -> ExitCode {
    let ways = ["keeps-it", "leaves-them", "gives-up", "ignores", "waits", "datagrams"];
    finish(role_of(ways).and_then(|way| if way == "datagrams" { datagrams() } else { server(way) }))
}

fn server(way: &str) -> Result<()> {
    match way {
        "gives-up" => sigaction(SIGCHLD, On::Interrupt)?,
        "ignores" | "keeps-it" => sigaction(SIGCHLD, On::Ignore)?,
        _ => {}
    }
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    let mut kept = Vec::new();
    loop {
        let (conn, _) = accept(&listener)?;
        // SAFETY: there is no other thread that the child would lack.
        let Some(child) = (unsafe { fork() })? else {
            close(listener)?;
            return serve(conn);
        };
        if way == "keeps-it" {
            kept.push(conn);
        } else {
            close(conn)?;
        }
        if way == "waits" {
            waitpid(child)?;
        }
    }
}

fn serve(conn: OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    send(&conn, format!("you said {}", text(&buf[..n])?).as_bytes())?;
    close(conn)
}

/// The parent takes the datagram, and a child answers it through the same socket: there is no other one.
fn datagrams() -> Result<()> {
    sigaction(SIGCHLD, On::Ignore)?;
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    bind(&sock, ADDRESS)?;
    let mut buf = [0; 1024];
    loop {
        let (n, from) = recvfrom(&sock, &mut buf)?;
        // SAFETY: there is no other thread that the child would lack.
        if unsafe { fork() }?.is_none() {
            sendto(&sock, format!("you said {}", text(&buf[..n])?).as_bytes(), from)?;
            return close(sock);
        }
    }
}
