//! Exercise 18 with a timer that is a descriptor: it is set once, and each poll waits for it as well.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::*;
use socket2::{Domain, Socket, Type};

fn main() -> Result<ExitCode> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::empty())?;
    let second = TimeSpec::from_duration(Duration::from_secs(1));
    timer.set(Expiration::OneShot(second), TimerSetTimeFlags::empty())?;
    let Some(answer) = fetch(&line, &timer)? else {
        eprintln!("timeout");
        return Ok(ExitCode::from(4));
    };
    std::io::stdout().write_all(&answer)?;
    Ok(ExitCode::SUCCESS)
}

fn fetch(line: &str, timer: &TimerFd) -> Result<Option<Vec<u8>>> {
    let sock = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    sock.set_nonblocking(true)?;
    match sock.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, 7018)).into()) {
        Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
        done => done?,
    }
    if !comes_before(&sock, PollFlags::POLLOUT, timer)? {
        return Ok(None);
    }
    if let Some(error) = sock.take_error()? {
        return Err(error);
    }
    let mut conn = TcpStream::from(sock);
    conn.write_all(line.as_bytes())?;
    let (mut answer, mut buf) = (Vec::new(), [0; 1024]);
    while comes_before(&conn, PollFlags::POLLIN, timer)? {
        match conn.read(&mut buf) {
            Ok(0) => return Ok(Some(answer)),
            Ok(n) => answer.extend_from_slice(&buf[..n]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Waits for the socket and for the timer: whether the time is not over yet.
fn comes_before(sock: &impl AsFd, what: PollFlags, timer: &TimerFd) -> Result<bool> {
    loop {
        let mut both =
            [PollFd::new(sock.as_fd(), what), PollFd::new(timer.as_fd(), PollFlags::POLLIN)];
        match poll(&mut both, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(Error::from(errno)),
            // Asked first: drops that keep coming must not hide that the time is over.
            Ok(_) => return Ok(both[1].any() != Some(true)),
        }
    }
}
