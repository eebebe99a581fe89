//! The worker leaves closing to the end of its process, as one may in a program that ends soon.

use std::net::Ipv4Addr;
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
        sendmsg(&parents, b"!", &table.iter().collect::<Vec<_>>())?;
        for conn in table {
            close(conn)?;
        }
    }
    close(listener)?;
    close(parents)?;
    waitpid(worker)
}

fn work(workers: OwnedFd) -> Result<()> {
    let mut answered = Vec::new();
    loop {
        let (n, table) = recvmsg(&workers, &mut [0; 1], 10)?;
        if n == 0 {
            return close(workers);
        }
        let mut names = Vec::new();
        for conn in &table {
            let mut buf = [0; 1024];
            let n = recv(conn, &mut buf)?;
            names.push(text(&buf[..n])?.trim_end().to_owned());
        }
        for conn in table {
            send(&conn, format!("{}\n", names.join(" ")).as_bytes())?;
            answered.push(conn);
        }
    }
}
