//! What helps over TCP: SO_REUSEADDR. A name in a folder is no port that TIME-WAIT is on.

use std::io::Result;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::process::exit;
use std::thread;

use nix::sys::signal::{SigSet, Signal};
use socket2::{Domain, SockAddr, Socket, Type};

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
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    listener.set_reuse_address(true)?;
    listener.bind(&SockAddr::unix(&path)?)?;
    listener.listen(5)?;
    let listener = UnixListener::from(OwnedFd::from(listener));

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
