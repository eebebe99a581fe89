//! Which rows of the sources the lessons reach: every program is played, every quirk can be seen in a recording.
//!
//! `lessons/rows.tsv` says which lessons are to reach a row; a lesson says in its lesson.toml what it `covers`, which
//! programs its roles are (`plays`) and what its demo and the variants of it let one see (`shows`). A row of which a
//! lesson is still to be written is listed as open, and fails once all its lessons stand.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;

use socket_lab::catalogue::{Catalogue, Lesson};

/// One line of rows.tsv.
struct Row {
    id: String,
    kind: String,
    lessons: BTreeSet<u32>,
}

/// Quirks of the sources' words, which no run can show: a comment, a table, imports that were left out.
const IN_WORDS: [&str; 3] = ["S0.18", "S1.97", "S1.98"];

#[test]
fn a_row_whose_lessons_stand_is_reached_by_one_of_them() {
    let (lessons, rows) = (lessons(), rows());
    let covered = said(&lessons, |lesson| lesson.covers.iter().collect());
    report(&rows, &covered);
    let missed = due(&rows, &lessons).filter(|row| !is_in(&covered, row));
    assert_eq!(names(missed), "", "no lesson of theirs covers them");
}

#[test]
fn every_program_of_the_sources_is_played_by_a_role() {
    let (lessons, rows) = (lessons(), rows());
    let played = said(&lessons, |lesson| {
        let roles = lesson.demos.iter().flat_map(|demo| &demo.roles);
        roles.flat_map(|role| &role.plays).collect()
    });
    let programs = due(&rows, &lessons).filter(|row| row.kind == "P");
    assert_eq!(names(programs.filter(|row| !is_in(&played, row))), "", "no role plays them");
}

#[test]
fn every_quirk_of_the_sources_can_be_seen_in_a_recording() {
    let (lessons, rows) = (lessons(), rows());
    let shown = said(&lessons, |lesson| lesson.demos.iter().flat_map(|demo| &demo.shows).collect());
    let quirks =
        due(&rows, &lessons).filter(|row| row.kind == "Q" && !IN_WORDS.contains(&row.id.as_str()));
    assert_eq!(names(quirks.filter(|row| !is_in(&shown, row))), "", "no recording shows them");
}

#[test]
fn lessons_speak_of_rows_that_there_are() {
    let known: BTreeSet<String> = rows().into_iter().map(|row| row.id).collect();
    for lesson in lessons() {
        let demos = lesson.demos.iter();
        let plays = demos.clone().flat_map(|demo| &demo.roles).flat_map(|role| &role.plays);
        for id in lesson.covers.iter().chain(plays).chain(demos.flat_map(|demo| &demo.shows)) {
            assert!(known.contains(id), "{}: there is no row {id}", lesson.name);
            assert!(lesson.covers.contains(id), "{}: {id} is not in `covers`", lesson.name);
        }
    }
}

fn rows() -> Vec<Row> {
    let text = std::fs::read_to_string(root().join("lessons/rows.tsv")).expect("lessons/rows.tsv");
    let row = |line: &str| {
        let mut columns = line.split('\t');
        let mut column = || columns.next().unwrap_or_else(|| panic!("three columns: {line}"));
        let (id, kind, lessons) = (column().to_owned(), column().to_owned(), column());
        let number = |name: &str| name.trim_start_matches('L').parse().expect("a lesson's number");
        Row { id, kind, lessons: lessons.split_whitespace().map(number).collect() }
    };
    text.lines().filter(|line| !line.starts_with('#')).map(row).collect()
}

fn lessons() -> Vec<Lesson> {
    let catalogue = Catalogue::open(root()).expect("the lab's own lessons");
    catalogue.read_all().into_iter().map(|lesson| lesson.expect("a lesson")).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rows that lessons speak of in one way, with the numbers of those lessons.
fn said(
    lessons: &[Lesson],
    rows: impl Fn(&Lesson) -> Vec<&String>,
) -> BTreeMap<String, BTreeSet<u32>> {
    let mut said: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for lesson in lessons {
        for row in rows(lesson) {
            said.entry(row.clone()).or_default().insert(lesson.number);
        }
    }
    said
}

/// The rows all of whose lessons stand.
fn due<'a>(rows: &'a [Row], lessons: &[Lesson]) -> impl Iterator<Item = &'a Row> {
    let stand: BTreeSet<u32> = lessons.iter().map(|lesson| lesson.number).collect();
    rows.iter().filter(move |row| row.lessons.is_subset(&stand))
}

/// Whether one of a row's own lessons says it.
fn is_in(said: &BTreeMap<String, BTreeSet<u32>>, row: &Row) -> bool {
    said.get(&row.id).is_some_and(|lessons| !lessons.is_disjoint(&row.lessons))
}

fn names<'a>(rows: impl Iterator<Item = &'a Row>) -> String {
    rows.map(|row| row.id.as_str()).collect::<Vec<_>>().join(" ")
}

/// What is reached and what is open, where a passing test's output is seen as well.
fn report(rows: &[Row], covered: &BTreeMap<String, BTreeSet<u32>>) {
    let (reached, open): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| is_in(covered, row));
    let told = format!(
        "{} of {} rows of the sources are reached; open: {}\n",
        reached.len(),
        rows.len(),
        names(open.into_iter())
    );
    let _ = std::io::stderr().write_all(told.as_bytes());
}
