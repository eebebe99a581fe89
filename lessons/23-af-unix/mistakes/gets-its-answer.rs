//! As over UDP: a socket that was never bound sends, and waits for what comes back to it.

use std::io::{ErrorKind, Result};
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

fn client() -> Result<()> {
    let sock = UnixDatagram::unbound()?;
    sock.connect(std::env::temp_dir().join("lab-23-clock"))?;
    sock.send(b"time?")?;
    let mut buf = [0; 1024];
    let n = sock.recv(&mut buf)?;
    println!("{}", String::from_utf8_lossy(&buf[..n]));
    Ok(())
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
        let conn = conn?;
        std::io::copy(&mut &conn, &mut &conn)?;
    }
    Ok(())
}

fn bound(path: &Path) -> Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error)
            if error.kind() == ErrorKind::AddrInUse && UnixStream::connect(path).is_err() =>
        {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        done => done,
    }
}
