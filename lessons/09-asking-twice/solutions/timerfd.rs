//! Exercise 9 with a timer that is a descriptor: one poll waits for the answer and for the deadline alike.
//!
//! The deadline stands in the timer, so whatever comes or interrupts meanwhile does not move it.

use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::time::Duration;

use kit::input;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::*;

fn main() -> std::io::Result<()> {
    let sock = UdpSocket::bind("0.0.0.0:0")?;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::empty())?;
    let mut id = 0;
    while let Ok(Some(line)) = input("") {
        id += 1;
        println!("{}", ask(&sock, &timer, id, &line)?.unwrap_or("no answer".into()));
    }
    Ok(())
}

fn ask(sock: &UdpSocket, timer: &TimerFd, id: u32, line: &str) -> nix::Result<Option<String>> {
    for patience in [200, 400, 800] {
        again(|| sock.send_to(format!("{id}|{line}").as_bytes(), "127.0.0.1:7009"))?;
        let patience = TimeSpec::from_duration(Duration::from_millis(patience));
        timer.set(Expiration::OneShot(patience), TimerSetTimeFlags::empty())?;
        loop {
            let (answered, over) = again(|| {
                let both = [sock.as_fd(), timer.as_fd()];
                let mut both = both.map(|fd| PollFd::new(fd, PollFlags::POLLIN));
                poll(&mut both, PollTimeout::NONE)?;
                let [answered, over] = both.map(|fd| fd.any().unwrap_or(false));
                Ok((answered, over))
            })?;
            if answered {
                let mut buf = [0; 1024];
                let (n, _) = again(|| sock.recv_from(&mut buf))?;
                let answer = String::from_utf8_lossy(&buf[..n]);
                if let Some(answer) = answer.strip_prefix(&format!("{id}|")) {
                    return Ok(Some(answer.into()));
                }
            } else if over {
                break;
            }
        }
    }
    Ok(None)
}

/// Makes a call until no signal interrupts it.
fn again<T>(mut call: impl FnMut() -> std::io::Result<T>) -> nix::Result<T> {
    loop {
        match call().map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0))) {
            Err(Errno::EINTR) => continue,
            done => return done,
        }
    }
}
