//! Exercise 27 with socket2, whose sockets read and write like files and have a timeout for that.
//!
//! The client's socket is connected: replies of other machines do not come to it at all.

use std::io::{BufRead, ErrorKind, Read, Result, Write, stdin};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};

fn main() -> Result<()> {
    let is_client = std::env::args().nth(1).as_deref() == Some("client");
    let kind = if is_client { Type::RAW } else { Type::DGRAM };
    let mut sock = Socket::new(Domain::IPV4, kind, Some(Protocol::ICMPV4))?;
    sock.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    // The id of a ping socket's echos is its own port, whatever the message says.
    let id = match sock.local_addr()?.as_socket() {
        Some(own) if !is_client => own.port(),
        _ => std::process::id() as u16,
    };
    for (line, seq) in stdin().lock().lines().zip(1u16..) {
        sock.write_all(&message(8, id, seq, line?.as_bytes()))?;
        match answer(&mut sock, id, seq)? {
            Some(data) => println!("seq={seq} {}", String::from_utf8_lossy(&data)),
            None => println!("seq={seq} no answer"),
        }
    }
    Ok(())
}

/// The data of the reply, if it comes within a second.
fn answer(sock: &mut Socket, id: u16, seq: u16) -> Result<Option<Vec<u8>>> {
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        sock.set_read_timeout(Some(left))?;
        let mut buf = [0; 4096];
        let n = match sock.read(&mut buf) {
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) => return Err(error),
        };
        let header = if buf[0] >> 4 == 4 { usize::from(buf[0] & 15) * 4 } else { 0 };
        let data = buf[..n].get(header + 8..).unwrap_or_default();
        // The right reply is the one that we would have made.
        if buf[header..n] == message(0, id, seq, data) {
            return Ok(Some(data.to_vec()));
        }
    }
}

fn message(kind: u8, id: u16, seq: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0, 0, 0];
    bytes.extend(id.to_be_bytes());
    bytes.extend(seq.to_be_bytes());
    bytes.extend(data);
    let mut sum = 0u16;
    for (at, byte) in bytes.iter().enumerate() {
        let number = if at % 2 == 0 { u16::from(*byte) << 8 } else { u16::from(*byte) };
        let (lower, carried) = sum.overflowing_add(number);
        sum = lower + u16::from(carried);
    }
    bytes[2..4].copy_from_slice(&(!sum).to_be_bytes());
    bytes
}
