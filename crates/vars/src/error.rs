//! What can be wrong with a template or a definition: where, what was expected, and the nearest name.

use std::fmt;
use std::ops::{Deref, Range};

use thiserror::Error;

use crate::side::{Misplaced, Side};

/// What is wrong with a template's text, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}")]
pub struct TemplateError {
    range: Range<usize>,
    kind: TemplateErrorKind,
}

/// What is wrong with a template's text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TemplateErrorKind {
    /// A `$` that no name follows.
    #[error("missing variable name after `$`")]
    InvalidName,
    /// A `${` whose name no `}` follows.
    #[error("missing `}}` after `${{`")]
    Unclosed,
    /// A name that is neither built in nor defined.
    #[error("unknown variable `${name}`")]
    Unknown {
        /// The name, in lower case.
        name: Box<str>,
        /// The known name that differs least, if one is near.
        nearest: Option<Box<str>>,
    },
    /// A variable that belongs to a capability which this version does not have.
    #[error("`${name}` is not built into this version of propylon")]
    NotBuilt {
        /// The name, in lower case.
        name: Box<str>,
    },
    /// A variable of nginx's that cannot be had here.
    #[error("`${name}` is not supported: the TLS library does not provide its value")]
    Never {
        /// The name, in lower case.
        name: Box<str>,
    },
    /// A variable that is there, but not where the template stands.
    #[error("{}", Misplaced { name, map: map.as_deref(), side: *side })]
    Misplaced {
        /// The name, in lower case.
        name: Box<str>,
        /// The map that is made from it and that the text names.
        map: Option<Box<str>>,
        /// Where the template stands.
        side: Side,
    },
    /// `$1` … `$9` where no regular expression can have matched.
    #[error("`$1` to `$9` are not available here")]
    NoCaptures,
}

impl TemplateError {
    pub(crate) fn new(range: Range<usize>, kind: TemplateErrorKind) -> Self {
        Self { range, kind }
    }

    /// The bytes of the text that are at fault.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// What is wrong with them.
    #[must_use]
    pub fn kind(&self) -> &TemplateErrorKind {
        &self.kind
    }

    /// What would have been right.
    #[must_use]
    pub fn expected(&self) -> String {
        self.kind.expected()
    }

    /// The known name that differs least from an unknown one, if one is near.
    #[must_use]
    pub fn nearest(&self) -> Option<&str> {
        self.kind.nearest()
    }
}

impl TemplateErrorKind {
    /// What would have been right.
    #[must_use]
    pub fn expected(&self) -> String {
        match self {
            Self::InvalidName => "a name of letters, digits and `_`, as in `$host` or `${host}`".into(),
            Self::Unclosed => "`}` after the variable name".into(),
            Self::Unknown { nearest: Some(nearest), .. } => {
                format!("a known variable, such as `${nearest}`")
            }
            Self::Unknown { nearest: None, .. } => "a built-in variable, or the name of a map".into(),
            Self::NotBuilt { .. } | Self::Never { .. } => "a variable that this version supports".into(),
            Self::Misplaced { side: Side::Http, .. } => "a variable of HTTP requests".into(),
            Self::Misplaced { side: Side::Stream, .. } => "a variable of streams".into(),
            Self::NoCaptures => "the name of a variable or of a named capture".into(),
        }
    }

    fn nearest(&self) -> Option<&str> {
        match self {
            Self::Unknown { nearest, .. } => nearest.as_deref(),
            _ => None,
        }
    }
}

/// What is wrong with a map or with another name, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind}")]
pub struct DefinitionError {
    definition: Box<str>,
    place: Place,
    range: Range<usize>,
    kind: DefinitionErrorKind,
}

/// All that is wrong with a set of definitions: one at least. As text: all of them, each behind the name that it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionErrors(Vec<DefinitionError>);

/// Which text of a definition is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Its name.
    Name,
    /// A map's key.
    Key,
    /// A map's default.
    Default,
    /// The pattern of a map's nth value, from 0.
    Pattern(usize),
    /// The template of a map's nth value, from 0.
    Value(usize),
}

/// What is wrong with a map or with another name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DefinitionErrorKind {
    /// A template of it is wrong.
    #[error(transparent)]
    Template(TemplateErrorKind),
    /// No variable can have this name.
    #[error("invalid variable name `{0}`")]
    InvalidName(Box<str>),
    /// The name is that of a built-in variable.
    #[error("`${0}` is a built-in variable")]
    BuiltIn(Box<str>),
    /// The name is taken by another definition.
    #[error("`${0}` is defined twice")]
    Duplicate(Box<str>),
    /// The map needs its own value: the names on the way, the first one again at the end.
    #[error("`${}` depends on itself: {}", .0.first().map_or("", |name| name), .0.join(" -> "))]
    Cycle(Vec<Box<str>>),
    /// A `~` pattern is not a regular expression.
    #[error("invalid regular expression: {0}")]
    Regex(Box<str>),
    /// A pattern of a map with `hostnames` is neither a host name nor a wildcard.
    #[error("invalid host name or wildcard `{0}`")]
    Hostname(Box<str>),
    /// A pattern stands twice in a map; case does not distinguish patterns.
    #[error("duplicate pattern `{0}`")]
    DuplicatePattern(Box<str>),
    /// A pattern of `geo` is neither an address nor a network nor a range.
    #[error("invalid network `{0}`")]
    Network(Box<str>),
    /// A network of `geo` stands twice, or shares a part of itself with another.
    #[error("`{0}` overlaps another network")]
    Overlap(Box<str>),
    /// A pattern of `split_clients` is no share.
    #[error("invalid percentage `{0}`")]
    Percent(Box<str>),
    /// The shares of `split_clients` are more than a hundred percent.
    #[error("the percentages add up to more than 100%")]
    TooMuch,
}

impl DefinitionErrors {
    pub(crate) const fn new(errors: Vec<DefinitionError>) -> Self {
        Self(errors)
    }
}

impl fmt::Display for DefinitionErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, error) in self.iter().enumerate() {
            let between = if n == 0 { "" } else { "; " };
            write!(f, "{between}{}: {error}", error.definition)?;
        }
        Ok(())
    }
}

impl std::error::Error for DefinitionErrors {}

impl Deref for DefinitionErrors {
    type Target = [DefinitionError];

    fn deref(&self) -> &[DefinitionError] {
        &self.0
    }
}

impl IntoIterator for DefinitionErrors {
    type Item = DefinitionError;
    type IntoIter = std::vec::IntoIter<DefinitionError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a DefinitionErrors {
    type Item = &'a DefinitionError;
    type IntoIter = std::slice::Iter<'a, DefinitionError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl DefinitionError {
    pub(crate) fn new(
        definition: &str,
        place: Place,
        range: Range<usize>,
        kind: DefinitionErrorKind,
    ) -> Self {
        Self { definition: definition.into(), place, range, kind }
    }

    /// The name of the map, or the further name, as it was given.
    #[must_use]
    pub fn definition(&self) -> &str {
        &self.definition
    }

    /// Which text of it is at fault.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place
    }

    /// The bytes of that text that are at fault.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.range.clone()
    }

    /// What is wrong with them.
    #[must_use]
    pub fn kind(&self) -> &DefinitionErrorKind {
        &self.kind
    }

    /// What would have been right.
    #[must_use]
    pub fn expected(&self) -> String {
        match &self.kind {
            DefinitionErrorKind::Template(kind) => kind.expected(),
            DefinitionErrorKind::InvalidName(_) => {
                "letters, digits and `_`, not starting with `1` to `9`".into()
            }
            DefinitionErrorKind::BuiltIn(_) | DefinitionErrorKind::Duplicate(_) => {
                "a name that is not in use".into()
            }
            DefinitionErrorKind::Cycle(_) => "maps that do not depend on each other in a circle".into(),
            DefinitionErrorKind::Regex(_) => "a regular expression".into(),
            DefinitionErrorKind::Hostname(_) => {
                "a host name, `*.example.com`, `.example.com` or `www.example.*`".into()
            }
            DefinitionErrorKind::DuplicatePattern(_) => "each pattern only once, regardless of case".into(),
            DefinitionErrorKind::Network(_) => {
                "an IP address, a network such as `10.0.0.0/8`, or a range such as `10.0.0.1-10.0.0.9`".into()
            }
            DefinitionErrorKind::Overlap(_) => "separate networks, or one that contains the other".into(),
            DefinitionErrorKind::Percent(_) => {
                "a percentage such as `0.5%`, with at most two decimals, or `*`".into()
            }
            DefinitionErrorKind::TooMuch => "at most 100% in total".into(),
        }
    }

    /// The known name that differs least from an unknown one, if one is near.
    #[must_use]
    pub fn nearest(&self) -> Option<&str> {
        match &self.kind {
            DefinitionErrorKind::Template(kind) => kind.nearest(),
            _ => None,
        }
    }
}
