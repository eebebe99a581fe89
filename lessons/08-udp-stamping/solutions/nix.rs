//! Exercise 8 - a stamping service over UDP
//!
//! The sender of each datagram is compared with the server, and the socket has a limit for how long
//! a read of it waits (`SO_RCVTIMEO`).

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use kit::*;

const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 21567);

fn main() -> ExitCode {
    finish(role_of(["client"]).and_then(|_| client()))
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    set_recv_timeout(&sock, Duration::from_secs(1))?;

    while let Some(line) = input("> ")?.filter(|line| !line.is_empty()) {
        sendto(&sock, line.as_bytes(), SERVER)?;
        match answer(&sock) {
            Ok(answer) => println!("{}", py_repr(&answer)),
            Err(error) if error.errno() == Some(Errno::EAGAIN) => println!("no answer"),
            Err(error) => return Err(error),
        }
    }

    close(sock)
}

/// The next datagram that the server sent; what others send is dropped.
fn answer(sock: &OwnedFd) -> Result<Vec<u8>> {
    let mut buf = [0; 1024];
    loop {
        let (n, from) = recvfrom(sock, &mut buf)?;
        if from == SocketAddr::from(SERVER) {
            return Ok(buf[..n].to_vec());
        }
    }
}
