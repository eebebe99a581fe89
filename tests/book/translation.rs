//! The book in Chinese: what it has of the English text as that stands now, and whether a translation kept what is no text.

use std::collections::BTreeSet;
use std::path::Path;

use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use mdbook_i18n_helpers::renderers::Xgettext;
use polib::catalog::Catalog;
use polib::po_file;
use pulldown_cmark::{Event, Parser, Tag};
use socket_lab::book::Preprocessor;

use super::site::Site;
use super::{hold, make, root};

const LANGUAGE: &str = "zh_CN";

/// The pages that are translated as a whole, and where their titles stand. mdBook calls README.md index.md.
const PAGES: [&str; 5] = [
    "src/SUMMARY.md",
    "src/index.md",
    "src/lessons/01-one-shot.md",
    "src/lessons/02-server-that-stays.md",
    "src/lessons/03-echo.md",
];

fn translated() -> Catalog {
    po_file::parse(&root().join(format!("book/po/{LANGUAGE}.po"))).unwrap()
}

/// What a translator of the book gets, as `messages.pot` has it.
fn messages() -> Catalog {
    let book = root().join("book");
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("messages");
    let mut config = Config::from_disk(book.join("book.toml")).unwrap();
    config.build.build_dir = to.clone();
    config.set("output.xgettext.granularity", 0).unwrap();
    let mut driver = MDBook::load_with_config(&book, config).unwrap();
    driver.with_preprocessor(Preprocessor { root: root().to_owned() });
    driver.execute_build_process(&Xgettext).unwrap_or_else(|error| panic!("{error:?}"));
    po_file::parse(&to.join("xgettext/messages.pot")).unwrap()
}

/// Texts of these pages without a translation that is sure, and translations of texts that are nowhere any more.
fn stale(english: &Catalog, translated: &Catalog) -> Vec<String> {
    let mut findings = Vec::new();
    for message in english.messages() {
        let of = |page: &&&str| message.source().split_whitespace().any(|it| it == **page);
        let Some(page) = PAGES.iter().find(of) else { continue };
        let found = translated.find_message(None, message.msgid(), None);
        if !found.is_some_and(|it| it.is_translated() && !it.is_fuzzy()) {
            findings.push(format!("{page}: not translated: {}", message.msgid()));
        }
    }
    for message in translated.messages() {
        if english.find_message(None, message.msgid(), None).is_none() {
            findings.push(format!("{}: nowhere any more: {}", message.source(), message.msgid()));
        }
    }
    findings
}

/// What a translation has of its original as it is: code, where links lead, places to be filled; and how much is stressed.
#[derive(Debug, Default, PartialEq)]
struct Kept {
    code: BTreeSet<String>,
    links: BTreeSet<String>,
    strong: usize,
    emphasis: usize,
    filled: usize,
}

fn kept(markdown: &str) -> Kept {
    let mut kept = Kept { filled: markdown.matches("{}").count(), ..Kept::default() };
    for event in Parser::new(markdown) {
        match event {
            Event::Code(code) => drop(kept.code.insert(code.into_string())),
            Event::Start(Tag::Link { dest_url, .. }) => {
                kept.links.insert(dest_url.into_string());
            }
            Event::Start(Tag::Strong) => kept.strong += 1,
            Event::Start(Tag::Emphasis) => kept.emphasis += 1,
            _ => {}
        }
    }
    kept
}

fn changed(original: &str, translation: &str) -> Option<String> {
    let (wanted, found) = (kept(original), kept(translation));
    (wanted != found).then(|| format!("{translation}: {found:?}, not {wanted:?}"))
}

#[test]
fn every_text_of_the_first_pages_is_translated_as_it_stands() {
    hold(stale(&messages(), &translated()));
}

#[test]
fn a_translation_keeps_code_links_and_stress() {
    let translated = translated();
    let changed = |it: &dyn polib::message::MessageView| changed(it.msgid(), it.msgstr().unwrap());
    hold(translated.messages().filter_map(changed).collect());
}

#[test]
fn the_translated_book_is_whole_and_its_first_pages_have_no_english_sentence() {
    let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("made-book-zh");
    make(&root().join("book"), &to, Some(LANGUAGE));
    let made = Site::read(&to);
    let page =
        |source: &&str| Path::new(source).strip_prefix("src").unwrap().with_extension("html");
    let english = PAGES[1..].iter().flat_map(|source| made.without_han(&page(source)));
    hold([made.links(), made.loads(), made.leftovers(), english.collect()].concat());
}

#[test]
fn planted_changes_of_the_text_are_found() {
    let catalog = |text: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("msgid \"\"\nmsgstr \"Language: zh_CN\\n\"\n\n{text}"))
            .unwrap();
        po_file::parse(file.path()).unwrap()
    };
    let english = catalog("#: src/index.md src/install.md\nmsgid \"One\"\nmsgstr \"\"\n");
    for (po, findings) in [
        ("msgid \"One\"\nmsgstr \"一\"\n", 0),
        ("msgid \"One\"\nmsgstr \"\"\n", 1),
        ("#, fuzzy\nmsgid \"One\"\nmsgstr \"一\"\n", 1),
        ("msgid \"Two\"\nmsgstr \"二\"\n", 2),
    ] {
        assert_eq!(stale(&english, &catalog(po)).len(), findings, "{po}");
    }
    let original = "**[a](b.md#c)** is `d`, _e_ of {}";
    assert_eq!(changed(original, "**[甲](b.md#c)** 是 `d`、_戊_ ，{} 中的"), None);
    for bad in [
        "**[甲](b.md#x)** 是 `d`、_戊_ ，{} 中的",
        "**[甲](b.md#c)** 是 `丁`、_戊_ ，{} 中的",
        "[甲](b.md#c) 是 `d`、_戊_ ，{} 中的",
        // Before a letter these stars end nothing.
        "**“甲”。**是[甲](b.md#c)、`d`、_戊_ ，{} 中的",
        "**[甲](b.md#c)** 是 `d`、_戊_ 中的",
    ] {
        assert!(changed(original, bad).is_some(), "{bad}");
    }
}
