//! Holds the sources to what the house agreed on, by reading them.
//!
//! A finding names file, line and culprit. Sources are read as tokens and comments, so that
//! nothing inside a string counts; every check has a planted fault that it must find.

use std::fs;
use std::path::Path;

use unicode_width::UnicodeWidthStr;

// ---------------------------------------------------------------------------------------------
// What holds.

/// A module uses only those of the rows above its own, and none of its own row.
const LAYERS: [&[&str]; 13] = [
    &["event"],
    &["error"],
    &["decode"],
    &["timeline"],
    &["pattern"],
    &["scenario"],
    &["grade"],
    &["render"],
    &["pack"],
    &["catalogue", "tracer", "wire", "sandbox", "cargo", "progress"],
    &["author", "book", "copy"],
    &["play"],
    &["cli"],
];

/// The tracer defines what it must ask of the kernel's sockets as a trait; wire implements it.
const ALLOWED: [(&str, &str); 1] = [("wire", "tracer")];

/// The rows that map values to values, and what they therefore do not name.
const PURE_ROWS: usize = 8;
const EFFECTS: [&[&str]; 7] = [
    &["std", "fs"],
    &["std", "process"],
    &["std", "env"],
    &["std", "thread"],
    &["nix", "unistd"],
    &["nix", "sys", "ptrace"],
    &["nix", "sys", "wait"],
];

const PRINTS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

const DEMO_LINES: usize = 100;
const DEMO_COLUMNS: usize = 80;

/// A file of a library that a lesson brings along; its columns are rustfmt's.
const LIBRARY_LINES: usize = 150;

#[test]
fn modules_use_only_the_layers_below_them() {
    hold(&["src"], layers);
}

#[test]
fn pure_modules_have_no_effects() {
    hold(&["src"], effects);
}

#[test]
fn nobody_below_cli_prints() {
    hold(&["src"], prints);
}

#[test]
fn nothing_is_left_to_do_outside_the_exercises() {
    hold(&["src", "tests", "benches", "lessons", "Cargo.toml"], left_to_do);
}

#[test]
fn every_module_says_what_it_is() {
    hold(&["src", "tests", "benches", "lessons"], module_doc);
}

#[test]
fn every_unsafe_says_why_it_is_sound() {
    hold(&["src", "tests", "benches", "lessons"], safety);
}

#[test]
fn a_demo_fits_on_two_pages() {
    hold(&["lessons"], demo_size);
}

#[test]
fn a_lessons_own_library_is_in_files_of_three_pages() {
    hold(&["lessons"], library_size);
}

/// Reads the files below these places and fails with everything that the check finds in them.
fn hold(places: &[&str], check: fn(&Source) -> Vec<String>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for place in places {
        read(root, &root.join(place), &mut sources);
    }
    assert!(!sources.is_empty(), "nothing was read below {}", root.display());
    let findings: Vec<String> = sources.iter().flat_map(check).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

/// Collects the Rust and TOML files at or below `path`, fixtures excepted; a place that is not there holds none.
fn read(root: &Path, path: &Path, sources: &mut Vec<Source>) {
    if path.is_dir() {
        // A template is no source yet: tests/author.rs makes one of it.
        let others = ["tests/fixtures", "target", "src/author/template"];
        if others.iter().any(|other| path.ends_with(other)) {
            return;
        }
        let mut inside: Vec<_> =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
        inside.sort();
        inside.iter().for_each(|path| read(root, path, sources));
    } else if path.extension().is_some_and(|end| end == "rs" || end == "toml") && path.is_file() {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap();
        sources.push(Source::new(name, &fs::read_to_string(path).unwrap()));
    }
}

// ---------------------------------------------------------------------------------------------
// The checks.

fn layers(source: &Source) -> Vec<String> {
    let Some(from) = source.module.first() else { return Vec::new() };
    let Some(own) = row(from) else {
        return vec![
            source.finding(1, format!("`{from}` has no layer: give it one in tests/tidy.rs")),
        ];
    };
    let mut findings: Vec<String> = Vec::new();
    for path in &source.paths {
        let Some(to) = path.in_crate(source) else { continue };
        let culprit = match row(to) {
            _ if to == from => continue,
            Some(other) if other < own => continue,
            Some(_) if ALLOWED.contains(&(from.as_str(), to)) => continue,
            Some(_) => format!("`{from}` must not use `{to}`"),
            None if to == "*" => format!("`{from}` must say which modules it uses, not `*`"),
            // Not a module, or one whose own file is found to have no layer.
            None => continue,
        };
        findings.push(source.finding(path.line, culprit));
    }
    // A tree of `use` names its module once for each leaf.
    findings.dedup();
    findings
}

fn row(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

fn effects(source: &Source) -> Vec<String> {
    let Some(module) = source.module.first() else { return Vec::new() };
    if row(module).is_none_or(|row| row >= PURE_ROWS) {
        return Vec::new();
    }
    let has_effect = |path: &&UsedPath| {
        !path.in_tests
            && EFFECTS.iter().any(|effect| {
                path.names.iter().zip(*effect).all(|(a, b)| a == b)
                    && path.names.len() >= effect.len()
            })
    };
    let paths = source.paths.iter().filter(has_effect);
    paths
        .map(|path| {
            source.finding(path.line, format!("`{module}` is pure: no {}", path.names.join("::")))
        })
        .collect()
}

fn prints(source: &Source) -> Vec<String> {
    let top = source.module.first().is_none_or(|module| module == "cli");
    if top {
        return Vec::new();
    }
    let code = &source.code;
    let text = |at: usize| code.get(at).map_or("", |token: &Token| token.text.as_str());
    let mut findings = Vec::new();
    for (at, token) in code.iter().enumerate().filter(|(_, token)| !token.in_tests) {
        let name = token.text.as_str();
        if PRINTS.contains(&name) && text(at + 1) == "!" {
            findings.push(source.finding(token.line, format!("`{name}!` below cli")));
        }
        // Asking whether it is a terminal prints nothing.
        let stream = name == "stdout" || name == "stderr";
        let called = text(at + 1) == "(" && text(at + 2) == ")" && text(at.wrapping_sub(1)) != ".";
        if stream && called && text(at + 4) != "is_terminal" {
            findings.push(source.finding(token.line, format!("`{name}()` below cli")));
        }
    }
    findings
}

fn left_to_do(source: &Source) -> Vec<String> {
    if source.name.ends_with("/exercise.rs") {
        return Vec::new();
    }
    let is_word = |comment: &str| {
        comment.split(|c: char| !c.is_alphanumeric()).any(|word| word == "TODO" || word == "FIXME")
    };
    let left = source.comments.iter().filter(|comment| is_word(&comment.text));
    left.map(|comment| source.finding(comment.line, comment.text.trim().into())).collect()
}

fn module_doc(source: &Source) -> Vec<String> {
    let first = source.lines.iter().find(|line| !line.trim().is_empty());
    let documented = first.is_some_and(|line| {
        line.strip_prefix("//!").is_some_and(|doc| doc.trim().chars().count() > 2)
    });
    // The program's main file is no module.
    if !source.is_rust() || documented || source.name == "src/main.rs" {
        return Vec::new();
    }
    vec![source.finding(1, "it does not begin with a `//!` line that says what it is".into())]
}

fn safety(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for (at, token) in source.code.iter().enumerate().filter(|(_, token)| token.text == "unsafe") {
        let text = |at: usize| source.code.get(at).map_or("", |token| token.text.as_str());
        let what = text(at + 1);
        // The type of a function pointer is neither a promise nor a use.
        let is_type =
            what == "fn" && text(at + 2) == "(" || text(at + 4) == "(" && what == "extern";
        let matters = matches!(what, "{" | "impl" | "fn" | "extern" | "trait") && !is_type;
        if matters && !is_justified(source, token.line) {
            findings.push(source.finding(token.line, format!("`unsafe {what}` without SAFETY")));
        }
    }
    findings
}

/// Whether a comment with SAFETY stands on this line, on the next, or over the statement that it is part of.
fn is_justified(source: &Source, line: usize) -> bool {
    let justifies = |line: usize| {
        let mut on_line = source.comments.iter().filter(|comment| comment.line == line);
        on_line.any(|comment| comment.text.contains("SAFETY:") || comment.text.contains("# Safety"))
    };
    let is_comment = |line: usize| source.lines[line - 1].trim_start().starts_with("//");
    if justifies(line) || line < source.lines.len() && is_comment(line + 1) && justifies(line + 1) {
        return true;
    }
    for above in (1..line).rev() {
        let text = source.lines[above - 1].trim();
        if is_comment(above) {
            if justifies(above) {
                return true;
            }
            continue;
        }
        let other = text.is_empty() || text.ends_with([';', '{', '}']) || text.contains("=>");
        if other && !text.starts_with("#[") {
            return false;
        }
    }
    false
}

fn demo_size(source: &Source) -> Vec<String> {
    if !source.name.ends_with("/demo.rs") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if source.lines.len() > DEMO_LINES {
        let lines = source.lines.len();
        findings
            .push(source.finding(DEMO_LINES + 1, format!("{lines} lines, at most {DEMO_LINES}")));
    }
    for (number, line) in (1..).zip(&source.lines) {
        let columns = line.width();
        if columns > DEMO_COLUMNS {
            findings
                .push(source.finding(number, format!("{columns} columns, at most {DEMO_COLUMNS}")));
        }
    }
    findings
}

/// What stands in a folder of the lesson that is none of programs.
fn library_size(source: &Source) -> Vec<String> {
    let parts: Vec<&str> = source.name.split('/').collect();
    let ["lessons", lesson, folder, _] = parts[..] else { return Vec::new() };
    let programs = ["mistakes", "quirks", "solutions"].contains(&folder);
    let lines = source.lines.len();
    if lesson == "kit" || programs || lines <= LIBRARY_LINES {
        return Vec::new();
    }
    vec![source.finding(LIBRARY_LINES + 1, format!("{lines} lines, at most {LIBRARY_LINES}"))]
}

// ---------------------------------------------------------------------------------------------
// Reading.

struct Source {
    /// The path below the root: `src/decode/mod.rs`.
    name: String,
    lines: Vec<String>,
    /// For a file of the library its path of modules: `["decode", "transfer"]`.
    module: Vec<String>,
    /// Words, `::` and single signs; a literal is one token.
    code: Vec<Token>,
    /// Line by line, with their slashes.
    comments: Vec<Comment>,
    /// Every path of two names or more, the trees of `use` spread out.
    paths: Vec<UsedPath>,
}

struct Token {
    line: usize,
    text: String,
    in_tests: bool,
}

struct Comment {
    line: usize,
    text: String,
}

struct UsedPath {
    line: usize,
    names: Vec<String>,
    /// How many modules of this file the path stands in.
    depth: usize,
    in_tests: bool,
}

impl UsedPath {
    /// The module of the crate that this path leads to, if it starts at the crate's root.
    fn in_crate(&self, source: &Source) -> Option<&str> {
        let first = self.names.first()?;
        if first == "crate" || first == "socket_lab" {
            return self.names.get(1).map(String::as_str);
        }
        let up = self.names.iter().take_while(|name| *name == "super").count();
        (up > 0 && up == source.module.len() + self.depth)
            .then(|| self.names.get(up))?
            .map(String::as_str)
    }
}

impl Source {
    fn new(name: &str, text: &str) -> Source {
        let mut source = Source {
            name: name.into(),
            lines: text.lines().map(String::from).collect(),
            module: module_path(name),
            code: Vec::new(),
            comments: Vec::new(),
            paths: Vec::new(),
        };
        if source.is_rust() {
            source.lex(text);
            source.find_paths();
        } else {
            for (line, text) in (1..).zip(text.lines()) {
                if let Some((_, comment)) = text.split_once('#') {
                    source.comments.push(Comment { line, text: comment.into() });
                }
            }
        }
        source
    }

    fn is_rust(&self) -> bool {
        self.name.ends_with(".rs")
    }

    fn finding(&self, line: usize, culprit: String) -> String {
        format!("{}:{line}: {culprit}", self.name)
    }

    fn lex(&mut self, text: &str) {
        let chars: Vec<char> = text.chars().collect();
        let (mut at, mut line) = (0, 1);
        while let Some(&c) = chars.get(at) {
            let rest = &chars[at..];
            let length = if c == '\n' || c.is_whitespace() {
                1
            } else if rest.starts_with(&['/', '/']) {
                rest.iter().take_while(|&&c| c != '\n').count()
            } else if rest.starts_with(&['/', '*']) {
                block_comment(rest)
            } else if let Some(length) = literal(rest) {
                length
            } else if is_name(c) {
                rest.iter().take_while(|&&c| is_name(c)).count()
            } else if rest.starts_with(&[':', ':']) {
                2
            } else {
                1
            };
            let token: String = rest[..length].iter().collect();
            if token.starts_with("//") || token.starts_with("/*") {
                for (below, text) in token.lines().enumerate() {
                    self.comments.push(Comment { line: line + below, text: text.into() });
                }
            } else if !c.is_whitespace() {
                self.code.push(Token { line, text: token.clone(), in_tests: false });
            }
            line += token.matches('\n').count();
            at += length;
        }
    }

    fn find_paths(&mut self) {
        let in_test_file = self.name.ends_with("/tests.rs") || self.name.contains("/tests/");
        // For each open brace, the module that it opens, if any.
        let mut open: Vec<Option<String>> = Vec::new();
        let mut at = 0;
        while at < self.code.len() {
            let text = |at: usize| self.code.get(at).map_or("", |token| token.text.as_str());
            let is_tests = |module: &Option<String>| module.as_deref() == Some("tests");
            let in_tests = in_test_file || open.iter().any(is_tests);
            let depth = open.iter().flatten().count();
            let mut next = at + 1;
            match text(at) {
                "{" => {
                    let named = at >= 2 && text(at - 2) == "mod";
                    open.push(named.then(|| text(at - 1).to_string()));
                }
                "}" => drop(open.pop()),
                name if name.starts_with(is_name) && text(at + 1) == "::" => {
                    let mut found = Vec::new();
                    next = tree(&self.code, at, &[], &mut found);
                    self.paths.extend(found.into_iter().map(|(line, names)| UsedPath {
                        line,
                        names,
                        depth,
                        in_tests,
                    }));
                }
                _ => {}
            }
            for token in &mut self.code[at..next] {
                token.in_tests = in_tests;
            }
            at = next;
        }
    }
}

/// Reads `a::b::{c, d::*}` from `at`; gives each path with its line, and the place after it.
fn tree(
    code: &[Token],
    mut at: usize,
    before: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let text = |at: usize| code.get(at).map_or("", |token| token.text.as_str());
    let line = code[at].line;
    let mut names = before.to_vec();
    loop {
        names.push(text(at).to_string());
        if text(at + 1) != "::" {
            found.push((line, names));
            return at + 1;
        }
        at += 2;
        match text(at) {
            "{" => {
                at += 1;
                while at < code.len() && text(at) != "}" {
                    if text(at).starts_with(is_name) || text(at) == "*" {
                        at = tree(code, at, &names, found);
                        if text(at) == "as" {
                            at += 2;
                        }
                    } else {
                        at += 1;
                    }
                }
                return (at + 1).min(code.len());
            }
            name if name.starts_with(is_name) || name == "*" => {}
            // A turbofish, a macro's variable: the path so far is what there is.
            _ => {
                found.push((line, names));
                return at.min(code.len());
            }
        }
    }
}

fn module_path(name: &str) -> Vec<String> {
    let Some(inside) = name.strip_prefix("src/").and_then(|name| name.strip_suffix(".rs")) else {
        return Vec::new();
    };
    let mut path: Vec<String> = inside.split('/').map(String::from).collect();
    if path.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        path.pop();
    }
    path
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of a block comment with those inside it.
fn block_comment(rest: &[char]) -> usize {
    let (mut at, mut depth) = (0, 0);
    while at < rest.len() {
        match (rest[at], rest.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// The length of a string or character literal with its prefix, if one begins here.
fn literal(rest: &[char]) -> Option<usize> {
    let prefix = rest.iter().take_while(|c| matches!(c, 'b' | 'c' | 'r')).count();
    let hashes = rest[prefix..].iter().take_while(|&&c| c == '#').count();
    let quote = rest.get(prefix + hashes);
    if prefix <= 2 && quote == Some(&'"') {
        let raw = rest[..prefix].contains(&'r');
        if hashes > 0 && !raw {
            return None;
        }
        let mut at = prefix + hashes + 1;
        while at < rest.len() {
            match rest[at] {
                '\\' if !raw => at += 1,
                '"' if rest[at + 1..].iter().take_while(|&&c| c == '#').count() >= hashes => {
                    return Some(at + 1 + hashes);
                }
                _ => {}
            }
            at += 1;
        }
        return Some(rest.len());
    }
    if prefix <= 1 && hashes == 0 && quote == Some(&'\'') && rest[..prefix] != ['r'] {
        // A character ends with a quote after one sign or an escape; a lifetime does not.
        let first = prefix + 1;
        return match (rest.get(first)?, rest.get(first + 1)) {
            ('\\', _) => {
                let end = rest[first + 2..].iter().position(|&c| c == '\'')?;
                Some(first + 2 + end + 1)
            }
            (_, Some('\'')) => Some(first + 2),
            _ => None,
        };
    }
    None
}

// ---------------------------------------------------------------------------------------------
// Every check finds a planted fault, and where it lies.

fn plant(check: fn(&Source) -> Vec<String>, name: &str, text: &str) -> Vec<String> {
    check(&Source::new(name, text))
}

#[test]
fn a_planted_use_of_a_higher_layer_is_found() {
    let cases = [
        ("src/decode/mod.rs", "\nuse crate::tracer::Stop;", 2, "`decode` must not use `tracer`"),
        ("src/decode/a.rs", "use super::super::cli;", 1, "`decode` must not use `cli`"),
        ("src/event.rs", "fn f() -> crate::error::Error {}", 1, "`event` must not use `error`"),
        ("src/pattern.rs", "use crate::{\n  event,\n  play::{self, x}};", 3, "must not use `play`"),
        ("src/wire.rs", "use crate::{error::Result, sandbox as s};", 1, "must not use `sandbox`"),
        ("src/cargo.rs", "use crate::catalogue;", 1, "`cargo` must not use `catalogue`"),
        ("src/grade.rs", "mod tests { use super::super::render::R; }", 1, "must not use `render`"),
        ("src/render/mod.rs", "use crate::*;", 1, "must say which modules it uses"),
        ("src/render/mod.rs", "fn f() { g('{'); crate::play::run() }", 1, "must not use `play`"),
        ("src/helpers.rs", "", 1, "`helpers` has no layer"),
    ];
    for (name, text, line, culprit) in cases {
        let findings = plant(layers, name, text);
        assert_eq!(findings.len(), 1, "{text}: {findings:?}");
        assert!(findings[0].starts_with(&format!("{name}:{line}: ")), "{findings:?}");
        assert!(findings[0].contains(culprit), "{findings:?}");
    }
}

#[test]
fn what_the_layers_allow_is_not_found() {
    let cases = [
        ("src/render/svg.rs", "use crate::{event::{Arg, Value}, timeline::*};\nuse super::text;"),
        (
            "src/tracer/mod.rs",
            "// crate::cli\nconst A: &str = r#\"crate::cli \" \"#;\nuse std::fmt;",
        ),
        ("src/wire.rs", "use crate::tracer::Sockets;"),
        ("src/play.rs", "use crate::{cargo, catalogue, tracer, wire};"),
        (
            "src/timeline/mod.rs",
            "pub(crate) fn f<'a>(x: &'a str) {}\nmod a { use super::super::event; }",
        ),
        ("src/lib.rs", "pub mod cli;"),
        ("src/main.rs", "fn main() { socket_lab::cli::main() }"),
    ];
    for (name, text) in cases {
        assert_eq!(plant(layers, name, text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_planted_effect_in_a_pure_module_is_found() {
    for text in ["use std::{fmt, fs};", "fn f() { std::process::exit(2) }", "use nix::sys::ptrace;"]
    {
        assert_eq!(plant(effects, "src/grade/mod.rs", text).len(), 1, "{text}");
        assert_eq!(plant(effects, "src/play.rs", text), Vec::<String>::new());
        let tested = format!("mod tests {{ {text} }}");
        assert_eq!(plant(effects, "src/grade/mod.rs", &tested), Vec::<String>::new());
    }
}

#[test]
fn a_planted_print_is_found() {
    let text =
        "fn f() {\n    println!(\"x\");\n    dbg!(1);\n    std::io::stderr().write_all(b);\n}";
    assert_eq!(
        plant(prints, "src/tracer/mod.rs", text),
        [
            "src/tracer/mod.rs:2: `println!` below cli",
            "src/tracer/mod.rs:3: `dbg!` below cli",
            "src/tracer/mod.rs:4: `stderr()` below cli",
        ]
    );
    for (name, text) in [
        ("src/cli/run.rs", text),
        ("src/main.rs", text),
        ("src/wire.rs", "mod tests { fn f() { println!(\"skipped: no namespaces\") } }"),
        ("src/wire.rs", "// println!(\"x\")\nconst S: &str = \"println!(x)\";"),
        ("src/wire.rs", "fn f() { io::stderr().is_terminal(); command.stdout(x).stderr(y); }"),
    ] {
        assert_eq!(plant(prints, name, text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_planted_note_to_oneself_is_found() {
    let note = ["TO", "DO"].concat();
    let text =
        format!("fn f() {{}} // {note}: later\n/* a\n   {note} */\nconst A: &str = \"{note}\";");
    let findings = plant(left_to_do, "lessons/01-a/demo.rs", &text);
    assert_eq!(findings.len(), 2);
    assert!(findings[1].starts_with("lessons/01-a/demo.rs:3: "), "{findings:?}");
    assert_eq!(plant(left_to_do, "lessons/01-a/exercise.rs", &text), Vec::<String>::new());
    assert_eq!(plant(left_to_do, "lessons/01-a/lesson.toml", &format!("a = 1 # {note}")).len(), 1);
}

#[test]
fn a_planted_module_without_doc_is_found() {
    assert_eq!(plant(module_doc, "src/a.rs", "//! What it is.\n"), Vec::<String>::new());
    for text in ["", "use std::fmt;\n//! Late.", "//!\n", "// What it is.\n"] {
        assert_eq!(plant(module_doc, "src/a.rs", text).len(), 1, "{text}");
    }
}

#[test]
fn a_planted_unsafe_without_reason_is_found() {
    for text in [
        "fn f() {\n    unsafe { g() }\n}",
        "// SAFETY: of another.\nlet a = 1;\nlet b = unsafe { g() };",
        "match x {\n  // SAFETY: this one.\n  1 => unsafe { g() },\n  _ => unsafe { h() },\n}",
        "unsafe impl Send for A {}",
        "/// Does it.\npub unsafe fn f() {}",
    ] {
        assert_eq!(plant(safety, "src/tracer/mod.rs", text).len(), 1, "{text}");
    }
    for text in [
        "// SAFETY: it is ours.\nunsafe { g() }",
        "// SAFETY: it is ours,\n// and lives.\n#[rustfmt::skip]\nlet a =\n    unsafe { g() };",
        "let a = unsafe { g() }; // SAFETY: ours.",
        "unsafe {\n    // SAFETY: ours.\n    g()\n}",
        "/// # Safety\n/// The caller owns it.\npub unsafe fn f() {}",
        "type F = unsafe extern \"C\" fn(i32);",
        "// unsafe { g() }\nconst A: &str = \"unsafe { }\";\n#[unsafe(no_mangle)]",
    ] {
        assert_eq!(plant(safety, "src/tracer/mod.rs", text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn a_planted_long_demo_is_found() {
    let name = "lessons/01-a/demo.rs";
    assert_eq!(
        plant(demo_size, name, &"x\n".repeat(101)),
        [format!("{name}:101: 101 lines, at most 100")]
    );
    assert_eq!(plant(demo_size, name, &"x\n".repeat(100)), Vec::<String>::new());
    // A Chinese character takes two columns.
    let (fits, wide) = ("你".repeat(40), "你".repeat(41));
    assert_eq!(plant(demo_size, name, &fits), Vec::<String>::new());
    assert_eq!(plant(demo_size, name, &wide), [format!("{name}:1: 82 columns, at most 80")]);
    assert_eq!(plant(demo_size, "lessons/01-a/exercise.rs", &wide), Vec::<String>::new());
}

#[test]
fn a_planted_long_file_of_a_library_is_found() {
    let (name, long) = ("lessons/01-a/library/lib.rs", "x\n".repeat(151));
    assert_eq!(plant(library_size, name, &long), [format!("{name}:151: 151 lines, at most 150")]);
    assert_eq!(plant(library_size, name, &"x\n".repeat(150)), Vec::<String>::new());
    for other in ["lessons/kit/src/lib.rs", "lessons/01-a/solutions/std.rs"] {
        assert_eq!(plant(library_size, other, &long), Vec::<String>::new());
    }
}
