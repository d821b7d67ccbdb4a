//! `access_log`: configuration to logs.

use propylon_access_log::{
    self as log, AccessLog, AccessLogs, Buffering, Escape, Facility, Format, Severity, Syslog, Tag, Target,
};
use propylon_config::{self as config, LogTarget, Settings, SyslogServer};

use crate::error::BuildError;
use crate::upstreams::Upstreams;

/// The logs of a level.
pub(crate) fn logs(settings: &Settings, upstreams: &Upstreams<'_>) -> Result<AccessLogs, BuildError> {
    let logs = settings.access_logs.iter().map(|log| one(log, upstreams)).collect::<Result<Vec<_>, _>>()?;
    Ok(AccessLogs::new(logs))
}

fn one(log: &config::AccessLog, upstreams: &Upstreams<'_>) -> Result<AccessLog, BuildError> {
    let escape = match log.format.escape {
        config::Escape::Default => Escape::Default,
        config::Escape::Json => Escape::Json,
        config::Escape::None => Escape::None,
    };
    let format = Format::new(log.format.template.clone(), escape);
    let buffering = match &log.buffer {
        None => Buffering::Prompt,
        Some(buffer) => Buffering::Buffered {
            size: usize::try_from(buffer.size).unwrap_or(usize::MAX),
            flush: buffer.flush,
        },
    };
    let built = match &log.target {
        LogTarget::Template(path) => {
            AccessLog::by_path(format, path.clone(), upstreams.runtime.sinks.clone(), buffering)
        }
        fixed => AccessLog::new(format, upstreams.sink(&target(fixed), buffering)?),
    };
    Ok(match &log.condition {
        Some(condition) => built.condition(condition.clone()),
        None => built,
    })
}

fn target(target: &LogTarget) -> Target {
    match target {
        LogTarget::Stdout => Target::Stdout,
        LogTarget::File(path) => Target::File(path.clone()),
        LogTarget::Template(path) => Target::File(path.source().into()),
        LogTarget::Syslog(syslog) => {
            let server = match &syslog.server {
                SyslogServer::Udp { host, port } => {
                    log::SyslogServer::Udp { host: host.clone(), port: *port }
                }
                SyslogServer::Unix(path) => log::SyslogServer::Unix(path.clone()),
            };
            // Names and tag were checked when the configuration was read.
            let mut built = Syslog::new(server)
                .facility(Facility::from_name(syslog.facility).unwrap_or(Facility::LOCAL7))
                .severity(Severity::from_name(syslog.severity).unwrap_or(Severity::INFO));
            if let Some(tag) = Tag::new(&syslog.tag) {
                built = built.tag(tag);
            }
            Target::Syslog(if syslog.hostname { built } else { built.without_hostname() })
        }
    }
}
