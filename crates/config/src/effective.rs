use crate::source::Span;

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
#[derive(Clone, Debug, Default)]
pub struct Effective {
    settings: Vec<Setting>,
}

impl Effective {
    pub(crate) fn push(&mut self, setting: Setting) {
        self.settings.push(setting);
    }

    /// The keys in the order of the reference page.
    pub fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.settings.iter()
    }

    /// One key by its path: `timeout.read`.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| &*setting.key == key)
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
    /// `[defaults]`
    Defaults,
    /// `[[server]]`
    Server,
    /// `[[server.location]]`
    Location,
}

impl Level {
    /// As it stands in the file.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Defaults => "[defaults]",
            Self::Server => "[[server]]",
            Self::Location => "[[server.location]]",
        }
    }
}
