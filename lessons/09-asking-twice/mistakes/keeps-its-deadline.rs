//! Each read may wait for the whole time again, so whoever writes often enough keeps it waiting.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use kit::*;

const SERVER: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7009);

fn main() -> ExitCode {
    finish(role_of(["client"]).and_then(|_| client()))
}

fn client() -> Result<()> {
    let sock = socket(AF_INET, SOCK_DGRAM)?;
    let mut id = 0;
    while let Some(line) = input("")? {
        id += 1;
        match ask(&sock, id, &line)? {
            Some(answer) => println!("{answer}"),
            None => println!("no answer"),
        }
    }
    close(sock)
}

fn ask(sock: &OwnedFd, id: u32, line: &str) -> Result<Option<String>> {
    let request = format!("{id}|{line}");
    for patience in [200, 400, 800] {
        set_recv_timeout(sock, Duration::from_millis(patience))?;
        again(|| sendto(sock, request.as_bytes(), SERVER))?;
        let mut buf = [0; 1024];
        while let Ok(n) = again(|| recv(sock, &mut buf)) {
            if let Some(answer) = text(&buf[..n])?.strip_prefix(&format!("{id}|")) {
                return Ok(Some(answer.to_string()));
            }
        }
    }
    Ok(None)
}

fn again<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(error) if error.errno() == Some(Errno::EINTR) => continue,
            done => return done,
        }
    }
}
