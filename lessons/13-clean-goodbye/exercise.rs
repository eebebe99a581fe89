//! Exercise 13 - a clean goodbye
//!
//! A server that prints its clients' lines and sends them what is typed. When
//! a client has said `exit`, or has ended without it, the server has a last
//! line, `再见`, and ends the conversation.
//!
//! So it should be. In fact it says its last line when somebody types another
//! one, which may be never; and where that line is on its way while something
//! of the client's is still unread, the connection ends with a reset.
//!
//! `lab check 13` runs it and plays the clients. To do that yourself, run this
//! in one shell and lesson 12's exercise with `client` in another.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    println!("等待连接...");
    loop {
        let (conn, peer) = accept(&listener)?;
        println!("连接服务器: 地址 {}", py_addr(peer));
        thread::spawn(move || finish(converse(conn)));
    }
}

fn converse(conn: OwnedFd) -> Result<()> {
    // TODO: The conversation ends when the client has ended it, whether or not
    // anybody types a line, and no later than a second after that. The client
    // gets all that was sent to it, and then the end of the stream: no reset,
    // whatever it has sent or still sends.
    let open = AtomicBool::new(true);
    thread::scope(|both| {
        both.spawn(|| {
            let done = print_lines(&conn);
            open.store(false, Relaxed);
            finish(done)
        });
        while open.load(Relaxed) {
            let Some(line) = input("")? else { break };
            if open.load(Relaxed) {
                send_line(&conn, &line)?;
            }
        }
        Ok(())
    })?;
    send_line(&conn, "再见")?;
    close(conn)
}

/// Prints whole lines up to `exit` or the end of the stream.
fn print_lines(conn: &OwnedFd) -> Result<()> {
    let mut lines = Vec::new();
    while print_some(conn, &mut lines)? {}
    Ok(())
}

/// Reads once and prints the lines that are whole by then; false: that was the last.
fn print_some(conn: &OwnedFd, lines: &mut Vec<u8>) -> Result<bool> {
    let mut buf = [0; 1024];
    let n = recv(conn, &mut buf)?;
    lines.extend_from_slice(&buf[..n]);
    while let Some(end) = lines.iter().position(|&byte| byte == b'\n') {
        let line: Vec<u8> = lines.drain(..=end).collect();
        print!("{}", text(&line)?);
        if line == b"exit\n" {
            return Ok(false);
        }
    }
    Ok(n > 0)
}

fn send_line(conn: &OwnedFd, line: &str) -> Result<()> {
    let line = format!("{line}\n");
    let mut rest = line.as_bytes();
    while !rest.is_empty() {
        rest = &rest[send(conn, rest)?..];
    }
    Ok(())
}
