//! Exercise 24 - passing descriptors
//!
//! A house with tables. Each line on the parent's stdin is a number: so many
//! clients sit down at the next table. The parent accepts them and passes them
//! to the worker. The worker hears a name from each, tells all of them the
//! names, `ada bob` and a newline, and hangs up. At the end of stdin the house
//! closes. Copies of descriptors are left in the wrong hands, and large tables
//! do not fit through the door.
//!
//! `lab check 24` runs it and plays the clients. To do that yourself, run it
//! with `server`, type `2`, and call `nc 127.0.0.1 7024` in two other shells.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7024);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    // TODO: A client finds the end when the worker has closed its connection.
    // The worker finds the end when the parent has closed its socket of the
    // pair; then it ends, and so does the parent. A table has up to ten seats.
    let (parents, workers) = socketpair(AF_UNIX, SOCK_STREAM)?;
    // SAFETY: there is no other thread that the child would lack.
    let Some(worker) = (unsafe { fork() })? else {
        return work(&workers);
    };

    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 10)?;
    let mut passed = Vec::new();
    while let Some(line) = input("")? {
        let first = passed.len();
        for _ in 0..line.parse().unwrap_or(0) {
            passed.push(accept(&listener)?.0);
        }
        let table: Vec<_> = passed[first..].iter().collect();
        sendmsg(&parents, b"!", &table)?;
    }
    close(parents)?;
    waitpid(worker)
}

fn work(workers: &OwnedFd) -> Result<()> {
    loop {
        let (n, table) = recvmsg(workers, &mut [0; 1], 2)?;
        if n == 0 {
            return Ok(());
        }
        let mut names = Vec::new();
        for conn in &table {
            let mut buf = [0; 1024];
            let n = recv(conn, &mut buf)?;
            names.push(text(&buf[..n])?.trim_end().to_owned());
        }
        for conn in table {
            send(&conn, format!("{}\n", names.join(" ")).as_bytes())?;
            close(conn)?;
        }
    }
}
