//! Exercise 17 with setsockopt(2) as C has it: a level, a number, and a pointer to an int and its size.

use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use kit::*;
use nix::libc::{self, c_int};

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    let on: c_int = 1;
    // SAFETY: the pointer leads to an int, and the length is an int's.
    let done = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_REUSEADDR,
            (&raw const on).cast(),
            size_of::<c_int>() as libc::socklen_t,
        )
    };
    Errno::result(done).map_err(|errno| Error::Call { name: "setsockopt", errno })?;
    bind(&listener, (Ipv4Addr::LOCALHOST, 7017))?;
    listen(&listener, 5)?;

    loop {
        let (conn, _) = accept(&listener)?;
        if recv(&conn, &mut [0; 1024])? > 0 {
            send(&conn, "已接受到数据".as_bytes())?;
        }
        close(conn)?;
    }
}
