//! The plain rules. Pure.

/// `to` in the place of the domain `from`, compared in any case; a dot before the `value` stays. `None` if it is another
/// domain.
///
/// ```
/// use propylon_cookie::replace_domain;
///
/// assert_eq!(replace_domain(b".LocalHost", b"localhost", b"example.com").unwrap(), b".example.com");
/// assert_eq!(replace_domain(b"a.localhost", b"localhost", b"example.com"), None);
/// ```
#[must_use]
pub fn replace_domain(value: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    around_domain(value, from).map(|(before, behind)| [before, to, behind].concat())
}

/// `to` in the place of `from` at the beginning of a path. `None` if the path begins otherwise.
///
/// ```
/// use propylon_cookie::replace_path;
///
/// assert_eq!(replace_path(b"/foo/a", b"/foo/", b"/bar/").unwrap(), b"/bar/a");
/// assert_eq!(replace_path(b"/foo", b"/foo/", b"/bar/"), None);
/// ```
#[must_use]
pub fn replace_path(value: &[u8], from: &[u8], to: &[u8]) -> Option<Vec<u8>> {
    around_path(value, from).map(|(before, behind)| [before, to, behind].concat())
}

/// What stays of a value before and behind what takes the place of the second text; `None` if that does not fit.
pub(crate) type Around = for<'v> fn(&'v [u8], &[u8]) -> Option<(&'v [u8], &'v [u8])>;

pub(crate) fn around_domain<'v>(value: &'v [u8], from: &[u8]) -> Option<(&'v [u8], &'v [u8])> {
    let (dot, domain) = value.split_at_checked(usize::from(value.starts_with(b".")))?;
    // Nearly always it is the same to the letter, which costs less to see.
    (domain == from || domain.eq_ignore_ascii_case(from)).then_some((dot, &[]))
}

pub(crate) fn around_path<'v>(value: &'v [u8], from: &[u8]) -> Option<(&'v [u8], &'v [u8])> {
    value.strip_prefix(from).map(|rest| (&[][..], rest))
}
