//! `Cache-Control` of a response and of a request: RFC 9111 5.2, RFC 5861.

use http::HeaderName;
use http::header::{self, HeaderMap};
use smallvec::SmallVec;

use super::fields::delta_seconds;
use propylon_conditions::list::{Members, members};

/// An argument that is a number of seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delta {
    /// The directive is not there.
    #[default]
    Absent,
    /// It is, with something that is no number of seconds.
    Invalid,
    /// It is.
    Seconds(u32),
}

impl Delta {
    /// "either the first occurrence should be used or the response should be considered stale": the first (RFC 9111 4.2.1).
    fn first(&mut self, value: Option<&[u8]>) {
        if *self == Self::Absent {
            *self = value.and_then(delta_seconds).map_or(Self::Invalid, Self::Seconds);
        }
    }

    /// The number, if it is one.
    #[must_use]
    pub const fn seconds(self) -> Option<u32> {
        match self {
            Self::Seconds(seconds) => Some(seconds),
            Self::Absent | Self::Invalid => None,
        }
    }
}

/// What a response says of its use by a shared cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseDirectives {
    /// `max-age`
    pub max_age: Delta,
    /// `s-maxage`
    pub s_maxage: Delta,
    /// `stale-while-revalidate`, RFC 5861
    pub stale_while_revalidate: Delta,
    /// `stale-if-error`, RFC 5861
    pub stale_if_error: Delta,
    /// `no-store`
    pub no_store: bool,
    /// `no-cache` without an argument
    pub no_cache: bool,
    /// `private` without an argument
    pub private: bool,
    /// `public`
    pub public: bool,
    /// `must-revalidate`
    pub must_revalidate: bool,
    /// `proxy-revalidate`
    pub proxy_revalidate: bool,
    /// `must-understand`
    pub must_understand: bool,
    /// The fields that `no-cache="..."` and `private="..."` name.
    pub withheld: SmallVec<[HeaderName; 2]>,
}

impl ResponseDirectives {
    /// Those of the field with this name.
    #[must_use]
    pub fn parse(headers: &HeaderMap, name: &HeaderName) -> Self {
        let mut all = Self::default();
        for member in members(headers.get_all(name)) {
            let directive = Directive::of(member);
            let value = directive.value.as_deref();
            all.add(directive.name, value, directive.value.is_some());
        }
        all
    }

    /// Adds a directive. `given`: whether it has an argument, well-formed or not.
    pub(super) fn add(&mut self, name: &[u8], value: Option<&[u8]>, given: bool) {
        let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
        match name.first().map_or(0, u8::to_ascii_lowercase) {
            b'm' if is("max-age") => self.max_age.first(value),
            b'm' if is("must-revalidate") => self.must_revalidate = true,
            b'm' if is("must-understand") => self.must_understand = true,
            b's' if is("s-maxage") => self.s_maxage.first(value),
            b's' if is("stale-while-revalidate") => self.stale_while_revalidate.first(value),
            b's' if is("stale-if-error") => self.stale_if_error.first(value),
            b'n' if is("no-store") => self.no_store = true,
            b'n' if is("no-cache") => self.no_cache |= !(given && self.withhold(value)),
            b'p' if is("private") => self.private |= !(given && self.withhold(value)),
            b'p' if is("public") => self.public = true,
            b'p' if is("proxy-revalidate") => self.proxy_revalidate = true,
            // "A cache MUST ignore unrecognized cache directives."
            _ => {}
        }
    }

    /// Notes the fields that an argument names: not if it names none, or something that is no name. Then the directive
    /// holds for all of the response.
    fn withhold(&mut self, names: Option<&[u8]>) -> bool {
        let names: Option<SmallVec<[HeaderName; 2]>> =
            Members(names.unwrap_or_default()).map(|name| HeaderName::from_bytes(name).ok()).collect();
        match names {
            Some(names) if !names.is_empty() => {
                self.withheld.extend(names);
                true
            }
            _ => false,
        }
    }
}

/// What a request says of how it may be answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestDirectives {
    /// `no-cache`: what is stored is validated first. `Pragma: no-cache` without `Cache-Control` is the same.
    pub no_cache: bool,
    /// `no-store`: neither answered from the store nor stored.
    pub no_store: bool,
    /// `only-if-cached`: 504 rather than a request to the upstream.
    pub only_if_cached: bool,
    /// `max-age`: no older than that.
    pub max_age: Option<u32>,
    /// `min-fresh`: fresh for at least so long.
    pub min_fresh: Option<u32>,
    /// `max-stale`: stale for up to so long is good enough; without an argument, however long.
    pub max_stale: Option<u32>,
}

impl RequestDirectives {
    /// Those of a request with these fields.
    #[must_use]
    pub fn parse(headers: &HeaderMap) -> Self {
        let mut all = Self::default();
        if !headers.contains_key(header::CACHE_CONTROL) {
            // RFC 9111 5.4: "When the Cache-Control header field is not present in a request, caches MUST consider the
            // no-cache request pragma-directive as having the same effect".
            all.no_cache = members(headers.get_all(header::PRAGMA))
                .any(|pragma| Directive::of(pragma).name.eq_ignore_ascii_case(b"no-cache"));
            return all;
        }
        for member in members(headers.get_all(header::CACHE_CONTROL)) {
            let Directive { name, value } = Directive::of(member);
            let is = |wanted: &str| name.eq_ignore_ascii_case(wanted.as_bytes());
            // What is no number of seconds asks for nothing.
            let seconds = || value.as_deref().and_then(delta_seconds);
            match name.len() {
                8 if is("no-cache") => all.no_cache = true,
                8 if is("no-store") => all.no_store = true,
                14 if is("only-if-cached") => all.only_if_cached = true,
                7 if is("max-age") => all.max_age = all.max_age.or_else(seconds),
                9 if is("min-fresh") => all.min_fresh = all.min_fresh.or_else(seconds),
                9 if is("max-stale") => {
                    all.max_stale =
                        if value.is_none() { Some(u32::MAX) } else { all.max_stale.or_else(seconds) };
                }
                _ => {}
            }
        }
        all
    }
}

/// One member of the list.
struct Directive<'a> {
    name: &'a [u8],
    value: Option<std::borrow::Cow<'a, [u8]>>,
}

impl<'a> Directive<'a> {
    fn of(member: &'a [u8]) -> Self {
        let Some(at) = member.iter().position(|byte| *byte == b'=') else {
            return Self { name: member, value: None };
        };
        let (name, value) = member.split_at(at);
        let value = value.get(1..).unwrap_or_default();
        // Blanks around the sign are not allowed: the directive is meant, and what it says is nothing.
        let spaced = name.trim_ascii_end().len() < name.len();
        let value = if spaced { b" ".as_slice() } else { value };
        Self { name: name.trim_ascii_end(), value: Some(unquote(value)) }
    }
}

/// RFC 9111 5.2: "recipients ought to accept both forms", token and quoted-string.
fn unquote(value: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let Some(inner) = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else {
        return value.into();
    };
    if !inner.contains(&b'\\') {
        return inner.into();
    }
    let (mut text, mut escaped) = (Vec::with_capacity(inner.len()), false);
    for byte in inner {
        escaped = !escaped && *byte == b'\\';
        if !escaped {
            text.push(*byte);
        }
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn map(name: &'static str, lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (HeaderName::from_static(name), HeaderValue::from_static(line))).fold(
            HeaderMap::new(),
            |mut map, (name, value)| {
                map.append(name, value);
                map
            },
        )
    }

    #[track_caller]
    fn check(lines: &[&'static str], expected: &ResponseDirectives) {
        let found = ResponseDirectives::parse(&map("cache-control", lines), &header::CACHE_CONTROL);
        assert_eq!(found, *expected, "{lines:?}");
    }

    #[test]
    fn of_responses() {
        let none = ResponseDirectives::default;
        let max_age = |max_age| ResponseDirectives { max_age, ..none() };
        check(&[], &none());
        check(&["max-age=60"], &max_age(Delta::Seconds(60)));
        check(&["MaX-aGe=60"], &max_age(Delta::Seconds(60)));
        check(&["max-age=\"60\""], &max_age(Delta::Seconds(60)));
        check(&["max-age=003600"], &max_age(Delta::Seconds(3600)));
        check(&["max-age=99999999999"], &max_age(Delta::Seconds(u32::MAX)));
        check(&["max-age='60'"], &max_age(Delta::Invalid));
        check(&["max-age=-60"], &max_age(Delta::Invalid));
        check(&["max-age=60.0"], &max_age(Delta::Invalid));
        check(&["max-age="], &max_age(Delta::Invalid));
        check(&["max-age"], &max_age(Delta::Invalid));
        check(&["max-age =60"], &max_age(Delta::Invalid));
        check(&["max-age= 60"], &max_age(Delta::Invalid));
        check(&["max-age=60, max-age=1"], &max_age(Delta::Seconds(60)));
        check(&["foo=\"max-age=60\", bar=\"a, no-store\""], &none());
        check(&["foo", "x-max-age=60"], &none());
        check(
            &["s-maxage=1, stale-while-revalidate=2", "STALE-IF-ERROR=3,,public"],
            &ResponseDirectives {
                s_maxage: Delta::Seconds(1),
                stale_while_revalidate: Delta::Seconds(2),
                stale_if_error: Delta::Seconds(3),
                public: true,
                ..none()
            },
        );
        check(
            &["No-CaChE, no-store, private, must-revalidate, proxy-revalidate, must-understand"],
            &ResponseDirectives {
                no_cache: true,
                no_store: true,
                private: true,
                must_revalidate: true,
                proxy_revalidate: true,
                must_understand: true,
                ..none()
            },
        );
        let withheld = SmallVec::from_iter([HeaderName::from_static("a"), HeaderName::from_static("b")]);
        check(&["no-cache=\"a, B\""], &ResponseDirectives { withheld: withheld.clone(), ..none() });
        check(&["private=\"a\", no-cache=b"], &ResponseDirectives { withheld, ..none() });
        check(
            &["no-cache=\"\", private=\"(\""],
            &ResponseDirectives { no_cache: true, private: true, ..none() },
        );
    }

    #[test]
    fn of_requests() {
        let none = RequestDirectives::default();
        let check = |name, lines: &[&'static str], expected| {
            assert_eq!(RequestDirectives::parse(&map(name, lines)), expected, "{name}: {lines:?}");
        };
        check("cache-control", &[], none);
        check("cache-control", &["foo, bar=\"no-cache\""], none);
        check("cache-control", &["NO-CACHE"], RequestDirectives { no_cache: true, ..none });
        check("pragma", &["foo, No-Cache"], RequestDirectives { no_cache: true, ..none });
        check("pragma", &["foo"], none);
        check(
            "cache-control",
            &["no-store, max-age=1", "min-fresh=2, max-stale=3,only-if-cached"],
            RequestDirectives {
                no_store: true,
                only_if_cached: true,
                max_age: Some(1),
                min_fresh: Some(2),
                max_stale: Some(3),
                ..none
            },
        );
        check("cache-control", &["max-stale"], RequestDirectives { max_stale: Some(u32::MAX), ..none });
        check("cache-control", &["max-stale=x, max-age=-1, min-fresh"], none);
        let mut both = map("pragma", &["no-cache"]);
        both.insert("cache-control", HeaderValue::from_static("foo"));
        assert_eq!(RequestDirectives::parse(&both), none);
    }
}
