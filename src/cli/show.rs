//! `lab show FILE`: draw a saved recording again. Needs no ptrace.

use std::path::PathBuf;

use clap::Args;

use crate::error::{Error, Result};
use crate::render::json;

use super::Outcome;
use super::output::{ColorChoice, Drawing};

#[derive(Args)]
#[command(
    after_help = "Examples:\n  lab run 1 --as json -o run.json\n  lab show run.json\n  lab show run.json --only '_: recv(..) = 0'"
)]
pub struct Show {
    /// A recording made with `--as json`
    file: PathBuf,
    #[command(flatten)]
    drawing: Drawing,
}

impl Show {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        let file = std::fs::read(&self.file);
        let file = file.map_err(|error| Error::file("read", &self.file, &error))?;
        let recording = json::parse(&file, &self.file)?;
        self.drawing.check()?;
        self.drawing.draw(&recording, color)?;
        Ok(Outcome::Holds)
    }
}
