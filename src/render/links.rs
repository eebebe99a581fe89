//! Links in a text for a terminal: a finding's file, a manual page, a lesson's chapter (OSC 8).
//!
//! What a reader sees stays as it is, to the letter; a terminal that knows links shows where a word leads.
//! Source: Hyperlinks in Terminal Emulators, gist.github.com/egmontkob/eb114294efbcd5adb1944c9f3cb5feda.

use std::path::Path;

/// Where words may lead.
pub struct Links<'a> {
    /// The lab's root folder.
    pub root: &'a Path,
    /// This machine's name: a terminal may show another machine's.
    pub host: &'a str,
    /// The lessons' whole names that have a chapter.
    pub chapters: &'a [String],
}

impl Links<'_> {
    /// The text with every word that leads somewhere made a link.
    pub fn of(&self, text: &str) -> String {
        text.split_inclusive([' ', '\n']).map(|word| self.word(word)).collect()
    }

    fn word(&self, word: &str) -> String {
        let blank = |c: char| c == ' ' || c == '\n';
        let bare = word.trim_end_matches(blank).trim_end_matches([',', '.', ';', ':']);
        match self.target(bare) {
            Some(target) => {
                let rest = &word[bare.len()..];
                format!("\x1b]8;;{target}\x1b\\{bare}\x1b]8;;\x1b\\{rest}")
            }
            None => word.to_owned(),
        }
    }

    fn target(&self, word: &str) -> Option<String> {
        if self.chapters.iter().any(|lesson| lesson == word) {
            return Some(self.file(&format!("book/src/lessons/{word}.md")));
        }
        if let Some((name, section)) = man_page(word) {
            let site = "https://man7.org/linux/man-pages";
            return Some(format!("{site}/man{section}/{name}.{section}.html"));
        }
        let (file, line) = word.rsplit_once(':')?;
        let is_line = !line.is_empty() && line.bytes().all(|digit| digit.is_ascii_digit());
        (is_line && file.starts_with("lessons/") && file.ends_with(".rs")).then(|| self.file(file))
    }

    fn file(&self, path: &str) -> String {
        let whole = self.root.join(path).to_string_lossy().into_owned();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
        let escaped: String = whole
            .bytes()
            .map(|byte| match plain(byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            })
            .collect();
        format!("file://{}{escaped}", self.host)
    }
}

/// `recv` and 2 of `recv(2)`.
fn man_page(word: &str) -> Option<(&str, char)> {
    let (name, rest) = word.split_once('(')?;
    let section = rest.strip_suffix(')')?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let named = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain);
    let mut section = section.chars();
    match (section.next(), section.next()) {
        (Some(number @ ('2' | '3' | '7' | '8')), None) if named => Some((name, number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "  at  lessons/03-echo/exercise.rs:31\n  see recv(2), 03-echo; close(conn) = 0\n";

    fn linked(text: &str) -> String {
        let chapters = ["03-echo".to_owned()];
        Links { root: Path::new("/home/a b"), host: "box", chapters: &chapters }.of(text)
    }

    #[test]
    fn a_link_changes_nothing_that_is_seen() {
        let linked = linked(TEXT);
        assert_ne!(linked, TEXT);
        assert_eq!(anstream::adapter::strip_str(&linked).to_string(), TEXT);
    }

    #[test]
    fn files_pages_and_chapters_lead_somewhere_and_calls_do_not() {
        let linked = linked(TEXT);
        for target in [
            "\x1b]8;;file://box/home/a%20b/lessons/03-echo/exercise.rs\x1b\\lessons/03-echo/exercise.rs:31\x1b]8;;\x1b\\\n",
            "\x1b]8;;https://man7.org/linux/man-pages/man2/recv.2.html\x1b\\recv(2)\x1b]8;;\x1b\\,",
            "\x1b]8;;file://box/home/a%20b/book/src/lessons/03-echo.md\x1b\\03-echo\x1b]8;;\x1b\\;",
        ] {
            assert!(linked.contains(target), "{linked:?}");
        }
        assert_eq!(linked.matches("\x1b]8;;").count(), 6, "{linked:?}");
    }
}
