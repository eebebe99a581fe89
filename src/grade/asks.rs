//! What will this call return? A question about one call of a demo, and how near an answer to it comes.
//!
//! The right answer is nowhere written down: the recording gives it. A call that has to wait *waits*: that is what whoever
//! made it sees first.

use crate::pattern::{CallPattern, is_named};
use crate::timeline::{Answer, Row, RowKind, Timeline};

/// A question about a demo.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The call, without what it gives.
    pub call: CallPattern,
    /// Which of the calls that match, from 1.
    pub nth: usize,
    /// Whether it is about what the call gives once it has waited.
    pub woken: bool,
    /// What is asked, where "what does it return?" is not enough.
    pub asks: Option<String>,
    /// Why it is so, shown after the answer.
    pub why: String,
}

impl Ask {
    /// The row in which the call begins; in which it returns, if that is asked.
    pub fn row<'a>(&self, timeline: &'a Timeline) -> Option<&'a Row> {
        let begins = |row: &&Row| !matches!(row.kind, RowKind::Wakes { .. });
        let is_it = |row: &&Row| self.call.matches(row) || self.call.matches_waiting(row);
        let mut begun = timeline.rows.iter().filter(begins).filter(is_it);
        let row = begun.nth(self.nth.checked_sub(1)?)?;
        let woke = |it: &&Row| it.kind == RowKind::Wakes { since: row.step };
        if self.woken { timeline.rows.iter().skip(row.step).find(woke) } else { Some(row) }
    }
}

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// Whether it had to wait.
    pub waits: bool,
    /// What it gave, at once or in the end; none if it never returned.
    pub gave: Option<Answer>,
}

impl Truth {
    /// What became of the call that begins, or returns, in this row.
    pub fn of(timeline: &Timeline, row: &Row) -> Truth {
        let woke = |it: &&Row| it.kind == RowKind::Wakes { since: row.step };
        let gave = match row.kind {
            RowKind::Waits { .. } => {
                timeline.rows.iter().skip(row.step).find(woke).and_then(|row| row.answer.clone())
            }
            _ => row.answer.clone(),
        };
        let waits = matches!(row.kind, RowKind::Waits { .. } | RowKind::Waited);
        Truth { waits, gave }
    }

    /// The shortest answer that is wholly right.
    pub fn answer(&self) -> String {
        match &self.gave {
            _ if self.waits => "waits".into(),
            Some(Answer { failure: Some(failure), .. }) => failure.name.clone(),
            Some(Answer { object: Some(_), text, .. }) => text.clone(),
            Some(answer) => answer.ret.to_string(),
            None => "nothing".into(),
        }
    }

    /// What really came back, in words.
    pub fn says(&self) -> String {
        match (&self.gave, self.waits) {
            (Some(answer), false) => format!("= {}", answer.text),
            (Some(answer), true) => format!("waits; in the end = {}", answer.text),
            (None, true) => "waits, and never returns".into(),
            (None, false) => "never returns".into(),
        }
    }

    /// How near an answer comes; none if it is no answer at all.
    pub fn judge(&self, given: &str) -> Option<Judged> {
        let said = Said::read(given)?;
        let gave = self.gave.as_ref();
        if self.waits {
            return Some(match (said, gave) {
                (Said::Waits, _) => Judged::Right,
                (said, Some(answer)) if gives(&said, answer) != Judged::Wrong => {
                    Judged::Half("it comes to that in the end; but first it waits")
                }
                _ => Judged::Wrong,
            });
        }
        Some(match (said, gave) {
            (Said::Waits, _) | (_, None) => Judged::Wrong,
            (said, Some(answer)) => gives(&said, answer),
        })
    }
}

/// How near an answer came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    Right,
    /// Right as far as it goes; what is missing.
    Half(&'static str),
    Wrong,
}

/// What somebody may answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Waits,
    /// Some error.
    Fails,
    Errno(String),
    Number(i64),
    /// Some number.
    Some,
    /// The stream has ended.
    End,
    /// A name of an object, or `thread 2`.
    Name(String),
}

impl Said {
    fn read(given: &str) -> Option<Said> {
        let text = given.trim().trim_start_matches('=').trim().trim_end_matches('.').to_lowercase();
        let words: Vec<&str> = text
            .split_whitespace()
            .skip_while(|word| matches!(*word, "it" | "a" | "an" | "the"))
            .collect();
        Some(match words.as_slice() {
            [] => return None,
            ["wait" | "waits" | "waiting" | "block" | "blocks" | "blocking" | "blocked", ..] => {
                Said::Waits
            }
            ["error" | "fail" | "fails" | "failure" | "-1"] => Said::Fails,
            ["-1", errno, ..] => Said::Errno(errno.to_uppercase()),
            ["eof" | "end", ..] => Said::End,
            ["some" | "number" | "positive" | "descriptor", ..] => Said::Some,
            [first, ..] => match first.parse() {
                Ok(number) => Said::Number(number),
                Err(_) if is_errno(first) => Said::Errno(first.to_uppercase()),
                Err(_) => Said::Name(words.join(" ")),
            },
        })
    }
}

/// Whether this is an errno's name: `econnrefused`.
fn is_errno(word: &str) -> bool {
    word.len() > 3 && word.starts_with('e') && word.chars().all(|c| c.is_ascii_alphanumeric())
}

/// How near an answer comes to what a call gave.
fn gives(said: &Said, answer: &Answer) -> Judged {
    let missing = |right: bool, what| if right { Judged::Half(what) } else { Judged::Wrong };
    let right = |it: bool| if it { Judged::Right } else { Judged::Wrong };
    let failed = answer.failure.as_ref();
    match said {
        Said::Waits => Judged::Wrong,
        Said::Fails => missing(failed.is_some(), "an error, yes: the question is which"),
        Said::Errno(name) => match failed {
            Some(failure) if failure.name == *name => Judged::Right,
            Some(_) => Judged::Half("an error, yes, but another"),
            None => Judged::Wrong,
        },
        _ if failed.is_some() => Judged::Wrong,
        Said::Number(number) if *number == answer.ret => Judged::Right,
        Said::Number(number) => match answer.object {
            Some(_) => missing(*number > 2, "a descriptor, yes, but it has another number"),
            None => missing(*number > 0 && answer.ret > 0, "more than 0, yes, but another number"),
        },
        Said::Some if answer.object.is_some() => Judged::Right,
        Said::Some => missing(answer.ret > 0, "a number, yes: the question is which"),
        Said::End => right(answer.ret == 0 && answer.object.is_none()),
        Said::Name(name) => {
            let same = answer.text.to_lowercase() == *name;
            // A listener is any socket before it listens.
            let stem = |text: &str| text.split('#').next() == Some("listener");
            let is_it = answer.object.is_some()
                && (is_named(&answer.text, name) || name == "sock" && stem(&answer.text));
            right(same || is_it)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Recording;
    use crate::timeline::sample::{self, Sample};
    use crate::timeline::timeline;

    fn ask(call: &str, nth: usize) -> Ask {
        Ask { call: call.parse().unwrap(), nth, woken: false, asks: None, why: String::new() }
    }

    fn truth(recording: &Recording, call: &str) -> Truth {
        let timeline = timeline(recording);
        let row = ask(call, 1).row(&timeline).expect("there is one");
        Truth::of(&timeline, row)
    }

    fn judged(truth: &Truth, given: &[&str]) -> Vec<Option<char>> {
        let short = |given: &&str| {
            truth.judge(given).map(|judged| match judged {
                Judged::Right => 'r',
                Judged::Half(_) => 'h',
                Judged::Wrong => 'w',
            })
        };
        given.iter().map(short).collect()
    }

    #[test]
    fn a_call_that_waits_waits_and_what_it_gives_in_the_end_is_half_of_it() {
        let truth = truth(&sample::one_shot(), "server: accept(..)");
        assert_eq!((truth.waits, truth.answer()), (true, "waits".into()));
        let given =
            ["waits", "blocks", "it waits", "conn", "a number", "0", "error", "listener", ""];
        let expected = ['r', 'r', 'r', 'h', 'h', 'w', 'w', 'w'].map(Some);
        assert_eq!(judged(&truth, &given), [&expected[..], &[None]].concat());
        let timeline = timeline(&sample::one_shot());
        let woken = Ask { woken: true, ..ask("server: accept(..)", 1) };
        let truth = Truth::of(&timeline, woken.row(&timeline).expect("it wakes"));
        assert_eq!((truth.waits, truth.answer()), (false, "conn".into()));
    }

    #[test]
    fn an_error_is_half_and_its_name_is_all() {
        let mut sample = Sample::new(None, &["client"]);
        let who = ("client", 1, 1);
        let sock = sample.socket(who, "SOCK_STREAM", 3);
        let args = vec![sample::arg("sockfd", sample::fd(3, sock))];
        sample.event(who, "connect", args, Some(-1), "ECONNREFUSED");
        let truth = truth(&sample.0, "connect(..)");
        assert_eq!(truth.answer(), "ECONNREFUSED");
        let given = [
            "econnrefused",
            "-1 ECONNREFUSED",
            "error",
            "-1",
            "an error",
            "EPIPE",
            "0",
            "6",
            "waits",
        ];
        let expected = ['r', 'r', 'h', 'h', 'h', 'h', 'w', 'w', 'w'].map(Some);
        assert_eq!(judged(&truth, &given), expected);
    }

    #[test]
    fn a_number_is_right_and_some_number_is_half_unless_it_is_a_descriptor() {
        let mut sample = Sample::new(None, &["client"]);
        let who = ("client", 1, 1);
        let sock = sample.socket(who, "SOCK_STREAM", 3);
        sample.moves(who, "recv", (3, sock), b"hello!", 1024);
        sample.moves(who, "recv", (3, sock), b"", 1024);
        let made = truth(&sample.0, "socket(..)");
        assert_eq!(made.answer(), "sock");
        let given = ["sock", "3", "a number", "a descriptor", "4", "0", "listener"];
        assert_eq!(judged(&made, &given), ['r', 'r', 'r', 'r', 'h', 'w', 'w'].map(Some));
        let six = truth(&sample.0, "recv(..)");
        let given = ["6", "= 6", "6 bytes", "a number", "1024", "0", "eof", "waits", "hello"];
        assert_eq!(judged(&six, &given), ['r', 'r', 'r', 'h', 'h', 'w', 'w', 'w', 'w'].map(Some));
        let timeline = timeline(&sample.0);
        let end = Truth::of(&timeline, ask("recv(..)", 2).row(&timeline).unwrap());
        let given = ["0", "eof", "end of stream", "a number", "6", "error"];
        assert_eq!(judged(&end, &given), ['r', 'r', 'r', 'w', 'w', 'w'].map(Some));
        assert!(ask("recv(..)", 3).row(&timeline).is_none());
        assert!(ask("recv(..)", 0).row(&timeline).is_none());
    }
}
