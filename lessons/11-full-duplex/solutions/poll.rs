//! Exercise 11 with poll(2), in one thread for both directions of everybody: the keyboard is one descriptor more.

use std::io::{ErrorKind, Read, Result, Write, stdin, stdout};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A connection, and whether the other side may still say something.
struct Talk {
    conn: TcpStream,
    open: bool,
}

fn main() -> Result<()> {
    let serves = std::env::args().nth(1).as_deref() == Some("server");
    let mut talks: Vec<Talk> = Vec::new();
    let listener = if serves {
        let listener = TcpListener::bind("127.0.0.1:9999")?;
        println!("等待连接...");
        Some(listener)
    } else {
        talks.push(Talk { conn: TcpStream::connect("127.0.0.1:9999")?, open: true });
        None
    };

    let mut typing = true;
    let mut typed = Vec::new();
    while serves || typing || talks[0].open {
        let keyboard = stdin();
        let mut wanted = Vec::new();
        // What is not to be waited for is not in the list: an end stays ready for ever.
        if typing {
            wanted.push((Source::Keyboard, PollFd::new(keyboard.as_fd(), PollFlags::POLLIN)));
        }
        if let Some(listener) = &listener {
            wanted.push((Source::Listener, PollFd::new(listener.as_fd(), PollFlags::POLLIN)));
        }
        for (n, talk) in talks.iter().enumerate().filter(|(_, talk)| talk.open) {
            wanted.push((Source::Talk(n), PollFd::new(talk.conn.as_fd(), PollFlags::POLLIN)));
        }
        let mut fds: Vec<PollFd> = wanted.iter().map(|(_, fd)| fd.clone()).collect();
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            ready => ready?,
        };
        let ready: Vec<Source> = wanted
            .iter()
            .zip(&fds)
            .filter(|(_, fd)| fd.any().unwrap_or(false))
            .map(|((source, _), _)| *source)
            .collect();

        for source in ready {
            match source {
                Source::Keyboard => {
                    typing = read_keyboard(&mut typed)?;
                    while let Some(end) = typed.iter().position(|&byte| byte == b'\n') {
                        let line: Vec<u8> = typed.drain(..=end).collect();
                        send(&line, &talks, serves);
                    }
                    if !typing {
                        for talk in &talks {
                            let _ = talk.conn.shutdown(Shutdown::Write);
                        }
                        // Who has ended too needs nothing more.
                        if serves {
                            talks.retain(|talk| talk.open);
                        }
                    }
                }
                Source::Listener => {
                    let Some((conn, peer)) = listener.as_ref().and_then(|it| it.accept().ok())
                    else {
                        continue;
                    };
                    println!("连接服务器: 地址 ('{}', {})", peer.ip(), peer.port());
                    talks.push(Talk { conn, open: true });
                }
                Source::Talk(n) => talks[n].open = show(&mut talks[n].conn),
            }
        }
        if serves && !typing {
            talks.retain(|talk| talk.open);
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Source {
    Keyboard,
    Listener,
    Talk(usize),
}

/// Adds what was typed; false if that was the end.
fn read_keyboard(typed: &mut Vec<u8>) -> Result<bool> {
    let mut buf = [0; 4096];
    match nix::unistd::read(stdin(), &mut buf) {
        Ok(0) => Ok(false),
        Ok(n) => {
            typed.extend_from_slice(&buf[..n]);
            Ok(true)
        }
        Err(Errno::EINTR) => Ok(true),
        Err(errno) => Err(errno.into()),
    }
}

/// Sends a line, with its end, to whom it is for.
fn send(line: &[u8], talks: &[Talk], numbered: bool) {
    let number = line.strip_prefix(b"@").filter(|_| numbered).and_then(|rest| {
        let blank = rest.iter().position(|&byte| byte == b' ')?;
        let number: usize = std::str::from_utf8(&rest[..blank]).ok()?.parse().ok()?;
        Some((number, &rest[blank + 1..]))
    });
    for (n, talk) in talks.iter().enumerate() {
        let text = match number {
            None => line,
            Some((number, text)) if number == n + 1 => text,
            Some(_) => continue,
        };
        let _ = (&talk.conn).write_all(text);
    }
}

/// Shows what has come; false if that was the end.
fn show(conn: &mut TcpStream) -> bool {
    let mut buf = [0; 4096];
    match conn.read(&mut buf) {
        Ok(0) => false,
        Ok(n) => stdout().write_all(&buf[..n]).and_then(|()| stdout().flush()).is_ok(),
        Err(error) => error.kind() == ErrorKind::Interrupted,
    }
}
