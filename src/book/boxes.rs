//! What a reader answers before seeing what the recording says.
//!
//! Each box is whole without a script: answers are radio buttons, what is right is a `<details>`. `book/lab.js` keeps that
//! shut until an answer is given, and says what it was worth.

use serde::Deserialize;

use super::blocks::text;
use super::html::{escaped, first_upper, inline};
use super::{Asked, Book, Language, Place, Played, wrong};
use crate::catalogue::Lesson;
use crate::error::Result;
use crate::event::Recording;
use crate::grade::{Ask, Truth};
use crate::pattern::CallPattern;
use crate::render::rows;
use crate::render::text::Style;
use crate::timeline::{Row, timeline};

/// What is told once an answer is given.
const SAYS: &str = "What the recording says";

/// What the script of the boxes says: on the button, and of the answer.
const COMMIT: &str = "That is my answer";
const RIGHT: &str = "Right.";
const WRONG: &str = "Not so. Read on, then you may choose again.";

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
            boxes.push(prediction(&book.language, &played, &asked, &name)?);
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
fn prediction(
    language: &Language,
    played: &Played,
    asked: &Asked<'_>,
    name: &str,
) -> Result<String> {
    let Asked { ask, row, truth } = asked;
    let what = Kind::of(truth)
        .ok_or_else(|| wrong(format!("`{}` never returns: the book cannot ask that", ask.call)))?;
    // Who asks what a call gives once it has waited has said that it waits.
    let kinds = KINDS.iter().filter(|(kind, _)| !ask.woken || *kind != Kind::Waits);
    let option = |(kind, says): &(Kind, &str)| Answer {
        says: language.say(says),
        right: *kind == what,
        why: String::new(),
    };
    let options: Vec<Answer> = kinds.map(option).collect();
    let asks = ask.asks.as_ref().map(|asks| format!("<p>{}</p>", inline(&language.say(asks))));
    let asks = format!(
        "{}<p>{}<code>{} = ?</code></p>",
        asks.unwrap_or_default(),
        which(language, played, ask),
        escaped(&played.call(row))
    );
    let told = told(language, played, row, truth, &ask.why);
    Ok(one_box(language, "lab-predict", name, &asks, &options, &told))
}

/// Which call is meant, where its own words do not say it: `The second such call, after it has waited: `.
fn which(language: &Language, played: &Played, ask: &Ask) -> String {
    const NTH: [&str; 4] = [
        "the second such call",
        "the third such call",
        "the fourth such call",
        "the fifth such call",
    ];
    let scene = played.variant.as_ref().map(|it| {
        language.fill("in the recording {}", &[&format!("<code>{}</code>", escaped(it))])
    });
    let nth = (ask.nth > 1).then(|| match NTH.get(ask.nth - 2) {
        Some(nth) => language.say(nth),
        None => language.fill("call {} of its kind", &[&ask.nth.to_string()]),
    });
    let woken = ask.woken.then(|| language.say("after it has waited"));
    let parts: Vec<String> = [scene, nth, woken].into_iter().flatten().collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!("{}: ", first_upper(&parts.join(", "))),
    }
}

/// What the recording says of a call, and why.
fn told(language: &Language, played: &Played, row: &Row, truth: &Truth, why: &str) -> String {
    let style = Style::default();
    let mut drawn = rows::row(&played.drawn, row, &style);
    let returned = played.returned(row);
    if returned.step != row.step {
        drawn.push_str(&rows::row(&played.drawn, returned, &style));
    }
    format!(
        "<p><strong>{}</strong></p>{}<p>{}</p>",
        gave(language, truth),
        text(&language.say(SAYS), &drawn),
        inline(&language.say(why))
    )
}

fn gave(language: &Language, truth: &Truth) -> String {
    let Some(answer) = &truth.gave else { return language.say("It waits, and never returns.") };
    let says = match truth.waits {
        false => "It returns {}.",
        true => "It waits, and in the end returns {}.",
    };
    language.fill(says, &[&format!("<code>{}</code>", escaped(&answer.text))])
}

/// What shows in a recording that an answer is right.
///
/// Fails if there is no `proof` where one is named, or a step that is the `disproof`.
pub fn proof(
    language: &Language,
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
            "<p>{}</p>{}",
            language.fill("{} shows it:", &[&escaped(what)]),
            text(&language.say("The step that shows it"), &drawn)
        ));
    }
    if let Some(disproof) = disproof {
        if let Some(row) = timeline.rows.iter().find(|row| fits(disproof, row)) {
            return Err(wrong(format!("step {} is the `disproof`: `{disproof}`", row.step)));
        }
        out.push_str(&format!(
            "<p>{}</p>",
            language.fill(
                "In it there is no step {}.",
                &[&format!("<code>{}</code>", escaped(&disproof.to_string()))]
            )
        ));
    }
    Ok(out)
}

/// A box for a question with several answers.
pub fn question(
    language: &Language,
    place: Place<'_>,
    asks: &str,
    choices: &Choices,
    proof: &str,
) -> String {
    let asks = format!("<p>{}</p>", inline(&language.say(asks)));
    let said = |it: &Answer| Answer {
        says: language.say(&it.says),
        right: it.right,
        why: language.say(&it.why),
    };
    let all: Vec<Answer> = choices.all.iter().map(said).collect();
    let of = |it: &Answer| format!("<dt>{}</dt><dd>{}</dd>", inline(&it.says), inline(&it.why));
    let others: String = all.iter().filter(|it| !it.right).map(of).collect();
    let right = of(&all[choices.right]);
    let answer = format!("<dl class=\"right\">{right}</dl>{proof}<dl>{others}</dl>");
    one_box(language, "lab-question", &format!("question-{}", place.number), &asks, &all, &answer)
}

/// A question, the answers to choose from, and what is shown after; with what the script says besides.
fn one_box(
    language: &Language,
    class: &str,
    name: &str,
    asks: &str,
    options: &[Answer],
    answer: &str,
) -> String {
    let option = |it: &Answer| {
        let right = if it.right { " data-right=\"\"" } else { "" };
        let says = inline(&it.says);
        format!("<label><input type=\"radio\" name=\"{name}\"{right}> <span>{says}</span></label>")
    };
    let options: String = options.iter().map(option).collect();
    let [commit, right, wrong, says] =
        [COMMIT, RIGHT, WRONG, SAYS].map(|it| escaped(&language.say(it)));
    format!(
        "<div class=\"lab lab-box {class}\" role=\"group\" aria-labelledby=\"{name}\" \
         data-commit=\"{commit}\" data-is-right=\"{right}\" data-is-wrong=\"{wrong}\">\
         <div id=\"{name}\">{asks}</div><div class=\"options\">{options}</div>\
         <p class=\"verdict\" role=\"status\"></p>\
         <details><summary>{says}</summary>{answer}</details></div>"
    )
}

/// The hints, each folded.
pub fn hints(lesson: &Lesson, language: &Language) -> Result<String> {
    let hints = &lesson.exercise.hints;
    if hints.is_empty() {
        return Err(wrong(format!("{} has no hints", lesson.name)));
    }
    let of = hints.len().to_string();
    let one = |(n, hint): (usize, &String)| {
        format!(
            "<details class=\"lab lab-hint\"><summary>{}</summary><p>{}</p></details>",
            language.fill("Hint {} of {}", &[&(n + 1).to_string(), &of]),
            inline(&language.say(hint))
        )
    };
    Ok(hints.iter().enumerate().map(one).collect::<Vec<_>>().join("\n\n"))
}
