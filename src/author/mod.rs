//! What those who write lessons get: a lesson to begin with, and the places where text is still missing.
//!
//! [`make`] writes a lesson that plays and is graded, from the files in `template/`, and its chapter. What only its author
//! can say is left open in two ways, and [`unwritten`] finds both: a text of lesson.toml is empty, and in the chapter stands
//! a comment, `<!-- -->`, that says what is wanted in its place.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::catalogue::{Catalogue, Lesson, Name, is_slug};
use crate::error::{Error, Result};
use crate::progress::{self, Locked};

/// In its files, and in no lesson's, stand `@NAME@`, `@NUMBER@`, `@NN@`, `@TITLE@` and `@PORT@`.
#[derive(RustEmbed)]
#[folder = "src/author/template/"]
struct Template;

/// As it is called in the template, where cargo would take a Cargo.toml for a package's.
const MANIFEST: &str = "manifest.toml";
const CHAPTER: &str = "chapter.md";

/// The texts of lesson.toml that only its author can write, by their keys.
const TEXTS: [&str; 6] = ["title", "says", "hint", "hints", "asks", "why"];

/// With 7000 added it is a port, and no other lesson's.
const HIGHEST: u32 = 999;

/// A lesson's chapter, from the lab's root.
fn chapter(lesson: &str) -> PathBuf {
    Path::new("book/src/lessons").join(format!("{lesson}.md"))
}

/// Makes a lesson of this name below the lab's root: `who-am-i`, or `41-who-am-i` for a number that is not the next.
///
/// Where there is a book, it gets a chapter. Nothing is written over. Fails with [`Error::Usage`] if the name cannot be had,
/// and with [`Error::File`] if it cannot be written; then nothing is left of it.
pub fn make(root: &Path, wanted: &str) -> Result<Name> {
    let state = root.join(".lab");
    let _lock = Locked::new(&state)?;
    let name = free_name(&Catalogue::open(root)?, wanted)?;
    let staged = state.join("new-lesson");
    // A lab that was killed may have left one.
    let _ = fs::remove_dir_all(&staged);
    let mut files = files(&name);
    let chapter_text = files.remove(CHAPTER).unwrap_or_default();
    let folder = Path::new("lessons").join(&name.whole);
    let made = write(&staged, &files).and_then(|()| {
        let to = root.join(&folder);
        fs::rename(&staged, &to).map_err(|error| Error::file("make", &folder, &error))?;
        add_chapter(root, &name, &chapter_text).inspect_err(|_| drop(fs::remove_dir_all(&to)))
    });
    let _ = fs::remove_dir_all(&staged);
    made.map(|()| name)
}

/// The places of a lesson that its author has still to write, each with its line.
pub fn unwritten(root: &Path, lesson: &Lesson) -> Result<Vec<Error>> {
    let source = lesson.shipped("lesson.toml")?.unwrap_or_default();
    let source = String::from_utf8_lossy(&source);
    let mut empty = Vec::new();
    let table = DeTable::parse(&source);
    if let Ok(table) = &table {
        empty_texts(table.get_ref(), &mut |key, value| empty.push((key, value)));
    }
    empty.sort_by_key(|(_, value)| value.span().start);
    let told = |key: &str| format!("`{key}`: not written yet");
    let mut found: Vec<Error> =
        empty.into_iter().map(|(key, value)| lesson.error_at(value, told(key))).collect();
    found.extend(chapter_unwritten(root, lesson)?);
    Ok(found)
}

fn free_name(catalogue: &Catalogue, wanted: &str) -> Result<Name> {
    let (number, slug) = match Name::parse(wanted) {
        Some(name) => (Some(name.number), name.slug().to_owned()),
        None => (None, wanted.to_owned()),
    };
    let is_plain = |slug: &str| {
        let words = || slug.split('-').all(|word| !word.is_empty());
        is_slug(slug) && words() && slug.starts_with(|c: char| c.is_ascii_lowercase())
    };
    if !is_plain(&slug) {
        let words = wanted.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        let plain = words.join("-").to_lowercase();
        let plain = if is_plain(&plain) { plain } else { "who-am-i".into() };
        return Err(Error::Usage {
            why: format!(
                "`{wanted}` cannot name a lesson: small letters and digits can, words of them with - between, a letter first"
            ),
            next: format!("lab new-lesson {plain}"),
        });
    }
    let last = catalogue.names().last().map_or(0, |name| name.number);
    let number = number.unwrap_or(last.saturating_add(1));
    if !(1..=HIGHEST).contains(&number) {
        let why = format!("{number} is no lesson's number: 1 to {HIGHEST} are");
        return Err(Error::Usage { why, next: format!("lab new-lesson NUMBER-{slug}") });
    }
    let name = Name::of(number, &slug);
    match taken(catalogue, &name) {
        Some(why) => Err(Error::Usage { why, next: "choose another; lab list shows all".into() }),
        None => Ok(name),
    }
}

/// What has the name or the number already, in words.
fn taken(catalogue: &Catalogue, name: &Name) -> Option<String> {
    for other in catalogue.names() {
        if other.slug() == name.slug() {
            return Some(format!("{} has the name `{}` already", other.whole, name.slug()));
        }
        if other.number == name.number {
            return Some(format!("{} has the number {} already", other.whole, name.number));
        }
    }
    // One that cannot be read has no id that we could know.
    let ids = catalogue.read_all().into_iter().flatten().map(|lesson| (lesson.id, lesson.name));
    if let Some((id, other)) = ids.into_iter().find(|(id, _)| id == name.slug()) {
        return Some(format!("{other} has the id `{id}` already"));
    }
    let places = [Path::new("lessons").join(&name.whole), chapter(&name.whole)];
    let place = places.into_iter().find(|place| catalogue.root().join(place).exists())?;
    Some(format!("{} is there already", place.display()))
}

/// The new lesson's files, by their names in its folder.
fn files(name: &Name) -> BTreeMap<String, String> {
    let title = title(name);
    let port = 7000 + name.number;
    let fill = |text: &str| {
        text.replace("@NAME@", &name.whole)
            .replace("@NUMBER@", &name.number.to_string())
            .replace("@NN@", &format!("{:02}", name.number))
            .replace("@TITLE@", &title)
            .replace("@PORT@", &port.to_string())
    };
    let file = |path: &str| {
        let text = Template::get(path).map(|file| file.data).unwrap_or_default();
        let path = if path == MANIFEST { "Cargo.toml" } else { path };
        (path.to_owned(), fill(&String::from_utf8_lossy(&text)))
    };
    Template::iter().map(|path| file(&path)).collect()
}

/// A title to begin with: `who-am-i` → `Who am i`.
fn title(name: &Name) -> String {
    let words = name.slug().replace('-', " ");
    let (first, rest) = words.split_at(1);
    first.to_uppercase() + rest
}

fn write(folder: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    for (file, text) in files {
        let path = folder.join(file);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| Error::file("make", parent, &error))?;
        fs::write(&path, text).map_err(|error| Error::file("write", &path, &error))?;
    }
    Ok(())
}

/// Puts a chapter into the book, if there is one: its file, then a line of SUMMARY.md.
fn add_chapter(root: &Path, name: &Name, text: &str) -> Result<()> {
    if !root.join("book/src").is_dir() {
        return Ok(());
    }
    let path = root.join(chapter(&name.whole));
    let folder = path.parent().unwrap_or(root);
    fs::create_dir_all(folder).map_err(|error| Error::file("make", folder, &error))?;
    progress::replace(&path, text.as_bytes(), None)?;
    let summary = root.join("book/src/SUMMARY.md");
    let listed = match fs::read_to_string(&summary) {
        Ok(text) => progress::replace(&summary, with_line(&text, name).as_bytes(), None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::file("read", &summary, &error)),
    };
    listed.inspect_err(|_| drop(fs::remove_file(&path)))
}

/// The book's summary with a line for this lesson, where its number belongs.
fn with_line(summary: &str, name: &Name) -> String {
    let lesson = |line: &&str| {
        let (_, file) = line.split_once("](lessons/")?;
        Name::parse(file.strip_suffix(".md)")?)
    };
    let line = format!("- [{}](lessons/{}.md)", title(name), name.whole);
    let mut lines: Vec<&str> = summary.lines().collect();
    let before = lines.iter().rposition(|line| lesson(line).is_some_and(|other| other < *name));
    let first = || lines.iter().position(|line| lesson(line).is_some());
    let at = before.map(|at| at + 1).or_else(first).unwrap_or(lines.len());
    lines.insert(at, &line);
    lines.join("\n") + "\n"
}

fn empty_texts<'a>(
    table: &'a DeTable<'_>,
    found: &mut dyn FnMut(&'a str, &'a Spanned<DeValue<'_>>),
) {
    for (key, value) in table {
        empty_text(key.get_ref(), value, found);
    }
}

fn empty_text<'a>(
    key: &'a str,
    value: &'a Spanned<DeValue<'_>>,
    found: &mut dyn FnMut(&'a str, &'a Spanned<DeValue<'_>>),
) {
    match value.get_ref() {
        DeValue::String(text) if TEXTS.contains(&key) && text.trim().is_empty() => {
            found(key, value);
        }
        DeValue::Array(values) => values.iter().for_each(|value| empty_text(key, value, found)),
        DeValue::Table(table) => empty_texts(table, found),
        _ => {}
    }
}

fn chapter_unwritten(root: &Path, lesson: &Lesson) -> Result<Vec<Error>> {
    let path = chapter(&lesson.name);
    let at = |line, why| Error::Lesson { path: path.clone(), line, why };
    let text = match fs::read_to_string(root.join(&path)) {
        Ok(text) => text,
        // Lessons without a book have no chapters.
        Err(_) if !root.join("book/src").is_dir() => return Ok(Vec::new()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(vec![at(1, "the lesson has no chapter yet".into())]);
        }
        Err(error) => return Err(Error::file("read", &path, &error)),
    };
    let mut found = Vec::new();
    let heading = format!("# {:02} {}", lesson.number, lesson.title);
    if text.lines().next() != Some(&heading) {
        found.push(at(1, format!("it does not begin with `{heading}`")));
    }
    for (line, text) in (1..).zip(text.lines()) {
        if let Some(wanted) = text.trim_start().strip_prefix("<!--") {
            let wanted = wanted.trim_end().trim_end_matches("-->").trim().trim_end_matches('.');
            found.push(at(line, format!("not written yet: {wanted}")));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lab(lessons: &[&str]) -> tempfile::TempDir {
        let lab = tempfile::tempdir().unwrap();
        for name in lessons {
            let text = "title = \"T\"\nminutes = 5\n[[role]]\nname = \"server\"\n";
            fs::create_dir_all(lab.path().join("lessons").join(name)).unwrap();
            fs::write(lab.path().join("lessons").join(name).join("lesson.toml"), text).unwrap();
        }
        lab
    }

    fn named(lessons: &[&str], wanted: &str) -> std::result::Result<String, String> {
        let lab = lab(lessons);
        let name = free_name(&Catalogue::open(lab.path()).unwrap(), wanted);
        name.map(|name| name.whole).map_err(|error| error.to_string())
    }

    #[test]
    fn a_lesson_gets_the_next_number_or_the_one_it_names() {
        let some = ["01-one", "13-thirteen"];
        assert_eq!(named(&some, "who-am-i"), Ok("14-who-am-i".into()));
        assert_eq!(named(&some, "7-who-am-i"), Ok("07-who-am-i".into()));
    }

    #[test]
    fn a_name_that_cannot_be_had_is_refused() {
        let some = ["01-one", "13-thirteen"];
        for (wanted, why) in [
            ("one", "01-one has the name `one` already"),
            ("2-one", "01-one has the name `one` already"),
            ("13-other", "13-thirteen has the number 13 already"),
            ("0-zero", "0 is no lesson's number"),
            ("1000-many", "1000 is no lesson's number"),
            ("", "`` cannot name a lesson"),
            ("../etc", "`../etc` cannot name a lesson"),
            ("Who am I?", "`Who am I?` cannot name a lesson"),
            ("3rd-try", "`3rd-try` cannot name a lesson"),
            ("12", "`12` cannot name a lesson"),
            ("a--b", "`a--b` cannot name a lesson"),
            ("a-", "`a-` cannot name a lesson"),
        ] {
            let told = named(&some, wanted).unwrap_err();
            assert!(told.starts_with(why), "{wanted}: {told}");
        }
        assert!(named(&["01-one", "999-last"], "next").unwrap_err().starts_with("1000 is no"));
    }

    #[test]
    fn what_is_there_already_stays() {
        let lab = lab(&["01-one"]);
        let catalogue = Catalogue::open(lab.path()).unwrap();
        for place in ["lessons/02-two", "book/src/lessons/02-two.md"] {
            fs::create_dir_all(lab.path().join(place)).unwrap();
            let told = free_name(&catalogue, "two").unwrap_err().to_string();
            assert_eq!(told, format!("{place} is there already"));
            fs::remove_dir(lab.path().join(place)).unwrap();
        }
        let id = "id = \"two\"\ntitle = \"T\"\nminutes = 5\n[[role]]\nname = \"server\"\n";
        fs::write(lab.path().join("lessons/01-one/lesson.toml"), id).unwrap();
        let told = free_name(&catalogue, "two").unwrap_err().to_string();
        assert_eq!(told, "01-one has the id `two` already");
    }

    #[test]
    fn the_chapter_is_listed_where_its_number_belongs() {
        let summary = "# Summary\n\n[A](README.md)\n\n- [One](lessons/01-one.md)\n- [Nine](lessons/09-nine.md)\n\n- [Map](reference/map.md)\n";
        let line = |name: &str| {
            let listed = with_line(summary, &Name::parse(name).unwrap());
            assert_eq!(listed.lines().count(), summary.lines().count() + 1);
            listed.lines().position(|line| line.starts_with("- [Who am i](lessons/"))
        };
        assert_eq!(line("10-who-am-i"), Some(6));
        assert_eq!(line("02-who-am-i"), Some(5));
        assert_eq!(line("00-who-am-i"), Some(4));
        let bare = with_line("# Summary\n", &Name::of(1, "one"));
        assert_eq!(bare, "# Summary\n- [One](lessons/01-one.md)\n");
    }

    #[test]
    fn nothing_is_left_of_a_lesson_that_could_not_be_written() {
        let lab = lab(&["01-one"]);
        fs::create_dir_all(lab.path().join("book/src/SUMMARY.md")).unwrap();
        let told = make(lab.path(), "two").unwrap_err().to_string();
        assert!(told.starts_with("cannot read ") && told.ends_with("(EISDIR)"), "{told}");
        for place in ["lessons/02-two", "book/src/lessons/02-two.md", ".lab/new-lesson"] {
            assert!(!lab.path().join(place).exists(), "{place} is left");
        }
        fs::remove_dir(lab.path().join("book/src/SUMMARY.md")).unwrap();
        assert_eq!(make(lab.path(), "two").unwrap().whole, "02-two");
    }

    #[test]
    fn what_is_empty_or_a_comment_is_still_to_be_written() {
        let lab = lab(&[]);
        fs::create_dir_all(lab.path().join("book/src")).unwrap();
        fs::create_dir_all(lab.path().join("lessons")).unwrap();
        let name = make(lab.path(), "who-am-i").unwrap();
        let catalogue = Catalogue::open(lab.path()).unwrap();
        let lesson = catalogue.read(&name).unwrap();
        let found = || -> Vec<String> {
            let found = unwritten(lab.path(), &lesson).unwrap();
            found.iter().map(ToString::to_string).collect()
        };
        let all = found();
        let keys = all.iter().filter(|it| it.starts_with("lessons/01-who-am-i/lesson.toml:"));
        assert_eq!(keys.count(), 8, "{all:?}");
        let goal = "book/src/lessons/01-who-am-i.md:5: not written yet: What the reader can do";
        assert!(all[8].starts_with(goal), "{}", all[8]);

        let path = lab.path().join("lessons/01-who-am-i/lesson.toml");
        let text = fs::read_to_string(&path).unwrap().replace("\"\"", "\"x\"");
        fs::write(&path, text).unwrap();
        let chapter = lab.path().join("book/src/lessons/01-who-am-i.md");
        fs::write(&chapter, "# 01 Who am i\n\n## Goal\n\nYou know.\n").unwrap();
        assert_eq!(found(), [""; 0]);
        fs::write(&chapter, "# 1 Who am I\n").unwrap();
        let heading = "book/src/lessons/01-who-am-i.md:1: it does not begin with `# 01 Who am i`";
        assert_eq!(found(), [heading]);
        fs::remove_file(&chapter).unwrap();
        assert_eq!(found(), ["book/src/lessons/01-who-am-i.md:1: the lesson has no chapter yet"]);
    }

    #[test]
    fn every_mark_of_the_template_is_filled_in() {
        for (file, text) in files(&Name::of(41, "who-am-i")) {
            assert!(!text.contains('@'), "{file}: {text}");
        }
    }
}
