//! Lesson 21 - framing
//!
//! A stream has no messages: who wants some has to say where each one ends.
//! Here four bytes come before each message, and say how long it is. The
//! receiver keeps what has come until a message is whole, and decodes it then.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7021);
/// The longest message that anybody may send, in bytes.
const MOST: usize = 64 * 1024;

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
    let mut come = Vec::new();
    while more(&conn, &mut come)? {
        // One recv may have brought three messages, or a part of one.
        while let Some(message) = take(&mut come)? {
            let said = text(&message)?;
            println!("{said}");
            let answer = format!("{} {said}", said.chars().count());
            send_all(&conn, &framed(&answer))?;
        }
    }
    close(conn)?;
    close(listener)
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_STREAM)?;
    connect(&sock, ADDRESS)?;
    // A list has no bytes of its own. JSON gives it some, the same everywhere.
    let messages = ["你好", r#"["list", 3, null]"#, ""];
    send_all(&sock, &messages.map(framed).concat())?;
    let mut come = Vec::new();
    for _ in messages {
        println!("{}", text(&receive(&sock, &mut come)?)?);
    }
    close(sock)
}

/// The next message, however many recvs it takes.
fn receive(conn: &OwnedFd, come: &mut Vec<u8>) -> Result<Vec<u8>> {
    let cut_off = Error::Call { name: "recv", errno: Errno::EPROTO };
    loop {
        match take(come)? {
            Some(message) => return Ok(message),
            None if more(conn, come)? => {}
            // The end of the stream is not the end of a message.
            None => return Err(cut_off),
        }
    }
}

/// Adds what one recv brings; false: that is the end of the stream.
fn more(conn: &OwnedFd, come: &mut Vec<u8>) -> Result<bool> {
    let mut buf = [0; 1024];
    let n = recv(conn, &mut buf)?;
    come.extend_from_slice(&buf[..n]);
    Ok(n > 0)
}

/// The first message of what has come, if it is there to its last byte.
fn take(come: &mut Vec<u8>) -> Result<Option<Vec<u8>>> {
    let Some((length, rest)) = come.split_first_chunk() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes(*length) as usize;
    // Four bytes can ask for four gigabytes. Look before anything is kept.
    if length > MOST {
        return Err(Error::Call { name: "take", errno: Errno::EMSGSIZE });
    }
    let is_whole = rest.len() >= length;
    Ok(is_whole.then(|| come.drain(..4 + length).skip(4).collect()))
}

fn framed(message: &str) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("no message is so long");
    [&length.to_be_bytes(), message.as_bytes()].concat()
}

fn send_all(conn: &OwnedFd, mut rest: &[u8]) -> Result<()> {
    while !rest.is_empty() {
        rest = &rest[send(conn, rest)?..];
    }
    Ok(())
}
