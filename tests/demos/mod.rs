//! The lessons' demos, played by whatever program and as whoever a test likes.

// Each test uses what it needs.
#![allow(dead_code)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use socket_lab::catalogue::{Demo, Lesson};
use socket_lab::event::Recording;
use socket_lab::play::check::weathers;
use socket_lab::play::{Begin, Input, Part, Request, Scene, Wanted};
use socket_lab::render::json;
use socket_lab::{sandbox, tracer};

/// The lab of this build.
pub fn lab() -> Command {
    Command::new(env!("CARGO_BIN_EXE_lab"))
}

/// The path of a demo's program, built; `None` where nothing can be traced.
pub fn program(root: &Path, lesson: &Lesson, demo: &Demo) -> Option<String> {
    let mut run = lab();
    run.args(["run", &lesson.name, "--as", "json"]).current_dir(root);
    if let Some(variant) = &demo.variant {
        run.args(["--variant", variant.as_ref()]);
    }
    let output = run.output().expect("lab starts");
    let told = String::from_utf8_lossy(&output.stderr);
    if told.contains("this machine cannot give the run") {
        let _ = writeln!(std::io::stderr(), "skipped: {}: {told}", lesson.name);
        return None;
    }
    if output.status.code() == Some(2) {
        let doctor = lab().arg("doctor").output().unwrap();
        assert_ne!(doctor.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        return None;
    }
    let recording = json::parse(&output.stdout, Path::new("recording")).unwrap();
    Some(recording.roles[0].command[0].clone())
}

/// The demo of a lesson, each role played by the command for it and its name.
pub fn played(
    mut lab: Command,
    lesson: &Lesson,
    demo: &Demo,
    command: impl Fn(&str) -> Vec<String>,
) -> Recording {
    let parts = demo.roles.iter().map(|role| {
        let name = role.name.as_ref().clone();
        let mut command = command(&name);
        command.push(name.clone());
        let begin = role.after.as_ref().map(|after| Begin::After(after.as_ref().clone()));
        Part {
            name,
            command,
            env: vec![("PYTHONDONTWRITEBYTECODE".into(), "1".into())],
            begin: begin.unwrap_or(Begin::AtOnce),
            ends: Some(role.ends),
            input: match role.stdin.is_empty() {
                true => Input::Idle,
                false => Input::Lines(role.stdin.clone()),
            },
        }
    });
    let request = Request {
        lesson: Some(lesson.name.clone()),
        roles: parts.collect(),
        tracer: tracer::Settings {
            weather: weathers(lesson, demo.weather.as_slice()).unwrap().pop(),
            ..tracer::Settings::default()
        },
        sandbox: sandbox::Settings::of_a_lesson(),
        wanted: Wanted::Recording,
        scenario: lesson.demo_plan(demo).unwrap().map(|plan| Scene { plan, seed: 1 }),
    };
    let mut lab = lab
        .arg("play-request")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let request = serde_json::to_vec(&request).unwrap();
    lab.stdin.take().unwrap().write_all(&request).unwrap();
    let output = lab.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    json::parse(&output.stdout, Path::new("recording"))
        .unwrap_or_else(|error| panic!("{}: {error}: {stderr}", lesson.name))
}
