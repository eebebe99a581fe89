//! A client that says nothing is taken for one that went wrong. It had only asked whether anybody is there.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::exit;
use std::thread;

use nix::sys::signal::{SigSet, Signal};

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("client") => client(),
        _ => server(),
    }
}

fn server() -> Result<()> {
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

/// A name in the folder, which goes when the answer has come.
fn client() -> Result<()> {
    let folder = std::env::temp_dir();
    let own = folder.join(format!("lab-23-asks-{}", std::process::id()));
    let sock = UnixDatagram::bind(&own)?;
    sock.send_to(b"time?", folder.join("lab-23-clock"))?;
    let mut buf = [0; 1024];
    let n = sock.recv(&mut buf);
    std::fs::remove_file(own)?;
    println!("{}", String::from_utf8_lossy(&buf[..n?]));
    Ok(())
}
