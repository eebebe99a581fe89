//! Exercise 29 without an interval: the loop sleeps until there is a client or an eventfd says that it is over.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::panic::catch_unwind;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use kit::*;
use nix::sys::eventfd::EventFd;

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let threading = input("")?.as_deref() == Some("ThreadingTCPServer");
    let over = EventFd::new().expect("eventfd");
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, (Ipv4Addr::LOCALHOST, 7029))?;
    listen(&listener, 5)?;
    thread::scope(|threads| {
        threads.spawn(|| {
            while is_somebody_there(&listener, &over) {
                match accept(&listener) {
                    Ok((conn, _)) if threading => drop(threads.spawn(|| serve(conn.into()))),
                    Ok((conn, _)) => serve(conn.into()),
                    Err(error) => perror(&error),
                }
            }
        });
        while let Ok(Some(_)) = input("") {}
        over.write(1).expect("eventfd");
    });
    close(listener)
}

fn is_somebody_there(listener: &OwnedFd, over: &EventFd) -> bool {
    loop {
        let mut fds = [
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
            PollFd::new(over.as_fd(), PollFlags::POLLIN),
        ];
        if poll(&mut fds, PollTimeout::NONE).is_ok() {
            return !fds[1].any().unwrap_or(true);
        }
    }
}

fn serve(conn: TcpStream) {
    match catch_unwind(|| handle(&conn)) {
        Ok(Err(error)) => perror(&error),
        _ => drop(conn.shutdown(Shutdown::Write)),
    }
}

fn handle(mut conn: &TcpStream) -> Result<()> {
    conn.set_read_timeout(Some(Duration::from_secs(2))).map_err(of_std("setsockopt"))?;
    let mut line = Vec::new();
    BufReader::new(conn).read_until(b'\n', &mut line).map_err(of_std("recv"))?;
    let name = text(line.trim_ascii_end())?;
    conn.write_all(format!("hello {name}\r\n").as_bytes()).map_err(of_std("send"))
}
