//! Whatever stands where a pattern or a step should is read or refused at a column, and what is read fits or does not.

use std::path::Path;

use proptest::prelude::*;
use socket_lab::error::Error;
use socket_lab::pattern::CallPattern;
use socket_lab::render::json as file;
use socket_lab::scenario::{Plan, Written};
use socket_lab::timeline::timeline;
use unicode_width::UnicodeWidthStr as _;

use crate::harm::{Harm, harms};
use crate::hold;

const PATTERNS: [&str; 16] = [
    "client: recv(conn, ..) > 0",
    "_: recv(listener, ..)",
    "server: bind(_, 127.0.0.1:9999) = 0",
    "connect(_, [::1]:80) = -1 ECONNREFUSED (nobody listens)",
    "server: wait([listener: POLLIN, conn#2: POLLIN|POLLHUP], _) > 0",
    "send(conn, \"\\xe4\\xbd\\xa0\\u597d\\n\", 64) = 7",
    "sendmsg!(.., @name, ..)",
    "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0) != sock",
    "_(..)",
    "read(pipe.r, .., 4096) <= 0x10",
    "fork() = process 2",
    "A: recv(\"b'\", .., \"{text2}'\")",
    "A: sendto(:9999, \"{binary:1024}\")",
    "A: send(\"{long}\", split)",
    "server: stdin(\"{clients} {n} {utf8}\")",
    "time: pass(2.5s)",
];

const WORDS: [&str; 24] = [
    "(",
    ")",
    "[",
    "]",
    "..",
    ", ",
    "_",
    ":",
    "\"",
    "\\",
    "\\u{10ffff}",
    "\\x",
    " = -1 ",
    "conn#2",
    "|",
    "0x",
    "-",
    "你",
    "{text",
    "}",
    "$",
    "1e308s",
    "18446744073709551616",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// What becomes of a line.
const MOST: isize = 1 << 16;

fn texts() -> impl Strategy<Value = String> {
    let harmed = (any::<usize>(), harms()).prop_map(|(which, harms): (usize, Vec<Harm>)| {
        let mut bytes = PATTERNS[which % PATTERNS.len()].as_bytes().to_vec();
        harms.iter().for_each(|harm| harm.to(&mut bytes, &WORDS));
        String::from_utf8_lossy(&bytes).into_owned()
    });
    let joined = prop::collection::vec(0..WORDS.len(), 0..12)
        .prop_map(|words| words.into_iter().map(|word| WORDS[word]).collect::<String>());
    let any = "[a-z_!:(){}\\[\\].,\"\\\\ =<>0-9#|P@/$é…-]{0,40}";
    prop_oneof![6 => harmed, 1 => joined.prop_map(|text| format!("recv({text}")), 1 => any]
}

#[test]
fn whatever_stands_for_a_pattern_is_read_or_refused_where_it_is_wrong() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/half-close.json");
    let recording = file::parse(&std::fs::read(&fixture).unwrap(), &fixture).unwrap();
    let rows = timeline(&recording).rows;
    hold(4000, texts(), (30, MOST), |text| match text.parse::<CallPattern>() {
        Ok(pattern) => {
            for row in &rows {
                pattern.matches(row);
                pattern.matches_begun(row);
                pattern.matches_waiting(row);
            }
            true
        }
        Err(error) => {
            is_within(text, &error);
            false
        }
    });
}

#[test]
fn whatever_stands_for_a_step_is_read_or_refused_where_it_is_wrong() {
    hold(4000, texts(), (100, MOST), |text| {
        let written = Written { name: "a".into(), steps: vec![text.clone()], ..Default::default() };
        let plan = Plan::read(written).map_err(|(_, error)| is_within(text, &error));
        plan.is_ok()
    });
}

/// The column of a mistake is one of the text, or the one behind it.
fn is_within(text: &str, error: &Error) {
    let Error::Pattern { column, .. } = error else { panic!("{error}") };
    assert!(*column <= text.width() + 1, "column {column} of `{text}`");
}
