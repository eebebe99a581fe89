//! Exercise 28 - netlink
//!
//! A program that knows which interfaces there are. It reads what is wanted
//! from stdin: `links` for all of them, `link 7` for number 7, and `tipc` for
//! whether this kernel has AF_TIPC. Of an interface it prints the number, the
//! name and the hardware address: `1 lo 00:00:00:00:00:00`.
//!
//! `lab check 28` runs it in a network with twenty interfaces beside lo. To
//! try it yourself, run it with `asker` and compare with `ip -o link`.

use std::process::ExitCode;

use kit::netlink::{AF_NETLINK, AF_TIPC, NETLINK_ROUTE, SOCK_RAW};
use kit::*;
use nix::libc::{self, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE};

/// The lengths of struct nlmsghdr and struct ifinfomsg.
const HEADER: usize = 16;
const LINK: usize = 16;

fn main() -> ExitCode {
    finish(role_of(["asker"]).and_then(|_| asker()))
}

fn asker() -> Result<()> {
    let sock = socket_of(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE)?;
    while let Some(line) = input("")? {
        match line.split_once(' ') {
            // TODO: The kernel has no interface of some numbers. Then it
            // answers with an error, and the program prints `7: ENODEV`.
            Some(("link", index)) => links(&sock, index.parse().unwrap_or(0))?,
            // TODO: A kernel that has no TIPC is no fault of the program's. It
            // prints `AF_TIPC: EAFNOSUPPORT` and hears the next line.
            None if line == "tipc" => {
                close(socket(AF_TIPC, SOCK_STREAM)?)?;
                println!("AF_TIPC: yes");
            }
            _ => links(&sock, 0)?,
        }
    }
    close(sock)
}

/// Prints the interface of this number; 0 stands for all.
fn links(sock: &OwnedFd, index: i32) -> Result<()> {
    let flags = if index == 0 { NLM_F_REQUEST | NLM_F_DUMP } else { NLM_F_REQUEST };
    let mut question = ((HEADER + LINK) as u32).to_ne_bytes().to_vec();
    question.extend(libc::RTM_GETLINK.to_ne_bytes());
    question.extend((flags as u16).to_ne_bytes());
    question.extend([0; 12]);
    question.extend(index.to_ne_bytes());
    question.extend([0; 8]);
    send(sock, &question)?;

    // TODO: All interfaces are listed, however many there are, each with its
    // address, however long its name is.
    let mut buf = [0; 4096];
    let n = recv(sock, &mut buf)?;
    let mut rest = &buf[..n];
    while rest.len() > HEADER + LINK {
        let length = word(rest) as usize;
        if i32::from(half(&rest[4..])) == NLMSG_DONE {
            break;
        }
        let attributes = &rest[HEADER + LINK..length];
        let name = attribute(attributes, libc::IFLA_IFNAME);
        let name = String::from_utf8_lossy(name.strip_suffix(&[0]).unwrap_or(name));
        let address = attribute(attributes, libc::IFLA_ADDRESS);
        let address: Vec<_> = address.iter().map(|byte| format!("{byte:02x}")).collect();
        println!("{} {name} {}", word(&rest[HEADER + 4..]), address.join(":"));
        rest = &rest[length..];
    }
    Ok(())
}

fn attribute(mut rest: &[u8], wanted: u16) -> &[u8] {
    while rest.len() >= 4 {
        let length = usize::from(half(rest));
        if half(&rest[2..]) == wanted {
            return rest.get(4..length).unwrap_or(&[]);
        }
        rest = rest.get(length.max(4)..).unwrap_or(&[]);
    }
    &[]
}

fn half(bytes: &[u8]) -> u16 {
    u16::from_ne_bytes([bytes[0], bytes[1]])
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
