//! Exercise 23 with socket2, and with the signal's descriptor that the standard library lacks.

use std::io::{Error, ErrorKind, Result};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use socket2::{Domain, SockAddr, Socket, Type};

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("client") => client(),
        _ => server(),
    }
}

fn server() -> Result<()> {
    let path = std::env::temp_dir().join("lab-23");
    let signals: SigSet = [Signal::SIGTERM].into_iter().collect();
    signals.thread_block()?;
    let ended = SignalFd::new(&signals)?;

    let listener = listening(&path)?;
    loop {
        let mut fds =
            [listener.as_fd(), ended.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        poll(&mut fds, PollTimeout::NONE)?;
        if fds[1].any() == Some(true) {
            return std::fs::remove_file(&path);
        }
        let conn = UnixStream::from(OwnedFd::from(listener.accept()?.0));
        if let Err(error) = std::io::copy(&mut &conn, &mut &conn) {
            eprintln!("error: {error}");
        }
    }
}

/// Asks first and binds then: who is at home keeps the name.
fn listening(path: &Path) -> Result<Socket> {
    let name = SockAddr::unix(path)?;
    let probe = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    match probe.connect(&name).map_err(|error| error.kind()) {
        Ok(()) => return Err(Error::from(ErrorKind::AddrInUse)),
        Err(ErrorKind::ConnectionRefused) => std::fs::remove_file(path)?,
        Err(_) => {}
    }
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    listener.bind(&name)?;
    listener.listen(5)?;
    Ok(listener)
}

/// The family and no name is an address, too; here its bytes are those of an empty path.
fn client() -> Result<()> {
    let sock = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    sock.bind(&SockAddr::unix("")?)?;
    let sock = UnixDatagram::from(OwnedFd::from(sock));
    sock.send_to(b"time?", std::env::temp_dir().join("lab-23-clock"))?;
    let mut buf = [0; 1024];
    let n = sock.recv(&mut buf)?;
    println!("{}", String::from_utf8_lossy(&buf[..n]));
    Ok(())
}
