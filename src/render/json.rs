//! The recording as a file: JSON, one event on a line, so that two of them can be compared line by line.
//!
//! Schema: `book/src/reference/recording.schema.json`.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::event::{Event, Recording, VERSION};

/// The keys that every recording has, in the order of the file.
const KEYS: [&str; 9] =
    ["version", "lesson", "isolation", "arch", "kernel", "schedule", "roles", "sockets", "events"];

/// A recording as JSON: a line for each key, role, object, event and packet.
pub fn write(recording: &Recording) -> String {
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
    if let Some(seed) = recording.seed {
        key("seed", line(&seed));
    }
    for (name, value) in [("scenario", &recording.scenario), ("weather", &recording.weather)] {
        if value.is_some() {
            key(name, line(value));
        }
    }
    key("roles", lines(&recording.roles));
    key("sockets", lines(&recording.sockets));
    key("events", lines(&recording.events));
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
    let json: Value = match serde_json::from_slice(bytes) {
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
    let Value::Object(fields) = &json else {
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
    for key in ["roles", "sockets", "events"] {
        let Some(Value::Array(items)) = fields.get(key) else {
            return Err(broken(format!("its `{key}` is no list")));
        };
        for (n, item) in items.iter().enumerate() {
            let wrong = match key {
                "roles" => serde_json::from_value::<crate::event::Role>(item.clone()).err(),
                "sockets" => serde_json::from_value::<crate::event::Socket>(item.clone()).err(),
                _ => serde_json::from_value::<Event>(item.clone()).err(),
            };
            if let Some(error) = wrong {
                return Err(broken(format!("{} of its `{key}`: {error}", ordinal(n + 1))));
            }
        }
    }
    let recording: Recording =
        serde_json::from_value(json).map_err(|error| broken(error.to_string()))?;
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
    if items.is_empty() {
        return "[]".into();
    }
    let lines: Vec<String> = items.iter().map(|item| format!("  {}", line(item))).collect();
    format!("[\n{}\n]", lines.join(",\n"))
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
