//! `propylon explain`.

use std::process::ExitCode;

use anyhow::{Context, bail};
use propylon_gateway::explain as gateway;

use crate::args;

/// Prints which server and location answer a request.
///
/// # Errors
/// When the URL is none.
pub(crate) fn explain(args: &args::Explain) -> anyhow::Result<ExitCode> {
    let (method, url) = match args.request.as_slice() {
        [url] => ("GET", url.as_str()),
        [method, url] => (method.as_str(), url.as_str()),
        _ => bail!("expected [METHOD] URL"),
    };
    let mut source = args.source.clone();
    source.settle(&mut [])?;
    let Some(read) = crate::check::load(&source) else { return Ok(ExitCode::FAILURE) };
    let explanation =
        gateway(&read.config, method, url).with_context(|| format!("cannot explain {method} {url}"))?;
    crate::print(&explanation.to_string())?;
    Ok(ExitCode::SUCCESS)
}
