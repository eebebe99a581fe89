//! Exercise 23 with a lock beside the name. Who has it is the only one: what it finds at the name is stale.
//!
//! The lock goes with the process, however that ends. The file that it is on stays, and is in nobody's way.

use std::fs::File;
use std::io::{Error, ErrorKind, Result};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::thread;

use nix::fcntl::{Flock, FlockArg};
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

    let file = File::create(path.with_extension("lock"))?;
    let _lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)?;
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;

    thread::spawn(move || {
        let _ = ends.wait();
        let _ = std::fs::remove_file(path);
        std::process::exit(0);
    });
    for conn in listener.incoming() {
        let done = conn.and_then(|conn| std::io::copy(&mut &conn, &mut &conn));
        done.map(drop).unwrap_or_else(|error: Error| eprintln!("error: {error}"));
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
