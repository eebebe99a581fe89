//! What somebody types, or a script pipes in, a line at a time.

use std::io::IsTerminal;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// The lines of stdin.
#[derive(Default)]
pub struct Answers {
    /// What has been read and not given out.
    read: Vec<u8>,
    ended: bool,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Line(String),
    /// The input has ended.
    End,
    /// What the line was waited for is over.
    Over,
}

/// A line is at most so many bytes: who sends more sends no answer.
const LONGEST: usize = 1 << 16;

impl Answers {
    /// The next line, without its end; waits for it, but no longer than until `over` can be read from.
    pub fn next(&mut self, over: Option<BorrowedFd<'_>>) -> Answer {
        loop {
            if let Some(line) = self.take_line() {
                return Answer::Line(line);
            }
            if self.ended {
                return Answer::End;
            }
            let stdin = std::io::stdin();
            let mut wanted = vec![PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
            wanted.extend(over.map(|over| PollFd::new(over, PollFlags::POLLIN)));
            match poll(&mut wanted, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => self.ended = true,
            }
            let has_come = |fd: Option<&PollFd<'_>>| fd.is_some_and(|fd| fd.any().unwrap_or(true));
            if has_come(wanted.get(1)) {
                return Answer::Over;
            }
            if has_come(wanted.first()) {
                let mut buffer = [0; 4096];
                match nix::unistd::read(&stdin, &mut buffer) {
                    Ok(length @ 1..) => self.read.extend(&buffer[..length]),
                    Err(Errno::EINTR | Errno::EAGAIN) => {}
                    _ => self.ended = true,
                }
            }
        }
    }

    fn take_line(&mut self) -> Option<String> {
        let end = self.read.iter().position(|byte| *byte == b'\n');
        let length = match end {
            Some(end) => end + 1,
            None if self.read.len() > LONGEST || self.ended && !self.read.is_empty() => {
                self.read.len()
            }
            None => return None,
        };
        let line: Vec<u8> = self.read.drain(..length).collect();
        Some(String::from_utf8_lossy(&line).trim().to_owned())
    }

    /// Whether a person types it, and so sees it already.
    pub fn are_typed(&self) -> bool {
        std::io::stdin().is_terminal()
    }
}
