//! What stands in the book for lessons and recordings, made from these: a chapter holds no copy.
//!
//! ```text
//! chapter.md ─ blocks ──┬─ excerpt ─── a recording as text, or some rows of it
//!                       ├─ boxes ───── what the reader answers, and what the recording says   → chapter.md with HTML
//!                       ├─ reference ─ rules, weathers, the form of a recording
//!                       └─ map ─────── Python → Linux → Rust
//! ```
//!
//! A fenced block `lab` holds TOML and becomes what its `show` names; `{{#rows socket bind}}` by itself becomes rows of the
//! map. Everything comes from the golden recordings beside the lessons, so that a book is made without playing anything.
//! What cannot be made (a pattern that matches nothing, a question without proof) is an error with its line.
//!
//! The parts speak the language of the book (`language`). Recordings do not: they are what the lab prints.

mod asked;
mod blocks;
mod boxes;
mod excerpt;
pub mod explain;
mod html;
mod language;
mod map;
mod preprocessor;
mod reference;

pub use self::asked::{Asked, Played};
pub use self::language::Language;
pub use self::map::Map;
pub use self::preprocessor::Preprocessor;

use std::ops::Range;
use std::path::Path;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::catalogue::{Catalogue, Lesson};
use crate::error::{Error, Result, did_you_mean};
use crate::event::Recording;
use crate::render::json;

/// Where a chapter stands in the book: what its blocks mean by "this lesson", and by "above".
#[derive(Clone, Copy)]
struct Place<'a> {
    /// From the book's `src`: `lessons/12-half-close.md`.
    path: &'a Path,
    /// How many blocks stand before this one.
    number: usize,
}

impl Place<'_> {
    /// The way to a page of the book from here: `../reference/rules.md`.
    fn link(&self, to: &str) -> String {
        let depth = self.path.components().count().saturating_sub(1);
        format!("{}{to}", "../".repeat(depth))
    }
}

/// A chapter that cannot be made: which of its generated parts, from 0, and why.
#[derive(Debug)]
pub struct Fault {
    pub part: usize,
    pub why: String,
}

/// The lessons and the map, as the book's chapters show them.
pub struct Book {
    lessons: Vec<Lesson>,
    map: Map,
    language: Language,
}

impl Book {
    /// The book of these lessons, in this language.
    ///
    /// Fails if one of them cannot be read.
    pub fn of(catalogue: &Catalogue, language: Language) -> Result<Book> {
        let lessons = catalogue.read_all().into_iter().collect::<Result<_>>()?;
        Ok(Book { lessons, map: Map::of_the_book(), language })
    }

    /// A chapter with what is generated in place of its blocks.
    pub fn chapter(&self, path: &Path, text: &str) -> std::result::Result<String, Fault> {
        self.made(path, text, |part, made| match part.what {
            What::Summary(_) => made,
            _ => format!("\n{}\n\n", made.trim_end()),
        })
    }

    /// A chapter as its translator needs it: what its blocks say in place of them, and no code.
    pub fn messages(&self, path: &Path, text: &str) -> std::result::Result<String, Fault> {
        self.language.said();
        let said = |_: &Part, _| format!("\n\n{}\n\n", self.language.said().join("\n\n"));
        self.made(path, &without_code(text), said)
    }

    fn made(
        &self,
        path: &Path,
        text: &str,
        in_place: impl Fn(&Part, String) -> String,
    ) -> std::result::Result<String, Fault> {
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (number, part) in parts(text).into_iter().enumerate() {
            let place = Place { path, number };
            let made = match &part.what {
                What::Block(body) => blocks::html(self, place, body),
                What::Rows(names) => self.map.rows(names, &self.language),
                What::Summary(words) => Ok(self.language.say(words)),
            };
            let made =
                made.map_err(|error| Fault { part: number, why: in_a_line(&error.to_string()) })?;
            out.push_str(&text[done..part.range.start]);
            out.push_str(&in_place(&part, made));
            done = part.range.end;
        }
        out.push_str(&text[done..]);
        Ok(out)
    }

    /// The lesson of this name, or else the chapter's own.
    fn lesson(&self, place: Place<'_>, name: Option<&str>) -> Result<&Lesson> {
        let own = place.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let wanted = name.unwrap_or(own);
        self.lessons.iter().find(|lesson| lesson.name == wanted).ok_or_else(|| {
            let near = did_you_mean(wanted, self.lessons.iter().map(|lesson| lesson.name.as_str()));
            wrong(match name {
                Some(_) => format!("no lesson is `{wanted}`{near}"),
                None => format!("`{wanted}` is no lesson's chapter: say `lesson = \"NN-name\"`"),
            })
        })
    }

    /// The golden recording of a lesson's demo or of a variant.
    fn recording(&self, lesson: &Lesson, variant: Option<&str>) -> Result<Recording> {
        let file = lesson.demo(variant)?.recording();
        let path = format!("lessons/{}/{file}", lesson.name);
        let bytes = lesson.shipped(&file)?.ok_or_else(|| {
            wrong(format!("no {path}: LAB_ACCEPT=1 cargo test --test lessons writes it"))
        })?;
        json::parse(&bytes, Path::new(&path))
    }
}

/// What the author of a chapter is told; the place is added above.
fn wrong(why: impl Into<String>) -> Error {
    Error::Usage { why: why.into(), next: "mdbook build book".into() }
}

fn in_a_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The line in which a part of this text begins, from 1.
pub fn line_of(text: &str, part: usize) -> usize {
    let start = parts(text).get(part).map_or(0, |part| part.range.start);
    1 + text[..start].matches('\n').count()
}

/// A part of a chapter that something is generated for.
struct Part {
    range: Range<usize>,
    what: What,
}

enum What {
    /// The body of a fenced block `lab`.
    Block(String),
    /// The keys of `{{#rows ..}}`.
    Rows(Vec<String>),
    /// What a `<summary>` says: Markdown leaves HTML alone, and so does gettext.
    Summary(String),
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut open: Option<Part> = None;
    // A quotation mark or a dash is the reader's own: nothing but blocks is looked for.
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) if info.trim() == "lab" => {
                open = Some(Part { range, what: What::Block(String::new()) });
            }
            Event::Text(more) => {
                if let Some(Part { what: What::Block(body), .. }) = &mut open {
                    body.push_str(&more);
                }
            }
            Event::End(TagEnd::CodeBlock) => parts.extend(open.take()),
            Event::Html(_) => parts.extend(summary(text, range)),
            Event::Start(Tag::Paragraph) => {
                let words = text[range.clone()].trim();
                let names = words.strip_prefix("{{#rows ").and_then(|it| it.strip_suffix("}}"));
                if let Some(names) = names.filter(|names| !names.contains('\n')) {
                    let names = names.split_whitespace().map(str::to_owned).collect();
                    parts.push(Part { range, what: What::Rows(names) });
                }
            }
            _ => {}
        }
    }
    parts
}

fn summary(text: &str, html: Range<usize>) -> Option<Part> {
    let (before, after) = text[html.clone()].split_once("<summary>")?;
    let (words, _) = after.split_once("</summary>")?;
    let start = html.start + before.len() + "<summary>".len();
    Some(Part { range: start..start + words.len(), what: What::Summary(words.into()) })
}

/// A chapter without the code that it shows: nobody translates that.
fn without_code(text: &str) -> String {
    let mut out = text.to_owned();
    for (event, range) in Parser::new(text).into_offset_iter().collect::<Vec<_>>().into_iter().rev()
    {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) if info.trim() == "lab" => {}
            Event::Start(Tag::CodeBlock(_)) => out.replace_range(range, "\n"),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests;
