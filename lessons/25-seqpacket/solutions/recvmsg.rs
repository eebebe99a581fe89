//! Exercise 25 with recvmsg(2): its flags say that the end of a message was lost, and with SO_PASSCRED every message has its
//! sender's credentials beside it, the empty one as well. The end has none.

use std::io::{IoSliceMut, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::cmsg_space;
use nix::sys::socket::{
    AddressFamily, Backlog, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
    UnixCredentials, accept, bind, listen, recvmsg, send, setsockopt, socket, sockopt,
};

fn main() -> Result<()> {
    let type_ = SockType::SeqPacket;
    let listener = socket(AddressFamily::Unix, type_, SockFlag::SOCK_CLOEXEC, None)?;
    bind(listener.as_raw_fd(), &UnixAddr::new_abstract(b"lab-25")?)?;
    listen(&listener, Backlog::new(5)?)?;
    loop {
        let fd = accept(listener.as_raw_fd())?;
        // SAFETY: accept has just made it, and nobody else has it.
        let conn = unsafe { OwnedFd::from_raw_fd(fd) };
        if let Err(error) = answer(&conn) {
            eprintln!("error: {error}");
        }
    }
}

fn answer(conn: &OwnedFd) -> Result<()> {
    setsockopt(conn, sockopt::PassCred, &true)?;
    let mut buf = [0; 4096];
    loop {
        let mut control = cmsg_space!(UnixCredentials);
        let mut parts = [IoSliceMut::new(&mut buf)];
        let message =
            recvmsg::<()>(conn.as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::empty())?;
        let is_message = message
            .cmsgs()?
            .any(|control| matches!(control, ControlMessageOwned::ScmCredentials(_)));
        if !is_message {
            return Ok(());
        }
        let (is_cut, length) = (message.flags.contains(MsgFlags::MSG_TRUNC), message.bytes);
        let reply = match is_cut {
            true => b"too long".to_vec(),
            false => [b"got ", &buf[..length]].concat(),
        };
        send(conn.as_raw_fd(), &reply, MsgFlags::MSG_NOSIGNAL)?;
    }
}
