//! A child for each table, who has the connections because they were there before it: nothing is passed.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7024);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 10)?;
    while let Some(line) = input("")? {
        let mut table = Vec::new();
        for _ in 0..line.parse().unwrap_or(0) {
            table.push(accept(&listener)?.0);
        }
        // SAFETY: there is no other thread that the child would lack.
        let Some(worker) = (unsafe { fork() })? else {
            close(listener)?;
            return work(table);
        };
        for conn in table {
            close(conn)?;
        }
        waitpid(worker)?;
    }
    close(listener)
}

fn work(table: Vec<OwnedFd>) -> Result<()> {
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
    Ok(())
}
