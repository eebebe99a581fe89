//! The recording as a file: JSON, one event on a line, so that two of them can be compared line by line.
//!
//! A program that spins makes the same few calls thousands of times. A file that is kept for long holds them once, and
//! after them how often they came again: `{"repeat":2,"times":4998}`, the two events before it, each time with the next
//! numbers. [`parse`] reads either.
//!
//! Schema: `book/src/reference/recording.schema.json`.

use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::event::{Event, Recording, VERSION};

/// The keys that every recording has, in the order of the file.
const KEYS: [&str; 9] =
    ["version", "lesson", "isolation", "arch", "kernel", "schedule", "roles", "sockets", "events"];

/// So many events at most, and of so many bytes as they are written, are told from a few that come again and again: a short
/// file must not fill the memory.
const MOST_REPEATED: usize = 100_000;
const LONGEST_REPEATED: usize = 64 << 20;

/// A recording as JSON: a line for each key, role, object, event and packet.
pub fn write(recording: &Recording) -> String {
    written(recording, recording.events.iter().map(line))
}

/// The same, with events that come again and again written once.
pub fn write_short(recording: &Recording) -> String {
    written(recording, folded(&recording.events).into_iter())
}

fn written(recording: &Recording, events: impl Iterator<Item = String>) -> String {
    let mut out = String::from("{\n");
    let mut key = |name: &str, json: String| {
        if out.len() > 2 {
            out.push_str(",\n");
        }
        out.push_str(&format!("\"{name}\": {json}"));
    };
    key("version", line(&recording.version));
    key("lesson", line(&recording.lesson));
    key("isolation", line(&recording.isolation));
    key("arch", line(&recording.arch));
    key("kernel", line(&recording.kernel));
    key("schedule", line(&recording.schedule));
    if recording.from_first_socket {
        key("from_first_socket", line(&true));
    }
    if let Some(seed) = recording.seed {
        key("seed", line(&seed));
    }
    if !recording.delays.is_empty() {
        key("delays", line(&recording.delays));
    }
    for (name, value) in [("scenario", &recording.scenario), ("weather", &recording.weather)] {
        if value.is_some() {
            key(name, line(value));
        }
    }
    key("roles", lines(&recording.roles));
    key("sockets", lines(&recording.sockets));
    key("events", list(events));
    if !recording.steps.is_empty() {
        key("steps", lines(&recording.steps));
    }
    if !recording.looks.is_empty() {
        key("looks", lines(&recording.looks));
    }
    key("packets", lines(&recording.packets));
    key("end", line(&recording.end));
    if !recording.frames.is_empty() {
        key("frames", lines(&recording.frames));
    }
    out.push_str("\n}\n");
    out
}

/// One event as a line of JSON, without a newline.
pub fn jsonl(event: &Event) -> String {
    line(event)
}

/// Reads a recording from the bytes of a file; `path` is for the messages.
///
/// Fails with [`Error::NewerRecording`] if a newer lab wrote it, and with [`Error::Recording`] if it is no
/// recording or not a whole one.
pub fn parse(bytes: &[u8], path: &Path) -> Result<Recording> {
    let broken = |why: String| Error::Recording { path: path.to_owned(), why };
    let newer = |version: u64| Error::NewerRecording { path: path.to_owned(), version };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(broken("it is empty".into()));
    }
    let mut json: Value = match serde_json::from_slice(bytes) {
        Ok(json) => json,
        Err(error) => {
            // What a newer lab writes may not even parse here: its version stands first and is asked first.
            if let Some(version) = leading_version(bytes).filter(|v| *v > u64::from(VERSION)) {
                return Err(newer(version));
            }
            return Err(broken(match error.is_eof() {
                true => format!("it breaks off in line {}", error.line()),
                false => format!("line {}, column {} is not JSON", error.line(), error.column()),
            }));
        }
    };
    let Value::Object(fields) = &mut json else {
        return Err(broken("it is JSON, but no object".into()));
    };
    match fields.get("version") {
        None => return Err(broken("it has no `version`".into())),
        Some(version) => match version.as_u64() {
            Some(version) if version > u64::from(VERSION) => return Err(newer(version)),
            Some(1..) => {}
            _ => return Err(broken(format!("its `version` is {version}, not a number from 1"))),
        },
    }
    if let Some(key) = KEYS.iter().chain(&["end"]).find(|key| !fields.contains_key(**key)) {
        return Err(broken(format!("it has no `{key}`")));
    }
    // One by one, for a message that names the event and not a byte of the file.
    checked::<crate::event::Role>(fields, "roles").map_err(broken)?;
    checked::<crate::event::Socket>(fields, "sockets").map_err(broken)?;
    let events = fields.get_mut("events").and_then(Value::as_array_mut).map(std::mem::take);
    let events = unfolded(events.ok_or_else(|| broken("its `events` is no list".into()))?);
    let events = events.map_err(broken)?;
    let recording: Recording =
        serde_json::from_value(json).map_err(|error| broken(error.to_string()))?;
    let recording = Recording { events, ..recording };
    if recording.events.windows(2).any(|pair| pair[0].seq >= pair[1].seq) {
        return Err(broken("its `events` are not in the order of `seq`".into()));
    }
    Ok(recording)
}

/// A value on one line.
fn line(value: &impl Serialize) -> String {
    // Plain data with string keys always has a JSON form.
    serde_json::to_string(value).unwrap_or_else(|_| "null".into())
}

fn lines<T: Serialize>(items: &[T]) -> String {
    list(items.iter().map(line))
}

fn list(items: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> = items.map(|item| format!("  {item}")).collect();
    if lines.is_empty() { "[]".into() } else { format!("[\n{}\n]", lines.join(",\n")) }
}

/// Events that come again: the last so many, so many times.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeat {
    repeat: usize,
    times: usize,
}

/// Each event as a line of JSON; one or two that come again eight times and more as one line.
fn folded(events: &[Event]) -> Vec<String> {
    const WORTH_IT: usize = 8;
    let again = |one: &Event, other: &Event, after: usize| {
        let renumbered = Event { seq: one.seq + after as u64, ..one.clone() };
        renumbered == *other
    };
    let (mut lines, mut at) = (Vec::new(), 0);
    while at < events.len() {
        let repeat = [1, 2].into_iter().find_map(|repeat| {
            let before = events.get(at.checked_sub(repeat)?..)?;
            let same = before.iter().zip(&before[repeat..]);
            let times = same.take_while(|(one, other)| again(one, other, repeat)).count() / repeat;
            (times >= WORTH_IT).then_some(Repeat { repeat, times })
        });
        match repeat {
            Some(repeat) => {
                at += repeat.repeat * repeat.times;
                lines.push(line(&repeat));
            }
            None => {
                lines.push(line(&events[at]));
                at += 1;
            }
        }
    }
    lines
}

/// Whether a key has a list of these.
fn checked<T: DeserializeOwned>(
    fields: &Map<String, Value>,
    key: &str,
) -> std::result::Result<(), String> {
    let items = fields.get(key).and_then(Value::as_array);
    let items = items.ok_or_else(|| format!("its `{key}` is no list"))?;
    for (n, item) in items.iter().enumerate() {
        T::deserialize(item)
            .map_err(|error| format!("{} of its `{key}`: {error}", ordinal(n + 1)))?;
    }
    Ok(())
}

/// The events with those in their places that come again.
fn unfolded(items: Vec<Value>) -> std::result::Result<Vec<Event>, String> {
    let mut events: Vec<Event> = Vec::new();
    let (mut room, mut length) = (MOST_REPEATED, LONGEST_REPEATED);
    for item in items {
        if item.get("repeat").is_none() {
            let event = serde_json::from_value(item);
            let nth = || ordinal(events.len() + 1);
            events.push(event.map_err(|error| format!("{} of its `events`: {error}", nth()))?);
            continue;
        }
        let wrong = |why: &str| format!("its `events`, after {}: {why}", ordinal(events.len()));
        let Repeat { repeat, times } =
            serde_json::from_value(item).map_err(|error| wrong(&error.to_string()))?;
        let Some(first) = events.len().checked_sub(repeat).filter(|_| repeat > 0) else {
            return Err(wrong(&format!("there are no {repeat} to repeat")));
        };
        room = repeat
            .checked_mul(times)
            .and_then(|all| room.checked_sub(all))
            .ok_or_else(|| wrong(&format!("more than {MOST_REPEATED} that come again")))?;
        let written: usize = events[first..].iter().map(|event| line(event).len()).sum();
        length = written.checked_mul(times).and_then(|all| length.checked_sub(all)).ok_or_else(
            || wrong(&format!("what comes again is longer than {LONGEST_REPEATED} bytes")),
        )?;
        let last = events.last().map_or(0, |event| event.seq);
        if last.checked_add((repeat * times) as u64).is_none() {
            return Err(wrong("their `seq` grows too large"));
        }
        for at in first..first + repeat * times {
            let seq = events[at].seq.saturating_add(repeat as u64);
            events.push(Event { seq, ..events[at].clone() });
        }
    }
    Ok(events)
}

/// The version of a file that begins as a recording does, whatever follows.
fn leading_version(bytes: &[u8]) -> Option<u64> {
    let text = bytes.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
    let text = text.strip_prefix(b"\"version\"")?.trim_ascii_start();
    let text = text.strip_prefix(b":")?.trim_ascii_start();
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    std::str::from_utf8(&text[..end]).ok()?.parse().ok()
}

fn ordinal(n: usize) -> String {
    let ending = match (n % 10, n % 100) {
        (1, hundred) if hundred != 11 => "st",
        (2, hundred) if hundred != 12 => "nd",
        (3, hundred) if hundred != 13 => "rd",
        _ => "th",
    };
    format!("the {n}{ending}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::timeline::sample;

    fn why(bytes: &[u8]) -> String {
        parse(bytes, Path::new("run.json")).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        for recording in
            [sample::one_shot(), sample::half_close(), sample::deadlock(), sample::forks()]
        {
            let json = write(&recording);
            assert_eq!(parse(json.as_bytes(), Path::new("run.json")).unwrap(), recording);
        }
    }

    /// A program that makes these calls over and over.
    fn spinning(calls: &[&'static str], times: usize) -> Recording {
        let mut sample = sample::Sample::new(None, &["server"]);
        let who = ("server", 1, 1);
        let sock = sample.socket(who, "SOCK_STREAM", 3);
        for _ in 0..times {
            for call in calls {
                let args = vec![sample::arg("sockfd", sample::fd(3, sock))];
                sample.event(who, call, args, Some(0), "");
            }
        }
        // A file that is kept for long has no times.
        sample.0.events.iter_mut().for_each(|event| event.at = 0);
        sample.0
    }

    #[test]
    fn what_comes_again_and_again_is_written_once_and_reads_back_the_same() {
        for (calls, times, lines) in
            [(&["recv"][..], 500, 2), (&["recv", "poll"], 500, 3), (&["recv"], 5, 6)]
        {
            let recording = spinning(calls, times);
            let short = write_short(&recording);
            assert_eq!(parse(short.as_bytes(), Path::new("run.json")).unwrap(), recording);
            let events = short.lines().filter(|line| line.starts_with("  {\"seq\":")).count();
            assert_eq!(events, lines, "with the socket");
        }
        let plain = sample::one_shot();
        assert_eq!(write_short(&plain), write(&plain));
    }

    #[test]
    fn a_repetition_of_nothing_or_of_too_much_is_refused() {
        let short = write_short(&spinning(&["recv"], 500));
        for (repeat, times) in [("9", "499"), ("0", "499"), ("1", "99999999999"), ("1", "\"x\"")] {
            let wanted = format!("{{\"repeat\":{repeat},\"times\":{times}}}");
            let wrong = short.replace("{\"repeat\":1,\"times\":499}", &wanted);
            assert!(wrong != short, "{wanted}");
            assert!(why(wrong.as_bytes()).contains("after the 2nd"), "{}", why(wrong.as_bytes()));
        }
    }

    #[test]
    fn an_event_takes_one_line() {
        let recording = sample::one_shot();
        let json = write(&recording);
        let events = json.lines().filter(|line| line.starts_with("  {\"seq\":")).count();
        assert_eq!(events, recording.events.len());
    }

    #[test]
    fn a_file_that_breaks_off_anywhere_is_refused() {
        let json = write(&sample::one_shot());
        for end in (0..json.trim_end().len()).step_by(97) {
            assert!(parse(&json.as_bytes()[..end], Path::new("run.json")).is_err(), "{end}");
        }
        let half = &json.as_bytes()[..json.len() / 2];
        assert!(why(half).contains("breaks off in line"), "{}", why(half));
    }

    #[test]
    fn a_newer_file_is_refused_before_anything_else_is_asked() {
        for json in ["{\"version\": 2}", "{\"version\":2,\"events\":[{]", "{\"x\":1,\"version\":2}"]
        {
            let error = parse(json.as_bytes(), Path::new("run.json")).unwrap_err();
            assert!(matches!(error, Error::NewerRecording { version: 2, .. }), "{error}");
        }
    }

    #[test]
    fn the_messages_say_what_is_missing() {
        let mut json: Value = serde_json::from_str(&write(&sample::one_shot())).unwrap();
        json["events"][2]["call"] = Value::Null;
        let broken = why(json.to_string().as_bytes());
        json.as_object_mut().unwrap().remove("end");
        let said = [
            why(b""),
            why(b"socket(AF_INET)"),
            why(b"[1, 2]"),
            why(b"{}"),
            why(b"{\"version\": \"one\"}"),
            why(b"{\"version\": 1, \"lesson\": null}"),
            why(json.to_string().as_bytes()),
            broken,
        ];
        insta::assert_snapshot!(said.join("\n"));
    }

    const SCHEMA: &str = include_str!("../../book/src/reference/recording.schema.json");

    /// Whether a value is as the schema says: as much of JSON Schema as ours needs.
    pub fn conforms(
        value: &Value,
        schema: &Value,
        root: &Value,
    ) -> std::result::Result<(), String> {
        let wrong = |why: &str| Err(format!("{why}: {value}"));
        if let Some(path) = schema["$ref"].as_str() {
            let target = root.pointer(&path[1..]).ok_or(path)?;
            conforms(value, target, root)?;
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let is = |name: &&str| match *name {
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => value.is_null(),
        };
        if !types.is_empty() && !types.iter().any(is) {
            return wrong("type");
        }
        if schema.get("const").is_some_and(|only| only != value) {
            return wrong("const");
        }
        if schema["enum"].as_array().is_some_and(|all| !all.contains(value)) {
            return wrong("enum");
        }
        for key in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if value.get(key).is_none() {
                return wrong(key);
            }
        }
        for (key, of) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(inner) = value.get(key) {
                conforms(inner, of, root)?;
            }
        }
        if let (Some(items), Some(of)) = (value.as_array(), schema.get("items")) {
            items.iter().try_for_each(|item| conforms(item, of, root))?;
        }
        for of in schema["allOf"].as_array().into_iter().flatten() {
            conforms(value, of, root)?;
        }
        for (key, most) in [("oneOf", 1), ("anyOf", usize::MAX)] {
            if let Some(all) = schema[key].as_array() {
                let fitting = all.iter().filter(|of| conforms(value, of, root).is_ok()).count();
                if fitting == 0 || fitting > most {
                    return wrong(key);
                }
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_written_is_as_the_schema_says() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        for recording in [
            sample::one_shot(),
            sample::threads(),
            sample::forks(),
            sample::deadlock(),
            sample::troubles(),
            sample::half_close(),
        ] {
            let json: Value = serde_json::from_str(&write(&recording)).unwrap();
            conforms(&json, &schema, &schema).unwrap_or_else(|why| panic!("{why}"));
            // Every key of ours is told of.
            let told = schema["properties"].as_object().unwrap();
            assert!(json.as_object().unwrap().keys().all(|key| told.contains_key(key)));
            let told = schema["$defs"]["event"]["properties"].as_object().unwrap();
            let event = json["events"][0].as_object().unwrap();
            assert!(event.keys().all(|key| told.contains_key(key)));
        }
    }
}
