//! The `propylon` binary: arguments, signals, exit codes.

mod activation;
mod args;
mod check;
mod demo;
mod error_log;
mod explain;
mod fmt;
mod handover;
mod import;
mod pid_file;
mod run;
mod source;
mod upgrade;
mod user;

use std::process::ExitCode;

use args::{Cli, Command};
use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The command line was wrong (`EX_USAGE`): apart from 1 and 2, which speak of the configuration.
const USAGE: u8 = 64;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print(); // a closed terminal changes nothing
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let done = match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => check::check(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Import(args) => import::import(&args),
        Command::Fmt(args) => fmt::fmt(&args),
        Command::Demo => demo::demo(),
        Command::Schema => check::schema(),
    };
    done.unwrap_or_else(|error| {
        say(&format!("propylon: {error:#}"));
        ExitCode::FAILURE
    })
}

/// Says something to whoever started the process.
#[expect(clippy::print_stderr, reason = "the one place that speaks to the terminal; logs go elsewhere")]
fn say(text: &str) {
    eprintln!("{}", text.trim_end());
}

/// Writes a command's result.
///
/// # Errors
/// When standard output is closed.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}
