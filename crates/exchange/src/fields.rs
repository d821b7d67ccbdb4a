//! The fields of the client's head, as they came.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The fields of a head as they came: a map, or the bytes of the head, of which a map is made only when somebody asks for one.
///
/// [`map`](Self::map) makes it; [`value`](Self::value) and [`values`](Self::values) find a field without it.
///
/// ```
/// use http::header::{ACCEPT, HOST};
/// use propylon_exchange::Fields;
///
/// let fields = Fields::raw("GET / HTTP/1.1\r\nhost: a\r\nAccept: b\r\naccept:\tc \r\n\r\n".into());
/// assert_eq!(fields.value(&HOST), Some(&b"a"[..]));
/// assert_eq!(fields.values(&ACCEPT).collect::<Vec<_>>(), [b"b", b"c"]);
/// assert_eq!(fields.map().len(), 3);
/// assert_eq!(fields.first_line(), Some(&b"GET / HTTP/1.1"[..]));
/// ```
#[derive(Clone, Debug)]
pub struct Fields(Source);

#[derive(Clone, Debug)]
enum Source {
    Map(Box<HeaderMap>),
    Raw(Raw),
}

#[derive(Debug)]
struct Raw {
    head: Bytes,
    /// In a box, for it is seldom there.
    map: OnceLock<Box<HeaderMap>>,
    /// The [bits](bit) of all names; none before somebody has looked for one.
    seen: AtomicU64,
}

impl Fields {
    /// The fields of a head whose lines have been judged: a line without a valid name is none of the map's.
    #[must_use]
    pub fn raw(head: Bytes) -> Self {
        Self(Source::Raw(Raw { head, map: OnceLock::new(), seen: AtomicU64::new(0) }))
    }

    /// The same, where a map of them is at hand: then nobody has to look for the names.
    #[must_use]
    pub fn raw_as(head: Bytes, map: &HeaderMap) -> Self {
        let seen = map.keys().fold(0, |seen, name| seen | bit(name.as_str().as_bytes()));
        Self(Source::Raw(Raw { head, map: OnceLock::new(), seen: AtomicU64::new(seen) }))
    }

    /// The line before them, without its end, if this is the head as it came.
    #[must_use]
    pub fn first_line(&self) -> Option<&[u8]> {
        let Source::Raw(Raw { head, .. }) = &self.0 else { return None };
        let line = head.get(..memchr::memchr(b'\n', head)?)?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// All of them as a map, which is made when it is asked for first.
    #[must_use]
    pub fn map(&self) -> &HeaderMap {
        match &self.0 {
            Source::Map(map) => map,
            Source::Raw(raw) => raw.map.get_or_init(|| Box::new(map_of(&raw.head))),
        }
    }

    /// The first value of that name.
    #[must_use]
    pub fn value(&self, name: &HeaderName) -> Option<&[u8]> {
        if self.may_have(name.as_str()) { self.values(name).next() } else { None }
    }

    /// All values of that name, in order.
    pub fn values<'a>(&'a self, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
        let (map, mut rest) = match &self.0 {
            Source::Map(map) => (Some(map.get_all(name)), &[][..]),
            Source::Raw(raw) if raw.may_have(name.as_str()) => (None, after_line(&raw.head)),
            Source::Raw(_) => (None, &[][..]),
        };
        let name = name.as_str().as_bytes();
        let mut map = map.into_iter().flatten();
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let line = rest;
                rest = after_line(line);
                // Nearly every other field has no colon there.
                if line.get(name.len()) == Some(&b':')
                    && let Some((found, value)) = line.split_at_checked(name.len())
                    && found.eq_ignore_ascii_case(name)
                {
                    let end = value.len() - rest.len();
                    return Some(trim(value.get(1..end).unwrap_or_default()));
                }
            }
            map.next().map(HeaderValue::as_bytes)
        })
    }

    /// The names of all lines, spelled as they came.
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        let (map, head) = match &self.0 {
            Source::Map(map) => (Some(map.keys()), None),
            Source::Raw(raw) => (None, Some(raw.names())),
        };
        let raw = head.into_iter().flatten();
        map.into_iter().flatten().map(|name| name.as_str().as_bytes()).chain(raw)
    }

    /// Whether there may be a field whose name is as long as this one and begins like it: an answer that costs next to nothing.
    #[must_use]
    pub fn may_have(&self, name: &str) -> bool {
        match &self.0 {
            Source::Map(map) => !map.is_empty(),
            Source::Raw(raw) => raw.may_have(name),
        }
    }
}

impl Raw {
    fn names(&self) -> impl Iterator<Item = &[u8]> {
        lines(&self.head).filter_map(|line| line.get(..memchr::memchr(b':', line)?))
    }

    fn may_have(&self, name: &str) -> bool {
        let mut seen = self.seen.load(Relaxed);
        if seen == 0 {
            seen = self.names().fold(0, |seen, name| seen | bit(name));
            self.seen.store(seen, Relaxed); // whoever else looks at the same time finds the same
        }
        seen & bit(name.as_bytes()) != 0
    }
}

impl Clone for Raw {
    fn clone(&self) -> Self {
        Self { head: self.head.clone(), map: self.map.clone(), seen: AtomicU64::new(self.seen.load(Relaxed)) }
    }
}

/// One of 64 bits for a name, by its length and its first letter; `_` is as good as `-` there.
fn bit(name: &[u8]) -> u64 {
    let first =
        name.first().map_or(0, |first| if *first == b'_' { b'-' } else { first.to_ascii_lowercase() });
    let key = (name.len() as u64).wrapping_mul(29).wrapping_add(u64::from(first));
    1 << (key % 64)
}

impl From<HeaderMap> for Fields {
    fn from(map: HeaderMap) -> Self {
        Self(Source::Map(Box::new(map)))
    }
}

/// What is behind the first line of `text`.
fn after_line(text: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', text).and_then(|end| text.get(end + 1..)).unwrap_or_default()
}

/// The lines behind the first, without their ends.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = None;
    memchr::memchr_iter(b'\n', head).filter_map(move |end| {
        let line = head.get(start.replace(end + 1)?..end)?;
        Some(line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty())
    })
}

/// Without the blanks around it, and the line's end.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = value {
        value = rest;
    }
    value
}

fn map_of(head: &Bytes) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in lines(head) {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, rest) = line.split_at(colon);
        let value = trim(rest.get(1..).unwrap_or_default());
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_maybe_shared(head.slice_ref(value)))
        {
            map.append(name, value);
        }
    }
    map
}

#[cfg(test)]
mod tests {
    use http::header::{ACCEPT, HOST, REFERER};

    use super::*;

    #[test]
    fn bytes_and_their_map_say_the_same() {
        for head in [
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\nHOST:a\nAccept: \n\n",
            "GET / HTTP/1.1\r\nAccept: x\r\nHost:  a \t\r\nAccept: y z\r\nX_a: 1\r\nAcceptt: no\r\nAccep: no\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
        ] {
            let raw = Fields::raw(head.into());
            let map = Fields::from(raw.map().clone());
            for name in [HOST, ACCEPT, REFERER, HeaderName::from_static("x_a")] {
                assert_eq!(
                    raw.values(&name).collect::<Vec<_>>(),
                    map.values(&name).collect::<Vec<_>>(),
                    "{head} {name}"
                );
                assert_eq!(
                    raw.value(&name),
                    raw.map().get(&name).map(HeaderValue::as_bytes),
                    "{head} {name}"
                );
            }
            let lower = |names: &mut dyn Iterator<Item = &[u8]>| {
                let mut names: Vec<_> = names.map(<[u8]>::to_ascii_lowercase).collect();
                names.sort();
                names.dedup();
                names
            };
            assert_eq!(lower(&mut raw.names()), lower(&mut map.names()), "{head}");
        }
    }
}
