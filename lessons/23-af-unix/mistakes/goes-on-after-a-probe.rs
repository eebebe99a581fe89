//! A client that says nothing is taken for one that went wrong. It had only asked whether anybody is there.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::exit;
use std::thread;

use nix::sys::signal::{SigSet, Signal};

fn main() -> Result<()> {
    let path = std::env::temp_dir().join("lab-23");
    let ends: SigSet = [Signal::SIGTERM].into_iter().collect();
    ends.thread_block()?;
    let listener = bound(&path)?;
    thread::spawn(move || {
        let _ = ends.wait();
        let _ = std::fs::remove_file(path);
        exit(0);
    });
    for conn in listener.incoming() {
        echo(&conn?)?;
    }
    Ok(())
}

fn bound(path: &Path) -> Result<UnixListener> {
    match UnixStream::connect(path) {
        Ok(_) => return Err(Error::from(ErrorKind::AddrInUse)),
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
        Err(_) => {}
    }
    UnixListener::bind(path)
}

fn echo(mut conn: &UnixStream) -> Result<()> {
    let mut buf = [0; 1024];
    // At least a byte must come.
    conn.read_exact(&mut buf[..1])?;
    let mut n = 1;
    while n > 0 {
        conn.write_all(&buf[..n])?;
        n = conn.read(&mut buf)?;
    }
    Ok(())
}
