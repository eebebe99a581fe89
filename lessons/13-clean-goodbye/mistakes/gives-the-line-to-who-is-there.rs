//! The thread that reads says goodbye and closes; the one that writes sleeps on. It has no client any more, but it takes the
//! next line that is typed, and nobody gets it.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

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
    let conn = Arc::new(conn);
    let to = Arc::downgrade(&conn);
    thread::spawn(move || {
        while let Ok(Some(line)) = input("") {
            let Some(conn) = to.upgrade() else { break };
            if send_line(&conn, &line).is_err() {
                break;
            }
        }
    });
    let done = print_lines(&conn);
    Arc::into_inner(conn).map_or(done, goodbye)
}

fn goodbye(conn: OwnedFd) -> Result<()> {
    send_line(&conn, "再见")?;
    shutdown(&conn, SHUT_WR)?;
    set_recv_timeout(&conn, Duration::from_secs(1))?;
    // Up to the client's end, a second without a byte, or an error: then it is over.
    while recv(&conn, &mut [0; 1024]).is_ok_and(|n| n > 0) {}
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
