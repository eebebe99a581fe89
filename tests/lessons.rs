//! Every lesson's demo, played and compared with the golden timeline beside it.
//!
//! `LAB_REPEAT=50 cargo test --test lessons` plays each as often, and every recording must be the same.
//! After a change that is meant, `INSTA_UPDATE=always` writes the timelines anew: read their difference.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use socket_lab::catalogue::Catalogue;
use socket_lab::event::Recording;
use socket_lab::render::{json, text};
use socket_lab::timeline::timeline;

#[test]
fn every_lesson_plays_as_its_golden_timeline_says() {
    let mut changed = Vec::new();
    for lesson in lessons() {
        let drawn = draw(&play(&lesson));
        let compare = || {
            insta::with_settings!({
                snapshot_path => root().join("lessons").join(&lesson),
                prepend_module_to_snapshot => false,
                omit_expression => true,
            }, { insta::assert_snapshot!("timeline", drawn) });
        };
        // All lessons are compared, so that a change is seen whole.
        if catch_unwind(AssertUnwindSafe(compare)).is_err() {
            changed.push(lesson);
        }
    }
    assert!(changed.is_empty(), "other than their timeline.snap: {}", changed.join(", "));
}

#[test]
fn a_lesson_is_recorded_the_same_every_time() {
    for lesson in lessons() {
        let first = play(&lesson);
        for time in 2..=repeats() + 1 {
            let again = play(&lesson);
            // Drawn first: where they differ there, a person sees how.
            assert_eq!(draw(&again), draw(&first), "{lesson}: time {time} is drawn otherwise");
            assert!(again.same_as(&first), "{lesson}: time {time} is recorded otherwise");
        }
    }
}

#[test]
fn no_fact_of_a_machine_gets_into_a_timeline() {
    for lesson in lessons() {
        let recording = play(&lesson);
        let found = facts(&draw(&recording), &recording);
        assert!(found.is_empty(), "{lesson}: {}", found.join(", "));
    }
}

#[test]
fn a_recording_says_where_programs_lie_in_its_header_only() {
    for lesson in lessons() {
        let recording = play(&lesson).without_machine_facts();
        let events: String = recording.events.iter().map(json::jsonl).collect();
        let rest = format!("{events}{:?}{:?}", recording.sockets, recording.end);
        let folder = Path::new(&recording.roles[0].command[0]).parent().unwrap();
        for place in [root(), folder] {
            let place = place.to_str().unwrap();
            assert!(!rest.contains(place), "{lesson}: {place} is in its events");
        }
    }
}

#[test]
fn the_readme_shows_the_first_lessons_timeline() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let marked: Vec<&str> = readme.split("<!-- timeline -->\n").collect();
    assert_eq!(marked.len(), 3, "README.md: the picture stands between two marks");
    let shown = marked[1].strip_prefix("```text\n").and_then(|text| text.strip_suffix("```\n"));
    let shown = shown.expect("README.md: the picture is a block of text");
    assert_eq!(shown.trim_end(), golden(&lessons()[0]), "README.md and the golden timeline differ");
}

#[test]
fn facts_of_a_machine_are_found() {
    let mut recording = play(&lessons()[0]);
    recording.events[0].pid = 4321;
    for (text, fact) in [
        ("accept(listener, 127.0.0.1:41000) = conn", "41000"),
        ("write(stdout, \"peer ('127.0.0.1', 50123)\")", "50123"),
        ("kill(4321, SIGTERM) = 0", "4321"),
        ("connect(sock, /tmp/x.sock) = 0", "/tmp/"),
        ("write(stdout, \"12:31:07\")", "12:31:07"),
    ] {
        assert_eq!(facts(text, &recording), [fact], "{text}");
    }
    let harmless = "recv(conn, 65536) = 1000000 at 127.0.0.1:9999, P1, 32768, 3/4, 12:31";
    assert_eq!(facts(harmless, &recording), [""; 0]);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of all lessons, of which there is at least one.
fn lessons() -> Vec<String> {
    let catalogue = Catalogue::open(root()).expect("the lab's own lessons");
    assert!(!catalogue.names().is_empty(), "there are no lessons");
    catalogue.names().iter().map(|name| name.whole.clone()).collect()
}

fn repeats() -> usize {
    std::env::var("LAB_REPEAT").map_or(1, |times| times.parse().expect("LAB_REPEAT is a number"))
}

/// One run of a lesson's demo, in a process of its own as users make it.
fn play(lesson: &str) -> Recording {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    let output = lab.args(["run", lesson, "--as", "json"]).current_dir(root()).output();
    let output = output.expect("lab starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{lesson}: {}: {stderr}", output.status);
    json::parse(&output.stdout, &PathBuf::from(lesson)).unwrap_or_else(|error| panic!("{error}"))
}

/// As the book shows it.
fn draw(recording: &Recording) -> String {
    text::text(&timeline(recording), &text::Style::default())
}

/// What a lesson's timeline.snap holds below its header.
fn golden(lesson: &str) -> String {
    let path = root().join("lessons").join(lesson).join("timeline.snap");
    let text = fs::read_to_string(&path).unwrap_or_else(|_| panic!("no {}", path.display()));
    let body = text.splitn(3, "---\n").nth(2).expect("a header between two lines of ---");
    body.trim_end().to_string()
}

/// What would be different on another machine or at another moment.
fn facts(text: &str, recording: &Recording) -> Vec<String> {
    let mut found = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_alphanumeric()) {
        let Ok(number) = word.parse::<i32>() else { continue };
        // The kernel's usual choice of source ports (ip(7), ip_local_port_range). A power of two is a size.
        let port = (32768..=60999).contains(&number) && number & (number - 1) != 0;
        // Below that it may be anything: in a namespace of their own processes count from 1.
        let pid =
            number > 300 && recording.events.iter().any(|it| [it.pid, it.tid].contains(&number));
        if port || pid {
            found.push(word.to_string());
        }
    }
    let places = ["/tmp/", "/home/", "/root/", "/proc/", "/dev/pts/", env!("CARGO_MANIFEST_DIR")];
    found.extend(places.iter().filter(|place| text.contains(**place)).map(|it| it.to_string()));
    let is_time = |word: &&str| {
        let parts: Vec<&str> = word.split(':').collect();
        let two = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        parts.len() == 3 && parts.iter().all(two)
    };
    let words = text.split(|c: char| !c.is_ascii_digit() && c != ':');
    found.extend(words.filter(is_time).map(String::from));
    found
}
