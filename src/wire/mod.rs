//! The kernel's own view of the programs' sockets: addresses, kinds, ports, states; and what goes between them.
//!
//! Asked through a duplicate of the tracee's descriptor (pidfd_getfd(2)), which is closed before the
//! answer is given: a duplicate that lives on would keep the connection open after the program's close. Where that is
//! forbidden, the kernel's table of sockets still knows who is connected to whom.

use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::decode;
use crate::event::{SockAddr, SocketState, What};
use crate::tracer::{Captured, Changed, Kernel};

mod capture;
pub mod name_server;
pub mod peers;
mod sock_diag;

use capture::Capture;
use sock_diag::{Connections, Diag};

/// The running kernel, asked about the sockets of the network namespace that this was made in.
pub struct Sockets {
    diag: Option<Diag>,
    capture: Option<Capture>,
    /// The connections whose beginning was captured.
    connections: Connections,
}

impl Sockets {
    /// Where netlink is forbidden, questions that need it have no answer.
    pub fn here() -> Sockets {
        Sockets { diag: Diag::open().ok(), capture: None, connections: Connections::default() }
    }

    /// Reads the wire from now on. Fails with EPERM without CAP_NET_RAW.
    pub fn capture(&mut self) -> Result<(), Errno> {
        self.capture = Some(Capture::open()?);
        Ok(())
    }

    /// Every TCP and UDP socket of the network with its inode: 0 where no process owns it any more, or not yet. None where
    /// netlink is forbidden.
    pub fn states(&self) -> Vec<(u64, SocketState)> {
        self.diag.as_ref().and_then(|diag| sock_diag::states(diag).ok()).unwrap_or_default()
    }

    /// The two ends of a socket where nobody gets at its descriptor.
    fn ends_in_table(&self, pid: i32, fd: i32) -> Option<(SockAddr, SockAddr)> {
        let link = std::fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?;
        let inode = link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        let inode: u64 = inode.parse().ok()?;
        let (_, found) = self.states().into_iter().find(|(other, _)| *other == inode)?;
        // As getpeername(2) has it of one that is not connected.
        let is_connected = found.remote.internet().is_some_and(|(_, port)| port != 0);
        Some((found.local, if is_connected { found.remote } else { SockAddr::Unspec }))
    }
}

impl Kernel for Sockets {
    fn endpoints(&self, pid: i32, fd: i32) -> Option<(SockAddr, SockAddr)> {
        let Ok(socket) = duplicate(pid, fd) else { return self.ends_in_table(pid, fd) };
        let local = address(&socket, libc::getsockname)?;
        Some((local, address(&socket, libc::getpeername).unwrap_or(SockAddr::Unspec)))
    }

    fn kind(&self, pid: i32, fd: i32) -> Option<(i32, i32, i32)> {
        let socket = duplicate(pid, fd).ok()?;
        let ask = |name: i32| option(&socket, libc::SOL_SOCKET, name).map(|[value]| value);
        Some((ask(libc::SO_DOMAIN)?, ask(libc::SO_TYPE)?, ask(libc::SO_PROTOCOL)?))
    }

    fn fix_port(&self, pid: i32, fd: i32, port: u16) -> bool {
        let Ok(socket) = duplicate(pid, fd) else { return false };
        let unbound = matches!(
            address(&socket, libc::getsockname),
            Some(SockAddr::Inet { port: 0, .. } | SockAddr::Inet6 { port: 0, .. })
        );
        unbound && choose_port(&socket, port)
    }

    fn expire(&self, pid: i32, fd: i32) -> Result<(), Errno> {
        let timer = duplicate(pid, fd)?;
        let soon = libc::timespec { tv_sec: 0, tv_nsec: 1 };
        let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let value = libc::itimerspec { it_interval: never, it_value: soon };
        // Not until it can be read: a thread that waits in read(2) takes the tick away at once.
        let began = Instant::now();
        const AT_MOST: Duration = Duration::from_secs(1);
        // SAFETY: the calls read or write the values given, which outlive them.
        unsafe {
            let none = std::ptr::null_mut();
            Errno::result(libc::timerfd_settime(timer.as_raw_fd(), 0, &value, none))?;
            let mut left = value;
            loop {
                Errno::result(libc::timerfd_gettime(timer.as_raw_fd(), &mut left))?;
                let expired = left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0;
                if expired || began.elapsed() > AT_MOST {
                    return Ok(());
                }
                libc::sched_yield();
            }
        }
    }

    fn unix_peer(&self, inode: u64) -> Option<u64> {
        sock_diag::unix_peer(self.diag.as_ref()?, u32::try_from(inode).ok()?)
    }

    fn states(&mut self, changed: &Changed) -> Vec<(u64, SocketState)> {
        // The whole table takes a hundred times as long as what is known to be in it.
        match (&self.diag, &self.capture) {
            (Some(diag), Some(_)) => self.connections.states(diag, changed).unwrap_or_default(),
            _ => Sockets::states(self),
        }
    }

    fn frames(&mut self) -> Option<u64> {
        self.capture.as_mut().and_then(Capture::left)
    }

    fn captured(&mut self) -> Captured {
        let Some(capture) = &mut self.capture else { return Captured::default() };
        let captured = capture.take();
        for sent in &captured.packets {
            if sent.what == What::Syn {
                self.connections.add(&sent.source, &sent.target);
            }
        }
        captured
    }

    fn has_unacknowledged(&self, is_ours: &dyn Fn(u64) -> bool) -> bool {
        let Some(diag) = &self.diag else { return false };
        let mut sockets = sock_diag::tcp_sockets(diag).unwrap_or_default();
        sockets.retain(|it| it.unacknowledged > 0 && is_ours(it.inode.into()));
        // The kernel drops what asks for a connection at a full listener, and will until somebody accepts.
        if sockets.iter().any(|it| it.connecting_to.is_some()) {
            let full = sock_diag::full_listeners(diag).unwrap_or_default();
            sockets.retain(|it| it.connecting_to.is_none_or(|port| !full.contains(&port)));
        }
        !sockets.is_empty()
    }
}

/// A descriptor of ours for what `fd` of process `pid` refers to. Fails with EPERM where pidfd_getfd(2) is
/// forbidden (Docker without SYS_PTRACE), and with EBADF if there is no such descriptor.
fn duplicate(pid: i32, fd: i32) -> Result<OwnedFd, Errno> {
    // SAFETY: both calls take plain numbers; what they return is ours alone.
    unsafe {
        let pidfd = Errno::result(libc::syscall(libc::SYS_pidfd_open, pid, 0))?;
        let pidfd = OwnedFd::from_raw_fd(pidfd as i32);
        let copy = Errno::result(libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0))?;
        Ok(OwnedFd::from_raw_fd(copy as i32))
    }
}

type AskName = unsafe extern "C" fn(i32, *mut libc::sockaddr, *mut libc::socklen_t) -> i32;

fn address(socket: &OwnedFd, ask: AskName) -> Option<SockAddr> {
    let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut length = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes into the storage, which was zeroed.
    let bytes = unsafe {
        if ask(socket.as_raw_fd(), storage.as_mut_ptr().cast(), &mut length) != 0 {
            return None;
        }
        std::slice::from_raw_parts(
            storage.as_ptr().cast::<u8>(),
            size_of::<libc::sockaddr_storage>(),
        )
    };
    decode::sockaddr(bytes.get(..length as usize)?)
}

/// The words of an option's value: getsockopt(2). `None` where the kernel refuses it.
fn option<const N: usize>(socket: &OwnedFd, level: i32, name: i32) -> Option<[i32; N]> {
    let mut value = [0i32; N];
    let mut length = size_of_val(&value) as libc::socklen_t;
    let room = value.as_mut_ptr().cast();
    // SAFETY: the kernel writes at most `length` bytes into `value`.
    let done = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, room, &mut length) };
    (done == 0).then_some(value)
}

/// Makes the kernel choose this port where the socket will need one.
fn choose_port(socket: &OwnedFd, port: u16) -> bool {
    // ip(7): the low 16 bits are the lower bound, the high ones the upper. Since Linux 6.3.
    const IP_LOCAL_PORT_RANGE: i32 = 51;
    let range = u32::from(port) << 16 | u32::from(port);
    set_option(socket, libc::IPPROTO_IP, IP_LOCAL_PORT_RANGE, &range.to_ne_bytes())
}

fn set_option(socket: &OwnedFd, level: i32, name: i32, value: &[u8]) -> bool {
    // SAFETY: the kernel reads `value`, of the length given.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            value.as_ptr().cast(),
            value.len() as libc::socklen_t,
        )
    };
    done == 0
}
