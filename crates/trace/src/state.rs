//! `tracestate`: what tracing systems pass on of a trace beside its ids. Pure.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue};

use crate::TRACESTATE;

/// How many members there may be.
const MOST: usize = 32;

/// How long all of it may be: more is more than anybody has to pass on.
const LONGEST: usize = 8 * 1024;

/// What tracing systems pass on of a trace: a list of `key=value`, which is checked and passed on as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceState(HeaderValue);

impl TraceState {
    /// Reads the lines of `tracestate`, which are one list. `None`: there is nothing in it, or something is wrong with it, and nothing
    /// of it is passed on then.
    #[must_use]
    pub fn parse<'v>(lines: impl IntoIterator<Item = &'v [u8]>) -> Option<Self> {
        let mut joined = BytesMut::new();
        let mut count = 0;
        for member in lines.into_iter().flat_map(|line| line.split(|byte| *byte == b',')) {
            let member = blanks(member);
            if member.is_empty() {
                continue;
            }
            count += 1;
            if count > MOST || joined.len() + member.len() >= LONGEST || !is_member(member) {
                return None;
            }
            if !joined.is_empty() {
                joined.put_u8(b',');
            }
            joined.put_slice(member);
        }
        if joined.is_empty() {
            return None;
        }
        HeaderValue::from_maybe_shared(joined.freeze()).ok().map(Self)
    }

    /// That of a request. It is nothing without a parent, which is for the caller to look at first.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(headers.get_all(TRACESTATE).iter().map(HeaderValue::as_bytes))
    }

    /// As the value of one field.
    #[must_use]
    pub fn value(&self) -> &HeaderValue {
        &self.0
    }

    /// As text.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.0.as_bytes())
    }
}

/// Without the blanks around it.
fn blanks(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

fn is_member(member: &[u8]) -> bool {
    let mut halves = member.splitn(2, |byte| *byte == b'=');
    match (halves.next(), halves.next()) {
        (Some(key), Some(value)) => is_key(key) && is_value(value),
        _ => false,
    }
}

/// `key = ( lcalpha / DIGIT ) 0*255 ( keychar )`
fn is_key(key: &[u8]) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let any = |byte: u8| letter(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= 256 && key.first().is_some_and(|first| letter(*first)) && key.iter().all(|byte| any(*byte))
}

/// `value = 0*255(chr) nblk-chr`: printable, without `,` and `=`.
fn is_value(value: &[u8]) -> bool {
    let any = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    (1..=256).contains(&value.len())
        && value.iter().all(|byte| any(*byte))
        && value.last().is_some_and(|last| *last != b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &[&str]) -> Option<String> {
        let state = TraceState::parse(lines.iter().map(|line| line.as_bytes()));
        state.map(|state| state.value().to_str().unwrap().to_owned())
    }

    #[test]
    fn what_is_passed_on_and_what_is_not() {
        let check = |lines: &[&str], expected: Option<&str>| {
            assert_eq!(parse(lines).as_deref(), expected, "{lines:?}");
        };
        check(&["foo=1,bar=2"], Some("foo=1,bar=2"));
        check(&["foo=1,bar=2", "rojo=1"], Some("foo=1,bar=2,rojo=1"));
        check(&["foo=1 \t , \t bar=2, \t baz=3"], Some("foo=1,bar=2,baz=3"));
        check(&["foo=1,,bar=2,"], Some("foo=1,bar=2"));
        check(&["", "foo=1", ""], Some("foo=1"));
        check(&["foo=1,foo=2"], Some("foo=1,foo=2"));
        check(&["0foo=1,foo@bar=2,foo@=3,a_b-c*d/e=4"], Some("0foo=1,foo@bar=2,foo@=3,a_b-c*d/e=4"));
        check(&["foo= a b"], Some("foo= a b"));
        check(&[""], None);
        check(&[" , ,"], None);
        for wrong in [
            "foo",
            "foo=",
            "=1",
            "FOO=1",
            "foo =1",
            "@foo=1",
            "foo.bar=1",
            "foo=bar=baz",
            "foo=\u{e4}",
            "foo=\x7f",
        ] {
            check(&[wrong], None);
            check(&["good=1", wrong], None);
        }
    }

    #[test]
    fn there_is_a_limit_to_everything() {
        let member = |key: usize, value: usize| format!("{}={}", "k".repeat(key), "v".repeat(value));
        assert!(parse(&[&member(256, 256)]).is_some());
        assert!(parse(&[&member(257, 1)]).is_none());
        assert!(parse(&[&member(1, 257)]).is_none());
        let many = |count: usize| (0..count).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
        assert!(parse(&[&many(32)]).is_some());
        assert!(parse(&[&many(33)]).is_none());
        assert!(parse(&[&vec![member(256, 256); 16].join(",")]).is_none(), "more than 8 KiB");
    }
}
