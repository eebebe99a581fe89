//! The `lab` command: see [`socket_lab::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    socket_lab::cli::main()
}
