//! Which of a key's responses answers a request: RFC 9111 4.1.

use std::borrow::Cow;

use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::{HeaderName, Method};

use propylon_conditions::list::members;

/// What is between the fields of a variant: a byte that no value has.
const END: u8 = b'\n';
const NAME_END: u8 = b':';
const ABSENT: u8 = b'-';
const PRESENT: u8 = b'=';

/// What a stored response is for: the fields that its `Vary` names, as the request had them. None: for all requests.
///
/// An answer to HEAD is a variant of its own: it has no body to answer a GET with.
#[must_use]
pub fn variant(method: &Method, request: &HeaderMap, response: &HeaderMap, vary: bool) -> Option<Bytes> {
    let mut names: Vec<HeaderName> = Vec::new();
    if vary {
        names.extend(
            members(response.get_all(header::VARY)).filter_map(|name| HeaderName::from_bytes(name).ok()),
        );
    }
    if names.is_empty() && method != Method::HEAD {
        return None;
    }
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    let mut text = Vec::new();
    text.push(if method == Method::HEAD { b'H' } else { b'G' });
    for name in &names {
        text.extend(name.as_str().as_bytes());
        text.push(NAME_END);
        match normalised(request, name) {
            None => text.push(ABSENT),
            Some(value) => {
                text.push(PRESENT);
                text.extend(&*value);
            }
        }
        text.push(END);
    }
    Some(text.into())
}

/// Whether what was stored as this variant answers the request.
#[must_use]
pub fn matches(variant: Option<&[u8]>, method: &Method, request: &HeaderMap) -> bool {
    let Some((kind, fields)) = variant.and_then(<[u8]>::split_first) else { return true };
    if *kind == b'H' && method != Method::HEAD {
        return false;
    }
    fields.split(|byte| *byte == END).filter(|field| !field.is_empty()).all(|field| {
        let Some(at) = field.iter().position(|byte| *byte == NAME_END) else { return false };
        let (name, wanted) = field.split_at(at);
        let Ok(name) = HeaderName::from_lowercase(name) else { return false };
        match (wanted.get(1..).and_then(<[u8]>::split_first), normalised(request, &name)) {
            (Some((&ABSENT, [])), None) => true,
            (Some((&PRESENT, wanted)), Some(value)) => *wanted == *value,
            _ => false,
        }
    })
}

/// RFC 9111 4.1: "adding or removing whitespace, where allowed in the header field's syntax; combining multiple header field
/// lines with the same field name; normalizing both header field values in a way that is known to have identical semantics".
fn normalised<'a>(request: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, [u8]>> {
    let mut lines = request.get_all(name).iter();
    let first = lines.next()?.as_bytes();
    let language = *name == header::ACCEPT_LANGUAGE;
    if lines.next().is_none() && !language && !first.contains(&b',') {
        return Some(first.into());
    }
    let mut parts: Vec<Cow<'_, [u8]>> = members(request.get_all(name)).map(Cow::Borrowed).collect();
    if language {
        for part in &mut parts {
            part.to_mut().make_ascii_lowercase();
        }
        sort_equals(&mut parts);
    }
    Some(parts.join(&b',').into())
}

/// Sorts what has the same weight: in `Accept-Language` its order says nothing.
fn sort_equals(parts: &mut [Cow<'_, [u8]>]) {
    for run in parts.chunk_by_mut(|a, b| weight(a) == weight(b)) {
        run.sort_unstable();
    }
}

fn weight(part: &[u8]) -> &[u8] {
    let at = part.iter().position(|byte| *byte == b';').unwrap_or(part.len());
    part.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::tests::map;
    use super::*;

    /// Whether what was stored for a GET with the fields of `first` answers one with those of `second`.
    #[track_caller]
    fn check(
        vary: &'static str,
        first: &[(&'static str, &'static str)],
        second: &[(&'static str, &'static str)],
        expected: bool,
    ) {
        let stored = variant(&Method::GET, &map(first), &map(&[("vary", vary)]), true);
        let found = matches(stored.as_deref(), &Method::GET, &map(second));
        assert_eq!(found, expected, "{vary}: {first:?}, {second:?}");
    }

    #[test]
    fn fields_that_are_named_must_match() {
        check("foo", &[("foo", "1")], &[("foo", "1")], true);
        check("Foo", &[("foo", "1")], &[("foo", "2")], false);
        check("foo", &[], &[], true);
        check("foo", &[], &[("foo", "1")], false);
        check("foo", &[("foo", "1")], &[], false);
        check("foo", &[], &[("foo", "")], false);
        check("foo", &[("bar", "1")], &[("bar", "2")], true);
        check("", &[("foo", "1")], &[], true);
        check("foo, BAR", &[("foo", "1"), ("bar", "2")], &[("bar", "2"), ("foo", "1")], true);
        check("foo, bar", &[("foo", "1"), ("bar", "2")], &[("foo", "1"), ("bar", "3")], false);
        check("foo", &[("foo", "a:b")], &[("foo", "a:b")], true);
    }

    #[test]
    fn what_means_the_same_matches() {
        check("foo", &[("foo", "1, 2")], &[("foo", "1,2")], true);
        check("foo", &[("foo", "1"), ("foo", "2")], &[("foo", "1 , 2")], true);
        check("foo", &[("foo", "1,2")], &[("foo", "2,1")], false);
        check("foo", &[("foo", "a")], &[("foo", "A")], false);
        let name = "accept-language";
        check(name, &[(name, "en, de")], &[(name, "de,EN")], true);
        check(name, &[(name, "en;q=0.5, de")], &[(name, "de, en;q=0.5")], false);
        check(name, &[(name, "en")], &[(name, "de")], false);
    }

    #[test]
    fn an_answer_to_head_answers_no_get() {
        let stored = variant(&Method::HEAD, &map(&[]), &map(&[]), true);
        assert!(matches(stored.as_deref(), &Method::HEAD, &map(&[])));
        assert!(!matches(stored.as_deref(), &Method::GET, &map(&[])));
        assert!(matches(None, &Method::HEAD, &map(&[])));
        let stored = variant(&Method::HEAD, &map(&[("foo", "1")]), &map(&[("vary", "foo")]), true);
        assert!(matches(stored.as_deref(), &Method::HEAD, &map(&[("foo", "1")])));
        assert!(!matches(stored.as_deref(), &Method::HEAD, &map(&[("foo", "2")])));
    }

    #[test]
    fn vary_can_be_ignored_and_nonsense_matches_nothing() {
        assert_eq!(variant(&Method::GET, &map(&[]), &map(&[("vary", "foo")]), false), None);
        for nonsense in [&b"Gfoo"[..], b"Gfoo:\n", b"GFOO:-\n", b"Gfoo:?\n", b"Gfoo:-x\n"] {
            assert!(!matches(Some(nonsense), &Method::GET, &map(&[])), "{nonsense:?}");
        }
    }
}
