//! The calls of [`crate`] for sockets whose other end is the kernel: AF_NETLINK, netlink(7).
//!
//! What is sent and received are messages as the kernel's headers have them; to put them together and to take them apart is the
//! lesson's.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{self as sys, AddressFamily, NetlinkAddr, SockProtocol, SockType};

use crate::{Errno, Error, Result, failed};

pub const AF_NETLINK: AddressFamily = AddressFamily::Netlink;
pub const AF_TIPC: AddressFamily = AddressFamily::Tipc;
pub const SOCK_RAW: SockType = SockType::Raw;
/// The part of the kernel that knows interfaces, addresses and routes. Source: rtnetlink(7).
pub const NETLINK_ROUTE: SockProtocol = SockProtocol::NetlinkRoute;
/// The part that knows sockets. Source: sock_diag(7).
pub const NETLINK_SOCK_DIAG: SockProtocol = SockProtocol::NetlinkSockDiag;

/// Gives a socket its port id; 0 lets the kernel choose one, which is the pid where nobody has it yet.
///
/// Without it the first send(2) does the same. Source: netlink(7).
pub fn bind(socket: &OwnedFd, port_id: u32) -> Result<()> {
    sys::bind(socket.as_raw_fd(), &NetlinkAddr::new(port_id, 0)).map_err(failed("bind"))
}

/// The socket's own port id. Source: getsockname(2).
pub fn getsockname(socket: &OwnedFd) -> Result<u32> {
    let addr: NetlinkAddr = sys::getsockname(socket.as_raw_fd()).map_err(failed("getsockname"))?;
    Ok(addr.pid())
}

/// What a message of type NLMSG_ERROR says, as the error of `call`: the number in it is negative.
pub fn refused(call: &'static str, number: i32) -> Error {
    failed(call)(Errno::from_raw(number.wrapping_neg()))
}
