//! `lab play-request`: plays a run that is asked for in a line of JSON on stdin and writes its recording to stdout.
//!
//! For programs that drive the recorder with what no option of `run` or `trace` offers: the tests of weather,
//! limits and scenarios. A [`Request`] is no contract; it changes with the lab.

use crate::error::{Error, Result};
use crate::play::{self, Request};
use crate::render::json;

use super::Outcome;
use super::output::to_stdout;

pub fn go() -> Result<Outcome> {
    let request: Request = serde_json::from_slice(&first_line()).map_err(|why| Error::Usage {
        why: format!("there is no request on stdin: {why}"),
        next: "lab run LESSON".into(),
    })?;
    let recording = play::play(&request, &mut |_| {})?;
    to_stdout(&json::write(&recording));
    Ok(Outcome::Holds)
}

/// The first line on stdin, and not a byte more: what follows is for the programs, if they read what the lab finds there.
fn first_line() -> Vec<u8> {
    let mut line = Vec::new();
    let mut byte = [0];
    while let Ok(1) = nix::unistd::read(std::io::stdin(), &mut byte) {
        if byte == *b"\n" {
            break;
        }
        line.extend(byte);
    }
    line
}
