//! A line of `Set-Cookie`, taken apart and written anew. Pure.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::{Flags, SameSite};

/// A line of `Set-Cookie`: the cookie itself, and its attributes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'l> {
    parts: SmallVec<[Part<'l>; 8]>,
}

/// What stands between two semicolons, without the blanks before it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Part<'l> {
    text: &'l [u8],
    /// How long the name is; a `=` behind it begins the value.
    name: usize,
    is: Name,
    /// The value in the place of its own.
    new: Option<Value<'l>>,
}

/// A name without regard to its case and the blanks around it (RFC 6265 5.2), if it has no more than eight letters, which those that
/// rules are for have not: one word, so that a comparison is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(u64);

/// A value in three pieces.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Value<'l> {
    pub(crate) before: &'l [u8],
    pub(crate) to: Cow<'l, [u8]>,
    pub(crate) behind: &'l [u8],
}

impl<'l> Line<'l> {
    /// `None` for what sets no cookie.
    pub(crate) fn parse(line: &'l [u8]) -> Option<Self> {
        let mut parts: SmallVec<[Part<'l>; 8]> = SmallVec::new();
        let mut rest = Some(line);
        while let Some(text) = rest {
            let end = memchr::memchr(b';', text).unwrap_or(text.len());
            let (part, others) = text.split_at_checked(end)?;
            parts.push(Part::parse(part));
            rest = others.get(1..);
        }
        parts.first()?.value()?;
        Some(Self { parts })
    }

    /// The cookie's name.
    pub(crate) fn cookie(&self) -> &'l [u8] {
        self.parts.first().map_or(&[], Part::name)
    }

    /// The attributes of that name.
    pub(crate) fn attributes(&mut self, name: Name) -> impl Iterator<Item = &mut Part<'l>> {
        self.parts.iter_mut().skip(1).filter(move |part| part.is == name)
    }

    pub(crate) fn flag(&mut self, flags: Flags) {
        self.set(Name::SECURE, flags.secure.map(|on| on.then_some("Secure")));
        self.set(Name::HTTP_ONLY, flags.http_only.map(|on| on.then_some("HttpOnly")));
        self.set(Name::SAME_SITE, flags.same_site.map(|site| site.map(SameSite::attribute)));
    }

    /// An attribute that is to be there as `wanted` says it, or not to be there; `None`: as it is.
    fn set(&mut self, name: Name, wanted: Option<Option<&'static str>>) {
        match wanted {
            None => {}
            Some(None) => self.remove(name),
            Some(Some(text)) => {
                let wanted = Part::parse(text.as_bytes());
                let mut there = false;
                for part in self.attributes(name) {
                    // An attribute that says it already keeps its spelling, and a flag has no value that would count.
                    let says = |value: &[u8]| part.value().is_some_and(|own| own.eq_ignore_ascii_case(value));
                    if wanted.value().is_some_and(|value| !says(value)) {
                        *part = Part::parse(text.as_bytes());
                    }
                    there = true;
                }
                if !there {
                    self.parts.push(wanted);
                }
            }
        }
    }

    fn remove(&mut self, name: Name) {
        let mut first = true;
        self.parts.retain(|part| std::mem::take(&mut first) || part.is != name);
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        const BETWEEN: &[u8] = b"; ";
        let between = BETWEEN.len() * self.parts.len().saturating_sub(1);
        // Not a byte more: a vector that is full becomes `Bytes` as it is.
        let mut line = Vec::with_capacity(self.parts.iter().map(Part::len).sum::<usize>() + between);
        for part in &self.parts {
            if !line.is_empty() {
                line.extend_from_slice(BETWEEN);
            }
            part.write(&mut line);
        }
        line
    }
}

impl<'l> Part<'l> {
    fn parse(text: &'l [u8]) -> Self {
        let text = text.trim_ascii_start();
        let name = text.iter().position(|&byte| byte == b'=').unwrap_or(text.len());
        Self { text, name, is: Name::of(text.get(..name).unwrap_or_default()), new: None }
    }

    fn name(&self) -> &'l [u8] {
        self.text.get(..self.name).unwrap_or_default()
    }

    /// The value that it came with.
    pub(crate) fn value(&self) -> Option<&'l [u8]> {
        self.text.get(self.name + 1..)
    }

    pub(crate) fn replace(&mut self, value: Value<'l>) {
        self.new = Some(value);
    }

    fn len(&self) -> usize {
        let new = |new: &Value<'_>| self.name + 1 + new.before.len() + new.to.len() + new.behind.len();
        self.new.as_ref().map_or(self.text.len(), new)
    }

    fn write(&self, line: &mut Vec<u8>) {
        let Some(new) = &self.new else { return line.extend_from_slice(self.text) };
        line.extend_from_slice(self.text.get(..=self.name).unwrap_or_default());
        line.extend_from_slice(new.before);
        line.extend_from_slice(&new.to);
        line.extend_from_slice(new.behind);
    }
}

impl Name {
    pub(crate) const DOMAIN: Self = Self::known(*b"domain  ");
    pub(crate) const PATH: Self = Self::known(*b"path    ");
    const SECURE: Self = Self::known(*b"secure  ");
    const HTTP_ONLY: Self = Self::known(*b"httponly");
    const SAME_SITE: Self = Self::known(*b"samesite");

    const fn known(lower: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(lower))
    }

    /// None of the above if it is another.
    fn of(name: &[u8]) -> Self {
        /// In each byte what tells an upper-case letter from a lower-case one; no other byte becomes a letter by it.
        const CASE: u64 = u64::from_le_bytes([b' '; 8]);
        let mut word = [b' '; 8];
        let name = name.trim_ascii_end();
        match word.get_mut(..name.len()) {
            Some(start) => start.copy_from_slice(name),
            None => return Self(0),
        }
        Self(u64::from_le_bytes(word) | CASE)
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
        let paths: Vec<_> = line.attributes(Name::PATH).filter_map(|part| part.value()).collect();
        assert_eq!(paths, [b"/a"]);
    }

    #[test]
    fn names_are_known_in_any_case_and_by_all_their_letters() {
        fn check(name: &[u8], expected: bool) {
            assert_eq!(Name::of(name) == Name::PATH, expected, "{name:?}");
        }
        for name in ["path", "PATH", "pAtH", "Path ", "path     \t"] {
            check(name.as_bytes(), true);
        }
        for name in
            ["", "p", "pat", "paths", "path.", "path path", "path    .", "domain", "p\x01th", "pa\x14h"]
        {
            check(name.as_bytes(), false);
        }
        // Whatever stands in the place of a letter, it is that letter.
        for byte in 0..=u8::MAX {
            check(&[b'p', b'a', byte, b'h'], byte.eq_ignore_ascii_case(&b't'));
        }
    }

    #[test]
    fn a_line_that_is_written_anew_has_no_room_left() {
        let mut line = Line::parse(b" a=b;path=/x/y ; Secure;;").unwrap();
        for part in line.attributes(Name::PATH) {
            part.replace(Value { before: b"/", to: b"long/er".into(), behind: b"/y" });
        }
        let written = line.write();
        assert_eq!(written, b"a=b; path=/long/er/y; Secure; ; ");
        assert_eq!(written.capacity(), written.len());
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
