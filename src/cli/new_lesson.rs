//! `lab new-lesson NAME`: a lesson that plays and is graded, for its author to go on from.

use clap::Args;

use crate::author;
use crate::catalogue;
use crate::copy;
use crate::error::{Error, Result};

use super::Outcome;
use super::output::say;
use super::run::working_folder;

#[derive(Args)]
#[command(after_help = "Examples:
  lab new-lesson who-speaks-first
  lab new-lesson 41-who-speaks-last

It makes the lesson's folder and its chapter. Both are whole but for the text
that only you can write: lab audit names what is missing.")]
pub struct NewLesson {
    /// Small letters, digits and dashes; a number before it is the lesson's, else it gets the next
    #[arg(value_name = "NAME")]
    name: String,
}

impl NewLesson {
    pub fn go(&self) -> Result<Outcome> {
        let root = catalogue::root(&working_folder()?)?;
        if copy::is_copy(&root) {
            return Err(Error::Usage {
                why: "lessons are written in the repository: a copy has those that are shipped"
                    .into(),
                next: format!("git clone the repository, and lab new-lesson {} there", self.name),
            });
        }
        let name = author::make(&root, &self.name)?;
        let (number, whole) = (name.number, &name.whole);
        say(&format!(
            "lessons/{whole} is there to be written\nnext: lab run {number}    # and lab audit {number} says what is missing\n"
        ));
        Ok(Outcome::Holds)
    }
}
