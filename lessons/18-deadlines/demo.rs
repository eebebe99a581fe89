//! Lesson 18 - deadlines
//!
//! A client that gives its server one second: for the connection, for the
//! question, and for the answer to its last byte. So it has one deadline, and
//! each wait gets what is left until then. The server sends as many drops as
//! it is asked for, one every 300 milliseconds: three of them come in time.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7018);

fn main() -> ExitCode {
    let done = role().and_then(|role| match role {
        Role::Server => server().map(|()| ExitCode::SUCCESS),
        Role::Client => client(),
    });
    done.unwrap_or_else(|error| finish(Err(error)))
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;

    let (conn, _) = accept(&listener)?;
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    for _ in 0..text(&buf[..n])?.trim().parse().unwrap_or(0) {
        // A pause that ends early if the client leaves.
        let next = Instant::now() + Duration::from_millis(300);
        if ready(&conn, PollFlags::POLLIN, next)? {
            break;
        }
        send(&conn, "滴\n".as_bytes())?;
    }
    close(conn)?;
    close(listener)
}

fn client() -> Result<ExitCode> {
    let Some(drops) = input("")? else { return Ok(ExitCode::SUCCESS) };
    let deadline = Instant::now() + Duration::from_secs(1);
    let sock = socket(AF_INET, SOCK_STREAM)?;
    let answer = fetch(&sock, &drops, deadline)?;
    close(sock)?;
    let Some(answer) = answer else {
        eprintln!("timeout");
        return Ok(ExitCode::from(4));
    };
    print!("{}", text(&answer)?);
    Ok(ExitCode::SUCCESS)
}

/// All of it; `None` if the deadline comes before its end.
type Answer = Option<Vec<u8>>;

fn fetch(sock: &OwnedFd, what: &str, deadline: Instant) -> Result<Answer> {
    set_nonblocking(sock, true)?;
    match connect(sock, ADDRESS) {
        // It goes on by itself, and we decide how long we look on.
        Err(error) if error.errno() == Some(Errno::EINPROGRESS) => {
            if !ready(sock, PollFlags::POLLOUT, deadline)? {
                return Ok(None);
            }
            if let Some(errno) = get_error(sock)? {
                return Err(Error::Call { name: "connect", errno });
            }
        }
        done => done?,
    }
    send(sock, format!("{what}\n").as_bytes())?;

    let (mut answer, mut buf) = (Vec::new(), [0; 1024]);
    while ready(sock, PollFlags::POLLIN, deadline)? {
        match recv(sock, &mut buf)? {
            0 => return Ok(Some(answer)),
            n => answer.extend_from_slice(&buf[..n]),
        }
    }
    Ok(None)
}

/// Whether it is ready before the deadline.
fn ready(sock: &OwnedFd, what: PollFlags, deadline: Instant) -> Result<bool> {
    let left = deadline.saturating_duration_since(Instant::now());
    // poll counts in milliseconds, and a part of one is time as well.
    let left = left.as_micros().div_ceil(1000);
    let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    Ok(poll(&mut [PollFd::new(sock.as_fd(), what)], left)? > 0)
}
