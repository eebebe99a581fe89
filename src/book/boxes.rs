//! What a reader answers before seeing what the recording says.
//!
//! Each box is whole without a script: answers are radio buttons, what is right is a `<details>`. `book/lab.js` keeps that
//! shut until an answer is given, and says what it was worth.

use serde::Deserialize;

use super::blocks::text;
use super::html::{escaped, first_upper, inline};
use super::{Asked, Book, Place, Played, wrong};
use crate::catalogue::Lesson;
use crate::error::Result;
use crate::event::Recording;
use crate::grade::{Ask, Truth};
use crate::pattern::CallPattern;
use crate::render::rows;
use crate::render::text::Style;
use crate::timeline::{Row, timeline};

/// What may be answered to "what will this call return?", in the order in which it is offered.
const KINDS: [(Kind, &str); 4] = [
    (Kind::Waits, "It waits"),
    (Kind::Zero, "0"),
    (Kind::Number, "A number above 0"),
    (Kind::Error, "It fails with an error"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Waits,
    Zero,
    Number,
    Error,
}

impl Kind {
    /// What a call did; none if it neither waited nor returned.
    fn of(truth: &Truth) -> Option<Kind> {
        let gave = match &truth.gave {
            _ if truth.waits => return Some(Kind::Waits),
            gave => gave.as_ref()?,
        };
        Some(match (&gave.failure, gave.ret) {
            (Some(_), _) => Kind::Error,
            (None, 0) => Kind::Zero,
            (None, _) => Kind::Number,
        })
    }
}

/// One of the answers to a question.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    says: String,
    #[serde(default)]
    right: bool,
    /// Why it is right or wrong.
    why: String,
}

/// Three answers or more, exactly one of them right.
pub struct Choices {
    all: Vec<Answer>,
    right: usize,
}

impl Choices {
    pub fn of(all: Vec<Answer>) -> Result<Choices> {
        let right: Vec<usize> = (0..all.len()).filter(|at| all[*at].right).collect();
        if all.len() < 3 {
            return Err(wrong(format!("a question has three options or more, not {}", all.len())));
        }
        if let Some(empty) = all.iter().find(|it| it.why.trim().is_empty()) {
            return Err(wrong(format!("the option `{}` does not say why", empty.says)));
        }
        match right[..] {
            [right] => Ok(Choices { all, right }),
            _ => Err(wrong(format!("one option is `right`, not {}", right.len()))),
        }
    }
}

/// Boxes for what a lesson asks about its demos: about all of them, or about this variant.
///
/// Fails if there are not so many.
pub fn predict(
    book: &Book,
    place: Place<'_>,
    lesson: &Lesson,
    variant: Option<String>,
    count: Option<usize>,
) -> Result<String> {
    let mut boxes = Vec::new();
    for demo in &lesson.demos {
        let name = demo.variant.as_ref().map(|name| name.as_ref().as_str());
        let wanted = variant.is_none() || name == variant.as_deref();
        if !wanted || lesson.asks_of(name).next().is_none() {
            continue;
        }
        let (played, unmatched) = Played::of(lesson, name, book.recording(lesson, name)?)?;
        if let Some(error) = unmatched.into_iter().next() {
            return Err(error);
        }
        for asked in played.answered() {
            let name = format!("predict-{}-{}", place.number, boxes.len());
            boxes.push(prediction(&played, &asked, &name)?);
        }
    }
    let wanted = count.unwrap_or(boxes.len());
    if !(1..=boxes.len()).contains(&wanted) {
        return Err(wrong(format!("{} asks {} questions (`[[ask]]`)", lesson.name, boxes.len())));
    }
    boxes.truncate(wanted);
    Ok(boxes.join("\n\n"))
}

/// A box for one question of a lesson.
fn prediction(played: &Played, asked: &Asked<'_>, name: &str) -> Result<String> {
    let Asked { ask, row, truth } = asked;
    let what = Kind::of(truth)
        .ok_or_else(|| wrong(format!("`{}` never returns: the book cannot ask that", ask.call)))?;
    // Who asks what a call gives once it has waited has said that it waits.
    let kinds = KINDS.iter().filter(|(kind, _)| !ask.woken || *kind != Kind::Waits);
    let option = |(kind, says): &(Kind, &str)| Answer {
        says: (*says).into(),
        right: *kind == what,
        why: String::new(),
    };
    let options: Vec<Answer> = kinds.map(option).collect();
    let asks = ask.asks.as_ref().map(|asks| format!("<p>{}</p>", inline(asks)));
    let asks = format!(
        "{}<p>{}<code>{} = ?</code></p>",
        asks.unwrap_or_default(),
        which(played, ask),
        escaped(&played.call(row))
    );
    let told = told(played, row, truth, &ask.why);
    Ok(one_box("lab-predict", name, &asks, &options, &told))
}

/// Which call is meant, where its own words do not say it: `The second such call, after it has waited: `.
fn which(played: &Played, ask: &Ask) -> String {
    const NTH: [&str; 5] = ["the first", "the second", "the third", "the fourth", "the fifth"];
    let scene = played.variant.as_ref();
    let scene = scene.map(|it| format!("in the recording <code>{}</code>", escaped(it)));
    let nth = match NTH.get(ask.nth - 1) {
        Some(nth) => format!("{nth} such call"),
        None => format!("call {} of its kind", ask.nth),
    };
    let woken = ask.woken.then(|| "after it has waited".to_owned());
    let parts: Vec<String> =
        [scene, (ask.nth > 1).then_some(nth), woken].into_iter().flatten().collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("{}: ", first_upper(&parts.join(", "))),
    }
}

/// What the recording says of a call, and why.
fn told(played: &Played, row: &Row, truth: &Truth, why: &str) -> String {
    let style = Style::default();
    let mut drawn = rows::row(&played.drawn, row, &style);
    let returned = played.returned(row);
    if returned.step != row.step {
        drawn.push_str(&rows::row(&played.drawn, returned, &style));
    }
    format!(
        "<p><strong>It {}.</strong></p>{}<p>{}</p>",
        gave(truth),
        text("What the recording says", &drawn),
        inline(why)
    )
}

fn gave(truth: &Truth) -> String {
    match (&truth.gave, truth.waits) {
        (Some(answer), false) => format!("returns <code>{}</code>", escaped(&answer.text)),
        (Some(answer), true) => {
            format!("waits, and in the end returns <code>{}</code>", escaped(&answer.text))
        }
        (None, _) => "waits, and never returns".into(),
    }
}

/// What shows in a recording that an answer is right.
///
/// Fails if there is no `proof` where one is named, or a step that is the `disproof`.
pub fn proof(
    recording: &Recording,
    what: &str,
    proof: Option<&CallPattern>,
    disproof: Option<&CallPattern>,
) -> Result<String> {
    if proof.is_none() && disproof.is_none() {
        return Err(wrong("a question needs a `proof`, or a `disproof`"));
    }
    let timeline = timeline(recording);
    let fits = |it: &CallPattern, row: &Row| it.matches(row) || it.matches_waiting(row);
    let mut out = String::new();
    if let Some(proof) = proof {
        let row = timeline.rows.iter().find(|row| fits(proof, row));
        let row = row.ok_or_else(|| wrong(format!("no step is the `proof`: `{proof}`")))?;
        let drawn = rows::row(&timeline, row, &Style::default());
        out.push_str(&format!(
            "<p>{} shows it:</p>{}",
            escaped(what),
            text("The step that shows it", &drawn)
        ));
    }
    if let Some(disproof) = disproof {
        if let Some(row) = timeline.rows.iter().find(|row| fits(disproof, row)) {
            return Err(wrong(format!("step {} is the `disproof`: `{disproof}`", row.step)));
        }
        out.push_str(&format!(
            "<p>In it there is no step <code>{}</code>.</p>",
            escaped(&disproof.to_string())
        ));
    }
    Ok(out)
}

/// A box for a question with several answers.
pub fn question(place: Place<'_>, asks: &str, choices: &Choices, proof: &str) -> Result<String> {
    let of = |it: &Answer| format!("<dt>{}</dt><dd>{}</dd>", inline(&it.says), inline(&it.why));
    let right = of(&choices.all[choices.right]);
    let others = choices.all.iter().filter(|it| !it.right).map(of);
    let others: String = others.collect();
    let answer = format!("<dl class=\"right\">{right}</dl>{proof}<dl>{others}</dl>");
    let name = format!("question-{}", place.number);
    Ok(one_box("lab-question", &name, &format!("<p>{}</p>", inline(asks)), &choices.all, &answer))
}

/// A question, the answers to choose from, and what is shown after.
fn one_box(class: &str, name: &str, asks: &str, options: &[Answer], answer: &str) -> String {
    let option = |it: &Answer| {
        let right = if it.right { " data-right=\"\"" } else { "" };
        let says = inline(&it.says);
        format!("<label><input type=\"radio\" name=\"{name}\"{right}> <span>{says}</span></label>")
    };
    let options: String = options.iter().map(option).collect();
    format!(
        "<div class=\"lab lab-box {class}\" role=\"group\" aria-labelledby=\"{name}\">\
         <div id=\"{name}\">{asks}</div><div class=\"options\">{options}</div>\
         <p class=\"verdict\" role=\"status\"></p>\
         <details><summary>What the recording says</summary>{answer}</details></div>"
    )
}

/// The hints, each folded.
pub fn hints(lesson: &Lesson) -> Result<String> {
    let hints = &lesson.exercise.hints;
    if hints.is_empty() {
        return Err(wrong(format!("{} has no hints", lesson.name)));
    }
    let one = |(n, hint): (usize, &String)| {
        format!(
            "<details class=\"lab lab-hint\"><summary>Hint {} of {}</summary><p>{}</p></details>",
            n + 1,
            hints.len(),
            inline(hint)
        )
    };
    Ok(hints.iter().enumerate().map(one).collect::<Vec<_>>().join("\n\n"))
}
