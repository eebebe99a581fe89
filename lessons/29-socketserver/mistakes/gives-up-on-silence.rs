//! It reads a line, however long that takes.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{self, Scope};

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7029);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let Some(class) = input("")? else { return Ok(()) };
    let server = Server::new(class == "ThreadingTCPServer")?;
    let served = thread::scope(|threads| {
        let serving = threads.spawn(|| server.serve_forever());
        while let Ok(Some(_)) = input("") {}
        server.shutdown();
        serving.join().unwrap()
    });
    server.server_close().and(served)
}

struct Server {
    listener: OwnedFd,
    threading: bool,
    stopping: AtomicBool,
}

impl Server {
    fn new(threading: bool) -> Result<Server> {
        let listener = socket(AF_INET, SOCK_STREAM)?;
        bind(&listener, ADDRESS)?;
        listen(&listener, 5)?;
        Ok(Server { listener, threading, stopping: AtomicBool::new(false) })
    }

    /// Serves until `shutdown`, and returns when all threads have ended.
    fn serve_forever(&self) -> Result<()> {
        thread::scope(|threads| {
            while !self.stopping.load(SeqCst) {
                let mut fds = [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
                // Interrupted or not: the flag is looked at, and then it sleeps again.
                if poll(&mut fds, 500u16.into()).unwrap_or(0) == 0 {
                    continue;
                }
                if let Ok((conn, _)) = accept(&self.listener) {
                    self.process_request(conn.into(), threads);
                }
            }
            Ok(())
        })
    }

    /// The loop looks at it when its poll is over.
    fn shutdown(&self) {
        self.stopping.store(true, SeqCst);
    }

    fn process_request<'s>(&'s self, conn: TcpStream, threads: &'s Scope<'s, '_>) {
        if self.threading {
            threads.spawn(move || finish_request(conn));
        } else {
            finish_request(conn);
        }
    }

    fn server_close(self) -> Result<()> {
        close(self.listener)
    }
}

/// What goes wrong with one client, be it a panic, ends its own connection.
fn finish_request(conn: TcpStream) {
    if let Ok(Err(error)) = catch_unwind(AssertUnwindSafe(|| handle(&conn))) {
        perror(&error);
    }
    let _ = conn.shutdown(Shutdown::Write);
    let _ = close(conn.into());
}

fn handle(mut conn: &TcpStream) -> Result<()> {
    let mut line = Vec::new();
    BufReader::new(conn).read_until(b'\n', &mut line).map_err(of_std("recv"))?;
    let name = text(line.trim_ascii_end())?;
    conn.write_all(format!("hello {name}\r\n").as_bytes()).map_err(of_std("send"))
}
