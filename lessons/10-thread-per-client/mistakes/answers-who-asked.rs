//! The connection is kept where all threads find it: each finds the one that was put there last.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

static CONN: Mutex<Option<Arc<OwnedFd>>> = Mutex::new(None);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    println!("等待连接...");

    loop {
        match again(|| accept(&listener)) {
            Ok((conn, peer)) => {
                *CONN.lock().unwrap() = Some(Arc::new(conn));
                thread::spawn(move || {
                    if let Err(error) = link(peer) {
                        perror(&error);
                    }
                });
            }
            Err(error) => perror(&error),
        }
    }
}

fn link(peer: SocketAddr) -> Result<()> {
    let thread = thread::current().id();
    println!("连接服务器: 地址 {} 所在线程 {thread:?}", py_addr(peer));

    let mut buf = [0; 1024];
    let conn = || CONN.lock().unwrap().clone().expect("somebody is connected");
    let asking = conn();
    let n = again(|| recv(&asking, &mut buf))?;
    drop(asking);
    println!("{}", std::str::from_utf8(&buf[..n]).unwrap());
    again(|| send(&conn(), "欢迎".as_bytes()))?;
    CONN.lock().unwrap().take();
    Ok(())
}

/// Makes a call until no signal interrupts it.
fn again<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(error) if error.errno() == Some(Errno::EINTR) => {}
            done => return done,
        }
    }
}
