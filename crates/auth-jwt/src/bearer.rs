//! How a token comes, and how one is asked for (RFC 6750).

use bytes::Bytes;
use http::HeaderValue;

/// The token in the value of a field `Authorization`, if it is one of the scheme `Bearer`.
///
/// ```
/// assert_eq!(propylon_auth_jwt::bearer(b"Bearer a.b.c"), Some(&b"a.b.c"[..]));
/// assert_eq!(propylon_auth_jwt::bearer(b"Basic YTpi"), None);
/// ```
#[must_use]
pub fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// The field `WWW-Authenticate` of a 401; nothing, if the realm cannot stand in one. `invalid`: there was a token.
#[must_use]
pub fn challenge(realm: &[u8], invalid: bool) -> Option<HeaderValue> {
    let mut value = b"Bearer realm=\"".to_vec();
    for &byte in realm {
        if matches!(byte, b'"' | b'\\') {
            value.push(b'\\');
        }
        value.push(byte);
    }
    value.push(b'"');
    if invalid {
        value.extend_from_slice(b", error=\"invalid_token\"");
    }
    HeaderValue::from_maybe_shared(Bytes::from(value)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_in_fields() {
        #[track_caller]
        fn check(value: &str, expected: Option<&str>) {
            assert_eq!(bearer(value.as_bytes()), expected.map(str::as_bytes), "{value}");
        }
        check("Bearer a", Some("a"));
        check("bEARER   a ", Some("a"));
        check("Bearer ", Some(""));
        check("Bearer", None);
        check("Bearera b", None);
        check("Basic a", None);
        check("", None);
    }

    #[test]
    fn realms_are_quoted() {
        let text = |value: Option<HeaderValue>| {
            value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        assert_eq!(text(challenge(b"a\"\\", false)).as_deref(), Some(r#"Bearer realm="a\"\\""#));
        assert_eq!(
            text(challenge(b"a", true)).as_deref(),
            Some(r#"Bearer realm="a", error="invalid_token""#)
        );
        assert_eq!(challenge(b"a\r\nb", true), None);
    }
}
