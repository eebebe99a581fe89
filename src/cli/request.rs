//! `lab play-request`: plays a run that is asked for in JSON on stdin and writes its recording to stdout.
//!
//! For programs that drive the recorder with what no option of `run` or `trace` offers: the tests of weather,
//! limits and scenarios. A [`Request`] is no contract; it changes with the lab.

use std::io::Read;

use crate::error::{Error, Result};
use crate::play::{self, Request};
use crate::render::json;

use super::Outcome;
use super::output::to_stdout;

pub fn go() -> Result<Outcome> {
    let mut text = Vec::new();
    let read = std::io::stdin().read_to_end(&mut text).map_err(|error| error.to_string());
    let request: Request = read
        .and_then(|_| serde_json::from_slice(&text).map_err(|error| error.to_string()))
        .map_err(|why| Error::Usage {
            why: format!("there is no request on stdin: {why}"),
            next: "lab run LESSON".into(),
        })?;
    let recording = play::play(&request, &mut |_| {})?;
    to_stdout(&json::write(&recording));
    Ok(Outcome::Holds)
}
