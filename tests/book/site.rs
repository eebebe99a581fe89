//! The pages that were made, read as a browser reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use scraper::{ElementRef, Html, Selector};

/// All files of a book that was made, by their paths in it.
pub struct Site {
    pages: BTreeMap<PathBuf, Html>,
    sheets: BTreeMap<PathBuf, String>,
    files: BTreeSet<PathBuf>,
}

/// The tags that a page may have; what else looks like one was meant to be read, such as `Arc<Link>`.
const TAGS: &[&str] = &[
    "a",
    "article",
    "b",
    "blockquote",
    "br",
    "button",
    "code",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "iframe",
    "img",
    "input",
    "label",
    "li",
    "ol",
    "p",
    "path",
    "pre",
    "section",
    "span",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "svg",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
];

/// Attributes by which a browser fetches something without being asked.
const FETCHES: [(&str, &str); 9] = [
    ("img", "src"),
    ("img", "srcset"),
    ("script", "src"),
    ("link", "href"),
    ("iframe", "src"),
    ("source", "src"),
    ("video", "src"),
    ("audio", "src"),
    ("object", "data"),
];

impl Site {
    pub fn read(folder: &Path) -> Site {
        let mut site =
            Site { pages: BTreeMap::new(), sheets: BTreeMap::new(), files: BTreeSet::new() };
        let mut open = vec![folder.to_owned()];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(fs::read_dir(path).unwrap().map(|it| it.unwrap().path()));
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().to_owned();
            site.files.insert(name.clone());
            match name.extension().and_then(|it| it.to_str()) {
                // Shown for any address, so its links begin at the root.
                Some("html") if name != Path::new("404.html") => {
                    let text = fs::read_to_string(&path).unwrap();
                    site.pages.insert(name, Html::parse_document(&text));
                }
                Some("css") => {
                    site.sheets.insert(name, fs::read_to_string(&path).unwrap());
                }
                _ => {}
            }
        }
        assert!(!site.pages.is_empty(), "no page was made");
        site
    }

    /// Links without an end: a file that is not there, an anchor that no page has.
    pub fn links(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for (page, html) in &self.pages {
            for (name, attribute) in FETCHES.iter().chain(&[("a", "href")]) {
                for element in of(html, name) {
                    let Some(link) = element.attr(attribute) else { continue };
                    if let Some(why) = self.leads_nowhere(page, link) {
                        findings.push(format!("{}: {link} {why}", page.display()));
                    }
                }
            }
            for inner in frames(html) {
                let ids = ids(&inner);
                let own = of(&inner, "a").into_iter().filter_map(|it| it.attr("href"));
                for link in own.filter(|it| !ids.contains(it.trim_start_matches('#'))) {
                    findings.push(format!("{}: in a frame: {link} is no anchor", page.display()));
                }
            }
        }
        findings.sort();
        findings.dedup();
        findings
    }

    fn leads_nowhere(&self, page: &Path, link: &str) -> Option<String> {
        if link.starts_with("https://") || link.starts_with("data:") {
            return None;
        }
        if link.contains("://") || link.starts_with("//") {
            return Some("is not https".into());
        }
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        let target = match path {
            "" => page.to_owned(),
            path => joined(page.parent().unwrap_or(Path::new("")), path),
        };
        if !self.files.contains(&target) {
            return Some("is no file of the book".into());
        }
        let html = self.pages.get(&target)?;
        let has = anchor.is_empty() || ids(html).contains(anchor);
        (!has).then(|| format!("is no anchor of {}", target.display()))
    }

    /// What a browser would fetch from elsewhere.
    pub fn loads(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for (page, html) in &self.pages {
            let mut found = fetched(html);
            found.extend(frames(html).iter().flat_map(fetched));
            findings.extend(found.iter().map(|it| format!("{}: loads {it}", page.display())));
        }
        for (name, sheet) in &self.sheets {
            let found = in_sheet(sheet);
            findings.extend(found.iter().map(|it| format!("{}: loads {it}", name.display())));
        }
        findings.sort();
        findings.dedup();
        findings
    }

    /// What should have become something else: `{{#include ..}}` in the text of a page, outside of code; and what became a
    /// tag that is none.
    pub fn leftovers(&self) -> Vec<String> {
        let parts = Selector::parse("main p, main pre, main li, main td").unwrap();
        let code = Selector::parse("code").unwrap();
        let all = Selector::parse("main *").unwrap();
        let mut findings = Vec::new();
        for (page, html) in &self.pages {
            for part in html.select(&parts) {
                // Within a line of prose, what is code is meant to be read.
                let is_prose = part.value().name() != "pre";
                let read = part.select(&code).filter(|_| is_prose);
                if marks(&text(&part)) > read.map(|it| marks(&text(&it))).sum() {
                    findings.push(format!("{}: {}", page.display(), text(&part).trim()));
                }
            }
            let strange = html.select(&all).filter(|it| !TAGS.contains(&it.value().name()));
            let strange = strange.filter(|it| !is_within_svg(it));
            let tags = strange.map(|it| format!("{}: <{}>", page.display(), it.value().name()));
            findings.extend(tags);
        }
        findings
    }
}

fn is_within_svg(element: &ElementRef<'_>) -> bool {
    let mut above = element.ancestors().filter_map(ElementRef::wrap);
    above.any(|it| it.value().name() == "svg")
}

fn marks(text: &str) -> usize {
    text.matches("{{#").count()
}

fn text(element: &ElementRef<'_>) -> String {
    element.text().collect()
}

fn of<'a>(html: &'a Html, name: &str) -> Vec<ElementRef<'a>> {
    html.select(&Selector::parse(name).unwrap()).collect()
}

fn ids(html: &Html) -> BTreeSet<String> {
    let with_id = Selector::parse("[id]").unwrap();
    html.select(&with_id).filter_map(|it| it.attr("id").map(str::to_owned)).collect()
}

/// The pages within a page.
fn frames(html: &Html) -> Vec<Html> {
    let inner = of(html, "iframe").into_iter().filter_map(|it| it.attr("srcdoc"));
    inner.map(Html::parse_document).collect()
}

fn fetched(html: &Html) -> Vec<String> {
    let mut found = Vec::new();
    for (name, attribute) in FETCHES {
        let values = of(html, name).into_iter().filter_map(|it| it.attr(attribute));
        found.extend(values.filter(|it| is_elsewhere(it)).map(str::to_owned));
    }
    for style in of(html, "style") {
        found.extend(in_sheet(&text(&style)));
    }
    for styled in of(html, "[style]") {
        found.extend(in_sheet(styled.attr("style").unwrap_or_default()));
    }
    found
}

fn is_elsewhere(address: &str) -> bool {
    let address = address.trim();
    address.starts_with("//") || address.starts_with("http:") || address.starts_with("https:")
}

/// What a style sheet fetches from elsewhere.
fn in_sheet(sheet: &str) -> Vec<String> {
    let starts = sheet.match_indices("url(").map(|(at, it)| at + it.len());
    let imports = sheet.match_indices("@import").map(|(at, it)| at + it.len());
    let address = |at: usize| {
        let rest = sheet[at..].trim_start().trim_start_matches(['"', '\'']);
        rest.split(['"', '\'', ')', ';', ' ']).next().unwrap_or_default().to_owned()
    };
    starts.chain(imports).map(address).filter(|it| is_elsewhere(it)).collect()
}

/// A path below a folder, `..` taken back.
fn joined(folder: &Path, path: &str) -> PathBuf {
    let mut out = PathBuf::new();
    for part in folder.join(path).components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}
