//! Exercise 13 with the standard library: one thread for the user, one for each client. No thread of a client's waits for
//! the user, so none has to be woken.

use std::io::{BufRead, BufReader, Read, Result, Write, stdin, stdout};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

type Clients = Mutex<Vec<Arc<TcpStream>>>;

static CLIENTS: Clients = Mutex::new(Vec::new());

fn main() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:9999")?;
    println!("等待连接...");
    thread::spawn(|| {
        for line in stdin().lines().map_while(Result::ok) {
            for client in clients().iter() {
                // Whoever has gone is taken out by its own thread.
                let _ = (&**client).write_all(format!("{line}\n").as_bytes());
            }
        }
    });
    loop {
        let (conn, peer) = listener.accept()?;
        println!("连接服务器: 地址 ('{}', {})", peer.ip(), peer.port());
        let conn = Arc::new(conn);
        clients().push(Arc::clone(&conn));
        thread::spawn(move || {
            let done = print_lines(&conn);
            clients().retain(|it| !Arc::ptr_eq(it, &conn));
            if let Err(error) = done.and_then(|()| goodbye(&conn)) {
                eprintln!("{error}");
            }
        });
    }
}

fn clients() -> std::sync::MutexGuard<'static, Vec<Arc<TcpStream>>> {
    CLIENTS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn print_lines(conn: &TcpStream) -> Result<()> {
    let (mut from, mut line) = (BufReader::new(conn), Vec::new());
    while from.read_until(b'\n', &mut line)? > 0 {
        stdout().write_all(&line)?;
        if line == b"exit\n" {
            break;
        }
        line.clear();
    }
    Ok(())
}

fn goodbye(mut conn: &TcpStream) -> Result<()> {
    conn.write_all("再见\n".as_bytes())?;
    conn.shutdown(Shutdown::Write)?;
    conn.set_read_timeout(Some(Duration::from_secs(1)))?;
    while conn.read(&mut [0; 1024]).is_ok_and(|n| n > 0) {}
    Ok(())
}
