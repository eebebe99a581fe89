//! Exercise 19 - without waiting
//!
//! A scanner. It reads one line, an address and ports, and prints a line for
//! each port, in their order: `7101 open`, `7102 closed` if that is what the
//! other end says, or `7103 filtered` if nobody has said anything within a
//! second. It is right about all of them. But it asks one after the other, so
//! with three silent ports it takes three seconds.
//!
//! `lab check 19` runs it, types the line, and plays the ports. To do that
//! yourself, run the demo with `server` in one shell and this with `client`
//! in another, and type `127.0.0.1 7019 7119 7219`.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use kit::*;

fn main() -> ExitCode {
    finish(role_of(["client"]).and_then(|_| client()))
}

fn client() -> Result<()> {
    let line = input("")?.unwrap_or_default();
    let mut words = line.split_whitespace();
    let host: Ipv4Addr = words.next().and_then(|ip| ip.parse().ok()).expect("an address");
    let ports = words.map(|port| port.parse::<u16>().expect("a port"));

    // TODO: A second after the line was typed every port has its line, however
    // many of them are silent. No port is asked more than twice, the program
    // sleeps while it waits, and a signal (EINTR) changes nothing. Each socket
    // is closed before the program ends.
    for port in ports {
        let sock = socket(AF_INET, SOCK_STREAM)?;
        set_send_timeout(&sock, Duration::from_secs(1))?;
        let said = match connect(&sock, (host, port)).map_err(|error| error.errno()) {
            Ok(()) => "open",
            Err(Some(Errno::EINPROGRESS)) => "filtered",
            Err(_) => "closed",
        };
        println!("{port} {said}");
        close(sock)?;
    }
    Ok(())
}
