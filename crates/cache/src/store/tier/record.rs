//! What a response looks like in a tier. Pure.
//!
//! ```text
//! 0    magic, version, checksum of all behind it
//! 20   mark, for how long it is kept, how long it had been stored then
//! 52   length and text of the key, length and head of the response, its body
//! ```

use std::time::Duration;

use bytes::{Buf as _, Bytes};
use xxhash_rust::xxh3::xxh3_64;

use super::Mark;
use crate::store::key::Key;
use crate::store::meta::{Meta, decode_bytes, encode_bytes};

/// A response on its way.
#[derive(Debug)]
pub(super) struct Record {
    /// The last purge that was known when it was asked for.
    pub(super) mark: Mark,
    /// For how long it was given to be kept.
    pub(super) time: Duration,
    /// How long it had been stored then.
    pub(super) resident: Duration,
    pub(super) key: Bytes,
    pub(super) meta: Meta,
    pub(super) body: Bytes,
}

const MAGIC: [u8; 8] = *b"propylon";
const VERSION: u32 = 0x5000_0001; // none that a file has
const CHECKED: usize = 20;

/// Its beginning, up to the body; [`seal`] adds the checksum.
pub(super) fn begin(mark: Mark, time: Duration, resident: Duration, key: &Key, meta: &Meta) -> Vec<u8> {
    let mut out = Vec::new();
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.extend([0; 8]);
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    for number in [mark.time, mark.count, millis(time), millis(resident)] {
        out.extend(number.to_le_bytes());
    }
    encode_bytes(key.as_bytes(), &mut out);
    let mut head = Vec::new();
    meta.encode(&mut head);
    encode_bytes(&head, &mut out);
    out
}

/// What is whole now.
pub(super) fn seal(mut record: Vec<u8>) -> Bytes {
    let sum = xxh3_64(record.get(CHECKED..).unwrap_or_default());
    if let Some(place) = record.get_mut(CHECKED - 8..CHECKED) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
    record.into()
}

impl Record {
    /// What [`begin`] and [`seal`] made, and nothing else. The key and the body share its memory.
    pub(super) fn decode(mut from: Bytes) -> Option<Self> {
        let from = &mut from;
        if from.get(..MAGIC.len())? != MAGIC {
            return None;
        }
        from.advance(MAGIC.len());
        if from.try_get_u32_le().ok()? != VERSION || from.try_get_u64_le().ok()? != xxh3_64(from) {
            return None;
        }
        let mut number = || from.try_get_u64_le().ok();
        let mark = Mark { time: number()?, count: number()? };
        let (time, resident) = (Duration::from_millis(number()?), Duration::from_millis(number()?));
        let key = decode_bytes(from)?;
        // What is kept in memory is the head and a copy of the body: the head must not keep all that came with it.
        let meta = Meta::decode(Bytes::copy_from_slice(&decode_bytes(from)?))?;
        Some(Self { mark, time, resident, key, meta, body: std::mem::take(from) })
    }

    /// When it was stored by the clock of who takes it at `now`, in milliseconds since 1970.
    ///
    /// The dates say when, but by another machine's clock. For how long it was kept there the tier's own clock says, which was
    /// asked twice. It is as old as the one that says more: as RFC 9111 has it for ages that come with a response.
    pub(super) fn stored_at(&self, left: Duration, now: u64) -> u64 {
        let there = self.time.saturating_sub(left).saturating_add(self.resident);
        let there = u64::try_from(there.as_millis()).unwrap_or(u64::MAX);
        self.meta.stored_at.min(now.saturating_sub(there))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, StatusCode};
    use proptest::prelude::{any, proptest};

    use super::*;
    use crate::store::meta::{Tags, Variant};

    fn sample() -> Bytes {
        let mut meta = Meta::new(StatusCode::OK);
        meta.headers.append("etag", HeaderValue::from_static("\"a\""));
        meta.stored_at = 1_000_000;
        meta.variant = Some(Variant(Bytes::from_static(b"Gaccept:-\n")));
        meta.tags = Tags::from_iter([Bytes::from_static(b"one")]);
        let mark = Mark { time: 7, count: 1 };
        let (time, resident) = (Duration::from_secs(60), Duration::from_secs(2));
        let mut record = begin(mark, time, resident, &Key::new("http://a/"), &meta);
        record.extend(b"hello");
        seal(record)
    }

    /// The head of what is kept in memory would keep all that came with it.
    #[test]
    fn the_head_is_a_copy() {
        let came = sample();
        let Record { meta, .. } = Record::decode(came.clone()).unwrap();
        assert!(came.is_unique() && !meta.headers.is_empty() && !meta.tags.is_empty());
    }

    #[test]
    fn what_was_written_is_read() {
        let read = Record::decode(sample()).unwrap();
        assert_eq!((read.mark, read.time), (Mark { time: 7, count: 1 }, Duration::from_secs(60)));
        assert_eq!((&read.key[..], &read.body[..]), (&b"http://a/"[..], &b"hello"[..]));
        assert_eq!((read.meta.stored_at, read.meta.tags.len()), (1_000_000, 1));
        assert!(read.meta.variant.is_some() && read.meta.headers.contains_key("etag"));
    }

    /// A bit that flipped, bytes that are missing, and bytes that came along.
    #[test]
    fn what_is_not_what_was_written_is_nothing() {
        let record = sample();
        for at in 0..record.len() {
            for bit in 0..8 {
                let mut other = record.to_vec();
                other[at] ^= 1 << bit;
                assert!(Record::decode(other.into()).is_none(), "bit {bit} of byte {at}");
            }
            assert!(Record::decode(record.slice(..at)).is_none(), "{at}");
        }
        assert!(Record::decode([&record[..], b"x"].concat().into()).is_none());
    }

    #[test]
    fn age_is_the_larger_of_what_two_clocks_say() {
        let record = Record::decode(sample()).unwrap();
        let check = |left, now, expected| {
            assert_eq!(record.stored_at(Duration::from_secs(left), now), expected, "{left} {now}");
        };
        check(60, 1_002_000, 1_000_000); // clocks that agree: it was stored 2 seconds before it was sent
        check(50, 1_012_000, 1_000_000);
        check(50, 1_000_000, 988_000); // the clock of who stored it is 12 seconds early
        check(50, 990_000, 978_000);
        check(50, 1_100_000, 1_000_000); // this one's is
        check(90, 1_002_000, 1_000_000); // a tier that says nonsense
        check(0, 5_000, 0);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), whole in any::<bool>()) {
            let mut record = sample().to_vec();
            record.truncate(CHECKED - 8);
            record.extend([0; 8]);
            record.extend(&bytes);
            // What has a right checksum and anything behind it, too.
            let record = if whole { seal(record) } else { Bytes::from(bytes) };
            if let Some(record) = Record::decode(record) {
                let _ = record.stored_at(Duration::MAX, 0);
            }
        }

        #[test]
        fn any_body_comes_back(body in proptest::collection::vec(any::<u8>(), 0..300), key in any::<Vec<u8>>()) {
            let meta = Meta::new(StatusCode::OK);
            let mut record = begin(Mark::default(), Duration::MAX, Duration::ZERO, &Key::new(key.clone()), &meta);
            record.extend(&body);
            let read = Record::decode(seal(record)).unwrap();
            assert_eq!((&read.key[..], &read.body[..]), (&key[..], &body[..]));
        }
    }
}
