//! A line of `Set-Cookie`, taken apart and written anew. Pure.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::Flags;

/// A line of `Set-Cookie`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'l> {
    /// The cookie itself, and its attributes.
    parts: SmallVec<[Part<'l>; 8]>,
}

#[derive(Debug, PartialEq, Eq)]
struct Part<'l> {
    name: Cow<'l, [u8]>,
    value: Option<Cow<'l, [u8]>>,
}

impl<'l> Line<'l> {
    /// `None` for what sets no cookie.
    pub(crate) fn parse(line: &'l [u8]) -> Option<Self> {
        let parts: SmallVec<[Part<'l>; 8]> = line.split(|&byte| byte == b';').map(Part::parse).collect();
        parts.first()?.value.is_some().then_some(Self { parts })
    }

    /// The cookie's name.
    pub(crate) fn cookie(&self) -> &[u8] {
        self.parts.first().map_or(&[], |cookie| &cookie.name)
    }

    /// The values of the attributes called `name`.
    pub(crate) fn values(&mut self, name: &str) -> impl Iterator<Item = &mut Cow<'l, [u8]>> {
        let attributes = self.parts.iter_mut().skip(1);
        attributes.filter(move |part| part.is(name)).filter_map(|part| part.value.as_mut())
    }

    pub(crate) fn flag(&mut self, flags: Flags) {
        self.set("Secure", flags.secure.map(|on| on.then_some(None)));
        self.set("HttpOnly", flags.http_only.map(|on| on.then_some(None)));
        self.set("SameSite", flags.same_site.map(|site| site.map(|site| Some(site.as_str()))));
    }

    /// An attribute that is to be there with a value, or not to be there; `None`: as it is.
    fn set(&mut self, name: &'static str, wanted: Option<Option<Option<&'static str>>>) {
        match wanted {
            None => {}
            Some(None) => self.remove(name),
            Some(Some(value)) => {
                let mut there = false;
                for part in self.parts.iter_mut().skip(1).filter(|part| part.is(name)) {
                    // An attribute that says it already keeps its spelling.
                    let says = |value: &str| {
                        part.value.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(value.as_bytes()))
                    };
                    if let Some(value) = value.filter(|value| !says(value)) {
                        *part = Part::new(name, Some(value));
                    }
                    there = true;
                }
                if !there {
                    self.parts.push(Part::new(name, value));
                }
            }
        }
    }

    fn remove(&mut self, name: &str) {
        let mut first = true;
        self.parts.retain(|part| std::mem::take(&mut first) || !part.is(name));
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let len =
            self.parts.iter().map(|part| part.name.len() + part.value.as_ref().map_or(0, |v| v.len()) + 3);
        let mut line = Vec::with_capacity(len.sum());
        for part in &self.parts {
            if !line.is_empty() {
                line.extend_from_slice(b"; ");
            }
            line.extend_from_slice(&part.name);
            if let Some(value) = &part.value {
                line.push(b'=');
                line.extend_from_slice(value);
            }
        }
        line
    }
}

impl<'l> Part<'l> {
    fn new(name: &'static str, value: Option<&'static str>) -> Self {
        Self { name: name.as_bytes().into(), value: value.map(|value| value.as_bytes().into()) }
    }

    fn parse(text: &'l [u8]) -> Self {
        let text = text.trim_ascii_start();
        match text.iter().position(|&byte| byte == b'=') {
            Some(at) => {
                let (name, rest) = text.split_at(at);
                Self { name: name.into(), value: Some(rest.get(1..).unwrap_or_default().into()) }
            }
            None => Self { name: text.into(), value: None },
        }
    }

    fn is(&self, name: &str) -> bool {
        // Blanks around a name do not count (RFC 6265 5.2).
        self.name.trim_ascii_end().eq_ignore_ascii_case(name.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SameSite;

    const SITES: [SameSite; 3] = [SameSite::Strict, SameSite::Lax, SameSite::None];

    fn flagged(line: &str, flags: Flags) -> String {
        let mut parsed = Line::parse(line.as_bytes()).unwrap();
        parsed.flag(flags);
        String::from_utf8(parsed.write()).unwrap()
    }

    #[test]
    fn a_line_is_written_as_nginx_writes_it() {
        fn check(line: &str, expected: &str) {
            let parsed = Line::parse(line.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(parsed.write()).unwrap(), expected, "{line}");
        }
        check("a=b", "a=b");
        check("a=", "a=");
        check("a=b=c;d=e=f", "a=b=c; d=e=f");
        check("a=b;secure;  Max-Age=3 ;;x", "a=b; secure; Max-Age=3 ; ; x");
    }

    #[test]
    fn what_sets_no_cookie_is_left_alone() {
        for line in ["", "a", ";a=b", " ; a=b"] {
            assert_eq!(Line::parse(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn flags_are_added_where_they_are_missing() {
        let all = Flags::new().secure().http_only().same_site(SameSite::None);
        assert_eq!(flagged("a=b", all), "a=b; Secure; HttpOnly; SameSite=None");
        assert_eq!(flagged("a=b; SECURE; httponly", all), "a=b; SECURE; httponly; SameSite=None");
        assert_eq!(flagged("a=b; samesite=none; Secure", all), "a=b; samesite=none; Secure; HttpOnly");
        assert_eq!(flagged("a=b; samesite=lax", all), "a=b; SameSite=None; Secure; HttpOnly");
        assert_eq!(flagged("a=b; Path=/", Flags::new()), "a=b; Path=/");
    }

    #[test]
    fn flags_are_removed() {
        let none = Flags::new().no_secure().no_http_only().no_same_site();
        assert_eq!(flagged("a=b; secure; Path=/; HttpOnly; samesite=lax", none), "a=b; Path=/");
        assert_eq!(flagged("secure=1; secure", none), "secure=1", "a cookie's name is no flag");
    }

    #[test]
    fn values_are_found_in_any_case() {
        let mut line = Line::parse(b"path=p; PATH=/a; path; Domain=d").unwrap();
        let paths: Vec<_> = line.values("path").map(|value| value.to_vec()).collect();
        assert_eq!(paths, [b"/a".to_vec()]);
    }

    proptest! {
        #[test]
        fn writing_is_the_inverse_of_reading(line in "[a-z]{1,5}=[a-z=]{0,5}(; [A-Za-z-]{1,9}(=[a-z/=]{0,5})?){0,5}") {
            prop_assert_eq!(Line::parse(line.as_bytes()).unwrap().write(), line.as_bytes());
        }

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
