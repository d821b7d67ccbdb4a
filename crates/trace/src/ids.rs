//! The ids of traces and spans.

use std::cell::RefCell;
use std::fmt;
use std::num::{NonZeroU64, NonZeroU128};

/// The id of a trace: 16 bytes, not all of them zero. Prints as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId(NonZeroU128);

/// The id of a span: 8 bytes, not all of them zero. Prints as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId(NonZeroU64);

impl TraceId {
    /// One that nobody else has, all of it random.
    #[must_use]
    pub fn random() -> Self {
        loop {
            if let Some(id) = Self::new(u128::from_ne_bytes(random())) {
                return id;
            }
        }
    }

    /// The id with this number; 0 is none.
    #[must_use]
    pub const fn new(number: u128) -> Option<Self> {
        match NonZeroU128::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u128 {
        self.0.get()
    }

    /// Its bytes, as they are written.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.get().to_be_bytes()
    }
}

impl SpanId {
    /// One that nobody else has.
    #[must_use]
    pub fn random() -> Self {
        loop {
            if let Some(id) = Self::new(u64::from_ne_bytes(random())) {
                return id;
            }
        }
    }

    /// The id with this number; 0 is none.
    #[must_use]
    pub const fn new(number: u64) -> Option<Self> {
        match NonZeroU64::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The `n`th of the ids that follow from a random number, always the same: for spans that have to be named before anybody keeps
    /// a record of them.
    #[must_use]
    pub fn derived(seed: u64, n: u64) -> Self {
        // SplitMix64: a bijection, so that those of one seed differ.
        let mut z = seed.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self(NonZeroU64::new(z ^ (z >> 31)).unwrap_or(NonZeroU64::MAX))
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u64 {
        self.0.get()
    }

    /// Its bytes, as they are written.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// How many random bytes a thread has made at once: a call of the generator costs more than what it makes.
const AT_ONCE: usize = 768;

struct Pool {
    bytes: [u8; AT_ONCE],
    used: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; AT_ONCE], used: AT_ONCE }) };
}

/// Random bytes of the cryptographic generator: nobody else has the same, on whatever thread or machine.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    POOL.with_borrow_mut(|pool| {
        let mut taken = [0; N];
        if pool.used + N > AT_ONCE {
            if aws_lc_rs::rand::fill(&mut pool.bytes).is_err() {
                fastrand::fill(&mut pool.bytes); // the ids are no secrets
            }
            pool.used = 0;
        }
        if let Some(bytes) = pool.bytes.get(pool.used..pool.used + N) {
            taken.copy_from_slice(bytes);
        }
        pool.used += N;
        taken
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_written_with_all_their_digits() {
        assert_eq!(TraceId::new(0xab).unwrap().to_string(), "000000000000000000000000000000ab");
        assert_eq!(SpanId::new(0xab).unwrap().to_string(), "00000000000000ab");
        assert_eq!(SpanId::new(1).unwrap().to_bytes(), [0, 0, 0, 0, 0, 0, 0, 1]);
        assert!(TraceId::new(0).is_none() && SpanId::new(0).is_none());
    }

    #[test]
    fn no_thread_has_the_ids_of_another() {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                std::thread::spawn(|| (0..2000).map(|_| (TraceId::random(), SpanId::random())).collect())
            })
            .collect();
        let made: Vec<(TraceId, SpanId)> =
            threads.into_iter().flat_map(|thread| -> Vec<_> { thread.join().unwrap() }).collect();
        let traces: HashSet<_> = made.iter().map(|(trace, _)| trace).collect();
        let spans: HashSet<_> = made.iter().map(|(_, span)| span).collect();
        assert_eq!((traces.len(), spans.len()), (16_000, 16_000));
    }

    #[test]
    fn all_of_an_id_is_random() {
        let all = (0..64).map(|_| TraceId::random().number());
        let (ones, zeros) = all.fold((0, u128::MAX), |(ones, zeros), id| (ones | id, zeros & id));
        assert_eq!((ones, zeros), (u128::MAX, 0), "no bit is always the same");
    }

    #[test]
    fn ids_that_are_derived_differ_and_come_again() {
        let of = |seed: u64| (0..1000).map(move |n| SpanId::derived(seed, n));
        assert_eq!(of(7).collect::<Vec<_>>(), of(7).collect::<Vec<_>>());
        assert_eq!(of(7).chain(of(8)).collect::<HashSet<_>>().len(), 2000);
    }
}
