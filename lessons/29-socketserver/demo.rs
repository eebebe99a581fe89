//! Lesson 29 - a mini socketserver
//!
//! The source's last program: a server class, a handler, and `handle`, the
//! one function that is about this service. Everything else is the library's,
//! in the folder socketserver beside this file. A connection is good for one
//! line. A line typed at the server ends it.

use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::thread;

use kit::*;
use socketserver::{BaseServer, StreamRequestHandler, TcpServer};

const PORT: u16 = 21567;

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
    let server = TcpServer::new(address, handle)?;
    println!("waiting for connection...");

    thread::scope(|threads| {
        let serving = threads.spawn(|| server.serve_forever());
        let line = input("");
        // From another thread than the loop's: that one sleeps in poll, and
        // looks whether it is to stop when the interval is over.
        server.shutdown();
        line.map(drop).and(serving.join().unwrap())
    })
}

/// What the service does. The library has accepted, and will close.
fn handle(request: &mut StreamRequestHandler<'_>) -> Result<()> {
    let client = SocketAddr::try_from(request.client.clone()).unwrap();
    println!("...connected from: {}", py_addr(client));

    let mut line = Vec::new();
    // Waits until the client has sent a line's end, or has ended.
    request.rfile.read_until(b'\n', &mut line).map_err(of_std("recv"))?;
    // One write: wfile has no buffer that would gather several.
    let reply = format!("[{}]: {}", ctime(), py_repr(&line));
    request.wfile.write_all(reply.as_bytes()).map_err(of_std("send"))
}

/// A connection for each line that is typed; an empty one ends it.
fn client() -> Result<()> {
    while let Some(line) = input("> ")?.filter(|line| !line.is_empty()) {
        let sock = socket(AF_INET, SOCK_STREAM)?;
        connect(&sock, (Ipv4Addr::LOCALHOST, PORT))?;
        // The line's end is for readline, the carriage return for tradition.
        send(&sock, format!("{line}\r\n").as_bytes())?;

        let mut buf = [0; 1024];
        let n = recv(&sock, &mut buf)?;
        println!("{}", text(&buf[..n])?);
        // Zero: nobody would read a second line.
        recv(&sock, &mut buf)?;
        close(sock)?;
    }
    Ok(())
}
