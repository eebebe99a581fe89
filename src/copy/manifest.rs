//! The manifests of a copy, made of those of the pack: only what is there is named.

use std::collections::{BTreeMap, BTreeSet};

use toml_edit::{DocumentMut, Item, Table, value};

use crate::catalogue::Lesson;
use crate::error::{Error, Result};

/// The workspace's manifest without the package at its root.
pub fn workspace(text: &str) -> Result<String> {
    let from = read("Cargo.toml", text)?;
    let mut into = DocumentMut::new();
    for key in ["workspace", "profile"] {
        if let Some(item) = from.get(key) {
            into.insert(key, item.clone());
        }
    }
    let workspace = into.entry("workspace").or_insert(Item::Table(Table::new()));
    if let Some(workspace) = workspace.as_table_mut() {
        workspace.insert("members", value(toml_edit::Array::from_iter(["lessons/*"])));
        // A package at the root would bring it with its edition.
        workspace.insert("resolver", value("3"));
        let mut lab = Table::new();
        lab.insert("copy", value(true));
        let mut metadata = Table::new();
        metadata.set_implicit(true);
        metadata.insert("lab", Item::Table(lab));
        workspace.insert("metadata", Item::Table(metadata));
    }
    Ok(into.to_string().trim_start().to_owned())
}

/// Whether this is what [`workspace`] gives, whatever a learner has changed in it.
pub fn is_copys(text: &str) -> bool {
    let read: std::result::Result<DocumentMut, _> = text.parse();
    let mark = |doc: DocumentMut| {
        doc.get("workspace")?.get("metadata")?.get("lab")?.get("copy")?.as_bool()
    };
    read.ok().and_then(mark).unwrap_or(false)
}

/// A lesson's manifest with those of its programs that are there.
pub fn lesson(text: &str, is_there: impl Fn(&str) -> bool) -> Result<String> {
    let mut doc = read("Cargo.toml", text)?;
    if let Some(bins) = doc.get_mut("bin").and_then(Item::as_array_of_tables_mut) {
        bins.retain(|bin| bin.get("path").and_then(Item::as_str).is_some_and(&is_there));
    }
    Ok(doc.to_string())
}

/// A manifest for a lesson whose pack has none.
pub fn plain<'a>(lesson: &Lesson, files: impl Iterator<Item = &'a str>) -> String {
    let mut text = format!(
        "[package]\nname = \"{}\"\nversion.workspace = true\nedition.workspace = true\npublish = false\ndefault-run = \"{}\"\n",
        lesson.package(),
        lesson.name
    );
    for file in files.filter(|file| file.ends_with(".rs")) {
        let bin = lesson.bin(file);
        text.push_str(&format!("\n[[bin]]\nname = \"{bin}\"\npath = \"{file}\"\n"));
    }
    text + "\n[dependencies]\nkit.workspace = true\nnix.workspace = true\nsocket2.workspace = true\n"
}

/// The package and the binary of a file, as a lesson's manifest names them.
pub fn names(text: &str, file: &str) -> Option<(String, String)> {
    let table: toml::Table = toml::from_str(text).ok()?;
    let package = table.get("package")?.get("name")?.as_str()?.to_owned();
    let bins = table.get("bin")?.as_array()?;
    let path = |bin: &&toml::Value| bin.get("path").and_then(toml::Value::as_str) == Some(file);
    let bin = bins.iter().find(path)?.get("name")?.as_str()?;
    Some((package, bin.to_owned()))
}

/// The lock of the lessons and of what they need, without what the lab needs.
pub fn lock(text: &str) -> Result<String> {
    let mut doc = read("Cargo.lock", text)?;
    let Some(packages) = doc.get_mut("package").and_then(Item::as_array_of_tables_mut) else {
        return Ok(text.to_owned());
    };
    // `name`, `name version`, as dependencies are written.
    let text_of = |table: &Table, key| table.get(key).and_then(Item::as_str).map(str::to_owned);
    let mut needs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut called: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages.iter() {
        let (name, version) = (text_of(package, "name"), text_of(package, "version"));
        let (name, version) = (name.unwrap_or_default(), version.unwrap_or_default());
        let all = package.get("dependencies").and_then(Item::as_array);
        let all = all.into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned));
        let full = format!("{name} {version}");
        needs.insert(full.clone(), all.collect());
        called.entry(name).or_default().push(full);
    }
    let mut wanted: Vec<String> = needs
        .keys()
        .filter(|full| full.starts_with("kit ") || full.starts_with("lesson-"))
        .cloned()
        .collect();
    let mut kept = BTreeSet::new();
    while let Some(full) = wanted.pop() {
        if !kept.insert(full.clone()) {
            continue;
        }
        for need in needs.get(&full).into_iter().flatten() {
            let mut words = need.split(' ');
            let (name, version) = (words.next().unwrap_or_default(), words.next());
            match version {
                Some(version) => wanted.push(format!("{name} {version}")),
                None => wanted.extend(called.get(name).into_iter().flatten().cloned()),
            }
        }
    }
    packages.retain(|package| {
        let (name, version) = (text_of(package, "name"), text_of(package, "version"));
        kept.contains(&format!("{} {}", name.unwrap_or_default(), version.unwrap_or_default()))
    });
    // Where there is one version of a package, cargo leaves it out, and would write the file anew.
    let is_only = |name: &str| {
        called.get(name).is_some_and(|all| all.iter().filter(|it| kept.contains(*it)).count() == 1)
    };
    let lists = packages.iter_mut().filter_map(|it| it.get_mut("dependencies")?.as_array_mut());
    for need in lists.flat_map(|list| list.iter_mut()) {
        let name = need.as_str().and_then(|it| it.split_once(' ')).map(|(name, _)| name.to_owned());
        if let Some(name) = name.filter(|name| is_only(name)) {
            let decor = need.decor().clone();
            *need = name.into();
            *need.decor_mut() = decor;
        }
    }
    Ok(doc.to_string())
}

fn read(name: &str, text: &str) -> Result<DocumentMut> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        let at = error.span().map_or(0, |span| span.start);
        let line = 1 + text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count();
        let why = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        Error::Lesson { path: name.into(), line, why }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_loses_its_root_package_and_says_that_it_is_a_copy() {
        let text = "[package]\nname = \"socket-lab\"\n[dependencies]\nclap = \"4\"\n\
                    [workspace]\nmembers = [\"lessons/*\"]\n[workspace.dependencies]\nnix = \"1\"\n\
                    [profile.dev]\nopt-level = 1\n";
        let made = workspace(text).unwrap();
        let table: toml::Table = toml::from_str(&made).unwrap();
        assert_eq!(table.keys().map(String::as_str).collect::<Vec<_>>(), ["profile", "workspace"]);
        assert_eq!(table["workspace"]["dependencies"]["nix"].as_str(), Some("1"));
        assert!(is_copys(&made) && !is_copys(text) && !is_copys("["));
    }

    #[test]
    fn a_lessons_manifest_names_what_is_there() {
        let text = "[package]\nname = \"lesson-01-x\"\n\n[[bin]]\nname = \"01-x\"\npath = \"demo.rs\"\n\n\
                    [[bin]]\nname = \"01-x-solution-std\"\npath = \"solutions/std.rs\"\n\n\
                    [dependencies]\nkit.workspace = true\n";
        let made = lesson(text, |path| path == "demo.rs").unwrap();
        assert!(!made.contains("solution") && made.contains("\n[dependencies]\n"), "{made}");
        let told = names(&made, "demo.rs").unwrap();
        assert_eq!(told, ("lesson-01-x".to_owned(), "01-x".to_owned()));
        assert_eq!(names(&made, "solutions/std.rs"), None);
    }

    #[test]
    fn the_lock_has_what_the_lessons_need_and_no_more() {
        let package = |name: &str, version: &str, needs: &str| {
            format!(
                "[[package]]\nname = \"{name}\"\nversion = \"{version}\"\ndependencies = [{needs}]\n\n"
            )
        };
        let text = format!(
            "version = 4\n\n{}{}{}{}{}{}",
            package("clap", "4.0.0", ""),
            package("kit", "0.1.0", "\"nix 0.31.0\""),
            package("lesson-01-x", "0.1.0", "\"kit\", \"ring\""),
            package("nix", "0.30.0", ""),
            package("nix", "0.31.0", ""),
            // Needs itself, in a circle.
            package("ring", "1.0.0", "\"lesson-01-x\""),
        );
        let made: toml::Table = toml::from_str(&lock(&text).unwrap()).unwrap();
        let packages = made["package"].as_array().unwrap().iter();
        let names: Vec<_> = packages
            .map(|it| {
                format!("{} {}", it["name"].as_str().unwrap(), it["version"].as_str().unwrap())
            })
            .collect();
        assert_eq!(names, ["kit 0.1.0", "lesson-01-x 0.1.0", "nix 0.31.0", "ring 1.0.0"]);
        assert_eq!(made["package"][0]["dependencies"][0].as_str(), Some("nix"));
    }
}
