//! The numbers of the descriptors go to the worker as text, as if they meant the same there.

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, FromRawFd};
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7024);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let (parents, workers) = socketpair(AF_UNIX, SOCK_STREAM)?;
    // SAFETY: there is no other thread that the child would lack.
    let Some(worker) = (unsafe { fork() })? else {
        close(parents)?;
        return work(workers);
    };
    close(workers)?;

    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 10)?;
    while let Some(line) = input("")? {
        let mut table = Vec::new();
        for _ in 0..line.parse().unwrap_or(0) {
            table.push(accept(&listener)?.0);
        }
        let numbers: Vec<_> = table.iter().map(|conn| conn.as_raw_fd().to_string()).collect();
        send(&parents, numbers.join(" ").as_bytes())?;
        for conn in table {
            close(conn)?;
        }
    }
    close(listener)?;
    close(parents)?;
    waitpid(worker)
}

fn work(workers: OwnedFd) -> Result<()> {
    loop {
        let mut buf = [0; 1024];
        let n = recv(&workers, &mut buf)?;
        if n == 0 {
            return close(workers);
        }
        let numbers = text(&buf[..n])?.split(' ').filter_map(|number| number.parse().ok());
        // SAFETY: there is none: the numbers are another process's.
        let table: Vec<_> = numbers.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }).collect();
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
