use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use propylon_config::Source;

/// Where something is written in an nginx.conf or in a file that it includes; `Display` is nginx's `FILE:LINE`.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file.
    pub source: Arc<Source>,
    /// The bytes of its text.
    pub range: Range<usize>,
}

impl Place {
    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.source.place(self.range.start).0
    }

    /// The file's name.
    #[must_use]
    pub fn file(&self) -> &str {
        self.source.name()
    }

    /// The text there.
    #[must_use]
    pub fn text(&self) -> &str {
        self.source.slice(self.range.clone())
    }

    /// From the beginning of this place to the end of another in the same file.
    pub(crate) fn to(&self, other: &Self) -> Self {
        Self { source: self.source.clone(), range: self.range.start..other.range.end.max(self.range.start) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file(), self.line())
    }
}

/// What is wrong with an nginx.conf, in nginx's words where nginx refuses it too; `Display` is nginx's line.
///
/// ```
/// let problems = propylon_nginx_conf::convert("http {\n    pid a.pid;\n}\n", "nginx.conf").unwrap_err();
/// assert_eq!(problems[0].to_string(), "[emerg] \"pid\" directive is not allowed here in nginx.conf:2");
/// ```
#[derive(Clone, Debug)]
pub struct Problem {
    /// What is wrong, without the place.
    pub message: String,
    /// Where; `None`: nowhere in particular.
    pub place: Option<Place>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Problem {
    pub(crate) fn new(place: &Place, message: impl Into<String>) -> Self {
        Self { message: message.into(), place: Some(place.clone()), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[emerg] {}", self.message)?;
        if let Some(place) = &self.place {
            write!(f, " in {place}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
