//! Exercise 29 - a mini socketserver
//!
//! A framework for servers that read a line and answer it: to `ada` it says
//! `hello ada`, and closes. The first line of its standard input says which
//! class of server it is, `TCPServer` or `ThreadingTCPServer`; the end of its
//! standard input shuts it down. So far both classes are the same, and they
//! stop when the next client comes.
//!
//! `lab check 29` runs it and plays the clients. To do that yourself, run it
//! with `server`, type a class, then `nc -C 127.0.0.1 7029` in another shell.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
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
                if let Ok((conn, _)) = accept(&self.listener) {
                    self.process_request(conn.into(), threads);
                }
            }
            Ok(())
        })
    }

    /// TODO: After this the loop ends within half a second, also if nobody
    /// comes any more. Until then it sleeps, and does not ask all the time.
    fn shutdown(&self) {
        self.stopping.store(true, SeqCst);
    }

    /// TODO: A TCPServer has served this client when it comes back from here.
    /// A ThreadingTCPServer comes back at once, and a thread serves the client.
    fn process_request<'s>(&'s self, conn: TcpStream, _threads: &'s Scope<'s, '_>) {
        let _ = self.threading;
        finish_request(conn);
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

/// TODO: Who has begun a line and is silent for two seconds gets no answer, but
/// finds the end of the connection.
fn handle(mut conn: &TcpStream) -> Result<()> {
    let mut line = Vec::new();
    BufReader::new(conn).read_until(b'\n', &mut line).map_err(of_std("recv"))?;
    let name = text(line.trim_ascii_end())?;
    conn.write_all(format!("hello {name}\r\n").as_bytes()).map_err(of_std("send"))
}
