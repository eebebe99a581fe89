//! `lab completions SHELL` and `lab man`: what shells and man(1) want to know of the command line.

use clap::Args;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::error::Result;

use super::Outcome;
use super::output::to_stdout;

#[derive(Args)]
#[command(after_help = "Examples:\n  lab completions bash >> ~/.bash_completion")]
pub struct Completions {
    /// Which shell's
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    pub fn go(&self, lab: clap::Command) -> Result<Outcome> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut shown(&lab), "lab", &mut script);
        to_stdout(&String::from_utf8_lossy(&script));
        Ok(Outcome::Holds)
    }
}

/// Prints one manual page for all commands.
pub fn man(lab: &clap::Command) -> Result<Outcome> {
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = write_man(lab, &mut page);
    to_stdout(&String::from_utf8_lossy(&page));
    Ok(Outcome::Holds)
}

fn write_man(lab: &clap::Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    let lab = shown(lab);
    let man = Man::new(lab.clone());
    man.render_title(page)?;
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_options_section(page)?;
    for command in lab.get_subcommands() {
        let name = format!("lab {}", command.get_name());
        let man = Man::new(command.clone().display_name(&name).bin_name(&name));
        let mut section = Vec::new();
        man.render_description_section(&mut section)?;
        man.render_synopsis_section(&mut section)?;
        if command.get_arguments().any(|argument| !argument.is_hide_set()) {
            man.render_options_section(&mut section)?;
        }
        if command.get_after_help().is_some() {
            man.render_extra_section(&mut section)?;
        }
        // A command is a section of this page, and what would be its own sections are a level below.
        let section = String::from_utf8_lossy(&section)
            .replace(".SH DESCRIPTION\n", "")
            .replace(".SH ", ".SS ");
        page.extend(format!(".SH \"{}\"\n{section}", name.to_uppercase()).into_bytes());
    }
    page.extend(STATUS.as_bytes());
    Ok(())
}

const STATUS: &str = "\
.SH \"EXIT STATUS\"
.TP
0
it holds
.TP
1
the program under the lab breaks a rule or hangs
.TP
2
the lab could not do its work
";

/// The command line without the commands that are none of the user's.
fn shown(lab: &clap::Command) -> clap::Command {
    let bare = clap::Command::new("lab")
        .version(env!("CARGO_PKG_VERSION"))
        .about(lab.get_about().cloned().unwrap_or_default())
        .disable_help_subcommand(true)
        .args(lab.get_arguments().cloned());
    bare.subcommands(lab.get_subcommands().filter(|command| !command.is_hide_set()).cloned())
}
