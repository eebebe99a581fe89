//! Lesson 29's other servers: of other classes, with a thread for each request, and two whose handlers do not come to
//! their end.
//!
//! `lab run 29 --variant NAME` plays them; the variants' names and what they show stand in lesson.toml.

use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::panic::resume_unwind;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use kit::*;
use socketserver::{
    BaseServer, DatagramRequestHandler, SocketAddrUnix, StreamRequestHandler, TcpServer,
    ThreadingMixIn, UdpServer, UnixDatagramServer, UnixStreamServer,
};

const PORT: u16 = 21567;

fn main() -> ExitCode {
    let roles = [
        "in-turn",
        "threading",
        "udp",
        "unix-stream",
        "unix-datagram",
        "fails",
        "patient",
        "impatient",
        "no-newline",
    ];
    finish(role_of(roles).and_then(|role| match role {
        "in-turn" => until_a_line(&TcpServer::new(address(), stamp)?),
        // The same server, and one method of it is another one.
        "threading" => until_a_line(&ThreadingMixIn(TcpServer::new(address(), stamp)?)),
        "udp" => until_a_line(&UdpServer::new(address(), stamp_packet)?),
        "unix-stream" => until_a_line(&UnixStreamServer::new(path()?, stamp)?),
        "unix-datagram" => until_a_line(&UnixDatagramServer::new(path()?, stamp_packet)?),
        "fails" => until_a_line(&TcpServer::new(address(), fails)?),
        "patient" => TcpServer::new(address(), stamp)?.serve_forever(),
        "impatient" => {
            let mut server = TcpServer::new(address(), stamp)?;
            server.timeout = Some(Duration::from_secs(2));
            until_a_line(&server)
        }
        _ => no_newline(),
    }))
}

fn address() -> SocketAddr {
    (Ipv4Addr::UNSPECIFIED, PORT).into()
}

fn path() -> Result<SocketAddrUnix> {
    let path = std::env::temp_dir().join("lab-29");
    SocketAddrUnix::new(path).map_err(|errno| of_std("bind")(errno.into()))
}

fn until_a_line(server: &impl BaseServer) -> Result<()> {
    thread::scope(|threads| {
        let serving = threads.spawn(|| server.serve_forever());
        let line = input("");
        server.shutdown();
        line.map(drop).and(serving.join().unwrap())
    })
}

fn stamp(request: &mut StreamRequestHandler<'_>) -> Result<()> {
    let mut line = Vec::new();
    request.rfile.read_until(b'\n', &mut line).map_err(of_std("recv"))?;
    request.wfile.write_all(stamped(&line).as_bytes()).map_err(of_std("send"))
}

/// The same service for datagrams. Its wfile is memory, and goes out when the handler is done.
fn stamp_packet(request: &mut DatagramRequestHandler<'_>) -> Result<()> {
    let mut line = Vec::new();
    request.rfile.read_until(b'\n', &mut line).map_err(of_std("recv"))?;
    request.wfile.extend(stamped(&line).as_bytes());
    Ok(())
}

fn stamped(line: &[u8]) -> String {
    format!("[{}]: {}", ctime(), py_repr(line))
}

/// As the source's handler does, which wants bytes of a text without saying in which encoding. A panic without its
/// message, in which stands the number of the thread.
fn fails(request: &mut StreamRequestHandler<'_>) -> Result<()> {
    let mut line = Vec::new();
    request.rfile.read_until(b'\n', &mut line).map_err(of_std("recv"))?;
    eprintln!("TypeError: string argument without an encoding");
    resume_unwind(Box::new("TypeError"))
}

/// The source's other client: what its user has typed, and no more.
fn no_newline() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, (Ipv4Addr::LOCALHOST, PORT))?;
    send(&sock, b"hello")?;

    let mut buf = [0; 1024];
    let n = recv(&sock, &mut buf)?;
    println!("{}", text(&buf[..n])?);
    close(sock)
}
