//! Whatever is not the end is taken for an interface: of an error it prints a number, no name and no address.

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
            Some(("link", index)) => {
                let told = links(&sock, index.parse().unwrap_or(0));
                tell(index, told)?;
            }
            None if line == "tipc" => match socket(AF_TIPC, SOCK_STREAM) {
                Ok(tipc) => {
                    println!("AF_TIPC: yes");
                    close(tipc)?;
                }
                Err(error) => tell("AF_TIPC", Err(error))?,
            },
            _ => links(&sock, 0)?,
        }
    }
    close(sock)
}

/// Prints an error for which the program is not to blame.
fn tell(what: &str, told: Result<()>) -> Result<()> {
    match told.as_ref().err().and_then(Error::errno) {
        Some(errno @ (Errno::ENODEV | Errno::EAFNOSUPPORT)) => {
            println!("{what}: {errno:?}");
            Ok(())
        }
        _ => told,
    }
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

    loop {
        // No datagram of a dump is longer.
        let mut buf = vec![0; 32 << 10];
        let n = recv(sock, &mut buf)?;
        let mut rest = &buf[..n];
        while rest.len() >= HEADER {
            let length = word(rest) as usize;
            match i32::from(half(&rest[4..])) {
                NLMSG_DONE => return Ok(()),
                libc::NLMSG_NOOP => {}
                _ => print(&rest[HEADER..length]),
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
        }
        // One interface is one message, and nothing follows it.
        if index != 0 {
            return Ok(());
        }
    }
}

/// Prints what a message says: struct ifinfomsg and attributes.
fn print(link: &[u8]) {
    let name = attribute(&link[LINK..], libc::IFLA_IFNAME);
    let name = String::from_utf8_lossy(name.strip_suffix(&[0]).unwrap_or(name));
    let address = attribute(&link[LINK..], libc::IFLA_ADDRESS);
    let address: Vec<_> = address.iter().map(|byte| format!("{byte:02x}")).collect();
    println!("{} {name} {}", word(&link[4..]), address.join(":"));
}

fn attribute(mut rest: &[u8], wanted: u16) -> &[u8] {
    while rest.len() >= 4 {
        let length = usize::from(half(rest));
        if half(&rest[2..]) == wanted {
            return rest.get(4..length).unwrap_or(&[]);
        }
        rest = rest.get(length.max(4).next_multiple_of(4)..).unwrap_or(&[]);
    }
    &[]
}

fn half(bytes: &[u8]) -> u16 {
    u16::from_ne_bytes([bytes[0], bytes[1]])
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}
