//! It gives the reply half a second to come, and then looks.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kit::raw::*;
use kit::*;

const TARGET: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
const ECHO: u8 = 8;
const ECHO_REPLY: u8 = 0;
const ID: u16 = 7027;

fn main() -> ExitCode {
    finish(role_of(["client", "unprivileged"]).and_then(|role| match role {
        "client" => ping(socket_of(AF_INET, SOCK_RAW, IPPROTO_ICMP)?),
        _ => {
            let sock = socket_of(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)?;
            bind(&sock, (TARGET.0, ID))?;
            ping(sock)
        }
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
        let answer = reply(&sock, seq)?;
        println!("seq={seq} {}", answer.unwrap_or("no answer".into()));
    }
    close(sock)
}

fn reply(sock: &OwnedFd, seq: u16) -> Result<Option<String>> {
    std::thread::sleep(Duration::from_millis(500));
    let deadline = Instant::now();
    let ids = [ID.to_be_bytes(), seq.to_be_bytes()].concat();
    while readable(sock, deadline)? {
        let mut buf = [0; 2048];
        let (n, _) = recvfrom(sock, &mut buf)?;
        let words = if buf[0] >> 4 == 4 { buf[0] & 15 } else { 0 };
        let message = &buf[usize::from(words) * 4..n];
        if let [ECHO_REPLY, 0, _, _, rest @ ..] = message
            && rest.starts_with(&ids)
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

fn checksum(message: &[u8]) -> u16 {
    let numbers = message.chunks(2).map(|it| [it[0], *it.get(1).unwrap_or(&0)]);
    let mut sum: u32 = numbers.map(|n| u32::from(u16::from_be_bytes(n))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
