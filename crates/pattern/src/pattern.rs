//! A pattern and what it captures.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::PatternError;
use crate::engine::Engine;
use crate::translate::translate;

/// A regular expression as nginx has it behind `~` and `~*`: PCRE's syntax, on bytes, with ASCII classes, unanchored.
///
/// `$` also matches before a line feed that ends the subject, as in PCRE.
///
/// ```
/// use bytes::Bytes;
/// use propylon_pattern::Pattern;
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
    engine: Engine,
    names: Names,
}

/// The names of groups, with their numbers.
type Names = Arc<[(Box<str>, usize)]>;

impl Pattern {
    /// Compiles a pattern that tells upper from lower case: `~`.
    ///
    /// # Errors
    ///
    /// A pattern that is no regex, or that has what only PCRE has.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        Self::compile(text, false)
    }

    /// Compiles a pattern that ignores ASCII case: `~*`.
    ///
    /// # Errors
    ///
    /// A pattern that is no regex, or that has what only PCRE has.
    pub fn caseless(text: &str) -> Result<Self, PatternError> {
        Self::compile(text, true)
    }

    fn compile(text: &str, caseless: bool) -> Result<Self, PatternError> {
        let translated =
            translate(text).map_err(|construct| PatternError::Pcre { pattern: text.into(), construct })?;
        let engine = Engine::build(&translated, caseless)
            .map_err(|source| PatternError::Syntax { pattern: text.into(), source })?;
        let names = engine.names();
        Ok(Self { text: text.into(), engine, names })
    }

    /// The pattern as written, without `~`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern matches somewhere in the subject.
    #[must_use]
    pub fn is_match(&self, subject: &[u8]) -> bool {
        self.engine.is_match(subject)
    }

    /// Whether matching may go back, so that its time grows faster than the subject, up to a limit.
    #[must_use]
    pub fn goes_back(&self) -> bool {
        self.engine.goes_back()
    }

    /// How many groups it has.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.engine.groups()
    }

    /// The names of the pattern's groups, which become variables.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| &**name)
    }

    /// The first match. A pattern without groups allocates nothing.
    #[must_use]
    pub fn find(&self, subject: &Bytes) -> Option<Captures> {
        let groups = if self.engine.groups() == 0 {
            self.engine.is_match(subject).then(Box::default)?
        } else {
            self.engine.captures(subject)?
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
    #[must_use]
    pub fn get(&self, number: usize) -> Option<Bytes> {
        let range = self.groups.get(number.checked_sub(1)?)?.clone()?;
        Some(self.subject.slice(range))
    }

    /// The group of that name.
    #[must_use]
    pub fn name(&self, name: &str) -> Option<Bytes> {
        let (_, number) = self.names.iter().find(|(known, _)| **known == *name)?;
        self.get(*number)
    }

    /// The named groups in order; one that took no part in the match is empty, as in nginx.
    pub fn named(&self) -> impl Iterator<Item = (&str, Bytes)> {
        self.names.iter().map(|(name, number)| (&**name, self.get(*number).unwrap_or_default()))
    }

    /// How many groups the pattern has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether the pattern has no groups.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
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
        check(r"^www\p{N}+$", b"www12", Some(&[]));
        check(r"^\pL(\P{L})$", b"a1", Some(&["1"]));
        check(r"^\p{N}$", b"a", None);
    }

    #[test]
    fn looks_around_and_back_as_pcre_does() {
        check(r"/\.(?!well-known/)", b"/.git/config", Some(&[]));
        check(r"/\.(?!well-known/)", b"/.well-known/acme", None);
        check(r"^/(?!index|status)(\w+)", b"/images", Some(&["images"]));
        check(r"(?<!\.min)\.js$", b"/a.js", Some(&[]));
        check(r"(?<!\.min)\.js$", b"/a.min.js", None);
        check(r"^/(\w+)/\1$", b"/ab/ab", Some(&["ab"]));
        check(r"^/(\w+)/\1$", b"/ab/ac", None);
        check(r"^(?>a+)b(x)?", b"aab", Some(&[""]));
        check(r"^a++a", b"aaa", None);
        check(r"^/(?!x).(.)$", b"/\xFF\x41", Some(&["A"]));
        check(r"^/(?!x)\w+$", "/é".as_bytes(), None);
        check(r"\.php$(?<!x\.php)", b"/a.php", Some(&[]));
    }

    #[test]
    fn going_back_has_a_limit() {
        let pattern = Pattern::new(r"^(?=(a+)+\1$)").unwrap();
        assert!(pattern.goes_back());
        let subject = Bytes::from("a".repeat(4000) + "b");
        assert!(pattern.find(&subject).is_none());
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
        let error = Pattern::new("^(*COMMIT)/admin").unwrap_err().to_string();
        assert_eq!(
            error,
            r#"the regex "^(*COMMIT)/admin" has a verb such as (*COMMIT), which only PCRE supports"#
        );
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
