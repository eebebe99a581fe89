//! Exercise 30 with four processes that are there before the clients. Whoever fails is replaced.

use std::net::Ipv4Addr;
use std::process::ExitCode;

use kit::*;
use nix::sys::wait::wait;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7030);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 32)?;
    let mut missing = 4;
    loop {
        while missing > 0 {
            // SAFETY: there is no other thread that the child would lack.
            let Some(_child) = (unsafe { fork() })? else {
                // All of them wait in accept, and the kernel wakes one.
                loop {
                    serve(accept(&listener)?.0)?;
                }
            };
            missing -= 1;
        }
        wait().map_err(|errno| Error::Call { name: "waitpid", errno })?;
        missing += 1;
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
