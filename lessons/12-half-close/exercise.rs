//! Exercise 12 - half-close
//!
//! Both sides talk a line at a time: what is typed goes out with its `\n`,
//! what comes is printed. `exit` is a line like any other, and the last one.
//!
//! Two programs are to be mended here. The client leaves as soon as its user
//! has typed `exit`, and never hears what the server still says. The server
//! has one more line to say then, after which it closes; but it finds `exit`
//! only where recv gives that line alone, and does not know a stream's end.
//!
//! `lab check 12` runs both and plays the other side. To do that yourself, run
//! this with `server` in one shell and with `client` in another.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

/// A client's connection; whichever of its two threads is last closes it.
struct Link {
    conn: OwnedFd,
    open: AtomicBool,
}

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn client() -> Result<()> {
    let sock = Arc::new(socket(AF_INET, SOCK_STREAM)?);
    connect(&sock, ADDRESS)?;
    let same = Arc::clone(&sock);
    let _prints = thread::spawn(move || print_lines(&same));

    // TODO: When its user has no more to say (`exit`, or the end of the
    // input), the server learns that no more will come, and the client still
    // prints all that the server says. It ends when the server has closed.
    while let Some(line) = input("")? {
        send_line(&sock, &line)?;
        if line == "exit" {
            break;
        }
    }
    Ok(())
}

/// Prints whole lines for as long as any come.
fn print_lines(sock: &OwnedFd) -> Result<()> {
    let (mut buf, mut lines) = ([0; 1024], Vec::new());
    while let n @ 1.. = recv(sock, &mut buf)? {
        lines.extend_from_slice(&buf[..n]);
        while let Some(end) = lines.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = lines.drain(..=end).collect();
            print!("{}", text(&line)?);
        }
    }
    Ok(())
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    println!("等待连接...");
    loop {
        let (conn, peer) = accept(&listener)?;
        println!("连接服务器: 地址 {}", py_addr(peer));
        let link = Arc::new(Link { conn, open: AtomicBool::new(true) });
        let same = Arc::clone(&link);
        thread::spawn(move || finish(server_sends(&link)));
        thread::spawn(move || finish(server_receives(&same)));
    }
}

/// Sends what is typed. The line after the client's `exit` is the last word.
fn server_sends(link: &Link) -> Result<()> {
    let mut open = true;
    while open && let Some(line) = input("")? {
        open = link.open.load(Relaxed);
        send_line(&link.conn, &line)?;
    }
    Ok(())
}

fn server_receives(link: &Link) -> Result<()> {
    // TODO: Every line is printed as it is, and the client's last one is
    // noticed: in whatever pieces its bytes arrive, and also if the client
    // ends its direction, or breaks off, without saying `exit`.
    let mut buf = [0; 1024];
    while link.open.load(Relaxed) {
        let n = recv(&link.conn, &mut buf)?;
        let message = text(&buf[..n])?;
        print!("{message}");
        if message == "exit\n" {
            link.open.store(false, Relaxed);
        }
    }
    Ok(())
}

fn send_line(socket: &OwnedFd, line: &str) -> Result<()> {
    let line = format!("{line}\n");
    let mut rest = line.as_bytes();
    while !rest.is_empty() {
        rest = &rest[send(socket, rest)?..];
    }
    Ok(())
}
