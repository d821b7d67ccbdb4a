//! `propylon import`.

use std::path::Path;
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
    match (&args.output, &args.directory) {
        (_, Some(directory)) => {
            for (name, text) in converted.files() {
                let path = directory.join(name);
                let above = path.parent().unwrap_or(directory);
                std::fs::create_dir_all(above)
                    .with_context(|| format!("cannot create the directory {}", above.display()))?;
                write(&path, &text)?;
            }
        }
        (Some(path), None) => write(path, converted.toml())?,
        (None, None) => crate::print(&formatted(converted.toml()))?,
    }
    if let Some(path) = &args.json {
        std::fs::write(path, converted.json()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    crate::say(&converted.report());
    let refused = converted.count(Verdict::Refused) > 0;
    let inexact = args.strict && converted.count(Verdict::Different) > 0;
    Ok(if refused || inexact { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    std::fs::write(path, formatted(text)).with_context(|| format!("cannot write {}", path.display()))
}

/// What is no TOML would be an error of the conversion, and is shown as it is.
fn formatted(text: &str) -> String {
    propylon_config::format(text, "").unwrap_or_else(|_| text.to_owned())
}
