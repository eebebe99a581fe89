//! The same for sockets below TCP and UDP. Source: raw(7), icmp(7).

use nix::sys::socket::{SockProtocol, SockType};
use rustix::thread::{CapabilitySet, CapabilitySets};
use socket2::SockRef;

use crate::{OwnedFd, Result, of_rustix, of_std};

pub const SOCK_RAW: SockType = SockType::Raw;
pub const IPPROTO_ICMP: SockProtocol = SockProtocol::Icmp;

/// Whether what is sent begins with an IP header of the program's own. Source: raw(7), `IP_HDRINCL`.
pub fn set_header_included(socket: &OwnedFd, on: bool) -> Result<()> {
    SockRef::from(socket).set_header_included_v4(on).map_err(of_std("setsockopt"))
}

/// Gives up all that root may and others may not, for good. Source: capset(2), capabilities(7).
pub fn give_up_capabilities() -> Result<()> {
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    rustix::thread::set_capabilities(None, sets).map_err(of_rustix("capset"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AF_INET, Errno, socket_of};

    #[test]
    fn who_has_given_up_everything_gets_no_raw_socket() {
        // Capabilities are a thread's own, and this one ends with the test.
        give_up_capabilities().expect("nobody needs a right to give up rights");
        let refused = socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP).expect_err("a raw socket");
        assert_eq!(refused.errno(), Some(Errno::EPERM));
    }
}
