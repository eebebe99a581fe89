//! Exercise 7 with recvmsg(2) and sendmsg(2): the calls of which all others are short forms.
//!
//! recvmsg says one thing more: whether the datagram was longer than the buffer (`MSG_TRUNC`).

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::AsRawFd;

use nix::sys::socket::*;

fn main() -> nix::Result<()> {
    let sock = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::empty(), None)?;
    bind(sock.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 9999))?;
    let mut buf = [0; 1024];
    loop {
        let (n, from, flags) = {
            let mut room = [IoSliceMut::new(&mut buf)];
            let flags = MsgFlags::empty();
            let got = recvmsg::<SockaddrIn>(sock.as_raw_fd(), &mut room, None, flags)?;
            (got.bytes, got.address, got.flags)
        };
        println!("{}", String::from_utf8_lossy(&buf[..n]));
        if flags.contains(MsgFlags::MSG_TRUNC) {
            eprintln!("it was longer than that");
        }
        let answer = [IoSlice::new("欢迎".as_bytes())];
        sendmsg(sock.as_raw_fd(), &answer, &[], MsgFlags::empty(), from.as_ref())?;
    }
}
