//! Every lesson's demo, played and compared with the golden timeline beside it.
//!
//! `LAB_REPEAT=50 cargo test --test lessons` plays each as often, and every recording must be the same.
//! After a change that is meant, `INSTA_UPDATE=always` writes the timelines anew, `LAB_ACCEPT=1` the pictures and the
//! recordings, from which the book is made: read their difference.

use std::collections::BTreeSet;
use std::fmt::{Display, Formatter};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use socket_lab::catalogue::{self, Catalogue, Lesson};
use socket_lab::event::Recording;
use socket_lab::render::{json, svg, text};
use socket_lab::timeline::timeline;

mod demos;

#[test]
fn every_lesson_plays_as_its_golden_timeline_says() {
    let mut changed = Vec::new();
    for demo in demos() {
        let recording = play(&demo);
        if !recording.isolation.lacking.is_empty() {
            // Without a network of its own a run has neither packets nor a state after each call.
            return skipped(&recording.isolation.lacking.join(", "));
        }
        let drawn = draw(&recording);
        let compare = || {
            insta::with_settings!({
                snapshot_path => root().join("lessons").join(&demo.lesson),
                prepend_module_to_snapshot => false,
                omit_expression => true,
            }, { insta::assert_snapshot!(demo.golden.as_str(), drawn) });
        };
        // All lessons are compared, so that a change is seen whole.
        if catch_unwind(AssertUnwindSafe(compare)).is_err() {
            changed.push(demo.to_string());
        }
    }
    assert!(changed.is_empty(), "other than their golden timelines: {}", changed.join(", "));
}

#[test]
fn every_lesson_is_drawn_as_its_golden_picture_says() {
    let mut changed = Vec::new();
    for demo in demos() {
        let recording = play(&demo);
        if !recording.isolation.lacking.is_empty() {
            let lacking = recording.isolation.lacking.join(", ");
            let _ = writeln!(std::io::stderr(), "skipped: the picture of {demo}: {lacking}");
            continue;
        }
        let drawn = svg::svg(&timeline(&recording));
        let picture = demo.picture();
        if std::env::var_os("LAB_ACCEPT").is_some() {
            fs::write(&picture, &drawn).unwrap();
        }
        if fs::read_to_string(&picture).ok().as_ref() != Some(&drawn) {
            changed.push(picture.display().to_string());
        }
        // What stands between two tags, so no measure of the picture.
        let texts: Vec<&str> =
            drawn.split('<').filter_map(|tag| Some(tag.split_once('>')?.1)).collect();
        assert_eq!(facts(&texts.join("\n"), &recording), [""; 0], "{demo}: a fact of the machine");
    }
    assert!(
        changed.is_empty(),
        "other than drawn, which LAB_ACCEPT=1 writes anew: {}",
        changed.join(", ")
    );
}

#[test]
fn every_golden_recording_is_what_the_demo_does() {
    let mut changed = Vec::new();
    for demo in demos() {
        let played = play(&demo);
        if !played.isolation.lacking.is_empty() {
            return skipped(&played.isolation.lacking.join(", "));
        }
        let path = demo.recording();
        if std::env::var_os("LAB_ACCEPT").is_some() {
            fs::write(&path, json::write_short(&played.to_keep())).unwrap();
        }
        match kept(&demo) {
            // Where the kernel has other calls, the same program makes others.
            Some(kept) if kept.arch != played.arch => {
                return skipped(&format!("the golden recordings are of {}", kept.arch));
            }
            Some(kept) if kept.same_as(&played.to_keep()) => {}
            _ => changed.push(path.display().to_string()),
        }
    }
    assert!(
        changed.is_empty(),
        "other than played, which LAB_ACCEPT=1 writes anew: {}",
        changed.join(", ")
    );
}

#[test]
fn a_golden_recording_is_drawn_as_its_golden_timeline_and_picture() {
    for demo in demos() {
        let kept = kept(&demo).unwrap_or_else(|| panic!("no {}", demo.recording().display()));
        assert_eq!(draw(&kept).trim_end(), golden(&demo), "{demo}: the timeline");
        let picture = fs::read_to_string(demo.picture()).unwrap();
        assert_eq!(svg::svg(&timeline(&kept)), picture, "{demo}: the picture");
    }
}

#[test]
fn a_golden_recording_has_nothing_of_who_made_it() {
    let mut played = play(&demos()[0]);
    played.events[0].pid = 4321;
    let text = json::write(&played.to_keep());
    for fact in ["4321", env!("CARGO_MANIFEST_DIR"), played.kernel.as_str(), "frames"] {
        assert!(!text.contains(fact), "{fact}");
    }
    assert!(played.same_as(&played.without_machine_facts()));
}

#[test]
fn every_picture_and_recording_is_of_a_demo() {
    let of_demo = |demo: &Demo| [demo.picture(), demo.recording()];
    let known: Vec<PathBuf> = demos().iter().flat_map(of_demo).collect();
    let folders: BTreeSet<&Path> = known.iter().filter_map(|picture| picture.parent()).collect();
    for folder in folders {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_golden = name.ends_with(".svg") || name.starts_with("recording");
            assert!(!is_golden || known.contains(&path), "{}: of no demo", path.display());
        }
    }
}

#[test]
fn a_lesson_is_recorded_the_same_every_time() {
    for lesson in demos() {
        let first = play(&lesson);
        for time in 2..=repeats() + 1 {
            let again = play(&lesson);
            // Drawn first: where they differ there, a person sees how.
            assert_eq!(draw(&again), draw(&first), "{lesson}: time {time} is drawn otherwise");
            if !first.isolation.lacking.is_empty() {
                // The machine's ports are not the run's to choose; a timeline masks them.
                continue;
            }
            assert!(again.same_as(&first), "{lesson}: time {time} is recorded otherwise");
        }
    }
}

#[test]
fn a_lesson_that_prints_the_time_prints_the_same_in_every_zone() {
    let stamped: Vec<_> =
        demos().into_iter().filter(|demo| draw(&play(demo)).contains("2030")).collect();
    assert!(!stamped.is_empty(), "no lesson prints the time");
    for demo in stamped {
        let far = play_in("Asia/Tokyo", &demo);
        assert_eq!(draw(&far), draw(&play(&demo)), "{demo}");
    }
}

#[test]
fn no_fact_of_a_machine_gets_into_a_golden_file() {
    for lesson in demos() {
        let recording = play(&lesson);
        if !recording.isolation.lacking.is_empty() {
            return skipped(&recording.isolation.lacking.join(", "));
        }
        let found = facts(&draw(&recording), &recording);
        assert!(found.is_empty(), "{lesson}: {}", found.join(", "));
        let verdicts = root().join("lessons").join(&lesson.lesson).join("verdicts.snap");
        let found = facts(&fs::read_to_string(verdicts).unwrap(), &recording);
        assert!(found.is_empty(), "{lesson}: verdicts.snap: {}", found.join(", "));
    }
}

#[test]
fn a_timeline_knows_neither_who_recorded_it_nor_the_machines_ports() {
    use std::os::unix::process::CommandExt as _;
    let catalogue = Catalogue::open(root()).unwrap();
    // Somebody else can read neither this folder nor what is built in it.
    let shared = tempfile::tempdir().unwrap();
    fs::set_permissions(shared.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copied = |from: &str, name: &str| {
        let to = shared.path().join(name);
        // By another process: a file that a child of this one still has open for writing is not executed (ETXTBSY).
        assert!(Command::new("cp").arg(from).arg(&to).status().unwrap().success());
        to.display().to_string()
    };
    let lab = copied(env!("CARGO_BIN_EXE_lab"), "lab");
    let other_ports =
        "echo 20000 20100 > /proc/sys/net/ipv4/ip_local_port_range && exec \"$0\" \"$@\"";
    type Start<'a> = Box<dyn Fn() -> Command + 'a>;
    let mut ways: Vec<(&str, Start<'_>)> = vec![(
        "with other ports",
        Box::new(|| {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "--net", "sh", "-c", other_ports, &lab]);
            command
        }),
    )];
    // SAFETY: geteuid takes nothing and cannot fail.
    if unsafe { libc::geteuid() } == 0 {
        let somebody = || {
            let mut command = Command::new(&lab);
            command.uid(65534).gid(65534).env("HOME", shared.path()).current_dir("/");
            command
        };
        ways.push(("as somebody else", Box::new(somebody)));
    }
    for (way, lab) in ways {
        let skipped = |why: &str| skipped(&format!("{way}: {why}"));
        if !lab().arg("--version").output().is_ok_and(|said| said.status.success()) {
            skipped("it cannot be had here");
            continue;
        }
        for lesson in catalogue.read_all().into_iter().map(|it| it.expect("a lesson")) {
            let plain = lesson.demo(None).unwrap();
            let Some(program) = demos::program(root(), &lesson, plain) else { return };
            let program = copied(&program, &lesson.name);
            let played = demos::played(lab(), &lesson, plain, |_| vec![program.clone()]);
            if !played.isolation.lacking.is_empty() {
                // Which a timeline says in its second line.
                skipped("namespaces are refused");
                break;
            }
            let told = draw(&played);
            let demo = Demo { lesson: lesson.name.clone(), variant: None, golden: plain.golden() };
            assert_eq!(told.trim_end(), golden(&demo), "{}: {way}", lesson.name);
        }
    }
}

#[test]
fn a_recording_says_where_programs_lie_in_its_header_only() {
    for lesson in demos() {
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
    assert_eq!(shown.trim_end(), golden(&demos()[0]), "README.md and the golden timeline differ");
}

#[test]
fn facts_of_a_machine_are_found() {
    let mut recording = play(&demos()[0]);
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

fn skipped(why: &str) {
    let _ = std::io::stderr().write_all(format!("skipped: {why}\n").as_bytes());
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A lesson's demo, or a variant of it.
struct Demo {
    lesson: String,
    variant: Option<String>,
    golden: String,
}

impl Demo {
    /// The file of its golden picture: `picture.svg`, `picture.VARIANT.svg`.
    fn picture(&self) -> PathBuf {
        self.beside("picture", "svg")
    }

    /// The file of its golden recording: `recording.json`, `recording.VARIANT.json`.
    fn recording(&self) -> PathBuf {
        self.beside("recording", "json")
    }

    fn beside(&self, what: &str, ending: &str) -> PathBuf {
        let name = self.golden.replacen("timeline", what, 1);
        root().join("lessons").join(&self.lesson).join(format!("{name}.{ending}"))
    }
}

/// A demo's golden recording.
fn kept(demo: &Demo) -> Option<Recording> {
    let path = demo.recording();
    let bytes = fs::read(&path).ok()?;
    Some(json::parse(&bytes, &path).unwrap_or_else(|error| panic!("{error}")))
}

impl Display for Demo {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.lesson, self.golden)
    }
}

/// All demos and their variants, of which there is at least one.
fn demos() -> Vec<Demo> {
    let catalogue = Catalogue::open(root()).expect("the lab's own lessons");
    let lessons: Vec<_> =
        catalogue.read_all().into_iter().map(|it| it.expect("a lesson")).collect();
    assert!(!lessons.is_empty(), "there are no lessons");
    let of_lesson = |lesson: &Lesson| -> Vec<Demo> {
        let demo = |demo: &catalogue::Demo| Demo {
            lesson: lesson.name.clone(),
            variant: demo.variant.as_ref().map(|name| name.as_ref().clone()),
            golden: demo.golden(),
        };
        lesson.demos.iter().map(demo).collect()
    };
    let plays = |lesson: &&Lesson| *IS_ISOLATED || !needs_its_own(lesson);
    lessons.iter().filter(plays).flat_map(of_lesson).collect()
}

/// Whether runs have namespaces of their own here.
static IS_ISOLATED: LazyLock<bool> = LazyLock::new(|| {
    let first = Demo { lesson: "01-one-shot".into(), variant: None, golden: "timeline".into() };
    play(&first).isolation.lacking.is_empty()
});

/// Whether it is refused where runs have none of what is the machine's.
fn needs_its_own(lesson: &Lesson) -> bool {
    let needs = lesson.names.is_some() || lesson.network.is_some() || lesson.icmp;
    if needs {
        skipped(&format!("{}: it needs a network and names of its own", lesson.name));
    }
    needs
}

fn repeats() -> usize {
    std::env::var("LAB_REPEAT").map_or(1, |times| times.parse().expect("LAB_REPEAT is a number"))
}

/// One run of a lesson's demo, in a process of its own as users make it.
fn play(demo: &Demo) -> Recording {
    play_in("UTC0", demo)
}

/// The same on a machine in this zone.
fn play_in(zone: &str, demo: &Demo) -> Recording {
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
    lab.env("TZ", zone);
    lab.args(["run", &demo.lesson, "--as", "json"]).current_dir(root());
    lab.args(demo.variant.iter().flat_map(|name| ["--variant", name]));
    let output = lab.output().expect("lab starts");
    let stderr = String::from_utf8_lossy(&output.stderr);
    // A variant may show how a program fails.
    let holds = output.status.code() == Some(0);
    let fails = demo.variant.is_some() && output.status.code() == Some(1);
    assert!(holds || fails, "{demo}: {}: {stderr}", output.status);
    let recording = json::parse(&output.stdout, &PathBuf::from(&demo.lesson));
    let recording = recording.unwrap_or_else(|error| panic!("{error}"));
    let unmet: Vec<_> = recording.steps.iter().filter(|step| step.unmet.is_some()).collect();
    assert!(unmet.is_empty(), "{demo}: {unmet:?}");
    recording
}

/// As the book shows it.
fn draw(recording: &Recording) -> String {
    text::text(&timeline(recording), &text::Style::default())
}

/// What a golden timeline holds below its header.
fn golden(demo: &Demo) -> String {
    let path = root().join("lessons").join(&demo.lesson).join(format!("{}.snap", demo.golden));
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
        let port = (32768..=60999).contains(&number)
            && number & (number - 1) != 0
            // The beginning of a longer one, where the line is full.
            && !text.contains(&format!("{word}…"));
        // Below that it may be anything: in a namespace of their own processes count from 1.
        let pid =
            number > 300 && recording.events.iter().any(|it| [it.pid, it.tid].contains(&number));
        if port || pid {
            found.push(word.to_string());
        }
    }
    // What is there on every machine: the program itself.
    let text = &text.replace("/proc/self/exe", "");
    let places = ["/tmp/", "/home/", "/root/", "/proc/", "/dev/pts/", env!("CARGO_MANIFEST_DIR")];
    found.extend(places.iter().filter(|place| text.contains(**place)).map(|it| it.to_string()));
    let is_time = |word: &&str| {
        let parts: Vec<&str> = word.split(':').collect();
        let two = |part: &&str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        // The lab's own clock begins at midnight, in every run and in every zone.
        parts.len() == 3 && parts.iter().all(two) && !word.starts_with("00:00:")
    };
    let words = text.split(|c: char| !c.is_ascii_digit() && c != ':');
    found.extend(words.filter(is_time).map(String::from));
    found
}
