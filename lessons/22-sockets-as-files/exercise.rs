//! Exercise 22 - sockets as files
//!
//! This server numbers lines: to `hello` and `world` it answers `1: hello` and
//! `2: world`, each as soon as the line is there. Its buffers keep things that
//! belong to others: answers that the client waits for, and lines that have
//! come already.
//!
//! `lab check 22` runs it and plays the clients. To do that yourself, run it
//! with `server`, then `nc 127.0.0.1 7022` in another shell.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::ExitCode;

use kit::*;

const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 7022);

fn main() -> ExitCode {
    only_server(server)
}

fn server() -> Result<()> {
    let listener = socket(AF_INET, SOCK_STREAM)?;
    bind(&listener, ADDRESS)?;
    listen(&listener, 5)?;
    loop {
        let (conn, _) = accept(&listener)?;
        number_lines(&conn.into())?;
    }
}

fn number_lines(conn: &TcpStream) -> Result<()> {
    // TODO: Each line is answered before the server waits for the next one.
    // Lines that come together are all answered. What stands before the end of
    // the stream is a line, with or without a newline. And the client finds the
    // end when it has ended its own side. A signal may interrupt any call.
    let mut answers = BufWriter::new(conn);
    for number in 1.. {
        let mut line = String::new();
        let mut lines = BufReader::new(conn);
        if lines.read_line(&mut line).map_err(of_std("recv"))? == 0 {
            break;
        }
        let line = line.trim_end_matches('\n');
        writeln!(answers, "{number}: {line}").map_err(of_std("send"))?;
    }
    answers.flush().map_err(of_std("send"))
}
