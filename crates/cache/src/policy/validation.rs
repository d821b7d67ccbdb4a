//! Validation, of what is stored by the upstream (RFC 9111 4.3.1 to 4.3.5) and of what clients have (4.3.2).

use http::header::{self, HeaderMap};
use http::{HeaderName, HeaderValue, StatusCode};

use super::date;
use super::fields::members;

/// Whether a condition of the client forbids the answer: 412. For where it is judged by what is stored, as in nginx.
///
/// RFC 9110 13.2.2: If-Match, compared strongly, or else If-Unmodified-Since.
#[must_use]
pub fn forbids(request: &HeaderMap, status: StatusCode, stored: &HeaderMap, now: u64) -> bool {
    if status != StatusCode::OK {
        return false;
    }
    if request.contains_key(header::IF_MATCH) {
        let ours = stored.get(header::ETAG).filter(|ours| !is_weak(ours));
        return !members(request.get_all(header::IF_MATCH))
            .any(|tag| tag == b"*" || ours.is_some_and(|ours| ours.as_bytes() == tag));
    }
    let Some(since) = request.get(header::IF_UNMODIFIED_SINCE) else { return false };
    let now = i64::try_from(now / 1000).unwrap_or(i64::MAX);
    let time = |value: &HeaderValue| date::parse(value.as_bytes(), now);
    // "A recipient MUST ignore the If-Unmodified-Since header field if the received field value is not a valid HTTP-date".
    let Some(since) = time(since) else { return false };
    stored.get(header::LAST_MODIFIED).and_then(time).is_none_or(|modified| modified > since)
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

/// Makes a request that validates what is stored. Whether it can be validated.
///
/// RFC 9111 4.3.1: "one or more precondition header fields containing validator(s) from one or more stored responses". Weak
/// tags too, and as they came.
pub fn validate(request: &mut HeaderMap, stored: &HeaderMap) -> bool {
    let mut any = false;
    if let Some(tag) = stored.get(header::ETAG) {
        request.insert(header::IF_NONE_MATCH, tag.clone());
        any = true;
    }
    if let Some(modified) = stored.get(header::LAST_MODIFIED) {
        request.insert(header::IF_MODIFIED_SINCE, modified.clone());
        any = true;
    }
    any
}

/// Whether a 304 is about what is stored.
///
/// RFC 9111 4.3.4: "If the new response contains one or more strong validators, [...] if none of the initial set contains
/// at least one of the same strong validators, then the cache MUST NOT use the new response to update any stored responses."
#[must_use]
pub fn is_about(not_modified: &HeaderMap, stored: &HeaderMap) -> bool {
    match not_modified.get(header::ETAG) {
        Some(tag) if !is_weak(tag) => stored.get(header::ETAG).is_none_or(|ours| weakly_equal(ours, tag)),
        _ => true,
    }
}

/// Whether what a HEAD was answered is about the stored answer to a GET: RFC 9111 4.3.5.
#[must_use]
pub fn is_same(head: &HeaderMap, stored: &HeaderMap) -> bool {
    [header::ETAG, header::LAST_MODIFIED, header::CONTENT_LENGTH]
        .iter()
        .all(|name| head.get(name).is_none_or(|theirs| stored.get(name) == Some(theirs)))
}

/// Updates what is stored with the fields of a 304, from which the connection's own are gone.
///
/// RFC 9111 3.2: "the cache MUST update the stored response's header fields [...] add each header field in the provided
/// response to the stored response, replacing field values that are already present", but Content-Length and what is
/// specific to a connection.
pub fn update(stored: &mut HeaderMap, fresh: &HeaderMap) {
    for name in fresh.keys() {
        if *name == header::CONTENT_LENGTH {
            continue;
        }
        stored.remove(name);
        for value in fresh.get_all(name) {
            stored.append(name, value.clone());
        }
    }
    if !fresh.contains_key(header::AGE) {
        stored.remove(header::AGE); // it told how old the former answer was
    }
}

/// Whether the client has what would be sent: the answer is a 304.
///
/// RFC 9111 4.3.2: "If-None-Match takes precedence over If-Modified-Since."
#[must_use]
pub fn client_has(request: &HeaderMap, status: StatusCode, stored: &HeaderMap, now: u64) -> bool {
    if !status.is_success() || status == StatusCode::PARTIAL_CONTENT {
        return false; // RFC 9110 13.2.1: only what would be answered with a 2xx
    }
    let now = i64::try_from(now / 1000).unwrap_or(i64::MAX);
    if request.contains_key(header::IF_NONE_MATCH) {
        let ours = stored.get(header::ETAG);
        return members(request.get_all(header::IF_NONE_MATCH))
            .any(|tag| tag == b"*" || ours.is_some_and(|ours| opaque(ours.as_bytes()) == opaque(tag)));
    }
    let Some(since) = request.get(header::IF_MODIFIED_SINCE) else { return false };
    let time = |value: &HeaderValue| date::parse(value.as_bytes(), now);
    match (stored.get(header::LAST_MODIFIED), time(since)) {
        (Some(modified), Some(since)) => time(modified).is_some_and(|modified| modified <= since),
        _ => false,
    }
}

/// Takes out what a 304 does not have.
///
/// RFC 9110 15.4.5: "a sender SHOULD NOT generate representation metadata other than the above listed fields unless said
/// metadata exists for the purpose of guiding cache updates". Whatever is about the answer rather than about what it holds
/// stays, as in nginx: clients merge it.
pub fn strip_representation(headers: &mut HeaderMap) {
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

/// RFC 9110 8.8.3.2, weak comparison: "if their opaque-tags match character-by-character".
fn weakly_equal(a: &HeaderValue, b: &HeaderValue) -> bool {
    opaque(a.as_bytes()) == opaque(b.as_bytes())
}

pub(super) fn is_weak(tag: &HeaderValue) -> bool {
    tag.as_bytes().starts_with(b"W/")
}

fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::super::tests::map;
    use super::*;

    /// 2026-11-26
    const NOW: u64 = 1_795_651_200_000;
    const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    #[test]
    fn validators_are_sent_as_they_came() {
        let check = |stored: &[_], expected: &[_]| {
            let mut request =
                map(&[("if-none-match", "\"client\""), ("range", "bytes=0-1"), ("accept", "x")]);
            strip_conditions(&mut request);
            let any = validate(&mut request, &map(stored));
            assert_eq!(any, !expected.is_empty(), "{stored:?}");
            let mut wanted = map(expected);
            wanted.insert("accept", HeaderValue::from_static("x"));
            assert_eq!(request, wanted, "{stored:?}");
        };
        check(&[], &[]);
        check(&[("etag", "W/\"a\"")], &[("if-none-match", "W/\"a\"")]);
        check(&[("last-modified", OLD)], &[("if-modified-since", OLD)]);
        check(
            &[("etag", "a"), ("last-modified", "b")],
            &[("if-none-match", "a"), ("if-modified-since", "b")],
        );
    }

    #[test]
    fn a_304_updates_what_it_names() {
        let mut stored = map(&[
            ("cache-control", "max-age=1"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=1"),
            ("content-length", "5"),
            ("content-type", "text/plain"),
            ("x-old", "1"),
            ("age", "7"),
        ]);
        update(
            &mut stored,
            &map(&[
                ("cache-control", "max-age=9"),
                ("set-cookie", "c=1"),
                ("set-cookie", "d=1"),
                ("content-length", "0"),
                ("content-type", "text/html"),
                ("x-new", "2"),
            ]),
        );
        let expected = map(&[
            ("cache-control", "max-age=9"),
            ("set-cookie", "c=1"),
            ("set-cookie", "d=1"),
            ("content-length", "5"),
            ("content-type", "text/html"),
            ("x-old", "1"),
            ("x-new", "2"),
        ]);
        assert_eq!(stored, expected);
    }

    #[test]
    fn a_304_for_something_else_is_none_of_ours() {
        for (theirs, ours, expected) in [
            (&[("etag", "\"a\"")][..], &[("etag", "\"a\"")][..], true),
            (&[("etag", "\"a\"")], &[("etag", "W/\"a\"")], true),
            (&[("etag", "\"b\"")], &[("etag", "\"a\"")], false),
            (&[("etag", "W/\"b\"")], &[("etag", "\"a\"")], true),
            (&[("etag", "\"b\"")], &[("last-modified", OLD)], true),
            (&[], &[("etag", "\"a\"")], true),
        ] {
            assert_eq!(is_about(&map(theirs), &map(ours)), expected, "{theirs:?}, {ours:?}");
        }
    }

    #[test]
    fn heads_are_compared() {
        let stored = map(&[("etag", "\"a\""), ("content-length", "5")]);
        for (head, expected) in [
            (&[("etag", "\"a\""), ("content-length", "5")][..], true),
            (&[("etag", "\"a\"")], true),
            (&[("content-length", "5")], true),
            (&[("etag", "\"b\""), ("content-length", "5")], false),
            (&[("content-length", "6")], false),
            (&[("last-modified", OLD)], false),
        ] {
            assert_eq!(is_same(&map(head), &stored), expected, "{head:?}");
        }
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
