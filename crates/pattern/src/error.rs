//! Why a pattern cannot be used.

/// Why a pattern cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// A construct that nginx's PCRE has and our engines have not.
    #[error("the regex {pattern:?} has {construct}, which only PCRE supports")]
    Pcre {
        /// The pattern as written.
        pattern: Box<str>,
        /// The construct, with its article.
        construct: &'static str,
    },
    /// No regex, or one that compiles to more than the engine allows.
    #[error("the regex {pattern:?} does not compile")]
    Syntax {
        /// The pattern as written.
        pattern: Box<str>,
        /// What the engine says.
        source: SyntaxError,
    },
}

/// What an engine says of a text that it does not take.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct SyntaxError(Box<str>);

impl SyntaxError {
    pub(crate) fn new(error: &(dyn std::error::Error + 'static)) -> Self {
        // The last line says what is wrong: those before it draw the pattern.
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default();
        Self(last.strip_prefix("error: ").unwrap_or(last).into())
    }
}
