//! Exercise 24 with libc alone, as a program in C would have it: CMSG_SPACE, CMSG_FIRSTHDR, CMSG_DATA.

use std::mem::{size_of, zeroed};
use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;
use nix::libc::{self, c_int, c_void, iovec, msghdr};
use std::os::fd::{AsRawFd, FromRawFd};

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7024);

/// So many descriptors the kernel takes in one message at most. Source: unix(7), `SCM_RIGHTS`.
const MOST: usize = 253;

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let mut pair = [0; 2];
    // SAFETY: there is room for two numbers.
    unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_SEQPACKET, 0, pair.as_mut_ptr()) };
    let [parents, workers] = pair;
    // SAFETY: there is no other thread that the child would lack.
    let worker = unsafe { libc::fork() };
    if worker == 0 {
        // SAFETY: the number is ours, and used no more.
        unsafe { libc::close(parents) };
        return work(workers);
    }
    // SAFETY: as above.
    unsafe { libc::close(workers) };

    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 10)?;
    while let Some(line) = input("")? {
        let seats = line.parse().unwrap_or(0);
        let table: Vec<_> = (0..seats).map(|_| Ok(accept(&listener)?.0)).collect::<Result<_>>()?;
        let numbers: Vec<c_int> = table.iter().map(AsRawFd::as_raw_fd).collect();
        with_room(|message| {
            let bytes = size_of::<c_int>() * numbers.len();
            // SAFETY: there is room for MOST descriptors, and there are fewer.
            unsafe {
                message.msg_controllen = libc::CMSG_SPACE(bytes as u32) as _;
                let header = libc::CMSG_FIRSTHDR(message);
                (*header).cmsg_level = libc::SOL_SOCKET;
                (*header).cmsg_type = libc::SCM_RIGHTS;
                (*header).cmsg_len = libc::CMSG_LEN(bytes as u32) as _;
                libc::CMSG_DATA(header).cast::<c_int>().copy_from(numbers.as_ptr(), numbers.len());
                libc::sendmsg(parents, message, 0);
            }
        });
    }
    close(listener)?;
    // SAFETY: the number is ours, and used no more; wait4 writes nothing.
    unsafe {
        libc::close(parents);
        libc::waitpid(worker, std::ptr::null_mut(), 0);
    }
    Ok(())
}

fn work(workers: c_int) -> Result<()> {
    loop {
        let table = received(workers);
        if table.is_empty() {
            // SAFETY: the number is ours, and used no more.
            unsafe { libc::close(workers) };
            return Ok(());
        }
        let mut names = Vec::new();
        for conn in &table {
            let mut buf = [0; 1024];
            let n = recv(conn, &mut buf)?;
            names.push(text(&buf[..n])?.trim_end().to_owned());
        }
        for conn in table {
            send(&conn, format!("{}\n", names.join(" ")).as_bytes())?;
            close(conn)?;
        }
    }
}

/// The connections of the next table; none at the end.
fn received(workers: c_int) -> Vec<OwnedFd> {
    with_room(|message| {
        // SAFETY: recvmsg fills in what there is room for, and says how much it was.
        unsafe {
            if libc::recvmsg(workers, message, libc::MSG_CMSG_CLOEXEC) <= 0 {
                return Vec::new();
            }
            let header = libc::CMSG_FIRSTHDR(message);
            let bytes = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
            let numbers = libc::CMSG_DATA(header).cast::<c_int>();
            let own = |at| OwnedFd::from_raw_fd(numbers.add(at).read_unaligned());
            (0..bytes / size_of::<c_int>()).map(own).collect()
        }
    })
}

/// A message of one byte, with room for as many descriptors as there may be.
fn with_room<T>(work: impl FnOnce(&mut msghdr) -> T) -> T {
    let mut byte = [b'!'];
    let mut iov = iovec { iov_base: byte.as_mut_ptr().cast::<c_void>(), iov_len: 1 };
    // Of u64, so that the headers in it are aligned.
    let mut room = [0u64; 2 + MOST / 2 + 1];
    // SAFETY: all its parts may be zero.
    let mut message: msghdr = unsafe { zeroed() };
    message.msg_iov = &raw mut iov;
    message.msg_iovlen = 1;
    message.msg_control = room.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(&room) as _;
    work(&mut message)
}
