//! Lesson 28 - netlink
//!
//! A socket whose other end is the kernel. It is asked, and answers, with
//! messages: here which interfaces there are, and what addresses they have. An
//! answer may take several datagrams; its last message says that it was all.

use std::net::IpAddr;
use std::process::ExitCode;

use kit::netlink::{AF_NETLINK, NETLINK_ROUTE, SOCK_RAW};
use kit::netlink::{bind, getsockname, refused};
use kit::{OwnedFd, Result, close, finish, recv, role_of, send, socket_of};
use nix::libc::{self, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR};

/// The lengths of struct nlmsghdr, struct ifinfomsg and struct ifaddrmsg.
const HEADER: usize = 16;
const LINK: usize = 16;
const ADDRESS: usize = 8;

fn main() -> ExitCode {
    finish(role_of(["asker"]).and_then(|_| asker()))
}

fn asker() -> Result<()> {
    let sock = socket_of(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)?;
    // No port but a port id. 0: the kernel is to choose, and takes our pid.
    bind(&sock, 0)?;
    getsockname(&sock)?;

    let mut text = String::new();
    // Which interfaces? A structure of zeros means all.
    for body in ask(&sock, libc::RTM_GETLINK, 1, &[0; LINK])? {
        let name = attribute(&body[LINK..], libc::IFLA_IFNAME);
        let name = name.strip_suffix(&[0]).unwrap_or(name);
        let name = String::from_utf8_lossy(name);
        text += &format!("{} {name}\n", word(&body[4..]));
    }
    for body in ask(&sock, libc::RTM_GETADDR, 2, &[0; ADDRESS])? {
        let raw = attribute(&body[ADDRESS..], libc::IFA_ADDRESS);
        let v4 = <[u8; 4]>::try_from(raw).map(IpAddr::from);
        let v6 = <[u8; 16]>::try_from(raw).map(IpAddr::from);
        if let Ok(addr) = v4.or(v6) {
            text += &format!("{} {addr}\n", word(&body[4..]));
        }
    }
    print!("{text}");
    close(sock)
}

/// Messages without their headers.
type Told = Vec<Vec<u8>>;

/// Asks for all that there is of something.
fn ask(sock: &OwnedFd, kind: u16, seq: u32, about: &[u8]) -> Result<Told> {
    // length, type, flags, sequence number, port id of the sender (0: this)
    let mut question = ((HEADER + about.len()) as u32).to_ne_bytes().to_vec();
    question.extend(kind.to_ne_bytes());
    question.extend(((NLM_F_REQUEST | NLM_F_DUMP) as u16).to_ne_bytes());
    question.extend(seq.to_ne_bytes());
    question.extend([0; 4]);
    question.extend(about);
    send(sock, &question)?;

    let mut told = Vec::new();
    loop {
        // The kernel fills no datagram of a dump beyond what fits here.
        let mut buf = [0; 8192];
        let n = recv(sock, &mut buf)?;
        let mut rest = &buf[..n];
        while rest.len() >= HEADER {
            let length = word(rest) as usize;
            let body = &rest[HEADER..length];
            match u16::from_ne_bytes([rest[4], rest[5]]).into() {
                NLMSG_DONE => return Ok(told),
                NLMSG_ERROR => return Err(refused("send", word(body) as i32)),
                _ => told.push(body.to_vec()),
            }
            // The next one begins at a multiple of four.
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        }
    }
}

/// The value of an attribute: each has its length and its type before it.
fn attribute(mut rest: &[u8], wanted: u16) -> &[u8] {
    while let [l1, l2, k1, k2, ..] = *rest {
        let length = usize::from(u16::from_ne_bytes([l1, l2]));
        if u16::from_ne_bytes([k1, k2]) == wanted {
            return &rest[4..length];
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    &[]
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
