//! Exercise 30 with std's sockets. SIGCHLD is ignored: who ends leaves nothing behind, and there is nobody to wait for.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

use nix::sys::signal::{SigHandler, Signal, signal};
use nix::unistd::{ForkResult, fork};

fn main() -> io::Result<()> {
    // SAFETY: nothing that could be interrupted is called: no function handles the signal.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }?;
    let listener = TcpListener::bind("127.0.0.1:7030")?;
    for conn in listener.incoming() {
        let conn = conn?;
        // SAFETY: there is no other thread that the child would lack.
        if let ForkResult::Child = unsafe { fork() }? {
            drop(listener);
            return serve(conn);
        }
    }
    Ok(())
}

fn serve(mut conn: TcpStream) -> io::Result<()> {
    let mut line = String::new();
    BufReader::new(&conn).read_line(&mut line)?;
    let mut numbers = line.split_whitespace().map(str::parse::<i64>);
    let (Some(Ok(a)), Some(Ok(b))) = (numbers.next(), numbers.next()) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let quotient = a.checked_div(b).ok_or(io::ErrorKind::InvalidData)?;
    writeln!(conn, "{quotient}")
}
