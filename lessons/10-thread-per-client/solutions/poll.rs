//! Exercise 10 with poll(2) and no thread at all: it waits for everybody at once, and so for nobody.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:9999")?;
    println!("等待连接...");
    let mut conns: Vec<TcpStream> = Vec::new();
    loop {
        let mut all = vec![PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        all.extend(conns.iter().map(|conn| PollFd::new(conn.as_fd(), PollFlags::POLLIN)));
        match poll(&mut all, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            ready => ready?,
        };
        let mut ready: Vec<bool> = all.iter().map(|it| it.any().unwrap_or(false)).collect();
        let somebody_came = ready.remove(0);

        // Who has spoken is answered and let go; the others stay.
        let spoken = conns.extract_if(.., |_| ready.remove(0));
        for mut conn in spoken {
            if let Err(error) = answer(&mut conn) {
                eprintln!("{error}");
            }
        }
        if somebody_came {
            match listener.accept() {
                Ok((conn, peer)) => {
                    let (thread, ip, port) = (thread::current().id(), peer.ip(), peer.port());
                    println!("连接服务器: 地址 ('{ip}', {port}) 所在线程 {thread:?}");
                    conns.push(conn);
                }
                Err(error) => eprintln!("{error}"),
            }
        }
    }
}

/// poll has said that there is something to read: this waits for nothing.
fn answer(conn: &mut TcpStream) -> Result<()> {
    let mut buf = [0; 1024];
    let n = loop {
        match conn.read(&mut buf) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            n => break n?,
        }
    };
    println!("{}", String::from_utf8_lossy(&buf[..n]));
    conn.write_all("欢迎".as_bytes())
}
