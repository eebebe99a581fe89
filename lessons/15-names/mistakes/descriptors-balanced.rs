//! It tries all of them, and keeps the sockets that could not connect: they are good for nothing, and open.

use std::net::SocketAddr;
use std::process::ExitCode;

use kit::*;

fn main() -> ExitCode {
    let line = input("").ok().flatten().unwrap_or_default();
    let (host, service) = line.split_once(' ').unwrap_or_default();
    let found = getaddrinfo(host, service, SOCK_STREAM);
    let (done, status) = match found {
        Ok(candidates) => (client(&candidates), 2),
        Err(error) => (Err(error), 3),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            perror(&error);
            ExitCode::from(status)
        }
    }
}

fn client(candidates: &[SocketAddr]) -> Result<()> {
    let sock = first_that_answers(candidates)?;
    let mut said = Vec::new();
    let mut buf = [0; 1024];
    loop {
        match recv(&sock, &mut buf)? {
            0 => break,
            n => said.extend_from_slice(&buf[..n]),
        }
    }
    println!("{}", text(&said)?);
    close(sock)
}

fn first_that_answers(candidates: &[SocketAddr]) -> Result<OwnedFd> {
    let mut failed = Error::Call { name: "connect", errno: Errno::EADDRNOTAVAIL };
    let mut tried = Vec::new();
    for addr in candidates {
        let sock = socket(if addr.is_ipv4() { AF_INET } else { AF_INET6 }, SOCK_STREAM)?;
        match connect(&sock, *addr) {
            Ok(()) => {
                // Whoever needs a descriptor later will find fewer of them.
                std::mem::forget(tried);
                return Ok(sock);
            }
            Err(error) => failed = error,
        }
        tried.push(sock);
    }
    Err(failed)
}
