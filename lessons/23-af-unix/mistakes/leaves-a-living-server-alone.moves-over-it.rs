//! A name of its own, then rename(2) over the old one: there is never a moment without a server, and never a question.

use std::io::Result;
use std::os::unix::net::UnixListener;
use std::process::exit;
use std::thread;

use nix::sys::signal::{SigSet, Signal};

fn main() -> Result<()> {
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
