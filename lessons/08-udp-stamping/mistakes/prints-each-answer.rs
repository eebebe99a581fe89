//! An answer is printed as the numbers that its bytes are.

use std::net::Ipv4Addr;
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
    connect(&sock, SERVER)?;
    let mut buf = [0; 1024];
    while let Some(line) = input("> ")?.filter(|line| !line.is_empty()) {
        send(&sock, line.as_bytes())?;
        match recv(&sock, &mut buf) {
            Ok(0) => println!("{}", py_repr(b"")),
            Ok(n) => println!("{:?}", &buf[..n]),
            Err(_) => println!("no answer"),
        }
    }
    close(sock)
}
