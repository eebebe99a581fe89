//! What is wrong with a command line, in the lab's own words: one line, and one thing to do.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::error::Error;

/// Says what clap found. `command` is the one that was meant, as far as that is known.
pub fn wrong(found: &clap::Error, command: Option<&str>) -> Error {
    let lab = command.map_or("lab".to_string(), |command| format!("lab {command}"));
    let mut next = format!("{lab} --help");
    let about = About(found);
    // `--as <FORMAT>` is how clap names an option with a value.
    let option = about.first(ContextKind::InvalidArg).unwrap_or_default();
    let option = option.split(' ').next().unwrap_or_default().trim_matches(['<', '>', '[', ']']);
    let value = about.first(ContextKind::InvalidValue).unwrap_or_default();
    let why = match found.kind() {
        ErrorKind::InvalidSubcommand => {
            let typed = about.first(ContextKind::InvalidSubcommand).unwrap_or_default();
            let meant = about.first(ContextKind::SuggestedSubcommand);
            format!("no command `{typed}`{}", did_you_mean(meant))
        }
        ErrorKind::UnknownArgument if option.starts_with('-') => {
            let meant = about.first(ContextKind::SuggestedArg);
            format!("no option `{option}`{}", did_you_mean(meant))
        }
        ErrorKind::UnknownArgument if command == Some("trace") => {
            next = format!("lab trace -- {option}");
            format!("`{option}` is no option; a program to trace comes after `--`")
        }
        ErrorKind::UnknownArgument => format!("`{option}` is one argument too many"),
        ErrorKind::InvalidValue if value.is_empty() => format!("`{option}` needs a value"),
        ErrorKind::InvalidValue => {
            let choices = about.all(ContextKind::ValidValue).join(", ");
            format!("`{}`: choose one of {choices}", typed(option, &value))
        }
        ErrorKind::ValueValidation => {
            let source = std::error::Error::source(found).map(ToString::to_string);
            format!("`{}`: {}", typed(option, &value), source.unwrap_or("not understood".into()))
        }
        ErrorKind::MissingRequiredArgument => {
            let missing = about.all(ContextKind::InvalidArg).join(" ").replace(['<', '>'], "");
            format!("there is no {missing}")
        }
        ErrorKind::ArgumentConflict => match about.first(ContextKind::PriorArg) {
            Some(prior) if prior.split(' ').next() != Some(option) => {
                format!("`{option}` does not go with `{prior}`")
            }
            _ => format!("`{option}` is given twice"),
        },
        ErrorKind::InvalidUtf8 => "an argument is not UTF-8".into(),
        _ => first_line(found),
    };
    Error::Usage { why, next }
}

/// What the user typed; an argument without an option stands for itself.
fn typed(option: &str, value: &str) -> String {
    if option.starts_with('-') { format!("{option} {value}") } else { value.into() }
}

fn did_you_mean(meant: Option<String>) -> String {
    meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default()
}

fn first_line(found: &clap::Error) -> String {
    let text = found.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").trim_end_matches('.').replace('\'', "`")
}

/// What clap knows about its error.
struct About<'a>(&'a clap::Error);

impl About<'_> {
    fn all(&self, kind: ContextKind) -> Vec<String> {
        match self.0.get(kind) {
            Some(ContextValue::String(one)) => vec![one.clone()],
            Some(ContextValue::Strings(all)) => all.clone(),
            _ => Vec::new(),
        }
    }

    fn first(&self, kind: ContextKind) -> Option<String> {
        self.all(kind).into_iter().next()
    }
}
