use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use regex::bytes::{Regex, RegexBuilder};

use super::pcre;

/// A regex as nginx has it in `location ~` and `server_name ~`: on bytes, ASCII classes, unanchored.
///
/// The engine is the `regex` crate's, whose time is linear in the subject whatever the pattern; what only PCRE can do
/// (look-around, backreferences, atomic groups) is an error that names it. `$` also matches before a line feed that
/// ends the subject, as in PCRE.
///
/// ```
/// use bytes::Bytes;
/// use propylon_gateway::routing::Pattern;
///
/// let pattern = Pattern::new(r"^/(?<user>\w+)/(\d+)$")?;
/// let captures = pattern.find(&Bytes::from_static(b"/ann/42")).ok_or("no match")?;
/// assert_eq!(captures.name("user").as_deref(), Some(&b"ann"[..]));
/// assert_eq!(captures.get(2).as_deref(), Some(&b"42"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pattern {
    text: Box<str>,
    regex: Regex,
    names: Names,
}

/// The names of groups, with their numbers.
type Names = Arc<[(Box<str>, usize)]>;

impl Pattern {
    /// Compiles a pattern that tells upper from lower case: `~`.
    ///
    /// # Errors
    ///
    /// A pattern that is no regex, or that needs PCRE.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        Self::compile(text, false)
    }

    /// Compiles a pattern that ignores ASCII case: `~*`.
    ///
    /// # Errors
    ///
    /// A pattern that is no regex, or that needs PCRE.
    pub fn caseless(text: &str) -> Result<Self, PatternError> {
        Self::compile(text, true)
    }

    fn compile(text: &str, caseless: bool) -> Result<Self, PatternError> {
        let translated = pcre::translate(text)
            .map_err(|construct| PatternError::Pcre { pattern: text.into(), construct })?;
        let regex = RegexBuilder::new(&translated)
            .unicode(false)
            .case_insensitive(caseless)
            .build()
            .map_err(|source| PatternError::Syntax { pattern: text.into(), source })?;
        let names = regex
            .capture_names()
            .enumerate()
            .filter_map(|(number, name)| name.map(|name| (name.into(), number)))
            .collect();
        Ok(Self { text: text.into(), regex, names })
    }

    /// The pattern as written, without `~`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern matches somewhere in the subject.
    pub fn is_match(&self, subject: &[u8]) -> bool {
        self.regex.is_match(subject)
    }

    /// The names of the pattern's groups, which become variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| &**name)
    }

    /// The first match. A pattern without groups allocates nothing.
    pub fn find(&self, subject: &Bytes) -> Option<Captures> {
        let groups = if self.regex.captures_len() == 1 {
            self.regex.is_match(subject).then(Box::default)?
        } else {
            let captures = self.regex.captures(subject)?;
            captures.iter().skip(1).map(|group| group.map(|group| group.range())).collect()
        };
        Some(Captures { subject: subject.clone(), groups, names: Arc::clone(&self.names) })
    }
}

/// The groups of a match: slices of the subject.
#[derive(Debug, Clone)]
pub struct Captures {
    subject: Bytes,
    groups: Box<[Option<Range<usize>>]>,
    names: Names,
}

impl Captures {
    /// Group `number`, from 1 (`$1`). `None` if there is no such group, or it took no part in the match; both are empty
    /// in nginx. The whole match has no number.
    pub fn get(&self, number: usize) -> Option<Bytes> {
        let range = self.groups.get(number.checked_sub(1)?)?.clone()?;
        Some(self.subject.slice(range))
    }

    /// The group of that name.
    pub fn name(&self, name: &str) -> Option<Bytes> {
        let (_, number) = self.names.iter().find(|(known, _)| **known == *name)?;
        self.get(*number)
    }

    /// The named groups in order; one that took no part in the match is empty, as in nginx.
    pub fn named(&self) -> impl Iterator<Item = (&str, Bytes)> {
        self.names.iter().map(|(name, number)| (&**name, self.get(*number).unwrap_or_default()))
    }

    /// How many groups the pattern has.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether the pattern has no groups.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

/// Why a pattern cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// A construct that nginx's PCRE has and this engine has not.
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
        source: regex::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, subject: &'static [u8], expected: Option<&[&str]>) {
        let found = Pattern::new(pattern).unwrap().find(&Bytes::from_static(subject));
        let groups = found.map(|captures| {
            (1..=captures.len())
                .map(|number| String::from_utf8(captures.get(number).unwrap_or_default().into()).unwrap())
                .collect::<Vec<_>>()
        });
        let expected = expected.map(|groups| groups.iter().map(ToString::to_string).collect());
        assert_eq!(groups, expected, "{pattern} on {}", subject.escape_ascii());
    }

    #[test]
    fn matches_as_pcre_does() {
        check(r"\.php$", b"/a.php", Some(&[]));
        check(r"\.php$", b"/a.php\n", Some(&[]));
        check(r"\.php$", b"/a.php\n\n", None);
        check(r"\.php$", b"/a.phpx", None);
        check("^/(.)(x)?", b"/a", Some(&["a", ""]));
        check("^/a.b", b"/a\nb", None);
        check(r"^/\w+$", "/é".as_bytes(), None);
        check("^/é+$", "/éé".as_bytes(), Some(&[]));
        check("[[]x", b"[x", Some(&[]));
        check("a{b}", b"a{b}", Some(&[]));
        check("(?i)a", b"A", Some(&[]));
    }

    #[test]
    fn a_dot_is_any_byte() {
        let captures = Pattern::new("^/(.*)$").unwrap().find(&Bytes::from_static(b"/\xFF\xC3\n")).unwrap();
        assert_eq!(captures.get(1).unwrap(), &b"\xFF\xC3"[..]);
    }

    #[test]
    fn groups_have_numbers_and_names() {
        let pattern = Pattern::new("^/(?<a>x)?(y)(?<b>z)").unwrap();
        assert_eq!(pattern.names().collect::<Vec<_>>(), ["a", "b"]);
        let captures = pattern.find(&Bytes::from_static(b"/yz")).unwrap();
        assert_eq!((captures.get(0), captures.get(1), captures.get(4)), (None, None, None));
        assert_eq!(captures.get(2).unwrap(), "y");
        assert_eq!(captures.name("b").unwrap(), "z");
        assert_eq!(captures.name("c"), None);
        assert_eq!(captures.named().collect::<Vec<_>>(), [("a", Bytes::new()), ("b", "z".into())]);
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let error = Pattern::new("^(?!/admin)").unwrap_err().to_string();
        assert_eq!(error, r#"the regex "^(?!/admin)" has a look-ahead, which only PCRE supports"#);
        assert!(matches!(Pattern::new("("), Err(PatternError::Syntax { .. })));
        assert!(matches!(Pattern::new("*"), Err(PatternError::Syntax { .. })));
    }

    #[test]
    fn caseless_is_ascii() {
        let pattern = Pattern::caseless("^/É.png$").unwrap();
        assert!(pattern.is_match("/É.PNG".as_bytes()));
        assert!(!pattern.is_match("/é.png".as_bytes()));
    }
}
