//! Exercise 27 - raw sockets: ping
//!
//! A client that sends each line as an echo to 127.0.0.1, the first one with
//! the number 1, and prints what comes back: `seq=1 hello`. If nothing does
//! within a second it prints `seq=1 no answer`. Then comes the next line.
//!
//! `lab check 27` plays who answers. To try it against your own kernel, run
//! this with `client` as root; it will not answer like the lab does.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::raw::*;
use kit::*;

const TARGET: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
const ECHO: u8 = 8;
const ID: u16 = 7027;

fn main() -> ExitCode {
    finish(role_of(["client", "unprivileged"]).and_then(|role| match role {
        "client" => ping(socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP)?),
        // TODO: The role `unprivileged` does the same for one who may have
        // no raw socket: with a ping socket.
        _ => ping(socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP)?),
    }))
}

fn ping(sock: OwnedFd) -> Result<()> {
    let mut seq: u16 = 0;
    while let Some(line) = input("")? {
        seq += 1;
        let mut echo = vec![ECHO, 0, 0, 0];
        echo.extend(ID.to_be_bytes());
        echo.extend(seq.to_be_bytes());
        echo.extend(line.as_bytes());
        let sum = checksum(&echo);
        echo[2..4].copy_from_slice(&sum.to_be_bytes());
        sendto(&sock, &echo, TARGET)?;

        // TODO: A raw socket hears everybody's ICMP, its own echos included.
        // What counts is a reply, to this client, with this number, of which
        // no bit was changed; for a second, whatever else comes meanwhile. It
        // may stand behind an IP header of more than twenty bytes.
        let mut buf = [0; 2048];
        let (n, _) = recvfrom(&sock, &mut buf)?;
        println!("seq={seq} {}", text(&buf[28..n])?);
    }
    close(sock)
}

fn checksum(message: &[u8]) -> u16 {
    // TODO: A message may have an odd number of bytes.
    let numbers = message.chunks_exact(2).map(|it| [it[0], it[1]]);
    let mut sum: u32 = numbers.map(|n| u32::from(u16::from_be_bytes(n))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
