//! Zero is read as "nothing yet": the thread asks again, is answered at once, and asks again.

use std::io::stdout;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::thread;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 9999);

/// Who came, in order. The last to let go of a connection closes it: this list, or the thread that reads from it.
type Clients = Mutex<Vec<Arc<OwnedFd>>>;

fn main() -> ExitCode {
    finish(role().and_then(|role| match role {
        Role::Server => server(),
        Role::Client => client(),
    }))
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    println!("等待连接...");

    let clients: &Clients = Box::leak(Box::default());
    thread::spawn(|| route(clients).inspect_err(perror));
    loop {
        let (conn, peer) = again(|| accept(&listener))?;
        println!("连接服务器: 地址 {}", py_addr(peer));
        let conn = Arc::new(conn);
        clients.lock().unwrap().push(Arc::clone(&conn));
        thread::spawn(move || link_recv(&conn).inspect_err(perror));
    }
}

/// The one reader of the keyboard.
fn route(clients: &Clients) -> Result<()> {
    while let Some(line) = input("")? {
        let to = line.strip_prefix('@').and_then(|rest| rest.split_once(' '));
        let to = to.and_then(|(n, text)| Some((n.parse::<usize>().ok()?, text)));
        let text = to.map_or(line.as_str(), |(_, text)| text);

        // A copy of the list: a client that does not read keeps no new one out.
        let all = clients.lock().unwrap().clone();
        for (n, conn) in all.iter().enumerate() {
            if to.is_none_or(|(wanted, _)| wanted == n + 1) {
                // One that has gone ends nothing for the others.
                let _ = send_all(conn, format!("{text}\n").as_bytes()).inspect_err(perror);
            }
        }
    }
    for conn in clients.lock().unwrap().drain(..) {
        let _ = shutdown(&conn, SHUT_WR).inspect_err(perror);
    }
    Ok(())
}

fn client() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    connect(&conn, ADDRESS)?;
    thread::scope(|threads| {
        let sender = threads.spawn(|| link_send(&conn));
        let receiver = threads.spawn(|| link_recv(&conn));
        sender.join().unwrap().and(receiver.join().unwrap())
    })?;
    close(conn)
}

fn link_send(conn: &OwnedFd) -> Result<()> {
    while let Some(line) = input("")? {
        send_all(conn, format!("{line}\n").as_bytes())?;
    }
    shutdown(conn, SHUT_WR)
}

fn link_recv(conn: &OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    loop {
        let n = again(|| recv(conn, &mut buf))?;
        let mut shown = 0;
        while shown < n {
            shown += again(|| write(stdout(), &buf[shown..n]))?;
        }
    }
}

/// Sends all of it, however little one call takes.
fn send_all(conn: &OwnedFd, bytes: &[u8]) -> Result<()> {
    let mut sent = 0;
    while sent < bytes.len() {
        sent += again(|| send(conn, &bytes[sent..]))?;
    }
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
