//! Lesson 28 - the other ways: an interface that is not there, another part of
//! the kernel, and a family that it does not know.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::netlink::*;
use kit::*;
use nix::libc::{self, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR};

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7028);
/// linux/sock_diag.h has it, and libc does not.
const SOCK_DIAG_BY_FAMILY: u16 = 20;

fn main() -> ExitCode {
    let roles = ["no-such-link", "sockets", "tipc"];
    finish(role_of(roles).and_then(|role| match role {
        "no-such-link" => no_such_link(),
        "sockets" => sockets(),
        _ => tipc(),
    }))
}

fn no_such_link() -> Result<()> {
    let sock = socket_of(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)?;
    // struct ifinfomsg with an index: one interface, and no dump.
    let mut about = [0; 16];
    about[4..8].copy_from_slice(&999i32.to_ne_bytes());
    send(&sock, &question(libc::RTM_GETLINK, NLM_F_REQUEST, &about))?;
    let mut buf = [0; 8192];
    let n = recv(&sock, &mut buf)?;
    let answer = &buf[..n];
    if half(&answer[4..]) == NLMSG_ERROR as u16 {
        perror(&refused("send", word(&answer[16..]) as i32));
    }
    close(sock)
}

/// What ss(8) does: asks for all TCP sockets over IPv4, in any state.
fn sockets() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    kit::bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    let sock = socket_of(AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG)?;
    // struct inet_diag_req_v2: family, protocol, 2 bytes, states, the socket
    let mut about = [0; 56];
    about[0] = libc::AF_INET as u8;
    about[1] = libc::IPPROTO_TCP as u8;
    about[4..8].fill(0xff);
    let flags = NLM_F_REQUEST | NLM_F_DUMP;
    send(&sock, &question(SOCK_DIAG_BY_FAMILY, flags, &about))?;
    let mut text = String::new();
    'dump: loop {
        let mut buf = [0; 8192];
        let n = recv(&sock, &mut buf)?;
        let mut rest = &buf[..n];
        while rest.len() >= 16 {
            if half(&rest[4..]) == NLMSG_DONE as u16 {
                break 'dump;
            }
            // struct inet_diag_msg: family, state, 2 bytes, then its ends
            let body = &rest[16..];
            let port = u16::from_be_bytes([body[4], body[5]]);
            text += &format!("port {port}, state {}\n", body[1]);
            let length = word(rest) as usize;
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        }
    }
    print!("{text}");
    close(sock)?;
    close(listener)
}

fn tipc() -> Result<()> {
    match socket(AF_TIPC, SOCK_STREAM) {
        Ok(sock) => close(sock),
        // No fault of this program's: this kernel has no TIPC.
        Err(error) => {
            println!("no TIPC here: {error}");
            Ok(())
        }
    }
}

fn question(kind: u16, flags: i32, about: &[u8]) -> Vec<u8> {
    let mut question = ((16 + about.len()) as u32).to_ne_bytes().to_vec();
    question.extend([kind, flags as u16].into_iter().flat_map(u16::to_ne_bytes));
    question.extend([1u32, 0].into_iter().flat_map(u32::to_ne_bytes));
    question.extend(about);
    question
}

fn half(bytes: &[u8]) -> u16 {
    u16::from_ne_bytes([bytes[0], bytes[1]])
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
