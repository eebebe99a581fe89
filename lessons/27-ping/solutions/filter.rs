//! Exercise 27 with nix, and a filter in the kernel: of all ICMP only replies come, so its own echos never do.

use std::io::{Error, Result, stdin};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, recv, sendto, socket,
};

const ID: u16 = 0xbeef;

fn main() -> Result<()> {
    let is_raw = std::env::args().nth(1).as_deref() == Some("client");
    let kind = if is_raw { SockType::Raw } else { SockType::Datagram };
    let sock = socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, SockProtocol::Icmp)?;
    if is_raw {
        let all_but_replies = !1u32;
        // SAFETY: the kernel reads the four bytes of the number.
        let set = unsafe {
            let (level, name) = (nix::libc::SOL_RAW, 1);
            let value = (&raw const all_but_replies).cast();
            nix::libc::setsockopt(sock.as_raw_fd(), level, name, value, 4)
        };
        if set != 0 {
            return Err(Error::last_os_error());
        }
    }
    for (line, seq) in stdin().lines().zip(1u16..) {
        let line = line?;
        let mut echo = [&[8, 0, 0, 0][..], &ID.to_be_bytes(), &seq.to_be_bytes()].concat();
        echo.extend(line.bytes());
        let sum = !sum(&echo);
        echo[2..4].copy_from_slice(&sum.to_be_bytes());
        let here = SockaddrIn::new(127, 0, 0, 1, 0);
        sendto(sock.as_raw_fd(), &echo, &here, MsgFlags::empty())?;
        let answer = answer(&sock, is_raw, seq)?;
        println!("seq={seq} {}", answer.as_deref().unwrap_or("no answer"));
    }
    Ok(())
}

fn answer(sock: &OwnedFd, is_raw: bool, seq: u16) -> Result<Option<String>> {
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).as_millis() as u16;
        let mut fds = [PollFd::new(sock.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::from(left))? == 0 {
            return Ok(None);
        }
        let mut buf = [0; 65536];
        let n = recv(sock.as_raw_fd(), &mut buf, MsgFlags::empty())?;
        let start = if is_raw { usize::from(buf[0] % 16) * 4 } else { 0 };
        let reply = &buf[start..n];
        // To a ping socket only what answers it comes.
        let is_for_us = !is_raw || reply.get(4..6) == Some(&ID.to_be_bytes());
        let is_this_one = reply.get(6..8) == Some(&seq.to_be_bytes());
        if is_for_us && is_this_one && reply[0] == 0 && sum(reply) == 0xffff {
            return Ok(Some(String::from_utf8_lossy(&reply[8..]).into_owned()));
        }
    }
}

/// The sum of numbers of two bytes, in which what overflows is added again.
fn sum(bytes: &[u8]) -> u16 {
    bytes.chunks(2).fold(0, |sum: u16, pair| {
        let number = u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
        let (sum, carried) = sum.overflowing_add(number);
        sum + u16::from(carried)
    })
}
