//! Recordings that anything happened to are drawn in every format, or refused.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use socket_lab::event::Recording;
use socket_lab::render::sockets::{Tool, sockets};
use socket_lab::render::{html, json as file, mermaid, pcapng, strace, svg, text};
use socket_lab::timeline::timeline;

use crate::harm::{Harm, harms};
use crate::hold;

/// A recording of a dozen events and what comes again of them, in one format after the other.
const MOST: isize = 8 << 20;

#[test]
fn a_recording_that_anything_happened_to_is_drawn_or_refused() {
    let kept = Kept::read();
    let change = any::<([u16; 6], usize)>().prop_map(|(path, with)| Change { path, with });
    let what = prop_oneof![
        1 => harms().prop_map(What::Bytes),
        4 => prop::collection::vec(change, 1..5).prop_map(What::Values),
    ];
    let part = (any::<usize>(), any::<usize>(), 1..12usize);
    hold(3000, (part, what), (4, MOST), |(part, what)| {
        let bytes = match what {
            What::Bytes(harms) => {
                let mut bytes = serde_json::to_vec(&kept.part(*part)).unwrap();
                let words = ["{\"repeat\":1,\"times\":9},", "[", "{", "\"seq\":1,", "1e99", "null"];
                harms.iter().for_each(|harm| harm.to(&mut bytes, &words));
                bytes
            }
            What::Values(changes) => {
                let mut value = kept.part(*part);
                changes.iter().for_each(|change| kept.change(change, &mut value));
                serde_json::to_vec(&value).unwrap()
            }
        };
        let recording = file::parse(&bytes, Path::new("run.json"));
        recording.as_ref().is_ok_and(draw)
    });
}

#[test]
fn a_short_file_that_tells_of_much_does_not_fill_the_memory() {
    let kept = Kept::read();
    let told = |bytes: usize, seq: u64, times: usize| {
        let mut value = kept.part((0, 4, 1));
        let data = "AAAA".repeat(bytes / 3);
        value["events"][0]["bytes"] = json!({"len": bytes, "base64": data});
        value["events"][0]["seq"] = json!(seq);
        let events = value["events"].as_array_mut().unwrap();
        events.push(json!({"repeat": 1, "times": times}));
        let file = serde_json::to_vec(&value).unwrap();
        let mut said = String::new();
        let used = crate::memory::used(|| {
            said = match file::parse(&file, Path::new("run.json")) {
                Ok(recording) => format!("{} events", recording.events.len()),
                Err(error) => error.to_string(),
            }
        });
        assert!(used.most < 160 << 20, "{} bytes for a file of {}: {said}", used.most, file.len());
        said
    };
    assert_eq!(told(3, 1, 90_000), "90001 events");
    assert!(told(3, 1, 100_001).ends_with("more than 100000 that come again"));
    assert_eq!(told(30_000, 1, 1_000), "1001 events");
    assert!(told(30_000, 1, 90_000).ends_with("what comes again is longer than 67108864 bytes"));
    assert!(told(3, u64::MAX - 5, 9).ends_with("their `seq` grows too large"));
}

/// In every format that there is.
fn draw(recording: &Recording) -> bool {
    let timeline = timeline(recording);
    for (width, ascii) in [(100, false), (40, false), (80, true)] {
        let drawn = text::text(&timeline, &text::Style { width, color: false, ascii });
        assert!(!ascii || drawn.is_ascii());
    }
    sockets(&timeline, Tool::Ss);
    strace::recording(recording);
    svg::svg(&timeline);
    html::html(&timeline);
    mermaid::mermaid(&timeline);
    file::write(recording);
    recording.events.iter().map(file::jsonl).for_each(drop);
    pcapng::pcapng(recording, &timeline);
    let again = file::parse(file::write_short(recording).as_bytes(), Path::new("again"));
    assert_eq!(again.as_ref().unwrap(), recording);
    true
}

#[derive(Debug)]
enum What {
    Bytes(Vec<Harm>),
    Values(Vec<Change>),
}

/// What somebody may write into a file by hand: at a place in the tree, something else.
#[derive(Clone, Debug)]
struct Change {
    path: [u16; 6],
    with: usize,
}

/// The recordings of all lessons, and one with its packets' bytes.
struct Kept {
    all: Vec<Value>,
    /// What stands behind each key, wherever it stands.
    by_key: BTreeMap<String, Vec<Value>>,
}

impl Kept {
    fn read() -> Kept {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut paths = vec![root.join("tests/fixtures/half-close.json")];
        for lesson in std::fs::read_dir(root.join("lessons")).unwrap().flatten() {
            let files = std::fs::read_dir(lesson.path()).into_iter().flatten().flatten();
            paths.extend(files.map(|file| file.path()).filter(|path| {
                let name = path.file_name().unwrap().to_string_lossy();
                name.starts_with("recording") && name.ends_with(".json")
            }));
        }
        paths[1..].sort();
        let read = |path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let mut all: Vec<Value> = paths.iter().map(read).collect();
        // One of a spin tells of ten thousand events in three lines.
        let events = all.iter_mut().filter_map(|one| one["events"].as_array_mut()).flatten();
        events.filter_map(|event| event.get_mut("times")).for_each(|times| *times = json!(50));
        let mut by_key = BTreeMap::new();
        all.iter().for_each(|value| gather(value, &mut by_key));
        Kept { all, by_key }
    }

    /// A few events of one of them, with what belongs to them, so that a million take less than an hour.
    fn part(&self, (which, first, events): (usize, usize, usize)) -> Value {
        // The one that has packets' bytes is as likely as all others.
        let which = if which.is_multiple_of(2) { 0 } else { which / 2 % self.all.len() };
        let Value::Object(whole) = &self.all[which] else { panic!("no object") };
        let part = whole.iter().map(|(key, value)| {
            let value = match (value, key.as_str()) {
                (Value::Array(items), "events") => {
                    let first = first % items.len();
                    items[first..items.len().min(first + events)].into()
                }
                (Value::Array(items), "frames" | "packets" | "looks") => {
                    let first = first % items.len().max(1);
                    items[first..items.len().min(first + 5)].into()
                }
                _ => value.clone(),
            };
            (key.clone(), value)
        });
        Value::Object(part.collect())
    }

    fn change(&self, change: &Change, value: &mut Value) {
        self.go(&change.path, change.with, "", value);
    }

    fn go(&self, path: &[u16], with: usize, key: &str, at: &mut Value) {
        let Some((&step, rest)) = path.split_first() else {
            return *at = self.other(key, with, at);
        };
        let step = usize::from(step);
        match at {
            Value::Array(items) if !items.is_empty() => {
                let place = step % items.len();
                match step % 17 {
                    3 => items.insert(0, items[place].clone()),
                    5 => drop(items.remove(place)),
                    7 => items.swap(0, place),
                    9 => items.push(json!({"repeat": step % 5, "times": with % 50})),
                    _ => self.go(rest, with, key, &mut items[place]),
                }
            }
            Value::Object(fields) if !fields.is_empty() => {
                let place = step % fields.len();
                if let Some((key, field)) = fields.iter_mut().nth(place) {
                    self.go(rest, with, &key.clone(), field);
                }
            }
            other => *other = self.other(key, with, other),
        }
    }

    /// What stands behind this key elsewhere; else something of the same kind mostly, or the file would only be refused.
    fn other(&self, key: &str, with: usize, old: &Value) -> Value {
        let pick = with / 2;
        if let Some(known) = self.by_key.get(key).filter(|_| with.is_multiple_of(2)) {
            return known[pick % known.len()].clone();
        }
        match old {
            // How much memory many take is another test's.
            Value::Number(_) if key == "times" => json!([-1, 0, 1, 50, i64::MAX][pick % 5]),
            Value::Number(_) => {
                let numbers =
                    [0, 1, -1, 2, 3, 65535, 65536, 1 << 31, u32::MAX.into(), i64::MAX, i64::MIN];
                match pick % (numbers.len() + 1) {
                    0 => json!(u64::MAX),
                    n => json!(numbers[n - 1]),
                }
            }
            Value::String(_) => {
                let long = "x".repeat(3000);
                let texts = [
                    "",
                    "server",
                    "\u{1b}[31m\u{7}",
                    "</script><svg onload=alert(1)>&amp;\"'",
                    "你好\u{202e}\u{200d}👩‍👩‍👧",
                    "\u{0}",
                    "LISTEN",
                    "write",
                    "accept",
                    "AAAA",
                    &long,
                ];
                json!(texts[pick % texts.len()])
            }
            Value::Bool(old) => json!(!old),
            Value::Array(_) => json!([]),
            _ => [Value::Null, json!({}), json!(7)][pick % 3].clone(),
        }
    }
}

fn gather(value: &Value, by_key: &mut BTreeMap<String, Vec<Value>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather(item, by_key)),
        Value::Object(fields) => {
            for (key, value) in fields {
                // Enough of each to choose from; whole lists of events would make every input long.
                if !matches!(value, Value::Array(items) if items.len() > 8) {
                    let known = by_key.entry(key.clone()).or_default();
                    if known.len() < 300 && !known.contains(value) {
                        known.push(value.clone());
                    }
                }
                gather(value, by_key);
            }
        }
        _ => {}
    }
}
