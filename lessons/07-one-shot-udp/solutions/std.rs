//! Exercise 7 with the standard library: `UdpSocket::bind` is socket and bind, and no option.

use std::io::Result;
use std::net::UdpSocket;

fn main() -> Result<()> {
    let sock = UdpSocket::bind("127.0.0.1:9999")?;
    let mut buf = [0; 1024];
    loop {
        let (n, from) = sock.recv_from(&mut buf)?;
        println!("{}", String::from_utf8_lossy(&buf[..n]));
        sock.send_to("欢迎".as_bytes(), from)?;
    }
}
