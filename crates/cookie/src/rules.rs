//! What is done to the cookies of a response.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{Entry, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response, response};

use crate::Flags;
use crate::flags::Wanted;
use crate::line::{Changes, Name, Part, parts};
use crate::replace::Around;

/// The rules of each kind, in order.
#[derive(Clone, Default)]
pub(crate) struct Rules {
    domains: Vec<Change>,
    paths: Vec<Change>,
    flags: Vec<Choose>,
    /// Whether one of them looks at the head of the response.
    looks: bool,
}

/// What becomes of an attribute's value.
#[derive(Clone)]
pub(crate) enum Change {
    /// `to` between what `around` leaves of it, if it fits `from`.
    Replace {
        around: Around,
        from: Box<[u8]>,
        to: Box<[u8]>,
    },
    Compute(Arc<Compute<Vec<u8>>>),
}

/// Which flags a cookie gets.
#[derive(Clone)]
pub(crate) enum Choose {
    Named(Box<str>, Flags),
    Compute(Arc<Compute<Flags>>),
}

/// Computes from the head of a response and a part of its cookie.
pub(crate) type Compute<T> = dyn Fn(&response::Parts, &[u8]) -> Option<T> + Send + Sync;

impl Rules {
    pub(crate) fn domain(&mut self, change: Change) {
        self.looks |= matches!(change, Change::Compute(_));
        self.domains.push(change);
    }

    pub(crate) fn path(&mut self, change: Change) {
        self.looks |= matches!(change, Change::Compute(_));
        self.paths.push(change);
    }

    pub(crate) fn flags(&mut self, choose: Choose) {
        self.looks |= matches!(choose, Choose::Compute(_));
        self.flags.push(choose);
    }

    /// Applies the rules to a response that stays where it is.
    pub(crate) fn apply<B>(&self, response: &mut Response<B>) {
        if self.looks {
            self.apply_looking(response);
        } else {
            self.apply_in_place(response.headers_mut());
        }
    }

    /// One look at the names costs less than a search.
    fn apply_in_place(&self, headers: &mut HeaderMap) {
        for (_, line) in headers.iter_mut().filter(|(name, _)| **name == SET_COOKIE) {
            if let Some(changed) = self.changed(None, line.as_bytes()) {
                *line = changed;
            }
        }
    }

    fn apply_looking<B>(&self, response: &mut Response<B>) {
        if !response.headers().contains_key(SET_COOKIE) {
            return;
        }
        let (mut head, ()) = Response::new(()).into_parts();
        head.status = response.status();
        head.version = response.version();
        head.headers = std::mem::take(response.headers_mut());
        head.extensions = std::mem::take(response.extensions_mut());
        // All are computed before any is replaced: a closure sees the response as it came.
        let lines = head.headers.get_all(SET_COOKIE).iter();
        let changed: Vec<_> = lines.map(|line| self.changed(Some(&head), line.as_bytes())).collect();
        if let Entry::Occupied(mut lines) = head.headers.entry(SET_COOKIE) {
            for (line, changed) in lines.iter_mut().zip(changed) {
                if let Some(changed) = changed {
                    *line = changed;
                }
            }
        }
        *response.headers_mut() = head.headers;
        *response.extensions_mut() = head.extensions;
    }

    /// The line as the client is to see it; `None`: as it is. The head may be missing where no rule looks at it.
    fn changed(&self, head: Option<&response::Parts>, line: &[u8]) -> Option<HeaderValue> {
        let mut parts = parts(line);
        let cookie = parts.next().filter(|part| part.value.is_some())?;
        let flags = self.flags.iter().find_map(|rule| rule.apply(head, cookie.name)).unwrap_or_default();
        let mut changes = Changes::new(line, &cookie);
        let mut changed = flags != Flags::new();
        let mut missing = changed.then(|| flags.wanted());
        for part in parts {
            let rules = match part.is {
                Name::DOMAIN => &self.domains[..],
                Name::PATH => &self.paths,
                _ => &[],
            };
            let new = part.value.and_then(|value| rules.iter().find_map(|rule| rule.apply(head, value)));
            if let Some(New { kept, to }) = new {
                changes.replace_value(&part, kept, to);
                changed = true;
            } else if let Some(wanted) = missing.as_mut().and_then(|flags| flags.of(part.is)) {
                flag(&mut changes, &part, wanted);
            } else {
                changes.keep(&part);
            }
        }
        missing.into_iter().flat_map(Wanted::missing).for_each(|flag| changes.add(flag.as_bytes()));
        changed.then(|| HeaderValue::from_maybe_shared(Bytes::from(changes.write())).ok()).flatten()
    }
}

/// Makes of a flag what is wanted of it. One that says it already keeps its spelling, and `Secure` and `HttpOnly` have no value that would
/// count.
fn flag<'l>(changes: &mut Changes<'l>, part: &Part<'l>, wanted: Option<&'static str>) {
    let Some(text) = wanted else { return changes.remove(part) };
    let says = |value: &str| part.value.is_some_and(|own| own.eq_ignore_ascii_case(value.as_bytes()));
    match text.split_once('=') {
        Some((_, value)) if !says(value) => changes.replace(part, text.as_bytes()),
        _ => changes.keep(part),
    }
}

/// A value that takes the place of another: how much of that stays at its beginning and at its end, and what is between.
struct New<'v> {
    kept: (usize, usize),
    to: Cow<'v, [u8]>,
}

impl Change {
    fn apply<'v>(&'v self, head: Option<&response::Parts>, value: &[u8]) -> Option<New<'v>> {
        match self {
            Self::Replace { around, from, to } => {
                let (before, behind) = around(value, from)?;
                Some(New { kept: (before.len(), behind.len()), to: (&**to).into() })
            }
            Self::Compute(compute) => Some(New { kept: (0, 0), to: compute(head?, value)?.into() }),
        }
    }
}

impl Choose {
    fn apply(&self, head: Option<&response::Parts>, cookie: &[u8]) -> Option<Flags> {
        match self {
            Self::Named(name, flags) => cookie.eq_ignore_ascii_case(name.as_bytes()).then_some(*flags),
            Self::Compute(compute) => compute(head?, cookie),
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("domains", &self.domains.len())
            .field("paths", &self.paths.len())
            .field("flags", &self.flags.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SameSite;

    const SITES: [SameSite; 3] = [SameSite::Strict, SameSite::Lax, SameSite::None];

    /// The line, with these flags for any cookie.
    fn flagged(line: &str, flags: Flags) -> String {
        let mut rules = Rules::default();
        rules.flags(Choose::Compute(Arc::new(move |_: &response::Parts, _: &[u8]| Some(flags))));
        changed(&rules, line)
    }

    fn changed(rules: &Rules, line: &str) -> String {
        let (head, ()) = Response::new(()).into_parts();
        let changed = rules.changed(Some(&head), line.as_bytes());
        changed.map_or_else(|| line.into(), |changed| changed.to_str().unwrap().into())
    }

    #[test]
    fn what_sets_no_cookie_is_left_alone() {
        for line in ["", "a", ";a=b", " ; a=b"] {
            assert_eq!(flagged(line, Flags::new().secure()), line);
        }
    }

    #[test]
    fn flags_are_added_where_they_are_missing() {
        let all = Flags::new().secure().http_only().same_site(SameSite::None);
        assert_eq!(flagged("a=b", all), "a=b; Secure; HttpOnly; SameSite=None");
        assert_eq!(flagged("a=b; SECURE; httponly", all), "a=b; SECURE; httponly; SameSite=None");
        assert_eq!(flagged("a=b; samesite=none; Secure", all), "a=b; samesite=none; Secure; HttpOnly");
        assert_eq!(flagged("a=b; samesite=lax", all), "a=b; SameSite=None; Secure; HttpOnly");
        assert_eq!(flagged("a=b; samesite", all), "a=b; SameSite=None; Secure; HttpOnly");
        assert_eq!(flagged("a=b;secure=1;secure", all), "a=b; secure=1; secure; HttpOnly; SameSite=None");
        assert_eq!(flagged("a=b;Path=/", Flags::new()), "a=b;Path=/");
    }

    #[test]
    fn flags_are_removed() {
        let none = Flags::new().no_secure().no_http_only().no_same_site();
        assert_eq!(flagged("a=b; secure; Path=/; HttpOnly; samesite=lax", none), "a=b; Path=/");
        assert_eq!(flagged("a=b;secure;Path=/;secure", none), "a=b; Path=/");
        assert_eq!(flagged("secure=1; secure", none), "secure=1", "a cookie's name is no flag");
    }

    #[test]
    fn each_attribute_has_the_first_rule_that_fits() {
        let mut rules = Rules::default();
        let replace = |around: Around, from: &str, to: &str| Change::Replace {
            around,
            from: from.as_bytes().into(),
            to: to.as_bytes().into(),
        };
        rules.path(replace(crate::replace::around_path, "/x/", "/"));
        rules.path(replace(crate::replace::around_path, "/", "/y/"));
        rules.domain(replace(crate::replace::around_domain, "a", "example.com"));
        for (line, expected) in [
            ("c=1;Path=/x/z;  domain=.A;x", "c=1; Path=/z; domain=.example.com; x"),
            ("c=1; domain=b; Path=/z; Path=/x/", "c=1; domain=b; Path=/y/z; Path=/"),
            ("path=/x/; path", "path=/x/; path"),
            ("c=1; path; path=", "c=1; path; path="),
        ] {
            assert_eq!(changed(&rules, line), expected);
        }
    }

    proptest! {
        #[test]
        fn flags_hold_and_a_second_time_changes_nothing(
            line in "[a-z]{1,5}=[a-z]{0,5}(;( )?(secure|HTTPONLY|SameSite(=(lax|Strict|x))?|Path=/|x)){0,6}",
            secure: bool, http_only: bool, site in 0_usize..4,
        ) {
            let flags = if secure { Flags::new().secure() } else { Flags::new().no_secure() };
            let flags = if http_only { flags.http_only() } else { flags.no_http_only() };
            let flags = match SITES.get(site) {
                Some(site) => flags.same_site(*site),
                None => flags.no_same_site(),
            };
            let once = flagged(&line, flags);
            prop_assert_eq!(flagged(&once, flags), once.as_str());
            let low = once.to_ascii_lowercase();
            let attributes: Vec<_> = low.split("; ").skip(1).collect();
            prop_assert_eq!(attributes.contains(&"secure"), secure);
            prop_assert_eq!(attributes.contains(&"httponly"), http_only);
            let count = attributes.iter().filter(|a| a.starts_with("samesite=")).count();
            prop_assert_eq!(count > 0, site < 3);
        }
    }
}
