//! `syslog:...`: an access log's way to a syslog server.

use std::ops::Range;
use std::path::PathBuf;

use crate::address;
use crate::nearest::nearest;
use crate::reader::Context;
use crate::report::Diagnostic;
use crate::source::Spanned;

/// A syslog server and how lines are marked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Syslog {
    /// Where it is.
    pub server: SyslogServer,
    /// nginx's name of the facility.
    pub facility: &'static str,
    /// nginx's name of the severity.
    pub severity: &'static str,
    /// The tag.
    pub tag: Box<str>,
    /// Whether the host's name is sent.
    pub hostname: bool,
}

/// Where a syslog server is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SyslogServer {
    /// UDP.
    Udp {
        /// A name or an address.
        host: Box<str>,
        /// The port; 514 when none was written.
        port: u16,
    },
    /// A datagram socket.
    Unix(PathBuf),
}

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news", "uucp", "clock", "authpriv", "ftp",
    "ntp", "audit", "alert", "cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];

const SEVERITIES: [&str; 8] = ["debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"];

const PARAMETERS: [&str; 5] = ["server", "facility", "severity", "tag", "nohostname"];

/// Reads `syslog:server=ADDRESS[:PORT]|unix:/PATH[,facility=local7][,tag=propylon][,severity=info][,nohostname]`.
pub(crate) fn read(cx: &mut Context, path: &Spanned<Box<str>>) -> Option<Syslog> {
    let text: &str = path;
    let span = path.span.range();
    let mut at = "syslog:".len();
    let mut server = None;
    let mut has_server = false;
    let mut syslog = Syslog {
        server: SyslogServer::Unix(PathBuf::new()),
        facility: "local7",
        severity: "info",
        tag: "propylon".into(),
        hostname: true,
    };
    for part in text.get(at..).unwrap_or_default().split(',') {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value_at = at + part.len() - value.len();
        let place = cx.inside(&span, text, value_at..value_at + value.len());
        let valid = match name {
            "server" => {
                has_server = true;
                server = read_server(value);
                server.is_some()
            }
            "facility" => one_of(&FACILITIES, value).map(|known| syslog.facility = known).is_some(),
            "severity" => one_of(&SEVERITIES, value).map(|known| syslog.severity = known).is_some(),
            "tag" => {
                syslog.tag = value.into();
                is_tag(value)
            }
            "nohostname" if part == name => {
                syslog.hostname = false;
                true
            }
            _ => {
                let place = cx.inside(&span, text, at..at + part.len());
                unknown(cx, name, place);
                true
            }
        };
        if !valid {
            let message = format!("invalid syslog {name} `{value}`");
            cx.push(Diagnostic::at(place, message).label(format!("expected {}", expected(name))));
        }
        at += part.len() + 1;
    }
    if !has_server {
        cx.push(Diagnostic::at(span, "the syslog server is missing").label("expected `syslog:server=...`"));
    }
    syslog.server = server?;
    Some(syslog)
}

fn unknown(cx: &mut Context, name: &str, place: Range<usize>) {
    let help = nearest(name, PARAMETERS).map(|known| format!("did you mean `{known}`?"));
    cx.push(
        Diagnostic::at(place, format!("unknown syslog parameter `{name}`"))
            .label(format!("expected one of {}", PARAMETERS.join(", ")))
            .maybe_help(help),
    );
}

fn expected(name: &str) -> String {
    match name {
        "server" => "an address, `host:port` or `unix:/path`".into(),
        "facility" => format!("one of {}", FACILITIES.join(", ")),
        "severity" => format!("one of {}", SEVERITIES.join(", ")),
        _ => "1 to 32 lower-case letters, digits and `_`".into(),
    }
}

fn one_of(known: &'static [&'static str], value: &str) -> Option<&'static str> {
    known.iter().find(|name| **name == value).copied()
}

fn is_tag(tag: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=32).contains(&tag.len()) && tag.bytes().all(valid)
}

fn read_server(text: &str) -> Option<SyslogServer> {
    if let Some(path) = text.strip_prefix("unix:") {
        return (!path.is_empty()).then(|| SyslogServer::Unix(path.into()));
    }
    let parts = address::host_port(text, 0).ok()?;
    Some(SyslogServer::Udp { host: parts.host.into(), port: parts.port.unwrap_or(514) })
}
