//! What clients ask for only if it is, or is not, what they have: RFC 9110 13.

use http::header::{self, HeaderMap};
use http::{HeaderName, HeaderValue, StatusCode};

use crate::date;
use crate::list::members;

/// Whether a condition of the client forbids the answer: 412. For where it is judged by what is stored, as in nginx.
///
/// RFC 9110 13.2.2: If-Match, compared strongly, or else If-Unmodified-Since.
pub(crate) fn forbids(request: &HeaderMap, status: StatusCode, ours: &HeaderMap, now: u64) -> bool {
    if status != StatusCode::OK {
        return false;
    }
    if request.contains_key(header::IF_MATCH) {
        let tag = ours.get(header::ETAG).filter(|tag| !is_weak(tag));
        return !members(request.get_all(header::IF_MATCH))
            .any(|theirs| theirs == b"*" || tag.is_some_and(|tag| tag.as_bytes() == theirs));
    }
    let Some(since) = request.get(header::IF_UNMODIFIED_SINCE) else { return false };
    let now = i64::try_from(now / 1000).unwrap_or(i64::MAX);
    let time = |value: &HeaderValue| date::parse(value.as_bytes(), now);
    // "A recipient MUST ignore the If-Unmodified-Since header field if the received field value is not a valid HTTP-date".
    let Some(since) = time(since) else { return false };
    ours.get(header::LAST_MODIFIED).and_then(time).is_none_or(|modified| modified > since)
}

/// Whether the client has what would be sent: the answer is a 304.
///
/// RFC 9111 4.3.2: "If-None-Match takes precedence over If-Modified-Since."
pub(crate) fn client_has(request: &HeaderMap, status: StatusCode, ours: &HeaderMap, now: u64) -> bool {
    if !status.is_success() || status == StatusCode::PARTIAL_CONTENT {
        return false; // RFC 9110 13.2.1: only what would be answered with a 2xx
    }
    let now = i64::try_from(now / 1000).unwrap_or(i64::MAX);
    if request.contains_key(header::IF_NONE_MATCH) {
        let tag = ours.get(header::ETAG);
        return members(request.get_all(header::IF_NONE_MATCH))
            .any(|theirs| theirs == b"*" || tag.is_some_and(|tag| opaque(tag.as_bytes()) == opaque(theirs)));
    }
    let Some(since) = request.get(header::IF_MODIFIED_SINCE) else { return false };
    let time = |value: &HeaderValue| date::parse(value.as_bytes(), now);
    match (ours.get(header::LAST_MODIFIED), time(since)) {
        (Some(modified), Some(since)) => time(modified).is_some_and(|modified| modified <= since),
        _ => false,
    }
}

/// Takes a client's conditions and ranges out of a request whose answer is to be stored: they are judged here then.
pub fn strip_conditions(request: &mut HeaderMap) {
    for name in [
        header::IF_NONE_MATCH,
        header::IF_MODIFIED_SINCE,
        header::IF_MATCH,
        header::IF_UNMODIFIED_SINCE,
        header::RANGE,
        header::IF_RANGE,
    ] {
        request.remove(name);
    }
}

/// Takes out what a 304 does not have.
///
/// RFC 9110 15.4.5: "a sender SHOULD NOT generate representation metadata other than the above listed fields unless said
/// metadata exists for the purpose of guiding cache updates". Whatever is about the answer rather than about what it holds
/// stays, as in nginx: clients merge it.
pub(crate) fn strip_representation(headers: &mut HeaderMap) {
    static FIELDS: [HeaderName; 6] = [
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_LANGUAGE,
        header::CONTENT_RANGE,
        header::ACCEPT_RANGES,
    ];
    for name in &FIELDS {
        headers.remove(name);
    }
}

/// Whether a tag is a weak one.
#[must_use]
pub fn is_weak(tag: &HeaderValue) -> bool {
    tag.as_bytes().starts_with(b"W/")
}

/// What a tag is without the mark of a weak one, which is what is compared weakly (RFC 9110 8.8.3.2).
#[must_use]
pub fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-26
    const NOW: u64 = 1_795_651_200_000;
    const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    /// Fields, of which one may stand several times.
    fn map(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn clients_that_have_it_are_told_so() {
        #[track_caller]
        fn check(
            request: &[(&'static str, &'static str)],
            stored: &[(&'static str, &'static str)],
            expected: bool,
        ) {
            let found = client_has(&map(request), StatusCode::OK, &map(stored), NOW);
            assert_eq!(found, expected, "{request:?}, {stored:?}");
            assert!(!client_has(&map(request), StatusCode::NOT_FOUND, &map(stored), NOW));
            assert!(!client_has(&map(request), StatusCode::PARTIAL_CONTENT, &map(stored), NOW));
        }
        let tag = &[("etag", "\"a\""), ("last-modified", OLD)];
        check(&[], tag, false);
        check(&[("if-none-match", "\"a\"")], tag, true);
        check(&[("if-none-match", "W/\"a\"")], tag, true);
        check(&[("if-none-match", "\"x\", \"a\"")], tag, true);
        check(&[("if-none-match", "\"x\""), ("if-none-match", "\"a\"")], tag, true);
        check(&[("if-none-match", "\"x,\\\", \"a\"")], tag, false);
        check(&[("if-none-match", "*")], tag, true);
        check(&[("if-none-match", "\"b\"")], tag, false);
        check(&[("if-none-match", "\"b\""), ("if-modified-since", OLD)], tag, false);
        check(&[("if-none-match", "\"a\"")], &[("etag", "W/\"a\"")], true);
        check(&[("if-none-match", "\"a\"")], &[], false);
        check(&[("if-modified-since", OLD)], tag, true);
        check(&[("if-modified-since", "Sunday, 06-Nov-94 08:49:38 GMT")], tag, true);
        check(&[("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT")], tag, false);
        check(&[("if-modified-since", "never")], tag, false);
        check(&[("if-modified-since", OLD)], &[], false);
    }

    #[test]
    fn clients_that_want_another_one_are_told_so() {
        let stored = map(&[("etag", "\"a\""), ("last-modified", OLD)]);
        for (request, expected) in [
            (&[][..], false),
            (&[("if-match", "\"a\"")], false),
            (&[("if-match", "\"x\", \"a\"")], false),
            (&[("if-match", "*")], false),
            (&[("if-match", "\"b\"")], true),
            (&[("if-match", "W/\"a\"")], true),
            (&[("if-match", "\"b\""), ("if-unmodified-since", OLD)], true),
            (&[("if-unmodified-since", OLD)], false),
            (&[("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT")], true),
            (&[("if-unmodified-since", "nonsense")], false),
        ] {
            assert_eq!(forbids(&map(request), StatusCode::OK, &stored, NOW), expected, "{request:?}");
            assert!(!forbids(&map(request), StatusCode::NOT_FOUND, &stored, NOW));
        }
        assert!(forbids(&map(&[("if-unmodified-since", OLD)]), StatusCode::OK, &map(&[]), NOW));
        assert!(forbids(&map(&[("if-match", "W/\"a\"")]), StatusCode::OK, &map(&[("etag", "W/\"a\"")]), NOW));
    }

    #[test]
    fn tags_are_bytes() {
        let tag = HeaderValue::from_bytes(b"\"\xe4\"").unwrap();
        let request = HeaderMap::from_iter([(header::IF_NONE_MATCH, tag.clone())]);
        let stored = HeaderMap::from_iter([(header::ETAG, tag)]);
        assert!(client_has(&request, StatusCode::OK, &stored, NOW));
    }
}
