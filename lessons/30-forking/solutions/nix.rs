//! Exercise 30, solved: the parent closes its copy, and collects whoever has ended as soon as the signal comes.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::children::{SIGCHLD, handle, waitpid_any};
use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7030);

fn main() -> ExitCode {
    only_server(server)
}

extern "C" fn collect(_: i32) {
    let errno = Errno::last_raw();
    while let Ok(Some(_)) = waitpid_any() {}
    Errno::set_raw(errno);
}

fn server() -> Result<()> {
    // SAFETY: what it calls may be called by a handler, and errno is kept.
    unsafe { handle(SIGCHLD, collect) }?;
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 32)?;
    loop {
        let conn = match accept(&listener) {
            Ok((conn, _)) => conn,
            Err(error) if error.errno() == Some(Errno::EINTR) => continue,
            Err(error) => return Err(error),
        };
        // SAFETY: there is no other thread that the child would lack.
        let Some(_child) = (unsafe { fork() })? else {
            close(listener)?;
            return serve(conn);
        };
        close(conn)?;
    }
}

fn serve(conn: OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    let quotient = divide(text(&buf[..n])?)?;
    send(&conn, format!("{quotient}\n").as_bytes())?;
    close(conn)
}

/// Fails if there are no two numbers, or if the second one is zero.
fn divide(line: &str) -> Result<i64> {
    let numbers: Vec<i64> = line.split_whitespace().filter_map(|it| it.parse().ok()).collect();
    let quotient = match numbers[..] {
        [a, b] => a.checked_div(b),
        _ => None,
    };
    quotient.ok_or(Error::Call { name: "divide", errno: Errno::EDOM })
}
