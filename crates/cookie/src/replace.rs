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
    let (dot, domain) = match value.strip_prefix(b".") {
        Some(domain) => (&b"."[..], domain),
        None => (&b""[..], value),
    };
    domain.eq_ignore_ascii_case(from).then(|| [dot, to].concat())
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
    value.strip_prefix(from).map(|rest| [to, rest].concat())
}
