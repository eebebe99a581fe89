//! Exercise 23 with the standard library. It has no signals, so a thread of its own waits for the one.

use std::io::{ErrorKind, Result};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};
use std::path::{Path, PathBuf};
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
    // Of all threads that come, too.
    ends.thread_block()?;
    let listener = bound(&path)?;
    thread::spawn(move || leave_with(&ends, path));

    for conn in listener.incoming() {
        let done = conn.and_then(|conn| std::io::copy(&mut &conn, &mut &conn));
        if let Err(error) = done {
            eprintln!("error: {error}");
        }
    }
    Ok(())
}

fn bound(path: &Path) -> Result<UnixListener> {
    match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => match UnixStream::connect(path) {
            Err(refused) if refused.kind() == ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)
            }
            _ => Err(error),
        },
        done => done,
    }
}

fn leave_with(ends: &SigSet, path: PathBuf) {
    let _ = ends.wait();
    let _ = std::fs::remove_file(path);
    std::process::exit(0);
}

/// A name of its own, in no folder: std cannot ask the kernel for one.
fn client() -> Result<()> {
    let own = format!("lab-23-{}", std::process::id());
    let sock = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(own)?)?;
    sock.send_to(b"time?", std::env::temp_dir().join("lab-23-clock"))?;
    let mut buf = [0; 1024];
    let n = sock.recv(&mut buf)?;
    println!("{}", String::from_utf8_lossy(&buf[..n]));
    Ok(())
}
