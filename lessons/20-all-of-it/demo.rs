//! Lesson 20 - all of it
//!
//! Two ends swap letters of four mebibytes. That is more than the kernel
//! keeps for them: whoever sends has to wait until the other end reads. So
//! each of them takes in one thread while it sends in another, and looks at
//! what send returned. `variants.rs` has ends that do not.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::thread;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7020);
/// How long a letter is, in bytes.
const LETTER: usize = 4 << 20;

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
    let (conn, _) = accept(&listener)?;

    let letter = swap(&conn, &[b's'; LETTER])?;
    println!("{}... of {} bytes", text(&letter[..3])?, letter.len());

    close(conn)?;
    close(listener)
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;

    let letter = swap(&sock, &[b'c'; LETTER])?;
    println!("{}... of {} bytes", text(&letter[..3])?, letter.len());

    close(sock)
}

/// Sends our letter and takes theirs, both at once.
fn swap(conn: &OwnedFd, ours: &[u8]) -> Result<Vec<u8>> {
    thread::scope(|both| {
        let taker = both.spawn(|| {
            let mut theirs = vec![0; LETTER];
            // Without MSG_WAITALL it would return with the first bytes.
            let n = recv_waitall(conn, &mut theirs)?;
            theirs.truncate(n);
            Ok(theirs)
        });
        send_all(conn, ours)?;
        taker.join().expect("it returns its errors")
    })
}

fn send_all(conn: &OwnedFd, mut rest: &[u8]) -> Result<()> {
    while !rest.is_empty() {
        // So many bytes are the kernel's now. The others are still ours, and
        // nobody will send them but we.
        let taken = send(conn, rest)?;
        rest = &rest[taken..];
    }
    Ok(())
}
