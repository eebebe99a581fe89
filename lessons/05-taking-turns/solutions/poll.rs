//! Exercise 5 with poll(2): it waits for whichever comes first, a line or the server. So it notices at once
//! when the server leaves, also while it is the client's turn.

use std::io::{BufRead, Error, ErrorKind, Read, Result, Write, stdin, stdout};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

fn main() -> Result<()> {
    let mut conn = TcpStream::connect("127.0.0.1:12345")?;
    prompt()?;
    let mut is_our_turn = true;
    loop {
        let stdin = stdin();
        let listens = if is_our_turn { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut both =
            [PollFd::new(conn.as_fd(), PollFlags::POLLIN), PollFd::new(stdin.as_fd(), listens)];
        match poll(&mut both, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            ready => ready.map_err(Error::from)?,
        };

        if both[0].any() == Some(true) {
            let mut buf = [0; 1024];
            match conn.read(&mut buf) {
                Ok(0) => return Ok(()),
                Ok(n) => println!("server: {}", String::from_utf8_lossy(&buf[..n])),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            is_our_turn = true;
            prompt()?;
        } else if both[1].any() == Some(true) {
            let mut line = String::new();
            let n = stdin.lock().read_line(&mut line)?;
            let said = line.trim_end_matches('\n');
            if n == 0 || said == "exit" {
                return conn.shutdown(Shutdown::Both);
            }
            conn.write_all(said.as_bytes())?;
            is_our_turn = said.is_empty();
            if is_our_turn {
                prompt()?;
            }
        }
    }
}

fn prompt() -> Result<()> {
    print!("input:");
    stdout().flush()
}
