//! Exercise 30 with signalfd: that a child has ended is one more thing that poll waits for.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;

use kit::children::{SIGCHLD, waitpid_any};
use kit::unix::signalfd;
use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7030);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let ended = signalfd(&[SIGCHLD])?;
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 32)?;
    loop {
        let watched = [ended.as_fd(), listener.as_fd()];
        let mut fds = watched.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        poll(&mut fds, PollTimeout::NONE)?;
        let [has_ended, has_come] = fds.map(|fd| fd.any() == Some(true));
        if has_ended {
            ended.read_signal().map_err(|errno| Error::Call { name: "read", errno })?;
            while waitpid_any()?.is_some() {}
        }
        if has_come {
            let (conn, _) = accept(&listener)?;
            // SAFETY: there is no other thread that the child would lack.
            let Some(_child) = (unsafe { fork() })? else {
                return serve(conn);
            };
            close(conn)?;
        }
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
