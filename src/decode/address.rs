//! Socket addresses: the bytes of a `struct sockaddr` → [`SockAddr`].

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::memory::{at, i32_at, u16_at, u32_at};
use crate::event::SockAddr;

/// Decodes an address that is `raw.len()` bytes long; `None` if not even its family is there.
///
/// Ports, protocols and flow labels come out in host byte order. What is too short for its family, or a name that is no
/// text, is shown raw. Sources: ip(7), ipv6(7), unix(7), netlink(7), packet(7).
pub fn sockaddr(raw: &[u8]) -> Option<SockAddr> {
    let family = u16_at(raw, 0)?;
    let known = match family as i32 {
        libc::AF_UNSPEC => Some(SockAddr::Unspec),
        libc::AF_INET => inet(raw),
        libc::AF_INET6 => inet6(raw),
        libc::AF_UNIX => unix(&raw[2..]),
        libc::AF_NETLINK => netlink(raw),
        libc::AF_PACKET => packet(raw),
        _ => None,
    };
    Some(known.unwrap_or_else(|| SockAddr::Other { number: family, data: hex(&raw[2..]) }))
}

fn inet(raw: &[u8]) -> Option<SockAddr> {
    // The kernel wants the whole of it, padding included.
    if raw.len() < size_of::<libc::sockaddr_in>() {
        return None;
    }
    Some(SockAddr::Inet { ip: Ipv4Addr::from(at::<4>(raw, 4)?), port: be16(raw, 2)? })
}

fn inet6(raw: &[u8]) -> Option<SockAddr> {
    Some(SockAddr::Inet6 {
        ip: Ipv6Addr::from(at::<16>(raw, 8)?),
        port: be16(raw, 2)?,
        flowinfo: u32::from_be_bytes(at(raw, 4)?),
        // Absent in the form of RFC 2133, which the kernel still takes.
        scope: u32_at(raw, 24).unwrap_or(0),
    })
}

/// unix(7), "Address format": a path ends at its zero byte, an abstract name where the length ends. `None` for a name that
/// is no text.
fn unix(path: &[u8]) -> Option<SockAddr> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    match path.split_first() {
        Some((0, name)) => Some(SockAddr::Abstract { name: text(name)? }),
        _ => Some(SockAddr::Unix { path: text(path.split(|&byte| byte == 0).next()?)? }),
    }
}

fn netlink(raw: &[u8]) -> Option<SockAddr> {
    Some(SockAddr::Netlink { pid: u32_at(raw, 4)?, groups: u32_at(raw, 8)? })
}

fn packet(raw: &[u8]) -> Option<SockAddr> {
    let (pkttype, halen) = (*raw.get(10)?, *raw.get(11)?);
    let end = raw.len().min(12 + halen.min(8) as usize);
    Some(SockAddr::Packet {
        protocol: be16(raw, 2)?,
        ifindex: i32_at(raw, 4)?,
        hatype: u16_at(raw, 8)?,
        pkttype,
        addr: hex(&raw[12..end]),
    })
}

fn be16(raw: &[u8], offset: usize) -> Option<u16> {
    at(raw, offset).map(u16::from_be_bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv4_address_comes_out_in_host_order() {
        let raw = [2, 0, 0x27, 0x0f, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        let want = SockAddr::Inet { ip: Ipv4Addr::LOCALHOST, port: 9999 };
        assert_eq!(sockaddr(&raw), Some(want));
    }

    #[test]
    fn an_ipv4_address_cut_short_is_shown_raw() {
        let want = SockAddr::Other { number: 2, data: "270f7f".into() };
        assert_eq!(sockaddr(&[2, 0, 0x27, 0x0f, 127]), Some(want));
    }

    #[test]
    fn less_than_a_family_is_no_address() {
        assert_eq!(sockaddr(&[2]), None);
        assert_eq!(sockaddr(&[]), None);
    }

    #[test]
    fn a_name_in_the_file_system_that_is_no_text_keeps_its_bytes() {
        let named = |name: &[u8]| sockaddr(&[b"\x01\x00", name].concat());
        let raw = |data: &str| Some(SockAddr::Other { number: 1, data: data.into() });
        assert_eq!(named(b"/run/\xff\0"), raw("2f72756e2fff00"));
        assert_eq!(named(b"\0a\xff"), raw("0061ff"));
        assert_eq!(named(b"\0a\0b"), Some(SockAddr::Abstract { name: "a\0b".into() }));
    }

    #[test]
    fn an_ipv6_address_without_its_scope_has_scope_0() {
        let mut raw = [0; 24];
        (raw[0], raw[3], raw[23]) = (10, 80, 1);
        let want = SockAddr::Inet6 { ip: Ipv6Addr::LOCALHOST, port: 80, flowinfo: 0, scope: 0 };
        assert_eq!(sockaddr(&raw), Some(want));
    }

    #[test]
    fn a_path_ends_at_its_zero_byte_whatever_stands_behind_it() {
        let want = SockAddr::Unix { path: "/s".into() };
        assert_eq!(sockaddr(b"\x01\0/s\0garbage"), Some(want));
    }

    #[test]
    fn a_path_without_a_zero_byte_ends_with_the_address() {
        assert_eq!(sockaddr(b"\x01\0/s"), Some(SockAddr::Unix { path: "/s".into() }));
    }

    #[test]
    fn an_abstract_name_keeps_its_zero_bytes() {
        let want = SockAddr::Abstract { name: "a\0b\0".into() };
        assert_eq!(sockaddr(b"\x01\0\0a\0b\0"), Some(want));
    }

    #[test]
    fn a_family_alone_is_an_unnamed_unix_socket() {
        assert_eq!(sockaddr(&[1, 0]), Some(SockAddr::Unix { path: String::new() }));
    }

    #[test]
    fn a_packet_address_has_as_many_bytes_as_it_says_and_no_more_than_there_are() {
        let raw = [17, 0, 0, 3, 1, 0, 0, 0, 4, 3, 0, 200, 0xaa, 0xbb];
        let want = SockAddr::Packet {
            protocol: 3,
            ifindex: 1,
            hatype: 772,
            pkttype: 0,
            addr: "aabb".into(),
        };
        assert_eq!(sockaddr(&raw), Some(want));
    }
}
