//! `lab init` and `lab update`: a learner's own copy, and how it stays up to date.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::catalogue;
use crate::copy::{self, Change, Contents};
use crate::error::{Error, Result};
use crate::pack::Pack;
use crate::progress::Locked;

use super::Outcome;
use super::home::{Home, PackOption};
use super::output::{ColorChoice, say, to_stdout};
use super::run::working_folder;
use super::solution::difference;

#[derive(Args)]
#[command(after_help = "Examples:
  lab init demo
  cd demo && lab

The copy is an ordinary cargo workspace: open it in your editor.")]
pub struct Init {
    /// A folder that is not there yet, or empty
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    #[command(flatten)]
    pack: PackOption,
}

#[derive(Args)]
#[command(after_help = "Examples:
  lab update
  lab update --show lessons/03-echo/demo.rs

What you changed stays as it is. Lessons are known by their ids: one that is
called otherwise now moves, and stays solved.")]
pub struct Update {
    #[command(flatten)]
    pack: PackOption,
    /// How the shipped version of this file differs from yours; nothing is updated
    #[arg(long, value_name = "FILE")]
    show: Option<PathBuf>,
}

impl Init {
    pub fn go(&self) -> Result<Outcome> {
        let pack = self.pack.pack.as_deref().map_or(Ok(Pack::Binary), Pack::in_folder)?;
        // What is below another lab's root would be found by nobody, and theirs by those who look for ours.
        let folder = working_folder()?.join(&self.folder);
        let contents = copy::init(&folder, &pack)?;
        let shown = self.folder.display();
        let first = contents.lessons.first().map(|part| part.folder.as_str()).unwrap_or_default();
        say(&format!(
            "{} lessons in {shown}, from {first} on\nnext: cd {shown} && lab\n",
            contents.lessons.len()
        ));
        Ok(Outcome::Holds)
    }
}

impl Update {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        let root = catalogue::root(&working_folder()?)?;
        if !copy::is_copy(&root) {
            return Err(Error::Usage {
                why: "this is no copy that `lab init` made".into(),
                next: "git pull, in a clone; or lab init DIR".into(),
            });
        }
        let home = Home::open(self.pack.pack.as_deref())?;
        let contents = Contents::of(&home.catalogue)?;
        if let Some(file) = &self.show {
            return show(&root, &contents, file, color);
        }
        let _lock = Locked::new(&home.state)?;
        let changes = copy::bring_up_to_date(&root, &contents, home.catalogue.pack())?;
        say(&changes.iter().map(told).collect::<String>());
        let kept = changes.iter().filter(|it| matches!(it, Change::Kept { .. })).count();
        say(&match kept {
            0 => "up to date\nnext: lab\n".to_owned(),
            _ => format!("up to date, but for what you changed ({kept})\nnext: lab\n"),
        });
        Ok(Outcome::Holds)
    }
}

fn told(change: &Change) -> String {
    match change {
        Change::Renamed { from, to } => format!("renamed   {from} is {to} now\n"),
        Change::Added { lesson } => format!("added     {lesson}\n"),
        Change::Replaced { file } => format!("replaced  {file}\n"),
        Change::Gone { lesson } => {
            format!("gone      {lesson}: it is no lesson any more; yours stays\n")
        }
        Change::Kept { file } => format!(
            "kept      {file}: you changed it, and there is a new version\n          lab update --show {file}\n"
        ),
    }
}

fn show(root: &Path, contents: &Contents, file: &Path, color: ColorChoice) -> Result<Outcome> {
    // As it is told, from the root; or as one types it, from where one stands.
    let here = working_folder()?.join(file);
    let named = match root.join(file).is_file() {
        true => file,
        false => here.strip_prefix(root).unwrap_or(file),
    };
    let named = named.to_string_lossy().into_owned();
    let of_lesson = contents.lessons.iter().find_map(|part| {
        let start = format!("lessons/{}/", part.folder);
        part.files.get(named.strip_prefix(&start)?)
    });
    let Some(theirs) = contents.common.get(&named).or(of_lesson) else {
        let why = format!("`{named}` is not shipped");
        return Err(Error::Usage { why, next: "lab update, which names what differs".into() });
    };
    let path = root.join(&named);
    let yours = std::fs::read(&path).map_err(|error| Error::file("read", &path, &error))?;
    let (yours, theirs) = (String::from_utf8_lossy(&yours), String::from_utf8_lossy(theirs));
    let names = (format!("yours: {named}"), format!("shipped: {named}"));
    to_stdout(&difference(&yours, &theirs, (&names.0, &names.1), color.on(false)));
    Ok(Outcome::Holds)
}
