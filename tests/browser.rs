//! The page of a recording, in a real browser: what a person with keys, a reader's voice or a small screen has of it.
//!
//! `LAB_SHOTS=DIR cargo test --test browser -- --ignored` leaves pictures of the pages in DIR; `LAB_SHOTS_OF` names
//! other recordings, each with a step: `one.json#step=12 other.json#step=3`.

#[path = "browser/mod.rs"]
mod browser;

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;
use browser::{Browser, Page};

/// `shutdown(sock, SHUT_WR)` of lesson 12.
const SHUTDOWN: usize = 33;

struct Drawn {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

fn draw(recording: &str) -> Drawn {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    let lab = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.current_dir(lab).args(["show", recording, "--as", "html", "-o"]).arg(&path);
    command.assert().success().stdout("").stderr("");
    Drawn { path, _folder: folder }
}

fn half_close() -> Drawn {
    draw("tests/fixtures/half-close.json")
}

fn step(page: &mut Page<'_>) -> String {
    page.text("document.querySelector('[aria-current=step] .n').textContent")
}

fn says(page: &mut Page<'_>) -> String {
    page.text("document.getElementById('says').textContent")
}

/// What can be seen of the table: a line of text for each socket.
fn table(page: &mut Page<'_>) -> Vec<String> {
    let rows =
        page.eval("[...document.querySelectorAll('#table tbody tr')].map((row) => row.innerText)");
    rows.as_array().unwrap().iter().map(|row| row.as_str().unwrap().to_owned()).collect()
}

/// What the diagram has in a state.
fn in_state(page: &mut Page<'_>, state: &str) -> String {
    page.text(&format!(
        "[...document.querySelectorAll('#state-{state} .in')].map((it) => it.textContent).join()"
    ))
}

fn check_quiet(page: &mut Page<'_>, file: &Path) {
    assert_eq!(page.complaints(), Vec::<String>::new());
    let own = format!("file://{}", file.display());
    let requests = page.requests();
    assert!(!requests.is_empty());
    for request in requests {
        assert_eq!(request.split('#').next(), Some(own.as_str()));
    }
}

#[test]
fn keys_lead_to_the_half_close_and_back() {
    let Some(mut browser) = Browser::start() else { return };
    let drawn = half_close();
    let mut page = browser.page();
    page.viewport(1280, 800);
    page.open_file(&drawn.path, "");
    assert_eq!(step(&mut page), "1");
    let keys = ["ArrowRight", "ArrowDown", "j"];
    for n in 1..SHUTDOWN {
        page.press(&[keys[n % 3]]);
    }
    assert_eq!(step(&mut page), SHUTDOWN.to_string());
    assert_eq!(page.text("location.hash"), format!("#step={SHUTDOWN}"));

    let table_then = table(&mut page);
    let has = |state: &str, owner: &str| {
        table_then.iter().any(|line| line.contains(state) && line.contains(owner))
    };
    assert!(has("FIN-WAIT-2", "client: sock"), "{table_then:?}");
    assert!(has("CLOSE-WAIT", "server: conn"), "{table_then:?}");
    assert!(has("LISTEN", "server: listener"), "{table_then:?}");
    assert!(in_state(&mut page, "FIN-WAIT-2").contains("client: sock"));
    assert!(in_state(&mut page, "CLOSE-WAIT").contains("server: conn"));
    assert_eq!(in_state(&mut page, "ESTABLISHED"), "");
    let taken = page.text("[...document.querySelectorAll('.taken')].map((it) => it.id).join(' ')");
    assert_eq!(
        taken,
        "edge-ESTABLISHED-FIN-WAIT-1 edge-ESTABLISHED-CLOSE-WAIT edge-FIN-WAIT-1-FIN-WAIT-2"
    );
    assert_eq!(
        says(&mut page),
        "step 33 of 45: client T2: shutdown(sock, SHUT_WR) = 0; FIN goes from client to server; \
         client: sock FIN-WAIT-2, server: conn CLOSE-WAIT"
    );
    assert_eq!(page.text("document.getElementById('says').ariaLive"), "polite");

    page.press(&["ArrowLeft", "ArrowUp", "k"]);
    assert_eq!(step(&mut page), "30");
    assert!(in_state(&mut page, "ESTABLISHED").contains("client: sock"));
    assert!(!table(&mut page).iter().any(|line| line.contains("FIN-WAIT-2")));
    page.press(&["End", "ArrowRight"]);
    assert_eq!(step(&mut page), "45");
    assert!(says(&mut page).contains("server (thread 1) still serves"), "{}", says(&mut page));
    assert!(in_state(&mut page, "TIME-WAIT").contains("client: sock"));
    page.press(&["Home", "ArrowLeft"]);
    assert_eq!(step(&mut page), "1");
    assert_eq!(table(&mut page), Vec::<String>::new());
    check_quiet(&mut page, &drawn.path);
}

#[test]
fn buttons_alone_lead_everywhere_and_keep_the_focus() {
    let Some(mut browser) = Browser::start() else { return };
    let drawn = half_close();
    let mut page = browser.page();
    page.open_file(&drawn.path, "");
    let focus = "document.activeElement.id";
    let mut order = Vec::new();
    for _ in 0..5 {
        page.press(&["Tab"]);
        order.push(page.text(focus));
    }
    assert_eq!(order, ["first", "back", "forward", "last", "slider"]);
    let outline = "getComputedStyle(document.activeElement).outlineStyle";
    assert_eq!(page.text(outline), "solid");
    for (button, presses, then) in
        [("forward", 3, 4), ("back", 1, 3), ("last", 1, 45), ("forward", 2, 45), ("first", 1, 1)]
    {
        page.eval(&format!("document.getElementById('{button}').focus()"));
        for _ in 0..presses {
            page.press(&["Enter"]);
        }
        assert_eq!(step(&mut page), then.to_string());
        assert_eq!(page.text(focus), button);
    }
    page.click("#last");
    assert_eq!(step(&mut page), "45");
    assert_eq!(page.text("document.getElementById('forward').ariaDisabled"), "true");
    page.eval("document.getElementById('slider').focus()");
    page.press(&["ArrowLeft"]);
    assert_eq!(step(&mut page), "44");
    assert_eq!(page.text("document.getElementById('slider').value"), "44");
    check_quiet(&mut page, &drawn.path);
}

#[test]
fn an_address_names_a_step() {
    let Some(mut browser) = Browser::start() else { return };
    let drawn = half_close();
    let mut page = browser.page();
    page.open_file(&drawn.path, "#step=33");
    assert_eq!(step(&mut page), "33");
    page.open_file(&drawn.path, "#step=7");
    page.until("document.querySelector('[aria-current=step] .n').textContent === '7'");
    for odd in ["#step=0", "#step=99999999999999999999", "#step=-1", "#nothing"] {
        page.open_file(&drawn.path, odd);
        page.until("document.querySelectorAll('[aria-current=step]').length === 1");
    }
    check_quiet(&mut page, &drawn.path);
}

#[test]
fn without_scripts_every_call_can_be_read() {
    let Some(mut browser) = Browser::start() else { return };
    let drawn = half_close();
    let mut page = browser.page();
    page.scripts(false);
    page.viewport(1280, 800);
    page.open_file(&drawn.path, "");
    let shown = page.eval("[...document.querySelectorAll('.row')].map((row) => row.innerText)");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = shown.as_array().unwrap().iter().map(|it| words(it.as_str().unwrap()));
    let shown: Vec<String> = shown.collect();
    assert_eq!(shown.len(), 45);
    assert!(shown[SHUTDOWN - 1].contains("shutdown(sock, SHUT_WR) = 0"), "{}", shown[SHUTDOWN - 1]);
    assert!(shown[SHUTDOWN - 1].contains("FIN goes from client to server"));
    assert!(shown[SHUTDOWN - 1].contains("conn CLOSE-WAIT"));
    assert!(page.text("document.body.innerText").contains("client ended with status 0"));
    assert_eq!(page.eval("document.getElementById('stage').checkVisibility()"), false);
    check_quiet(&mut page, &drawn.path);
}

#[test]
fn it_fits_every_screen_in_light_and_dark() {
    let Some(mut browser) = Browser::start() else { return };
    let drawn = half_close();
    for scheme in ["light", "dark"] {
        for (width, height) in [(390, 844), (640, 800), (899, 800), (1280, 800), (1920, 1080)] {
            let mut page = browser.page();
            page.viewport(width, height);
            page.prefers(&[("prefers-color-scheme", scheme), ("prefers-reduced-motion", "reduce")]);
            page.open_file(&drawn.path, "#step=33");
            let over = "document.documentElement.scrollWidth - innerWidth";
            assert!(page.eval(over).as_i64().unwrap() <= 0, "{scheme}, {width}: too wide");
            let parts = "[...document.querySelectorAll('#list, #stage, #sockets, #bar')]\
                .filter((it) => it.scrollWidth > it.clientWidth)\
                .map((it) => `${it.id}: ${it.scrollWidth} > ${it.clientWidth}`).join()";
            assert_eq!(page.text(parts), "", "{scheme}, {width}: a part is too wide");
            let light = page.text("getComputedStyle(document.documentElement).backgroundColor");
            assert_eq!(light == "rgb(255, 255, 255)", scheme == "light", "{light}");
            let moves = "document.getAnimations().length";
            assert_eq!(page.eval(moves), 0);
            check_quiet(&mut page, &drawn.path);
        }
    }
}

#[test]
fn it_plays_within_another_page() {
    let Some(mut browser) = Browser::start() else { return };
    let drawn = half_close();
    let outer = drawn.path.with_file_name("outer.html");
    let frame = "<!DOCTYPE html><iframe src='page.html#step=33' width='800' height='600'></iframe>";
    fs::write(&outer, frame).unwrap();
    let mut page = browser.page();
    page.open_file(&outer, "");
    let inner = "frames[0].document.querySelector('[aria-current=step] .n').textContent";
    assert_eq!(page.text(inner), "33");
    page.eval("frames[0].focus()");
    page.press(&["ArrowRight"]);
    assert_eq!(page.text(inner), "34");
    assert_eq!(page.complaints(), Vec::<String>::new());

    // Even where it has no address of its own.
    let text = fs::read_to_string(&drawn.path).unwrap();
    let quoted = text.replace('&', "&amp;").replace('"', "&quot;");
    fs::write(&outer, format!("<!DOCTYPE html><iframe srcdoc=\"{quoted}\"></iframe>")).unwrap();
    page.open_file(&outer, "");
    page.eval("frames[0].focus()");
    page.press(&["End"]);
    assert_eq!(page.text(inner), "45");
    assert_eq!(page.complaints(), Vec::<String>::new());
}

#[test]
#[ignore = "for whoever wants to see: LAB_SHOTS=DIR"]
fn pictures_for_whoever_wants_to_see() {
    let folder = PathBuf::from(std::env::var_os("LAB_SHOTS").expect("LAB_SHOTS=DIR"));
    let Some(mut browser) = Browser::start() else { return };
    let recordings = std::env::var("LAB_SHOTS_OF").unwrap_or_default();
    let drawn_now = "tests/fixtures/half-close.json#step=33";
    let all = if recordings.is_empty() { drawn_now } else { &recordings };
    for (n, wanted) in all.split(' ').enumerate() {
        let (file, fragment) = wanted.split_once('#').unwrap_or((wanted, "step=1"));
        let drawn = draw(file);
        for scheme in ["light", "dark"] {
            for (width, height) in [(390, 1600), (1280, 800)] {
                let mut page = browser.page();
                page.viewport(width, height);
                page.prefers(&[("prefers-color-scheme", scheme)]);
                page.open_file(&drawn.path, &format!("#{fragment}"));
                page.until("document.getAnimations().every((it) => it.playState === 'finished')");
                page.screenshot(&folder.join(format!("{n}-{width}-{scheme}.png")));
            }
        }
    }
}
