//! The book in a real browser: what somebody has of it with keys alone, on a small screen, in the dark, without a script.
//!
//! `LAB_SHOTS=DIR cargo test --test book -- --ignored` leaves pictures of the pages in DIR.

use std::path::PathBuf;

use super::browser::{Browser, Page};
use super::made_at;

const PAGES: [&str; 7] = [
    "index.html",
    "lessons/01-one-shot.html",
    "lessons/08-udp-stamping.html",
    "lessons/12-half-close.html",
    "reference/map.html",
    "reference/rules.html",
    "reference/recording.html",
];

fn open(page: &mut Page<'_>, name: &str) {
    page.open_file(&made_at().join(name), "");
}

fn check_quiet(page: &mut Page<'_>, name: &str) {
    assert_eq!(page.complaints(), Vec::<String>::new(), "{name}");
    let own = format!("file://{}/", made_at().display());
    let requests = page.requests();
    assert!(requests.len() > 3, "{name}: {requests:?}");
    let elsewhere =
        |it: &String| !it.starts_with(&own) && !it.starts_with("data:") && it != "about:srcdoc";
    let elsewhere: Vec<String> = requests.into_iter().filter(elsewhere).collect();
    assert_eq!(elsewhere, [""; 0], "{name}");
}

#[test]
fn every_page_fits_every_screen_in_light_and_dark() {
    let Some(mut browser) = Browser::start() else { return };
    for name in PAGES {
        for (width, height) in [(390, 844), (1280, 800)] {
            for scheme in ["light", "dark"] {
                let mut page = browser.page();
                page.viewport(width, height);
                page.prefers(&[("prefers-color-scheme", scheme)]);
                open(&mut page, name);
                let over = page.eval("document.documentElement.scrollWidth - innerWidth");
                assert!(over.as_i64().unwrap() <= 0, "{name}, {width}: too wide by {over}");
                let wide = page.text(
                    "[...document.querySelectorAll('.lab')].filter((it) => it.getBoundingClientRect().right > innerWidth + 1)\
                     .map((it) => it.className).join()",
                );
                assert_eq!(wide, "", "{name}, {width}");
                // A theme is the reader's choice, and else the machine's; boxes and pictures follow it.
                let dark = "matchMedia('(prefers-color-scheme: dark)').matches && \
                    getComputedStyle(document.documentElement).colorScheme";
                assert_eq!(page.eval(dark) == "dark", scheme == "dark", "{name}");
                let ink = "getComputedStyle(document.querySelector('.lab') ?? document.body).color";
                let bright = page
                    .text(ink)
                    .trim_start_matches("rgb(")
                    .split(',')
                    .next()
                    .unwrap()
                    .parse::<u8>()
                    .unwrap()
                    > 128;
                assert!(
                    name.starts_with("reference") || bright == (scheme == "dark"),
                    "{name}, {scheme}"
                );
                check_quiet(&mut page, name);
            }
        }
    }
}

/// What can hardly be told from what is behind it (WCAG 2, 1.4.3): `a 3.2`. Programs are coloured by mdBook's own.
const PALE: &str = "(() => {\
    const parts = (color) => color.match(/[\\d.]+/g).map(Number);\
    const linear = (part) => part <= 10 ? part / 3295 : ((part / 255 + 0.055) / 1.055) ** 2.4;\
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) + 0.05;\
    const behind = (it) => {\
        const [r, g, b, a = 1] = parts(getComputedStyle(it).backgroundColor);\
        return a === 1 ? [r, g, b] : behind(it.parentElement);\
    };\
    const contrast = (it) => {\
        const both = [light(parts(getComputedStyle(it).color)), light(behind(it))];\
        return Math.max(...both) / Math.min(...both);\
    };\
    const texts = [...document.querySelectorAll('main *')].filter((it) => it.checkVisibility() \
        && [...it.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()) \
        && !it.closest('pre code, svg, noscript'));\
    const pale = texts.filter((it) => contrast(it) < 4.5);\
    return [...new Set(pale.map((it) => `${it.localName} ${contrast(it).toFixed(1)}`))].join();\
})()";

#[test]
fn every_theme_can_be_read_whatever_the_machine_prefers() {
    let Some(mut browser) = Browser::start() else { return };
    for (theme, dark) in
        [("light", false), ("rust", false), ("coal", true), ("navy", true), ("ayu", true)]
    {
        let mut page = browser.page();
        page.viewport(1280, 6000);
        let other = if dark { "light" } else { "dark" };
        page.prefers(&[("prefers-color-scheme", other)]);
        open(&mut page, "index.html");
        page.eval(&format!("localStorage.setItem('mdbook-theme', '{theme}')"));
        for name in ["lessons/12-half-close.html", "reference/map.html", "reference/errors.html"] {
            open(&mut page, name);
            assert_eq!(
                page.eval(&format!("document.documentElement.className.includes('{theme}')")),
                true
            );
            assert_eq!(page.text(PALE), "", "{theme}: {name}");
        }
        // A recording is a page of its own, and yet of the theme.
        open(&mut page, "lessons/12-half-close.html");
        page.until("document.querySelector('.lab-page').contentDocument?.getElementById('says')");
        let paper = "(() => { const page = document.querySelector('.lab-page').contentDocument;\
            return getComputedStyle(page.documentElement).backgroundColor; })()";
        assert_eq!(page.text(paper) == "rgb(20, 23, 27)", dark, "{theme}");
    }
}

#[test]
fn what_a_call_returns_is_foretold_by_keys_alone() {
    let Some(mut browser) = Browser::start() else { return };
    for (kind, right) in [("lab-predict", true), ("lab-question", true), ("lab-question", false)] {
        let mut page = browser.page();
        open(&mut page, "lessons/12-half-close.html");
        let boxed = format!("document.querySelector('.{kind}')");
        let shown = format!("{boxed}.querySelector('details').checkVisibility()");
        assert_eq!(page.eval(&shown), false, "it says nothing before");
        page.eval(&format!("{boxed}.querySelector('input').focus()"));
        page.press(&[" "]);
        for _ in 0..4 {
            let is =
                page.eval(&format!("'right' in {boxed}.querySelector('input:checked').dataset"));
            if is == right {
                break;
            }
            page.press(&["ArrowDown"]);
        }
        page.press(&["Tab"]);
        assert_eq!(page.text("document.activeElement.textContent"), "That is my answer");
        page.press(&["Enter"]);
        assert_eq!(page.eval(&shown), true);
        assert_eq!(page.eval(&format!("{boxed}.querySelector('details').open")), true);
        let verdict = page.text(&format!("{boxed}.querySelector('.verdict').textContent"));
        assert_eq!(verdict == "Right.", right, "{verdict}");
        check_quiet(&mut page, kind);
    }
}

#[test]
fn a_recording_is_stepped_through_within_its_chapter() {
    let Some(mut browser) = Browser::start() else { return };
    for width in [390, 1280] {
        let mut page = browser.page();
        page.viewport(width, 844);
        open(&mut page, "lessons/12-half-close.html");
        // It is loaded when it comes into sight.
        page.eval("document.querySelector('.lab-page').scrollIntoView()");
        let inner = "document.querySelector('.lab-page').contentDocument";
        page.until(&format!(
            "{inner}?.querySelector('[aria-current=step] .n')?.textContent === '1'"
        ));
        page.eval("document.querySelector('.lab-page').contentWindow.focus()");
        page.press(&["ArrowRight", "ArrowRight"]);
        let step = format!("{inner}.querySelector('[aria-current=step] .n').textContent");
        assert_eq!(page.text(&step), "3");
        let over =
            format!("{inner}.documentElement.scrollWidth - {inner}.documentElement.clientWidth");
        assert!(page.eval(&over).as_i64().unwrap() <= 0, "{width}: too wide");
        check_quiet(&mut page, "lesson 12");
    }
}

#[test]
fn a_recording_that_is_loaded_leaves_its_chapter_where_it_is() {
    let Some(mut browser) = Browser::start() else { return };
    for width in [390, 1280] {
        let mut page = browser.page();
        // So high that the recording is in sight at once.
        page.viewport(width, 6000);
        open(&mut page, "lessons/12-half-close.html");
        let inner = "document.querySelector('.lab-page').contentDocument";
        page.until(&format!(
            "{inner}?.querySelector('[aria-current=step] .n')?.textContent === '1'"
        ));
        page.eval(&format!("{inner}.querySelectorAll('.row')[9].click()"));
        page.until(&format!(
            "{inner}.querySelector('[aria-current=step] .n').textContent === '10'"
        ));
        assert_eq!(page.eval("scrollY"), 0, "{width}");
    }
}

#[test]
fn without_a_script_every_answer_can_be_read() {
    let Some(mut browser) = Browser::start() else { return };
    let mut page = browser.page();
    page.scripts(false);
    open(&mut page, "lessons/12-half-close.html");
    let boxes = "document.querySelectorAll('.lab-box').length";
    let readable = "[...document.querySelectorAll('.lab-box')].filter((it) => \
        it.querySelector('summary').checkVisibility() && it.querySelector('input').checkVisibility()).length";
    let (boxes, readable) = (page.eval(boxes), page.eval(readable));
    assert!(boxes.as_u64().unwrap() >= 5, "{boxes}");
    assert_eq!(boxes, readable);
}

#[test]
fn a_wide_character_takes_two_columns_in_every_timeline() {
    let Some(mut browser) = Browser::start() else { return };
    let mut page = browser.page();
    page.viewport(1280, 800);
    open(&mut page, "lessons/01-one-shot.html");
    // Of a line with wide characters and of one without, the bars of a role stand at the same place.
    let places = "(() => {\
        const pre = document.querySelector('[aria-label=\"Timeline: 01-one-shot\"] pre');\
        const walk = document.createTreeWalker(pre, NodeFilter.SHOW_TEXT);\
        const places = new Set();\
        for (let node; (node = walk.nextNode());) {\
            for (const bar of node.data.matchAll(/[│┊]/g)) {\
                const range = document.createRange();\
                range.setStart(node, bar.index);\
                range.setEnd(node, bar.index + 1);\
                places.add(Math.round(range.getBoundingClientRect().left));\
            }\
        }\
        return places.size;\
    })()";
    assert_eq!(page.eval(places), 2, "two roles are two columns of bars");
    check_quiet(&mut page, "lesson 1");
}

#[test]
#[ignore = "for whoever wants to see: LAB_SHOTS=DIR"]
fn pictures_for_whoever_wants_to_see() {
    let folder = PathBuf::from(std::env::var_os("LAB_SHOTS").expect("LAB_SHOTS=DIR"));
    let Some(mut browser) = Browser::start() else { return };
    for name in PAGES {
        for scheme in ["light", "dark"] {
            for (width, height) in [(390, 1200), (1280, 1200)] {
                let mut page = browser.page();
                page.viewport(width, height);
                page.prefers(&[("prefers-color-scheme", scheme)]);
                open(&mut page, name);
                let stem = name.replace('/', "-").replace(".html", "");
                for screen in 0..6 {
                    page.screenshot(&folder.join(format!("{stem}-{width}-{scheme}-{screen}.png")));
                    page.eval(&format!("scrollBy(0, {height} - 60)"));
                }
            }
        }
    }
}
