//! What `lab check` costs, as a learner meets it: the whole command, with programs that are built.
//!
//! ```text
//! cargo bench --profile dev --bench check              lessons 1 to 3
//! cargo bench --profile dev --bench check -- 3 7..9    others
//! ```
//!
//! The profile is that of the lab that learners run.
//!
//! Of each lesson's exercise and of its first solution: the verdict in fair weather, and all scenarios in all weathers.
//! The shortest of three times counts, since whatever else the machine does can only make one longer; `cpu` is the
//! processor time of the lab and of everything that it started, in the same run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const TIMES: u32 = 3;

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wanted: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    if wanted.is_empty() {
        wanted.push("1..3".into());
    }
    println!(
        "{:<24}{:<12}{:>10}{:>10}{:>10}{:>10}",
        "lesson", "program", "fair", "cpu", "all", "cpu"
    );
    let mut total = [Duration::ZERO; 4];
    for lesson in lessons(root, &wanted) {
        for (name, bin) in programs(&lesson) {
            // Builds it, and says whether there is something to check.
            let Some(binary) = built(root, &lesson, &bin) else { continue };
            let role = graded_role(&lesson);
            let program = format!("{} {role}", shell_words::quote(&binary));
            let number: u32 = number(&lesson);
            let time = |weather: &str| {
                (0..TIMES).map(|_| check(root, number, &program, weather)).min().unwrap_or_default()
            };
            let ((fair, fair_cpu), (all, all_cpu)) = (time("none"), time("all"));
            let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
            let lesson = lesson.file_name().unwrap_or_default().to_string_lossy();
            println!(
                "{lesson:<24}{name:<12}{:>10}{:>10}{:>10}{:>10}",
                seconds(fair),
                seconds(fair_cpu),
                seconds(all),
                seconds(all_cpu)
            );
            for (sum, time) in total.iter_mut().zip([fair, fair_cpu, all, all_cpu]) {
                *sum += time;
            }
        }
    }
    let [fair, fair_cpu, all, all_cpu] = total.map(|time| format!("{:.2} s", time.as_secs_f64()));
    println!("{:<36}{fair:>10}{fair_cpu:>10}{all:>10}{all_cpu:>10}", "in all");
}

/// The folders of the lessons whose numbers are asked for: `3`, `1..3`.
fn lessons(root: &Path, wanted: &[String]) -> Vec<PathBuf> {
    let is_wanted = |number: u32| {
        wanted.iter().any(|word| match word.split_once("..") {
            Some((first, last)) => {
                let bound = |text: &str| text.parse::<u32>().expect("a range is two numbers");
                (bound(first)..=bound(last)).contains(&number)
            }
            None => word.parse() == Ok(number),
        })
    };
    let entries = fs::read_dir(root.join("lessons")).expect("there are lessons");
    let mut folders: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|folder| folder.join("lesson.toml").exists() && is_wanted(number(folder)))
        .collect();
    folders.sort();
    folders
}

fn number(lesson: &Path) -> u32 {
    let name = lesson.file_name().unwrap_or_default().to_string_lossy();
    name.split('-').next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The exercise and the first solution, each with the name of its binary.
fn programs(lesson: &Path) -> Vec<(&'static str, String)> {
    let name = lesson.file_name().unwrap_or_default().to_string_lossy();
    let solutions = fs::read_dir(lesson.join("solutions")).into_iter().flatten().flatten();
    let first = solutions
        .filter_map(|entry| Some(entry.path().file_stem()?.to_string_lossy().into_owned()));
    let mut all = vec![("exercise", format!("{name}-exercise"))];
    all.extend(first.min().map(|stem| ("solution", format!("{name}-solution-{stem}"))));
    all
}

fn built(root: &Path, lesson: &Path, bin: &str) -> Option<String> {
    let name = lesson.file_name()?.to_string_lossy();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "-q", "-p", &format!("lesson-{name}"), "--bin", bin]).current_dir(root);
    if !cargo.status().ok()?.success() {
        return None;
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    Some(target.join("debug").join(bin).to_string_lossy().into_owned())
}

fn graded_role(lesson: &Path) -> String {
    let text = fs::read_to_string(lesson.join("lesson.toml")).expect("lesson.toml");
    let graded = text.lines().find_map(|line| line.strip_prefix("grades"));
    graded.unwrap_or_default().trim_matches([' ', '=', '"']).into()
}

/// How long one check takes, in real time and in processor time.
fn check(root: &Path, number: u32, program: &str, weather: &str) -> (Duration, Duration) {
    let before = children_cpu();
    let began = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["check", &number.to_string(), "--bin", program, "--seed", "1", "--weather", weather])
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("lab starts");
    let took = began.elapsed();
    assert_ne!(status.code(), Some(2), "lesson {number} could not be checked");
    (took, children_cpu().saturating_sub(before))
}

/// Processor time of all children that have ended so far, and of theirs.
fn children_cpu() -> Duration {
    // SAFETY: rusage is plain data, which getrusage fills.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage);
        usage
    };
    let time = |it: libc::timeval| {
        Duration::from_secs(it.tv_sec as u64) + Duration::from_micros(it.tv_usec as u64)
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}
