//! Exercise 4 with socket2 and a thread for each client: nobody waits for anybody, and one that fails takes
//! only its own thread along.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Ipv6Addr, SocketAddr, TcpStream};
use std::thread;

use socket2::{Domain, Socket, Type};

fn main() -> Result<()> {
    // All addresses of both kinds: those of IPv4 appear as ::ffff:127.0.0.1.
    let listener = Socket::new(Domain::IPV6, Type::STREAM, None)?;
    listener.set_only_v6(false)?;
    listener.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, 21567)).into())?;
    listener.listen(5)?;
    loop {
        println!("waiting for connection...");
        match listener.accept() {
            Ok((conn, peer)) => {
                let peer = peer.as_socket().expect("a TCP client has an address");
                println!("... connected form: ('{}', {})", peer.ip().to_canonical(), peer.port());
                thread::spawn(|| converse(conn.into()));
            }
            Err(error) => eprintln!("{error}"),
        }
    }
}

fn converse(mut conn: TcpStream) -> Result<()> {
    let mut buf = [0; 4096];
    loop {
        let n = match conn.read(&mut buf) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            n => n?,
        };
        if n == 0 {
            return Ok(());
        }
        let stamp = format!("[{:?}]: {}", kit::time(), kit::py_repr(&buf[..n]));
        conn.write_all(stamp.as_bytes())?;
    }
}
