//! `lab doctor`: what this machine allows.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::path::Path;

use clap::Args;

use crate::cargo::{self, Toolchain};
use crate::error::Result;
use crate::sandbox::doctor::{self, Check, Health};

use super::Outcome;
use super::output::{self, ColorChoice, say, to_stdout};

#[derive(Args)]
#[command(after_help = "Examples:
  lab doctor
  lab doctor --json

0: programs can be recorded; 1: they cannot. What else is missing is skipped, and said here.")]
pub struct Doctor {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub fn go(&self, color: ColorChoice) -> Result<Outcome> {
        let mut checks = toolchain(&cargo::toolchain());
        checks.extend(doctor::examine());
        checks.push(terminal(color));
        if self.json {
            let json = serde_json::json!({ "checks": checks });
            to_stdout(&format!("{json}\n"));
        } else {
            let mut tried = HashSet::new();
            for check in &checks {
                // One command may mend several.
                let mend = check.mend.as_deref().filter(|mend| tried.insert(*mend));
                say(&line(check, mend));
            }
        }
        Ok(if doctor::can_record(&checks) { Outcome::Holds } else { Outcome::Broken })
    }
}

/// What lessons are built with; programs in other languages need neither.
fn toolchain(found: &Toolchain) -> Vec<Check> {
    let needed = env!("CARGO_PKG_RUST_VERSION");
    let (new, there) = (found.is_new_enough(), found.rust.is_ok());
    let rust = Check {
        name: "rust",
        ok: if new { Health::Good } else { Health::Bad },
        found: found.rust.clone().unwrap_or_else(|why| why),
        means: match new {
            true => "lessons can be built".into(),
            false => format!("no lesson can be built: they need Rust {needed}"),
        },
        mend: match (new, there) {
            (true, _) => None,
            (false, true) => Some("rustup update stable".into()),
            (false, false) => {
                Some("curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh".into())
            }
        },
    };
    let linker = Check {
        name: "linker",
        ok: match (&found.links, there) {
            (Ok(()), _) => Health::Good,
            (Err(_), true) => Health::Bad,
            (Err(_), false) => Health::Skipped,
        },
        found: found.links.clone().map_or_else(|why| why, |()| "works".into()),
        means: match found.links {
            Ok(()) => "Rust can make programs".into(),
            Err(_) => {
                "no lesson can be built: Rust makes programs with the C compiler's linker".into()
            }
        },
        mend: (found.links.is_err() && there).then(install_a_linker),
    };
    vec![rust, linker]
}

/// By the package manager that is here.
fn install_a_linker() -> String {
    let managers = [
        ("/usr/bin/apt-get", "sudo apt-get install gcc libc6-dev"),
        ("/usr/bin/dnf", "sudo dnf install gcc"),
        ("/usr/bin/pacman", "sudo pacman -S gcc"),
        ("/usr/bin/zypper", "sudo zypper install gcc"),
        ("/sbin/apk", "sudo apk add gcc musl-dev"),
    ];
    let here = managers.iter().find(|(program, _)| Path::new(program).exists());
    here.map_or("install a C compiler", |(_, command)| command).into()
}

/// What the user sees results on; none of it is needed.
fn terminal(color: ColorChoice) -> Check {
    let is_terminal = std::io::stdout().is_terminal();
    let can = |can: bool, what: &str| if can { what.to_owned() } else { format!("no {what}") };
    Check {
        name: "terminal",
        ok: if is_terminal { Health::Good } else { Health::Skipped },
        found: match is_terminal {
            false => "stdout is none".into(),
            true => format!(
                "{} columns, {}, {}",
                output::width(false),
                can(color.on(false), "colour"),
                can(output::links(color), "links")
            ),
        },
        means: match is_terminal {
            true => "results fit its width".into(),
            false => "results are plain text, without colour and links".into(),
        },
        mend: None,
    }
}

fn line(check: &Check, mend: Option<&str>) -> String {
    let word = match check.ok {
        Health::Good => "OK",
        Health::Bad => "MISSING",
        Health::Skipped => "-",
    };
    let mut text = format!("{word:8} {:22} {}\n", check.name, check.found);
    if check.ok != Health::Good {
        text.push_str(&format!("{:9}{}\n", "", check.means));
        if let Some(mend) = mend {
            text.push_str(&format!("{:9}try: {mend}\n", ""));
        }
    }
    text
}
