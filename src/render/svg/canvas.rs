//! The file itself: elements, attributes and text, escaped by a library that knows how.
//!
//! What XML cannot hold even when escaped (most control characters) is taken out here, once for all.

use std::borrow::Cow;
use std::fmt::Display;

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

/// Attributes in the order in which they are written.
pub type Attributes<'a> = &'a [(&'a str, &'a dyn Display)];

/// What is drawn so far.
pub struct Canvas {
    writer: Writer<Vec<u8>>,
}

impl Canvas {
    pub fn new() -> Canvas {
        Canvas { writer: Writer::new(Vec::new()) }
    }

    /// Begins an element.
    pub fn open(&mut self, name: &str, attributes: Attributes<'_>) {
        self.write(Event::Start(start(name, attributes)));
    }

    /// Ends the element of this name.
    pub fn close(&mut self, name: &str) {
        self.write(Event::End(BytesEnd::new(name)));
    }

    /// An element with nothing in it.
    pub fn empty(&mut self, name: &str, attributes: Attributes<'_>) {
        self.write(Event::Empty(start(name, attributes)));
    }

    /// An element with a text in it.
    pub fn leaf(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        self.open(name, attributes);
        self.text(text);
        self.close(name);
    }

    pub fn text(&mut self, text: &str) {
        self.write(Event::Text(BytesText::new(&clean(text))));
    }

    /// An end of line, so that two pictures can be compared line by line.
    pub fn end_line(&mut self) {
        self.write(Event::Text(BytesText::new("\n")));
    }

    /// The file.
    pub fn finish(self) -> String {
        // It was made of strings only.
        String::from_utf8_lossy(&self.writer.into_inner()).into_owned()
    }

    fn write(&mut self, event: Event<'_>) {
        // Writing to memory cannot fail.
        let _ = self.writer.write_event(event);
    }
}

fn start<'a>(name: &'a str, attributes: Attributes<'_>) -> BytesStart<'a> {
    let mut start = BytesStart::new(name);
    for (name, value) in attributes {
        start.push_attribute((*name, &*clean(&value.to_string())));
    }
    start
}

/// The text without what XML 1.0 does not allow (2.2, "Char") and without what turns the direction of writing.
pub fn clean(text: &str) -> Cow<'_, str> {
    let is_bad = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.replace(is_bad, "?"))
}
