//! HTML within Markdown: on one line, since there a blank line ends it.

use pulldown_cmark::{Event, Parser, html};
use unicode_width::UnicodeWidthChar;

/// A text for anywhere between tags or within an attribute.
pub fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).replace('\n', "&#10;")
}

/// HTML on one line, for between tags. In a text that keeps its lines a line's end is a character like any other.
pub fn on_one_line(html: &str) -> String {
    html.trim_end().replace('\n', " ")
}

/// A text whose columns are counted: each wide character (你) takes exactly two, whatever font the reader has for it.
pub fn columns(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim_end_matches('\n').chars() {
        let it = escaped(c.encode_utf8(&mut [0; 4]));
        match c.width() {
            Some(2) => out.push_str(&format!("<b class=\"w\">{it}</b>")),
            _ => out.push_str(&it),
        }
    }
    out
}

/// The beginning of a sentence.
pub fn first_upper(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

/// Markdown within a line as HTML: code, links and emphasis. `Arc<Link>` is no tag.
pub fn inline(markdown: &str) -> String {
    let as_text = |event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        event => event,
    };
    let mut out = String::new();
    html::push_html(&mut out, Parser::new(markdown.trim()).map(as_text));
    let out = on_one_line(&out);
    match out.strip_prefix("<p>").and_then(|it| it.strip_suffix("</p>")) {
        Some(bare) if !bare.contains("<p>") => bare.into(),
        _ => out,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wide_character_takes_two_columns_and_nothing_becomes_a_tag() {
        assert_eq!(columns("a 你 <b>\nc\n"), "a <b class=\"w\">你</b> &lt;b&gt;&#10;c");
        assert_eq!(
            escaped("<a href=\"x\">\n'&'"),
            "&lt;a href=&quot;x&quot;&gt;&#10;&apos;&amp;&apos;"
        );
    }

    #[test]
    fn what_an_author_writes_within_a_line_is_markdown() {
        assert_eq!(
            inline("`recv` gives *0*: [why](a.md)"),
            "<code>recv</code> gives <em>0</em>: <a href=\"a.md\">why</a>"
        );
        assert_eq!(inline("a\nb"), "a b");
        assert_eq!(
            inline("an Arc<Link>, `Arc<Link>`"),
            "an Arc&lt;Link&gt;, <code>Arc&lt;Link&gt;</code>"
        );
    }
}
