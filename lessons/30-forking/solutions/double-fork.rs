//! Exercise 30 with a grandchild: its parent ends at once, so that it is for the first process of the system to collect it.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7030);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 32)?;
    loop {
        let (conn, _) = accept(&listener)?;
        // SAFETY: there is no other thread that the child would lack.
        let Some(child) = (unsafe { fork() })? else {
            // SAFETY: as above.
            return match unsafe { fork() }? {
                Some(_) => Ok(()),
                None => serve(conn),
            };
        };
        close(conn)?;
        // That is no long wait: the child has nothing to do but fork.
        waitpid(child)?;
    }
}

fn serve(conn: OwnedFd) -> Result<()> {
    let mut buf = [0; 1024];
    let n = recv(&conn, &mut buf)?;
    let quotient = divide(text(&buf[..n])?)?;
    send(&conn, format!("{quotient}\n").as_bytes())?;
    close(conn)
}

/// Fails if there are no two numbers, or if the second one is zero.
fn divide(line: &str) -> Result<i64> {
    let numbers: Vec<i64> = line.split_whitespace().filter_map(|it| it.parse().ok()).collect();
    let quotient = match numbers[..] {
        [a, b] => a.checked_div(b),
        _ => None,
    };
    quotient.ok_or(Error::Call { name: "divide", errno: Errno::EDOM })
}
