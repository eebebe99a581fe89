//! Exercise 11 with std: `&TcpStream` can be read in one thread and written in another.

use std::io::{ErrorKind, Read, Result, Write, stdin, stdout};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("server") => server(),
        _ => client(),
    }
}

fn server() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:9999")?;
    println!("等待连接...");
    let (new, came) = channel();
    thread::spawn(|| route(came));
    for conn in listener.incoming() {
        let conn = Arc::new(conn?);
        let peer = conn.peer_addr()?;
        println!("连接服务器: 地址 ('{}', {})", peer.ip(), peer.port());
        // If the keyboard has ended, nobody is there to speak to this one: it is only listened to.
        if new.send(Arc::clone(&conn)).is_err() {
            conn.shutdown(Shutdown::Write)?;
        }
        thread::spawn(move || show(&conn));
    }
    Ok(())
}

/// Reads the keyboard; whoever has come meanwhile stands in `came`.
fn route(came: Receiver<Arc<TcpStream>>) {
    let mut clients = Vec::new();
    for line in stdin().lines().map_while(Result::ok) {
        clients.extend(came.try_iter());
        let to = line.strip_prefix('@').and_then(|rest| rest.split_once(' '));
        let to = to.and_then(|(n, text)| Some((n.parse::<usize>().ok()?, text)));
        let text = to.map_or(line.as_str(), |(_, text)| text);
        for (n, conn) in clients.iter().enumerate() {
            if to.is_none_or(|(wanted, _)| wanted == n + 1) {
                // One that has gone ends nothing for the others.
                let _ = (&**conn).write_all(format!("{text}\n").as_bytes());
            }
        }
    }
    clients.extend(came.try_iter());
    for conn in clients {
        let _ = conn.shutdown(Shutdown::Write);
    }
}

fn client() -> Result<()> {
    let conn = TcpStream::connect("127.0.0.1:9999")?;
    thread::scope(|threads| {
        let sender = threads.spawn(|| {
            for line in stdin().lines() {
                (&conn).write_all(format!("{}\n", line?).as_bytes())?;
            }
            conn.shutdown(Shutdown::Write)
        });
        show(&conn)?;
        sender.join().unwrap()
    })
}

/// Shows what comes, up to its end.
fn show(mut conn: &TcpStream) -> Result<()> {
    let mut buf = [0; 4096];
    loop {
        let n = match conn.read(&mut buf) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            n => n?,
        };
        let mut terminal = stdout().lock();
        terminal.write_all(&buf[..n])?;
        terminal.flush()?;
    }
}
