//! The address and the header of syslog messages (RFC 3164, as nginx writes them).

use std::fmt;
use std::path::PathBuf;

use jiff::{Timestamp, tz::TimeZone};

/// A syslog daemon, and what stands before each line that is sent to it.
///
/// ```
/// use propylon_access_log::{Facility, Syslog, SyslogServer, Tag, Target};
///
/// let syslog = Syslog::new(SyslogServer::Unix("/dev/log".into()))
///     .facility(Facility::from_name("daemon").unwrap())
///     .tag(Tag::new("edge").unwrap())
///     .without_hostname();
/// assert_eq!(Target::Syslog(syslog).to_string(), "syslog unix:/dev/log");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Syslog {
    pub(crate) server: SyslogServer,
    facility: Facility,
    severity: Severity,
    tag: Tag,
    hostname: bool,
}

/// Where a syslog daemon listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SyslogServer {
    /// At a UDP port; a name is looked up when the sink is opened.
    Udp {
        /// A host name or an IP address, an IPv6 address without brackets.
        host: Box<str>,
        /// The port; syslog's own is 514.
        port: u16,
    },
    /// At a unix datagram socket, such as `/dev/log`.
    Unix(PathBuf),
}

impl Syslog {
    /// Messages of facility `local7` and severity `info`, with the host's name, tagged `propylon`.
    #[must_use]
    pub fn new(server: SyslogServer) -> Self {
        let tag = Tag("propylon".into());
        Self { server, facility: Facility::LOCAL7, severity: Severity::INFO, tag, hostname: true }
    }

    /// Sets the facility; default `local7`.
    #[must_use]
    pub fn facility(mut self, facility: Facility) -> Self {
        self.facility = facility;
        self
    }

    /// Sets the severity; default `info`.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Sets the tag; default `propylon`.
    #[must_use]
    pub fn tag(mut self, tag: Tag) -> Self {
        self.tag = tag;
        self
    }

    /// Leaves out the name of the host.
    #[must_use]
    pub fn without_hostname(mut self) -> Self {
        self.hostname = false;
        self
    }
}

impl fmt::Display for Syslog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.server {
            SyslogServer::Udp { host, port } if host.contains(':') => write!(f, "syslog [{host}]:{port}"),
            SyslogServer::Udp { host, port } => write!(f, "syslog {host}:{port}"),
            SyslogServer::Unix(path) => write!(f, "syslog unix:{}", path.display()),
        }
    }
}

/// A syslog facility, by default `local7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Facility(u8);

/// In the order of their codes; nginx's names.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news", "uucp", "clock", "authpriv", "ftp",
    "ntp", "audit", "alert", "cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];

impl Facility {
    /// `local7`.
    pub const LOCAL7: Self = Self(23);

    /// The facility of this code: 0 (`kern`) to 23 (`local7`).
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        (usize::from(code) < FACILITIES.len()).then_some(Self(code))
    }

    /// The facility that nginx calls so: `daemon`, `local0`, ….
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        position(&FACILITIES, name).map(Self)
    }
}

/// A syslog severity, by default `info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Severity(u8);

/// In the order of their codes; nginx's names.
const SEVERITIES: [&str; 8] = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];

impl Severity {
    /// `info`.
    pub const INFO: Self = Self(6);

    /// The severity of this code: 0 (`emerg`) to 7 (`debug`).
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        (usize::from(code) < SEVERITIES.len()).then_some(Self(code))
    }

    /// The severity that nginx calls so: `warn`, `info`, ….
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        position(&SEVERITIES, name).map(Self)
    }
}

fn position(names: &[&str], name: &str) -> Option<u8> {
    names.iter().position(|known| *known == name).and_then(|at| u8::try_from(at).ok())
}

/// The tag of syslog messages: at most 32 letters, digits and underscores.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tag(Box<str>);

impl Tag {
    /// This text, if it can be a tag.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        fits.then(|| Self(text.into()))
    }
}

/// The header of messages, `<PRI>Mon DD HH:MM:SS hostname tag: `, made anew when the second changes.
#[derive(Debug)]
pub(crate) struct Header {
    priority: u8,
    rest: String,
    second: i64,
    text: String,
    zone: TimeZone,
}

impl Header {
    pub(crate) fn new(syslog: &Syslog) -> Self {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let tag = &syslog.tag.0;
        let rest = if syslog.hostname { format!("{name} {tag}: ") } else { format!("{tag}: ") };
        // Codes are below 24 and 8: at most 191.
        let priority = syslog.facility.0 * 8 + syslog.severity.0;
        Self { priority, rest, second: i64::MIN, text: String::new(), zone: TimeZone::system() }
    }

    /// The header for a message of now.
    pub(crate) fn now(&mut self) -> &str {
        self.at(Timestamp::now())
    }

    fn at(&mut self, time: Timestamp) -> &str {
        if time.as_second() != self.second {
            self.second = time.as_second();
            let local = time.to_zoned(self.zone.clone());
            // RFC 3164 section 4.1.2: local time, the day padded by a space.
            self.text = format!("<{}>{} {}", self.priority, local.strftime("%b %e %H:%M:%S"), self.rest);
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(syslog: &Syslog, second: i64) -> String {
        let mut header = Header::new(syslog);
        header.zone = TimeZone::UTC;
        header.at(Timestamp::from_second(second).unwrap()).to_owned()
    }

    #[test]
    fn header_is_that_of_rfc_3164() {
        let syslog = Syslog::new(SyslogServer::Unix("/dev/log".into())).without_hostname();
        assert_eq!(header(&syslog, 0), "<190>Jan  1 00:00:00 propylon: ");
        assert_eq!(header(&syslog, 1_700_000_000), "<190>Nov 14 22:13:20 propylon: ");

        let name = rustix::system::uname().nodename().to_str().unwrap().to_owned();
        let syslog = Syslog::new(SyslogServer::Unix("/dev/log".into()))
            .facility(Facility::from_name("daemon").unwrap())
            .severity(Severity::from_name("error").unwrap())
            .tag(Tag::new("edge_1").unwrap());
        assert_eq!(header(&syslog, 86_399), format!("<27>Jan  1 23:59:59 {name} edge_1: "));
    }

    #[test]
    fn header_follows_the_second() {
        let syslog = Syslog::new(SyslogServer::Unix("/dev/log".into())).without_hostname();
        let mut header = Header::new(&syslog);
        header.zone = TimeZone::UTC;
        for (second, expected) in [(5, "05"), (5, "05"), (6, "06")] {
            let text = header.at(Timestamp::from_second(second).unwrap());
            assert_eq!(text, format!("<190>Jan  1 00:00:{expected} propylon: "));
        }
    }

    #[test]
    fn names_and_codes() {
        assert_eq!(Facility::from_name("local7"), Some(Facility::LOCAL7));
        assert_eq!(Facility::from_name("kern"), Facility::from_code(0));
        assert_eq!(Facility::from_name("local8"), None);
        assert_eq!(Facility::from_code(24), None);
        assert_eq!(Severity::from_name("info"), Some(Severity::INFO));
        assert_eq!(Severity::from_name("warning"), None);
        assert_eq!(Severity::from_code(8), None);
    }

    #[test]
    fn tags_are_short_words() {
        for (text, fits) in [("propylon", true), ("A_9", true), ("a-b", false), ("a b", false), ("ä", false)]
        {
            assert_eq!(Tag::new(text).is_some(), fits, "{text}");
        }
        assert!(Tag::new(&"x".repeat(32)).is_some());
        assert!(Tag::new(&"x".repeat(33)).is_none());
    }
}
