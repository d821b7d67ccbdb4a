//! `propylon check` and `propylon schema`.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use propylon_config::{Config, Report};
use propylon_gateway::{Gateway, StartError};

use crate::args;

/// The configuration is valid, but something it needs is missing.
const FAULTS: u8 = 2;

/// Tests a configuration.
///
/// # Errors
/// When the test itself can't be made.
pub(crate) fn check(args: &args::Check) -> anyhow::Result<ExitCode> {
    let Some(config) = load(&args.source.config) else { return Ok(ExitCode::FAILURE) };
    if args.dump {
        crate::print(&config.dump())?;
    }
    let runtime = crate::run::runtime()?;
    let faults = match runtime.block_on(Gateway::check(&config)) {
        Ok(faults) => faults,
        Err(StartError::Build(error)) => {
            show(&error.report(&config));
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error).context("the configuration can't be used"),
    };
    for fault in &faults {
        crate::say(&format!("{}: {fault}", if args.strict { "error" } else { "fault" }));
    }
    let file = args.source.config.display();
    Ok(match (faults.is_empty(), args.strict) {
        (true, _) => {
            crate::print(&format!("{file}: the configuration is valid\n"))?;
            ExitCode::SUCCESS
        }
        (false, false) => {
            crate::print(&format!("{file}: the configuration is valid, with {} faults\n", faults.len()))?;
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

/// Reads a configuration; reports what is wrong with it, and what is odd.
pub(crate) fn load(path: &Path) -> Option<Config> {
    match propylon_config::load(path) {
        Ok(loaded) => {
            show(&loaded.warnings);
            Some(loaded.config)
        }
        Err(report) => {
            show(&report);
            None
        }
    }
}

/// Shows a report to whoever started the process.
pub(crate) fn show(report: &Report) {
    if !report.is_empty() {
        crate::say(&report.render(std::io::stderr().is_terminal()));
    }
}
