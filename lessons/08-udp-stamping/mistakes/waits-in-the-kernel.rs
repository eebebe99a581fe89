//! It asks the kernel again and again whether something has come, until a second is over.

use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kit::*;
use nix::sys::socket::MsgFlags;

const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 21567);

fn main() -> ExitCode {
    finish(role_of(["client"]).and_then(|_| client()))
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    connect(&sock, SERVER)?;
    let mut buf = [0; 1024];
    while let Some(line) = input("> ")?.filter(|line| !line.is_empty()) {
        send(&sock, line.as_bytes())?;
        let asked = Instant::now();
        let answer = loop {
            let got = nix::sys::socket::recv(sock.as_raw_fd(), &mut buf, MsgFlags::MSG_DONTWAIT);
            if got.is_ok() || asked.elapsed() > Duration::from_secs(1) {
                break got;
            }
        };
        match answer {
            Ok(n) => println!("{}", py_repr(&buf[..n])),
            Err(_) => println!("no answer"),
        }
    }
    close(sock)
}
