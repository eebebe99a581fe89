//! Lesson 27 - raw sockets: ping
//!
//! Beside TCP and UDP, IP carries ICMP. Its echo asks whoever has an address
//! to send the same bytes back, and there the kernel does it: no server, no
//! port. The client sends lines as echos; the header is all its own work.
//!
//! Run `client` as root, or in the lab. `header` makes the IP header as well,
//! `unprivileged` does without rights, and `refused` hears No twice.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kit::{raw::*, *};

const TARGET: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
const ECHO: u8 = 8;
const ECHO_REPLY: u8 = 0;
// Whose echos they are. It stands for a port, but anybody may take any.
const ID: u16 = 7027;

fn main() -> ExitCode {
    let roles = ["client", "header", "unprivileged", "refused"];
    finish(role_of(roles).and_then(|role| match role {
        "client" => ping(socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP)?, &[]),
        "header" => {
            let sock = socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP)?;
            set_header_included(&sock, true)?;
            // IPv4, five words of header, time to live 9, protocol 1: ICMP.
            // For zeros the kernel puts its own: length, checksum, from whom.
            let ip = [0x45, 0, 0, 0, 0, 0, 0, 0, 9, 1, 0, 0, 0, 0, 0, 0];
            ping(sock, &[&ip[..], &TARGET.0.octets()].concat())
        }
        "unprivileged" => {
            let sock = socket_of(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)?;
            // The port of such a socket is the id of its echos.
            bind(&sock, (TARGET.0, ID))?;
            ping(sock, &[])
        }
        _ => {
            // Raw is no kind of service, so there is no protocol by default.
            let _ = socket(AF_INET, SOCK_RAW).inspect_err(perror);
            give_up_capabilities()?;
            socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP).map(drop)
        }
    }))
}

fn ping(sock: OwnedFd, ip: &[u8]) -> Result<()> {
    let mut seq: u16 = 0;
    while let Some(line) = input("")? {
        seq += 1;
        let ids = [ID.to_be_bytes(), seq.to_be_bytes()].concat();
        let mut echo = [&[ECHO, 0, 0, 0], &ids[..], line.as_bytes()].concat();
        let sum = checksum(&echo).to_be_bytes();
        echo[2..4].copy_from_slice(&sum);
        sendto(&sock, &[ip, &echo].concat(), TARGET)?;
        let answer = reply(&sock, &ids)?.unwrap_or("no answer".into());
        println!("seq={seq} {answer}");
    }
    close(sock)
}

fn checksum(message: &[u8]) -> u16 {
    // Numbers of two bytes; behind a last odd byte one thinks a zero.
    let numbers = message.chunks(2).map(|it| [it[0], *it.get(1).unwrap_or(&0)]);
    let mut sum: u32 = numbers.map(|n| u32::from(u16::from_be_bytes(n))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn reply(sock: &OwnedFd, ids: &[u8]) -> Result<Option<String>> {
    let deadline = Instant::now() + Duration::from_secs(1);
    while readable(sock, deadline)? {
        let mut buf = [0; 2048];
        let (n, _) = recvfrom(sock, &mut buf)?;
        // A raw socket gives the IP header too; how long it is, it says.
        let words = if buf[0] >> 4 == 4 { buf[0] & 15 } else { 0 };
        let message = &buf[usize::from(words) * 4..n];
        // All ICMP comes here: our own echo, and what is for others.
        if let [ECHO_REPLY, 0, _, _, rest @ ..] = message
            && rest.starts_with(ids)
            && checksum(message) == 0
        {
            return Ok(Some(text(&rest[4..])?.into()));
        }
    }
    Ok(None)
}

fn readable(sock: &OwnedFd, deadline: Instant) -> Result<bool> {
    let left = deadline.saturating_duration_since(Instant::now());
    let left = left.as_micros().div_ceil(1000);
    let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    let mut fds = [PollFd::new(sock.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut fds, left)? > 0)
}
