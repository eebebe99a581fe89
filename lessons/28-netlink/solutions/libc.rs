//! Exercise 28 with libc alone: structures laid over bytes, sendmsg and recvmsg, and MSG_TRUNC looked at.

use std::ffi::CStr;
use std::mem::{size_of, zeroed};
use std::process::ExitCode;

use kit::*;
use nix::libc::{self, c_int, c_void, iovec, nlmsghdr, sockaddr_nl};

/// struct ifinfomsg, which libc has not on every system.
#[repr(C)]
struct Link {
    family: u8,
    pad: u8,
    kind: u16,
    index: c_int,
    flags: u32,
    change: u32,
}

#[repr(C)]
struct Question {
    header: nlmsghdr,
    link: Link,
}

fn main() -> ExitCode {
    finish(role_of(["asker"]).and_then(|_| {
        // SAFETY: takes plain integers.
        let sock = unsafe { libc::socket(libc::AF_NETLINK, libc::SOCK_DGRAM, libc::NETLINK_ROUTE) };
        while let Some(line) = input("")? {
            match line.strip_prefix("link ") {
                Some(index) => match ask(sock, index.parse().unwrap_or(0)) {
                    libc::ENODEV => println!("{index}: ENODEV"),
                    0 => {}
                    errno => println!("{index}: errno {errno}"),
                },
                None if line == "tipc" => tipc(),
                None => _ = ask(sock, 0),
            }
        }
        // SAFETY: the number is ours, and used no more.
        unsafe { libc::close(sock) };
        Ok(())
    }))
}

fn tipc() {
    // SAFETY: takes plain integers.
    let tipc = unsafe { libc::socket(libc::AF_TIPC, libc::SOCK_SEQPACKET, 0) };
    match tipc {
        -1 if Errno::last() == Errno::EAFNOSUPPORT => println!("AF_TIPC: EAFNOSUPPORT"),
        -1 => println!("AF_TIPC: {:?}", Errno::last()),
        // SAFETY: the number is ours, and used no more.
        _ => _ = unsafe { libc::close(tipc) },
    }
}

/// Prints the interface of this number, or all for 0; gives the errno of the answer, 0 if it is none.
fn ask(sock: c_int, index: c_int) -> c_int {
    let dump = if index == 0 { libc::NLM_F_DUMP } else { 0 };
    // SAFETY: all of it is plain data, for which zeros are valid.
    let mut question: Question = unsafe { zeroed() };
    question.header.nlmsg_len = size_of::<Question>() as u32;
    question.header.nlmsg_type = libc::RTM_GETLINK;
    question.header.nlmsg_flags = (libc::NLM_F_REQUEST | dump) as u16;
    question.header.nlmsg_seq = 28;
    question.link.index = index;
    // SAFETY: as above.
    let mut kernel: sockaddr_nl = unsafe { zeroed() };
    kernel.nl_family = libc::AF_NETLINK as u16;
    let length = size_of::<Question>();
    let question: *mut Question = &mut question;
    transfer(&mut kernel, question.cast(), length, |message| {
        // SAFETY: the message's parts are valid for their lengths.
        unsafe { libc::sendmsg(sock, message, 0) }
    });

    let mut room = vec![0u32; 1024];
    loop {
        let (at, length) = (room.as_mut_ptr().cast(), 4 * room.len());
        let mut flags = 0;
        let n = transfer(&mut kernel, at, length, |message| {
            // SAFETY: the message's parts are valid for their lengths.
            let n = unsafe { libc::recvmsg(sock, message, libc::MSG_PEEK | libc::MSG_TRUNC) };
            flags = message.msg_flags;
            n
        });
        if flags & libc::MSG_TRUNC != 0 {
            room.resize(n.div_ceil(4), 0);
            continue;
        }
        // SAFETY: as above; this time it is taken.
        let n =
            transfer(&mut kernel, at, length, |message| unsafe { libc::recvmsg(sock, message, 0) });
        // SAFETY: the kernel has filled so many bytes of the room.
        let bytes = unsafe { std::slice::from_raw_parts(room.as_ptr().cast::<u8>(), n) };
        if let Some(errno) = read(bytes) {
            return errno;
        }
        if index != 0 {
            return 0;
        }
    }
}

fn transfer(
    kernel: &mut sockaddr_nl,
    at: *mut c_void,
    length: usize,
    call: impl FnOnce(&mut libc::msghdr) -> isize,
) -> usize {
    let mut piece = iovec { iov_base: at, iov_len: length };
    // SAFETY: all zeros are an empty message.
    let mut message: libc::msghdr = unsafe { zeroed() };
    message.msg_name = (&raw mut *kernel).cast();
    message.msg_namelen = size_of::<sockaddr_nl>() as u32;
    message.msg_iov = &mut piece;
    message.msg_iovlen = 1;
    call(&mut message).max(0) as usize
}

/// Prints the messages of one datagram; an errno, or 0, if that was the end of the answer.
fn read(mut bytes: &[u8]) -> Option<c_int> {
    while bytes.len() >= size_of::<nlmsghdr>() {
        // SAFETY: there are as many bytes, and any are valid.
        let header: nlmsghdr = unsafe { bytes.as_ptr().cast::<nlmsghdr>().read_unaligned() };
        let length = header.nlmsg_len as usize;
        let body = &bytes[size_of::<nlmsghdr>()..length];
        match header.nlmsg_type as c_int {
            libc::NLMSG_DONE => return Some(0),
            libc::NLMSG_ERROR => return Some(-c_int::from_ne_bytes(*body.first_chunk()?)),
            _ => print(body),
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    None
}

fn print(body: &[u8]) {
    // SAFETY: as above.
    let link: Link = unsafe { body.as_ptr().cast::<Link>().read_unaligned() };
    let (mut name, mut address) = (String::new(), Vec::new());
    let mut rest = &body[size_of::<Link>()..];
    while let [l1, l2, k1, k2, ..] = *rest {
        let length = u16::from_ne_bytes([l1, l2]) as usize;
        let value = &rest[4..length];
        match u16::from_ne_bytes([k1, k2]) {
            libc::IFLA_IFNAME => {
                let text = CStr::from_bytes_until_nul(value).unwrap_or_default();
                name = text.to_string_lossy().into_owned();
            }
            libc::IFLA_ADDRESS => address = value.iter().map(|b| format!("{b:02x}")).collect(),
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    println!("{} {name} {}", link.index, address.join(":"));
}
