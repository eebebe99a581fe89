//! Exercise 12 with poll(2), without a thread: stdin and the sockets are waited for together.
//!
//! What is typed goes to every client. One that has said its last gets the next line, and that is the end.

use std::io::{Result, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::read;

const ADDRESS: &str = "127.0.0.1:9999";

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("server") => server(),
        _ => client(),
    }
}

fn client() -> Result<()> {
    let mut talk = Talk { sock: TcpStream::connect(ADDRESS)?, came: Lines::default(), over: false };
    let (stdin, mut typed, mut talks) = (std::io::stdin(), Lines::default(), true);
    // An `exit` of the server's would not be its end: only zero is.
    while !talk.came.ended {
        let ready = ready(&[talks.then_some(stdin.as_fd()), Some(talk.sock.as_fd())])?;
        if ready[0] {
            for line in typed.read(stdin.as_fd())? {
                talk.sock.write_all(&line)?;
                talks &= line != b"exit\n";
            }
            talks &= !typed.ended;
            if !talks {
                talk.sock.shutdown(Shutdown::Write)?;
            }
        }
        if ready[1] {
            talk.print()?;
        }
    }
    Ok(())
}

fn server() -> Result<()> {
    let listener = TcpListener::bind(ADDRESS)?;
    println!("等待连接...");
    let (stdin, mut typed) = (std::io::stdin(), Lines::default());
    let mut talks: Vec<Talk> = Vec::new();
    loop {
        let mut fds = vec![Some(listener.as_fd()), (!typed.ended).then_some(stdin.as_fd())];
        fds.extend(talks.iter().map(|talk| (!talk.over).then_some(talk.sock.as_fd())));
        let ready = ready(&fds)?;
        for (talk, _) in talks.iter_mut().zip(&ready[2..]).filter(|(_, ready)| **ready) {
            if let Err(error) = talk.print() {
                eprintln!("{error}");
                talk.over = true;
            }
        }
        if ready[1] {
            for line in typed.read(stdin.as_fd())? {
                talks.retain_mut(|talk| talk.sock.write_all(&line).is_ok() && !talk.over);
            }
        }
        if typed.ended {
            talks.retain(|talk| !talk.over);
        }
        if ready[0] {
            let (sock, peer) = listener.accept()?;
            println!("连接服务器: 地址 ('{}', {})", peer.ip(), peer.port());
            talks.push(Talk { sock, came: Lines::default(), over: false });
        }
    }
}

struct Talk {
    sock: TcpStream,
    came: Lines,
    /// The other side has said its last.
    over: bool,
}

impl Talk {
    fn print(&mut self) -> Result<()> {
        for line in self.came.read(self.sock.as_fd())? {
            std::io::stdout().write_all(&line)?;
            self.over |= line == b"exit\n";
        }
        self.over |= self.came.ended;
        Ok(())
    }
}

/// Bytes that come in any pieces, as lines.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
    ended: bool,
}

impl Lines {
    /// Reads once; gives the lines that are whole by now.
    fn read(&mut self, from: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>> {
        let mut buf = [0; 1024];
        let n = read(from, &mut buf)?;
        self.ended = n == 0;
        self.rest.extend_from_slice(&buf[..n]);
        let whole = self.rest.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        Ok(lines.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect())
    }
}

/// Waits until one of these can be read; says which. `None` is not waited for.
fn ready(fds: &[Option<BorrowedFd<'_>>]) -> Result<Vec<bool>> {
    let asked: Vec<_> =
        fds.iter().flatten().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    let mut answered = asked;
    poll(&mut answered, PollTimeout::NONE)?;
    let mut answers = answered.iter().map(|fd| fd.any().unwrap_or(false));
    Ok(fds.iter().map(|fd| fd.is_some() && answers.next().unwrap_or(false)).collect())
}
