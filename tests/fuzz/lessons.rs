//! Whatever stands in a lesson.toml: a lesson, or an error that names a line of it.

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use socket_lab::catalogue::{Catalogue, Lesson};
use socket_lab::error::{Error, Result};

use crate::harm::harms;
use crate::hold;

/// A file of some ten thousand bytes, and the texts that it asks for: 64 MiB in each scenario.
const MOST: isize = 256 << 20;

const WORDS: [&str; 14] = [
    "[[rule]]\n",
    "[[scenario]]\n",
    "[[role]]\nname = \"x\"\n",
    "'A: connect(:9999)', ",
    "id = \"a\"\n",
    "\"\"\"",
    "'",
    "\n",
    "steps = []\n",
    "clients = \"2..4294967295\"\n",
    "minutes = 99999999999999999999\n",
    "[[[[[[[[",
    "a.b.c.d = { x = [{}] }\n",
    "after = \"server: listen(..) = 0\"\n",
];

#[test]
fn whatever_stands_in_a_lesson_file_is_read_or_refused_with_its_line() {
    let written = lessons();
    let folder = tempfile::tempdir().unwrap();
    let lesson = folder.path().join("lessons/01-one-shot");
    std::fs::create_dir_all(&lesson).unwrap();
    let file = lesson.join("lesson.toml");
    std::fs::write(&file, "").unwrap();
    let catalogue = Catalogue::open(folder.path()).unwrap();
    hold(3000, (any::<usize>(), harms()), (50, MOST), |(which, harms)| {
        let mut bytes = written[which % written.len()].clone();
        harms.iter().for_each(|harm| harm.to(&mut bytes, &WORDS));
        std::fs::write(&file, &bytes).unwrap();
        match catalogue.read(&catalogue.names()[0]).and_then(|lesson| all_of(&lesson)) {
            Ok(()) => true,
            Err(Error::Lesson { line, why, .. }) => {
                let lines = bytes.split(|&byte| byte == b'\n').count();
                assert!((1..=lines).contains(&line), "{line}: {why}");
                false
            }
            Err(error) => {
                assert!(String::from_utf8(bytes).is_err(), "{error}");
                false
            }
        }
    });
}

/// Everything that is read of it once it is needed.
fn all_of(lesson: &Lesson) -> Result<()> {
    lesson.grading()?;
    lesson.questions()?;
    for demo in &lesson.demos {
        lesson.demo_plan(demo)?.iter().for_each(|plan| drop(plan.fill(1)));
    }
    for scenario in &lesson.scenarios {
        lesson.plan(scenario)?.fill(1);
    }
    lesson.asks.iter().try_for_each(|ask| lesson.ask(ask).map(drop))
}

fn lessons() -> Vec<Vec<u8>> {
    let lessons = Path::new(env!("CARGO_MANIFEST_DIR")).join("lessons");
    let folders = std::fs::read_dir(lessons).unwrap().flatten();
    let mut files: Vec<PathBuf> = folders.map(|it| it.path().join("lesson.toml")).collect();
    files.retain(|file| file.is_file());
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}
