//! The language in which the generated parts of a chapter speak: that of the book, by its `po/LANGUAGE.po`.
//!
//! All that such a part says to a reader passes through here on its way to the page. So what has to be translated is what
//! has passed: a translator's texts are collected by making the parts, and no list of them can be out of date.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;

use super::wrong;
use crate::error::Result;

/// The translations of what the parts say, by the English text; what has none stays English.
#[derive(Default)]
pub struct Language {
    known: HashMap<String, String>,
    /// What has been said since it was asked last.
    said: RefCell<Vec<String>>,
}

impl Language {
    /// What a file of gettext has, but for what its translator has marked as uncertain.
    pub fn read(po: &Path) -> Result<Language> {
        let unreadable =
            |why: &str| wrong(format!("{}: {why}: see `msgfmt --check`", po.display()));
        // Of a line that it does not expect the parser says nothing and panics.
        let catalog = std::panic::catch_unwind(|| polib::po_file::parse(po))
            .map_err(|_| unreadable("not as gettext writes it"))?
            .map_err(|error| unreadable(&error.to_string()))?;
        let sure = catalog.messages().filter(|it| it.is_translated() && !it.is_fuzzy());
        let known = sure.map(|it| (key(it.msgid()), it.msgstr().unwrap_or_default().to_owned()));
        Ok(Language { known: known.collect(), said: RefCell::default() })
    }

    /// A text in this language.
    pub fn say(&self, english: &str) -> String {
        if has_words(english) {
            self.said.borrow_mut().push(english.trim().to_owned());
        }
        self.known.get(&key(english)).cloned().unwrap_or_else(|| english.to_owned())
    }

    /// A text in this language, with these in place of its `{}`.
    pub fn fill(&self, english: &str, with: &[&str]) -> String {
        let text = self.say(english);
        let mut pieces = text.split("{}");
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.zip(with).fold(first, |text, (piece, it)| text + it + piece)
    }

    /// The English of what has been said since the last time.
    pub fn said(&self) -> Vec<String> {
        self.said.take()
    }
}

/// A message of gettext is Markdown in the form that mdbook-xgettext gives it; the same text may be written otherwise.
fn key(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('\\', "").replace('*', "_")
}

/// What is code alone is the same in every language.
fn has_words(text: &str) -> bool {
    text.split('`').step_by(2).any(|it| it.contains(char::is_alphabetic))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(po: &str) -> Language {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("msgid \"\"\nmsgstr \"Language: zh_CN\\n\"\n\n{po}"))
            .unwrap();
        Language::read(file.path()).unwrap()
    }

    #[test]
    fn a_text_is_found_however_its_markdown_is_written() {
        let language = language(concat!(
            "msgid \"`a` is _the_ first\\\\_one\"\nmsgstr \"甲\"\n\n",
            "#, fuzzy\nmsgid \"Uncertain\"\nmsgstr \"乙\"\n\n",
            "msgid \"Hint {} of {}\"\nmsgstr \"提示 {}/{}\"\n",
        ));
        assert_eq!(language.say("`a` is *the*\n  first_one"), "甲");
        assert_eq!(language.say("Uncertain"), "Uncertain");
        assert_eq!(language.fill("Hint {} of {}", &["1", "3"]), "提示 1/3");
        assert_eq!(language.fill("{} shows it:", &["This"]), "This shows it:");
    }

    #[test]
    fn a_translator_gets_what_was_said_and_no_bare_code() {
        let language = Language::default();
        language.say("`bind`, `listen(128)`");
        language.fill("It returns {}.", &["<code>0</code>"]);
        assert_eq!(language.said(), ["It returns {}."]);
        assert_eq!(language.said(), [""; 0]);
    }

    #[test]
    fn what_gettext_would_not_write_is_refused_and_ends_nothing() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in ["#\nmsgid \"\"\nmsgstr \"\"\n", "msgid \n", "\"alone\"\n"] {
            std::fs::write(file.path(), text).unwrap();
            let Err(error) = Language::read(file.path()) else { panic!("{text} was read") };
            assert!(error.to_string().contains("msgfmt --check"), "{error}");
        }
    }
}
