//! Exercise 29 with a loop that sleeps in accept: shutdown of the listener wakes it, with EINVAL.

use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write, stdin};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::panic::catch_unwind;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    let mut class = String::new();
    stdin().read_line(&mut class)?;
    let threading = class.trim_end() == "ThreadingTCPServer";
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 7029)).into())?;
    listener.listen(5)?;
    thread::scope(|threads| {
        threads.spawn(|| {
            loop {
                match listener.accept() {
                    Ok((conn, _)) if threading => drop(threads.spawn(|| serve(conn.into()))),
                    Ok((conn, _)) => serve(conn.into()),
                    Err(error) if error.kind() == ErrorKind::InvalidInput => break,
                    Err(error) => eprintln!("accept: {error}"),
                }
            }
        });
        stdin().lines().for_each(drop);
        listener.shutdown(Shutdown::Both)
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
    let mut line = String::new();
    BufReader::new(conn).read_line(&mut line)?;
    if line.is_empty() {
        return Err(Error::from(ErrorKind::UnexpectedEof));
    }
    conn.write_all(format!("hello {}\r\n", line.trim_end()).as_bytes())
}
