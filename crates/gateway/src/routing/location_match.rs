use super::{Pattern, PatternError};

/// What a location matches: the `match` of a location, written as nginx's `location` is.
///
/// ```
/// use propylon_gateway::routing::LocationMatch;
///
/// assert!(matches!(LocationMatch::parse("= /exact")?, LocationMatch::Exact(path) if &*path == "/exact"));
/// assert!(matches!(LocationMatch::parse(r"~* \.php$")?, LocationMatch::Regex(_)));
/// assert_eq!(LocationMatch::parse("^~ /static/")?.prefix_len(), 8);
/// # Ok::<(), propylon_gateway::routing::MatchError>(())
/// ```
#[derive(Debug, Clone)]
pub enum LocationMatch {
    /// `= /path`: this path alone.
    Exact(Box<str>),
    /// `/path`: every path that begins so; the longest is remembered, and a regex that matches comes before it.
    Prefix(Box<str>),
    /// `^~ /path`: as a prefix, but when it is the longest no regex of its level is tried.
    PrefixNoRegex(Box<str>),
    /// `~ regex`, or `~* regex` without regard to case.
    Regex(Pattern),
    /// `@name`, with its `@`: for internal redirects only.
    Named(Box<str>),
}

impl LocationMatch {
    /// Reads a modifier and what follows it. Blanks between the two may be absent; the path or the regex is the whole
    /// rest, taken as it stands (a path is compared with the decoded, normalised path of requests).
    ///
    /// # Errors
    ///
    /// An unknown modifier, nothing to match, or a regex that does not compile.
    pub fn parse(text: &str) -> Result<Self, MatchError> {
        let text = text.trim_start();
        let found = if let Some(rest) = text.strip_prefix("~*") {
            Self::Regex(Pattern::caseless(operand(rest)?)?)
        } else if let Some(rest) = text.strip_prefix('~') {
            Self::Regex(Pattern::new(operand(rest)?)?)
        } else if let Some(rest) = text.strip_prefix("^~") {
            Self::PrefixNoRegex(operand(rest)?.into())
        } else if let Some(rest) = text.strip_prefix('=') {
            Self::Exact(operand(rest)?.into())
        } else if text.starts_with('@') {
            Self::Named(text.into())
        } else if let Some((modifier, _)) = text.split_once(' ').filter(|_| !text.starts_with('/')) {
            return Err(MatchError::Modifier(modifier.into()));
        } else {
            Self::Prefix(operand(text)?.into())
        };
        Ok(found)
    }

    /// How much of a matched path a URI part of `proxy_pass` replaces: the length of the path written here; 0 for a
    /// regex and a named location.
    pub fn prefix_len(&self) -> usize {
        match self {
            Self::Exact(path) | Self::Prefix(path) | Self::PrefixNoRegex(path) => path.len(),
            Self::Regex(_) | Self::Named(_) => 0,
        }
    }

    /// Whether a `proxy_pass` without variables may have a URI part here.
    pub fn takes_uri_part(&self) -> bool {
        !matches!(self, Self::Regex(_) | Self::Named(_))
    }

    /// The path, the regex or the name, without its modifier.
    pub fn text(&self) -> &str {
        match self {
            Self::Exact(text) | Self::Prefix(text) | Self::PrefixNoRegex(text) | Self::Named(text) => text,
            Self::Regex(pattern) => pattern.as_str(),
        }
    }
}

/// Why a match cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum MatchError {
    /// Another word than `=`, `^~`, `~` and `~*` before the path.
    #[error("invalid location modifier {0:?}")]
    Modifier(Box<str>),
    /// No path, or no regex.
    #[error("a location without a path or a regex")]
    Empty,
    /// A regex that does not compile.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

fn operand(rest: &str) -> Result<&str, MatchError> {
    let rest = rest.trim_start();
    if rest.is_empty() { Err(MatchError::Empty) } else { Ok(rest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let found = match LocationMatch::parse(text) {
            Ok(LocationMatch::Exact(path)) => format!("exact {path}"),
            Ok(LocationMatch::Prefix(path)) => format!("prefix {path}"),
            Ok(LocationMatch::PrefixNoRegex(path)) => format!("no-regex {path}"),
            Ok(LocationMatch::Regex(pattern)) => {
                format!("regex {} {}", pattern.as_str(), pattern.is_match(b"/A.PHP"))
            }
            Ok(LocationMatch::Named(name)) => format!("named {name}"),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn forms() {
        check("/", "prefix /");
        check("/a b ", "prefix /a b ");
        check("  /a", "prefix /a");
        check("a", "prefix a");
        check("= /a", "exact /a");
        check("=/a", "exact /a");
        check("^~ /a", "no-regex /a");
        check("^~/a", "no-regex /a");
        check(r"~ \.php$", r"regex \.php$ false");
        check(r"~* \.php$", r"regex \.php$ true");
        check(r"~*\.php$", r"regex \.php$ true");
        check("~\t^/a", "regex ^/a false");
        check("@fallback", "named @fallback");
    }

    #[test]
    fn errors() {
        check("", "a location without a path or a regex");
        for text in ["=", "= ", "~", "~* ", "^~"] {
            check(text, "a location without a path or a regex");
        }
        check("!~ /a", r#"invalid location modifier "!~""#);
        check("^ /a", r#"invalid location modifier "^""#);
        check("~ ^(*F)/a", r#"the regex "^(*F)/a" has a verb such as (*COMMIT), which only PCRE supports"#);
    }

    #[test]
    fn uri_part() {
        for (text, expected) in
            [("= /abc", (4, true)), ("^~ /a", (2, true)), ("~ /a", (0, false)), ("@a", (0, false))]
        {
            let found = LocationMatch::parse(text).unwrap();
            assert_eq!((found.prefix_len(), found.takes_uri_part()), expected, "{text}");
        }
    }
}
