//! Exercise 30 as C has it: the handler itself collects whoever has ended, and SA_RESTART lets accept go on.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;
use nix::libc::{self, c_int};

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7030);

fn main() -> ExitCode {
    only_server(server)
}

extern "C" fn collect(_: c_int) {
    // What was interrupted finds errno as it was.
    let errno = Errno::last_raw();
    // SAFETY: signal-safety(7) lists waitpid; no status is wanted.
    while unsafe { libc::waitpid(-1, std::ptr::null_mut(), libc::WNOHANG) } > 0 {}
    Errno::set_raw(errno);
}

fn server() -> Result<()> {
    // SAFETY: all parts of it may be zero, and what is called may be called by a handler.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = collect as *const () as usize;
        action.sa_flags = libc::SA_RESTART;
        libc::sigaction(libc::SIGCHLD, &action, std::ptr::null_mut());
    }
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 32)?;
    loop {
        let (conn, _) = accept(&listener)?;
        // SAFETY: there is no other thread that the child would lack.
        let Some(_child) = (unsafe { fork() })? else {
            return serve(conn);
        };
        close(conn)?;
    }
}

fn serve(conn: OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    let mut numbers = text(&buf[..n])?.split_whitespace().filter_map(|it| it.parse::<i64>().ok());
    let (a, b) = (numbers.next(), numbers.next());
    let quotient = a.zip(b).and_then(|(a, b)| a.checked_div(b));
    let quotient = quotient.ok_or(Error::Call { name: "divide", errno: Errno::EDOM })?;
    send(&conn, format!("{quotient}\n").as_bytes())?;
    close(conn)
}
