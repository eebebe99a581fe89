//! What a learner says that programs will do, held against a recording of them.
//!
//! A lesson may ask questions in place of a program ([`Question`]); the answers stand in a TOML file, under the questions'
//! names. The right answers are nowhere written down: the recording gives them. A wrong one is a [`Finding`] with the line of
//! the file and the row that says otherwise, and with that row only.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::run::said;
use super::{Finding, Grade, Judgement, Line, Verdict};
use crate::event::Recording;
use crate::pattern::{CallPattern, Class};
use crate::timeline::{Row, RowKind, Timeline};

/// One thing to be predicted.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// `calls-of-the-client`: the key of its answer.
    pub id: String,
    pub asks: String,
    /// A question that leads on.
    pub hint: Option<String>,
    pub about: About,
}

/// What is asked, and so how a recording answers it.
#[derive(Clone, Debug, PartialEq)]
pub enum About {
    /// The socket calls of this role, in their order: names, each standing for its class.
    Calls(String),
    /// The number of the descriptor that the first match returns.
    Descriptor(CallPattern),
    /// The socket that comes into this state, as `server: conn`.
    State(String),
    /// Which of these claims are wrong, by number from 1: those that no event matches, be it one that a timeline leaves out.
    Wrong(Vec<CallPattern>),
}

/// The answers of a file: texts, each with its line.
pub type Answers = BTreeMap<String, Vec<(String, usize)>>;

/// Reads answers: numbers, texts, or lists of them. A mistake is told with its line.
pub fn answers(text: &str) -> Result<Answers, (usize, String)> {
    let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        (line(at), error.message().split_whitespace().collect::<Vec<_>>().join(" "))
    })?;
    let mut answers = Answers::new();
    for (key, value) in table.get_ref() {
        let items: Vec<_> = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut texts = Vec::new();
        for item in items {
            let line = line(item.span().start);
            match item.get_ref() {
                DeValue::String(text) => texts.push((text.trim().to_owned(), line)),
                DeValue::Integer(number) => texts.push((number.to_string(), line)),
                _ => return Err((line, "an answer is a number, a text or a list of them".into())),
            }
        }
        // What is still to be answered is no answer.
        texts.retain(|(text, _)| !text.is_empty() && text != "…");
        answers.insert(key.get_ref().to_string(), texts);
    }
    Ok(answers)
}

/// Judges all answers of a file, whose name goes before the lines. `recording` gives what a question is about.
pub fn predictions<'a>(
    questions: &[Question],
    answers: &Answers,
    file: &str,
    recording: impl Fn(&Question) -> (&'a Recording, &'a Timeline),
) -> Verdict {
    let mut findings = Vec::new();
    for question in questions {
        let (recording, timeline) = recording(question);
        let given = answers.get(&question.id).map(Vec::as_slice).unwrap_or_default();
        let right = right(&question.about, recording, timeline);
        findings.extend(compare(question, given, &right, file, timeline));
    }
    for key in answers.keys().filter(|key| questions.iter().all(|it| it.id != **key)) {
        let names: Vec<&str> = questions.iter().map(|it| it.id.as_str()).collect();
        let says = format!("the answers are to {}", names.join(", "));
        findings.push(finding(key, &says, format!("nobody asked for `{key}`")));
    }
    let result = if findings.is_empty() { Judgement::Pass } else { Judgement::Fail };
    Verdict { result, findings }
}

/// A part of the right answer, and the row that bears it out.
struct Right {
    text: String,
    row: Option<usize>,
}

fn right(about: &About, recording: &Recording, timeline: &Timeline) -> Vec<Right> {
    let first = |pattern: &CallPattern| timeline.rows.iter().find(|row| pattern.matches(row));
    match about {
        About::Calls(role) => {
            let made = |row: &&Row| {
                let done = matches!(row.kind, RowKind::Call | RowKind::Wakes { .. });
                let waits = matches!(row.kind, RowKind::Waited | RowKind::Waits { for_ever: true });
                row.role == *role && (done || waits) && (row.on_socket || row.call == "socket")
            };
            let named = |row: &Row| Right { text: row.call.to_string(), row: Some(row.step) };
            let rows = timeline.rows.iter().filter(made);
            rows.flat_map(|row| (0..row.count).map(move |_| named(row))).collect()
        }
        About::Descriptor(pattern) => {
            let row = first(pattern);
            let event = row
                .and_then(|row| recording.events.iter().find(|event| event.seq == row.seq))
                .filter(|event| event.made.is_some());
            let number = event.and_then(|event| event.ret);
            let text = number.map(|number| number.to_string());
            text.map(|text| Right { text, row: row.map(|row| row.step) }).into_iter().collect()
        }
        About::State(state) => {
            let mut sockets = timeline
                .quiet
                .iter()
                .flat_map(|moment| moment.sockets.iter().map(move |socket| (moment.after, socket)));
            let found = sockets.find(|(_, socket)| socket.state == *state);
            let text = found.and_then(|(step, socket)| Some((step, socket.owner.clone()?)));
            text.map(|(step, text)| Right { text, row: Some(step) }).into_iter().collect()
        }
        About::Wrong(claims) => {
            let numbered = claims.iter().zip(1..);
            let holds = |claim: &CallPattern| {
                recording.events.iter().any(|event| claim.matches_event(event, &timeline.names))
            };
            let wrong = numbered.filter(|(claim, _)| !holds(claim));
            wrong
                .map(|(_, number): (_, usize)| Right { text: number.to_string(), row: None })
                .collect()
        }
    }
}

fn compare(
    question: &Question,
    given: &[(String, usize)],
    right: &[Right],
    file: &str,
    timeline: &Timeline,
) -> Option<Finding> {
    if given.is_empty() {
        let why = format!("{file} has no answer to `{}` yet", question.id);
        return Some(Finding {
            hint: question.hint.clone(),
            ..finding(&question.id, &question.asks, why)
        });
    }
    if let About::Wrong(claims) = &question.about {
        return compare_sets(question, given, right, file, claims.len());
    }
    let place = (0..given.len().max(right.len())).find(|&at| {
        !given.get(at).zip(right.get(at)).is_some_and(|(it, right)| same(&it.0, right))
    })?;
    let row = right.get(place).and_then(|right| right.row).and_then(|step| timeline.row(step));
    let which = match right.len() {
        1 => String::new(),
        all => format!("{} of {all} are right; number {} ", place, place + 1),
    };
    let did = match (given.get(place), row) {
        (Some((text, _)), Some(row)) => {
            format!("{which}you say `{text}`: look at step {}", row.step)
        }
        (Some((text, _)), None) => format!("{which}you say `{text}`: there is no more"),
        (None, Some(row)) => format!("{which}is missing: look at step {}", row.step),
        (None, None) => format!("{which}is missing"),
    };
    let line = given.get(place).or(given.last()).map(|(_, line)| format!("{file}:{line}"));
    let marked = row.map(|row| Line {
        step: row.step,
        role: row.role.clone(),
        text: said(row),
        marked: true,
    });
    Some(Finding {
        lines: marked.into_iter().collect(),
        events: row.map(|row| row.seq).into_iter().collect(),
        source: line,
        hint: question.hint.clone(),
        ..finding(&question.id, &question.asks, did)
    })
}

/// Which claims are wrong has no order. What is missing is only counted: finding it is the exercise.
fn compare_sets(
    question: &Question,
    given: &[(String, usize)],
    right: &[Right],
    file: &str,
    claims: usize,
) -> Option<Finding> {
    let is_wrong = |text: &str| right.iter().any(|right| right.text == text);
    let found = right.iter().filter(|right| given.iter().any(|it| it.0 == right.text)).count();
    let (did, line) = match given.iter().find(|(text, _)| !is_wrong(text)) {
        Some((text, line)) if text.parse().is_ok_and(|number| (1..=claims).contains(&number)) => {
            (format!("claim {text} is right: the recording has just that"), line)
        }
        Some((text, line)) => (format!("`{text}` is none of the claims 1 to {claims}"), line),
        None if found == right.len() => return None,
        None => (format!("{found} are found, and there are more"), &given.last()?.1),
    };
    Some(Finding {
        source: Some(format!("{file}:{line}")),
        hint: question.hint.clone(),
        ..finding(&question.id, &question.asks, did)
    })
}

/// Whether an answer is right; a call's name stands for its class, whatever is in its parentheses.
fn same(given: &str, right: &Right) -> bool {
    let name = given.split('(').next().unwrap_or(given).trim();
    let squeezed = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    squeezed(given) == squeezed(&right.text)
        || name == right.text
        || Class::of(name).is_some() && Class::of(name) == Class::of(&right.text)
}

fn finding(rule: &str, says: &str, did: String) -> Finding {
    Finding {
        rule: rule.into(),
        grade: Grade::Broken,
        says: says.into(),
        did,
        lines: Vec::new(),
        events: Vec::new(),
        peer: None,
        printed: None,
        source: None,
        hint: None,
    }
}
