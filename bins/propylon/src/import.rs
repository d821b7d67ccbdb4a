//! `propylon import`.

use std::process::ExitCode;

use anyhow::Context;
use propylon_nginx_conf::Verdict;

use crate::args;
use crate::source::problems;

/// Converts an nginx.conf.
///
/// # Errors
/// When a result can't be written.
pub(crate) fn import(args: &args::Import) -> anyhow::Result<ExitCode> {
    let converted = match propylon_nginx_conf::import(&args.file, &args.globals) {
        Ok(converted) => converted,
        Err(wrong) => {
            crate::say(&problems(&wrong));
            return Ok(ExitCode::FAILURE);
        }
    };
    // What is no TOML would be an error of the conversion, and is shown as it is.
    let toml = propylon_config::format(converted.toml(), "").unwrap_or_else(|_| converted.toml().to_owned());
    match &args.output {
        Some(path) => {
            std::fs::write(path, toml).with_context(|| format!("cannot write {}", path.display()))?
        }
        None => crate::print(&toml)?,
    }
    if let Some(path) = &args.json {
        std::fs::write(path, converted.json()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    crate::say(&converted.report());
    let refused = converted.count(Verdict::Refused) > 0;
    let inexact = args.strict && converted.count(Verdict::Different) > 0;
    Ok(if refused || inexact { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
