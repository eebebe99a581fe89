//! The book: it is made in this process, from the chapters and the golden recordings, and every page of it is read.
//!
//! mdBook itself says nothing of an include that leads nowhere, of a link without an end or of a chapter that no lesson
//! has. What it must hold is checked here; each check is proved on a small book in which just that is broken.

#[path = "../browser/mod.rs"]
mod browser;
mod commands;
mod reading;
mod site;
mod source;
mod translation;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use mdbook_i18n_helpers::preprocessors::Gettext;
use socket_lab::book::{Book, Language, Preprocessor, line_of};
use socket_lab::catalogue::Catalogue;
use tempfile::TempDir;

use site::Site;
use source::Chapter;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Makes the book of one folder in another, in its own language or in this.
fn make(book: &Path, to: &Path, language: Option<&str>) {
    let mut config = Config::from_disk(book.join("book.toml")).unwrap();
    config.build.build_dir = to.to_owned();
    if let Some(language) = language {
        config.book.language = Some(language.into());
    }
    let mut driver = MDBook::load_with_config(book, config).unwrap();
    // In place of the commands of the same names: nothing is built for them.
    driver.with_preprocessor(Gettext).with_preprocessor(Preprocessor { root: root().to_owned() });
    driver.build().unwrap_or_else(|error| panic!("{error:?}"));
}

/// Where the book of this repository is, made.
fn made_at() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("made-book");
        make(&root().join("book"), &to, None);
        to
    })
}

fn made() -> Site {
    Site::read(made_at())
}

fn chapters() -> Vec<Chapter> {
    source::read(&root().join("book/src"))
}

fn hold(findings: Vec<String>) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn every_block_can_be_made() {
    let book = Book::of(&Catalogue::open(root()).unwrap(), Language::default()).unwrap();
    let wrong = |chapter: &Chapter| {
        let fault = book.chapter(&chapter.path, &chapter.text).err()?;
        let line = line_of(&chapter.text, fault.part);
        Some(format!("book/src/{}:{line}: {}", chapter.path.display(), fault.why))
    };
    hold(chapters().iter().filter_map(wrong).collect());
}

#[test]
fn every_include_leads_to_a_file_and_an_anchor_in_it() {
    hold(source::includes(&root().join("book/src"), &chapters()));
}

#[test]
fn every_lesson_has_a_chapter_and_every_chapter_a_lesson() {
    let catalogue = Catalogue::open(root()).unwrap();
    let lessons: Vec<_> =
        catalogue.read_all().into_iter().map(|it| it.expect("a lesson")).collect();
    let titles: Vec<_> =
        lessons.iter().map(|it| (it.name.as_str(), it.number, it.title.as_str())).collect();
    let summary = fs::read_to_string(root().join("book/src/SUMMARY.md")).unwrap();
    hold(source::one_to_one(&titles, &chapters(), &summary));
}

#[test]
fn every_chapter_has_its_parts_in_order() {
    hold(source::lessons(&chapters()).flat_map(source::parts).collect());
}

#[test]
fn every_chapter_is_as_long_as_it_should_be() {
    hold(source::lessons(&chapters()).filter_map(source::length).collect());
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    hold(made().links());
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    hold(made().loads());
}

#[test]
fn nothing_is_left_that_should_have_been_made() {
    hold(made().leftovers());
}

#[test]
fn every_command_of_the_book_ends_as_it_says() {
    hold(commands::run(&chapters()));
}

#[test]
fn every_key_of_lesson_toml_is_told_of() {
    let catalogue = fs::read_to_string(root().join("src/catalogue.rs")).unwrap();
    for page in ["reference/lesson-toml.md", "inside/writing-a-lesson.md"] {
        let text = fs::read_to_string(root().join("book/src").join(page)).unwrap();
        hold(source::keys_untold(&catalogue, &text));
    }
}

#[test]
fn every_line_of_the_doctor_is_told_of() {
    let page = fs::read_to_string(root().join("book/src/install.md")).unwrap();
    let (_, below) = page.split_once("## `lab doctor`, line by line\n").unwrap();
    let table = below.split("\n## ").next().unwrap();
    let doctor = Command::new(env!("CARGO_BIN_EXE_lab")).args(["doctor", "--json"]).output();
    let said: serde_json::Value = serde_json::from_slice(&doctor.unwrap().stdout).unwrap();
    let names = said["checks"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap());
    let untold: Vec<&str> = names.filter(|it| !table.contains(&format!("`{it}`"))).collect();
    assert_eq!(untold, [""; 0], "not in book/src/install.md");
}

#[test]
fn mdbook_can_start_the_preprocessor() {
    use std::io::Write as _;
    let lab = |args: &[&str], input: &str| {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.args(args).current_dir(root().join("book"));
        lab.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut lab = lab.spawn().unwrap();
        // Who is asked by arguments alone reads nothing.
        let _ = lab.stdin.take().unwrap().write_all(input.as_bytes());
        lab.wait_with_output().unwrap()
    };
    assert_eq!(lab(&["mdbook", "supports", "html"], "").status.code(), Some(0));
    let input = |text: &str| {
        let chapter = serde_json::json!({
            "name": "Half-close", "content": text, "number": null, "sub_items": [],
            "path": "lessons/12-half-close.md", "source_path": "lessons/12-half-close.md",
            "parent_names": [],
        });
        let context = serde_json::json!({
            "root": root().join("book"), "config": {"book": {"src": "src"}},
            "renderer": "html", "mdbook_version": "0.5.4",
        });
        serde_json::json!([context, {"items": [{"Chapter": chapter}]}]).to_string()
    };
    let good = lab(&["mdbook"], &input("```lab\nshow = \"hints\"\n```\n"));
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    let book: serde_json::Value = serde_json::from_slice(&good.stdout).unwrap();
    let content = book["items"][0]["Chapter"]["content"].as_str().unwrap();
    assert!(content.contains("Hint 1 of 3"), "{content}");
    let bad = lab(&["mdbook"], &input("```lab\nshow = \"hint\"\n```\n"));
    assert_eq!(bad.status.code(), Some(2));
    let told = String::from_utf8(bad.stderr).unwrap();
    assert!(told.starts_with("error: lessons/12-half-close.md:"), "{told}");
    assert_eq!(lab(&["mdbook"], "no book").status.code(), Some(2));
}

/// A book of these pages, made as ours is.
fn small(pages: &[(&str, &str)]) -> Site {
    let folder = TempDir::new().unwrap();
    let mut summary = String::from("# Summary\n\n");
    // The first page is made twice: as index.html as well.
    for (name, text) in [&[("first.md", "# First\n")], pages].concat() {
        let path = folder.path().join("src").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        if name.ends_with(".md") {
            summary.push_str(&format!("- [{name}]({name})\n"));
        }
    }
    fs::write(folder.path().join("src/SUMMARY.md"), summary).unwrap();
    let config = "[book]\ntitle = \"Small\"\n[output.html.print]\nenable = false\n";
    fs::write(folder.path().join("book.toml"), config).unwrap();
    make(folder.path(), &folder.path().join("made"), None);
    Site::read(&folder.path().join("made"))
}

#[test]
fn a_planted_link_that_leads_nowhere_is_found() {
    let good = "# A\n\n[b](b.md#there) [own](#a) [out](https://example.org/x)\n";
    let b = "# B\n\n## There\n";
    assert_eq!(small(&[("a.md", good), ("b.md", b)]).links(), [""; 0]);
    for (link, found) in [
        ("[c](c.md)", "c.html"),
        ("[b](b.md#nowhere)", "b.html#nowhere"),
        ("[own](#nowhere)", "#nowhere"),
        ("<a href=\"b.html#x\">b</a>", "b.html#x"),
        ("![picture](missing.svg)", "missing.svg"),
        ("[out](http://example.org)", "http://example.org"),
    ] {
        let findings = small(&[("a.md", &format!("# A\n\n{link}\n")), ("b.md", b)]).links();
        assert!(findings.iter().any(|it| it.contains(found)), "{link}: {findings:?}");
    }
}

#[test]
fn planted_things_from_elsewhere_are_found() {
    assert_eq!(small(&[("a.md", "# A\n\n[out](https://example.org)\n")]).loads(), [""; 0]);
    for text in [
        "![x](https://example.org/x.png)",
        "<script src=\"//example.org/x.js\"></script>",
        "<link rel=\"stylesheet\" href=\"https://example.org/x.css\">",
        "<iframe src=\"https://example.org\"></iframe>",
        "<iframe srcdoc=\"&lt;img src='https://example.org/x.png'>\"></iframe>",
        "<style>p { background: url(https://example.org/x.png) }</style>",
        "<p style=\"background: url('//example.org/x.png')\">x</p>",
        "<img srcset=\"https://example.org/x.png 2x\">",
    ] {
        let findings = small(&[("a.md", &format!("# A\n\n{text}\n"))]).loads();
        assert_eq!(findings.len(), 1, "{text}: {findings:?}");
    }
    let sheet = small(&[("a.md", "# A\n"), ("x.css", "@import \"https://example.org/x.css\";")]);
    assert_eq!(sheet.loads().len(), 1);
}

#[test]
fn planted_leftovers_are_found() {
    for text in ["{{#include nowhere.rs}}", "{{#rows}}", "text {{#rows bind}}", "an Arc<Link>."] {
        let findings = small(&[("a.md", &format!("# A\n\n{text}\n"))]).leftovers();
        assert_eq!(findings.len(), 1, "{text}: {findings:?}");
    }
    let shown = "# A\n\n`\\{{#include x}}` and `{{#rows`\n";
    assert_eq!(small(&[("a.md", shown)]).leftovers(), [""; 0]);
}

#[test]
fn planted_english_in_a_translated_page_is_found() {
    for (text, findings) in [
        ("没有一句 English sentence is left。", 0),
        ("`a` [All of this](https://example.org) (2)", 0),
        ("Not yet translated", 1),
        ("| 一 | Not yet translated |\n|---|---|\n| Nor is this | 二 |", 2),
        ("<details><summary>Not yet translated</summary>\n\n一\n\n</details>", 1),
    ] {
        let page = small(&[("a.md", &format!("{text}\n"))]).without_han(Path::new("a.html"));
        assert_eq!(page.len(), findings, "{text}: {page:?}");
    }
}

#[test]
fn a_block_lab_is_made_in_any_book() {
    let text = "# 12\n\n```lab\nshow = \"rules\"\n```\n\n[x](../reference/rules.md#half-closes)\n";
    let rules = "# R\n\n```lab\nshow = \"rules\"\nlesson = \"all\"\n```\n";
    let links = small(&[("lessons/12-half-close.md", text), ("reference/rules.md", rules)]).links();
    // The lessons' chapters are not in it, and nothing else is missing.
    assert!(links.iter().all(|it| it.contains("../lessons/")), "{links:?}");
    let renamed = text.replace("#half-closes", "#half-close");
    let links =
        small(&[("lessons/12-half-close.md", &renamed), ("reference/rules.md", rules)]).links();
    assert!(links.iter().any(|it| it.contains("rules.html#half-close ")), "{links:?}");
}

/// Where a chapter of a small book would stand.
fn chapter(name: &str, text: &str) -> Chapter {
    Chapter { path: PathBuf::from(name), text: text.into() }
}
