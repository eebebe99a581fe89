//! Exercise 29 with the standard library: who sleeps in accept is woken by a client, and that is the server itself.

use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write, stdin};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

static STOPPING: AtomicBool = AtomicBool::new(false);

fn main() -> Result<()> {
    let mut class = String::new();
    stdin().read_line(&mut class)?;
    let threading = class.trim_end() == "ThreadingTCPServer";
    let listener = TcpListener::bind("127.0.0.1:7029")?;
    thread::scope(|threads| {
        threads.spawn(|| {
            for conn in listener.incoming() {
                if STOPPING.load(SeqCst) {
                    break;
                }
                match conn {
                    Ok(conn) if threading => drop(threads.spawn(|| serve(conn))),
                    Ok(conn) => serve(conn),
                    Err(error) => eprintln!("accept: {error}"),
                }
            }
        });
        stdin().lines().for_each(drop);
        STOPPING.store(true, SeqCst);
        TcpStream::connect("127.0.0.1:7029").map(drop)
    })
}

fn serve(conn: TcpStream) {
    match catch_unwind(|| handle(&conn)) {
        Ok(Err(error)) => eprintln!("{error}"),
        _ => drop(conn.shutdown(Shutdown::Write)),
    }
}

fn handle(mut conn: &TcpStream) -> Result<()> {
    conn.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut line = Vec::new();
    BufReader::new(conn).read_until(b'\n', &mut line)?;
    let name = std::str::from_utf8(line.trim_ascii_end());
    let name = name.map_err(|error| Error::new(ErrorKind::InvalidData, error))?;
    conn.write_all(format!("hello {name}\r\n").as_bytes())
}
