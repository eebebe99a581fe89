//! The blocks of a chapter: what their TOML asks for, and what becomes of it.

use serde::Deserialize;

use super::boxes::{self, Choices};
use super::excerpt::{self, Choice};
use super::html::{columns, escaped, on_one_line};
use super::{Book, Place, reference, wrong};
use crate::catalogue::Lesson;
use crate::error::Result;
use crate::pattern::CallPattern;
use crate::render::html;
use crate::timeline::timeline;

/// What a block shows, and of which lesson: none, the chapter's own; of which variant: none, the demo.
#[derive(Deserialize)]
#[serde(tag = "show", rename_all = "kebab-case", deny_unknown_fields)]
enum Block {
    /// The recording as text, or some rows of it.
    Timeline {
        lesson: Option<String>,
        variant: Option<String>,
        #[serde(default)]
        only: Vec<CallPattern>,
        from: Option<CallPattern>,
        to: Option<CallPattern>,
    },
    /// The golden picture.
    Picture { lesson: Option<String>, variant: Option<String> },
    /// The page that plays the recording.
    Page { lesson: Option<String>, variant: Option<String> },
    /// What the lesson asks about its demos; of a variant, if one is named.
    Predict { lesson: Option<String>, variant: Option<String>, count: Option<usize> },
    /// The lesson's rules; of `all`: every rule and every check, as the reference has them.
    Rules { lesson: Option<String> },
    /// The lesson's hints.
    Hints { lesson: Option<String> },
    /// Several answers, one of them right, with proof.
    Question(Question),
    /// Every weather.
    Weathers {},
    /// The form of a recording, from its schema.
    Schema {},
    /// The whole map from Python to Linux and Rust.
    Map {},
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    lesson: Option<String>,
    variant: Option<String>,
    asks: String,
    option: Vec<boxes::Answer>,
    /// A step that shows it.
    proof: Option<CallPattern>,
    /// What no step is.
    disproof: Option<CallPattern>,
}

/// What a block becomes: Markdown, with HTML on lines of its own.
pub fn html(book: &Book, place: Place<'_>, body: &str) -> Result<String> {
    let block: Block = toml::from_str(body).map_err(|error| wrong(error.message()))?;
    let language = &book.language;
    match block {
        Block::Timeline { lesson, variant, only, from, to } => {
            let lesson = book.lesson(place, lesson.as_deref())?;
            let recording = book.recording(lesson, variant.as_deref())?;
            let choice = Choice { only: &only, from: from.as_ref(), to: to.as_ref() };
            let what = of(lesson, variant.as_deref(), &language.say("Timeline"));
            Ok(text(&what, &excerpt::drawn(&recording, &choice)?))
        }
        Block::Picture { lesson, variant } => {
            let lesson = book.lesson(place, lesson.as_deref())?;
            let file = lesson.demo(variant.as_deref())?.picture();
            let svg = lesson
                .shipped(&file)?
                .ok_or_else(|| wrong(format!("no picture lessons/{}/{file}", lesson.name)))?;
            let what = of(lesson, variant.as_deref(), &language.say("Picture"));
            Ok(scrolling("lab-picture", &what, &on_one_line(&String::from_utf8_lossy(&svg))))
        }
        Block::Page { lesson, variant } => {
            let lesson = book.lesson(place, lesson.as_deref())?;
            let page = html::html(&timeline(&book.recording(lesson, variant.as_deref())?));
            let what = of(lesson, variant.as_deref(), &language.say("Recording, step by step"));
            Ok(format!(
                "<iframe class=\"lab lab-page\" loading=\"lazy\" title=\"{}\" srcdoc=\"{}\"></iframe>",
                escaped(&what),
                escaped(&page)
            ))
        }
        Block::Predict { lesson, variant, count } => {
            boxes::predict(book, place, book.lesson(place, lesson.as_deref())?, variant, count)
        }
        Block::Rules { lesson } if lesson.as_deref() == Some("all") => {
            reference::rules(&book.lessons)
        }
        Block::Rules { lesson } => {
            reference::rules_of(place, book.lesson(place, lesson.as_deref())?, language)
        }
        Block::Hints { lesson } => boxes::hints(book.lesson(place, lesson.as_deref())?, language),
        Block::Question(question) => asked(book, place, question),
        Block::Weathers {} => reference::weathers(&book.lessons),
        Block::Schema {} => reference::schema(),
        Block::Map {} => Ok(book.map.whole(language)),
    }
}

fn asked(book: &Book, place: Place<'_>, question: Question) -> Result<String> {
    let Question { lesson, variant, asks, option, proof, disproof } = question;
    let lesson = book.lesson(place, lesson.as_deref())?;
    let recording = book.recording(lesson, variant.as_deref())?;
    let language = &book.language;
    let what = of(lesson, variant.as_deref(), &language.say("The recording"));
    let shown = boxes::proof(language, &recording, &what, proof.as_ref(), disproof.as_ref())?;
    Ok(boxes::question(language, place, &asks, &Choices::of(option)?, &shown))
}

/// What is shown, in words for who does not see it: `Timeline of 12-half-close, talks-on`.
fn of(lesson: &Lesson, variant: Option<&str>, what: &str) -> String {
    let variant = variant.map(|name| format!(", {name}")).unwrap_or_default();
    format!("{what}: {}{variant}", lesson.name)
}

/// A text in columns.
pub fn text(what: &str, text: &str) -> String {
    scrolling("lab-timeline", what, &format!("<pre>{}</pre>", columns(text)))
}

/// What is wider than the page scrolls within itself, by keys as well.
fn scrolling(class: &str, what: &str, inside: &str) -> String {
    format!(
        "<div class=\"lab {class}\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">{inside}</div>",
        escaped(what)
    )
}
