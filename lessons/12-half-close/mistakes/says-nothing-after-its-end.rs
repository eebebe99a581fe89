//! It ends its direction at exit and goes on as before: the next line that is typed fails with EPIPE.

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
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    thread::scope(|both| {
        let prints = both.spawn(|| finish(print_lines(&sock)));
        while let Some(line) = input("")? {
            send_line(&sock, &line)?;
            if line == "exit" {
                shutdown(&sock, SHUT_WR)?;
            }
        }
        let _ = prints.join();
        Ok(())
    })?;
    close(sock)
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
    let done = read_lines(&link.conn);
    // However it ended, it is over.
    link.open.store(false, Relaxed);
    done
}

/// Prints whole lines up to `exit` or the end of the stream.
fn read_lines(conn: &OwnedFd) -> Result<()> {
    let (mut buf, mut lines) = ([0; 1024], Vec::new());
    while let n @ 1.. = recv(conn, &mut buf)? {
        lines.extend_from_slice(&buf[..n]);
        while let Some(end) = lines.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = lines.drain(..=end).collect();
            print!("{}", text(&line)?);
            if line == b"exit\n" {
                return Ok(());
            }
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
