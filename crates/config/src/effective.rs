use crate::key::{Kind, Need, Table};
use crate::source::{Source, Span};
use crate::{
    access, access_log, addition, auth_jwt, auth_request, browser, buffer, cache, charset, compression,
    cookie, dav, error_log, error_page, fastcgi, files, headers, http2, http3, limit, memcached, mirror,
    redirect, retry, rewrite, runtime, scgi, secure_link, ssi, store, stream, substitute, timeout, tls,
    trace, upstream, userid, uwsgi,
};

/// Every key that applies at a place, its value, and where that was written: what `explain` prints.
///
/// Two of them are always equal: the values themselves are compared where they are used.
///
/// ```
/// # let text = "[defaults.timeout]\nread = \"5s\"\n[[server]]\nreturn = [204]\n";
/// let loaded = propylon_config::parse(text, "example.toml").unwrap();
/// let effective = &loaded.config.servers[0].settings.effective;
/// assert_eq!(effective.find("timeout.read").unwrap().to_string(), "timeout.read = \"5s\" # line 2, [defaults]");
/// assert_eq!(effective.find("timeout.send").unwrap().to_string(), "timeout.send = \"60s\" # default");
/// ```
#[derive(Clone, Debug)]
pub struct Effective {
    /// The table of the level itself: its keys have no prefix.
    own: Option<&'static Table>,
    tables: &'static [&'static Table],
    written: Vec<Written>,
}

/// What servers have, beyond what locations have, stands first.
const TABLES: [&Table; 35] = [
    &tls::TABLE,
    &http2::TABLE,
    &http3::TABLE,
    &files::TABLE,
    &access::TABLE,
    &auth_jwt::TABLE,
    &auth_request::TABLE,
    &mirror::TABLE,
    &addition::TABLE,
    &trace::TABLE,
    &error_page::TABLE,
    &headers::TABLE,
    &timeout::TABLE,
    &limit::TABLE,
    &buffer::TABLE,
    &cache::TABLE,
    &store::TABLE,
    &dav::TABLE,
    &secure_link::TABLE,
    &substitute::TABLE,
    &ssi::TABLE,
    &charset::TABLE,
    &compression::TABLE,
    &cookie::TABLE,
    &browser::TABLE,
    &userid::TABLE,
    &redirect::TABLE,
    &retry::TABLE,
    &fastcgi::TABLE,
    &uwsgi::TABLE,
    &scgi::TABLE,
    &memcached::TABLE,
    &upstream::TABLE,
    &access_log::TABLE,
    &error_log::OWN,
];
/// What streams have.
const STREAM: [&Table; 8] = [
    &stream::TIMEOUT,
    &stream::RETRY,
    &stream::LIMIT,
    &stream::ACCESS,
    &tls::TABLE,
    &stream::UPSTREAM,
    &access_log::TABLE,
    &error_log::OWN,
];
const PROCESS: [&Table; 2] = [&runtime::TABLE, &error_log::TABLE];

/// A key that somebody wrote; the others are in the tables.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    pub(crate) table: &'static str,
    /// Empty when the table as a whole is meant.
    pub(crate) key: &'static str,
    pub(crate) value: Box<str>,
    pub(crate) level: Level,
    pub(crate) span: Span,
}

impl Effective {
    /// A location, nothing written yet.
    pub(crate) const fn level(own: &'static Table) -> Self {
        let [_, _, _, locations @ ..] = &TABLES;
        Self { own: Some(own), tables: locations, written: Vec::new() }
    }

    /// A server, nothing written yet.
    pub(crate) const fn server(own: &'static Table) -> Self {
        Self { own: Some(own), tables: &TABLES, written: Vec::new() }
    }

    /// A stream, nothing written yet.
    pub(crate) const fn stream() -> Self {
        Self { own: Some(&stream::TABLE), tables: &STREAM, written: Vec::new() }
    }

    /// The process, nothing written yet.
    pub(crate) const fn process() -> Self {
        Self { own: None, tables: &PROCESS, written: Vec::new() }
    }

    /// What stands alone in these tables, nothing written yet.
    pub(crate) const fn of(tables: &'static [&'static Table]) -> Self {
        Self { own: None, tables, written: Vec::new() }
    }

    /// The table of the level itself.
    pub(crate) fn own(&self) -> &'static Table {
        self.own.unwrap_or(&crate::server::DEFAULTS)
    }

    pub(crate) fn push(&mut self, written: Written) {
        self.written.push(written);
    }

    /// What else is written that is shown here.
    pub(crate) fn join(&mut self, other: Self) {
        let known: Vec<&str> = self.written.iter().map(|written| written.table).collect();
        let shown = |table: &str| self.tables.iter().any(|known| known.name == table);
        let more = other.written.into_iter();
        let more: Vec<_> = more.filter(|new| shown(new.table) && !known.contains(&new.table)).collect();
        self.written.extend(more);
    }

    /// A key of the level that does not apply here although somebody wrote it.
    pub(crate) fn forget(&mut self, key: &str) {
        let own = self.own().name;
        self.written.retain(|written| written.table != own || written.key != key);
    }

    /// A key that has this value because of what is written at `span` of this level.
    pub(crate) fn imply(&mut self, table: &'static str, key: &'static str, value: &str, span: Span) {
        self.written.retain(|written| written.table != table || written.key != key);
        self.push(Written { table, key, value: value.into(), level: Level::Location, span });
    }

    /// The keys in the order of the reference page.
    pub fn iter(&self) -> impl Iterator<Item = Setting> {
        self.own.into_iter().chain(self.tables.iter().copied()).flat_map(|table| self.table(table))
    }

    /// One key by its path: `timeout.read`.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<Setting> {
        self.iter().find(|setting| &*setting.key == key)
    }

    fn table(&self, table: &'static Table) -> Vec<Setting> {
        let own = self.own.is_some_and(|own| own.name == table.name);
        let setting = |key: &str, value: &str, origin| {
            // The reference has tables that others have as well under names of their own.
            let name = table.name;
            let name = name.strip_prefix("stream.").or(name.strip_prefix("server.")).unwrap_or(name);
            let path = if own { key.into() } else { format!("{name}.{key}") };
            Setting { key: path.trim_end_matches('.').into(), value: value.into(), origin }
        };
        let written = |key: &str| {
            let written =
                self.written.iter().find(|written| written.table == table.name && written.key == key)?;
            let origin = Origin::Set { level: written.level, span: written.span };
            Some(setting(key, &written.value, origin))
        };
        if let Some(whole) = written("") {
            return vec![whole];
        }
        // The tables of a level have lines of their own; steps are one value, and so is what replaces a table whole.
        let keys = table.keys.iter().filter(|key| {
            !own || !key.kind.holds_tables()
                || key.name == rewrite::REWRITE.name
                || written(key.name).is_some()
        });
        let default = |need| match need {
            Need::Default(text) => text,
            Need::Optional | Need::Required => "",
        };
        keys.map(|key| {
            written(key.name).unwrap_or_else(|| setting(key.name, default(key.need), Origin::Default))
        })
        .collect()
    }
}

impl Kind {
    fn holds_tables(&self) -> bool {
        match self {
            Self::Table(_) => true,
            Self::List(item) => item.holds_tables(),
            Self::Either(kinds) => kinds.iter().any(Self::holds_tables),
            _ => false,
        }
    }
}

impl PartialEq for Effective {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// One key, the value that counts, and its origin.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The path of the key: `timeout.read`.
    pub key: Box<str>,
    /// The value as TOML text; empty when there is none.
    pub value: Box<str>,
    /// Where it comes from.
    pub origin: Origin,
}

impl Setting {
    /// As `Display`, with the place as `source` has it.
    pub(crate) fn line(&self, source: &Source) -> String {
        let value = if self.value.is_empty() { "(none)" } else { &self.value };
        let origin = match self.origin {
            Origin::Default => "default".to_owned(),
            Origin::Set { level, span } => format!("{}, {}", source.line_of(span), level.as_str()),
        };
        format!("{} = {value} # {origin}", self.key)
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = if self.value.is_empty() { "(none)" } else { &self.value };
        write!(f, "{} = {value} # ", self.key)?;
        match self.origin {
            Origin::Default => f.write_str("default"),
            Origin::Set { level, span } => write!(f, "line {}, {}", span.line(), level.as_str()),
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// It was written.
    Set {
        /// On which level.
        level: Level,
        /// Where in the file.
        span: Span,
    },
}

/// The levels of inheritance, the outermost first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The top of the file: `[runtime]`, `[error_log]`.
    Process,
    /// `[upstream.NAME]`, which nothing inherits from.
    Upstream,
    /// `[defaults]`
    Defaults,
    /// `[[server]]`
    Server,
    /// `[[server.location]]`
    Location,
    /// `[[stream]]`, which inherits nothing.
    Stream,
}

impl Level {
    /// As it stands in the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Process => "the process",
            Self::Upstream => "[upstream.NAME]",
            Self::Defaults => "[defaults]",
            Self::Server => "[[server]]",
            Self::Location => "[[server.location]]",
            Self::Stream => "[[stream]]",
        }
    }
}
