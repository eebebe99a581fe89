//! Exercise 18 - deadlines
//!
//! A client that fetches what is typed: it sends the line to the server at
//! port 7018, reads until the server closes, and prints what it has got. It
//! should not take longer than a second, and none of its calls does. But each
//! of them has a second of its own.
//!
//! `lab check 18` runs it, types its line, and plays the server. To do that
//! yourself, run the demo with `server` in one shell and this with `client`
//! in another, and ask for three drops or for four.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use kit::*;

const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7018);

fn main() -> ExitCode {
    let done = role_of(["client"]).and_then(|_| client());
    done.unwrap_or_else(|error| finish(Err(error)))
}

fn client() -> Result<ExitCode> {
    let Some(line) = input("")? else { return Ok(ExitCode::SUCCESS) };
    let sock = socket(AF_INET, SOCK_STREAM)?;

    // TODO: A second after the line was typed the client is done, whatever the
    // server does. If the answer was not whole by then, nothing of it is
    // printed: the client says `timeout` on stderr and ends with status 4. Any
    // other failure ends it at once with status 1, as it does now. A signal
    // (EINTR) neither ends it nor gives it more time.
    set_send_timeout(&sock, Duration::from_secs(1))?;
    set_recv_timeout(&sock, Duration::from_secs(1))?;
    connect(&sock, SERVER)?;
    send(&sock, format!("{line}\n").as_bytes())?;
    let (mut answer, mut buf) = (Vec::new(), [0; 1024]);
    while let n @ 1.. = recv(&sock, &mut buf)? {
        answer.extend_from_slice(&buf[..n]);
    }

    close(sock)?;
    print!("{}", text(&answer)?);
    Ok(ExitCode::SUCCESS)
}
