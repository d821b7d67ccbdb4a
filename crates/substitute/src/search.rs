//! Texts in a body that comes in pieces. Pure.

use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind};
use bytes::{Bytes, BytesMut};

/// What is looked for. A clone is the same.
#[derive(Clone, Debug)]
pub(crate) struct Texts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The texts, each with the number of its rule.
    texts: Vec<(usize, Bytes)>,
    /// How long the longest is.
    longest: usize,
    /// `None`: there are none, or too many of them to be searched.
    automaton: Option<AhoCorasick>,
}

impl Texts {
    /// An empty one is none.
    pub(crate) fn new(texts: impl Iterator<Item = Bytes>) -> Self {
        Self::of(texts.enumerate().filter(|(_, text)| !text.is_empty()).collect())
    }

    fn of(texts: Vec<(usize, Bytes)>) -> Self {
        let longest = texts.iter().map(|(_, text)| text.len()).max();
        let automaton = longest.and_then(|_| {
            AhoCorasick::builder()
                .match_kind(MatchKind::LeftmostFirst)
                .ascii_case_insensitive(true)
                .build(texts.iter().map(|(_, text)| text))
                .ok()
        });
        Self(Arc::new(Inner { longest: longest.unwrap_or_default(), automaton, texts }))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.automaton.is_none()
    }

    /// The same without the text of a rule.
    fn without(&self, rule: usize) -> Self {
        Self::of(self.0.texts.iter().filter(|(known, _)| *known != rule).cloned().collect())
    }

    /// The first text: its rule, where it begins and where it ends.
    fn find(&self, body: &[u8]) -> Option<(usize, usize, usize)> {
        let found = self.0.automaton.as_ref()?.find(body)?;
        let (rule, _) = self.0.texts.get(found.pattern().as_usize())?;
        Some((*rule, found.start(), found.end()))
    }

    /// How much of the end of `body` may become a text.
    fn begun(&self, body: &[u8]) -> usize {
        let first = body.len().saturating_sub(self.0.longest.saturating_sub(1));
        let begins = |at: &usize| {
            let tail = body.get(*at..).unwrap_or_default();
            let mut texts = self.0.texts.iter();
            texts.any(|(_, text)| {
                text.len() > tail.len()
                    && text.get(..tail.len()).is_some_and(|start| start.eq_ignore_ascii_case(tail))
            })
        };
        (first..body.len()).find(begins).map_or(0, |at| body.len() - at)
    }
}

/// The work on one body.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    texts: Texts,
    /// What stands in the place of each.
    to: Vec<Bytes>,
    once: bool,
    /// What may be the beginning of a text.
    held: Bytes,
}

impl Search {
    pub(crate) fn new(texts: Texts, to: Vec<Bytes>, once: bool) -> Self {
        Self { texts, to, once, held: Bytes::new() }
    }

    /// The next piece; it may be empty while something may become a text.
    pub(crate) fn replace(&mut self, piece: Bytes) -> Bytes {
        let mut body = piece;
        if !self.held.is_empty() {
            body = [&*std::mem::take(&mut self.held), &*body].concat().into();
        }
        let mut done = BytesMut::new();
        let mut begun = self.texts.begun(&body);
        // What begins behind the beginning of a text may yet be part of that.
        while let Some((rule, start, end)) =
            self.texts.find(&body).filter(|(_, start, _)| *start < body.len() - begun)
        {
            done.extend_from_slice(body.get(..start).unwrap_or_default());
            self.put(rule, &mut done);
            body = body.split_off(end);
            // The end is the same, unless it was cut into or is looked at for fewer texts.
            if self.once || body.len() < begun {
                begun = self.texts.begun(&body);
            }
        }
        self.held = body.split_off(body.len() - begun);
        join(done, body)
    }

    /// What is left when the body is over.
    pub(crate) fn finish(&mut self) -> Option<Bytes> {
        let mut body = std::mem::take(&mut self.held);
        let mut done = BytesMut::new();
        while let Some((rule, start, end)) = self.texts.find(&body) {
            done.extend_from_slice(body.get(..start).unwrap_or_default());
            self.put(rule, &mut done);
            body = body.split_off(end);
        }
        Some(join(done, body)).filter(|rest| !rest.is_empty())
    }

    /// Whether something may become a text.
    pub(crate) fn is_amid(&self) -> bool {
        !self.held.is_empty()
    }

    fn put(&mut self, rule: usize, done: &mut BytesMut) {
        done.extend_from_slice(self.to.get(rule).map(|to| &**to).unwrap_or_default());
        if self.once {
            self.texts = self.texts.without(rule);
        }
    }
}

/// What nothing was replaced in is not copied.
fn join(mut done: BytesMut, rest: Bytes) -> Bytes {
    if done.is_empty() {
        return rest;
    }
    done.extend_from_slice(&rest);
    done.freeze()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn search(rules: &[(&'static str, &'static str)], once: bool) -> Search {
        let texts = Texts::new(rules.iter().map(|(from, _)| Bytes::from_static(from.as_bytes())));
        Search::new(texts, rules.iter().map(|(_, to)| Bytes::from_static(to.as_bytes())).collect(), once)
    }

    /// In pieces of every size.
    fn check(rules: &[(&'static str, &'static str)], once: bool, body: &str, expected: &str) {
        for size in 1..=body.len() {
            let mut search = search(rules, once);
            let mut all = Vec::new();
            for piece in body.as_bytes().chunks(size) {
                all.extend_from_slice(&search.replace(Bytes::copy_from_slice(piece)));
            }
            all.extend_from_slice(&search.finish().unwrap_or_default());
            assert_eq!(String::from_utf8_lossy(&all), expected, "{body} {size}");
        }
    }

    #[test]
    fn texts_in_pieces() {
        check(&[("foo", "bar")], true, "a foo b foo", "a bar b foo");
        check(&[("foo", "bar")], false, "a FOO b fOo fo", "a bar b bar fo");
        check(&[("aab", "x")], false, "aaab aab aa", "ax x aa");
        check(&[("ab", "ba")], false, "aabb", "abab");
        check(&[("a", "1"), ("b", "2")], true, "ab ab", "12 ab");
        check(&[("abc", "1"), ("ab", "2")], false, "abc ab abd", "1 2 2d");
        check(&[("ab", "2"), ("abc", "1")], false, "abc ab", "2c 2");
        check(&[("abcd", "1"), ("bc", "2")], false, "abce abcd", "a2e 1");
        check(&[("abc", "1"), ("bcd", "2")], true, "abcd bcd abc", "1d 2 abc");
        check(&[("foo", "")], false, "foofoo", "");
        check(&[("", "x"), ("b", "c")], false, "abc", "acc");
        check(&[("é", "e")], false, "éÉ", "eÉ");
    }

    #[test]
    fn nothing_is_held_back_for_nothing() {
        let mut search = search(&[("foobar", "x")], false);
        assert_eq!(search.replace(Bytes::from_static(b"hello fo")), "hello ");
        assert!(search.is_amid());
        assert_eq!(search.replace(Bytes::from_static(b"r")), "for");
        assert!(!search.is_amid() && search.finish().is_none());
    }

    proptest! {
        #[test]
        fn pieces_are_as_the_whole(
            body in "[abAB]{0,40}",
            rules in prop::collection::vec(("[ab]{1,4}", "[xab]{0,3}"), 1..4),
            cuts in prop::collection::vec(0_usize..40, 0..6),
            once: bool,
        ) {
            let search = || {
                let texts = Texts::new(rules.iter().map(|(from, _)| Bytes::from(from.clone())));
                Search::new(texts, rules.iter().map(|(_, to)| Bytes::from(to.clone())).collect(), once)
            };
            let run = |pieces: Vec<&[u8]>| {
                let mut search = search();
                let mut all = Vec::new();
                for piece in pieces {
                    all.extend_from_slice(&search.replace(Bytes::copy_from_slice(piece)));
                }
                all.extend_from_slice(&search.finish().unwrap_or_default());
                all
            };
            let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).collect();
            ends.push(body.len());
            ends.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for end in ends {
                pieces.push(&body.as_bytes()[from..end]);
                from = end;
            }
            prop_assert_eq!(run(pieces), run(vec![body.as_bytes()]));
        }
    }
}
