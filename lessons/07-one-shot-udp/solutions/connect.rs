//! Exercise 7 with connect(2) for each answer.
//!
//! On a datagram socket it sends nothing; it only notes whom to send to, and from whom alone to take datagrams.
//! So it is undone after each answer, by connecting to no family at all (`AF_UNSPEC`).

use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::*;

fn main() -> nix::Result<()> {
    let sock = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::empty(), None)?;
    bind(sock.as_raw_fd(), &SockaddrIn::new(127, 0, 0, 1, 9999))?;
    let mut buf = [0; 1024];
    loop {
        let (n, from) = recvfrom::<SockaddrIn>(sock.as_raw_fd(), &mut buf)?;
        println!("{}", String::from_utf8_lossy(&buf[..n]));
        let from = from.ok_or(Errno::EAFNOSUPPORT)?;
        connect(sock.as_raw_fd(), &from)?;
        send(sock.as_raw_fd(), "欢迎".as_bytes(), MsgFlags::empty())?;
        disconnect(&sock)?;
    }
}

fn disconnect(sock: &impl AsRawFd) -> nix::Result<()> {
    let nobody = nix::libc::sockaddr {
        sa_family: nix::libc::AF_UNSPEC as nix::libc::sa_family_t,
        sa_data: [0; 14],
    };
    let len = size_of_val(&nobody) as nix::libc::socklen_t;
    // SAFETY: the kernel reads `nobody`, which is `len` bytes long and lives until the call is over.
    Errno::result(unsafe { nix::libc::connect(sock.as_raw_fd(), &raw const nobody, len) })?;
    Ok(())
}
