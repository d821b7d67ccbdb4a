//! `propylon check` and `propylon schema`.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use propylon_gateway::Gateway;

use crate::args;
use crate::source::Read;

/// The configuration is valid, but something it needs is missing.
const FAULTS: u8 = 2;

/// Tests a configuration.
///
/// # Errors
/// When the test itself can't be made.
pub(crate) fn check(args: &args::Check) -> anyhow::Result<ExitCode> {
    let mut source = args.source.clone();
    source.settle(&mut [])?;
    let Some(read) = load(&source) else { return Ok(ExitCode::FAILURE) };
    let config = &read.config;
    if args.dump {
        crate::print(&config.dump())?;
    }
    let runtime = crate::run::runtime()?;
    let faults = match runtime.block_on(Gateway::check(config)) {
        Ok(faults) => faults,
        Err(error) => {
            let Some(text) = read.start_error(&error, is_terminal()) else {
                return Err(error).context("cannot use the configuration");
            };
            crate::say(&text);
            return Ok(ExitCode::FAILURE);
        }
    };
    for fault in &faults {
        crate::say(&format!("{}: {fault}", if args.strict { "error" } else { "fault" }));
    }
    let file = source.name();
    Ok(match (faults.is_empty(), args.strict) {
        (true, _) => {
            crate::print(&format!("{file}: the configuration is valid\n"))?;
            ExitCode::SUCCESS
        }
        (false, false) => {
            let (count, s) = (faults.len(), if faults.len() == 1 { "" } else { "s" });
            crate::print(&format!("{file}: the configuration is valid, with {count} fault{s}\n"))?;
            ExitCode::from(FAULTS)
        }
        (false, true) => ExitCode::FAILURE,
    })
}

/// Prints the JSON Schema of the configuration.
///
/// # Errors
/// When standard output is closed.
pub(crate) fn schema() -> anyhow::Result<ExitCode> {
    let schema = serde_json::to_string_pretty(&propylon_config::schema())?;
    crate::print(&format!("{schema}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a configuration; says what is wrong with it, and what is odd.
pub(crate) fn load(source: &args::Source) -> Option<Read> {
    match source.read(is_terminal()) {
        Ok(read) => {
            if !read.warnings.is_empty() {
                crate::say(&read.warnings);
            }
            Some(read)
        }
        Err(text) => {
            crate::say(&text);
            None
        }
    }
}

/// Whether colours are seen.
pub(crate) fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}
