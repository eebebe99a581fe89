//! What a learner says that programs will do, held against a recording of them.
//!
//! A lesson may ask questions in place of a program ([`Question`]); the answers stand in a TOML file, under the questions'
//! names. The right answers are nowhere written down: the recording gives them. A wrong one is a [`Finding`] with the line of
//! the file and the row that says otherwise, and with that row only.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::{Finding, Grade, Judgement, Line, Verdict};
use crate::event::Recording;
use crate::pattern::{CallPattern, Class};
use crate::timeline::{Row, RowKind, Timeline};

/// What stands for a scenario where answers are graded: no program ran for them.
pub const PREDICTIONS: &str = "predictions";

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
                .filter(|event| timeline.names.made(event).is_some());
            let number = event.and_then(|event| event.ret);
            let text = number.map(|number| number.to_string());
            text.map(|text| Right { text, row: row.map(|row| row.step) }).into_iter().collect()
        }
        About::State(state) => {
            let mut changes = timeline.rows.iter().flat_map(|row| &row.changes);
            let found = changes.find(|change| change.now.state == *state);
            let owner = found.and_then(|change| change.now.owner());
            // In parentheses is who has had it.
            let text = owner.map(|owner| owner.trim_matches(['(', ')']).to_owned());
            text.map(|text| Right { text, row: None }).into_iter().collect()
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
    let yours = given.get(place).map(|(text, _)| format!("`{text}`"));
    let did = match (right.len(), yours, row.map(|row| row.step)) {
        (1, Some(yours), Some(step)) => {
            format!("you say {yours}; the call of step {step} gave another")
        }
        (1, Some(yours), None) => format!("you say {yours}: it is another"),
        (all, Some(yours), Some(step)) => {
            format!("{place} of {all} are right; {yours} is not what comes then: see step {step}")
        }
        (0, Some(yours), _) => format!("you say {yours}, and the recording has none"),
        (all, Some(yours), None) => format!("all {all} are right, but {yours} is one too many"),
        (all, None, Some(step)) => {
            format!("{place} of {all} are right; then something is missing: see step {step}")
        }
        (all, None, None) => format!("{place} of {all} are right; then something is missing"),
    };
    let line = given.get(place).or(given.last()).map(|(_, line)| format!("{file}:{line}"));
    let marked = row.map(|row| Line {
        step: row.step,
        role: row.role.clone(),
        text: row.notation(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timeline::sample::Sample;
    use crate::timeline::timeline;

    const SERVER: (&str, u32, u32) = ("server", 1, 1);

    /// A server that takes one connection, receives from it and closes it.
    fn recorded() -> Recording {
        let mut sample = Sample::new(Some("05-taking-turns"), &["server"]);
        let listener = sample.listener(SERVER, 3, 9999);
        let conn = sample.accept(SERVER, listener, 4, 41000);
        sample.moves(SERVER, "recv", (4, conn), b"hi", 1024);
        sample.0
    }

    fn ask(about: About) -> Question {
        Question { id: "it".into(), asks: "what it is".into(), hint: None, about }
    }

    /// What is said of this answer; nothing if it is right.
    fn judged(about: About, answer: &str) -> Option<String> {
        let recording = recorded();
        let drawn = timeline(&recording);
        let answers = answers(&format!("# mine\nit = {answer}\n")).unwrap();
        let verdict = predictions(&[ask(about)], &answers, "p.toml", |_| (&recording, &drawn));
        assert_eq!(verdict.findings.is_empty(), verdict.result == Judgement::Pass);
        verdict.findings.into_iter().next().map(|finding| finding.did)
    }

    fn pattern(text: &str) -> CallPattern {
        text.parse().unwrap()
    }

    #[test]
    fn calls_are_right_in_their_order_and_by_class() {
        let calls = |answer: &str| judged(About::Calls("server".into()), answer);
        let right = "[\"socket\", \"bind\", \"listen\", \"accept4\", \"read(conn)\"]";
        assert_eq!(calls(right), None);
        for (answer, did) in [
            ("[\"socket\", \"bind\"]", "2 of 5 are right; then something is missing: see step 3"),
            (
                "[\"bind\", \"socket\", \"listen\", \"accept\", \"recv\"]",
                "0 of 5 are right; `bind` is not what comes then: see step 1",
            ),
            (
                "[\"socket\", \"bind\", \"listen\", \"accept\", \"recv\", \"close\"]",
                "all 5 are right, but `close` is one too many",
            ),
            ("[\"…\"]", "p.toml has no answer to `it` yet"),
            ("[]", "p.toml has no answer to `it` yet"),
        ] {
            assert_eq!(calls(answer).as_deref(), Some(did), "{answer}");
        }
    }

    #[test]
    fn a_descriptor_is_the_number_that_the_call_gave() {
        let given = |answer| judged(About::Descriptor(pattern("accept(..) = conn")), answer);
        assert_eq!(given("4"), None);
        assert_eq!(given("\"4\""), None);
        assert_eq!(given("3").as_deref(), Some("you say `3`; the call of step 4 gave another"));
    }

    #[test]
    fn claims_are_wrong_in_any_order_and_those_missed_are_not_given_away() {
        let claims = ["listen(..) = 0", "listen(_, 77) = 0", "connect(..)"].map(pattern).to_vec();
        let given = |answer| judged(About::Wrong(claims.clone()), answer);
        assert_eq!(given("[3, 2]"), None);
        for (answer, did) in [
            ("[2]", "1 are found, and there are more"),
            ("[1, 2, 3]", "claim 1 is right: the recording has just that"),
            ("[9]", "`9` is none of the claims 1 to 3"),
            ("[]", "p.toml has no answer to `it` yet"),
        ] {
            assert_eq!(given(answer).as_deref(), Some(did), "{answer}");
        }
    }

    #[test]
    fn what_nothing_in_the_recording_answers_is_never_right() {
        for answer in ["\"server: conn\"", "3"] {
            assert!(judged(About::State("TIME-WAIT".into()), answer).is_some());
            assert!(judged(About::Descriptor(pattern("connect(..) = sock")), answer).is_some());
        }
    }

    #[test]
    fn an_answer_to_nothing_is_told() {
        let recording = recorded();
        let drawn = timeline(&recording);
        let given = answers("it = 4\nthat = 1\n").unwrap();
        let about = About::Descriptor(pattern("accept(..) = conn"));
        let verdict = predictions(&[ask(about)], &given, "p.toml", |_| (&recording, &drawn));
        assert_eq!(verdict.findings[0].did, "nobody asked for `that`");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_told_with_its_line() {
        for (text, line) in
            [("a = 1\nb = [1,\n", 2), ("a = 1\n\nb = 1.5\n", 3), ("a = 1\na = 2\n", 2)]
        {
            let (found, why) = answers(text).unwrap_err();
            assert!(
                found >= line && !why.is_empty() && !why.contains('\n'),
                "{text}: {found} {why}"
            );
        }
    }
}
