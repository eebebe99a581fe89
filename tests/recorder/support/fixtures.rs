//! The programs of `tests/fixtures`, compiled once.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, Mutex, OnceLock};
use std::time::SystemTime;

use super::skipped;

/// A C fixture's binary, or `None` where there is no C compiler.
pub fn c(name: &str) -> Option<PathBuf> {
    static COMPILER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compiler = COMPILER.get_or_init(|| first_that_runs(&["cc", "gcc", "clang"], "--version"));
    let Some(compiler) = compiler else {
        skipped("no C compiler");
        return None;
    };
    let source = source(&format!("{name}.c"));
    let also = ["common.h", "races/clerk.h"].map(self::source);
    let file = format!("c-{}", name.replace('/', "-"));
    Some(built(&file, &[&source, &also[0], &also[1]], |binary| {
        let mut command = Command::new(compiler);
        command.args(["-O1", "-g", "-pthread", "-o"]).arg(binary).arg(&source);
        command
    }))
}

/// A Rust fixture's binary (std only), or `None` where there is no rustc.
pub fn rust(name: &str) -> Option<PathBuf> {
    static COMPILER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compiler = COMPILER.get_or_init(|| {
        let asked = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
        first_that_runs(&[&asked, "rustc"], "--version")
    });
    let Some(compiler) = compiler else {
        skipped("no rustc");
        return None;
    };
    let source = source(&format!("rust/{name}.rs"));
    Some(built(&format!("rust-lines-{name}"), &[&source], |binary| {
        let mut command = Command::new(compiler);
        command
            .args(["--edition", "2024", "-O", "-C", "debuginfo=line-tables-only", "-o"])
            .arg(binary)
            .arg(&source);
        command
    }))
}

/// A copy of a program that is to be run. Another process makes it: while this one wrote it, a thread that starts something
/// else would hand its child the open file, and a file that is open for writing is not executed (ETXTBSY).
pub fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg(from).arg(to).status().expect("cp starts");
    assert!(copied.success(), "{} is not copied", from.display());
}

/// The interpreter itself, not a launcher script that finds it, or `None` where there is none.
pub fn python() -> Option<&'static str> {
    static PYTHON: OnceLock<Option<String>> = OnceLock::new();
    let found = PYTHON.get_or_init(|| {
        let candidates = ["/usr/bin/python3", "/usr/local/bin/python3", "python3"];
        let python = first_that_runs(&candidates, "--version")?;
        let said = Command::new(python)
            .args(["-c", "import os, sys; print(os.path.realpath(sys.executable))"])
            .output()
            .ok()?;
        Some(String::from_utf8(said.stdout).ok()?.trim().to_owned())
    });
    if found.is_none() {
        skipped("no python3");
    }
    found.as_deref()
}

/// A file of `tests/fixtures`.
pub fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn first_that_runs(names: &[&str], argument: &str) -> Option<PathBuf> {
    names
        .iter()
        .find(|name| {
            Command::new(name).arg(argument).output().is_ok_and(|out| out.status.success())
        })
        .map(PathBuf::from)
}

/// The binary of this name, built again when it is older than one of its sources.
fn built(name: &str, sources: &[&Path], command: impl Fn(&Path) -> Command) -> PathBuf {
    static BUILT: LazyLock<Mutex<HashMap<String, PathBuf>>> = LazyLock::new(Mutex::default);
    // A test that fails while it holds the lock has compiled nothing: the others try for themselves.
    let mut built = BUILT.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(binary) = built.get(name) {
        return binary.clone();
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fixtures");
    fs::create_dir_all(&folder).expect("a folder for the fixtures");
    let binary = folder.join(name);
    let stale = match modified(&binary) {
        Some(made) => sources.iter().any(|source| modified(source).is_none_or(|at| at > made)),
        None => true,
    };
    if stale {
        // Under another name first: a second `cargo test` may be running the old one.
        let fresh = folder.join(format!("{name}.{}", std::process::id()));
        let said = command(&fresh).output().expect("the compiler starts");
        assert!(said.status.success(), "{name}: {}", String::from_utf8_lossy(&said.stderr));
        fs::rename(&fresh, &binary).expect("rename");
    }
    built.insert(name.to_owned(), binary.clone());
    binary
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|about| about.modified()).ok()
}
