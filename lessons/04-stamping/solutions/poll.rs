//! Exercise 4 with poll(2): one thread, all clients at once, and no call waits but poll itself.
//!
//! A client whose reply is not out yet is not read from: its next line waits in the kernel.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

struct Client {
    conn: TcpStream,
    /// What the kernel has not taken yet.
    reply: Vec<u8>,
}

fn main() -> Result<()> {
    let listener = TcpListener::bind("0.0.0.0:21567")?;
    listener.set_nonblocking(true)?;
    println!("waiting for connection...");
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let mut fds = vec![PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        fds.extend(clients.iter().map(|client| {
            let idle = client.reply.is_empty();
            let events = if idle { PollFlags::POLLIN } else { PollFlags::POLLOUT };
            PollFd::new(client.conn.as_fd(), events)
        }));
        match poll(&mut fds, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            ready => ready?,
        };
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any() == Some(true)).collect();

        let mut at = 0;
        clients.retain_mut(|client| {
            at += 1;
            !ready[at] || go_on(client).is_ok()
        });
        if ready[0] {
            match listener.accept() {
                Ok((conn, peer)) => {
                    println!("... connected form: ('{}', {})", peer.ip(), peer.port());
                    conn.set_nonblocking(true)?;
                    clients.push(Client { conn, reply: Vec::new() });
                    println!("waiting for connection...");
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => eprintln!("{error}"),
            }
        }
    }
}

/// Reads a piece, or sends what is left of a reply; an error once there is nothing more to do.
fn go_on(client: &mut Client) -> Result<()> {
    let mut buf = [0; 1024];
    let moved = match client.reply.is_empty() {
        true => client.conn.read(&mut buf),
        false => client.conn.write(&client.reply),
    };
    match moved {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
        Ok(n) if !client.reply.is_empty() => drop(client.reply.drain(..n)),
        Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
        Ok(n) => {
            let stamp = format!("[{:?}]: {}", kit::time(), kit::py_repr(&buf[..n]));
            client.reply = stamp.into_bytes();
        }
        Err(error) => return Err(error),
    }
    Ok(())
}
