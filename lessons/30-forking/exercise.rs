//! Exercise 30 - forking servers
//!
//! A server that divides, with a process for each client. A client sends two
//! numbers, `84 2` and a newline, gets `42` and a newline, and finds the end.
//! Who divides by zero finds the end at once: the process fails that serves
//! him, and no other. This server does not outlive the first of its children.
//!
//! `lab check 30` runs it and plays the clients. To do that yourself, run it
//! with `server`, and call `nc 127.0.0.1 7030` in other shells.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::children::{On, SIGCHLD, sigaction};
use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7030);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    // TODO: The server goes on when a child ends, and serves all clients at
    // once. A client finds the end when its child has ended. At a quiet moment
    // no child that has ended is left behind, also if nobody comes any more.
    sigaction(SIGCHLD, On::Interrupt)?;
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 32)?;
    let mut served = Vec::new();
    loop {
        let (conn, _) = accept(&listener)?;
        // SAFETY: there is no other thread that the child would lack.
        let Some(child) = (unsafe { fork() })? else {
            return serve(conn);
        };
        served.push((child, conn));
    }
}

fn serve(conn: OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    let quotient = divide(text(&buf[..n])?)?;
    send(&conn, format!("{quotient}\n").as_bytes())?;
    close(conn)
}

/// Fails if there are no two numbers, or if the second one is zero.
fn divide(line: &str) -> Result<i64> {
    let numbers: Vec<i64> = line.split_whitespace().filter_map(|it| it.parse().ok()).collect();
    let quotient = match numbers[..] {
        [a, b] => a.checked_div(b),
        _ => None,
    };
    quotient.ok_or(Error::Call { name: "divide", errno: Errno::EDOM })
}
