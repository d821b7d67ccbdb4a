//! What is known of the journal: which purges there were, and when. Pure.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use foldhash::fast::RandomState;
use xxhash_rust::xxh3::xxh3_64;

use super::order::Order;
use super::{JOURNAL, Journal, Mark};
use crate::store::purge::{Purge, Strength};

/// The last [`JOURNAL`] orders, so that anybody's response can be judged.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The last entry that was read.
    last: Option<Last>,
    /// What was before this entry is not known.
    floor: Mark,
    orders: VecDeque<(Mark, Order)>,
    keys: HashMap<Bytes, Marks, RandomState>,
    tags: HashMap<Bytes, Marks, RandomState>,
    all: Marks,
    prefixes: usize,
}

/// An entry by which it is seen whether a journal is still the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Last {
    pub(super) mark: Mark,
    /// A hash of the entry, which has a number that no other has.
    pub(super) sum: u64,
}

/// When something was purged last.
#[derive(Clone, Copy, Debug, Default)]
struct Marks {
    hard: Option<Mark>,
    soft: Option<Mark>,
}

/// What came of reading on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// These are new.
    New(Vec<(Last, Order)>),
    /// What was known is not there any more: some may have been missed.
    Gap,
}

/// What is new in a part of the journal that was read from its entry `last` on, that one included; or from its beginning.
pub(super) fn read_on(last: Option<Last>, journal: &Journal) -> Read {
    let mut entries = journal.entries.iter();
    if let Some(last) = last {
        match entries.next() {
            Some((mark, entry)) if Last::of(*mark, entry) == last => {}
            _ => return Read::Gap,
        }
    }
    Read::New(entries.map(|(mark, entry)| (Last::of(*mark, entry), Order::decode(entry))).collect())
}

impl Last {
    fn of(mark: Mark, entry: &[u8]) -> Self {
        Self { mark, sum: xxh3_64(entry) }
    }
}

impl Known {
    pub(super) fn last(&self) -> Option<Last> {
        self.last
    }

    /// Forgets everything: the journal is another one.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// What was asked for before the last entry is not to be used, whatever was purged since.
    pub(super) fn distrust(&mut self) {
        self.floor = self.last.map_or(self.floor, |last| last.mark);
    }

    /// Takes note of an entry that comes after all others.
    pub(super) fn add(&mut self, last: Last, order: Order) {
        if self.last.is_none() {
            self.floor = last.mark;
        }
        self.last = Some(last);
        match &order.what {
            None => {}
            Some(Purge::Key(key)) => note(&mut self.keys, key.as_bytes(), order.strength, last.mark),
            Some(Purge::Tag(tag)) => note(&mut self.tags, tag, order.strength, last.mark),
            Some(Purge::Prefix(_)) => self.prefixes += 1,
            Some(Purge::All) => self.all.set(order.strength, last.mark),
        }
        self.orders.push_back((last.mark, order));
        if self.orders.len() > JOURNAL {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let Some((mark, order)) = self.orders.pop_front() else { return };
        match &order.what {
            Some(Purge::Key(key)) => forget(&mut self.keys, key.as_bytes(), mark),
            Some(Purge::Tag(tag)) => forget(&mut self.tags, tag, mark),
            Some(Purge::Prefix(_)) => self.prefixes -= 1,
            Some(Purge::All) | None => {}
        }
        if let Some((next, _)) = self.orders.front() {
            self.floor = self.floor.max(*next);
        }
    }

    /// What has become of a response that was asked for when `mark` was the last known entry.
    pub(super) fn verdict(&self, mark: Mark, key: &[u8], tags: &[Bytes]) -> Option<Strength> {
        // What was purged before the first known entry nobody knows.
        if self.last.is_none() || mark < self.floor {
            return Some(Strength::Hard);
        }
        let of = |marks: Option<&Marks>| marks.and_then(|marks| marks.since(mark));
        let by_tags = tags.iter().map(|tag| of(self.tags.get(&tag[..])));
        let all = [of(Some(&self.all)), of(self.keys.get(key))].into_iter().chain(by_tags);
        let prefixes = self.orders.iter().filter(|_| self.prefixes > 0).rev();
        let prefixes = prefixes.take_while(|(at, _)| *at > mark).map(|(_, order)| match &order.what {
            Some(Purge::Prefix(prefix)) if key.starts_with(prefix) => Some(order.strength),
            _ => None,
        });
        strongest(all.chain(prefixes))
    }
}

/// What these orders make of a response.
pub(super) fn verdict_of<'a>(
    orders: impl IntoIterator<Item = &'a Order>,
    key: &[u8],
    tags: &[Bytes],
) -> Option<Strength> {
    strongest(orders.into_iter().map(|order| {
        let meant = match order.what.as_ref()? {
            Purge::Key(other) => other.as_bytes() == key,
            Purge::Prefix(prefix) => key.starts_with(prefix),
            Purge::Tag(tag) => tags.contains(tag),
            Purge::All => true,
        };
        meant.then_some(order.strength)
    }))
}

pub(super) fn strongest(all: impl Iterator<Item = Option<Strength>>) -> Option<Strength> {
    all.flatten().max_by_key(|strength| *strength == Strength::Hard)
}

fn note(map: &mut HashMap<Bytes, Marks, RandomState>, text: &[u8], strength: Strength, mark: Mark) {
    map.entry(Bytes::copy_from_slice(text)).or_default().set(strength, mark);
}

/// Takes an entry out of the map whose order is too old, unless there was a later one.
fn forget(map: &mut HashMap<Bytes, Marks, RandomState>, text: &[u8], mark: Mark) {
    if map.get(text).is_some_and(|marks| marks.hard.max(marks.soft) <= Some(mark)) {
        map.remove(text);
    }
}

impl Marks {
    fn set(&mut self, strength: Strength, mark: Mark) {
        match strength {
            Strength::Hard => self.hard = Some(mark),
            Strength::Soft => self.soft = Some(mark),
        }
    }

    fn since(&self, mark: Mark) -> Option<Strength> {
        if self.hard > Some(mark) {
            return Some(Strength::Hard);
        }
        (self.soft > Some(mark)).then_some(Strength::Soft)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop_oneof, proptest};

    use super::*;
    use crate::store::key::Key;

    fn mark(time: u64) -> Mark {
        Mark { time, count: 0 }
    }

    fn journal(entries: &[(u64, &Order)]) -> Journal {
        let entries = entries.iter().map(|(time, order)| (mark(*time), order.encode())).collect();
        Journal { entries, more: false }
    }

    fn known(entries: &[(u64, &Order)]) -> Known {
        let mut known = Known::default();
        let Read::New(new) = read_on(None, &journal(entries)) else { panic!("it knows nothing") };
        new.into_iter().for_each(|(last, order)| known.add(last, order));
        known
    }

    fn hard(what: &Purge) -> Order {
        Order::purge(what, Strength::Hard, 0)
    }

    #[test]
    fn what_was_purged_later_is_purged() {
        let begin = Order::begin(1);
        let tag = hard(&Purge::Tag(Bytes::from_static(b"one")));
        let soft = Order::purge(&Purge::Key(Key::new("http://a/")), Strength::Soft, 0);
        let prefix = hard(&Purge::Prefix(Bytes::from_static(b"http://b")));
        let known = known(&[(10, &begin), (20, &tag), (30, &soft), (40, &prefix)]);
        let check = |time, key: &str, tags: &[&'static str], expected| {
            let tags: Vec<_> = tags.iter().map(|tag| Bytes::from_static(tag.as_bytes())).collect();
            assert_eq!(known.verdict(mark(time), key.as_bytes(), &tags), expected, "{time} {key} {tags:?}");
        };
        let (hard, soft) = (Some(Strength::Hard), Some(Strength::Soft));
        check(10, "x", &["one"], hard);
        check(20, "x", &["one"], None);
        check(10, "x", &["two"], None);
        check(10, "http://a/", &[], soft);
        check(10, "http://a/", &["two", "one"], hard);
        check(30, "http://a/", &[], None);
        check(30, "http://b/c", &[], hard);
        check(40, "http://b/c", &[], None);
        check(9, "x", &[], hard); // from before what is known
        assert_eq!(Known::default().verdict(mark(10), b"x", &[]), hard);
    }

    #[test]
    fn a_journal_that_is_another_one_has_a_gap() {
        let (begin, all) = (Order::begin(1), hard(&Purge::All));
        let known = known(&[(10, &begin)]);
        let new = |entries: &[(u64, &Order)]| match read_on(known.last(), &journal(entries)) {
            Read::New(new) => Some(new.len()),
            Read::Gap => None,
        };
        assert_eq!(new(&[(10, &begin)]), Some(0));
        assert_eq!(new(&[(10, &begin), (20, &all)]), Some(1));
        assert_eq!(new(&[]), None);
        assert_eq!(new(&[(20, &all)]), None);
        assert_eq!(new(&[(10, &Order::begin(2)), (20, &all)]), None); // the same mark in another journal
    }

    #[test]
    fn it_is_bounded() {
        let mut known = known(&[(1, &Order::begin(1))]);
        for time in 2..=JOURNAL as u64 + 10 {
            let order = hard(&match time % 3 {
                0 => Purge::Key(Key::new(format!("key {time}"))),
                1 => Purge::Tag(format!("tag {time}").into()),
                _ => Purge::Prefix(format!("prefix {time}").into()),
            });
            known.add(Last { mark: mark(time), sum: 0 }, order);
        }
        assert_eq!(known.orders.len(), JOURNAL);
        assert_eq!(known.keys.len() + known.tags.len() + known.prefixes, JOURNAL);
        assert_eq!(known.floor, mark(11));
        assert_eq!(known.verdict(mark(11), b"x", &[]), None);
        assert_eq!(known.verdict(mark(10), b"x", &[]), Some(Strength::Hard));
    }

    fn order() -> impl Strategy<Value = Order> {
        let text = "[ab]{0,2}";
        let what = prop_oneof![
            text.prop_map(|text| Purge::Key(Key::new(text))),
            text.prop_map(|text| Purge::Prefix(text.into())),
            text.prop_map(|text| Purge::Tag(text.into())),
            proptest::prelude::Just(Purge::All),
        ];
        (what, any::<bool>()).prop_map(|(what, hard)| {
            Order::purge(&what, if hard { Strength::Hard } else { Strength::Soft }, 0)
        })
    }

    proptest! {
        /// The tables say what a look at each order says.
        #[test]
        fn it_judges_as_a_list_would(
            orders in proptest::collection::vec(order(), 0..12),
            at in 0..12_u64,
            key in "[ab]{0,3}",
            tag in "[ab]{0,2}",
        ) {
            let mut known = known(&[(0, &Order::begin(1))]);
            for (time, order) in (1..).zip(&orders) {
                known.add(Last { mark: mark(time), sum: 0 }, order.clone());
            }
            let tags = [Bytes::from(tag)];
            let later = orders.iter().skip(usize::try_from(at).unwrap());
            assert_eq!(known.verdict(mark(at), key.as_bytes(), &tags), verdict_of(later, key.as_bytes(), &tags));
        }
    }
}
