//! `lab mdbook`: the book's preprocessor. mdBook gives it the chapters on stdin, and takes them from stdout.

use clap::{Args, Subcommand};
use mdbook_preprocessor::{Preprocessor as _, parse_input};

use crate::book::Preprocessor;
use crate::catalogue;
use crate::error::{Error, Result};

use super::Outcome;
use super::output::to_stdout;
use super::run::working_folder;

#[derive(Args)]
#[command(after_help = "Examples:
  lab mdbook supports html

`mdbook build book` starts it, as book/book.toml says: a block `lab` of a
chapter becomes the timeline, the picture or the question that it asks for.")]
pub struct Mdbook {
    #[command(subcommand)]
    asked: Option<Asked>,
}

#[derive(Subcommand)]
enum Asked {
    /// Say by the exit status whether chapters for this renderer are changed
    Supports {
        #[arg(value_name = "RENDERER")]
        renderer: String,
    },
}

impl Mdbook {
    pub fn go(&self) -> Result<Outcome> {
        let preprocessor = Preprocessor { root: catalogue::root(&working_folder()?)? };
        let failed = |why: String| Error::Usage { why, next: "mdbook build book".into() };
        if let Some(Asked::Supports { renderer }) = &self.asked {
            let supported = preprocessor.supports_renderer(renderer);
            return Ok(match supported.unwrap_or(false) {
                true => Outcome::Holds,
                false => Outcome::Broken,
            });
        }
        let (context, book) = parse_input(std::io::stdin())
            .map_err(|_| failed("there is no book on stdin: mdBook gives it one".into()))?;
        let book = preprocessor.run(&context, book).map_err(|error| match error.downcast() {
            Ok(error) => error,
            Err(error) => failed(error.to_string()),
        })?;
        to_stdout(&serde_json::to_string(&book).map_err(|error| failed(error.to_string()))?);
        Ok(Outcome::Holds)
    }
}
