//! Exercise 19 with epoll: the kernel keeps the list, and gives those of which there is news.
//!
//! What became of a connect the second one tells: 0 or EISCONN, or the error.

use std::io::{ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::*;
use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let host: Ipv4Addr = words.next().and_then(|ip| ip.parse().ok()).expect("an address");
    let ports: Vec<u16> = words.map(|port| port.parse().expect("a port")).collect();

    let deadline = Instant::now() + Duration::from_secs(1);
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let mut asked = Vec::new();
    for (number, &port) in ports.iter().enumerate() {
        let sock = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        sock.set_nonblocking(true)?;
        match sock.connect(&SocketAddr::from((host, port)).into()) {
            Err(error) if error.raw_os_error() == Some(Errno::EINPROGRESS as i32) => {}
            done => done?,
        }
        let flags = EpollFlags::EPOLLOUT | EpollFlags::EPOLLONESHOT;
        epoll.add(&sock, EpollEvent::new(flags, number as u64))?;
        asked.push((sock, "filtered"));
    }
    let mut unknown = asked.len();
    while unknown > 0 {
        let left = deadline.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
        let mut events = [EpollEvent::empty(); 16];
        let news = match epoll.wait(&mut events, left as u16) {
            Ok(0) => break,
            Ok(news) => news,
            Err(Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        for event in &events[..news] {
            let number = event.data() as usize;
            let (sock, said) = &mut asked[number];
            *said = match sock.connect(&SocketAddr::from((host, ports[number])).into()) {
                Ok(()) => "open",
                Err(error) if error.raw_os_error() == Some(Errno::EISCONN as i32) => "open",
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => "closed",
                Err(error) => return Err(error),
            };
            unknown -= 1;
        }
    }
    for (port, (_, said)) in ports.iter().zip(&asked) {
        println!("{port} {said}");
    }
    Ok(())
}
