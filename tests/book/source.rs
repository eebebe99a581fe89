//! The chapters as their authors wrote them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::chapter;

/// A page of the book.
pub struct Chapter {
    /// Below `src`.
    pub path: PathBuf,
    pub text: String,
}

/// The headings of every lesson's chapter, in order.
const PARTS: [&str; 14] = [
    "Goal",
    "Predict",
    "The program",
    "Run it",
    "What the kernel did",
    "Python, Linux, Rust",
    "Explain",
    "Break it",
    "Misconception",
    "Exercise",
    "Hints",
    "Check yourself",
    "Further reading",
    "Errata of the sources",
];

/// How many words of prose a chapter has, at least and at most.
const WORDS: (usize, usize) = (1_200, 2_000);

/// All pages below `src`, its summary left out.
pub fn read(src: &Path) -> Vec<Chapter> {
    let mut chapters = Vec::new();
    let mut open = vec![src.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|it| it.unwrap().path()));
        } else if path.extension().is_some_and(|it| it == "md") && !path.ends_with("SUMMARY.md") {
            let text = fs::read_to_string(&path).unwrap();
            chapters.push(Chapter { path: path.strip_prefix(src).unwrap().to_owned(), text });
        }
    }
    chapters.sort_by(|a, b| a.path.cmp(&b.path));
    chapters
}

/// The lessons' chapters among them.
pub fn lessons(chapters: &[Chapter]) -> impl Iterator<Item = &Chapter> {
    chapters.iter().filter(|it| it.path.starts_with("lessons"))
}

fn parsed(text: &str) -> Parser<'_> {
    Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_HEADING_ATTRIBUTES)
}

/// The fenced blocks of a page: the info string, the body, the line.
pub fn blocks(chapter: &Chapter) -> Vec<(String, String, usize)> {
    let mut blocks = Vec::new();
    let mut open = None;
    for (event, range) in parsed(&chapter.text).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let line = 1 + chapter.text[..range.start].matches('\n').count();
                open = Some((info.trim().to_owned(), String::new(), line));
            }
            Event::Text(more) => {
                if let Some((_, body, _)) = &mut open {
                    body.push_str(&more);
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}

/// The headings of a level.
fn headings(text: &str, wanted: HeadingLevel) -> Vec<String> {
    let mut headings = Vec::new();
    let mut open: Option<String> = None;
    for event in parsed(text) {
        match event {
            Event::Start(Tag::Heading { level, .. }) if level == wanted => {
                open = Some(String::new())
            }
            Event::Text(more) | Event::Code(more) => {
                if let Some(heading) = &mut open {
                    heading.push_str(&more);
                }
            }
            Event::End(TagEnd::Heading(level)) if level == wanted => headings.extend(open.take()),
            _ => {}
        }
    }
    headings
}

/// Includes that lead nowhere: to no file, no anchor in it, or no line of it.
pub fn includes(src: &Path, chapters: &[Chapter]) -> Vec<String> {
    let mut findings = Vec::new();
    for chapter in chapters {
        for (n, line) in chapter.text.lines().enumerate() {
            for (at, mark) in line.match_indices("{{#include ") {
                if line[..at].ends_with('\\') {
                    continue;
                }
                let what = line[at + mark.len()..].split("}}").next().unwrap_or_default().trim();
                let folder = src.join(chapter.path.parent().unwrap_or(Path::new("")));
                if let Some(why) = missing(&folder, what) {
                    findings.push(format!("{}:{}: {what} {why}", chapter.path.display(), n + 1));
                }
            }
        }
    }
    findings
}

fn missing(folder: &Path, what: &str) -> Option<String> {
    let (path, part) = what.split_once(':').unwrap_or((what, ""));
    let Ok(text) = fs::read_to_string(folder.join(path)) else {
        return Some("is no file".into());
    };
    let numbers: Vec<&str> = part.split(':').filter(|it| !it.is_empty()).collect();
    let lines = text.lines().count();
    match numbers.iter().map(|it| it.parse::<usize>()).collect::<Result<Vec<_>, _>>() {
        Ok(numbers) => numbers
            .iter()
            .find(|number| **number == 0 || **number > lines)
            .map(|number| format!("has no line {number}, but {lines}")),
        Err(_) => {
            let marks = ["ANCHOR: ", "ANCHOR_END: "].map(|it| format!("{it}{part}"));
            let has =
                |mark: &String| text.lines().any(|line| line.trim_end().ends_with(mark.as_str()));
            (!marks.iter().all(has)).then(|| format!("has no anchor `{part}`"))
        }
    }
}

/// Lessons without a chapter, chapters without a lesson, and titles that are not the lesson's.
pub fn one_to_one(
    lessons: &[(&str, u32, &str)],
    chapters: &[Chapter],
    summary: &str,
) -> Vec<String> {
    let mut findings = Vec::new();
    let chapters: Vec<&Chapter> = self::lessons(chapters).collect();
    for (name, number, title) in lessons {
        let path = format!("lessons/{name}.md");
        let Some(chapter) = chapters.iter().find(|it| it.path == Path::new(&path)) else {
            findings.push(format!("{path}: the lesson has no chapter"));
            continue;
        };
        let heading = format!("# {number:02} {title}");
        if chapter.text.lines().next() != Some(&heading) {
            findings.push(format!("{path}: it does not begin with `{heading}`"));
        }
        if !summary.contains(&format!("- [{title}]({path})\n")) {
            findings.push(format!("SUMMARY.md: no `- [{title}]({path})`"));
        }
    }
    let known: BTreeSet<String> = lessons.iter().map(|(name, ..)| (*name).to_owned()).collect();
    for chapter in chapters {
        let stem = chapter.path.file_stem().unwrap_or_default().to_string_lossy();
        if !known.contains(stem.as_ref()) {
            findings.push(format!("{}: there is no such lesson", chapter.path.display()));
        }
    }
    findings
}

/// Headings that are missing, wrong or in another order.
pub fn parts(chapter: &Chapter) -> Vec<String> {
    let path = chapter.path.display();
    let mut findings = Vec::new();
    let found = headings(&chapter.text, HeadingLevel::H2);
    if found != PARTS {
        let other = found.iter().zip(PARTS).find(|(found, wanted)| found != wanted);
        findings.push(match other {
            Some((found, wanted)) => format!("{path}: the heading `{found}`, not `{wanted}`"),
            None => format!("{path}: {} headings, not {}", found.len(), PARTS.len()),
        });
    }
    if headings(&chapter.text, HeadingLevel::H1).len() != 1 {
        findings.push(format!("{path}: more than one heading of the first level"));
    }
    findings
}

/// A chapter that is too short or too long.
pub fn length(chapter: &Chapter) -> Option<String> {
    let words = words(&chapter.text);
    let fits = (WORDS.0..=WORDS.1).contains(&words);
    (!fits).then(|| {
        format!("{}: {words} words, not {} to {}", chapter.path.display(), WORDS.0, WORDS.1)
    })
}

/// The words of prose: not those of blocks, of included code and of the rows of the map.
fn words(text: &str) -> usize {
    let mut words = 0;
    let mut in_block = false;
    for event in parsed(text) {
        match event {
            Event::Start(Tag::CodeBlock(_)) => in_block = true,
            Event::End(TagEnd::CodeBlock) => in_block = false,
            Event::Text(it) | Event::Code(it) if !in_block && !it.contains("{{#") => {
                words +=
                    it.split_whitespace().filter(|it| it.contains(char::is_alphanumeric)).count();
            }
            _ => {}
        }
    }
    words
}

/// The keys of lesson.toml that its page does not name, from the structures that read it.
pub fn keys_untold(catalogue: &str, page: &str) -> Vec<String> {
    let known = keys(catalogue);
    assert!(known.contains("title") && known.contains("baseline_off"), "{known:?}");
    let untold = known.into_iter().filter(|key| !page.contains(&format!("`{key}`")));
    let headed = |key: &String| {
        ["[[{}]]", "[{}]"].iter().any(|form| page.contains(&form.replace("{}", key)))
    };
    untold.filter(|key| !headed(key)).collect()
}

/// The fields of every structure that denies unknown ones.
fn keys(code: &str) -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for part in code.split("#[serde(deny_unknown_fields)]\n").skip(1) {
        let body = part.split("\n}").next().unwrap_or_default();
        let fields = body.lines().skip(1).filter_map(|line| {
            let line = line.strip_prefix("    ")?;
            let line = line.strip_prefix("pub ").unwrap_or(line);
            let (name, _) = line.split_once(": ")?;
            name.bytes().all(|it| it.is_ascii_lowercase() || it == b'_').then(|| name.to_owned())
        });
        keys.extend(fields);
    }
    keys
}

#[test]
fn a_planted_include_that_leads_nowhere_is_found() {
    let src = tempfile::tempdir().unwrap();
    fs::create_dir(src.path().join("lessons")).unwrap();
    fs::write(src.path().join("x.rs"), "// ANCHOR: a\nfn a() {}\n// ANCHOR_END: a\n").unwrap();
    for good in ["x.rs", "x.rs:a", "x.rs:2:3", "x.rs:2:", "x.rs::2"] {
        let text = format!("{{{{#include ../{good}}}}}\n");
        assert_eq!(includes(src.path(), &[chapter("lessons/a.md", &text)]), [""; 0], "{good}");
    }
    for bad in ["y.rs", "x.rs:b", "x.rs:2:9", "x.rs:0"] {
        let text = format!("A\n{{{{#include ../{bad}}}}}\n");
        let findings = includes(src.path(), &[chapter("lessons/a.md", &text)]);
        assert_eq!(findings.len(), 1, "{bad}");
        assert!(findings[0].starts_with("lessons/a.md:2: "), "{findings:?}");
    }
}

#[test]
fn planted_chapters_without_lessons_are_found_and_lessons_without_chapters() {
    let lessons = [("01-a", 1, "A"), ("02-b", 2, "B")];
    let summary = "- [A](lessons/01-a.md)\n- [B](lessons/02-b.md)\n";
    let (a, b) = (chapter("lessons/01-a.md", "# 01 A\n"), chapter("lessons/02-b.md", "# 02 B\n"));
    let all = [a, b];
    assert_eq!(one_to_one(&lessons, &all, summary), [""; 0]);
    assert_eq!(one_to_one(&lessons[..1], &all, summary).len(), 1);
    assert_eq!(one_to_one(&lessons, &all[..1], summary).len(), 1);
    assert_eq!(one_to_one(&lessons, &all, &summary.replace("[B]", "[C]")).len(), 1);
    let [a, _] = all;
    let renamed = chapter("lessons/02-b.md", "# 02 Bee\n");
    assert_eq!(one_to_one(&lessons, &[a, renamed], summary).len(), 1);
}

#[test]
fn planted_headings_and_lengths_are_found() {
    let whole = |parts: &[&str], words: usize| {
        let parts: String =
            parts.iter().map(|it| format!("## {it}\n\n```lab\nx\n```\n\n")).collect();
        format!("# 01 A\n\n{parts}{}\n", "word ".repeat(words))
    };
    let headings =
        |parts: &[&str]| self::parts(&chapter("lessons/01-a.md", &whole(parts, 1))).len();
    assert_eq!(headings(&PARTS), 0);
    assert_eq!(headings(&PARTS[1..]), 1);
    assert_eq!(headings(&PARTS[..13]), 1);
    let mut swapped = PARTS;
    swapped.swap(3, 4);
    assert_eq!(headings(&swapped), 1);
    assert_eq!(self::parts(&chapter("a.md", &(whole(&PARTS, 1) + "# Another\n"))).len(), 1);
    let length = |words: usize| length(&chapter("a.md", &whole(&[], words - 2)));
    assert_eq!((length(1_200), length(2_000)), (None, None));
    assert!(length(1_199).is_some() && length(2_001).is_some());
    assert_eq!(words("a `b` *c*\n\n```\nnot these\n```\n\n- d, e\n\n{{#rows x y}}\n"), 5);
}

#[test]
fn a_planted_key_is_found() {
    let code = "#[serde(deny_unknown_fields)]\npub struct A {\n    pub title: String,\n    /// x: y\n    baseline_off: u8,\n    nonsuch: u8,\n}\nstruct B {\n    other: u8,\n}\n";
    assert_eq!(keys_untold(code, "`title` and `[[baseline_off]]`"), ["nonsuch"]);
    assert_eq!(keys_untold(code, "`title`, `baseline_off`, [nonsuch]"), [""; 0]);
}
