//! Exercise 24 with std's sockets and nix's messages: each carries one connection, and how many come after it.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::sys::wait::wait;
use nix::unistd::{ForkResult, fork};

fn main() -> io::Result<()> {
    let (parents, workers) = UnixStream::pair()?;
    // SAFETY: there is no other thread that the child would lack.
    match unsafe { fork() }? {
        ForkResult::Child => {
            drop(parents);
            return work(&workers);
        }
        ForkResult::Parent { .. } => drop(workers),
    }
    let listener = TcpListener::bind("127.0.0.1:7024")?;
    for line in io::stdin().lines() {
        let seats: u8 = line?.trim().parse().unwrap_or(0);
        for after in (0..seats).rev() {
            let (conn, _) = listener.accept()?;
            let rights = [conn.as_raw_fd()];
            let (bytes, rights) = ([after], [ControlMessage::ScmRights(&rights)]);
            let iov = [IoSlice::new(&bytes)];
            sendmsg::<()>(parents.as_raw_fd(), &iov, &rights, MsgFlags::empty(), None)?;
        }
    }
    drop((listener, parents));
    wait()?;
    Ok(())
}

fn work(workers: &UnixStream) -> io::Result<()> {
    let mut table = Vec::new();
    while let Some((conn, after)) = next(workers)? {
        table.push(TcpStream::from(conn));
        if after > 0 {
            continue;
        }
        let mut names = Vec::new();
        for conn in &mut table {
            let mut buf = [0; 1024];
            let n = conn.read(&mut buf)?;
            names.push(String::from_utf8_lossy(&buf[..n]).trim_end().to_owned());
        }
        for mut conn in table.drain(..) {
            conn.write_all(format!("{}\n", names.join(" ")).as_bytes())?;
        }
    }
    Ok(())
}

/// The next connection of the table, and how many come after it.
fn next(workers: &UnixStream) -> io::Result<Option<(OwnedFd, u8)>> {
    let mut after = [0];
    let mut room = nix::cmsg_space!(RawFd);
    let mut iov = [IoSliceMut::new(&mut after)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(workers.as_raw_fd(), &mut iov, Some(&mut room), flags)?;
    let fd = message.cmsgs()?.find_map(|message| match message {
        ControlMessageOwned::ScmRights(fds) => fds.first().copied(),
        _ => None,
    });
    // SAFETY: recvmsg has just made this descriptor, and nobody else knows of it.
    Ok(fd.map(|fd| (unsafe { OwnedFd::from_raw_fd(fd) }, after[0])))
}
