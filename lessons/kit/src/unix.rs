//! The calls of [`crate`] for sockets with names in place of ports: AF_UNIX, unix(7).
//!
//! A lesson names those that it takes, `use kit::unix::{bind, connect}`, and reads like one over TCP.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::SignalFd;
use nix::sys::socket::{self as sys, MsgFlags};

use crate::{Result, failed};

pub use nix::sys::signal::Signal::SIGTERM;
pub use nix::sys::socket::UnixAddr;

pub const AF_UNIX: sys::AddressFamily = sys::AddressFamily::Unix;
pub const SOCK_SEQPACKET: sys::SockType = sys::SockType::SeqPacket;
/// Of poll(2): the other end sends no more. nix has no name for it.
pub const POLLRDHUP: PollFlags = PollFlags::from_bits_retain(nix::libc::POLLRDHUP);

/// The name of a file; with its zero byte at most 108 bytes. Fails with `ENAMETOOLONG`.
pub fn at_path(path: &Path) -> Result<UnixAddr> {
    UnixAddr::new(path).map_err(failed("bind"))
}

/// A name that is in no folder: `@name`, for the kernel a zero byte and then the name.
pub fn abstract_name(name: &str) -> Result<UnixAddr> {
    UnixAddr::new_abstract(name.as_bytes()).map_err(failed("bind"))
}

/// The family and no name; to bind(2) it means that the kernel is to choose one.
pub fn any_name() -> UnixAddr {
    UnixAddr::new_unnamed()
}

/// Gives a socket its name, and makes the file if it is a path.
///
/// Fails with `EADDRINUSE` if there is one already, whether anybody listens there or not. Source: unix(7).
pub fn bind(socket: &OwnedFd, name: &UnixAddr) -> Result<()> {
    sys::bind(socket.as_raw_fd(), name).map_err(failed("bind"))
}

/// Fails with `ECONNREFUSED` if nobody listens there, with `ENOENT` if there is no such file. Source: unix(7).
pub fn connect(socket: &OwnedFd, name: &UnixAddr) -> Result<()> {
    sys::connect(socket.as_raw_fd(), name).map_err(failed("connect"))
}

/// Takes the next connection. Its client has no name, as a rule. Source: accept(2).
pub fn accept(listener: &OwnedFd) -> Result<OwnedFd> {
    let in_nix = |errno: rustix::io::Errno| Errno::from_raw(errno.raw_os_error());
    let accepted = rustix::net::acceptfrom(listener).map_err(in_nix);
    Ok(accepted.map_err(failed("accept"))?.0)
}

/// Sends one datagram; waits if the receiver's queue is full. Source: sendto(2), unix(7).
pub fn sendto(socket: &OwnedFd, bytes: &[u8], name: &UnixAddr) -> Result<usize> {
    sys::sendto(socket.as_raw_fd(), bytes, name, MsgFlags::empty()).map_err(failed("sendto"))
}

/// Takes one datagram and its sender's name, if it has one. Source: recvfrom(2).
pub fn recvfrom(socket: &OwnedFd, buf: &mut [u8]) -> Result<(usize, Option<UnixAddr>)> {
    let (n, name) =
        sys::recvfrom::<UnixAddr>(socket.as_raw_fd(), buf).map_err(failed("recvfrom"))?;
    Ok((n, name.filter(|name| !name.is_unnamed())))
}

/// Takes one message; gives how long it is, which is more than `buf.len()` if the end of it was lost.
///
/// With MSG_TRUNC. Source: recv(2).
pub fn recv_message(socket: &OwnedFd, buf: &mut [u8]) -> Result<usize> {
    sys::recv(socket.as_raw_fd(), buf, MsgFlags::MSG_TRUNC).map_err(failed("recv"))
}

/// Takes a name out of its folder. Source: unlink(2).
pub fn unlink(path: &Path) -> Result<()> {
    nix::unistd::unlink(path).map_err(failed("unlink"))
}

/// Signals that end nothing any more, but can be read from the descriptor that this gives.
///
/// Two calls: sigprocmask(2) holds them back, signalfd(2) makes the descriptor. For programs of one thread.
pub fn signalfd(signals: &[Signal]) -> Result<SignalFd> {
    let signals: SigSet = signals.iter().copied().collect();
    signals.thread_block().map_err(failed("sigprocmask"))?;
    SignalFd::new(&signals).map_err(failed("signalfd"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Errno, SOCK_DGRAM, SOCK_STREAM, close, recv, send, socket};

    #[test]
    fn a_name_stays_when_its_socket_is_closed() -> Result<()> {
        let path = std::env::temp_dir().join(format!("kit-{}", std::process::id()));
        let name = at_path(&path)?;
        let listener = socket(AF_UNIX, SOCK_STREAM)?;
        bind(&listener, &name)?;
        crate::listen(&listener, 1)?;
        let client = socket(AF_UNIX, SOCK_STREAM)?;
        connect(&client, &name)?;
        let conn = accept(&listener)?;
        send(&client, b"hi")?;
        assert_eq!(recv(&conn, &mut [0; 9])?, 2);
        close(listener)?;
        let late = socket(AF_UNIX, SOCK_STREAM)?;
        assert_eq!(connect(&late, &name).unwrap_err().errno(), Some(Errno::ECONNREFUSED));
        assert_eq!(bind(&late, &name).unwrap_err().errno(), Some(Errno::EADDRINUSE));
        unlink(&path)?;
        assert_eq!(connect(&late, &name).unwrap_err().errno(), Some(Errno::ENOENT));
        Ok(())
    }

    #[test]
    fn a_datagram_of_a_nameless_socket_says_no_name() -> Result<()> {
        let (server, client) = (socket(AF_UNIX, SOCK_DGRAM)?, socket(AF_UNIX, SOCK_DGRAM)?);
        let name = abstract_name(&format!("kit-{}", std::process::id()))?;
        bind(&server, &name)?;
        sendto(&client, b"?", &name)?;
        assert_eq!(recvfrom(&server, &mut [0; 9])?, (1, None));
        bind(&client, &any_name())?;
        sendto(&client, b"?", &name)?;
        let (_, from) = recvfrom(&server, &mut [0; 9])?;
        assert_eq!(from.and_then(|from| Some(from.as_abstract()?.len())), Some(5));
        Ok(())
    }
}
