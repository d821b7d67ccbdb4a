//! The parts of a request-target (RFC 9112 3.2). Pure.

/// The path and arguments in `target`: all of an origin-form; an absolute-form without scheme and authority.
#[must_use]
pub fn request_uri(target: &[u8]) -> &[u8] {
    if target.starts_with(b"/") { target } else { in_absolute_form(target).unwrap_or(target) }
}

/// The host and port in `target`, if it is an absolute-form.
pub(crate) fn authority(target: &[u8]) -> Option<&[u8]> {
    if target.starts_with(b"/") {
        return None;
    }
    let scheme = target.windows(3).position(|window| window == b"://")?;
    let authority = target.get(scheme + 3..)?;
    let end = authority.iter().position(|b| matches!(b, b'/' | b'?')).unwrap_or(authority.len());
    authority.get(..end)
}

fn in_absolute_form(target: &[u8]) -> Option<&[u8]> {
    let scheme = target.windows(3).position(|window| window == b"://")?;
    let authority = target.get(scheme + 3..)?;
    match authority.iter().position(|b| matches!(b, b'/' | b'?')) {
        Some(end) => authority.get(end..),
        // A URL without a path asks for `/`: one of the two before the authority, so that it is a part of the target.
        None => target.get(scheme + 2..scheme + 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_targets() {
        fn check(target: &str, expected: &str) {
            assert_eq!(request_uri(target.as_bytes()), expected.as_bytes(), "{target}");
        }
        check("/", "/");
        check("/a%2F//b?c?d", "/a%2F//b?c?d");
        check("/a://b/c", "/a://b/c");
        check("http://h/a?b", "/a?b");
        check("http://h:80/", "/");
        check("http://h", "/");
        check("http://h?b", "?b");
        check("*", "*");
        check("h:443", "h:443");
    }
}
