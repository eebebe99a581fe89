//! Builds lessons' programs and says where they lie.
//!
//! A program is cargo's to build: [`build`] asks `cargo build` and takes the path from its
//! messages. But cargo needs 60 to 100 ms to find that nothing changed, longer than a whole lesson takes to
//! play. So what a build was made from is kept beside it, as a *stamp*: each input with its size
//! and time, or that it was not there; the settings in force; and the program itself. If all of it still
//! holds, the program is taken as it lies. In any doubt cargo is asked: an input that changed while
//! cargo ran, a build script, a dep-info file that does not read as expected leave no stamp.
//!
//! The stamp also mends a blind spot of cargo's: it takes a source that is older than the program for unchanged,
//! and so misses the one that `mv` or `cp -p` brought back. A new compiler under the same name is
//! not looked for: the source is the same, and so are its calls.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, IsTerminal};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One binary of one package of the lab's workspace.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    /// The lab's root folder.
    pub root: &'a Path,
    /// `lesson-12-half-close`.
    pub package: &'a str,
    /// `12-half-close`, `12-half-close-exercise`.
    pub bin: &'a str,
}

/// Whether cargo's diagnostics have colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Color {
    /// As cargo decides, which is by the terminal.
    #[default]
    Auto,
    Always,
    Never,
}

/// Builds the program if anything changed since the last time; gives the path of its executable.
///
/// cargo's own diagnostics go to stderr. Warnings are told when the program is built, and not
/// again while nothing changes. Fails with [`Error::Build`] if it does not compile, and with
/// [`Error::NoCargo`] if there is no cargo.
pub fn build(program: &Program, color: Color) -> Result<PathBuf> {
    let mut built = Environment::of_this_process().build(&[*program], color)?;
    built.pop().ok_or_else(|| no_executable(program))
}

/// The same of several programs of one package, by one cargo: it takes all processors to it.
pub fn build_all(programs: &[Program], color: Color) -> Result<Vec<PathBuf>> {
    Environment::of_this_process().build(programs, color)
}

/// What this machine has to build lessons with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// `1.95.0`; or why there is none.
    pub rust: std::result::Result<String, String>,
    /// Whether it links a program; or the first line of what the compiler says.
    pub links: std::result::Result<(), String>,
}

impl Toolchain {
    /// Whether this Rust is new enough for the lessons, if its version can be told.
    pub fn is_new_enough(&self) -> bool {
        let Ok(version) = &self.rust else { return false };
        let numbers = |text: &str| -> Vec<u32> {
            text.split(['.', '-']).map_while(|part| part.parse().ok()).collect()
        };
        numbers(version) >= numbers(env!("CARGO_PKG_RUST_VERSION"))
    }
}

/// Finds out by compiling and linking an empty program in a folder of its own. Takes some 200 ms.
pub fn toolchain() -> Toolchain {
    let said = Command::new("rustc").arg("--version").stdin(Stdio::null()).output();
    let rust = match said {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            Ok(text.split(' ').nth(1).unwrap_or_default().trim().to_owned())
        }
        Ok(output) => Err(first_line(&output.stderr)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err("there is no rustc".into()),
        Err(error) => Err(error.to_string()),
    };
    let links = match &rust {
        Ok(_) => link_nothing().map_err(|why| why.trim_start_matches("error: ").to_owned()),
        Err(_) => Err("not tried: there is no Rust".into()),
    };
    Toolchain { rust, links }
}

fn link_nothing() -> std::result::Result<(), String> {
    let folder = std::env::temp_dir().join(format!("lab-doctor-{}", std::process::id()));
    fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let source = folder.join("nothing.rs");
    let output = fs::write(&source, "fn main() {}\n").and_then(|()| {
        let mut rustc = Command::new("rustc");
        rustc.args(["--color", "never", "-o"]).arg(folder.join("nothing")).arg(&source);
        rustc.current_dir(&folder).stdin(Stdio::null()).output()
    });
    let _ = fs::remove_dir_all(&folder);
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(first_line(&output.stderr)),
        Err(error) => Err(error.to_string()),
    }
}

fn first_line(text: &[u8]) -> String {
    String::from_utf8_lossy(text).lines().next().unwrap_or("it says nothing").to_owned()
}

/// What decides how cargo builds, besides the files.
struct Environment {
    vars: Vec<(OsString, OsString)>,
    /// What a relative target folder is relative to.
    cwd: PathBuf,
    cargo: PathBuf,
    /// Where cargo's and the compiler's diagnostics go.
    diagnostics: fn() -> Stdio,
}

/// `CARGO_…` variables by which a user configures cargo. The others are cargo's own word to what it runs
/// (`CARGO_PKG_NAME` …), meant for `lab` and not for a cargo below it; they would make builds
/// differ between `cargo run` and `lab` itself. `CARGO_PROFILE_…` is not here, since findings
/// need the line tables that the workspace's profile asks for.
const CONFIGURES: [&str; 14] = [
    "CARGO_HOME",
    "CARGO_TARGET_DIR",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_CACHE_RUSTC_INFO",
    "CARGO_BUILD_*",
    "CARGO_TARGET_*",
    "CARGO_NET_*",
    "CARGO_HTTP_*",
    "CARGO_REGISTRY_*",
    "CARGO_REGISTRIES_*",
    "CARGO_SOURCE_*",
    "CARGO_TERM_*",
    "CARGO_UNSTABLE_*",
];

/// Of those that reach cargo, the ones that change neither the program nor its place.
const CHANGES_NOTHING: [&str; 6] = [
    "CARGO_CACHE_RUSTC_INFO",
    "CARGO_NET_*",
    "CARGO_HTTP_*",
    "CARGO_REGISTRY_*",
    "CARGO_REGISTRIES_*",
    "CARGO_TERM_*",
];

fn is_one_of(names: &[&str], name: &OsStr) -> bool {
    names.iter().any(|one| match one.strip_suffix('*') {
        Some(start) => name.as_bytes().starts_with(start.as_bytes()),
        None => name.as_bytes() == one.as_bytes(),
    })
}

impl Environment {
    fn of_this_process() -> Environment {
        // The cargo that runs us, if one does: it is of the toolchain in use, and no rustup proxy.
        let cargo = std::env::var_os("CARGO").map(PathBuf::from).filter(|cargo| cargo.is_file());
        Environment::new(
            std::env::vars_os().collect(),
            std::env::current_dir().unwrap_or_else(|_| "/".into()),
            cargo.unwrap_or_else(|| "cargo".into()),
        )
    }

    fn new(vars: Vec<(OsString, OsString)>, cwd: PathBuf, cargo: PathBuf) -> Environment {
        let kept = |name: &OsStr| {
            // Where cargo lets tests and benchmarks of *this* package write.
            let own = name == "CARGO_TARGET_TMPDIR";
            !name.as_bytes().starts_with(b"CARGO") || (is_one_of(&CONFIGURES, name) && !own)
        };
        let vars = vars
            .into_iter()
            .filter(|(name, _)| kept(name))
            .map(|(name, value)| {
                // cargo is started in the lab's root; the user meant the folder they are in.
                let folder = name == "CARGO_TARGET_DIR" || name == "CARGO_BUILD_TARGET_DIR";
                let value = match folder && !value.is_empty() {
                    true => cwd.join(&value).into_os_string(),
                    false => value,
                };
                (name, value)
            })
            .collect();
        Environment { vars, cwd, cargo, diagnostics: Stdio::inherit }
    }

    fn var(&self, name: &str) -> Option<&OsStr> {
        let found = self.vars.iter().find(|(var, _)| var == name);
        found.map(|(_, value)| value.as_os_str()).filter(|value| !value.is_empty())
    }

    /// The programs' paths, in order.
    fn build(&self, programs: &[Program], color: Color) -> Result<Vec<PathBuf>> {
        let standing: Vec<Option<PathBuf>> = programs.iter().map(|it| self.standing(it)).collect();
        let pairs = programs.iter().zip(&standing);
        let stale: Vec<&Program> = pairs.filter(|(_, it)| it.is_none()).map(|it| it.0).collect();
        let mut made = self.make(&stale, color)?.into_iter();
        Ok(standing.into_iter().filter_map(|path| path.or_else(|| made.next())).collect())
    }

    /// The program's path, if nothing has changed since it was built.
    fn standing(&self, program: &Program) -> Option<PathBuf> {
        let settings = self.settings(program);
        let stamp = Stamp::read(&self.stamp_path(program, &settings))?;
        if stamp.holds(&settings) {
            return Some(stamp.executable.path);
        }
        stamp.renew_what_cargo_would_miss(program.root);
        None
    }

    /// Has cargo build programs, all of the first one's package, and stamps them.
    fn make(&self, programs: &[&Program], color: Color) -> Result<Vec<PathBuf>> {
        let Some(first) = programs.first() else { return Ok(Vec::new()) };
        let started = SystemTime::now();
        let messages = self.run_cargo(first, programs, color)?;
        let made = programs.iter().map(|program| {
            let path = executable(&messages, program.bin).ok_or_else(|| no_executable(program))?;
            let settings = self.settings(program);
            let place = self.stamp_path(program, &settings);
            match Stamp::of(&path, settings, self.config_files(program.root), started) {
                Some(stamp) => stamp.write(&place),
                // An old one would have sources renewed at every build from now on.
                None => drop(fs::remove_file(&place)),
            }
            Ok(path)
        });
        made.collect()
    }

    /// cargo's messages.
    fn run_cargo(&self, first: &Program, programs: &[&Program], color: Color) -> Result<Vec<u8>> {
        let mut command = Command::new(&self.cargo);
        command.args(["build", "--package", first.package]);
        command.args(programs.iter().flat_map(|program| ["--bin", program.bin]));
        // The programs' paths on stdout, the compiler's diagnostics for people on stderr.
        command.arg("--message-format=json-render-diagnostics");
        command.args(match color {
            Color::Auto => ["--color", "auto"],
            Color::Always => ["--color", "always"],
            Color::Never => ["--color", "never"],
        });
        // A person sees that something is being built, and how far it is; a file gets diagnostics only.
        if !io::stderr().is_terminal() {
            command.arg("--quiet");
        }
        let output = command
            .current_dir(first.root)
            .env_clear()
            .envs(self.vars.iter().map(|(name, value)| (name, value)))
            // Its progress bar moves the cursor, which who wants no colour does not want either.
            .envs((color == Color::Never).then_some(("CARGO_TERM_PROGRESS_WHEN", "never")))
            .stdin(Stdio::null())
            .stderr((self.diagnostics)())
            .output()
            .map_err(|error| Error::NoCargo {
                cargo: self.cargo.display().to_string(),
                errno: nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(0)),
            })?;
        if !output.status.success() {
            return Err(self.obstacle(first, &output.stdout));
        }
        Ok(output.stdout)
    }

    /// Why a program was not built. Nobody is told that it does not compile where there is no room for what the
    /// compiler makes, or nothing to link it with.
    fn obstacle(&self, program: &Program, messages: &[u8]) -> Error {
        let what = program.bin.to_owned();
        let began = messages
            .split(|&byte| byte == b'\n')
            .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
            .any(|message| message.reason == "build-finished");
        if !began {
            return Error::Cargo { what, why: "it has said why".into() };
        }
        let target = self.target(program);
        if let Err(error) = has_room(&target) {
            return Error::file("write", &target, &error);
        }
        match link_nothing() {
            Ok(()) => Error::Build { what },
            Err(why) => Error::Cargo { what, why },
        }
    }

    /// Everything but files that decides what is built and where it is put.
    fn settings(&self, program: &Program) -> Vec<Vec<u8>> {
        let decides = |name: &OsStr| {
            let bytes = name.as_bytes();
            bytes.starts_with(b"CARGO") && !is_one_of(&CHANGES_NOTHING, name)
                || bytes.starts_with(b"RUSTC")
                || bytes.starts_with(b"RUSTUP_")
                || name == "RUSTFLAGS"
        };
        let mut settings: Vec<Vec<u8>> = self
            .vars
            .iter()
            .filter(|(name, _)| decides(name))
            .map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat())
            .collect();
        settings.sort();
        settings.push(program.root.as_os_str().as_bytes().to_vec());
        settings.push(format!("{} {}", program.package, program.bin).into_bytes());
        settings
    }

    /// Where the stamp lies: with what cargo builds, so that `cargo clean` takes it too. Each set
    /// of settings has its own, so that two shells with different ones do not undo each other's.
    fn stamp_path(&self, program: &Program, settings: &[Vec<u8>]) -> PathBuf {
        let mut hasher = DefaultHasher::new();
        settings.hash(&mut hasher);
        self.target(program).join("lab").join(format!(
            "{}-{:016x}.json",
            program.bin,
            hasher.finish()
        ))
    }

    /// The folder that cargo builds in.
    fn target(&self, program: &Program) -> PathBuf {
        let target = self.var("CARGO_TARGET_DIR").or_else(|| self.var("CARGO_BUILD_TARGET_DIR"));
        target.map_or_else(|| program.root.join("target"), |dir| self.cwd.join(dir))
    }

    /// The files besides sources and manifests that cargo and rustup read, or would if they were there.
    fn config_files(&self, root: &Path) -> BTreeSet<PathBuf> {
        let home = self.var("HOME").map(PathBuf::from);
        let in_home = |name: &str| home.as_ref().map(|home| home.join(name));
        let cargo_home = self.var("CARGO_HOME").map(PathBuf::from).or_else(|| in_home(".cargo"));
        let rustup = self.var("RUSTUP_HOME").map(PathBuf::from).or_else(|| in_home(".rustup"));

        let mut files = BTreeSet::from([root.join("Cargo.toml"), root.join("Cargo.lock")]);
        for folder in root.ancestors() {
            for name in
                [".cargo/config.toml", ".cargo/config", "rust-toolchain.toml", "rust-toolchain"]
            {
                files.insert(folder.join(name));
            }
        }
        for name in ["config.toml", "config"] {
            files.extend(cargo_home.as_ref().map(|home| home.join(name)));
        }
        files.extend(rustup.map(|rustup| rustup.join("settings.toml")));
        files
    }
}

/// Fails if a program would not fit into this folder.
fn has_room(folder: &Path) -> io::Result<()> {
    const ROOM: usize = 1 << 20;
    let path = folder.join(format!(".lab-room-{}", std::process::id()));
    let written = fs::write(&path, vec![0; ROOM]);
    let _ = fs::remove_file(&path);
    written
}

/// One of cargo's messages, of which it writes a line each.
#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

fn no_executable(program: &Program) -> Error {
    let why = "its messages name no executable".into();
    Error::Cargo { what: program.bin.into(), why }
}

/// The path of the program in cargo's messages.
fn executable(messages: &[u8], bin: &str) -> Option<PathBuf> {
    messages
        .split(|&byte| byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| {
            let target = message.target.as_ref();
            target.is_some_and(|t| t.name == bin && t.kind.iter().any(|kind| kind == "bin"))
        })
        .find_map(|message| message.executable)
}

/// A file's time is that of the last tick of the kernel's clock, up to 10 ms before the change:
/// times that are no further apart than this are not told apart.
const TICKS: Duration = Duration::from_millis(20);

/// What a program was built from.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Stamp {
    settings: Vec<Vec<u8>>,
    executable: Seen,
    inputs: Vec<Seen>,
}

/// A file as it was.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    path: PathBuf,
    /// `None`: there was none.
    state: Option<State>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct State {
    size: u64,
    inode: u64,
    /// The time of the last change, in seconds and nanoseconds.
    modified: (i64, i64),
}

impl Seen {
    fn now(path: PathBuf) -> io::Result<Seen> {
        let state = match fs::metadata(&path) {
            Ok(file) => Some(State {
                size: file.size(),
                inode: file.ino(),
                modified: (file.mtime(), file.mtime_nsec()),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => None,
            Err(error) => return Err(error),
        };
        Ok(Seen { path, state })
    }

    fn is_still_so(&self) -> bool {
        Seen::now(self.path.clone()).is_ok_and(|now| now == *self)
    }

    /// Whether it was last changed before that time, as far as a file's clock can tell.
    fn is_older_than(&self, time: SystemTime) -> bool {
        let Some(state) = &self.state else { return true };
        let limit = time.checked_sub(TICKS).and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let Some(limit) = limit else {
            return false;
        };
        let (secs, nanos) = state.modified;
        i64::try_from(limit.as_secs())
            .is_ok_and(|limit_secs| (secs, nanos) < (limit_secs, limit.subsec_nanos().into()))
    }
}

impl Stamp {
    /// The stamp of what cargo just built, or none if it would not be safe to trust one.
    ///
    /// `started` is when cargo was; what changed since may or may not have gone into the program.
    fn of(
        executable: &Path,
        settings: Vec<Vec<u8>>,
        mut files: BTreeSet<PathBuf>,
        started: SystemTime,
    ) -> Option<Stamp> {
        let mut dep_info = executable.as_os_str().to_owned();
        dep_info.push(".d");
        for source in sources(&fs::read(dep_info).ok()?, executable)? {
            let package = source.ancestors().find(|folder| folder.join("Cargo.toml").is_file())?;
            // What a build script depends on is known to cargo alone.
            if package.join("build.rs").exists() {
                return None;
            }
            files.extend([package.join("Cargo.toml"), package.join("build.rs"), source]);
        }
        let inputs: Vec<Seen> = files.into_iter().map(Seen::now).collect::<io::Result<_>>().ok()?;
        let executable = Seen::now(executable.to_path_buf()).ok()?;
        let settled = inputs.iter().all(|input| input.is_older_than(started));
        (settled && executable.state.is_some()).then_some(Stamp { settings, executable, inputs })
    }

    fn read(path: &Path) -> Option<Stamp> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Without success there is no stamp, and cargo is asked the next time.
    fn write(&self, path: &Path) {
        let Some(folder) = path.parent() else { return };
        let Ok(text) = serde_json::to_vec(self) else { return };
        let new = path.with_extension(format!("{}.new", std::process::id()));
        // By renaming, so that nobody reads half a stamp.
        let written = fs::create_dir_all(folder)
            .and_then(|()| fs::write(&new, text))
            .and_then(|()| fs::rename(&new, path));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
    }

    fn holds(&self, settings: &[Vec<u8>]) -> bool {
        self.settings == settings
            && self.executable.is_still_so()
            && self.inputs.iter().all(Seen::is_still_so)
    }

    /// Gives the sources that changed, and yet are older than the program, a time between the
    /// beginning and the end of its build (which takes much longer than [`TICKS`]): so cargo builds it again.
    fn renew_what_cargo_would_miss(&self, root: &Path) {
        let modified = |path: &Path| fs::metadata(path).and_then(|file| file.modified());
        let Ok(built) = modified(&self.executable.path) else { return };
        let Some(during) = built.checked_sub(TICKS) else { return };
        let sources = self.inputs.iter().filter(|input| {
            // Of these cargo compares what they say.
            let told = input.path.ends_with("Cargo.toml") || input.path.ends_with("Cargo.lock");
            input.path.starts_with(root) && !told
        });
        for input in sources {
            if modified(&input.path).is_ok_and(|time| time < during) && !input.is_still_so() {
                // Where that is not allowed, cargo judges as it always does.
                let _ = fs::File::open(&input.path).and_then(|file| file.set_modified(during));
            }
        }
    }
}

/// The sources in cargo's dep-info: `PROGRAM: SOURCE SOURCE…`, spaces in paths after a backslash.
///
/// `None` if it is not about this program, or names a path that is not absolute (by a setting of
/// the user's) and so cannot be found from here.
fn sources(dep_info: &[u8], executable: &Path) -> Option<Vec<PathBuf>> {
    let line = dep_info.split(|&byte| byte == b'\n').next()?;
    let (mut paths, mut path) = (Vec::new(), Vec::new());
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if bytes.peek() == Some(&b' ') => path.extend(bytes.next()),
            b' ' => paths.push(std::mem::take(&mut path)),
            _ => path.push(byte),
        }
    }
    paths.push(path);
    let mut paths = paths.into_iter().filter(|path| !path.is_empty());
    if paths.next()?.strip_suffix(b":")? != executable.as_os_str().as_bytes() {
        return None;
    }
    let sources: Vec<_> = paths.map(|path| PathBuf::from(OsString::from_vec(path))).collect();
    (!sources.is_empty() && sources.iter().all(|source| source.is_absolute())).then_some(sources)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lab of one lesson without dependencies, in a folder with a space in its name.
    struct Lab {
        folder: tempfile::TempDir,
    }

    impl Lab {
        fn new() -> Lab {
            let lab = Lab { folder: tempfile::tempdir().unwrap() };
            lab.write("Cargo.toml", "[workspace]\nmembers = [\"lessons/*\"]\nresolver = \"3\"\n");
            lab.write(
                "lessons/01-one/Cargo.toml",
                "[package]\nname = \"lesson-01-one\"\nedition = \"2024\"\n\
                 [[bin]]\nname = \"01-one\"\npath = \"demo.rs\"\n",
            );
            // cargo would write it, and what it writes while it runs leaves no stamp.
            lab.write(
                "Cargo.lock",
                "# This file is automatically @generated by Cargo.\n\
                 # It is not intended for manual editing.\nversion = 4\n\n\
                 [[package]]\nname = \"lesson-01-one\"\nversion = \"0.0.0\"\n",
            );
            lab.says("one");
            lab
        }

        fn root(&self) -> PathBuf {
            self.folder.path().join("my lab")
        }

        /// Writes a file, as if long enough ago for its time to be told from a build's.
        fn write(&self, name: &str, text: &str) {
            let path = self.root().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            self.backdate(name, 1);
        }

        fn backdate(&self, name: &str, seconds: u64) {
            let file = fs::File::options().append(true).open(self.root().join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
        }

        fn says(&self, what: &str) {
            self.write(
                "lessons/01-one/demo.rs",
                &format!("fn main() {{\n    println!(\"{what}\");\n}}\n"),
            );
        }

        fn environment(&self, cargo: &str, more: &[(&str, &str)]) -> Environment {
            let inherited = std::env::vars_os().filter(|(name, _)| {
                let name = name.to_string_lossy();
                !name.starts_with("CARGO") && !name.starts_with("RUSTFLAGS") || name == "CARGO_HOME"
            });
            let more = more.iter().map(|(name, value)| (name.into(), value.into()));
            let vars = inherited.chain(more).collect();
            let environment = Environment::new(vars, self.root(), cargo.into());
            // An error that is meant to be there would look like one of the tests'.
            Environment { diagnostics: Stdio::null, ..environment }
        }

        fn build(&self) -> PathBuf {
            self.try_build("cargo").unwrap()
        }

        fn try_build(&self, cargo: &str) -> Result<PathBuf> {
            self.build_with(cargo, &[])
        }

        fn build_with(&self, cargo: &str, more: &[(&str, &str)]) -> Result<PathBuf> {
            let root = self.root();
            let program = Program { root: &root, package: "lesson-01-one", bin: "01-one" };
            let mut built = self.environment(cargo, more).build(&[program], Color::Never)?;
            Ok(built.pop().expect("one path for one program"))
        }

        fn output(&self) -> String {
            let output = Command::new(self.build()).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        }

        /// Whether a build gives the program without any cargo.
        fn is_fresh(&self) -> bool {
            self.try_build("/no/cargo").is_ok()
        }
    }

    #[test]
    fn what_did_not_change_needs_no_cargo() {
        let lab = Lab::new();
        assert!(!lab.is_fresh());
        let path = lab.build();
        assert_eq!(path, lab.root().join("target/debug/01-one"));
        assert!(lab.is_fresh());
        assert_eq!(lab.output(), "one\n");
    }

    #[test]
    fn several_are_built_by_one_cargo_and_each_stands_by_itself() {
        let lab = Lab::new();
        let manifest = "[package]\nname = \"lesson-01-one\"\nedition = \"2024\"\n\
                        [[bin]]\nname = \"01-one\"\npath = \"demo.rs\"\n\
                        [[bin]]\nname = \"01-two\"\npath = \"two.rs\"\n";
        lab.write("lessons/01-one/Cargo.toml", manifest);
        lab.write("lessons/01-one/two.rs", "fn main() {}\n");
        let root = lab.root();
        let programs =
            ["01-two", "01-one"].map(|bin| Program { root: &root, package: "lesson-01-one", bin });
        let build = |cargo| lab.environment(cargo, &[]).build(&programs, Color::Never);
        let paths = ["01-two", "01-one"].map(|bin| root.join("target/debug").join(bin));
        assert_eq!(build("cargo").unwrap(), paths);
        assert_eq!(build("/no/cargo").unwrap(), paths);
        assert!(lab.is_fresh());
        lab.says("other");
        assert!(build("/no/cargo").is_err());
        assert_eq!(build("cargo").unwrap(), paths);
        assert_eq!(lab.output(), "other\n");
    }

    #[test]
    fn whatever_changes_is_built_again() {
        let lab = Lab::new();
        lab.build();
        lab.says("two");
        assert_eq!(lab.output(), "two\n");
        assert!(lab.is_fresh());

        for (name, text) in [
            ("Cargo.toml", "[workspace]\nmembers = [\"lessons/*\"]\nresolver = \"2\"\n"),
            (".cargo/config.toml", ""),
            ("lessons/01-one/build.rs", "fn main() {}"),
        ] {
            lab.build();
            assert!(lab.is_fresh(), "before {name}");
            lab.write(name, text);
            assert!(!lab.is_fresh(), "after {name}");
        }

        // A build script may depend on anything.
        lab.build();
        assert!(!lab.is_fresh());
        fs::remove_file(lab.root().join("lessons/01-one/build.rs")).unwrap();
        lab.build();
        assert!(lab.is_fresh());

        let program = lab.build();
        fs::remove_file(&program).unwrap();
        assert!(!lab.is_fresh());
        assert!(lab.build().exists());
    }

    #[test]
    fn a_source_that_comes_back_with_its_old_time_is_built() {
        let lab = Lab::new();
        let source = "lessons/01-one/demo.rs";
        fs::copy(lab.root().join(source), lab.root().join("backup")).unwrap();
        lab.backdate("backup", 1000);
        lab.says("two");
        assert_eq!(lab.output(), "two\n");
        fs::rename(lab.root().join("backup"), lab.root().join(source)).unwrap();
        assert_eq!(lab.output(), "one\n");
        assert!(lab.is_fresh());
    }

    #[test]
    fn a_file_that_changed_while_cargo_ran_leaves_no_stamp() {
        let lab = Lab::new();
        lab.backdate("lessons/01-one/demo.rs", 0);
        lab.build();
        assert!(!lab.is_fresh());
    }

    #[test]
    fn other_settings_are_another_build() {
        let lab = Lab::new();
        lab.build();
        let elsewhere = [("CARGO_TARGET_DIR", "else where")];
        assert!(lab.build_with("/no/cargo", &elsewhere).is_err());
        let path = lab.build_with("cargo", &elsewhere).unwrap();
        assert_eq!(path, lab.root().join("else where/debug/01-one"));
        assert!(lab.build_with("/no/cargo", &elsewhere).is_ok());
        assert!(lab.is_fresh());
        assert!(lab.build_with("/no/cargo", &[("RUSTFLAGS", "-Copt-level=0")]).is_err());
        assert!(lab.build_with("/no/cargo", &[("CARGO_PKG_NAME", "socket-lab")]).is_ok());
    }

    #[test]
    fn what_does_not_compile_is_an_error_and_not_the_old_program() {
        let lab = Lab::new();
        lab.build();
        lab.write("lessons/01-one/demo.rs", "fn main() { nothing }");
        for _ in 0..2 {
            let told = lab.try_build("cargo").unwrap_err().to_string();
            assert_eq!(told, "cargo could not build 01-one");
        }
    }

    #[test]
    fn without_cargo_the_message_says_so() {
        let told = Lab::new().try_build("/no/cargo").unwrap_err().to_string();
        assert_eq!(told, "cannot build lessons: there is no `/no/cargo` (ENOENT)");
    }

    #[test]
    fn only_the_users_own_settings_reach_cargo() {
        let vars = [
            ("CARGO", "/bin/cargo"),
            ("CARGO_HOME", "/h"),
            ("CARGO_MANIFEST_DIR", "/m"),
            ("CARGO_PKG_NAME", "socket-lab"),
            ("CARGO_PROFILE_DEV_DEBUG", "0"),
            ("CARGO_TARGET_DIR", "out"),
            ("CARGO_TARGET_TMPDIR", "/t"),
            ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", "lld"),
            ("PATH", "/bin"),
            ("RUSTUP_TOOLCHAIN", "stable"),
        ];
        let vars = vars.map(|(name, value)| (name.into(), value.into())).to_vec();
        let environment = Environment::new(vars, "/lab/lessons".into(), "cargo".into());
        let kept: Vec<_> = environment
            .vars
            .iter()
            .map(|(name, value)| format!("{}={}", name.display(), value.display()))
            .collect();
        assert_eq!(
            kept,
            [
                "CARGO_HOME=/h",
                "CARGO_TARGET_DIR=/lab/lessons/out",
                "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER=lld",
                "PATH=/bin",
                "RUSTUP_TOOLCHAIN=stable",
            ]
        );
    }

    #[test]
    fn dep_info_reads_with_spaces_and_not_by_guessing() {
        let exe = Path::new("/my lab/demo");
        let read = |text: &str| sources(text.as_bytes(), exe);
        assert_eq!(
            read("/my\\ lab/demo: /my\\ lab/a.rs /b.rs\n"),
            Some(vec!["/my lab/a.rs".into(), "/b.rs".into()])
        );
        assert_eq!(read("/other: /b.rs\n"), None);
        assert_eq!(read("/my\\ lab/demo: b.rs\n"), None);
        assert_eq!(read("/my\\ lab/demo:\n"), None);
        assert_eq!(read(""), None);
    }
}
