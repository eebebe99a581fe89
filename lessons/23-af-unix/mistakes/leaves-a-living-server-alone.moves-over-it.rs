//! A name of its own, then rename(2) over the old one: there is never a moment without a server, and never a question.

use std::io::Result;
use std::os::unix::net::{UnixDatagram, UnixListener};
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
    let new = path.with_extension("new");
    let listener = UnixListener::bind(&new)?;
    std::fs::rename(&new, &path)?;

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
