//! Lesson 4 - the stamping conversation
//!
//! A client stays for a whole conversation: it sends a line, the server sends
//! it back with the time before it, and so on until the client leaves. Then
//! the server takes the next one. Whoever comes meanwhile is connected, may
//! even send, and waits.
//!
//! Three weaknesses of the original are kept, since they are worth seeing:
//! marked (1) to (3) below, and played by `--variant shifted` and `reset`.
//! `--variant queue` has a second client come while the first one talks.
//!
//! Run `server` in one shell and `client` in another; an empty line leaves.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const PORT: u16 = 21567;

fn main() -> ExitCode {
    let role = role_of(["server", "client", "second"]);
    finish(role.and_then(|role| match role {
        "server" => server(),
        _ => client(),
    }))
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    // 0.0.0.0 is every IPv4 address of this machine, those it will have later
    // included: clients may call any of them.
    bind(&listener, (Ipv4Addr::UNSPECIFIED, PORT))?;
    listen(&listener, 5)?;

    loop {
        println!("waiting for connection...");
        let (conn, peer) = accept(&listener)?;
        println!("... connected form: {}", py_addr(peer));

        let mut buf = [0; 1024];
        loop {
            // (1) A client that leaves with a reply unread makes its kernel
            // send a reset. This then fails with ECONNRESET, and `?` ends the
            // service for everybody.
            let n = recv(&conn, &mut buf)?;
            if n == 0 {
                break;
            }
            let stamp = format!("[{:?}]: {}", time(), py_repr(&buf[..n]));
            // (2) send may take less than all of it; the rest is lost.
            send(&conn, stamp.as_bytes())?;
        }
        close(conn)?;
    }
}

fn client() -> Result<()> {
    let conn = socket(AF_INET, SOCK_STREAM)?;
    // Success says that the server's kernel has taken us in. Its program may
    // be busy with somebody else for as long as it likes.
    connect(&conn, (Ipv4Addr::LOCALHOST, PORT))?;

    while let Some(line) = input("> ")? {
        if line.is_empty() {
            break;
        }
        send(&conn, line.as_bytes())?;

        // (3) One line, one recv, one reply: so it looks while lines are
        // short. The server stamps whatever *its* recv gave. A line of 3000
        // bytes comes back as three replies, and every later line finds what
        // the earlier ones have left.
        let mut buf = [0; 1024];
        let n = recv(&conn, &mut buf)?;
        if n == 0 {
            break;
        }
        println!("{}", text(&buf[..n])?);
    }
    close(conn)
}
