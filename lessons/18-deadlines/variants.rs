//! Lesson 18's other waits: socket options in place of poll, and one that is bounded and lasts for ever.
//!
//! `lab run 18 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7018);
const SECOND: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let roles = ["per-read", "reads-on", "connects", "accepts"];
    finish(role_of(roles).and_then(|role| match role {
        "per-read" => per_read(),
        "reads-on" => reads_on(),
        "connects" => connects(),
        _ => accepts(),
    }))
}

/// A second for each read, however many there will be.
fn per_read() -> Result<()> {
    let begun = Instant::now();
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    set_recv_timeout(&sock, SECOND)?;
    let mut buf = [0; 1024];
    while let n @ 1.. = recv(&sock, &mut buf)? {
        print!("{}", text(&buf[..n])?);
    }
    println!("{:.1} seconds", begun.elapsed().as_secs_f64());
    close(sock)
}

/// Reads three times, whatever the times before have brought.
fn reads_on() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    set_recv_timeout(&sock, SECOND)?;
    for _ in 0..3 {
        match recv(&sock, &mut [0; 1024]) {
            Err(error) if error.errno() == Some(Errno::EAGAIN) => println!("not yet"),
            Ok(0) => println!("the end"),
            read => println!("{} bytes", read?),
        }
    }
    close(sock)
}

/// A blocking connect with a time of its own.
fn connects() -> Result<()> {
    input("")?;
    let sock = socket(AF_INET, SOCK_STREAM)?;
    set_send_timeout(&sock, SECOND)?;
    connect(&sock, ADDRESS)?;
    close(sock)
}

/// A server that looks up from accept once a second.
fn accepts() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    set_recv_timeout(&listener, SECOND)?;
    let conn = loop {
        match accept(&listener) {
            Err(error) if error.errno() == Some(Errno::EAGAIN) => println!("nobody yet"),
            accepted => break accepted?.0,
        }
    };
    close(conn)?;
    close(listener)
}
