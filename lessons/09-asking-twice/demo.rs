//! Lesson 9 - asking twice
//!
//! Datagrams get lost, or come twice, or late. So the client numbers its
//! requests (`1|hello`), sends one up to three times, waiting longer each
//! time, and takes no answer but that with its number. The server echoes, but
//! as a network might it loses the first datagram and answers the third twice.
//!
//! Run `server` in one shell and `client` in another, or let the lab play
//! both; `truncated` shows what a short buffer does to a datagram.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7009);

fn main() -> ExitCode {
    let role = role_of(["server", "client", "truncated"]);
    finish(role.and_then(|role| match role {
        "server" => server(),
        "client" => client(),
        _ => truncated(),
    }))
}

fn server() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    bind(&sock, ADDRESS)?;
    let mut buf = [0; 1024];
    for came in 1.. {
        let (n, from) = recvfrom(&sock, &mut buf)?;
        let times = match came {
            1 => 0,
            3 => 2,
            _ => 1,
        };
        for _ in 0..times {
            sendto(&sock, &buf[..n], from)?;
        }
    }
    close(sock)
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    // No packet goes out. The kernel notes whom this socket talks to: others'
    // datagrams do not reach it, and a refusal (ECONNREFUSED) does.
    connect(&sock, ADDRESS)?;
    let mut id = 0;
    while let Some(line) = input("")? {
        id += 1;
        let answer = ask(&sock, id, &line)?;
        println!("{}", answer.unwrap_or("no answer".into()));
    }
    close(sock)
}

fn ask(sock: &OwnedFd, id: u32, line: &str) -> Result<Option<String>> {
    let mut patience = Duration::from_millis(200);
    for _ in 0..3 {
        send(sock, format!("{id}|{line}").as_bytes())?;
        // A moment, not a span: however many other datagrams come in between,
        // we do not wait beyond it.
        let deadline = Instant::now() + patience;
        while readable(sock, deadline)? {
            let mut buf = [0; 1024];
            let n = recv(sock, &mut buf)?;
            // An answer to an earlier request has come late, or twice.
            let answer = text(&buf[..n])?.strip_prefix(&format!("{id}|"));
            if let Some(answer) = answer {
                return Ok(Some(answer.to_string()));
            }
        }
        patience *= 2;
    }
    Ok(None)
}

fn readable(sock: &OwnedFd, deadline: Instant) -> Result<bool> {
    let left = deadline.saturating_duration_since(Instant::now());
    // poll counts in milliseconds, and a part of one is time as well.
    let left = left.as_micros().div_ceil(1000);
    let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
    let mut fds = [PollFd::new(sock.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut fds, left)? > 0)
}

fn truncated() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    sendto(&sock, b"1|abc", ADDRESS)?;
    let mut buf = [0; 3];
    let n = recv(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    // On a stream the next read would bring `bc`. Here they are gone.
    println!("is there more? {}", readable(&sock, Instant::now())?);
    close(sock)
}
