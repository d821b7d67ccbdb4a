//! Validation of what is stored by the upstream: RFC 9111 4.3.1 and 4.3.3 to 4.3.5.

use http::HeaderValue;
use http::header::{self, HeaderMap};
use propylon_conditions::{is_weak, opaque};

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

/// RFC 9110 8.8.3.2, weak comparison: "if their opaque-tags match character-by-character".
fn weakly_equal(a: &HeaderValue, b: &HeaderValue) -> bool {
    opaque(a.as_bytes()) == opaque(b.as_bytes())
}

#[cfg(test)]
mod tests {
    use propylon_conditions::strip_conditions;

    use super::super::tests::map;
    use super::*;

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
}
