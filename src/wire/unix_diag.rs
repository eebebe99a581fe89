//! Which unix socket another one is connected to: sock_diag(7), UNIX_DIAG_PEER.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const UDIAG_SHOW_PEER: u32 = 0x4;
const UNIX_DIAG_PEER: u16 = 2;

/// The inode of the socket at the other end of the unix socket with this inode; `None` if it has none, or
/// if the kernel does not say.
pub fn peer(inode: u64) -> Option<u64> {
    let inode = u32::try_from(inode).ok()?;
    let mut reply = [0u8; 4096];
    let length = ask(inode, &mut reply).ok()?;
    read_peer(reply.get(..length)?).map(u64::from)
}

/// One request, one reply; gives the reply's length.
fn ask(inode: u32, reply: &mut [u8]) -> Result<usize, Errno> {
    let request = request(inode);
    // SAFETY: a socket of ours; the buffers are as long as they are said to be.
    unsafe {
        let flags = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        let socket = Errno::result(libc::socket(libc::AF_NETLINK, flags, libc::NETLINK_SOCK_DIAG))?;
        let socket = OwnedFd::from_raw_fd(socket);
        let fd = socket.as_raw_fd();
        Errno::result(libc::send(fd, request.as_ptr().cast(), request.len(), 0))?;
        let got = libc::recv(fd, reply.as_mut_ptr().cast(), reply.len(), libc::MSG_DONTWAIT);
        Ok(Errno::result(got)? as usize)
    }
}

/// struct nlmsghdr, then struct unix_diag_req: linux/unix_diag.h.
fn request(inode: u32) -> Vec<u8> {
    const LENGTH: u32 = 16 + 24;
    let mut bytes = Vec::with_capacity(LENGTH as usize);
    bytes.extend(LENGTH.to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend((libc::NLM_F_REQUEST as u16).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend([libc::AF_UNIX as u8, 0, 0, 0]);
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(inode.to_ne_bytes());
    bytes.extend(UDIAG_SHOW_PEER.to_ne_bytes());
    // The cookie: any.
    bytes.extend([0xff; 8]);
    bytes
}

/// Finds UNIX_DIAG_PEER among the attributes after struct unix_diag_msg.
fn read_peer(reply: &[u8]) -> Option<u32> {
    let half = |at: usize| Some(u16::from_ne_bytes(reply.get(at..at + 2)?.try_into().ok()?));
    if half(4)? != SOCK_DIAG_BY_FAMILY {
        return None;
    }
    let mut at = 16 + 16;
    loop {
        let (length, kind) = (usize::from(half(at)?), half(at + 2)?);
        if kind == UNIX_DIAG_PEER {
            return Some(u32::from_ne_bytes(reply.get(at + 4..at + 8)?.try_into().ok()?));
        }
        at += length.next_multiple_of(4).max(4);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn inode(socket: &impl AsRawFd) -> u64 {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        let text = link.to_string_lossy().into_owned();
        text.trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap()
    }

    #[test]
    fn the_kernel_names_the_other_end_of_a_pair() {
        let (one, two) = UnixStream::pair().unwrap();
        assert_eq!(peer(inode(&one)), Some(inode(&two)));
        assert_eq!(peer(inode(&two)), Some(inode(&one)));
    }
}
