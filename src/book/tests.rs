//! Chapters of a block or two, and those that cannot be made.

use super::*;

fn book() -> Book {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Book::of(&Catalogue::open(root).unwrap(), Language::default()).unwrap()
}

fn made(block: &str) -> std::result::Result<String, String> {
    let text = format!("# 12 Half-close\n\n```lab\n{block}\n```\n\nAfter it.\n");
    let path = Path::new("lessons/12-half-close.md");
    let made = book().chapter(path, &text).map_err(|fault| fault.why)?;
    let around =
        made.strip_prefix("# 12 Half-close\n\n").and_then(|it| it.strip_suffix("\n\nAfter it.\n"));
    Ok(around.expect("all around it is as it was").trim().to_owned())
}

const QUESTION: &str = r#"
show = "question"
asks = "What can the client still do?"
proof = 'client: recv(sock, ..) = 0'
disproof = 'client: listen(..)'
[[option]]
says = "Nothing"
why = "SHUT_WR ends one direction only."
[[option]]
says = "`recv`"
right = true
why = "The FIN says no more."
[[option]]
says = "<b>All</b>"
why = "No."
"#;

#[test]
fn every_block_becomes_html_without_a_blank_line_or_markdown() {
    for (block, has) in [
        ("show = \"timeline\"", "12-half-close: one at a time"),
        ("show = \"timeline\"\nvariant = \"talks-on\"\nonly = ['shutdown(..)']", "SHUT_WR"),
        ("show = \"picture\"", "<svg"),
        ("show = \"page\"", "srcdoc=\"&lt;!DOCTYPE"),
        ("show = \"predict\"\ncount = 1", "shutdown(sock, SHUT_WR) = ?"),
        ("show = \"hints\"", "<summary>Hint 3 of 3</summary>"),
        (QUESTION, "<code>recv</code>"),
    ] {
        let html = made(block).unwrap_or_else(|why| panic!("{block}: {why}"));
        assert!(html.contains(has), "{block}: no {has}");
        assert!(
            html.split("\n\n").all(|part| part.starts_with('<') && !part.contains('\n')),
            "{block}"
        );
    }
    let rules = made("show = \"rules\"").unwrap();
    assert!(
        rules.starts_with("- [half-closes](../reference/rules.md#half-closes): when"),
        "{rules}"
    );
}

#[test]
fn a_question_offers_what_its_author_wrote_and_one_answer_is_right() {
    let html = made(QUESTION).unwrap();
    assert_eq!(html.matches("type=\"radio\"").count(), 3);
    assert_eq!(html.matches("data-right").count(), 1);
    assert!(html.contains("data-right=\"\"> <span><code>recv</code></span>"), "{html}");
    assert!(html.contains("there is no step <code>client: listen(..)</code>"), "{html}");
}

#[test]
fn what_a_lesson_asks_is_answered_by_its_recording() {
    let html = made("show = \"predict\"").unwrap();
    assert_eq!(html.matches("lab-predict").count(), 4, "one for each [[ask]]");
    assert!(html.contains("<strong>It returns <code>0</code>.</strong>"), "{html}");
    let of_one = made("show = \"predict\"\nvariant = \"glued\"").unwrap();
    assert_eq!(of_one.matches("lab-predict").count(), 1);
}

#[test]
fn a_block_that_cannot_be_made_says_why() {
    let told: Vec<String> = [
        "show = \"time-line\"",
        "show = \"timeline\"\ncolour = true",
        "show = \"timeline\"\nonly = ['recv(sock']",
        "show = \"timeline\"\nonly = ['sendfile!(..)']",
        "show = \"timeline\"\nvariant = \"talk-on\"",
        "show = \"timeline\"\nlesson = \"half-close\"",
        "show = \"predict\"\ncount = 40",
        &QUESTION.replace("right = true\n", ""),
        &QUESTION.replace("says = \"Nothing\"", "says = \"Nothing\"\nright = true"),
        &QUESTION.replace("why = \"No.\"", "why = \" \""),
        &QUESTION.replace("client: recv(sock, ..) = 0", "client: recv(sock, ..) = 77"),
        &QUESTION.replace("client: listen(..)", "client: shutdown(..)"),
        &QUESTION
            .replace("proof = 'client: recv(sock, ..) = 0'\ndisproof = 'client: listen(..)'\n", ""),
        QUESTION.rsplit_once("[[option]]").unwrap().0,
        "show = \"rules\"\nlesson = \"06-seeing-it\"",
    ]
    .iter()
    .map(|block| made(block).expect_err(block))
    .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_translator_gets_what_the_blocks_say_and_neither_code_nor_recording() {
    let text = format!(
        "# 12\n\n```rust\n// code\n```\n\n<details><summary>Folded</summary>\n\n    code\n\n</details>\n\n\
         {{{{#rows bind shutdown}}}}\n\n```lab{QUESTION}```\n\n```lab\nshow = \"timeline\"\n```\n\nAfter it.\n"
    );
    let path = Path::new("lessons/12-half-close.md");
    let messages = book().messages(path, &text).map_err(|fault| fault.why).unwrap();
    let of_the_lab: Vec<&str> = messages.split("\n\n").map(str::trim).collect();
    for said in ["Folded", "Nothing", "The FIN says no more.", "{} shows it:", "After it."] {
        assert!(of_the_lab.contains(&said), "{said}: {messages}");
    }
    assert!(messages.contains("a host's name is looked up first"), "{messages}");
    for never in ["code", "```", "SHUT_WR)", "#rows", "12-half-close"] {
        assert!(!messages.contains(never), "{never}: {messages}");
    }
}

#[test]
fn rows_of_the_map_are_asked_for_by_pythons_names() {
    let path = Path::new("lessons/12-half-close.md");
    let made = book().chapter(path, "A\n\n{{#rows bind listen}}\n\nB\n").unwrap();
    let rows: Vec<&str> = made.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 4 && rows[2].starts_with("| `bind()` | `bind`"), "{made}");
    let fault = book().chapter(path, "A\n\n{{#rows bind lisen}}\n").unwrap_err();
    assert_eq!(
        (fault.part, fault.why.as_str()),
        (0, "the map has no `lisen`; did you mean listen?")
    );
    assert!(book().chapter(path, "{{#rows }}").is_err());
}

#[test]
fn a_block_is_found_by_its_line_and_code_that_shows_one_is_none() {
    let text = "# A\n\n````text\n```lab\nshow = \"hints\"\n```\n````\n\n- `{{#rows x}}`\n\n```lab\nshow = \"hints\"\n```\n\n{{#rows bind}}\n";
    assert_eq!(parts(text).len(), 2);
    assert_eq!((line_of(text, 0), line_of(text, 1)), (11, 15));
}

#[test]
fn every_rule_check_and_weather_has_a_heading_of_its_own() {
    let rules = reference::rules(&book().lessons).unwrap();
    let headings: Vec<&str> = rules.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let mut unique = headings.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), headings.len(), "{headings:?}");
    let all = book().lessons;
    let ids = all.iter().flat_map(|lesson| lesson.grading().unwrap().rules).map(|rule| rule.id);
    let checks = crate::grade::Check::ALL.iter().map(|check| check.name().to_owned());
    for name in ids.chain(checks) {
        assert!(headings.contains(&name.as_str()), "{name}");
    }
    let weathers = reference::weathers(&book().lessons).unwrap();
    assert_eq!(weathers.matches("### ").count(), crate::tracer::weather::Weather::ALL.len());
}

#[test]
fn every_line_of_the_map_is_whole() {
    let map = Map::of_the_book();
    let written = include_str!("../../book/src/reference/map.csv");
    assert_eq!(map.lines().len(), csv::Reader::from_reader(written.as_bytes()).records().count());
    for line in map.lines() {
        assert!(
            !line.key().is_empty() && !line.linux.is_empty() && !line.rust.is_empty(),
            "{}",
            line.python
        );
        let code =
            [&line.python, &line.linux, &line.rust].map(|cell| cell.matches('`').count() % 2);
        assert_eq!(code, [0, 0, 0], "{}", line.python);
    }
}
