//! The kernel's table of TCP sockets: states, queues, what is not acknowledged. sock_diag(7).
//!
//! The kernel tells it to anybody, of the network namespace that the question comes from. It shows sockets
//! that no process owns any more, too.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use nix::errno::Errno;

const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLMSG_DONE: u16 = 3;
const NLMSG_ERROR: u16 = 2;

/// An open conversation with the kernel's socket tables.
pub struct Diag(OwnedFd);

impl Diag {
    /// Fails where netlink is forbidden.
    pub fn open() -> Result<Diag, Errno> {
        let flags = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
        // SAFETY: plain numbers; the descriptor is ours alone.
        unsafe {
            let fd = libc::socket(libc::AF_NETLINK, flags, libc::NETLINK_SOCK_DIAG);
            Ok(Diag(OwnedFd::from_raw_fd(Errno::result(fd)?)))
        }
    }

    /// Sends one request and hands each message of the answer, without its header, to `take`.
    ///
    /// `flags`: `NLM_F_DUMP` for a whole table, 0 for one socket.
    pub fn ask(
        &self,
        flags: i32,
        request: &[u8],
        mut take: impl FnMut(&[u8]),
    ) -> Result<(), Errno> {
        let length = HEADER + request.len();
        let mut message = Vec::with_capacity(length);
        message.extend((length as u32).to_ne_bytes());
        message.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
        message.extend(((libc::NLM_F_REQUEST | flags) as u16).to_ne_bytes());
        message.extend([0; 8]);
        message.extend(request);
        let fd = self.0.as_raw_fd();
        // SAFETY: the kernel reads `message`, of the length given.
        let sent = unsafe { libc::send(fd, message.as_ptr().cast(), message.len(), 0) };
        Errno::result(sent)?;
        let mut buf = vec![0u8; 32 * 1024];
        loop {
            // SAFETY: the kernel writes at most `buf.len()` bytes into `buf`.
            let got = unsafe { libc::recv(fd, buf.as_mut_ptr().cast(), buf.len(), 0) };
            let got = Errno::result(got)? as usize;
            if read_messages(&buf[..got], &mut take)? || flags == 0 {
                return Ok(());
            }
        }
    }
}

/// The size of struct nlmsghdr.
const HEADER: usize = 16;

/// Goes through one packet of messages; true if the answer ends with it.
fn read_messages(packet: &[u8], take: &mut impl FnMut(&[u8])) -> Result<bool, Errno> {
    let mut rest = packet;
    while let (Some(length), Some(kind)) = (u32_at(rest, 0), u16_at(rest, 4)) {
        let length = length as usize;
        if length < HEADER || length > rest.len() {
            return Ok(true);
        }
        match kind {
            NLMSG_DONE => return Ok(true),
            NLMSG_ERROR => {
                let errno = u32_at(rest, HEADER).unwrap_or(0) as i32;
                return Err(Errno::from_raw(-errno));
            }
            _ => take(&rest[HEADER..length]),
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

/// The attributes after the fixed part of a message: kind and content.
pub fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (length, kind) = (usize::from(u16_at(rest, 0)?), u16_at(rest, 2)?);
        let content = rest.get(4..length)?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, content))
    })
}

/// A TCP socket as the kernel's table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpSocket {
    /// 0 for one that no process owns any more.
    pub inode: u32,
    /// Segments that were sent and not acknowledged.
    pub unacknowledged: u32,
}

/// All TCP sockets of the namespace that may have something under way.
pub fn tcp_sockets(diag: &Diag) -> Result<Vec<TcpSocket>, Errno> {
    let mut sockets = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        diag.ask(libc::NLM_F_DUMP, &tcp_request(family as u8), |message| {
            sockets.extend(read_tcp(message));
        })?;
    }
    Ok(sockets)
}

const INET_DIAG_INFO: u16 = 2;

/// struct inet_diag_req_v2: linux/inet_diag.h.
fn tcp_request(family: u8) -> Vec<u8> {
    // Neither TIME-WAIT (6) nor LISTEN (10), which send nothing of their own.
    const STATES: u32 = 0xfff & !(1 << 6) & !(1 << 10);
    const SOCKET_ID: usize = 48;
    let mut request = vec![family, libc::IPPROTO_TCP as u8, 1 << (INET_DIAG_INFO - 1), 0];
    request.extend(STATES.to_ne_bytes());
    request.extend([0; SOCKET_ID]);
    request
}

/// struct inet_diag_msg, then attributes; the inode is its last word.
fn read_tcp(message: &[u8]) -> Option<TcpSocket> {
    const LENGTH: usize = 72;
    // tcpi_unacked in struct tcp_info: after eight bytes and the four words rto, ato, snd_mss, rcv_mss.
    const UNACKED: usize = 24;
    let inode = u32_at(message, LENGTH - 4)?;
    let info = attributes(message.get(LENGTH..)?).find(|&(kind, _)| kind == INET_DIAG_INFO);
    let unacknowledged = info.and_then(|(_, info)| u32_at(info, UNACKED)).unwrap_or(0);
    Some(TcpSocket { inode, unacknowledged })
}

pub fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The unix socket that the one with this inode is connected to: UNIX_DIAG_PEER. `None` if it has none.
pub fn unix_peer(diag: &Diag, inode: u32) -> Option<u64> {
    const UDIAG_SHOW_PEER: u32 = 0x4;
    const UNIX_DIAG_PEER: u16 = 2;
    const LENGTH: usize = 16;
    // struct unix_diag_req: linux/unix_diag.h; the cookie at the end is "any".
    let mut request = vec![libc::AF_UNIX as u8, 0, 0, 0];
    request.extend(u32::MAX.to_ne_bytes());
    request.extend(inode.to_ne_bytes());
    request.extend(UDIAG_SHOW_PEER.to_ne_bytes());
    request.extend([0xff; 8]);
    let mut peer = None;
    diag.ask(0, &request, |message| {
        let found = attributes(message.get(LENGTH..).unwrap_or_default());
        let mut found = found.filter(|&(kind, _)| kind == UNIX_DIAG_PEER);
        peer = found.next().and_then(|(_, content)| u32_at(content, 0));
    })
    .ok()?;
    peer.map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    fn inode(socket: &impl AsRawFd) -> u32 {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap();
        let text = link.to_string_lossy().into_owned();
        text.trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap()
    }

    #[test]
    fn the_kernel_names_the_other_end_of_a_pair() {
        let diag = Diag::open().unwrap();
        let (one, two) = UnixStream::pair().unwrap();
        assert_eq!(unix_peer(&diag, inode(&one)), Some(inode(&two).into()));
        assert_eq!(unix_peer(&diag, inode(&two)), Some(inode(&one).into()));
    }

    #[test]
    fn both_ends_of_a_connection_are_in_the_table() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (conn, _) = listener.accept().unwrap();
        let sockets = tcp_sockets(&Diag::open().unwrap()).unwrap();
        for end in [inode(&client), inode(&conn)] {
            let found = sockets.iter().find(|socket| socket.inode == end);
            assert_eq!(found.map(|socket| socket.unacknowledged), Some(0));
        }
    }

    #[test]
    fn an_answer_that_is_cut_short_is_no_panic() {
        for length in 0..90 {
            let message = vec![0xff; length];
            let _ = read_tcp(&message);
            let _ = read_messages(&message, &mut |_| ());
        }
    }
}
