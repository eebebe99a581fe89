//! `lessons/*/lesson.toml` → [`Lesson`].
//!
//! Opening the [`Catalogue`] reads folder names only; a lesson's file is read when that lesson is
//! asked for. So a mistake in one lesson.toml never stands in the way of another lesson.
//!
//! A file is checked on reading: an unknown key, a wrong type or a role that is not declared is an
//! error with its line. Patterns stay text here, with their place ([`Lesson::error_at`]): what
//! they mean is judged by those who match them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;
use toml::Spanned;

use crate::error::{Error, Result, did_you_mean};
use crate::grade::{self, About, Check, Question};
use crate::pack::Pack;
use crate::pattern::{self, CallPattern};
use crate::scenario::names::Names;
use crate::scenario::network::Network;
use crate::scenario::texts::{self, Template, Texts};
use crate::scenario::{self, Place, Plan};

/// The lab's root: the nearest of `from` and the folders above it with `lessons/` and Cargo.toml.
///
/// Fails with [`Error::NoLab`] if there is none.
pub fn root(from: &Path) -> Result<PathBuf> {
    from.ancestors()
        .find(|folder| folder.join("lessons").is_dir() && folder.join("Cargo.toml").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| Error::NoLab { from: from.to_path_buf() })
}

/// The lessons of one lab, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    root: PathBuf,
    pack: Pack,
    /// In order of number, then name.
    names: Vec<Name>,
    /// Folders with a lesson.toml whose name is not `NN-slug`.
    strays: Vec<String>,
}

/// A lesson's folder name, taken apart. Ordered by number, then by the rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub number: u32,
    /// The whole name: `12-half-close`.
    pub whole: String,
}

impl Name {
    /// The name without its number: `half-close`.
    pub fn slug(&self) -> &str {
        self.whole.split_once('-').map_or("", |(_, slug)| slug)
    }

    /// Of a number and the rest: `9`, `asking-twice` → `09-asking-twice`.
    pub fn of(number: u32, slug: &str) -> Name {
        Name { number, whole: format!("{number:02}-{slug}") }
    }

    /// Takes a folder's name apart; `None` if it is not `NN-slug`.
    pub fn parse(folder: &str) -> Option<Name> {
        let (number, slug) = folder.split_once('-')?;
        let numbered = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
        let number = number.parse().ok()?;
        (is_slug(slug) && numbered).then(|| Name { number, whole: folder.into() })
    }
}

/// Whether it is plain: `half-close`.
pub fn is_slug(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(plain)
}

impl Catalogue {
    /// The lessons below `root/lessons`, which are their own pack. Folders without a lesson.toml (the kit) are none.
    pub fn open(root: &Path) -> Result<Catalogue> {
        Catalogue::of(root, Pack::Folder(root.to_path_buf()))
    }

    /// The lessons of a pack, worked on below `root/lessons`.
    pub fn of(root: &Path, pack: Pack) -> Result<Catalogue> {
        let (mut names, mut strays) = (Vec::new(), Vec::new());
        for folder in pack.folders()? {
            match Name::parse(&folder) {
                Some(name) => names.push(name),
                None => strays.push(folder),
            }
        }
        names.sort();
        strays.sort();
        Ok(Catalogue { root: root.to_path_buf(), pack, names, strays })
    }

    /// Where the lessons come from.
    pub fn pack(&self) -> &Pack {
        &self.pack
    }

    /// The lab's root folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every lesson's name, in order.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// The lessons that `wanted` means: a number (`3`), a range with both ends (`1..13`), the
    /// whole name (`12-half-close`) or a part that only one name has (`half`).
    ///
    /// There is at least one. Fails with [`Error::NoLesson`] if nothing fits, and with
    /// [`Error::Usage`] if a part fits several or a range runs backwards.
    pub fn find(&self, wanted: &str) -> Result<Vec<&Name>> {
        let text = wanted.trim().to_lowercase();
        let found = if let Some((first, last)) = text.split_once("..") {
            self.in_range(wanted, first, last)?
        } else if let Ok(number) = text.parse::<u32>() {
            one_of(wanted, self.names.iter().filter(|name| name.number == number).collect())?
        } else {
            self.by_part(wanted, &text)?
        };
        if found.is_empty() {
            let nearest = self.nearest(&text).map(|name| name.whole.clone());
            return Err(Error::NoLesson { wanted: wanted.into(), nearest });
        }
        Ok(found)
    }

    /// As [`find`](Catalogue::find), for a command that takes one lesson.
    pub fn find_one(&self, wanted: &str) -> Result<&Name> {
        match self.find(wanted)?.as_slice() {
            [one] => Ok(one),
            several => Err(Error::Usage {
                why: format!("`{wanted}` is {} lessons; this takes one", several.len()),
                next: "lab list".into(),
            }),
        }
    }

    /// Reads and checks one lesson's file.
    pub fn read(&self, name: &Name) -> Result<Lesson> {
        Lesson::read(&self.root, &self.pack, name)
    }

    /// Reads every lesson; each that cannot be read is an error in its place, strays come last. So is one that has the id of
    /// another before it.
    pub fn read_all(&self) -> Vec<Result<Lesson>> {
        let mut ids: HashMap<String, String> = HashMap::new();
        let mut alone = |lesson: Lesson| match ids.get(&lesson.id) {
            Some(other) => {
                let why = format!("{other} has the id `{}` too: give this one another", lesson.id);
                Err(Error::Lesson { path: lesson.file, line: 1, why })
            }
            None => {
                ids.insert(lesson.id.clone(), lesson.name.clone());
                Ok(lesson)
            }
        };
        let lessons = self.names.iter().map(|name| self.read(name).and_then(&mut alone));
        let mut all: Vec<_> = lessons.collect();
        all.extend(self.strays.iter().map(|folder| Err(self.stray(folder))));
        all
    }

    fn in_range(&self, wanted: &str, first: &str, last: &str) -> Result<Vec<&Name>> {
        let number = |text: &str| text.trim().parse::<u32>().ok();
        match (number(first), number(last.trim_start_matches('='))) {
            (Some(first), Some(last)) if first <= last => {
                let range = first..=last;
                Ok(self.names.iter().filter(|name| range.contains(&name.number)).collect())
            }
            _ => Err(Error::Usage {
                why: format!("`{wanted}` is no range of lessons: 1..13 is"),
                next: "lab list".into(),
            }),
        }
    }

    fn by_part(&self, wanted: &str, text: &str) -> Result<Vec<&Name>> {
        if self.strays.iter().any(|folder| folder.to_lowercase() == text) {
            return Err(self.stray(wanted));
        }
        // A whole name or slug means itself even where it is a part of another's (echo, echo-udp).
        for exactly in [|name: &Name| name.whole.as_str(), Name::slug] as [fn(&Name) -> &str; 2] {
            let found: Vec<_> = self.names.iter().filter(|name| exactly(name) == text).collect();
            if !found.is_empty() {
                return one_of(wanted, found);
            }
        }
        if text.is_empty() {
            return Ok(Vec::new());
        }
        one_of(wanted, self.names.iter().filter(|name| name.whole.contains(text)).collect())
    }

    /// The name most like this text, if one is like it at all.
    fn nearest(&self, text: &str) -> Option<&Name> {
        // Nobody who types a number that is none mistyped another.
        if text.starts_with(|c: char| c.is_ascii_digit()) && !text.contains('-') {
            return None;
        }
        let likeness = |name: &Name| {
            let slug = strsim::jaro_winkler(text, name.slug());
            let words = name.slug().split('-').map(|word| strsim::jaro_winkler(text, word));
            words.fold(slug.max(strsim::jaro_winkler(text, &name.whole)), f64::max)
        };
        let rated = self.names.iter().map(|name| (likeness(name), name));
        let best = rated.max_by(|(a, one), (b, other)| a.total_cmp(b).then(other.cmp(one)))?;
        (best.0 > 0.75).then_some(best.1)
    }

    fn stray(&self, folder: &str) -> Error {
        Error::Lesson {
            path: Path::new("lessons").join(folder).join("lesson.toml"),
            line: 1,
            why: format!("the folder `{folder}` must be named like 12-half-close"),
        }
    }
}

/// None or one; several are the user's to choose from.
fn one_of<'a>(wanted: &str, found: Vec<&'a Name>) -> Result<Vec<&'a Name>> {
    if found.len() < 2 {
        return Ok(found);
    }
    let names: Vec<_> = found.iter().map(|name| name.whole.as_str()).collect();
    Err(Error::Usage {
        why: format!("`{wanted}` fits several lessons: {}", names.join(", ")),
        next: "name more of it; lab list shows all".into(),
    })
}

/// One lesson, as its lesson.toml tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    pub number: u32,
    /// What it is known by when its folder has another name or number: `half-close`.
    pub id: String,
    /// The whole name, which is the folder's: `12-half-close`.
    pub name: String,
    /// Where the learner works on it; what it consists of is the pack's to say ([`Lesson::shipped`]).
    pub folder: PathBuf,
    pub pack: Pack,
    pub title: String,
    /// How long it takes a learner, in minutes.
    pub minutes: u32,
    /// The rows of the sources that it reaches: `S4.6`.
    pub covers: Vec<String>,
    /// The manual pages that it is about: `accept(2)`.
    pub man: Vec<String>,
    /// The role that the exercise is about; `None` where nothing is graded.
    pub grades: Option<String>,
    /// In the order in which they are listed, which is the order in which they take turns.
    pub roles: Vec<Role>,
    /// The ways to play the demo: the plain one first, then its variants.
    pub demos: Vec<Demo>,
    pub scenarios: Vec<Scenario>,
    pub rules: Vec<Rule>,
    /// The checks of the baseline that do not hold here.
    pub baseline_off: Vec<Spanned<String>>,
    /// Whether a socket that only the end of its process closes is more than a note.
    pub closes_before_exit: bool,
    pub exercise: Exercise,
    /// What is to be predicted, if that is the exercise.
    pub prediction: Option<Prediction>,
    /// The names that each run of it has to itself.
    pub names: Option<Spanned<Names>>,
    /// Whether its programs may send and receive messages of ICMP.
    pub icmp: bool,
    /// The network that each run of it has to itself, beside loopback.
    pub network: Option<Spanned<Network>>,
    questions: Vec<WrittenQuestion>,
    /// What `lab predict` asks about the demo and its variants, in the order of the file.
    pub asks: Vec<Ask>,
    /// The file's path from the lab's root, for messages.
    file: PathBuf,
    /// The file's text, for the line of a span.
    source: String,
}

/// One of the lesson's programs.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// `server`, `client`: what the program gets as its first argument.
    pub name: Spanned<String>,
    /// The pattern of the event that this role starts after; `None`: it starts at once.
    pub after: Option<Spanned<String>>,
    /// Whether it must end by itself: if so, blocked at the end is a deadlock. If not, it serves
    /// until the lab ends it.
    #[serde(default = "yes")]
    pub ends: bool,
    /// The lines that it finds on its standard input, one at each quiet moment; then end of file.
    #[serde(default)]
    pub stdin: Vec<String>,
    /// The rows of the sources whose program this is: `S4.6`.
    #[serde(default)]
    pub plays: Vec<String>,
}

fn yes() -> bool {
    true
}

/// A way to play the lesson's demo.
#[derive(Clone, Debug, PartialEq)]
pub struct Demo {
    /// `glued`; `None`: the plain one.
    pub variant: Option<Spanned<String>>,
    /// What it shows, in words.
    pub says: Option<String>,
    /// The file of its program within the lesson's folder: `demo.rs`, `mistakes/stops-early.rs`.
    pub program: Spanned<String>,
    pub roles: Vec<Role>,
    /// What the world does meanwhile, one step at each quiet moment: `server: stdin("hi")`, `A: connect(:9999)`.
    pub steps: Vec<Spanned<String>>,
    /// The faults that its programs meet: `short-write`.
    pub weather: Option<Spanned<String>>,
    /// The rows of the sources that can be seen in its recording: `S4.28`.
    pub shows: Vec<String>,
}

impl Demo {
    /// The file of its golden timeline, without the `.snap`.
    pub fn golden(&self) -> String {
        self.named("timeline")
    }

    /// The file of its golden picture: `picture.glued.svg`.
    pub fn picture(&self) -> String {
        self.named("picture") + ".svg"
    }

    /// The file of its golden recording: `recording.glued.json`.
    pub fn recording(&self) -> String {
        self.named("recording") + ".json"
    }

    fn named(&self, what: &str) -> String {
        let variant = self.variant.as_ref().map(|name| format!(".{}", name.as_ref()));
        format!("{what}{}", variant.unwrap_or_default())
    }
}

/// What the outside world does to the graded program. Its notation is that of [`crate::scenario`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What happens, in words: `one client asks`.
    pub name: Spanned<String>,
    /// The role that the program under test plays here, if it is not the one of `grades`.
    pub role: Option<Spanned<String>>,
    /// Another program of the lesson that is there when the one under test starts.
    pub with: Option<With>,
    /// How many clients the steps of `each` and `all` are for: `20`, or `"2..5"` for as many as the seed chooses.
    #[serde(default)]
    pub clients: Option<Spanned<Count>>,
    /// The steps of the peers, one at each quiet moment: `A: send("{text}")`.
    #[serde(default)]
    pub steps: Vec<Spanned<String>>,
    /// What must hold after certain steps.
    #[serde(default)]
    pub at: Vec<Checkpoint>,
}

/// Which of the lesson's programs plays which role beside the one under test.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct With {
    pub role: Spanned<String>,
    /// Its file within the lesson's folder; `None`: the demo.
    pub program: Option<Spanned<String>>,
}

/// A number, or a range of them as text.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged, expecting = "invalid number of clients: 20 is one, and \"2..5\"")]
pub enum Count {
    Exactly(u32),
    Range(String),
}

/// What must hold at the quiet moment after a step: exactly one of the three is given.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// The step's number, from 1; of a step that several clients do, the last of them.
    pub step: Spanned<usize>,
    /// A socket and its TCP state: `server: conn CLOSED`, `server: conn CLOSE-WAIT|LAST-ACK`; the length of one of its
    /// queues may follow: `server: listener LISTEN, receive_queue = 2`.
    pub state: Option<Spanned<String>>,
    /// A call that has been made by then: `server: send(conn, ..) > 0`.
    pub call: Option<Spanned<String>>,
    /// A call in which somebody waits: `server: accept(listener)`.
    pub waits: Option<Spanned<String>>,
}

/// One sentence about what a right program does.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// `reads-before-it-replies`: how verdicts, mistakes and `lab explain` name it.
    pub id: Spanned<String>,
    /// The rule in words, as a statement about the program that keeps it.
    pub says: Option<String>,
    pub expect: Expect,
    /// The scenarios in which it holds, by name; none: all of them.
    pub scenarios: Vec<Spanned<String>>,
    /// A question that leads on, shown when this rule is broken.
    pub hint: Option<String>,
}

/// What a rule asks of the timeline, as patterns not yet read.
#[derive(Clone, Debug, PartialEq)]
pub enum Expect {
    /// Events that match these come in this order; others may come between them.
    Order(Vec<Spanned<String>>),
    /// An event matches this; with `given`: if one matches that.
    Call { what: Spanned<String>, given: Option<Spanned<String>> },
    /// No event matches this; with `after`: none after the first match of that.
    Never { what: Spanned<String>, after: Option<Spanned<String>> },
    /// So many events match: `= 1`, `<= 3`.
    Count { what: Spanned<String>, times: Spanned<String> },
    /// A check by name: what no pattern can say.
    Check(Spanned<String>),
    /// These lines are printed in this order; `..` stands for any part of one, `{text}` for what a scenario's steps have there.
    Prints(Vec<Spanned<String>>),
}

/// An exercise that is no program: what will a demo do? Its answers stand in `predict.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prediction {
    /// The lesson whose demo is asked about, by its name; none: this one.
    pub of: Option<Spanned<String>>,
    /// A recording in the lesson's folder that the questions about `claims` are about.
    pub recording: Spanned<String>,
}

/// A question about one call of a demo: what will it return? What is right the recording says.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// The call, without its result: `client: connect(sock, ..)`.
    pub call: Spanned<String>,
    /// Which of the calls that match, from 1; none: the first.
    pub nth: Option<Spanned<usize>>,
    /// Whether it is about a call that waits, and what that gives in the end; else about what whoever makes the call sees first.
    #[serde(default)]
    pub woken: bool,
    /// The variant whose recording it is about; none: the plain demo.
    pub of: Option<Spanned<String>>,
    /// What is asked, in words, where the call alone does not say it.
    pub asks: Option<String>,
    /// Why the answer is what it is, in a sentence or two; shown after the answer.
    pub why: Spanned<String>,
}

/// The learner's part.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exercise {
    /// The faults under which the rules must hold as well: `short-write`.
    #[serde(default)]
    pub weather: Vec<Spanned<String>>,
    /// The rule that the exercise breaks as shipped, before any other; none: any of the lesson's.
    pub breaks: Option<Spanned<String>>,
    /// From where to look to what it takes, usually three.
    #[serde(default)]
    pub hints: Vec<String>,
}

impl Lesson {
    /// The lesson's folder, and what it is called from the lab's root: `lessons/12-half-close`.
    pub fn places(&self) -> (PathBuf, PathBuf) {
        (self.folder.clone(), Path::new("lessons").join(&self.name))
    }

    /// The file that the learner works on.
    pub fn exercise_file(&self) -> &'static str {
        if self.prediction.is_some() { "predict.toml" } else { "exercise.rs" }
    }

    /// One of its files as it is shipped: `demo.rs`, `solutions/std.rs`; `None` if there is none.
    pub fn shipped(&self, file: &str) -> Result<Option<Vec<u8>>> {
        self.pack.read(&format!("{}/{file}", self.name))
    }

    /// The solutions, the one that is nearest to the exercise first: `solutions/nix.rs`.
    pub fn solutions(&self) -> Result<Vec<String>> {
        let mut all = self.pack.files(&self.name)?;
        all.retain(|file| file.starts_with("solutions/"));
        all.sort_by_key(|file| file != "solutions/nix.rs");
        Ok(all)
    }

    /// The name of the lesson's cargo package.
    pub fn package(&self) -> String {
        format!("lesson-{}", self.name)
    }

    /// The name of the binary of a file of this lesson: `12-half-close-mistake-closes-early` of
    /// `mistakes/closes-early.rs`. The demo's is the lesson's own.
    pub fn bin(&self, file: &str) -> String {
        let stem = file.strip_suffix(".rs").unwrap_or(file);
        let kind = match stem.split_once('/') {
            None if stem == "demo" => return self.name.clone(),
            None => stem.to_owned(),
            Some((folder, stem)) => format!("{}-{stem}", folder.trim_end_matches('s')),
        };
        format!("{}-{}", self.name, kind.replace('.', "-"))
    }

    /// The demo, or this variant of it.
    ///
    /// Fails with [`Error::Usage`] if there is none of this name.
    pub fn demo(&self, variant: Option<&str>) -> Result<&Demo> {
        let name = |demo: &'_ Demo| demo.variant.as_ref().map(|name| name.as_ref().clone());
        if let Some(demo) = self.demos.iter().find(|demo| name(demo).as_deref() == variant) {
            return Ok(demo);
        }
        let names: Vec<String> = self.demos.iter().filter_map(name).collect();
        let wanted = variant.unwrap_or_default();
        Err(match names.is_empty() {
            true => Error::Usage {
                why: format!("{} has no variants", self.name),
                next: format!("lab run {}", self.number),
            },
            false => Error::Usage {
                why: match did_you_mean(wanted, names.iter().map(String::as_str)) {
                    meant if meant.is_empty() => {
                        format!("{} has no variant `{wanted}`, but {}", self.name, names.join(", "))
                    }
                    meant => format!("{} has no variant `{wanted}`{meant}", self.name),
                },
                next: format!("lab run {} --variant {}", self.number, names[0]),
            },
        })
    }

    /// A scenario in which nothing is done yet, in the world that all of the lesson's programs live in.
    fn world(&self) -> scenario::Written {
        scenario::Written {
            names: self.names.as_ref().map(|names| names.as_ref().clone()),
            network: self.network.as_ref().map(|network| network.as_ref().clone()),
            icmp: self.icmp,
            ..Default::default()
        }
    }

    /// What the world does while the demo plays; of the plain demo, if anything.
    pub fn demo_plan(&self, demo: &Demo) -> Result<Option<Plan>> {
        let world = self.world();
        if demo.steps.is_empty() && demo.variant.is_none() && world == Default::default() {
            return Ok(None);
        }
        let name = demo.variant.as_ref().map_or("demo", |name| name.as_ref()).to_owned();
        let steps = demo.steps.iter().map(|step| step.as_ref().clone()).collect();
        let written = scenario::Written { name, steps, ..world };
        let plan = Plan::read(written).map_err(|(place, error)| match place {
            Place::Step(at) => self.error_at(&demo.steps[at], step_error(&error)),
            Place::Clients | Place::Checkpoint(_) => error,
        })?;
        if let Some((at, name)) = plan.starts().next() {
            let why =
                format!("`{name}` is started by a step; in a demo it is a [[role]] with `after`");
            return Err(self.error_at(&demo.steps[at], why));
        }
        Ok(Some(plan))
    }

    /// Whether there is an exercise to check.
    pub fn is_graded(&self) -> bool {
        self.grades.is_some() || self.prediction.is_some()
    }

    /// What is to be predicted, with patterns read.
    pub fn questions(&self) -> Result<Vec<Question>> {
        let question = |written: &WrittenQuestion| {
            let WrittenQuestion { id, asks, hint, calls, descriptor, state, wrong } = written;
            let mut about = Vec::new();
            about.extend(calls.iter().map(|role| Ok(About::Calls(role.clone()))));
            about.extend(descriptor.iter().map(|it| Ok(About::Descriptor(self.pattern(it)?))));
            about.extend(state.iter().map(|state| Ok(About::State(state.clone()))));
            about.extend(wrong.iter().map(|claims| {
                let claims = claims.iter().map(|claim| self.pattern(claim));
                Ok(About::Wrong(claims.collect::<Result<_>>()?))
            }));
            let (Some(about), true) = (about.pop(), about.is_empty()) else {
                let why = "a question needs one of `calls`, `descriptor`, `state` and `wrong`";
                return Err(self.error_at(id, why));
            };
            let (id, asks, hint) = (id.as_ref().clone(), asks.clone(), hint.clone());
            Ok(Question { id, asks, hint, about: about? })
        };
        self.questions.iter().map(question).collect()
    }

    /// The question that is asked about a call of the demo, with its pattern read.
    pub fn ask(&self, ask: &Ask) -> Result<grade::Ask> {
        let call: CallPattern = self.pattern(&ask.call)?;
        if call.result.is_some() {
            return Err(self.error_at(&ask.call, "an `ask` names a call, and not what it gives"));
        }
        let nth = ask.nth.as_ref().map_or(1, |nth| *nth.as_ref());
        if let (0, Some(written)) = (nth, &ask.nth) {
            return Err(self.error_at(written, "the first call is `nth = 1`"));
        }
        if let Some(variant) = &ask.of
            && let Err(error) = self.demo(Some(variant.as_ref()))
        {
            return Err(self.error_at(variant, error.to_string()));
        }
        Ok(grade::Ask {
            call,
            nth,
            woken: ask.woken,
            asks: ask.asks.clone(),
            why: ask.why.as_ref().clone(),
        })
    }

    /// What is asked about the demo, or about this variant of it.
    pub fn asks_of<'a>(&'a self, variant: Option<&'a str>) -> impl Iterator<Item = &'a Ask> {
        let of = move |ask: &&Ask| ask.of.as_ref().map(|of| of.as_ref().as_str()) == variant;
        self.asks.iter().filter(of)
    }

    /// The role of this name.
    pub fn role(&self, name: &str) -> Option<&Role> {
        self.roles.iter().find(|role| role.name.as_ref() == name)
    }

    /// Reads a scenario's steps and checkpoints; a mistake is told with its line, and where it is within that.
    pub fn plan(&self, scenario: &Scenario) -> Result<Plan> {
        let text =
            |written: &Option<Spanned<String>>| written.as_ref().map(|it| it.as_ref().clone());
        let written = scenario::Written {
            name: scenario.name.as_ref().clone(),
            role: text(&scenario.role),
            with: scenario.with.as_ref().map(|with| scenario::With {
                role: with.role.as_ref().clone(),
                program: text(&with.program).unwrap_or_else(|| "demo.rs".into()),
            }),
            clients: scenario.clients.as_ref().map(|clients| match clients.as_ref() {
                Count::Exactly(number) => number.to_string(),
                Count::Range(range) => range.clone(),
            }),
            steps: scenario.steps.iter().map(|step| step.as_ref().clone()).collect(),
            at: scenario
                .at
                .iter()
                .map(|point| scenario::WrittenCheckpoint {
                    step: *point.step.as_ref(),
                    state: text(&point.state),
                    call: text(&point.call),
                    waits: text(&point.waits),
                })
                .collect(),
            ..self.world()
        };
        Plan::read(written).map_err(|(place, error)| {
            let why = error.to_string();
            let why = why.strip_prefix("the pattern ").unwrap_or(&why);
            match place {
                Place::Clients => match &scenario.clients {
                    Some(clients) => self.error_at(clients, why),
                    None => self.error_at(&scenario.name, why),
                },
                Place::Step(at) => self.error_at(&scenario.steps[at], step_error(&error)),
                Place::Checkpoint(at) => {
                    let point = &scenario.at[at];
                    let text =
                        point.state.as_ref().or(point.call.as_ref()).or(point.waits.as_ref());
                    let why = format!("the checkpoint {why}");
                    match text {
                        Some(text) => self.error_at(text, why),
                        None => self.error_at(&point.step, why),
                    }
                }
            }
        })
    }

    /// An error about something in this lesson's file: `lessons/12-half-close/lesson.toml:14: why`.
    pub fn error_at<T>(&self, place: &Spanned<T>, why: impl Into<String>) -> Error {
        let line = line(&self.source, place.span());
        Error::Lesson { path: self.file.clone(), line, why: why.into() }
    }

    fn read(root: &Path, pack: &Pack, name: &Name) -> Result<Lesson> {
        let path = format!("{}/lesson.toml", name.whole);
        let file = match pack {
            Pack::Folder(other) if other != root => other.join("lessons").join(&path),
            _ => Path::new("lessons").join(&path),
        };
        let failed = |error: io::Error| Error::file("read", &file, &error);
        let bytes = pack.read(&path)?.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let not_text = |error| failed(io::Error::new(io::ErrorKind::InvalidData, error));
        let source = String::from_utf8(bytes).map_err(not_text)?;
        Lesson::parse(root, pack, name, file, source)
    }

    fn parse(
        root: &Path,
        pack: &Pack,
        name: &Name,
        file: PathBuf,
        source: String,
    ) -> Result<Lesson> {
        let written: Written = match toml::from_str(&source) {
            Ok(written) => written,
            Err(error) => {
                let line = line(&source, error.span().unwrap_or(0..0));
                // A syntax error may take several lines to say; a message is one.
                let why = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
                // Its types are ours, and no word of a lesson's author.
                let why = why.replace("expected u32", "expected a number from 0");
                let why = why.replace("expected usize", "expected a number from 0");
                return Err(Error::Lesson { path: file, line, why });
            }
        };
        let mut demos = vec![Demo {
            variant: None,
            says: None,
            program: Spanned::new(0..0, "demo.rs".into()),
            roles: written.role.clone(),
            steps: written.demo.steps,
            weather: None,
            shows: written.demo.shows,
        }];
        demos.extend(written.variant.into_iter().map(|it| Demo {
            variant: Some(it.name),
            says: it.says,
            program: it.program.unwrap_or_else(|| Spanned::new(0..0, "demo.rs".into())),
            roles: if it.role.is_empty() { written.role.clone() } else { it.role },
            steps: it.steps,
            weather: it.weather,
            shows: it.shows,
        }));
        let mut lesson = Lesson {
            number: name.number,
            id: written.id.as_ref().map_or(name.slug(), |id| id.as_ref()).to_owned(),
            name: name.whole.clone(),
            folder: root.join("lessons").join(&name.whole),
            pack: pack.clone(),
            title: written.title,
            minutes: written.minutes,
            covers: written.covers,
            man: written.man,
            grades: written.grades.as_ref().map(|grades| grades.as_ref().clone()),
            roles: written.role,
            demos,
            scenarios: written.scenario,
            rules: Vec::new(),
            baseline_off: written.baseline_off,
            closes_before_exit: written.closes_before_exit,
            exercise: written.exercise,
            prediction: written.prediction,
            names: written.names,
            icmp: written.icmp,
            network: written.network,
            questions: written.question,
            asks: written.ask,
            file,
            source,
        };
        lesson.exercise.hints.retain(|hint| !hint.trim().is_empty());
        lesson.rules =
            written.rule.into_iter().map(|rule| lesson.rule(rule)).collect::<Result<_>>()?;
        lesson.check(written.grades.as_ref())?;
        if let Some(names) = &lesson.names {
            names.as_ref().fill(0).map_err(|error| lesson.error_at(names, error.to_string()))?;
        }
        if let Some(network) = &lesson.network {
            let told = network.as_ref().links(0).and_then(|_| network.as_ref().lacks());
            told.map_err(|error| lesson.error_at(network, error.to_string()))?;
        }
        if let Some(id) = written.id.filter(|id| !is_slug(id.as_ref())) {
            let why = format!("the id `{}` must be plain, like half-close", id.as_ref());
            return Err(lesson.error_at(&id, why));
        }
        Ok(lesson)
    }

    fn rule(&self, written: WrittenRule) -> Result<Rule> {
        let WrittenRule { id, scenarios, .. } = &written;
        // What is empty is still to be written, and the audit names it; until then it is as if it were not there.
        let text = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        let (says, hint) = (text(&written.says), text(&written.hint));
        let mut forms = Vec::new();
        if let Some(order) = &written.order {
            forms.push(Expect::Order(order.clone()));
        }
        if let Some(what) = &written.call {
            forms.push(Expect::Call { what: what.clone(), given: written.given.clone() });
        }
        if let Some(what) = &written.never {
            forms.push(Expect::Never { what: what.clone(), after: written.after.clone() });
        }
        if let Some(what) = &written.count {
            let Some(times) = written.times.clone() else {
                return Err(self.error_at(what, "a `count` needs `times`, such as `= 1`"));
            };
            forms.push(Expect::Count { what: what.clone(), times });
        }
        if let Some(check) = &written.check {
            forms.push(Expect::Check(check.clone()));
        }
        if let Some(lines) = &written.prints {
            forms.push(Expect::Prints(lines.clone()));
        }
        let (Some(expect), true) = (forms.pop(), forms.is_empty()) else {
            let why = format!(
                "the rule `{}` needs one of `order`, `call`, `never`, `count`, `check` and `prints`",
                id.as_ref()
            );
            return Err(self.error_at(id, why));
        };
        if let (Some(given), None) = (&written.given, &written.call) {
            return Err(self.error_at(given, "`given` goes with `call`"));
        }
        if let (Some(after), None) = (&written.after, &written.never) {
            return Err(self.error_at(after, "`after` goes with `never`"));
        }
        if let (Some(times), None) = (&written.times, &written.count) {
            return Err(self.error_at(times, "`times` goes with `count`"));
        }
        Ok(Rule { id: id.clone(), says, expect, scenarios: scenarios.clone(), hint })
    }

    /// The rules as they are graded: patterns read, checks found by their names.
    ///
    /// Fails with the line of the first that cannot be read.
    pub fn grading(&self) -> Result<grade::Rules> {
        let parties = self.parties();
        let graded = |rule| self.graded(rule, &parties);
        let rules = self.rules.iter().map(graded).collect::<Result<_>>()?;
        let mut baseline = Check::BASELINE.to_vec();
        for name in &self.baseline_off {
            let check = self.check_named(name)?;
            if !baseline.contains(&check) {
                let why = format!("`{}` is no check of the baseline", name.as_ref());
                return Err(self.error_at(name, why));
            }
            baseline.retain(|it| *it != check);
        }
        Ok(grade::Rules { rules, baseline, closes_before_exit: self.closes_before_exit })
    }

    fn graded(&self, rule: &Rule, parties: &BTreeSet<String>) -> Result<grade::Rule> {
        let read = |text: &Spanned<String>| self.rule_pattern(text, parties);
        let maybe = |text: &Option<Spanned<String>>| text.as_ref().map(read).transpose();
        let expect = match &rule.expect {
            Expect::Order(patterns) => {
                grade::Expect::Order(patterns.iter().map(read).collect::<Result<_>>()?)
            }
            Expect::Call { what, given } => {
                grade::Expect::Call { what: read(what)?, given: maybe(given)? }
            }
            Expect::Never { what, after } => {
                grade::Expect::Never { what: read(what)?, after: maybe(after)? }
            }
            Expect::Count { what, times } => {
                grade::Expect::Count { what: read(what)?, times: self.pattern(times)? }
            }
            Expect::Check(name) => grade::Expect::Check(self.check_named(name)?),
            Expect::Prints(lines) => {
                for line in lines {
                    let text = line.as_ref();
                    Template::read(text.as_bytes(), text).map_err(|error| {
                        let why = error.to_string();
                        let why = why.strip_prefix("the pattern ").unwrap_or(&why);
                        self.error_at(line, format!("the line {why}"))
                    })?;
                    let roles: Vec<&str> =
                        self.roles.iter().map(|it| it.name.as_ref().as_str()).collect();
                    if let Some(why) = grade::flaw_in_line(text, &roles) {
                        return Err(self.error_at(line, format!("the line `{text}` {why}")));
                    }
                }
                grade::Expect::Prints(lines.iter().map(|line| line.as_ref().clone()).collect())
            }
        };
        for name in &rule.scenarios {
            if self.scenarios.iter().all(|it| it.name.as_ref() != name.as_ref()) {
                return Err(self.error_at(name, format!("no scenario is `{}`", name.as_ref())));
            }
        }
        let says = match (&rule.says, &expect) {
            (Some(says), _) => says.clone(),
            (None, grade::Expect::Check(check)) => check.says().into(),
            // The name of a rule is its shortest wording.
            (None, _) => rule.id.as_ref().replace('-', " "),
        };
        Ok(grade::Rule {
            id: rule.id.as_ref().clone(),
            says,
            hint: rule.hint.clone(),
            scenarios: rule.scenarios.iter().map(|name| name.as_ref().clone()).collect(),
            expect,
        })
    }

    /// A pattern in which the seed may choose, too, of one of these parties or of anybody.
    fn rule_pattern(
        &self,
        text: &Spanned<String>,
        parties: &BTreeSet<String>,
    ) -> Result<CallPattern> {
        let read = || {
            let pattern = pattern::of_rule(text.as_ref())?;
            texts::chosen(&pattern, &Texts::new(0, ""))?;
            Ok(pattern)
        };
        let pattern: CallPattern =
            read().map_err(|error: Error| self.error_at(text, error.to_string()))?;
        if let Some(role) = pattern.role.as_ref().filter(|role| !parties.contains(*role)) {
            let meant = did_you_mean(role, parties.iter().map(String::as_str));
            let why = format!("no role and nobody in a scenario is named `{role}`{meant}");
            return Err(self.error_at(text, why));
        }
        Ok(pattern)
    }

    /// Whose calls a rule can speak of: the lesson's roles, and who comes into its scenarios.
    fn parties(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> =
            self.roles.iter().map(|role| role.name.as_ref().clone()).collect();
        // One that cannot be read is told of elsewhere.
        for plan in self.scenarios.iter().filter_map(|scenario| self.plan(scenario).ok()) {
            names.extend(plan.starts().map(|(_, name)| name.to_owned()));
            names.extend(plan.fill(1).peers);
            names.extend(plan.with.map(|with| with.role));
        }
        names
    }

    /// Reads what stands in the notation.
    fn pattern<T: FromStr<Err = Error>>(&self, text: &Spanned<String>) -> Result<T> {
        text.as_ref().parse().map_err(|error: Error| self.error_at(text, error.to_string()))
    }

    fn check_named(&self, name: &Spanned<String>) -> Result<Check> {
        Check::named(name.as_ref()).ok_or_else(|| {
            let likeness = |check: &Check| strsim::jaro_winkler(check.name(), name.as_ref());
            let nearest = Check::ALL.into_iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            let meant = nearest.filter(|check| likeness(check) > 0.8);
            let meant = meant.map(|check| format!("; did you mean `{}`?", check.name()));
            let why = format!("no check is `{}`{}", name.as_ref(), meant.unwrap_or_default());
            self.error_at(name, why)
        })
    }

    /// What the types cannot say.
    fn check(&self, grades: Option<&Spanned<String>>) -> Result<()> {
        if self.roles.is_empty() {
            let path = self.file.clone();
            return Err(Error::Lesson { path, line: 1, why: "it has no [[role]]".into() });
        }
        self.once("variant", self.demos.iter().filter_map(|demo| demo.variant.as_ref()))?;
        for demo in &self.demos {
            self.once("role", demo.roles.iter().map(|role| &role.name))?;
            // Roles start in their order, so the first has nobody to start after.
            if let Some(after) = demo.roles.first().and_then(|role| role.after.as_ref()) {
                let why = "the first role starts at once: it has no `after`";
                return Err(self.error_at(after, why));
            }
            self.has_program(&demo.program)?;
            self.demo_plan(demo)?;
        }
        self.once("scenario", self.scenarios.iter().map(|scenario| &scenario.name))?;
        self.once("rule", self.rules.iter().map(|rule| &rule.id))?;
        self.once("question", self.questions.iter().map(|question| &question.id))?;
        self.questions()?;
        self.asks.iter().try_for_each(|ask| self.ask(ask).map(drop))?;
        for name in
            grades.into_iter().chain(self.scenarios.iter().filter_map(|it| it.role.as_ref()))
        {
            if self.role(name.as_ref()).is_none() {
                return Err(self.error_at(name, format!("no role is named `{}`", name.as_ref())));
            }
        }
        for scenario in &self.scenarios {
            for checkpoint in &scenario.at {
                let steps = scenario.steps.len();
                if !(1..=steps).contains(checkpoint.step.as_ref()) {
                    let why =
                        format!("there is no step {}, only 1 to {steps}", checkpoint.step.as_ref());
                    return Err(self.error_at(&checkpoint.step, why));
                }
            }
            let program = scenario.with.as_ref().and_then(|with| with.program.as_ref());
            program.into_iter().try_for_each(|program| self.has_program(program))?;
            self.check_starts(scenario, &self.plan(scenario)?)?;
        }
        Ok(())
    }

    fn has_program(&self, file: &Spanned<String>) -> Result<()> {
        let program = file.as_ref();
        if program == "demo.rs" || self.pack.has(&format!("{}/{program}", self.name)) {
            return Ok(());
        }
        Err(self.error_at(file, format!("the lesson has no file `{program}`")))
    }

    /// What a step starts has a name of its own: what was of one process would else be told of two.
    fn check_starts(&self, scenario: &Scenario, plan: &Plan) -> Result<()> {
        let played = plan.role.as_deref().or(self.grades.as_deref());
        let mut taken: HashSet<&str> = played.into_iter().collect();
        if let Some(With { role, .. }) = &scenario.with
            && !taken.insert(role.as_ref())
        {
            let why = format!(
                "`{0}` is the program under test; who plays `with` it has another role",
                role.as_ref()
            );
            return Err(self.error_at(role, why));
        }
        for (at, name) in plan.starts() {
            if !taken.insert(name) {
                let step = &scenario.steps[at];
                let why = format!(
                    "the step `{}` starts a second `{name}`; give what it starts a name of its own",
                    step.as_ref()
                );
                return Err(self.error_at(step, why));
            }
        }
        Ok(())
    }

    /// Names are plain, and each is given once.
    fn once<'a>(&self, kind: &str, names: impl Iterator<Item = &'a Spanned<String>>) -> Result<()> {
        let mut seen = HashSet::new();
        for name in names {
            if name.as_ref().trim().is_empty() {
                return Err(self.error_at(name, format!("a {kind} needs a name")));
            }
            if !seen.insert(name.as_ref()) {
                return Err(
                    self.error_at(name, format!("two {kind}s are named `{}`", name.as_ref()))
                );
            }
        }
        Ok(())
    }
}

/// What is wrong with a step, in words that name it.
fn step_error(error: &Error) -> String {
    let why = error.to_string();
    format!("the step {}", why.strip_prefix("the pattern ").unwrap_or(&why))
}

/// lesson.toml as it is written: its keys, no more.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: Option<Spanned<String>>,
    title: String,
    minutes: u32,
    #[serde(default)]
    covers: Vec<String>,
    #[serde(default)]
    man: Vec<String>,
    grades: Option<Spanned<String>>,
    #[serde(default)]
    role: Vec<Role>,
    #[serde(default)]
    demo: WrittenDemo,
    #[serde(default)]
    variant: Vec<WrittenVariant>,
    #[serde(default)]
    scenario: Vec<Scenario>,
    #[serde(default)]
    rule: Vec<WrittenRule>,
    #[serde(default)]
    baseline_off: Vec<Spanned<String>>,
    #[serde(default)]
    closes_before_exit: bool,
    #[serde(default)]
    exercise: Exercise,
    prediction: Option<Prediction>,
    names: Option<Spanned<Names>>,
    network: Option<Spanned<Network>>,
    #[serde(default)]
    icmp: bool,
    #[serde(default)]
    question: Vec<WrittenQuestion>,
    #[serde(default)]
    ask: Vec<Ask>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenQuestion {
    id: Spanned<String>,
    asks: String,
    hint: Option<String>,
    calls: Option<String>,
    descriptor: Option<Spanned<String>>,
    state: Option<String>,
    wrong: Option<Vec<Spanned<String>>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDemo {
    #[serde(default)]
    steps: Vec<Spanned<String>>,
    #[serde(default)]
    shows: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenVariant {
    name: Spanned<String>,
    says: Option<String>,
    program: Option<Spanned<String>>,
    /// In place of the lesson's; none: those.
    #[serde(default)]
    role: Vec<Role>,
    #[serde(default)]
    steps: Vec<Spanned<String>>,
    weather: Option<Spanned<String>>,
    #[serde(default)]
    shows: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    id: Spanned<String>,
    says: Option<String>,
    order: Option<Vec<Spanned<String>>>,
    call: Option<Spanned<String>>,
    given: Option<Spanned<String>>,
    never: Option<Spanned<String>>,
    after: Option<Spanned<String>>,
    count: Option<Spanned<String>>,
    times: Option<Spanned<String>>,
    check: Option<Spanned<String>>,
    prints: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    scenarios: Vec<Spanned<String>>,
    hint: Option<String>,
}

/// The line in which a span begins, from 1.
fn line(source: &str, span: Range<usize>) -> usize {
    let before = &source.as_bytes()[..span.start.min(source.len())];
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The smallest file that is right.
    const PLAIN: &str = "title = \"T\"\nminutes = 5\n[[role]]\nname = \"server\"\n";

    /// The example of the reference, whole.
    const FULL: &str = r#"title   = "One shot"
minutes = 15
covers  = ["S4.6", "S4.7"]           # rows of the sources
man     = ["socket(2)", "accept(2)"]
grades  = "server"                   # the role the exercise is about
[[role]]
name = "server"
ends = true
[[role]]
name  = "client"
after = "server: listen(..) = 0"     # started when the recording shows it

[[scenario]]
name  = "one client asks"
steps = ['A: connect(:9999)', 'A: send("{text}")', 'A: recv("欢迎")', 'A: recv() = 0']
[[scenario.at]]                      # a checkpoint: holds at the quiescence after this step
step  = 4
state = 'server: conn CLOSED'

[[rule]]
id    = "reads-before-it-replies"
says  = "the server reads the request before it answers"
order = ['server: recv(conn, ..) > 0', 'server: send(conn, ..) > 0']
hint  = "Which call tells you what the client wants?"

[[rule]]
id    = "never-talks-to-the-listener"
never = '_: recv(listener, ..)'

[exercise]
weather = ["short-write", "eintr"]
hints   = ["…", "…", "…"]
"#;

    fn name(whole: &str) -> Name {
        Name::parse(whole).unwrap()
    }

    fn parse(source: &str) -> Result<Lesson> {
        let file = PathBuf::from("lessons/01-one-shot/lesson.toml");
        let pack = Pack::Folder("/lab".into());
        Lesson::parse(Path::new("/lab"), &pack, &name("01-one-shot"), file, source.into())
    }

    fn message(source: &str) -> String {
        parse(source).unwrap_err().to_string()
    }

    fn catalogue(names: &[&str]) -> Catalogue {
        let names = names.iter().map(|whole| name(whole)).collect();
        let pack = Pack::Folder("/lab".into());
        Catalogue { root: "/lab".into(), pack, names, strays: vec!["Half_Done".into()] }
    }

    fn found(names: &[&str], wanted: &str) -> std::result::Result<Vec<String>, String> {
        match catalogue(names).find(wanted) {
            Ok(found) => Ok(found.iter().map(|name| name.whole.clone()).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    const SOME: [&str; 5] =
        ["01-one-shot", "03-echo", "07-one-shot-udp", "12-half-close", "13-clean-goodbye"];

    #[test]
    fn an_ask_names_a_call_and_what_is_wrong_with_it_is_told_with_its_line() {
        let with = |ask: &str| format!("{PLAIN}[[ask]]\n{ask}\n");
        let lesson = parse(&with("call = 'server: recv(conn, ..)'\nnth = 2\nwhy = 'So.'")).unwrap();
        let ask = lesson.ask(&lesson.asks[0]).unwrap();
        assert_eq!((ask.call.text.as_str(), ask.nth), ("server: recv(conn, ..)", 2));
        let line = "lessons/01-one-shot/lesson.toml:";
        for (ask, told) in [
            (
                "call = 'recv(..) = 0'\nwhy = 'So.'",
                "6: an `ask` names a call, and not what it gives",
            ),
            ("call = 'recv(..)'\nnth = 0\nwhy = 'So.'", "7: the first call is `nth = 1`"),
            ("call = 'recv(..)'\nof = 'x'\nwhy = 'So.'", "7: 01-one-shot has no variants"),
            ("call = 'recv(..)'", "5: missing field `why`"),
        ] {
            assert_eq!(message(&with(ask)), format!("{line}{told}"));
        }
    }

    #[test]
    fn a_variant_has_the_lessons_roles_or_its_own() {
        let source = format!(
            "{PLAIN}[demo]\nsteps = ['server: stdin(\"hi\")']\n\
             [[variant]]\nname = \"glued\"\nsays = \"S\"\nweather = \"eintr\"\n\
             [[variant]]\nname = \"alone\"\n[[variant.role]]\nname = \"client\"\n"
        );
        let lesson = parse(&source).unwrap();
        let role = |demo: &Demo| demo.roles[0].name.as_ref().clone();
        let found: Vec<_> = lesson.demos.iter().map(|demo| (demo.golden(), role(demo))).collect();
        let told = |golden: &str, role: &str| (golden.to_owned(), role.to_owned());
        assert_eq!(
            found,
            [
                told("timeline", "server"),
                told("timeline.glued", "server"),
                told("timeline.alone", "client")
            ]
        );
        let weather =
            |variant| lesson.demo(variant).unwrap().weather.as_ref().map(Spanned::get_ref);
        assert_eq!([weather(None), weather(Some("glued"))], [None, Some(&"eintr".to_owned())]);
        assert_eq!(lesson.demo_plan(lesson.demo(None).unwrap()).unwrap().unwrap().name, "demo");
        assert_eq!(
            lesson.demo_plan(lesson.demo(Some("glued")).unwrap()).unwrap().unwrap().name,
            "glued"
        );
        let error = message(&source.replace("says = ", "program = \"x.rs\"\nsays = "));
        assert_eq!(error, "lessons/01-one-shot/lesson.toml:9: the lesson has no file `x.rs`");
        let error = lesson.demo(Some("split")).unwrap_err().to_string();
        assert_eq!(error, "01-one-shot has no variant `split`, but glued, alone");
        let error = parse(PLAIN).unwrap().demo(Some("split")).unwrap_err().to_string();
        assert_eq!(error, "01-one-shot has no variants");
    }

    #[test]
    fn a_scenario_may_give_the_program_another_role() {
        let with = |role: &str| {
            let second = "[[role]]\nname = \"client\"\n";
            format!("{PLAIN}{second}[[scenario]]\nname = \"s\"\nrole = \"{role}\"\n")
        };
        let lesson = parse(&with("client")).unwrap();
        assert_eq!(lesson.plan(&lesson.scenarios[0]).unwrap().role.as_deref(), Some("client"));
        let error = message(&with("clown"));
        assert_eq!(error, "lessons/01-one-shot/lesson.toml:9: no role is named `clown`");
    }

    #[test]
    fn the_example_of_the_reference_reads_whole() {
        let lesson = parse(FULL).unwrap();
        assert_eq!((lesson.number, lesson.package().as_str()), (1, "lesson-01-one-shot"));
        assert_eq!(lesson.folder, Path::new("/lab/lessons/01-one-shot"));
        assert_eq!(lesson.grades.as_deref(), Some("server"));
        assert!(lesson.roles.iter().all(|role| role.ends && role.stdin.is_empty()));
        assert_eq!(lesson.scenarios[0].steps.len(), 4);
        let state = lesson.scenarios[0].at[0].state.as_ref().map(|state| state.as_ref().as_str());
        assert_eq!(state, Some("server: conn CLOSED"));
        let Expect::Order(order) = &lesson.rules[0].expect else { panic!("an order") };
        assert_eq!(order[1].as_ref(), "server: send(conn, ..) > 0");
        let Expect::Never { what: never, after: None } = &lesson.rules[1].expect else {
            panic!("a never")
        };
        assert_eq!(
            lesson.error_at(never, "why").to_string(),
            "lessons/01-one-shot/lesson.toml:28: why"
        );
        assert_eq!(lesson.exercise.hints.len(), 3);
    }

    #[test]
    fn a_mistake_is_told_with_its_line() {
        let cases = [
            (PLAIN.replace("minutes", "minuets"), 2, "unknown field `minuets`"),
            (
                PLAIN.replace("5", "\"five\""),
                2,
                "invalid type: string \"five\", expected a number from 0",
            ),
            (PLAIN.replace("5", "-5"), 2, "invalid value: integer `-5`, expected a number from 0"),
            (format!("{PLAIN}ens = false\n"), 5, "unknown field `ens`"),
            (PLAIN.replace("name = \"server\"", "ends = true"), 3, "missing field `name`"),
            (format!("{PLAIN}[[role]]\nname = \"server\"\n"), 6, "two roles are named `server`"),
            (PLAIN.replace("\"server\"", "\"\""), 4, "a role needs a name"),
            (PLAIN.replace("[[role]]", "[[role]"), 3, ""),
            (PLAIN.replace("\"T\"", "\"T"), 1, ""),
            (FULL.replace("= \"server\"   ", "= \"sever\"   "), 5, "no role is named `sever`"),
            (FULL.replace("step  = 4", "step  = 5"), 17, "there is no step 5, only 1 to 4"),
            (
                FULL.replace("conn CLOSED", "conn CLOSE"),
                18,
                "the checkpoint `server: conn CLOSE` names no state",
            ),
            (
                FULL.replace("state =", "waits = 'server: accept(_)'\nstate ="),
                19,
                "the checkpoint `4` needs one of",
            ),
            (
                FULL.replace("A: recv() = 0", "A: recv()"),
                15,
                "the step `A: recv()` should have in its parentheses",
            ),
            (
                FULL.replace("steps =", "clients = 2\nsteps ="),
                15,
                "`2` is a number of clients, but no step is of",
            ),
            (
                FULL.replace("steps =", "clients = true\nsteps ="),
                15,
                "invalid number of clients: 20 is one",
            ),
            (FULL.replace("steps =", "stps ="), 15, "unknown field `stps`"),
            (
                FULL.replace("steps =", "with = { role = 'server' }\nsteps ="),
                15,
                "`server` is the program under test; who plays `with` it has another role",
            ),
            (
                FULL.replace("steps =", "with = { role = 'other', program = 'other.rs' }\nsteps ="),
                15,
                "the lesson has no file `other.rs`",
            ),
            (
                FULL.replace("A: recv() = 0", "server: start()"),
                15,
                "the step `server: start()` starts a second `server`; give what it starts a name of its own",
            ),
            (
                format!("{PLAIN}[demo]\nsteps = ['again: start()']\n"),
                6,
                "`again` is started by a step; in a demo it is a [[role]] with `after`",
            ),
            (
                FULL.replace("never =", "order = []\nnever ="),
                27,
                "the rule `never-talks-to-the-listener` needs one of `order`, `call`, `never`, `count`, `check` and `prints`",
            ),
            (FULL.replace("never = ", "nver = "), 28, "unknown field `nver`"),
            (FULL.replace("never =", "given = \"x\"\nnever ="), 28, "`given` goes with `call`"),
            (
                format!("{PLAIN}after = \"x\"\n"),
                5,
                "the first role starts at once: it has no `after`",
            ),
            (String::new(), 1, "missing field `title`"),
            ("title = \"T\"\nminutes = 5\n".into(), 1, "it has no [[role]]"),
        ];
        for (source, line, why) in cases {
            let told = message(&source);
            let start = format!("lessons/01-one-shot/lesson.toml:{line}: {why}");
            assert!(told.starts_with(&start), "{told}\n  should begin with {start}");
            // What is in the one notation has a caret below it.
            let notation = ["the step `A", "the checkpoint", "`2` is a number of clients"];
            let lines = if notation.iter().any(|start| why.starts_with(start)) { 3 } else { 1 };
            assert_eq!(told.lines().count(), lines, "{told}");
        }
    }

    #[test]
    fn a_lesson_is_found_by_number_part_name_and_range() {
        let cases: [(&str, &[&str]); 9] = [
            ("3", &["03-echo"]),
            ("03", &["03-echo"]),
            ("half", &["12-half-close"]),
            ("Half", &["12-half-close"]),
            ("12-half-close", &["12-half-close"]),
            // Also a part of 07-one-shot-udp, but all of this one.
            ("one-shot", &["01-one-shot"]),
            ("1..3", &["01-one-shot", "03-echo"]),
            ("12..12", &["12-half-close"]),
            ("01..=3", &["01-one-shot", "03-echo"]),
        ];
        for (wanted, names) in cases {
            let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
            assert_eq!(found(&SOME, wanted), Ok(names), "{wanted}");
        }
    }

    #[test]
    fn a_rule_speaks_of_roles_and_of_who_comes_into_a_scenario() {
        let told = |role: &str| {
            let source = FULL.replace("'_: recv", &format!("'{role}: recv"));
            parse(&source).unwrap().grading().map(drop).map_err(|error| error.to_string())
        };
        assert_eq!(told("server"), Ok(()));
        assert_eq!(told("A"), Ok(()));
        let why = told("sever").unwrap_err();
        let wanted = "lessons/01-one-shot/lesson.toml:28: \
                      no role and nobody in a scenario is named `sever`; did you mean server?";
        assert_eq!(why, wanted);
    }

    #[test]
    fn a_lesson_is_known_by_its_slug_or_by_the_id_it_was_given() {
        assert_eq!(parse(PLAIN).unwrap().id, "one-shot");
        assert_eq!(parse(&format!("id = \"greeting\"\n{PLAIN}")).unwrap().id, "greeting");
        assert_eq!(
            message(&format!("id = \"Greeting 1\"\n{PLAIN}")),
            "lessons/01-one-shot/lesson.toml:1: the id `Greeting 1` must be plain, like half-close"
        );
        let lab = tempfile::tempdir().unwrap();
        for folder in ["01-one", "02-one"] {
            let folder = lab.path().join("lessons").join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("lesson.toml"), PLAIN).unwrap();
        }
        let all = Catalogue::open(lab.path()).unwrap().read_all();
        assert!(all[0].is_ok());
        assert_eq!(
            all[1].as_ref().unwrap_err().to_string(),
            "lessons/02-one/lesson.toml:1: 01-one has the id `one` too: give this one another"
        );
    }

    #[test]
    fn what_fits_no_lesson_or_several_is_told() {
        let cases = [
            ("half-cloze", "no lesson `half-cloze`; did you mean 12-half-close?"),
            ("ehco", "no lesson `ehco`; did you mean 03-echo?"),
            ("99", "no lesson `99`"),
            ("20..30", "no lesson `20..30`"),
            ("quic", "no lesson `quic`"),
            ("", "no lesson ``"),
            ("one", "`one` fits several lessons: 01-one-shot, 07-one-shot-udp"),
            ("3..1", "`3..1` is no range of lessons: 1..13 is"),
            ("1..", "`1..` is no range of lessons: 1..13 is"),
            (
                "half_done",
                "lessons/half_done/lesson.toml:1: \
                 the folder `half_done` must be named like 12-half-close",
            ),
        ];
        for (wanted, told) in cases {
            assert_eq!(found(&SOME, wanted), Err(told.into()), "{wanted}");
        }
    }

    #[test]
    fn two_lessons_of_one_number_are_both_named() {
        assert_eq!(
            found(&["01-one-shot", "01-first"], "1"),
            Err("`1` fits several lessons: 01-one-shot, 01-first".into())
        );
    }

    #[test]
    fn a_broken_file_does_not_hide_the_other_lessons() {
        let lab = tempfile::tempdir().unwrap();
        let lesson = |folder: &str, source: &str| {
            let folder = lab.path().join("lessons").join(folder);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("lesson.toml"), source).unwrap();
        };
        fs::write(lab.path().join("Cargo.toml"), "").unwrap();
        lesson("10-ten", PLAIN);
        lesson("02-two", "title = ");
        lesson("01-one", PLAIN);
        lesson("three", PLAIN);
        fs::create_dir(lab.path().join("lessons/kit")).unwrap();

        let deep = lab.path().join("lessons/01-one/solutions");
        let root = root(&deep).unwrap();
        assert_eq!(root, lab.path());

        let catalogue = Catalogue::open(&root).unwrap();
        let one = catalogue.read(catalogue.find_one("1").unwrap()).unwrap();
        assert_eq!(one.name, "01-one");
        let all: Vec<_> = catalogue
            .read_all()
            .into_iter()
            .map(|lesson| lesson.map(|lesson| lesson.number).map_err(|error| error.to_string()))
            .collect();
        assert_eq!((&all[0], &all[2]), (&Ok(1), &Ok(10)));
        assert!(all[1].as_ref().unwrap_err().starts_with("lessons/02-two/lesson.toml:1: "));
        assert!(all[3].as_ref().unwrap_err().starts_with("lessons/three/lesson.toml:1: "));
    }

    #[test]
    fn above_every_lab_there_is_none() {
        let told = root(Path::new("/nowhere/at/all")).unwrap_err().to_string();
        assert_eq!(told, "no lessons/ folder in /nowhere/at/all or any folder above it");
    }

    #[test]
    fn the_lessons_of_this_lab_read() {
        let catalogue = Catalogue::open(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
        for lesson in catalogue.read_all() {
            lesson.unwrap();
        }
        assert_eq!(catalogue.find_one("1").unwrap().whole, "01-one-shot");
    }
}
