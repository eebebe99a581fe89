//! `lab diff LESSON`: your run against the demo's, in the demo's scene: where do they part first?

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::catalogue::{Demo, Lesson};
use crate::error::{Error, Result, did_you_mean};
use crate::event::{Reason, Recording};
use crate::grade::diff::{Side, diff};
use crate::play;
use crate::render::diff as render;
use crate::timeline::timeline;
use crate::tracer::{self, limits::Limits};

use super::Outcome;
use super::home::{Home, PackOption};
use super::output::{self, ColorChoice, Linked, say, to_stdout};
use super::run::{build, build_shipped, demo_run, parts};
use super::target::{Foreign, by_role, words};

#[derive(Args)]
#[command(after_help = "Examples:
  lab diff 3
  lab diff 3 --bin 'python3 echo.py'
  lab diff 12 --with solution
  lab diff 5 --variant exit --as json

Your program plays the role that `lab check` grades; the demo plays the others.
0: both do the same, whatever their style; 1: they differ.")]
pub struct Diff {
    /// A number, a unique part of a name, or a whole name
    #[arg(value_name = "LESSON")]
    lesson: String,
    /// Compare this program instead of exercise.rs, in whatever language
    #[arg(long, value_name = "CMD")]
    bin: Option<String>,
    /// The same, by the name of the role that it plays; may be given for each
    #[arg(long, value_name = "NAME=CMD", conflicts_with = "bin")]
    role: Vec<String>,
    /// In the scene of this variant of the demo
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    /// What to compare with: `demo`, `solution`, or a solution by its name
    #[arg(long, value_name = "WHAT", default_value = "demo")]
    with: String,
    /// How to tell it
    #[arg(long = "as", value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    format: Format,
    #[command(flatten)]
    pack: PackOption,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The first difference in a sentence, then all of them in a list
    #[default]
    Text,
    Json,
}

/// Real time after which a run is ended: only a program that computes gets there.
const TIMEOUT: Duration = Duration::from_secs(60);

impl Diff {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        let home = Home::open(self.pack.pack.as_deref())?;
        let (root, lesson) = (home.root(), home.find_one(&self.lesson)?);
        let demo = lesson.demo(self.variant.as_deref())?;
        // What is wrong with the command line is told before anything is built.
        let foreign = self.foreign(&lesson, demo)?;
        let solution = self.solution(&lesson)?;
        let graded = graded(&lesson, demo);
        if foreign.is_empty() && (graded.is_empty() || !lesson.folder.join("exercise.rs").is_file())
        {
            return Err(self.nothing_of_yours(&lesson));
        }
        // What yours is held against is as it is shipped, whatever was made of it.
        let binary = build_shipped(root, &lesson, demo.program.as_ref(), color)?;
        let by = |binary: String| -> Foreign {
            graded.iter().map(|role| (role.clone(), vec![binary.clone(), role.clone()])).collect()
        };
        let yours = match foreign.is_empty() {
            true => match build(root, &lesson, "exercise.rs", color) {
                // What does not compile is not done yet; the lab has done its work.
                Err(error @ Error::Build { .. }) => {
                    let number = lesson.number;
                    say(&format!("{error}; the compiler has said why\nnext: lab diff {number}\n"));
                    return Ok(Outcome::Broken);
                }
                built => by(built?),
            },
            false => foreign.clone(),
        };
        let solved = solution.map(|file| build_shipped(root, &lesson, &file, color)).transpose()?;
        let mut others = solved.map(by).unwrap_or_default();
        // The solution plays what yours plays, and nothing else.
        others.retain(|role, _| yours.contains_key(role));
        let own = yours.keys().cloned().collect();
        let folder = foreign.is_empty().then(|| lesson.places());

        let scenes =
            [(&others, None), (&yours, folder.as_ref().map(|(folder, _)| folder.as_path()))];
        let mut runs = Vec::new();
        for (commands, source) in scenes {
            let recording = play(&lesson, demo, &binary, commands, source)?;
            if recording.end.reason == Reason::Interrupted {
                output::to_stderr("interrupted: nothing is compared\n");
                return Ok(Outcome::Unknown);
            }
            runs.push((timeline(&recording), recording));
        }
        let [of_demo, of_yours] =
            [0, 1].map(|at| &runs[at]).map(|(timeline, recording)| Side { recording, timeline });
        self.tell(
            &lesson,
            of_demo,
            of_yours,
            &own,
            folder.map(|(_, name)| name).as_deref(),
            (color, &Linked::new(&home.catalogue, color)),
        )
    }

    fn tell(
        &self,
        lesson: &Lesson,
        demo: Side<'_>,
        yours: Side<'_>,
        own: &BTreeSet<String>,
        folder: Option<&Path>,
        (color, linked): (ColorChoice, &Linked),
    ) -> Result<Outcome> {
        let with = if self.with == "demo" { "the demo" } else { "the solution" };
        let found = diff(demo, yours, own, with);
        let folder = folder.map(|folder| folder.to_string_lossy().into_owned());
        let about = render::About {
            lesson: &lesson.name,
            variant: self.variant.as_deref(),
            with,
            folder: folder.as_deref(),
            next: self.next(lesson),
            width: output::width(false),
            color: color.on(false),
        };
        match self.format {
            Format::Text => linked.say(&render::text(&found, &about)),
            Format::Json => to_stdout(&render::json(&found, &about)),
        }
        Ok(if found.is_equal() { Outcome::Holds } else { Outcome::Broken })
    }

    /// Not all that differs from the demo is wrong: an exercise may ask for more than the demo does.
    fn next(&self, lesson: &Lesson) -> String {
        match self.with.as_str() {
            "demo" => format!(
                "lab check {0} says whether it matters; lab diff {0} --with solution, what is asked for",
                lesson.number
            ),
            _ => format!("lab check {} says whether it matters", lesson.number),
        }
    }

    /// The commands of `--bin` and `--role`.
    fn foreign(&self, lesson: &Lesson, demo: &Demo) -> Result<Foreign> {
        if let Some(command) = &self.bin {
            let command = words("--bin", command, command)?;
            let roles = graded(lesson, demo);
            if roles.is_empty() {
                return Err(self.nothing_of_yours(lesson));
            }
            return Ok(roles.into_iter().map(|role| (role, command.clone())).collect());
        }
        by_role(&self.role, &format!("lab diff {} --bin CMD", lesson.number), |name| {
            let names = || demo.roles.iter().map(|role| role.name.as_ref().as_str());
            if names().any(|it| it == name) {
                return Ok(());
            }
            let all = format!(", only {}", names().collect::<Vec<_>>().join(", "));
            let meant = Some(did_you_mean(name, names())).filter(|it| !it.is_empty());
            Err(format!("there is no role `{name}`{}", meant.unwrap_or(all)))
        })
    }

    /// The file of the solution to compare with; none: the demo.
    fn solution(&self, lesson: &Lesson) -> Result<Option<String>> {
        if self.with == "demo" {
            return Ok(None);
        }
        let files = lesson.solutions()?;
        let stem = |file: &String| {
            Some(file.strip_suffix(".rs")?.rsplit('/').next().unwrap_or_default().to_owned())
        };
        let names: Vec<String> = files.iter().filter_map(stem).collect();
        // The one that is the exercise, solved.
        let wanted = if self.with == "solution" { "nix" } else { &self.with };
        if names.iter().any(|name| name == wanted) {
            return Ok(Some(format!("solutions/{wanted}.rs")));
        }
        let meant = did_you_mean(&self.with, names.iter().map(String::as_str));
        Err(Error::Usage {
            why: match names.as_slice() {
                [] => format!("lesson {} has no solutions to compare with", lesson.name),
                _ if !meant.is_empty() => format!("no solution `{}`{meant}", self.with),
                _ => format!("no solution `{}`, but {}", self.with, names.join(", ")),
            },
            next: format!("lab diff {}", lesson.number),
        })
    }

    fn nothing_of_yours(&self, lesson: &Lesson) -> Error {
        let why = match (&self.variant, &lesson.grades) {
            (Some(variant), Some(role)) if lesson.prediction.is_none() => {
                format!("the variant `{variant}` has no {role}, which is what yours plays")
            }
            _ => format!("lesson {} asks for no program that could be compared", lesson.name),
        };
        Error::Usage { why, next: format!("lab run {}", lesson.number) }
    }
}

/// The roles of the scene that the exercise plays: the graded one, and those of other scenarios.
fn graded(lesson: &Lesson, demo: &Demo) -> Vec<String> {
    let named = lesson.scenarios.iter().filter_map(|scenario| scenario.role.as_ref());
    let all: BTreeSet<&String> = named.map(|role| role.as_ref()).chain(&lesson.grades).collect();
    let roles = demo.roles.iter().map(|role| role.name.as_ref());
    roles.filter(|role| all.contains(role)).cloned().collect()
}

/// Plays the demo's scene, with other programs in these roles.
fn play(
    lesson: &Lesson,
    demo: &Demo,
    binary: &str,
    commands: &Foreign,
    source: Option<&Path>,
) -> Result<Recording> {
    let mut roles = parts(demo, binary);
    for part in &mut roles {
        if let Some(command) = commands.get(&part.name) {
            part.command = command.clone();
        }
    }
    let settings = tracer::Settings {
        watch: false,
        timeout: Some(TIMEOUT),
        limits: Some(Limits::default()),
        locate: true,
        source: source.map(Path::to_path_buf),
        ..tracer::Settings::default()
    };
    play::play(&demo_run(lesson, demo, roles, settings)?, &mut |_| {})
}
