//! It reads until the client ends, however long that takes. A client that does not end is never let go.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::sync::Mutex;
use std::thread;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

/// Who reads stdin; one line wakes the threads of all clients.
static TYPED: Mutex<()> = Mutex::new(());

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
    let stdin = std::io::stdin();
    let (mut lines, mut typing) = (Vec::new(), true);
    loop {
        let wait = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut both = [wait(conn.as_fd()), wait(stdin.as_fd())];
        // The end of the input is ready for ever: it must not be asked for.
        poll(&mut both[..1 + usize::from(typing)], PollTimeout::NONE)?;
        let [came, typed] = both.map(|fd| fd.any() == Some(true));
        if came && !print_some(&conn, &mut lines)? {
            break;
        }
        if typed {
            let _alone = TYPED.lock();
            // Another client's thread may have taken the line meanwhile.
            if poll(&mut [wait(stdin.as_fd())], PollTimeout::ZERO)? > 0 {
                match input("")? {
                    Some(line) => send_line(&conn, &line)?,
                    None => typing = false,
                }
            }
        }
    }

    send_line(&conn, "再见")?;
    shutdown(&conn, SHUT_WR)?;
    while recv(&conn, &mut [0; 1024]).is_ok_and(|n| n > 0) {}
    close(conn)
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
