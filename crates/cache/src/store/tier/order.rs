//! What an entry of the journal says: who is to be purged. Pure.

use bytes::{Buf as _, Bytes};

use crate::store::key::Key;
use crate::store::purge::{Purge, Strength};

/// A purge for all who follow the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Order {
    /// None: nothing, it only begins a journal.
    pub(in crate::store) what: Option<Purge>,
    pub(in crate::store) strength: Strength,
    /// Tells an entry from any other that was ever made.
    pub(in crate::store) nonce: u64,
}

const VERSION: u8 = 1;
const BEGIN: u8 = 0;
const KEY: u8 = 1;
const PREFIX: u8 = 2;
const TAG: u8 = 3;
const ALL: u8 = 4;

/// How long a key, a prefix or a tag may be. All who share a tier remember [`JOURNAL`](super::JOURNAL) of them.
const TEXT: usize = 8 << 10;

impl Order {
    pub(super) fn begin(nonce: u64) -> Self {
        Self { what: None, strength: Strength::Soft, nonce }
    }

    /// A text that is too long stands for more than it says: rather too much is purged than too little.
    pub(super) fn purge(what: &Purge, strength: Strength, nonce: u64) -> Self {
        let long = |text: &[u8]| text.len() > TEXT;
        let what = match what {
            Purge::Key(key) if long(key.as_bytes()) => {
                Purge::Prefix(Bytes::copy_from_slice(key.as_bytes().get(..TEXT).unwrap_or_default()))
            }
            Purge::Prefix(prefix) if long(prefix) => Purge::Prefix(prefix.slice(..TEXT)),
            Purge::Tag(tag) if long(tag) => Purge::All,
            what => what.clone(),
        };
        Self { what: Some(what), strength, nonce }
    }

    pub(super) fn encode(&self) -> Bytes {
        let (kind, text): (u8, &[u8]) = match &self.what {
            None => (BEGIN, b""),
            Some(Purge::Key(key)) => (KEY, key.as_bytes()),
            Some(Purge::Prefix(prefix)) => (PREFIX, prefix),
            Some(Purge::Tag(tag)) => (TAG, tag),
            Some(Purge::All) => (ALL, b""),
        };
        let mut out = vec![VERSION, kind, u8::from(self.strength == Strength::Hard)];
        out.extend(self.nonce.to_le_bytes());
        out.extend(text);
        out.into()
    }

    /// What cannot be read, for somebody else wrote it or a later version did, says that all goes. It is kept for long, so that
    /// it shares no memory with whatever came with the entry.
    pub(super) fn decode(entry: &Bytes) -> Self {
        Self::read(Bytes::copy_from_slice(entry)).unwrap_or(Self {
            what: Some(Purge::All),
            strength: Strength::Hard,
            nonce: 0,
        })
    }

    fn read(mut entry: Bytes) -> Option<Self> {
        if entry.try_get_u8().ok()? != VERSION {
            return None;
        }
        let kind = entry.try_get_u8().ok()?;
        let strength = match entry.try_get_u8().ok()? {
            0 => Strength::Soft,
            1 => Strength::Hard,
            _ => return None,
        };
        let nonce = entry.try_get_u64_le().ok()?;
        let what = match kind {
            BEGIN => None,
            KEY => Some(Purge::Key(Key::new(entry))),
            PREFIX => Some(Purge::Prefix(entry)),
            TAG => Some(Purge::Tag(entry)),
            ALL => Some(Purge::All),
            _ => return None,
        };
        Some(Self { what, strength, nonce })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::*;

    #[test]
    fn what_was_written_is_read() {
        for what in [
            Purge::Key(Key::new("http://a/")),
            Purge::Prefix(Bytes::from_static(b"http://")),
            Purge::Tag(Bytes::from_static(b"one")),
            Purge::All,
        ] {
            for strength in [Strength::Hard, Strength::Soft] {
                let order = Order::purge(&what, strength, 42);
                assert_eq!(Order::decode(&order.encode()), order);
                assert_eq!(order.what, Some(what.clone()));
            }
        }
        assert_eq!(Order::decode(&Order::begin(7).encode()), Order::begin(7));
    }

    /// All that came with it would be kept for as long as the journal is known.
    #[test]
    fn what_is_read_is_a_copy() {
        let came = Order::purge(&Purge::Tag(Bytes::from_static(b"one")), Strength::Hard, 42).encode();
        let order = Order::decode(&came);
        assert!(came.is_unique() && order.what.is_some());
    }

    #[test]
    fn what_is_too_long_purges_more() {
        let text = Bytes::from(vec![b'a'; TEXT + 1]);
        let prefix = Some(Purge::Prefix(text.slice(..TEXT)));
        let check =
            |what, expected| assert_eq!(Order::purge(&what, Strength::Hard, 0).what, expected, "{what:?}");
        check(Purge::Key(Key::new(text.clone())), prefix.clone());
        check(Purge::Prefix(text.clone()), prefix);
        check(Purge::Tag(text.clone()), Some(Purge::All));
        check(Purge::Tag(text.slice(..TEXT)), Some(Purge::Tag(text.slice(..TEXT))));
    }

    proptest! {
        #[test]
        fn what_cannot_be_read_purges_all(bytes in any::<Vec<u8>>()) {
            let order = Order::decode(&bytes.clone().into());
            let ours = bytes.first() == Some(&VERSION) && bytes.len() >= 11;
            if !ours {
                assert_eq!((order.what, order.strength), (Some(Purge::All), Strength::Hard));
            }
        }
    }
}
