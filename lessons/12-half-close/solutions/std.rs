//! Exercise 12 with the standard library: `read_until` keeps a line that is not whole, and gives 0 at the end.

use std::io::{BufRead, BufReader, Result, Write, stdin, stdout};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

const ADDRESS: &str = "127.0.0.1:9999";

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("server") => server(),
        _ => client(),
    }
}

fn client() -> Result<()> {
    let sock = TcpStream::connect(ADDRESS)?;
    thread::scope(|both| {
        let prints = both.spawn(|| print_lines(&sock));
        while let Some(line) = typed()? {
            (&sock).write_all(&line)?;
            if line == b"exit\n" {
                break;
            }
        }
        sock.shutdown(Shutdown::Write)?;
        prints.join().unwrap_or(Ok(()))
    })
}

fn server() -> Result<()> {
    let listener = TcpListener::bind(ADDRESS)?;
    println!("等待连接...");
    loop {
        let (conn, peer) = listener.accept()?;
        println!("连接服务器: 地址 ('{}', {})", peer.ip(), peer.port());
        thread::spawn(move || {
            if let Err(error) = converse(&conn) {
                eprintln!("{error}");
            }
        });
    }
}

fn converse(conn: &TcpStream) -> Result<()> {
    let open = AtomicBool::new(true);
    thread::scope(|both| {
        let receives = both.spawn(|| {
            let done = print_lines(conn);
            open.store(false, Relaxed);
            done
        });
        // The line after the end is the last word, whether this thread slept then or had yet to begin.
        let (mut to, mut is_last) = (conn, false);
        while !is_last && let Some(line) = typed()? {
            is_last = !open.load(Relaxed);
            to.write_all(&line)?;
        }
        receives.join().unwrap_or(Ok(()))
    })
}

/// Prints whole lines up to `exit` or the end.
fn print_lines(from: &TcpStream) -> Result<()> {
    let (mut from, mut line) = (BufReader::new(from), Vec::new());
    while from.read_until(b'\n', &mut line)? > 0 {
        stdout().write_all(&line)?;
        if line == b"exit\n" {
            break;
        }
        line.clear();
    }
    Ok(())
}

/// A line that was typed, with its end; `None` at the end of the input.
fn typed() -> Result<Option<Vec<u8>>> {
    let mut line = String::new();
    let n = stdin().read_line(&mut line)?;
    Ok((n > 0).then(|| format!("{}\n", line.trim_end_matches('\n')).into_bytes()))
}
