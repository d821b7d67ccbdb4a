//! `error_log` of a place: configuration to logs.

use std::sync::Arc;

use propylon_access_log::{Buffering, Target};
use propylon_config::{ErrorLogTarget, Settings};

use crate::error::BuildError;
use crate::error_log::ErrorLogs;
use crate::upstreams::Upstreams;

/// The logs of a place; none: it has none of its own.
pub(crate) fn logs(
    settings: &Settings,
    upstreams: &Upstreams<'_>,
) -> Result<Option<Arc<ErrorLogs>>, BuildError> {
    let open = |log: &propylon_config::ErrorLog| {
        let target = match &log.target {
            ErrorLogTarget::Stderr => Target::Stderr,
            ErrorLogTarget::File(path) => Target::File(path.clone()),
        };
        Ok((upstreams.sink(&target, Buffering::Prompt)?, log.level))
    };
    let logs = settings.error_logs.iter().map(open).collect::<Result<_, BuildError>>()?;
    Ok(ErrorLogs::new(logs))
}
