//! Exercise 13 in one thread: listener, stdin and all clients in one poll(2). Nothing else waits, not even a goodbye.

use std::io::{ErrorKind, Read, Result, Write, stdout};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::read;

struct Client {
    conn: TcpStream,
    line: Vec<u8>,
    /// From its end on: until when it is read from.
    leaves: Option<Instant>,
}

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:9999")?;
    println!("等待连接...");
    let (stdin, mut typing) = (std::io::stdin(), true);
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let mut fds = vec![wait(listener.as_fd()), wait(stdin.as_fd())];
        fds.extend(clients.iter().map(|client| wait(client.conn.as_fd())));
        if !typing {
            fds[1].set_events(PollFlags::empty());
        }
        poll(&mut fds, patience(&clients))?;
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any() == Some(true)).collect();

        let mut at = 2;
        clients.retain_mut(|client| {
            at += 1;
            let stays = !ready[at - 1] || client.hear().unwrap_or(false);
            stays && client.leaves.is_none_or(|time| time > Instant::now())
        });
        if ready[1] && typing {
            let mut typed = [0; 4096];
            let n = read(&stdin, &mut typed)?;
            typing = n > 0;
            for client in clients.iter().filter(|client| client.leaves.is_none()) {
                let mut to = &client.conn;
                let _ = to.write_all(&typed[..n]);
            }
        }
        if ready[0] {
            let (conn, peer) = listener.accept()?;
            println!("连接服务器: 地址 ('{}', {})", peer.ip(), peer.port());
            clients.push(Client { conn, line: Vec::new(), leaves: None });
        }
    }
}

impl Client {
    /// Reads once. False: it is over and may be closed.
    fn hear(&mut self) -> Result<bool> {
        let mut buf = [0; 1024];
        let n = match self.conn.read(&mut buf) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            n => n?,
        };
        if self.leaves.is_some() {
            return Ok(n > 0);
        }
        self.line.extend_from_slice(&buf[..n]);
        let mut said_exit = false;
        while let Some(end) = self.line.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            stdout().write_all(&line)?;
            said_exit = line == b"exit\n";
            if said_exit {
                break;
            }
        }
        if said_exit || n == 0 {
            self.conn.write_all("再见\n".as_bytes())?;
            self.conn.shutdown(Shutdown::Write)?;
            self.leaves = Some(Instant::now() + Duration::from_secs(1));
        }
        Ok(n > 0)
    }
}

/// How long poll may sleep: until the first goodbye is over.
fn patience(clients: &[Client]) -> PollTimeout {
    let first = clients.iter().filter_map(|client| client.leaves).min();
    let left = first.map(|time| time.saturating_duration_since(Instant::now()));
    // A millisecond more, or it would wake up just before the time.
    left.and_then(|left| PollTimeout::try_from(left.as_millis() + 1).ok())
        .unwrap_or(PollTimeout::NONE)
}

fn wait(fd: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::new(fd, PollFlags::POLLIN)
}
